/** What is different in a part of what is shown: shares of label values there, against the rest. Ranked by how much they differ. */

import { bigInstant, type Sample } from "@/api/frames";
import { labelValues, parseNumber } from "@/api/prometheus";
import { about, allMetadata, allMetricNames, namesOfLabels } from "@/components/query/names";
import { durationText } from "@/lib/duration";
import { labelName, type Labels } from "@/lib/labels";
import { formatValue, unitOf } from "@/lib/units";
import { type Matcher, metricOf, type Node, printSelector, selectors, withMatcher, withoutName } from "./promql/ast";

/** Seconds, and values; values are infinite where all are meant. */
export interface Area { from: number; to: number; low: number; high: number }
export interface Span { from: number; to: number }

export interface ValueShare { value: string; /** Counted in the selection and in the baseline. */ selected: number; base: number; selectedShare: number; baseShare: number }
export interface LabelDifference { label: string; /** 0 to 1: how much of the selection would have to be other values. Chance is taken off. */ score: number; values: ValueShare[]; distinct: number }
export interface Differences { labels: LabelDifference[]; /** What is the same everywhere. */ same: string[]; selected: number; base: number; /** What was counted, in words. */ counted: string; metric: string; matchers: Matcher[] }

const NONE = "";
/** Labels that say where in a histogram or summary a count is, not whose it is. */
const STRUCTURE = new Set(["__name__", "le", "quantile"]);
const SERIES_AT_ONCE_MAX = 5_000;
const LABELS_MAX = 40;
const VALUES_KEPT = 60;

/** One series' count. */
export interface Counted { labels: Labels; value: number }

/** Labels by how different their values' shares are; `isEvents` where counts are of single events, so that chance can be taken off. */
export function ranked(selected: readonly Counted[], base: readonly Counted[], isEvents: boolean): Pick<Differences, "labels" | "same" | "selected" | "base"> {
  const names = new Set<string>();
  for (const one of [...selected, ...base]) for (const name in one.labels) if (!STRUCTURE.has(name)) names.add(name);
  const sum = (all: readonly Counted[]) => all.reduce((total, one) => total + positive(one.value), 0);
  const selectedTotal = sum(selected);
  const baseTotal = sum(base);
  const labels: LabelDifference[] = [];
  const same: string[] = [];
  for (const name of names) {
    const one = difference(name, shares(name, selected), shares(name, base), selectedTotal, baseTotal, isEvents);
    if (one.distinct < 2) same.push(name);
    else labels.push(one);
  }
  labels.sort((a, b) => b.score - a.score || a.distinct - b.distinct || (a.label < b.label ? -1 : 1));
  return { labels, same: same.sort(), selected: selectedTotal, base: baseTotal };
}

const positive = (value: number) => (Number.isFinite(value) && value > 0 ? value : 0);

function shares(name: string, all: readonly Counted[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) {
    const value = one.labels[name] ?? NONE;
    counts.set(value, (counts.get(value) ?? 0) + positive(one.value));
  }
  return counts;
}

function difference(label: string, selected: ReadonlyMap<string, number>, base: ReadonlyMap<string, number>, selectedTotal: number, baseTotal: number, isEvents: boolean): LabelDifference {
  let distance = 0;
  let chance = 0;
  const values: ValueShare[] = [];
  for (const value of new Set([...selected.keys(), ...base.keys()])) {
    const here = selected.get(value) ?? 0;
    const there = base.get(value) ?? 0;
    if (here === 0 && there === 0) continue;
    const selectedShare = selectedTotal > 0 ? here / selectedTotal : 0;
    const baseShare = baseTotal > 0 ? there / baseTotal : 0;
    distance += Math.abs(selectedShare - baseShare) / 2;
    if (isEvents && selectedTotal > 0 && baseTotal > 0) {
      // So much two draws of one and the same would differ, on average.
      const pooled = (here + there) / (selectedTotal + baseTotal);
      chance += Math.sqrt((2 / Math.PI) * pooled * (1 - pooled) * (1 / selectedTotal + 1 / baseTotal)) / 2;
    }
    values.push({ value, selected: here, base: there, selectedShare, baseShare });
  }
  values.sort((a, b) => Math.abs(b.selectedShare - b.baseShare) - Math.abs(a.selectedShare - a.baseShare) || b.selectedShare - a.selectedShare);
  return { label, score: Math.max(0, distance - chance), values: values.slice(0, VALUES_KEPT), distinct: values.length };
}

/** What a query counts, in the form in which parts of it can be asked for. */
export interface Countable {
  kind: "counter" | "classic" | "native" | "gauge";
  /** Of a classic histogram its name without `_bucket`. */
  metric: string;
  matchers: Matcher[];
  offset: number;
}

