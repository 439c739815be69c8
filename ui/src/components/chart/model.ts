/** What is drawn, from what is shown: stacks, bands and styles as uPlot wants them. */

import uPlot from "uplot";
import { withAlpha } from "@/lib/palette";
import type { Unit } from "@/lib/units";

export interface ChartSeries {
  name: string;
  /** One value for each time. */
  values: readonly (number | null)[];
  /** #rrggbb; else the palette's, by `colorIndex` or place. */
  color?: string | undefined;
  colorIndex?: number | undefined;
  kind?: "line" | "steps" | "bars" | "points" | undefined;
  /** Share of colour below the line, 0 to 1. */
  fill?: number | undefined;
  width?: number | undefined;
  isDashed?: boolean | undefined;
  axis?: "left" | "right" | undefined;
  unit?: Unit | undefined;
  isHidden?: boolean | undefined;
  /** Not in the legend. */
  isUnlisted?: boolean | undefined;
  /** Whether lines go on over times without a value. */
  spansGaps?: boolean | undefined;
  /** A band around it: a forecast's range. */
  low?: readonly (number | null)[] | undefined;
  high?: readonly (number | null)[] | undefined;
  /** Stacked series below and above zero stand apart; series with this are not stacked. */
  isApart?: boolean | undefined;
  /** The stack that it belongs to, where there are several. */
  stack?: string | undefined;
  /** How points are joined, where it is not straight. */
  curve?: "smooth" | "before" | "after" | undefined;
  /** Whether each value has a point; else only those that no line shows. */
  hasPoints?: boolean | undefined;
  pointSize?: number | undefined;
  /** Lengths of dashes and gaps. */
  dash?: readonly number[] | undefined;
  /** How its values are written, where a unit does not say it. */
  format?: ((value: number | null) => string) | undefined;
  /** What is told of each time in place of its value: a value before it was turned round. */
  toldValues?: readonly (number | null)[] | undefined;
}

export interface ColoredSeries extends ChartSeries { color: string; isHidden: boolean }
export interface ChartThreshold { value: number; tone: "good" | "warn" | "bad" | "info" | "unknown"; label?: string; color?: string }
/** Seconds since 1970. */
export interface ChartSpan { from: number; to: number; tone: "good" | "warn" | "bad" | "info" | "unknown"; label: string }

export interface Drawn {
  data: uPlot.AlignedData;
  series: uPlot.Series[];
  bands: uPlot.Band[];
  hasBars: boolean;
  isStacked: boolean;
}

type Values = (number | null)[];

/** uPlot draws finite numbers and gaps. */
function finite(values: readonly (number | null)[]): Values {
  // Nearly all are: then they are taken as they are, as a copy of a long series takes time.
  for (const value of values) if (value !== null && !Number.isFinite(value)) return values.map((one) => (one !== null && Number.isFinite(one) ? one : null));
  return values as Values;
}

export function drawn(times: readonly number[], all: readonly ColoredSeries[], stacked: boolean | "percent"): Drawn {
  const data: (readonly number[] | Values)[] = [times];
  const series: uPlot.Series[] = [];
  const bands: uPlot.Band[] = [];
  const add = (values: Values, options: uPlot.Series) => {
    data.push(values);
    series.push(options);
    return series.length;
  };
  const sums = stacked === "percent" ? totals(times.length, all) : null;
  const stacks = new Map<string, { below: Values; index: number }>();
  for (const one of all) {
    let values = finite(one.values);
    const scale = one.axis ?? "left";
    const isStacked = stacked !== false && one.isApart !== true && !one.isHidden;
    if (isStacked) {
      const base = stacks.get(one.stack ?? "")?.below;
      const total = sums?.get(one.stack ?? "");
      values = values.map((value, index) => {
        const sum = total?.[index] ?? 1;
        const part = total ? (sum === 0 ? 0 : (value ?? 0) / sum) : (value ?? 0);
        return part + (base?.[index] ?? 0);
      });
    }
    const isBar = one.kind === "bars";
    const under = isStacked ? stacks.get(one.stack ?? "") : undefined;
    const fill = one.fill ?? (isStacked ? 0.55 : isBar ? 0.75 : 0);
    const index = add(values, {
      label: one.name, scale, show: !one.isHidden, stroke: one.color, width: one.kind === "points" ? 0 : (one.width ?? (isStacked ? 1 : 1.5)),
      spanGaps: one.spansGaps ?? false,
      points: one.kind === "points" || one.hasPoints === true ? { show: true, size: one.pointSize ?? 4, fill: one.color } : { show: hasLonely(values), size: 4, fill: one.color },
      ...(one.dash ? { dash: [...one.dash] } : one.isDashed ? { dash: [6, 5] } : {}),
      ...(fill > 0 && under === undefined ? { fill: withAlpha(one.color, fill) } : {}),
      ...paths(one),
    });
    if (isStacked) {
      if (under) bands.push({ series: [index, under.index], fill: withAlpha(one.color, fill) });
      stacks.set(one.stack ?? "", { below: values, index });
    }
    if (one.low && one.high && !one.isHidden) {
      const edge = { scale, show: true, width: 0, stroke: "transparent", points: { show: false } };
      const high = add(finite(one.high), edge);
      const low = add(finite(one.low), edge);
      bands.push({ series: [high, low], fill: withAlpha(one.color, 0.18) });
    }
  }
  return { data: data as uPlot.AlignedData, series, bands, hasBars: all.some((one) => one.kind === "bars"), isStacked: stacked !== false };
}

function totals(count: number, all: readonly ColoredSeries[]): Map<string, number[]> {
  const byStack = new Map<string, number[]>();
  for (const one of all) {
    if (one.isHidden || one.isApart) continue;
    const sums = byStack.get(one.stack ?? "") ?? new Array<number>(count).fill(0);
    byStack.set(one.stack ?? "", sums);
    one.values.forEach((value, index) => {
      if (value !== null && Number.isFinite(value)) sums[index] = (sums[index] ?? 0) + value;
    });
  }
  return byStack;
}

/** Whether some value stands between two gaps: only a point can show it. */
function hasLonely(values: Values): boolean {
  const last = values.length - 1;
  for (let index = 0; index <= last; index += 1) {
    if ((values[index] ?? null) !== null && (index === 0 || (values[index - 1] ?? null) === null) && (index === last || (values[index + 1] ?? null) === null)) return true;
  }
  return false;
}

function paths(one: ChartSeries): Partial<uPlot.Series> {
  const { bars, stepped, spline } = uPlot.paths;
  if (one.kind === "bars" && bars) return { paths: bars({ size: [0.7, 40], align: 1 }) };
  if (one.kind === "steps" && stepped) return { paths: stepped({ align: 1 }) };
  if (one.kind === "points") return { paths: () => null };
  if (one.curve === "smooth" && spline) return { paths: spline() };
  if (one.curve && stepped) return { paths: stepped({ align: one.curve === "before" ? -1 : 1 }) };
  return {};
}

/** In words: how many series, and the largest of them. */
export function summary(all: readonly ColoredSeries[], format: (value: number | null) => string): string {
  const listed = all.filter((one) => !one.isUnlisted);
  if (listed.length === 0) return "No data.";
  const last = listed.map((one) => [one.name, one.values.findLast((value) => value !== null) ?? null, one.format ?? format] as const);
  const sorted = [...last].sort(([, a], [, b]) => (b ?? -Infinity) - (a ?? -Infinity)).slice(0, 5);
  return `${listed.length} series. Newest values: ${sorted.map(([name, value, write]) => `${name} ${write(value)}`).join(", ")}.`;
}
