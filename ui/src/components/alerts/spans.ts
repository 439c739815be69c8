/** Times in which an alert was pending and fired, from what happened to it. */

import type { ChartSpan } from "@/components/chart/model";

export interface Happened { time: number; kind: string }
export interface Span { kind: "pending" | "firing"; from: number; to: number; isOpen: boolean }

/** Rows in any order; times in seconds. What has not ended ends now. */
export function spansOf(rows: readonly Happened[], nowS: number): Span[] {
  const spans: Span[] = [];
  let open: Span | null = null;
  const close = (at: number) => {
    if (open) spans.push({ ...open, to: at, isOpen: false });
    open = null;
  };
  for (const { time, kind } of [...rows].sort((a, b) => a.time - b.time)) {
    if (kind === "pending" || kind === "firing") {
      close(time);
      open = { kind, from: time, to: nowS, isOpen: true };
    } else if (kind === "resolved" || kind === "dropped") close(time);
  }
  if (open) spans.push(open);
  return spans;
}

export const chartSpans = (spans: readonly Span[]): ChartSpan[] => spans.map(({ kind, from, to }) => ({ from, to, tone: kind === "firing" ? "bad" : "warn", label: kind }));