/** Null where there is nothing that can be counted, or more than one thing. */
export function countable(node: Node, typeOf: (metric: string) => string | undefined, isKnown: (metric: string) => boolean): Countable | null {
  const all = selectors(node);
  const first = all[0];
  if (!first) return null;
  const name = metricOf(first);
  if (name === "") return null;
  const matchers = withoutName(first.matchers).filter((one) => one.name !== "le");
  const common = { matchers, offset: first.offset };
  const whole = name.replace(/_(bucket|count|sum)$/, "");
  if (isKnown(`${whole}_bucket`)) return { kind: "classic", metric: whole, ...common };
  if (typeOf(name) === "histogram") return { kind: "native", metric: name, ...common };
  const isCounter = typeOf(name) === "counter" || /_(total|count|sum)$/.test(name);
  return { kind: isCounter ? "counter" : "gauge", metric: name, ...common };
}

/** The bounds of buckets that are nearest to an area; null for one that reaches over all. */
export function nearestBounds(bounds: readonly number[], low: number, high: number): { low: number | null; high: number | null } {
  const sorted = [...bounds].filter((bound) => Number.isFinite(bound)).sort((a, b) => a - b);
  const near = (wanted: number): number | null => {
    if (!Number.isFinite(wanted) || sorted.length === 0) return null;
    const distance = (bound: number) => (bound > 0 && wanted > 0 ? Math.abs(Math.log(bound / wanted)) : Math.abs(bound - wanted));
    return sorted.reduce((best, bound) => (distance(bound) < distance(best) ? bound : best));
  };
  const first = sorted[0] ?? 0;
  const last = sorted.at(-1) ?? 0;
  const from = low > (first > 0 ? first / 2 : first) ? near(low) : null;
  const to = high >= last * 1.2 ? null : near(high);
  if (from !== null && to !== null && from >= to) {
    // An area within one bucket is that bucket.
    const middle = low > 0 ? Math.sqrt(low * high) : (low + high) / 2;
    return { low: sorted.findLast((bound) => bound < middle) ?? null, high: sorted.find((bound) => bound >= middle) ?? null };
  }
  return { low: from, high: to };
}

/** A question whose answer is a count for each series, or each value of `by`. Several are added up with their signs. */
interface Part { sign: 1 | -1; query: string }

export function partsOf(what: Countable, span: Span, values: { low: number; high: number }, bounds: ReadonlyMap<number, string>, by: string | null): { parts: Part[]; counted: string; isEvents: boolean } {
  const range = `[${durationText(Math.max(1, Math.round(span.to - span.from)) * 1000)}]${what.offset ? ` offset ${durationText(what.offset)}` : ""}`;
  const isAll = values.low === -Infinity && values.high === Infinity;
  const sum = (inner: string) => (by === null ? inner : `sum by (${labelName(by)}) (${inner})`);
  const select = (suffix: string, extra: Matcher[] = []) => printSelector(what.metric + suffix, extra.reduce((all, one) => withMatcher(all, one), what.matchers));
  switch (what.kind) {
    case "counter": return { parts: [{ sign: 1, query: sum(`increase(${select("")}${range})`) }], counted: "events", isEvents: true };
    case "classic": {
      if (isAll) return { parts: [{ sign: 1, query: sum(`increase(${select("_count")}${range})`) }], counted: "values", isEvents: true };
      const { low, high } = nearestBounds([...bounds.keys()], values.low, values.high);
      const upTo = (bound: number | null): Part["query"] => sum(`increase(${bound === null ? select("_count") : select("_bucket", [{ name: "le", type: "=", value: bounds.get(bound) ?? String(bound) }])}${range})`);
      const told = (value: number | null) => formatValue(value, unitOf(what.metric));
      const words = low === null && high === null ? "values" : low === null ? `values up to ${told(high)}` : high === null ? `values above ${told(low)}` : `values from ${told(low)} to ${told(high)}`;
      return { parts: [{ sign: 1, query: upTo(high) }, ...(low === null ? [] : [{ sign: -1 as const, query: upTo(low) }])], counted: words, isEvents: true };
    }
    case "native": {
      const inner = by === null ? `increase(${select("")}${range})` : `sum by (${labelName(by)}) (increase(${select("")}${range}))`;
      const number = (value: number) => (value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(Number(value.toPrecision(6))));
      const fraction = isAll ? "" : `histogram_fraction(${number(values.low)}, ${number(values.high)}, ${inner}) * `;
      return { parts: [{ sign: 1, query: `${fraction}histogram_count(${inner})` }], counted: isAll ? "values" : `values from ${formatValue(values.low, unitOf(what.metric))} to ${formatValue(values.high, unitOf(what.metric))}`, isEvents: true };
    }
    case "gauge": {
      if (isAll) return { parts: [{ sign: 1, query: sum(`avg_over_time(${select("")}${range})`) }], counted: "mean value", isEvents: false };
      const high = values.high === Infinity ? "" : ` <= ${values.high}`;
      const low = values.low === -Infinity ? "" : ` >= ${values.low}`;
      const every = durationText(Math.max(15, Math.round((span.to - span.from) / 240)) * 1000);
      const counting = `count_over_time((${select("")}${low}${high})[${durationText(Math.max(1, Math.round(span.to - span.from)) * 1000)}:${every}]${what.offset ? ` offset ${durationText(what.offset)}` : ""})`;
      return { parts: [{ sign: 1, query: sum(counting) }], counted: "times within these values", isEvents: false };
    }
  }
}

