/** What is done with answers before they are shown, in order. */

import { useState } from "react";
import { ActionIcon, Menu, Button, MultiSelect, NumberInput, Select, Switch, Textarea, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from "@tabler/icons-react";
import type { Panel, Transformation } from "@/api/dashboards";
import { CALCS, calcName } from "@/components/panels/calcs";
import type { Change } from "./PanelEditor";
import classes from "../dashboards.module.css";

const NEW: readonly { label: string; step: Transformation }[] = [
  { label: "Organize: leave out, rename, order", step: { kind: "organize", exclude: [], include: [], rename: {}, order: [] } },
  { label: "Merge: all answers in one table", step: { kind: "merge" } },
  { label: "Join by a column", step: { kind: "join", field: "", mode: "outer" } },
  { label: "Filter columns", step: { kind: "filter_fields", include: [], includeRegex: "", exclude: [], excludeRegex: "", includeVariable: "" } },
  { label: "Filter rows", step: { kind: "filter_rows", isExclude: false, any: false, conditions: [{ field: "Value", op: "greater", value: "0", to: "" }] } },
  { label: "Reduce: one row of each series", step: { kind: "reduce", calcs: ["last_not_null"], keepFields: false, includeTime: false, labelsToFields: true } },
  { label: "Labels to columns", step: { kind: "labels_to_fields", asRows: false, keep: [], valueLabel: "" } },
  { label: "Group by", step: { kind: "group_by", by: [], aggregate: [{ field: "Value", calcs: ["sum"] }] } },
  { label: "Calculate a column", step: { kind: "calculate", mode: "binary", alias: "", replace: false, left: "", operator: "/", right: "", calc: "sum", fields: [], asPercentile: false, window: 0, isCentered: false } },
  { label: "Sort", step: { kind: "sort", field: "Value", descending: true } },
  { label: "Limit", step: { kind: "limit", rows: 10 } },
  { label: "Rename by expression", step: { kind: "rename", regex: "", replacement: "" } },
  { label: "Series to rows", step: { kind: "series_to_rows" } }, { label: "Transpose", step: { kind: "transpose" } }, { label: "Concatenate", step: { kind: "concatenate" } },
];
const nameOf = (step: Transformation) => NEW.find((one) => one.step.kind === step.kind)?.label.split(":")[0] ?? step.kind.replaceAll("_", " ");

export function Transformations({ panel, change }: { panel: Panel; change: Change }) {
  const all = panel.transformations;
  const set = (index: number, next: Transformation) => change({ transformations: all.map((one, at) => (at === index ? next : one)) });
  const swap = (index: number, by: number) => { const next = [...all]; const [one] = next.splice(index, 1); if (one) next.splice(index + by, 0, one); change({ transformations: next }); };
  return (
    <>
      {all.length === 0 && <p className="muted">Answers are shown as they come.</p>}
      {all.map((step, index) => (
        <div key={index} className={classes.query}>
          <div className={classes.queryHead}>
            <b>{index + 1}</b><span>{nameOf(step)}</span>
            <span className={classes.headEnd}>
              <ActionIcon size={26} aria-label={`Step ${index + 1}: up`} disabled={index === 0} onClick={() => swap(index, -1)}><IconArrowUp size={14} /></ActionIcon>
              <ActionIcon size={26} aria-label={`Step ${index + 1}: down`} disabled={index === all.length - 1} onClick={() => swap(index, 1)}><IconArrowDown size={14} /></ActionIcon>
              <ActionIcon size={26} aria-label={`Remove step ${index + 1}`} onClick={() => change({ transformations: all.filter((_, at) => at !== index) })}><IconTrash size={14} /></ActionIcon>
            </span>
          </div>
          <StepForm step={step} set={(next) => set(index, next)} />
        </div>
      ))}
      <Menu position="bottom-start">
        <Menu.Target><Button leftSection={<IconPlus size={14} />} style={{ alignSelf: "flex-start" }}>Transformation</Button></Menu.Target>
        <Menu.Dropdown>{NEW.map(({ label, step }) => <Menu.Item key={step.kind} onClick={() => change({ transformations: [...all, step] })}>{label}</Menu.Item>)}</Menu.Dropdown>
      </Menu>
    </>
  );
}

const list = (text: string) => text.split(",").map((one) => one.trim()).filter((one) => one !== "");

function StepForm({ step, set }: { step: Transformation; set: (next: Transformation) => void }) {
  switch (step.kind) {
    case "merge": case "concatenate": case "series_to_rows": case "transpose": return null;
    case "organize": return <Lists key="organize" fields={[["Leave out", step.exclude.join(", "), (text) => set({ ...step, exclude: list(text) })], ["Rename (old=new, …)", Object.entries(step.rename).map(([from, to]) => `${from}=${to}`).join(", "), (text) => set({ ...step, rename: Object.fromEntries(list(text).flatMap((pair) => { const at = pair.lastIndexOf("="); return at > 0 ? [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()]] : []; })) })], ["Order", step.order.join(", "), (text) => set({ ...step, order: list(text) })]]} />;
    case "join": return <div className={classes.pair}><TextInput label="Column" placeholder="the time" value={step.field} onChange={(event) => set({ ...step, field: event.currentTarget.value })} /><Select label="Rows" data={[{ value: "outer", label: "all" }, { value: "inner", label: "those that both have" }, { value: "outer_tabular", label: "each with each" }]} value={step.mode} onChange={(mode) => set({ ...step, mode: (mode ?? "outer") })} /></div>;
    case "filter_fields": return <Lists key="filter" fields={[["Keep (names)", step.include.join(", "), (text) => set({ ...step, include: list(text) })], ["Keep (expression)", step.includeRegex, (includeRegex) => set({ ...step, includeRegex })], ["Leave out (names)", step.exclude.join(", "), (text) => set({ ...step, exclude: list(text) })], ["Leave out (expression)", step.excludeRegex, (excludeRegex) => set({ ...step, excludeRegex })]]} />;
    case "reduce": return <div className={classes.pair}><MultiSelect label="Calculated" data={CALCS.map((calc) => ({ value: calc, label: calcName(calc) }))} value={step.calcs} onChange={(calcs) => set({ ...step, calcs: calcs })} /><Switch label="Each label is a column" checked={step.labelsToFields} onChange={(event) => set({ ...step, labelsToFields: event.currentTarget.checked })} /></div>;
    case "sort": return <div className={classes.pair}><TextInput label="Column" value={step.field} onChange={(event) => set({ ...step, field: event.currentTarget.value })} /><Switch label="Largest first" checked={step.descending} onChange={(event) => set({ ...step, descending: event.currentTarget.checked })} /></div>;
    case "limit": return <NumberInput label="Rows" min={1} value={step.rows} onChange={(rows) => set({ ...step, rows: Number(rows) || 1 })} w={140} />;
    case "rename": return <div className={classes.pair}><TextInput label="Expression" value={step.regex} onChange={(event) => set({ ...step, regex: event.currentTarget.value })} /><TextInput label="Becomes" placeholder="$1" value={step.replacement} onChange={(event) => set({ ...step, replacement: event.currentTarget.value })} /></div>;
    case "calculate": if (step.mode === "binary") return <div className={classes.pair}><TextInput label="Of" value={step.left} onChange={(event) => set({ ...step, left: event.currentTarget.value })} /><Select label="Operator" data={["+", "-", "*", "/", "**", "%"]} value={step.operator} onChange={(operator) => set({ ...step, operator: operator ?? "+" })} /><TextInput label="And" value={step.right} onChange={(event) => set({ ...step, right: event.currentTarget.value })} /><TextInput label="Called" value={step.alias} onChange={(event) => set({ ...step, alias: event.currentTarget.value })} /></div>; break;
    default: break;
  }
  return <AsJson step={step} set={set} />;
}

function Lists({ fields }: { fields: readonly (readonly [string, string, (text: string) => void])[] }) {
  return <div className={classes.pair}>{fields.map(([label, value, set]) => <Late key={label} label={label} value={value} set={set} />)}</div>;
}

/** A text that is read when it is left, as it is not whole before. */
function Late({ label, value, set }: { label: string; value: string; set: (text: string) => void }) {
  const [text, setText] = useState(value);
  return <TextInput label={label} value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={() => { if (text !== value) set(text); }} onKeyDown={(event) => { if (event.key === "Enter") set(text); }} />;
}

/** All settings of a step, as the model has them. */
function AsJson({ step, set }: { step: Transformation; set: (next: Transformation) => void }) {
  const { kind, ...rest } = step;
  const [text, setText] = useState(() => JSON.stringify(rest, null, 1));
  const [problem, setProblem] = useState<string | null>(null);
  const done = () => {
    try {
      const read = JSON.parse(text) as object;
      setProblem(null);
      set({ ...step, ...read, kind } as Transformation);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return <Textarea label="Settings, as JSON" classNames={{ input: "mono" }} autosize minRows={3} maxRows={14} value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={done} error={problem} />;
}
