/** What can be chosen above the panels: variables, their kinds and where their values come from. */

import { useState } from "react";
import { ActionIcon, Button, Drawer, NumberInput, Select, Switch, TagsInput, TextInput, Tooltip } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from "@tabler/icons-react";
import type { Variable, VariableKind } from "@/api/dashboards";
import { cut } from "@/lib/text";
import { newVariable } from "../defaults";
import { parseVariableQuery, type ResolvedVariable } from "../variables";
import type { Draft } from "./useDraft";
import classes from "../dashboards.module.css";

const KINDS: readonly { value: VariableKind; label: string }[] = [
  { value: "query", label: "Query: values that are there" }, { value: "custom", label: "Custom: values that are written here" }, { value: "interval", label: "Interval: durations" },
  { value: "text", label: "Text box" }, { value: "constant", label: "Constant" }, { value: "adhoc", label: "Filters: matchers for all queries" }, { value: "datasource", label: "Data source: this server" },
];
const SORTS = [["none", "as they come"], ["alphabetical", "by letters"], ["alphabetical_desc", "by letters, last first"], ["numerical", "by numbers"], ["numerical_desc", "by numbers, largest first"], ["natural", "as people sort"], ["natural_desc", "as people sort, last first"], ["case_insensitive", "by letters of any case"], ["case_insensitive_desc", "by letters of any case, last first"]].map(([value = "", label = ""]) => ({ value, label }));

export function VariablesEditor({ isOpen, close, draft, resolved }: { isOpen: boolean; close: () => void; draft: Draft; resolved: readonly ResolvedVariable[] }) {
  const { dashboard, change } = draft;
  const [shown, setShown] = useState(0);
  const set = (index: number, next: Partial<Variable>) => change((old) => ({ ...old, variables: old.variables.map((one, at) => (at === index ? { ...one, ...next } : one)) }));
  const swap = (index: number, by: number) => { change((old) => { const variables = [...old.variables]; const [one] = variables.splice(index, 1); if (one) variables.splice(index + by, 0, one); return { ...old, variables }; }); setShown(index + by); };
  const add = () => {
    const names = new Set(dashboard.variables.map(({ name }) => name));
    const name = ["variable", ...Array.from({ length: 50 }, (_, index) => `variable${index + 2}`)].find((one) => !names.has(one)) ?? "variable";
    change((old) => ({ ...old, variables: [...old.variables, newVariable(name)] }));
    setShown(dashboard.variables.length);
  };
  return (
    <Drawer opened={isOpen} onClose={close} title="Variables" position="right" size="lg">
      <div className="stack tight">
        {dashboard.variables.length === 0 && <p className="muted">What is chosen above the panels stands in queries as <code>$name</code>.</p>}
        {dashboard.variables.map((variable, index) => {
          const isShown = shown === index;
          const found = resolved.find((one) => one.variable.name === variable.name);
          return (
            <div key={index} className={classes.override}>
              <div className="row">
                <Button variant="subtle" size="compact-sm" aria-expanded={isShown} onClick={() => setShown(isShown ? -1 : index)}><span className="mono">${cut(variable.name, 40)}</span></Button>
                <span className="muted ellipsis">{variable.kind}{found && found.options.length > 0 ? `, ${found.options.length} values` : ""}</span>
                <span className={classes.headEnd}>
                  <ActionIcon size={26} aria-label={`${variable.name}: up`} disabled={index === 0} onClick={() => swap(index, -1)}><IconArrowUp size={14} /></ActionIcon>
                  <ActionIcon size={26} aria-label={`${variable.name}: down`} disabled={index === dashboard.variables.length - 1} onClick={() => swap(index, 1)}><IconArrowDown size={14} /></ActionIcon>
                  <Tooltip label="Remove"><ActionIcon size={26} aria-label={`Remove ${variable.name}`} onClick={() => change((old) => ({ ...old, variables: old.variables.filter((_, at) => at !== index) }))}><IconTrash size={14} /></ActionIcon></Tooltip>
                </span>
              </div>
              {isShown && <VariableForm variable={variable} set={(next) => set(index, next)} isTwice={dashboard.variables.some((one, at) => at !== index && one.name === variable.name)} error={found?.error ?? null} preview={found?.options.slice(0, 12).map(({ value, text }) => text || value) ?? []} />}
            </div>
          );
        })}
        <div><Button leftSection={<IconPlus size={14} />} onClick={add}>Variable</Button></div>
      </div>
    </Drawer>
  );
}

