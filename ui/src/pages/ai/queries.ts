/** The questions of the page in PromQL: short where one form of a histogram covers all, joined where two are stored. */

import { labelName, type Labels, quoted, selector } from "@/lib/labels";
import type { Catalog, Counter, Histogram } from "./catalog";

/** How far each rate looks back, and how long before the end of the page's time that is. */
export interface Window { text: string; offset?: string | undefined }

/** A label that may be anything but nothing. */
const present = (label: string) => `${labelName(label)}!=""`;

/** A selector with more conditions than equalities. */
function chosen(name: string, labels: Labels, conditions: readonly string[] = []): string {
  const plain = selector(name, labels);
  if (conditions.length === 0) return plain;
  return plain.endsWith("}") ? `${plain.slice(0, -1)}, ${conditions.join(", ")}}` : `${plain}{${conditions.join(", ")}}`;
}

const over = (series: string, { text, offset }: Window) => `${series}[${text}]${offset === undefined ? "" : ` offset ${offset}`}`;
const by = (labels: readonly string[]) => (labels.length === 0 ? "" : ` by (${labels.map(labelName).join(", ")})`);
const sum = (labels: readonly string[], expression: string) => `sum${by(labels)} (${expression})`;

export interface Ask { by: readonly string[]; labels?: Labels; /** Series that have no value in the first of `by` are left out. */ isNamed?: boolean; /** Series without a value of this label are left out. */ having?: string }

const conditions = (ask: Ask) => [...(ask.isNamed === true ? ask.by.slice(0, 1) : []), ...(ask.having === undefined ? [] : [ask.having])].map(present);

/** Observations a second. */
export function rateOf(histogram: Histogram, ask: Ask, window: Window): string {
  const classic = sum(ask.by, `rate(${over(chosen(`${histogram.name}_count`, ask.labels ?? {}, conditions(ask)), window)})`);
  const native = `histogram_count(${sum(ask.by, `rate(${over(chosen(histogram.name, ask.labels ?? {}, conditions(ask)), window)})`)})`;
  if (!histogram.isNative) return classic;
  if (!histogram.isClassic) return native;
  return histogram.isSame ? classic : `${classic} or ${native}`;
}

/** What is summed up a second: tokens, where they are a histogram. */
export function sumRateOf(histogram: Histogram, ask: Ask, window: Window): string {
  const classic = sum(ask.by, `rate(${over(chosen(`${histogram.name}_sum`, ask.labels ?? {}, conditions(ask)), window)})`);
  const native = `histogram_sum(${sum(ask.by, `rate(${over(chosen(histogram.name, ask.labels ?? {}, conditions(ask)), window)})`)})`;
  if (!histogram.isNative) return classic;
  if (!histogram.isClassic) return native;
  return histogram.isSame ? classic : `${classic} or ${native}`;
}

/** A quantile in seconds. */
export function quantileOf(quantile: number, histogram: Histogram, ask: Ask, window: Window): string {
  const native = `histogram_quantile(${quantile}, ${sum(ask.by, `rate(${over(chosen(histogram.name, ask.labels ?? {}, conditions(ask)), window)})`)})`;
  const classic = `histogram_quantile(${quantile}, ${sum([...ask.by, "le"], `rate(${over(chosen(`${histogram.name}_bucket`, ask.labels ?? {}, conditions(ask)), window)})`)})`;
  const one = !histogram.isNative ? classic : !histogram.isClassic || histogram.isSame ? native : `${native} or ${classic}`;
  return histogram.scale === 1 ? one : `(${one}) * ${histogram.scale}`;
}

/** The rate of the histogram itself, for heat maps. */
export function heatOf(histogram: Histogram, labels: Labels, window: Window): string {
  return histogram.isNative ? `sum (rate(${over(selector(histogram.name, labels), window)}))` : `sum by (le) (rate(${over(selector(`${histogram.name}_bucket`, labels), window)}))`;
}

/** A counter's rate. */
export function counterRate(counter: Counter, ask: Ask, window: Window): string {
  return sum(ask.by, `rate(${over(chosen(counter.name, ask.labels ?? {}, conditions(ask)), window)})`);
}

export type TokenSide = "input" | "output";

/** Tokens a second, from counters of their own or from the histogram by type. */
export function tokenRate(catalog: Catalog, side: TokenSide, ask: Ask, window: Window): string | null {
  const counter = side === "input" ? catalog.inputTokens : catalog.outputTokens;
  if (counter) return counterRate(counter, ask, window);
  if (!catalog.tokenUsage) return null;
  return sumRateOf(catalog.tokenUsage, { ...ask, labels: { ...ask.labels, [catalog.dimensions.tokenType]: side } }, window);
}

/** Dollars an hour. */
export function costRate(catalog: Catalog, ask: Ask, window: Window): string | null {
  return catalog.cost ? `${counterRate(catalog.cost, ask, window)} * 3600` : null;
}

/** The smallest share of a rate limit that is left: `now`, or the least of the window. */
export function headroom(catalog: Catalog, ask: Ask, window: Window | null): string | null {
  if (!catalog.remaining || !catalog.limit) return null;
  const left = chosen(catalog.remaining.name, ask.labels ?? {}, conditions(ask));
  const limit = chosen(catalog.limit.name, ask.labels ?? {}, conditions(ask));
  return window === null ? `min${by(ask.by)} (${left} / ${limit})` : `min${by(ask.by)} (min_over_time(${over(left, window)}) / max_over_time(${over(limit, window)}))`;
}

/** A gauge of now, by its largest or smallest. */
export function gauge(how: "max" | "min" | "sum", counter: Counter, ask: Ask): string {
  return `${how}${by(ask.by)} (${chosen(counter.name, ask.labels ?? {}, conditions(ask))})`;
}

/** Several questions as one: each answer carries the name of its part. */
export const PART = "part";
export function bundle(parts: Readonly<Record<string, string | null | undefined>>): string {
  return Object.entries(parts).flatMap(([name, expression]) => (expression ? [`label_replace(${expression}, "${PART}", ${quoted(name)}, "", "")`] : [])).join(" or ");
}
