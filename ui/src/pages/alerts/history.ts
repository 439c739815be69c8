/** Kinds of events by what they are about, and how many of each there were over time. */

import type { Tone } from "@/components/State";

export interface KindGroup { id: string; name: string; tone: Tone; kinds: readonly string[]; /** Not shown at first. */ isQuiet?: boolean }

export const GROUPS: readonly KindGroup[] = [
  { id: "fired", name: "fired and resolved", tone: "bad", kinds: ["pending", "firing", "resolved", "dropped"] },
  { id: "told", name: "notified", tone: "accent", kinds: ["notifying", "notified", "notify_failed"] },
  { id: "hidden", name: "held back", tone: "unknown", kinds: ["silenced", "unsilenced", "inhibited", "uninhibited", "muted", "unmuted"] },
  { id: "people", name: "acknowledged", tone: "info", kinds: ["acknowledged", "unacknowledged"] },
  { id: "scaled", name: "scaled", tone: "good", kinds: ["scaled"], isQuiet: true },
];

const OF = new Map(GROUPS.flatMap(({ id, kinds }) => kinds.map((kind) => [kind, id] as const)));

export const groupOf = (kind: string) => OF.get(kind) ?? "fired";

/** Counts of each group for each step. Times are seconds. */
export function density(rows: readonly { time: number; kind: string }[], fromS: number, toS: number, step: number): { times: number[]; values: Map<string, number[]> } {
  const count = Math.max(1, Math.ceil((toS - fromS) / step));
  const times = Array.from({ length: count }, (_, index) => fromS + index * step);
  const values = new Map(GROUPS.map(({ id }) => [id, new Array<number>(count).fill(0)]));
  for (const { time, kind } of rows) {
    const at = Math.floor((time - fromS) / step);
    const list = values.get(groupOf(kind));
    if (list && at >= 0 && at < count) list[at] = (list[at] ?? 0) + 1;
  }
  return { times, values };
}
