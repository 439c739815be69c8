/** Names, values and what is known of metrics, as this server has them; answers are kept for a minute and shared. */

import { labelNames, labelValues, type Metadata, metadata } from "@/api/prometheus";

const KEPT_MS = 60_000;
const KEPT_MAX = 200;
const LOOK_BACK_S = 12 * 3600;

const kept = new Map<string, { at: number; answer: Promise<unknown> }>();

export function once<T>(key: string, ask: () => Promise<T>): Promise<T> {
  const now = Date.now();
  const old = kept.get(key);
  if (old && now - old.at < KEPT_MS) return old.answer as Promise<T>;
  if (kept.size > KEPT_MAX) kept.clear();
  const answer = ask();
  kept.set(key, { at: now, answer });
  // What failed is asked again.
  answer.catch(() => kept.delete(key));
  return answer;
}

export const allMetadata = (): Promise<Record<string, Metadata[]>> => once("metadata", () => metadata());
export const allMetricNames = (): Promise<string[]> => once("names", () => labelValues("__name__", []));
/** `match` is a selector, or nothing for all series. */
export const namesOfLabels = (match: string): Promise<string[]> => once(`labels ${match}`, () => labelNames(match === "" ? [] : [match], ...lately()));
export const valuesOfLabel = (label: string, match: string): Promise<string[]> => once(`values ${label} ${match}`, () => labelValues(label, match === "" ? [] : [match], ...lately()));

export function lately(): [number, number] {
  const now = Math.floor(Date.now() / 1000);
  return [now - LOOK_BACK_S, now];
}

/** What is known of a metric; its parts `_bucket`, `_sum` and `_count` are those of the whole. */
export function about(all: Readonly<Record<string, Metadata[]>>, name: string): Metadata | undefined {
  const own = all[name]?.[0];
  if (own) return own;
  const whole = all[name.replace(/_(bucket|sum|count|total)$/, "")]?.[0];
  return whole && /_(sum|count)$/.test(name) && whole.type === "histogram" ? { ...whole, type: "counter" } : whole;
}
