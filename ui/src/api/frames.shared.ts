/** What the worker that reads large answers and the page say to one another; and how answers become columns. */

import type { Labels } from "@/lib/labels";
import { shortNames } from "@/lib/labels";
import { type HistogramValue, parseNumber } from "./prometheus";

export interface Asked { id: number; path: string; form: Record<string, string>; kind: "range" | "instant"; start: number; step: number; count: number }
export type ToWorker = Asked | { id: number; abort: true };

/** A series as columns: NaN is no value, but where `nans` names its place. */
export interface ColumnSeries { labels: Labels; name: string; values: Float64Array; nans: Int32Array | null; points: number }
/** Native histograms of one series: `offsets[i]` to `offsets[i + 1]` are the buckets of the i-th time. */
export interface PackedHistograms { labels: Labels; name: string; times: Float64Array; counts: Float64Array; sums: Float64Array; offsets: Uint32Array; lows: Float64Array; highs: Float64Array; amounts: Float64Array }
export interface Sample { labels: Labels; name: string; value: number | null; histogram: { count: number; sum: number; low: number; high: number } | null; time: number; /** Values of its labels, small letters: what is looked through. */ text?: string }

export type FromWorker =
  | { id: number; kind: "progress"; bytes: number }
  | { id: number; kind: "series"; series: ColumnSeries[]; histograms: PackedHistograms[] }
  | { id: number; kind: "samples"; samples: Sample[] }
  | { id: number; kind: "done"; notes: string[]; bytes: number; type: string }
  | { id: number; kind: "failed"; message: string; status: number; errorType: string };

interface RawSeries { metric: Labels; value?: [number, string]; values?: [number, string][]; histogram?: [number, HistogramValue]; histograms?: [number, HistogramValue][] }
export interface RawAnswer { status?: string; error?: string; errorType?: string; data?: { resultType: string; result: RawSeries[] | [number, string] }; warnings?: string[]; infos?: string[] }

/** Series of a range on the grid of its times. */
export function columns(answer: RawAnswer, start: number, step: number, count: number): { series: ColumnSeries[]; histograms: PackedHistograms[] } {
  const raw = answer.data?.resultType === "matrix" ? (answer.data.result as RawSeries[]) : [];
  const names = shortNames(raw.map((one) => one.metric));
  const series: ColumnSeries[] = [];
  const histograms: PackedHistograms[] = [];
  raw.forEach((one, index) => {
    const name = names[index] ?? "";
    if (one.values) {
      const values = new Float64Array(count).fill(NaN);
      const nans: number[] = [];
      for (const [time, text] of one.values) {
        const at = Math.round((time - start) / step);
        if (at < 0 || at >= count) continue;
        const value = parseNumber(text);
        values[at] = value;
        if (Number.isNaN(value)) nans.push(at);
      }
      series.push({ labels: one.metric, name, values, nans: nans.length > 0 ? Int32Array.from(nans) : null, points: one.values.length });
    }
    if (one.histograms) histograms.push(packed(one.metric, name, one.histograms));
  });
  return { series, histograms };
}

function packed(labels: Labels, name: string, points: readonly [number, HistogramValue][]): PackedHistograms {
  const total = points.reduce((sum, [, value]) => sum + (value.buckets?.length ?? 0), 0);
  const made: PackedHistograms = {
    labels, name, times: new Float64Array(points.length), counts: new Float64Array(points.length), sums: new Float64Array(points.length), offsets: new Uint32Array(points.length + 1),
    lows: new Float64Array(total), highs: new Float64Array(total), amounts: new Float64Array(total),
  };
  let at = 0;
  points.forEach(([time, value], index) => {
    made.times[index] = time;
    made.counts[index] = parseNumber(value.count);
    made.sums[index] = parseNumber(value.sum);
    for (const [, low, high, amount] of value.buckets ?? []) {
      made.lows[at] = parseNumber(low);
      made.highs[at] = parseNumber(high);
      made.amounts[at] = parseNumber(amount);
      at += 1;
    }
    made.offsets[index + 1] = at;
  });
  return made;
}

export function samples(answer: RawAnswer): Sample[] {
  if (!answer.data) return [];
  const { resultType, result } = answer.data;
  if (resultType === "scalar" || resultType === "string") {
    const [time, text] = result as [number, string];
    return [{ labels: {}, name: text, value: resultType === "scalar" ? parseNumber(text) : null, histogram: null, time }];
  }
  const raw = result as RawSeries[];
  const names = shortNames(raw.map((one) => one.metric));
  return raw.map((one, index) => {
    // A range selector answers with a matrix: its newest sample stands for it.
    const sample = one.value ?? one.values?.at(-1);
    const histogram = one.histogram ?? one.histograms?.at(-1);
    const buckets = histogram?.[1].buckets ?? [];
    return {
      labels: one.metric, name: names[index] ?? "", value: sample ? parseNumber(sample[1]) : null, time: sample?.[0] ?? histogram?.[0] ?? 0,
      histogram: histogram ? { count: parseNumber(histogram[1].count), sum: parseNumber(histogram[1].sum), low: parseNumber(buckets[0]?.[1] ?? "NaN"), high: parseNumber(buckets.at(-1)?.[2] ?? "NaN") } : null,
    };
  });
}
