/** Prometheus' HTTP API: questions in PromQL, and what there is to be asked for. */

import type { Labels } from "@/lib/labels";
import { shortNames } from "@/lib/labels";
import { ask } from "./client";

interface Envelope<T> { data: T; warnings?: string[]; infos?: string[] }

/** `[boundaries, low, high, count]`; boundaries: 0 open left, 1 open right, 2 open both, 3 closed both. */
export type HistogramBucket = [number, string, string, string];
export interface HistogramValue { count: string; sum: string; buckets?: HistogramBucket[] }

interface RawSeries {
  metric: Labels;
  value?: [number, string];
  values?: [number, string][];
  histogram?: [number, HistogramValue];
  histograms?: [number, HistogramValue][];
}

interface RawResult { resultType: "matrix" | "vector" | "scalar" | "string"; result: RawSeries[] | [number, string] }

/** The text of a sample as a number. */
export function parseNumber(text: string): number {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

export interface Series {
  labels: Labels;
  /** What sets it apart from the other series of its answer. */
  name: string;
  /** One value for each time of its frame; null where there is none. */
  values: (number | null)[];
}

export interface Bucket { low: number; high: number; count: number }
export interface HistogramPoint { time: number; count: number; sum: number; buckets: Bucket[] }
export interface HistogramSeries { labels: Labels; points: HistogramPoint[] }

/** An answer over a range: all series on one grid of times. */
export interface Frame {
  /** Seconds since 1970, `step` apart. */
  times: number[];
  step: number;
  series: Series[];
  histograms: HistogramSeries[];
  /** Warnings and hints that travel with the answer. */
  notes: string[];
}

export interface InstantSample { labels: Labels; name: string; value: number | null; histogram: HistogramPoint | null; time: number }
export interface Instant { samples: InstantSample[]; notes: string[]; text?: string; type: RawResult["resultType"] }

function histogramPoint([time, value]: [number, HistogramValue]): HistogramPoint {
  return {
    time,
    count: parseNumber(value.count),
    sum: parseNumber(value.sum),
    buckets: (value.buckets ?? []).map(([, low, high, count]) => ({ low: parseNumber(low), high: parseNumber(high), count: parseNumber(count) })),
  };
}

const notes = (answer: Envelope<unknown>) => [...(answer.warnings ?? []), ...(answer.infos ?? [])];

/** Longest grid that the server computes. */
export const POINTS_MAX = 11_000;

/** A step that gives at most `points` points, of a size that people would choose. */
export function stepFor(fromS: number, toS: number, points: number, leastS = 1): number {
  const wanted = Math.max((toS - fromS) / Math.max(points, 1), leastS);
  const nice = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
  return nice.find((step) => step >= wanted) ?? Math.ceil(wanted / 604_800) * 604_800;
}

/** Evaluates over a range, on times that are whole multiples of the step, so that neighbours in time share them. */
export async function queryRange(query: string, fromS: number, toS: number, step: number, signal?: AbortSignal): Promise<Frame> {
  const start = Math.ceil(fromS / step) * step;
  const end = Math.max(start, Math.floor(toS / step) * step);
  const answer = await ask<Envelope<RawResult>>("/api/v1/query_range", { form: { query, start, end, step }, signal });
  const count = Math.round((end - start) / step) + 1;
  const times = Array.from({ length: count }, (_, index) => start + index * step);
  const raw = answer.data.resultType === "matrix" ? (answer.data.result as RawSeries[]) : [];
  const names = shortNames(raw.map((one) => one.metric));
  const series: Series[] = [];
  const histograms: HistogramSeries[] = [];
  raw.forEach((one, index) => {
    if (one.values) {
      const values = new Array<number | null>(count).fill(null);
      for (const [time, text] of one.values) {
        const at = Math.round((time - start) / step);
        if (at >= 0 && at < count) values[at] = parseNumber(text);
      }
      series.push({ labels: one.metric, name: names[index] ?? "", values });
    }
    if (one.histograms) histograms.push({ labels: one.metric, points: one.histograms.map(histogramPoint) });
  });
  return { times, step, series, histograms, notes: notes(answer) };
}

export async function queryInstant(query: string, timeS?: number, signal?: AbortSignal): Promise<Instant> {
  const answer = await ask<Envelope<RawResult>>("/api/v1/query", { form: { query, time: timeS }, signal });
  const type = answer.data.resultType;
  if (type === "scalar" || type === "string") {
    const [time, text] = answer.data.result as [number, string];
    const value = type === "scalar" ? parseNumber(text) : null;
    return { type, samples: [{ labels: {}, name: text, value, histogram: null, time }], notes: notes(answer), text };
  }
  const raw = answer.data.result as RawSeries[];
  const names = shortNames(raw.map((one) => one.metric));
  const samples = raw.map((one, index) => {
    // A range selector answers with a matrix: its newest sample stands for it.
    const sample = one.value ?? one.values?.at(-1);
    const histogram = one.histogram ?? one.histograms?.at(-1);
    return {
      labels: one.metric,
      name: names[index] ?? "",
      value: sample ? parseNumber(sample[1]) : null,
      histogram: histogram ? histogramPoint(histogram) : null,
      time: sample?.[0] ?? histogram?.[0] ?? 0,
    };
  });
  return { type, samples, notes: notes(answer) };
}

export interface ExemplarSeries { seriesLabels: Labels; exemplars: { labels: Labels; value: string; timestamp: number }[] }

export const queryExemplars = async (query: string, start: number, end: number, signal?: AbortSignal) =>
  (await ask<Envelope<ExemplarSeries[]>>("/api/v1/query_exemplars", { form: { query, start, end }, signal })).data;

export const formatQuery = async (query: string) => (await ask<Envelope<string>>("/api/v1/format_query", { form: { query } })).data;

export const labelNames = async (match: readonly string[], start?: number, end?: number, signal?: AbortSignal) =>
  (await ask<Envelope<string[]>>("/api/v1/labels", { form: { "match[]": match, start, end }, signal })).data;

export const labelValues = async (label: string, match: readonly string[], start?: number, end?: number, signal?: AbortSignal) =>
  (await ask<Envelope<string[]>>(`/api/v1/label/${encodeURIComponent(label)}/values`, { params: { "match[]": match, start, end }, signal })).data;

export const seriesOf = async (match: readonly string[], start?: number, end?: number, limit?: number, signal?: AbortSignal) =>
  (await ask<Envelope<Labels[]>>("/api/v1/series", { form: { "match[]": match, start, end, limit }, signal })).data;

export interface Metadata { type: string; unit: string; help: string }
export const metadata = async (signal?: AbortSignal) => (await ask<Envelope<Record<string, Metadata[]>>>("/api/v1/metadata", { signal })).data;

export interface Target {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval: string;
  scrapeTimeout: string;
}
export interface DroppedTarget { discoveredLabels: Labels; scrapePool?: string }
export interface Targets { activeTargets: Target[]; droppedTargets: DroppedTarget[]; droppedTargetCounts: Record<string, number> | null }
export const targets = async (signal?: AbortSignal) => (await ask<Envelope<Targets>>("/api/v1/targets", { signal })).data;

export interface AlertInstance { labels: Labels; annotations: Labels; state: "firing" | "pending" | "inactive"; activeAt?: string; keepFiringSince?: string; value: string }
interface RuleBase { name: string; query: string; labels?: Labels; health: string; lastError?: string; evaluationTime: number; lastEvaluation: string }
export interface AlertingRule extends RuleBase { type: "alerting"; state: "firing" | "pending" | "inactive"; duration: number; keepFiringFor: number; annotations: Labels; alerts: AlertInstance[] }
export interface RecordingRule extends RuleBase { type: "recording" }
export type Rule = AlertingRule | RecordingRule;
export interface RuleGroup { name: string; file: string; interval: number; limit: number; rules: Rule[]; evaluationTime: number; lastEvaluation: string }
export const rules = async (signal?: AbortSignal) => (await ask<Envelope<{ groups: RuleGroup[] }>>("/api/v1/rules", { signal })).data.groups;

export interface NameCount { name: string; value: number }
export interface TsdbStatus {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: NameCount[];
  labelValueCountByLabelName: NameCount[];
  memoryInBytesByLabelName: NameCount[];
  seriesCountByLabelValuePair: NameCount[];
}
export const tsdbStatus = async (signal?: AbortSignal, limit = 50) => (await ask<Envelope<TsdbStatus>>("/api/v1/status/tsdb", { params: { limit }, signal })).data;
export const configText = async (signal?: AbortSignal) => (await ask<Envelope<{ yaml: string }>>("/api/v1/status/config", { signal })).data.yaml;
export const flags = async (signal?: AbortSignal) => (await ask<Envelope<Labels>>("/api/v1/status/flags", { signal })).data;
export const runtimeInfo = async (signal?: AbortSignal) => (await ask<Envelope<Record<string, string | number | boolean>>>("/api/v1/status/runtimeinfo", { signal })).data;
export const buildInfo = async (signal?: AbortSignal) => (await ask<Envelope<Labels>>("/api/v1/status/buildinfo", { signal })).data;