const key = (labels: Labels) => JSON.stringify(Object.entries(labels).filter(([name]) => !STRUCTURE.has(name)).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Parts added up, series by series. */
export function added(all: readonly { sign: number; samples: readonly Sample[] }[]): Counted[] {
  const sums = new Map<string, Counted>();
  for (const { sign, samples } of all) {
    for (const sample of samples) {
      const id = key(sample.labels);
      const old = sums.get(id);
      sums.set(id, { labels: old?.labels ?? sample.labels, value: (old?.value ?? 0) + sign * (sample.value ?? 0) });
    }
  }
  return [...sums.values()];
}

/** What is in the whole and not in the part. */
export function rest(whole: readonly Counted[], part: readonly Counted[]): Counted[] {
  const taken = new Map(part.map((one) => [key(one.labels), one.value]));
  return whole.map((one) => ({ labels: one.labels, value: Math.max(0, one.value - (taken.get(key(one.labels)) ?? 0)) }));
}

async function counts(what: Countable, span: Span, values: { low: number; high: number }, bounds: ReadonlyMap<number, string>, by: string | null, signal: AbortSignal): Promise<{ counted: Counted[]; words: string; isEvents: boolean }> {
  const { parts, counted, isEvents } = partsOf(what, span, values, bounds, by);
  const answers = await Promise.all(parts.map(async (part) => ({ sign: part.sign, samples: (await bigInstant(part.query, span.to, { signal })).samples })));
  return { counted: added(answers), words: counted, isEvents };
}

/** Compares an area with a baseline: another span, or what else is shown. */
export async function differences(node: Node, area: Area, shown: Span, base: Span | null, signal: AbortSignal): Promise<Differences> {
  const [all, names] = await Promise.all([allMetadata(), allMetricNames()]);
  const known = new Set(names);
  const what = countable(node, (metric) => about(all, metric)?.type, (metric) => known.has(metric));
  if (!what) throw new Error("This query has no single metric whose labels could be compared.");
  const selector = printSelector(what.kind === "classic" ? `${what.metric}_count` : what.metric, what.matchers);
  const bounds = new Map<number, string>();
  if (what.kind === "classic") for (const text of await labelValues("le", [printSelector(`${what.metric}_bucket`, what.matchers)], shown.from, shown.to, signal)) bounds.set(parseNumber(text), text);
  const size = (await bigInstant(`count(${selector})`, area.to, { signal })).samples[0]?.value ?? 0;
  const isSmall = size <= SERIES_AT_ONCE_MAX;
  const by: (string | null)[] = isSmall ? [null] : (await namesOfLabels(selector)).filter((name) => !STRUCTURE.has(name)).slice(0, LABELS_MAX);
  const everything = { low: -Infinity, high: Infinity };
  // With an area of values the rest is everything else: other times, and at these times other values.
  const isArea = area.low !== -Infinity || area.high !== Infinity;
  const results = await Promise.all(by.map(async (label) => {
    const [here, there] = await Promise.all([
      counts(what, area, area, bounds, label, signal),
      base ? counts(what, base, isArea && what.kind !== "gauge" ? everything : area, bounds, label, signal) : counts(what, shown, what.kind === "gauge" ? area : everything, bounds, label, signal),
    ]);
    const isAverage = what.kind === "gauge" && !isArea;
    const baseline = base || isAverage ? there.counted : rest(there.counted, here.counted);
    return { ...ranked(here.counted, baseline, here.isEvents), words: here.words };
  }));
  const first = results[0];
  return {
    labels: results.flatMap((one) => one.labels).sort((a, b) => b.score - a.score || a.distinct - b.distinct),
    same: results.flatMap((one) => one.same), selected: first?.selected ?? 0, base: first?.base ?? 0, counted: first?.words ?? "", metric: what.metric, matchers: what.matchers,
  };
}
