/** Thresholds, texts in place of values, and settings of some series. */

import { ActionIcon, Button, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { Field, Mapping, Override, Panel, Threshold } from "@/api/dashboards";
import type { Change } from "./PanelEditor";
import { ColorField, fieldWith, numberOf, UnitField } from "./fields";
import classes from "../dashboards.module.css";

interface Props { panel: Panel; change: Change }

export function ThresholdFields({ panel, change, isGraph }: Props & { isGraph: boolean }) {
  const { field } = panel;
  const steps = field.thresholds?.steps ?? [];
  const mode = field.thresholds?.mode ?? "absolute";
  const set = (next: readonly Threshold[]) => change({ field: fieldWith(field, { thresholds: next.length === 0 ? undefined : { mode, steps: [...next] } }) });
  const add = () => set(steps.length === 0 ? [{ color: "green" }, { value: 80, color: "red" }] : [...steps, { value: (steps.at(-1)?.value ?? 0) + 10, color: "red" }]);
  return (
    <section className={classes.group}>
      <h3>Thresholds</h3>
      {steps.map((step, index) => (
        <div key={index} className={classes.step}>
          {index === 0 ? <TextInput aria-label="First step" value="from the least" readOnly /> : <NumberInput aria-label={`Step ${index + 1}: from`} value={step.value ?? 0} onChange={(value) => set(steps.map((one, at) => (at === index ? { ...one, value: numberOf(value) ?? 0 } : one)))} onBlur={() => set([...steps].sort((a, b) => (a.value ?? -Infinity) - (b.value ?? -Infinity)))} />}
          <ColorField label="" value={step.color} onChange={(color) => set(steps.map((one, at) => (at === index ? { ...one, color } : one)))} />
          <ActionIcon aria-label={`Remove step ${index + 1}`} onClick={() => set(steps.filter((_, at) => at !== index).map((one, at) => (at === 0 ? { color: one.color } : one)))}><IconTrash size={14} /></ActionIcon>
        </div>
      ))}
      <div className="row wrap">
        <Button size="compact-xs" leftSection={<IconPlus size={13} />} onClick={add}>Threshold</Button>
        {steps.length > 0 && <Switch label="In percent" checked={mode === "percentage"} onChange={(event) => change({ field: fieldWith(field, { thresholds: { mode: event.currentTarget.checked ? "percentage" : "absolute", steps } }) })} />}
        {isGraph && steps.length > 0 && <Select aria-label="Drawn" data={[{ value: "off", label: "not drawn" }, { value: "line", label: "lines" }, { value: "area", label: "areas" }, { value: "line_and_area", label: "both" }]} value={field.thresholdStyle ?? "off"} onChange={(value) => change({ field: fieldWith(field, { thresholdStyle: (value ?? "off") }) })} w={120} />}
      </div>
    </section>
  );
}

export function Mappings({ panel, change }: Props) {
  const all = panel.field.mappings ?? [];
  const set = (next: readonly Mapping[]) => change({ field: fieldWith(panel.field, { mappings: next.length === 0 ? undefined : [...next] }) });
  const put = (index: number, next: Partial<Mapping>) => set(all.map((one, at) => (at === index ? { ...one, ...next } : one)));
  return (
    <section className={classes.group}>
      <h3>Texts in place of values</h3>
      {all.map((one, index) => (
        <div key={index} className={classes.override}>
          <div className={classes.pair}>
            <Select aria-label="Which values" data={[{ value: "value", label: "value" }, { value: "range", label: "range" }, { value: "regex", label: "expression" }, { value: "special", label: "special" }]} value={one.kind} onChange={(kind) => put(index, { kind: (kind ?? "value") })} />
            {one.kind === "range"
              ? <><NumberInput aria-label="From" placeholder="from" value={one.from ?? ""} onChange={(value) => put(index, { from: numberOf(value) })} /><NumberInput aria-label="To" placeholder="to" value={one.to ?? ""} onChange={(value) => put(index, { to: numberOf(value) })} /></>
              : one.kind === "special" ? <Select aria-label="Value" data={["null", "nan", "null+nan", "true", "false", "empty"]} value={one.value || "null"} onChange={(value) => put(index, { value: value ?? "null" })} />
                : <TextInput aria-label="Value" value={one.value} onChange={(event) => put(index, { value: event.currentTarget.value })} />}
          </div>
          <div className={classes.step}>
            <TextInput aria-label="Text" placeholder="text" value={one.text ?? ""} onChange={(event) => put(index, { text: event.currentTarget.value || undefined })} />
            <ColorField label="" value={one.color ?? ""} onChange={(color) => put(index, { color: color || undefined })} />
            <ActionIcon aria-label={`Remove text ${index + 1}`} onClick={() => set(all.filter((_, at) => at !== index))}><IconTrash size={14} /></ActionIcon>
          </div>
        </div>
      ))}
      <div><Button size="compact-xs" leftSection={<IconPlus size={13} />} onClick={() => set([...all, { kind: "value", value: "", text: "" }])}>Text</Button></div>
    </section>
  );
}

export function Overrides({ panel, change }: Props) {
  const all = panel.overrides;
  const set = (index: number, next: Override) => change({ overrides: all.map((one, at) => (at === index ? next : one)) });
  return (
    <section className={classes.group}>
      <h3>Some series are otherwise</h3>
      {all.map((one, index) => {
        const field = (next: Partial<Field>) => set(index, { ...one, field: fieldWith(one.field, next) });
        return (
          <div key={index} className={classes.override}>
            <div className={classes.step}>
              <Select aria-label="Found by" data={[{ value: "name", label: "name" }, { value: "regex", label: "expression" }, { value: "query", label: "query" }, { value: "type", label: "type" }, ...(one.matcher.by === "names" || one.matcher.by === "value" ? [{ value: one.matcher.by, label: one.matcher.by }] : [])]} value={one.matcher.by} onChange={(by) => set(index, { ...one, matcher: { ...one.matcher, by: (by ?? "name") } })} />
              <TextInput aria-label="Which" value={one.matcher.by === "names" ? one.matcher.names.join(", ") : one.matcher.value} readOnly={one.matcher.by === "names"} onChange={(event) => set(index, { ...one, matcher: { ...one.matcher, value: event.currentTarget.value } })} />
              <ActionIcon aria-label={`Remove setting ${index + 1}`} onClick={() => change({ overrides: all.filter((_, at) => at !== index) })}><IconTrash size={14} /></ActionIcon>
            </div>
            <div className={classes.pair}>
              <TextInput label="Called" value={one.field.displayName ?? ""} onChange={(event) => field({ displayName: event.currentTarget.value || undefined })} />
              <ColorField label="Colour" value={one.field.color?.color ?? ""} onChange={(color) => field({ color: color === "" ? undefined : { mode: "fixed", color, by: "last" } })} />
              <UnitField value={one.field.unit ?? ""} onChange={(unit) => field({ unit: unit || undefined })} />
            </div>
            <div className={classes.pair}>
              <Select label="Axis" data={[{ value: "", label: "as usual" }, { value: "left", label: "left" }, { value: "right", label: "right" }]} value={one.field.axis ?? ""} onChange={(axis) => field({ axis: axis ? (axis) : undefined })} />
              <Select label="Drawn as" data={[{ value: "", label: "as usual" }, { value: "line", label: "lines" }, { value: "bars", label: "bars" }, { value: "points", label: "points" }]} value={one.field.draw ?? ""} onChange={(draw) => field({ draw: draw ? (draw) : undefined })} />
              <Switch label="Upside down" checked={one.field.transform === "negative"} onChange={(event) => field({ transform: event.currentTarget.checked ? "negative" : undefined })} />
              <Switch label="Hidden" checked={one.field.hidden === true || (one.field.hiddenIn ?? []).includes("graph")} onChange={(event) => field(event.currentTarget.checked ? { hidden: true, hiddenIn: ["graph", "legend", "tooltip"] } : { hidden: undefined, hiddenIn: undefined })} />
            </div>
          </div>
        );
      })}
      <div><Button size="compact-xs" leftSection={<IconPlus size={13} />} onClick={() => change({ overrides: [...all, { matcher: { by: "name", value: "", names: [], isExclude: false, op: "" }, field: {} }] })}>Setting</Button></div>
    </section>
  );
}
