/** What is different in a part of what is shown: the server compares it with a baseline. */

import { send } from "./own";

export interface Span { from: number; to: number }
/** Seconds, and values; values are infinite where all are meant. */
export interface Area extends Span { low: number; high: number }
/** `isRest`: only what is left of it without the area. */
export interface Baseline extends Span { isRest: boolean }

export function differences(query: string, area: Area, baseline: Baseline, signal?: AbortSignal) {
  const selection = { start: area.from, end: area.to, ...(area.low === -Infinity ? {} : { low: area.low }), ...(area.high === Infinity ? {} : { high: area.high }) };
  return send("post", "/api/bellwether/v1/differences", { json: { query, selection, baseline: { start: baseline.from, end: baseline.to, rest: baseline.isRest } }, signal });
}

export type Differences = Awaited<ReturnType<typeof differences>>;
export type LabelDifference = Differences["labels"][number];
export type ValueDifference = LabelDifference["values"][number];
