/** How values of a panel look: units, graphs, legends. */

import { Autocomplete, MultiSelect, NumberInput, Select, Switch, TextInput } from "@mantine/core";
import type { Field, Panel, ValueOptions } from "@/api/dashboards";
import { CALCS, calcName } from "@/components/panels/calcs";
import { UNITS } from "@/components/panels/format";
import type { Change } from "./PanelEditor";
import classes from "../dashboards.module.css";

interface Props { panel: Panel; change: Change }
export const CALC_CHOICES = CALCS.filter((calc) => !["all_values", "unique_values", "total"].includes(calc)).map((calc) => ({ value: calc, label: calcName(calc) }));
export const COLORS = ["red", "orange", "yellow", "green", "blue", "purple", "teal", "pink", "gray", ...["dark", "light"].flatMap((shade) => ["red", "orange", "yellow", "green", "blue", "purple"].map((hue) => `${shade}-${hue}`))];

/** Numbers that may be missing. */
export const numberOf = (value: string | number): number | undefined => (value === "" || !Number.isFinite(Number(value)) ? undefined : Number(value));
/** A setting that is missing is as usual. */
export function fieldWith(field: Field, next: Partial<Field>): Field {
  const merged: Readonly<Record<string, unknown>> = { ...field, ...next };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined && value !== ""));
}

export function DisplayFields({ panel, change }: Props) {
  const { field } = panel;
  const set = (next: Partial<Field>) => change({ field: fieldWith(field, next) });
  const mode = field.color?.mode ?? "";
  return (
    <section className={classes.group}>
      <h3>Values</h3>
      <div className={classes.pair}>
        <UnitField value={field.unit ?? ""} onChange={(unit) => set({ unit })} />
        <NumberInput label="Digits behind the point" placeholder="auto" min={0} max={10} value={field.decimals ?? ""} onChange={(value) => set({ decimals: numberOf(value) })} />
      </div>
      <div className={classes.pair}>
        <NumberInput label="Least" placeholder="auto" value={field.min ?? ""} onChange={(value) => set({ min: numberOf(value) })} />
        <NumberInput label="Greatest" placeholder="auto" value={field.max ?? ""} onChange={(value) => set({ max: numberOf(value) })} />
        <TextInput label="Where there is none" placeholder="–" value={field.noValue ?? ""} onChange={(event) => set({ noValue: event.currentTarget.value || undefined })} />
      </div>
      <div className={classes.pair}>
        <Select label="Colours" data={[{ value: "", label: "as usual" }, { value: "palette", label: "one for each series" }, { value: "palette_by_name", label: "by name" }, { value: "thresholds", label: "by thresholds" }, { value: "fixed", label: "one for all" }, { value: "green_yellow_red", label: "green to red" }, { value: "red_yellow_green", label: "red to green" }, { value: "blues", label: "blues" }, { value: "reds", label: "reds" }, { value: "greens", label: "greens" }]} value={mode} onChange={(value) => set({ color: value ? { mode: value, color: field.color?.color || "blue", by: field.color?.by ?? "last" } : undefined })} />
        {mode === "fixed" && <ColorField label="Colour" value={field.color?.color ?? ""} onChange={(color) => set({ color: { mode: "fixed", color, by: "last" } })} />}
      </div>
    </section>
  );
}

const UNIT_IDS = UNITS.map(({ group, items }) => ({ group, items: items.map(({ value }) => value) }));
const UNIT_LABELS = new Map(UNITS.flatMap(({ items }) => items.map(({ value, label }) => [value, label] as const)));

export function UnitField({ value, onChange, label = "Unit" }: { value: string; onChange: (unit: string) => void; label?: string }) {
  return <Autocomplete label={label} placeholder="none" data={UNIT_IDS} limit={60} value={value} onChange={onChange} renderOption={({ option }) => <span>{option.value} <span className="faint">{UNIT_LABELS.get(option.value)}</span></span>} />;
}

export function ColorField({ value, onChange, label }: { value: string; onChange: (color: string) => void; label: string }) {
  return <Autocomplete label={label} placeholder="red, #1f60c4" data={COLORS} limit={30} value={value} onChange={onChange} />;
}

