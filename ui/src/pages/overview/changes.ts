/** What changed, in plain words: alerts, scaling, restarts and states of entities as one list, the newest first. */

import type { Frame } from "@/api/prometheus";
import type { TimelineRow } from "@/api/own";
import { type Tone, toneOf } from "@/components/State";
import { entityTitle } from "@/components/map/graph";
import { severityTone } from "./verdict";

export interface Change {
  id: string;
  timeMs: number;
  tone: Tone;
  /** What it is about, and what became of it. */
  subject: string;
  words: string;
  more?: string;
  to: { page: "entity"; entity: string } | { page: "alert"; fingerprint: string } | { page: "scaling"; scaler: string } | { page: "targets" } | null;
}

/** Kinds of rows that people want to know of; the others are steps on the way. */
export const TOLD_KINDS = ["firing", "resolved", "silenced", "muted", "inhibited", "notify_failed", "acknowledged", "scaled"] as const;

const ALERT_WORDS: Readonly<Record<string, string>> = {
  firing: "fires", resolved: "is over", silenced: "is silenced", muted: "is muted", inhibited: "is held back: another alert explains it", notify_failed: "could not be told to", acknowledged: "is acknowledged",
};

export function alertChanges(rows: readonly TimelineRow[]): Change[] {
  return rows.filter((row) => row.kind !== "scaled" && row.kind in ALERT_WORDS).map((row): Change => {
    const { alertname = "an alert", severity = "" } = row.labels;
    const about = row.labels["entity"] ? `of ${entityTitle(row.labels["entity"]).title} ` : "";
    const words = ALERT_WORDS[row.kind] ?? row.kind;
    return {
      id: `${row.kind}-${row.fingerprint}-${row.time}`,
      timeMs: row.time * 1000,
      tone: row.kind === "firing" ? severityTone(severity) : row.kind === "notify_failed" ? "bad" : row.kind === "resolved" ? "good" : "unknown",
      subject: alertname,
      words: row.kind === "notify_failed" ? `${about}${words} ${row.receiver ?? "a receiver"}` : `${about}${words}`,
      ...(row.kind === "notify_failed" || row.kind === "acknowledged" ? { more: row.cause ?? "" } : {}),
      to: { page: "alert", fingerprint: row.fingerprint },
    };
  });
}

/** Steps of a scaler that follow each other within this are one. */
const SCALING_TOGETHER_MS = 300_000;

export function scalingChanges(rows: readonly TimelineRow[]): Change[] {
  const changes: (Change & { from: number; until: number; low: number; high: number; steps: number; scaler: string; lastMs: number })[] = [];
  for (const row of rows.filter(({ kind }) => kind === "scaled").sort((a, b) => a.time - b.time)) {
    const scaler = row.labels["scaler"] ?? "";
    const detail = (row.detail ?? {}) as { from?: unknown; to?: unknown; dryRun?: unknown };
    const { from, to } = detail;
    if (typeof from !== "number" || typeof to !== "number") continue;
    const timeMs = row.time * 1000;
    const last = changes.findLast((one) => one.scaler === scaler);
    if (last && timeMs - last.lastMs <= SCALING_TOGETHER_MS) {
      last.until = to;
      last.low = Math.min(last.low, to);
      last.high = Math.max(last.high, to);
      last.steps += 1;
      last.lastMs = timeMs;
      last.timeMs = timeMs;
    } else {
      changes.push({ id: `scaled-${scaler}-${row.time}`, timeMs, lastMs: timeMs, tone: "info", subject: scaler, words: detail.dryRun === true ? "dry" : "", from, until: to, low: Math.min(from, to), high: Math.max(from, to), steps: 1, scaler, to: { page: "scaling", scaler } });
    }
  }
  return changes.map(({ from, until, low, high, steps, words, id, timeMs, tone, subject, to }) => ({
    id, timeMs, tone, subject, to,
    words: `${words === "dry" ? "would get" : "gets"} ${until} workers in place of ${from}`,
    ...(steps > 1 ? { more: `in ${steps} steps${low < Math.min(from, until) || high > Math.max(from, until) ? `, between ${low} and ${high}` : ""}` } : {}),
  }));
}

/** Of `bellwether_entity_state` over time: when which state began. What was so at the start is no change. */
export function entityChanges(frame: Frame): Change[] {
  const byEntity = new Map<string, { state: string; values: readonly (number | null)[] }[]>();
  for (const { labels, values } of frame.series) {
    const { entity, state } = labels;
    if (entity !== undefined && state !== undefined) byEntity.set(entity, [...(byEntity.get(entity) ?? []), { state, values }]);
  }
  const changes: Change[] = [];
  for (const [entity, states] of byEntity) {
    let old: string | null = null;
    let own: Change[] = [];
    frame.times.forEach((time, index) => {
      const now = states.find(({ values }) => values[index] === 1)?.state ?? null;
      if (now === null) return;
      if (old !== null && old !== now) {
        const { title } = entityTitle(entity);
        own.push({ id: `entity-${entity}-${time}`, timeMs: time * 1000, tone: toneOf(now), subject: title, words: now === "up" ? `is up again (was ${old})` : `is ${now === "unknown" ? "in an unknown state" : now} (was ${old})`, to: { page: "entity", entity } });
      }
      old = now;
    });
    const last = own.at(-1);
    // What flaps is one row.
    if (own.length > 4 && last) own = [{ ...last, words: `${last.words}; changed ${own.length} times` }];
    changes.push(...own);
  }
  return changes;
}

export function restartChanges(frame: Frame, sinceS: number): Change[] {
  return frame.series.flatMap(({ labels, values }) => {
    const started = values.findLast((value) => value !== null) ?? 0;
    const { job = "", instance = "" } = labels;
    return started < sinceS ? [] : [{ id: `restart-${job}-${instance}-${started}`, timeMs: started * 1000, tone: "info" as const, subject: job === instance ? job : `${job} (${instance})`, words: "was started", to: { page: "targets" as const } }];
  });
}

export const newestFirst = (changes: readonly Change[]): Change[] => [...changes].sort((a, b) => b.timeMs - a.timeMs);
