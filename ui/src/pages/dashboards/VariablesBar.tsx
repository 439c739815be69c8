/** What is chosen above the panels. */

import { type KeyboardEvent, useRef, useState } from "react";
import { ActionIcon, Button, Checkbox, Loader, Popover, Select, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconChevronDown, IconPlus, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { labelNames, labelValues } from "@/api/prometheus";
import { cut } from "@/lib/text";
import { type AdHoc, adHocOf, adHocText, ALL, type ResolvedVariable } from "./variables";
import classes from "./dashboards.module.css";

interface VariablesBarProps { resolved: readonly ResolvedVariable[]; set: (name: string, values: readonly string[] | null) => void }

export function VariablesBar({ resolved, set }: VariablesBarProps) {
  const shown = resolved.filter(({ variable }) => variable.hide !== "variable" && variable.kind !== "constant" && variable.kind !== "datasource");
  if (shown.length === 0) return null;
  return (
    <div className={classes.bar} role="group" aria-label="Variables">
      {shown.map((one) => (one.variable.kind === "adhoc" ? <AdHocFilters key={one.variable.name} of={one} set={set} /> : one.variable.kind === "text" ? <TextBox key={`${one.variable.name} ${one.picked[0] ?? ""}`} of={one} set={set} /> : <Choice key={one.variable.name} of={one} set={set} />))}
    </div>
  );
}

const labelOf = ({ variable }: ResolvedVariable) => variable.label || variable.name;

function Name({ of }: { of: ResolvedVariable }) {
  if (of.variable.hide === "label") return null;
  const label = <span className={`${classes.label ?? ""} foreign`}>{cut(labelOf(of), 40)}{of.error !== null && <IconAlertTriangle size={13} style={{ marginLeft: 6, color: "var(--bad)" }} aria-label="failed" />}</span>;
  const about = of.error ?? of.variable.description;
  return about === "" ? label : <Tooltip multiline maw={420} label={cut(about, 400)}>{label}</Tooltip>;
}

function TextBox({ of, set }: { of: ResolvedVariable; set: VariablesBarProps["set"] }) {
  const [text, setText] = useState(of.picked[0] ?? "");
  const done = () => { if (text !== (of.picked[0] ?? "")) set(of.variable.name, text === "" ? null : [text]); };
  return <div className={classes.variable}><Name of={of} /><TextInput aria-label={labelOf(of)} value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={done} onKeyDown={(event) => { if (event.key === "Enter") done(); }} w={160} /></div>;
}

/** One or several of what can be chosen, with a field to find it. */
function Choice({ of, set }: { of: ResolvedVariable; set: VariablesBarProps["set"] }) {
  const { variable, options } = of;
  const [isOpen, setOpen] = useState(false);
  const [find, setFind] = useState("");
  const [draft, setDraft] = useState<readonly string[] | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const picked = draft ?? of.picked;
  const wanted = find.trim().toLowerCase();
  const found = options.filter(({ value, text }) => (text || value).toLowerCase().includes(wanted)).slice(0, 200);
  const isMulti = variable.multi;
  const words = of.picked.includes(ALL) ? "All" : of.picked.length === 0 ? "nothing" : of.picked.map((value) => options.find((one) => one.value === value)?.text || value).join(" + ");
  const close = () => {
    setOpen(false);
    setFind("");
    if (draft !== null) set(variable.name, draft.length === 0 ? null : draft);
    setDraft(null);
  };
  const choose = (value: string) => {
    if (!isMulti) {
      set(variable.name, [value]);
      setOpen(false);
      setFind("");
      return;
    }
    setDraft(value === ALL ? [ALL] : picked.includes(value) ? picked.filter((one) => one !== value) : [...picked.filter((one) => one !== ALL), value]);
  };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && (event.target as HTMLElement).tagName === "INPUT") {
      const first = found[0];
      if (first && wanted !== "") choose(first.value);
      event.preventDefault();
    }
    if (step === undefined) return;
    event.preventDefault();
    const all = [...(list.current?.querySelectorAll<HTMLElement>("[role=option]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    all[Math.min(all.length - 1, Math.max(0, at + step))]?.focus();
  };
  const option = (value: string, text: string) => {
    const isOn = picked.includes(value);
    return (
      <UnstyledButton key={value} role="option" aria-selected={isOn} className={classes.option} onClick={() => choose(value)}>
        {isMulti ? <Checkbox.Indicator checked={isOn} size="xs" aria-hidden /> : <IconCheck size={14} style={{ visibility: isOn ? "visible" : "hidden" }} aria-hidden />}
        <span className="ellipsis foreign">{cut(text, 120)}</span>
      </UnstyledButton>
    );
  };
  return (
    <div className={classes.variable}>
      <Name of={of} />
      <Popover opened={isOpen} onChange={(open) => { if (!open) close(); }} position="bottom-start" shadow="md" trapFocus returnFocus>
        <Popover.Target>
          <Button data-choice {...(variable.hide === "label" ? { radius: 7 } : {})} rightSection={<IconChevronDown size={13} />} aria-haspopup="listbox" aria-expanded={isOpen} aria-label={`${labelOf(of)}: ${cut(words, 80)}`} onClick={() => (isOpen ? close() : setOpen(true))}><span className="ellipsis foreign">{cut(words, 60)}</span></Button>
        </Popover.Target>
        <Popover.Dropdown p={0} aria-label={labelOf(of)}>
          <div className={classes.choices} onKeyDown={move}>
            <TextInput aria-label={`Find in ${labelOf(of)}`} placeholder="Find" value={find} onChange={(event) => setFind(event.currentTarget.value)} data-autofocus />
            <div ref={list} className={classes.options} role="listbox" aria-label={labelOf(of)} aria-multiselectable={isMulti || undefined}>
              {variable.includeAll && wanted === "" && option(ALL, "All")}
              {picked.filter((value) => value !== ALL && wanted === "" && !options.some((one) => one.value === value)).map((value) => option(value, value))}
              {found.map(({ value, text }) => option(value, text || value))}
            </div>
            {found.length === 0 && <span className="muted">{of.error ?? (options.length === 0 ? "Nothing to choose from." : "Nothing is called so.")}</span>}
            {options.length > found.length && wanted === "" && <span className="faint">{options.length - found.length} more: type to find them</span>}
            {isMulti && <div className="row between"><Button size="compact-xs" variant="subtle" onClick={() => setDraft([])}>None</Button><Button size="compact-xs" variant="filled" onClick={close}>Apply</Button></div>}
          </div>
        </Popover.Dropdown>
      </Popover>
    </div>
  );
}

const OPERATORS = ["=", "!=", "=~", "!~"];

function AdHocFilters({ of, set }: { of: ResolvedVariable; set: VariablesBarProps["set"] }) {
  const filters = adHocOf(of.picked);
  const [draft, setDraft] = useState<AdHoc | null>(null);
  const change = (next: readonly AdHoc[]) => set(of.variable.name, next.map(adHocText));
  const names = useQuery({ queryKey: ["names", "labels"], queryFn: ({ signal }) => labelNames([], undefined, undefined, signal), enabled: draft !== null, staleTime: 60_000 });
  const values = useQuery({ queryKey: ["names", "values", draft?.name], queryFn: ({ signal }) => labelValues(draft?.name ?? "", [], undefined, undefined, signal), enabled: draft !== null && draft.name !== "", staleTime: 60_000 });
  return (
    <div className={classes.adhoc} role="group" aria-label={labelOf(of)}>
      {filters.map((one, index) => <Button key={adHocText(one)} variant="light" rightSection={<IconX size={12} />} aria-label={`Take away ${one.name} ${one.op} ${one.value}`} onClick={() => change(filters.filter((_, at) => at !== index))}><span className="foreign mono">{cut(`${one.name}${one.op}"${one.value}"`, 60)}</span></Button>)}
      {draft === null
        ? <Button leftSection={<IconPlus size={13} />} onClick={() => setDraft({ name: "", op: "=", value: "" })}>{labelOf(of)}</Button>
        : (
          <>
            <Select aria-label="Label" placeholder="Label" searchable data={(names.data ?? []).filter((name) => name !== "__name__")} value={draft.name || null} onChange={(name) => setDraft({ ...draft, name: name ?? "", value: "" })} w={150} limit={100} rightSection={names.isFetching ? <Loader size={12} /> : undefined} />
            <Select aria-label="How" data={OPERATORS} value={draft.op} onChange={(op) => setDraft({ ...draft, op: op ?? "=" })} w={64} />
            <Select aria-label="Value" placeholder="Value" searchable data={values.data ?? []} limit={100} value={null} disabled={draft.name === ""} onChange={(value) => { change([...filters, { ...draft, value: value ?? "" }]); setDraft(null); }} w={180} />
            <ActionIcon aria-label="Never mind" onClick={() => setDraft(null)}><IconX size={14} /></ActionIcon>
          </>
        )}
    </div>
  );
}