function VariableForm({ variable, set, isTwice, error, preview }: { variable: Variable; set: (next: Partial<Variable>) => void; isTwice: boolean; error: string | null; preview: readonly string[] }) {
  const { kind } = variable;
  const nameProblem = !/^[A-Za-z_]\w*$/.test(variable.name) ? "letters, digits and _" : isTwice ? "there is one of this name" : undefined;
  const hasOptions = kind === "custom" || kind === "interval";
  const queryProblem = kind === "query" && variable.query !== "" && !parseVariableQuery(variable.query) ? "want label_values(metric, label) or the like" : undefined;
  return (
    <div className="stack tight">
      <div className={classes.pair}>
        <TextInput label="Name" value={variable.name} onChange={(event) => set({ name: event.currentTarget.value.trim() })} error={nameProblem} />
        <TextInput label="What people see" value={variable.label} placeholder={variable.name} onChange={(event) => set({ label: event.currentTarget.value })} />
      </div>
      <Select label="Kind" data={KINDS} value={kind} onChange={(value) => set({ kind: (value ?? "query") })} />
      {kind === "query" && <TextInput label="Query" description="label_values(up, job), label_values(job), label_names(), metrics(^http), query_result(up)" classNames={{ input: "mono" }} value={variable.query} onChange={(event) => set({ query: event.currentTarget.value })} error={queryProblem ?? error ?? undefined} />}
      {(kind === "text" || kind === "constant") && <TextInput label="Text" value={variable.query} onChange={(event) => set({ query: event.currentTarget.value })} />}
      {hasOptions && <TagsInput label={kind === "interval" ? "Durations" : "Values"} placeholder="Enter adds one" value={variable.options.map(({ value }) => value)} onChange={(values) => set({ options: values.map((value) => variable.options.find((one) => one.value === value) ?? { value, text: "" }) })} />}
      {kind === "interval" && <div className={classes.pair}><NumberInput label="Steps of auto" description="0: no auto" min={0} value={variable.autoSteps} onChange={(value) => set({ autoSteps: Number(value) || 0 })} /><TextInput label="At least" placeholder="10s" value={variable.autoMin} onChange={(event) => set({ autoMin: event.currentTarget.value })} /></div>}
      {kind === "query" && <div className={classes.pair}><TextInput label="Of each value only" placeholder="a regular expression" classNames={{ input: "mono" }} value={variable.regex} onChange={(event) => set({ regex: event.currentTarget.value })} /><Select label="In order" data={SORTS} value={variable.sort} onChange={(sort) => set({ sort: (sort ?? "none") as Variable["sort"] })} /></div>}
      {(kind === "query" || kind === "custom") && (
        <div className="row wrap">
          <Switch label="Several may be chosen" checked={variable.multi} onChange={(event) => set({ multi: event.currentTarget.checked })} />
          <Switch label="All may be chosen" checked={variable.includeAll} onChange={(event) => set({ includeAll: event.currentTarget.checked })} />
          {variable.includeAll && <TextInput aria-label="What stands for all" placeholder="all stands for … (.*)" value={variable.allValue} onChange={(event) => set({ allValue: event.currentTarget.value })} w={180} />}
        </div>
      )}
      <Select label="Above the panels" data={[{ value: "nothing", label: "shown" }, { value: "label", label: "shown without its name" }, { value: "variable", label: "hidden" }]} value={variable.hide} onChange={(hide) => set({ hide: (hide ?? "nothing") })} />
      {preview.length > 0 && <p className="muted foreign" style={{ fontSize: 12.5 }}>Now: {preview.map((one) => cut(one, 40)).join(", ")}{preview.length === 12 ? " …" : ""}</p>}
    </div>
  );
}