export function GraphFields({ panel, change }: Props) {
  const { field } = panel;
  const set = (next: Partial<Field>) => change({ field: fieldWith(field, next) });
  return (
    <section className={classes.group}>
      <h3>Graph</h3>
      <div className={classes.pair}>
        <Select label="Drawn as" data={[{ value: "line", label: "lines" }, { value: "bars", label: "bars" }, { value: "points", label: "points" }]} value={field.draw ?? "line"} onChange={(draw) => set({ draw: (draw ?? "line") })} />
        <Select label="Joined" data={[{ value: "linear", label: "straight" }, { value: "smooth", label: "smooth" }, { value: "step_after", label: "in steps" }, { value: "step_before", label: "in steps, before" }]} value={field.interpolation ?? "linear"} onChange={(value) => set({ interpolation: (value ?? "linear") })} />
        <Select label="Stacked" data={[{ value: "none", label: "not" }, { value: "normal", label: "on one another" }, { value: "percent", label: "as shares" }]} value={field.stacking ?? "none"} onChange={(value) => set({ stacking: (value ?? "none") })} />
      </div>
      <div className={classes.pair}>
        <NumberInput label="Width of lines" min={0} max={10} step={0.5} value={field.lineWidth ?? 1.5} onChange={(value) => set({ lineWidth: numberOf(value) })} />
        <NumberInput label="Fill, %" min={0} max={100} step={5} value={field.fill ?? 0} onChange={(value) => set({ fill: numberOf(value) })} />
        <Select label="Where nothing is" data={[{ value: "gap", label: "a gap" }, { value: "connect", label: "joined" }, { value: "zero", label: "zero" }]} value={field.nulls ?? "gap"} onChange={(value) => set({ nulls: (value ?? "gap") })} />
      </div>
      <div className={classes.pair}>
        <TextInput label="Along the axis" value={field.axisLabel ?? ""} onChange={(event) => set({ axisLabel: event.currentTarget.value || undefined })} />
        <Select label="Axis" data={[{ value: "auto", label: "auto" }, { value: "left", label: "left" }, { value: "right", label: "right" }, { value: "hidden", label: "hidden" }]} value={field.axis ?? "auto"} onChange={(value) => set({ axis: (value ?? "auto") })} />
        <Switch label="Logarithmic" checked={field.scale === "log"} onChange={(event) => set({ scale: event.currentTarget.checked ? "log" : undefined })} />
        <Switch label="Points" checked={field.points === "always"} onChange={(event) => set({ points: event.currentTarget.checked ? "always" : undefined })} />
      </div>
    </section>
  );
}

export function LegendFields({ panel, change }: Props) {
  const { legend } = panel;
  const set = (next: Partial<Panel["legend"]>) => change({ legend: { ...legend, ...next } });
  return (
    <section className={classes.group}>
      <h3>Legend</h3>
      <div className={classes.pair}>
        <Select label="Form" data={[{ value: "list", label: "a list" }, { value: "table", label: "a table" }, { value: "hidden", label: "none" }]} value={legend.mode} onChange={(mode) => set({ mode: (mode ?? "list") })} />
        <Select label="Where" data={[{ value: "bottom", label: "below" }, { value: "right", label: "at the right" }]} value={legend.placement} onChange={(placement) => set({ placement: (placement ?? "bottom") })} />
      </div>
      <MultiSelect label="Says of each" data={CALC_CHOICES} value={legend.calcs} onChange={(calcs) => set({ calcs: calcs })} searchable />
    </section>
  );
}

export function ValueFields({ panel, options, change }: Props & { options: ValueOptions }) {
  const set = (next: Partial<ValueOptions>) => change({ value: { ...options, ...next } });
  return (
    <section className={classes.group}>
      <h3>One value of each series</h3>
      <div className={classes.pair}>
        <Select label="Which" data={CALC_CHOICES} searchable value={options.calcs[0] ?? "last_not_null"} onChange={(calc) => set({ calcs: [(calc ?? "last_not_null")] })} />
        {panel.kind !== "pie" && <Select label="Direction" data={[{ value: "auto", label: "where there is room" }, { value: "horizontal", label: "one below the other" }, { value: "vertical", label: "side by side" }]} value={options.orientation} onChange={(value) => set({ orientation: (value ?? "auto") })} />}
        <Select label="Text" data={[{ value: "auto", label: "auto" }, { value: "value", label: "value" }, { value: "value_and_name", label: "value and name" }, { value: "name", label: "name" }, { value: "none", label: "none" }]} value={options.text} onChange={(value) => set({ text: (value ?? "auto") })} />
      </div>
      {panel.kind === "stat" && <div className={classes.pair}><Select label="Coloured" data={[{ value: "value", label: "the value" }, { value: "background", label: "the background" }, { value: "none", label: "nothing" }]} value={options.color === "background_solid" ? "background" : options.color} onChange={(value) => set({ color: (value ?? "value") })} /><Switch label="Small graph" checked={options.graph} onChange={(event) => set({ graph: event.currentTarget.checked })} /><Switch label="Change in percent" checked={options.percentChange} onChange={(event) => set({ percentChange: event.currentTarget.checked })} /></div>}
      {panel.kind === "pie" && <Switch label="With a hole" checked={panel.pie?.donut ?? false} onChange={(event) => change({ pie: { labels: [], sort: "desc", ...panel.pie, donut: event.currentTarget.checked } })} />}
    </section>
  );
}
