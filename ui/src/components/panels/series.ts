/** Series over time as they are drawn: which, of what colour, at which axis, over which thresholds. */

import type { Panel } from "@/api/dashboards";
import { type ChartArea, type ChartThreshold, SECOND_STEPS } from "@/components/Chart";
import type { Palette } from "./colors";
import { mapped, seriesColorOf, shown, type Shown } from "./fields";
import { formatUnit } from "./format";
import { seriesOf, type SeriesOf, type Table } from "./tables";

/** More series are not told apart by anybody. */
const SERIES_MAX = 200;

export interface Drawn { of: Shown; color: string; series: SeriesOf }

export function drawnOf(panel: Panel, tables: readonly Table[], palette: Palette): Drawn[] {
  const all = seriesOf(tables).slice(0, SERIES_MAX);
  const byColumn = new Map(all.map((one) => [one.column, one]));
  return shown(panel, tables).flatMap((of) => { const series = byColumn.get(of.column); return series ? [{ of, color: seriesColorOf(of, palette), series }] : []; });
}

/** The values of a series up to the end of the range: one that ended before has no last value. */
export const untilEnd = ({ times, values }: SeriesOf, stepMs: number, toMs: number): readonly (number | null)[] => (times.length > 0 && (times.at(-1) ?? 0) + stepMs < toMs ? [...values, null] : values);

/** The two axes, and at which of them a series is. */
export function axesOf(drawn: readonly Drawn[]) {
  const first = drawn.find(({ of }) => of.field.axis !== "right")?.of;
  const sideOf = ({ field }: Shown) => (field.axis === "right" ? "right" : field.axis === "left" || first === undefined || (field.unit ?? "") === (first.field.unit ?? "") ? "left" : "right");
  const of = (side: "left" | "right") => drawn.filter((one) => sideOf(one.of) === side).map((one) => one.of);
  // Where all is at the right, it is the only axis there is.
  const isOne = of("left").length === 0;
  const left = isOne ? of("right") : of("left");
  const right = isOne ? [] : of("right");
  return { sideOf: (one: Shown) => (isOne ? "left" as const : sideOf(one)), left: axisOf(left), right: axisOf(right) };
}

/** Of bytes: each twice the last. */
const BINARY_STEPS = Array.from({ length: 70 }, (_, power) => 2 ** (power - 10));
const IN_SECONDS: Readonly<Record<string, number>> = { ns: 1e9, "µs": 1e6, ms: 1e3, s: 1, m: 1 / 60, h: 1 / 3600 };
function incrementsOf(unit = ""): readonly number[] | undefined {
  const scale = IN_SECONDS[unit];
  if (scale !== undefined) return scale === 1 ? SECOND_STEPS : SECOND_STEPS.map((step) => step * scale);
  return ["bytes", "kbytes", "mbytes", "binBps"].includes(unit) ? BINARY_STEPS : undefined;
}

function axisOf(all: readonly Shown[]) {
  const field = all[0]?.field ?? {};
  let [least, most] = [Infinity, -Infinity];
  for (const { field: { transform }, column } of all) for (const given of column.values) {
    if (typeof given !== "number" || !Number.isFinite(given)) continue;
    const value = transform === "negative" ? -given : given;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const min = field.min ?? (field.softMin !== undefined && least >= field.softMin ? field.softMin : undefined);
  const max = field.max ?? (field.softMax !== undefined && most <= field.softMax ? field.softMax : undefined);
  const reach = Math.max(Math.abs(least), Math.abs(most)) * 1.05;
  const isCentered = field.centeredZero === true && Number.isFinite(reach);
  return {
    first: all[0], increments: incrementsOf(field.unit), min: isCentered ? -reach : min, max: isCentered ? reach : max, label: field.axisLabel || undefined, isLog: field.scale === "log", isHidden: all.length > 0 && all.every((one) => one.field.axis === "hidden"),
    // Marks of an axis are between values: they have as many digits as they need.
    format: (value: number) => mapped(field.mappings, value)?.text ?? formatUnit(value, field.unit),
  };
}

export function marksOf(first: Shown | undefined, palette: Palette): { lines: ChartThreshold[]; areas: ChartArea[] } {
  const style = first?.field.thresholdStyle ?? "off";
  const thresholds = first?.field.thresholds;
  if (!first || style === "off" || !thresholds) return { lines: [], areas: [] };
  const at = (value: number | undefined) => (value === undefined ? -Infinity : thresholds.mode === "percentage" ? first.least + ((first.most - first.least) * value) / 100 : value);
  const steps = thresholds.steps.map((step) => ({ value: at(step.value), color: palette.named(step.color) }));
  return {
    lines: style === "area" ? [] : steps.flatMap(({ value, color }) => (Number.isFinite(value) && color ? [{ value, tone: "info" as const, color }] : [])),
    areas: style === "line" || style === "dashed" ? [] : steps.flatMap(({ value, color }, index) => (color ? [{ from: value, to: steps[index + 1]?.value ?? Infinity, color }] : [])),
  };
}
