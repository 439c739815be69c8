/** Large answers without a jolt: a worker asks and parses, the page gets columns and turns them in slices into what charts want. */

import { ApiError } from "./client";
import type { ColumnSeries, FromWorker, PackedHistograms, Sample, ToWorker } from "./frames.shared";
import type { Series } from "./prometheus";

export type { PackedHistograms, Sample };

export interface Cost { ms: number; bytes: number; series: number; points: number }
export interface BigFrame { times: number[]; step: number; series: Series[]; histograms: PackedHistograms[]; notes: string[]; cost: Cost }
/** What is known of a label over all series. */
export interface LabelStat { value: string; count: number; isSame: boolean }
export interface BigInstant { samples: Sample[]; labels: Map<string, LabelStat>; type: string; notes: string[]; cost: Cost }

interface Waiting {
  series: ColumnSeries[];
  histograms: PackedHistograms[];
  samples: Sample[];
  progress: (bytes: number) => void;
  done: (message: Extract<FromWorker, { kind: "done" }>) => void;
  failed: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | null = null;
let nextId = 1;

function theWorker(): Worker {
  if (worker) return worker;
  worker = new Worker(new URL("./frames.worker.ts", import.meta.url), { type: "module", name: "frames" });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    const one = waiting.get(data.id);
    if (!one) return;
    switch (data.kind) {
      case "progress": one.progress(data.bytes); break;
      case "series": one.series.push(...data.series); one.histograms.push(...data.histograms); break;
      case "samples": one.samples.push(...data.samples); break;
      case "done": waiting.delete(data.id); one.done(data); break;
      case "failed": waiting.delete(data.id); one.failed(new ApiError(data.message, data.status, data.errorType)); break;
    }
  };
  worker.onerror = () => {
    // It could not be started, or fell over: all that wait are told, and the next question begins anew.
    for (const one of waiting.values()) one.failed(new ApiError("answers cannot be read: the worker has stopped", 500));
    waiting.clear();
    worker?.terminate();
    worker = null;
  };
  return worker;
}

type Question = Omit<Extract<ToWorker, { path: string }>, "id">;
interface Options { signal?: AbortSignal | undefined; onProgress?: ((bytes: number) => void) | undefined }

function question(asked: Question, { signal, onProgress }: Options): Promise<Waiting & { notes: string[]; bytes: number; type: string; ms: number }> {
  return new Promise((resolve, reject: (reason: Error) => void) => {
    const id = nextId;
    nextId += 1;
    const began = performance.now();
    const one: Waiting = {
      series: [], histograms: [], samples: [], progress: (bytes) => onProgress?.(bytes), failed: reject,
      done: ({ notes, bytes, type }) => resolve({ ...one, notes, bytes, type, ms: performance.now() - began }),
    };
    waiting.set(id, one);
    signal?.addEventListener("abort", () => {
      if (!waiting.delete(id)) return;
      worker?.postMessage({ id, abort: true } satisfies ToWorker);
      reject(new DOMException("cancelled", "AbortError"));
    }, { once: true });
    theWorker().postMessage({ ...asked, id } satisfies ToWorker);
  });
}

const SLICE_MS = 8;

/** Lets the page breathe when a slice of work has lasted long enough. */
export function breather(): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < SLICE_MS) return;
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    began = performance.now();
  };
}

/** Evaluates over a range, on whole multiples of the step. */
export async function bigRange(query: string, fromS: number, toS: number, step: number, options: Options = {}): Promise<BigFrame> {
  const start = Math.ceil(fromS / step) * step;
  const end = Math.max(start, Math.floor(toS / step) * step);
  const count = Math.round((end - start) / step) + 1;
  const answer = await question({ path: "/api/v1/query_range", form: { query, start: String(start), end: String(end), step: String(step) }, kind: "range", start, step, count }, options);
  const breathe = breather();
  const series: Series[] = [];
  let points = 0;
  for (const one of answer.series) {
    const values = new Array<number | null>(count);
    for (let index = 0; index < count; index += 1) {
      const value = one.values[index] ?? NaN;
      values[index] = value === value ? value : null;
    }
    for (const at of one.nans ?? []) values[at] = NaN;
    points += one.points;
    series.push({ labels: one.labels, name: one.name, values });
    await breathe();
  }
  for (const one of answer.histograms) points += one.times.length;
  const times = Array.from({ length: count }, (_, index) => start + index * step);
  return { times, step, series, histograms: answer.histograms, notes: answer.notes, cost: { ms: answer.ms, bytes: answer.bytes, series: series.length + answer.histograms.length, points } };
}

export async function bigInstant(query: string, timeS: number, options: Options = {}): Promise<BigInstant> {
  const answer = await question({ path: "/api/v1/query", form: { query, time: String(timeS) }, kind: "instant", start: 0, step: 1, count: 0 }, options);
  const breathe = breather();
  const labels = new Map<string, LabelStat>();
  let at = 0;
  for (const sample of answer.samples) {
    let text = "";
    for (const name in sample.labels) {
      const value = sample.labels[name] ?? "";
      text += `${name}=${value}\n`;
      const old = labels.get(name);
      if (!old) labels.set(name, { value, count: 1, isSame: true });
      else {
        old.count += 1;
        if (old.isSame && old.value !== value) old.isSame = false;
      }
    }
    sample.text = text.toLowerCase();
    at += 1;
    if (at % 200 === 0) await breathe();
  }
  return { samples: answer.samples, labels, type: answer.type, notes: answer.notes, cost: { ms: answer.ms, bytes: answer.bytes, series: answer.samples.length, points: answer.samples.length } };
}
