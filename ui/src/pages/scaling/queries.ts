/** What is asked about pools: scalers, their decisions in the timeline, and their series over the page's time. */

import type { UseQueryResult } from "@tanstack/react-query";
import { useInstantQuery, useNowQuery, useRangeQueries } from "@/api/hooks";
import { get, type Scalers, type TimelineRow } from "@/api/own";
import { type Frame, stepFor } from "@/api/prometheus";
import { type Labels, quoted, selector } from "@/lib/labels";
import { useRange } from "@/state/range";
import type { Scaler } from "./words";

export const useScalers = (): UseQueryResult<Scalers> => useNowQuery(["scalers"], async (signal) => (await get("/api/bellwether/v1/scalers", { signal })).scalers);

export interface Change { time: number; from: number | null; to: number; reason: string; text: string; isDryRun: boolean; wanted: object }

/** A row of the timeline as a change; null where it is none. */
export function changeOf(row: TimelineRow): Change | null {
  const detail = (row as { detail?: unknown }).detail;
  if (typeof detail !== "object" || detail === null) return null;
  const { from, to, reason, dryRun, wanted } = detail as Record<string, unknown>;
  if (typeof to !== "number") return null;
  return { time: row.time, from: typeof from === "number" ? from : null, to, reason: typeof reason === "string" ? reason : "", text: row.cause ?? "", isDryRun: dryRun === true, wanted: typeof wanted === "object" && wanted !== null ? wanted : {} };
}

const CHANGES_MAX = 500;

export function useChanges(scaler: string): UseQueryResult<Change[]> {
  const { fromS, toS, text } = useRange();
  // A span that ends now is the same question for half a minute.
  const [start, end] = text.to === "now" ? [Math.floor(fromS / 30) * 30, undefined] : [fromS, toS];
  return useNowQuery(["timeline", "scaled", scaler, start, end ?? "now"], async (signal) => {
    const { rows } = await get("/api/bellwether/v1/timeline", { params: { kind: "scaled", filter: `scaler=${quoted(scaler)}`, start, end, limit: CHANGES_MAX }, signal });
    return rows.flatMap((row) => changeOf(row) ?? []);
  });
}

export interface PoolFrames { desired: UseQueryResult<Frame>; workers: UseQueryResult<Frame>; wanted: UseQueryResult<Frame>; signals: UseQueryResult<Frame>; reasons: UseQueryResult<Frame>; step: number }

/** All series of a scaler on one row of times. */
export function usePoolFrames(scaler: Scaler): PoolFrames {
  const { fromS, toS } = useRange();
  const step = stepFor(fromS, toS, 240, Math.max(1, Math.min(15, scaler.interval)));
  const of = (metric: string) => selector(metric, { scaler: scaler.name });
  const [desired, workers, wanted, signals, reasons] = useRangeQueries([of("bellwether_scaler_desired_workers"), of("bellwether_scaler_workers"), of("bellwether_scaler_wanted_workers"), of("bellwether_scaler_signal"), of("bellwether_scaler_decision_reason")], { step }) as [UseQueryResult<Frame>, UseQueryResult<Frame>, UseQueryResult<Frame>, UseQueryResult<Frame>, UseQueryResult<Frame>];
  return { desired, workers, wanted, signals, reasons, step };
}

export const valuesOf = (frame: Frame | undefined, label: string, value: string): (number | null)[] | null => frame?.series.find(({ labels }) => labels[label] === value)?.values ?? null;

/** The series that says how old the oldest waiting work is: one that names the pool, or the only one that there is. */
export function useOldest(scaler: string): { metric: string; labels: Labels } | null {
  const found = useInstantQuery('{__name__=~".*(queue|waiting).*oldest.*seconds"}');
  const samples = found.data?.samples ?? [];
  const own = samples.find(({ labels }) => Object.entries(labels).some(([name, value]) => name !== "__name__" && value === scaler)) ?? (samples.length === 1 ? samples[0] : undefined);
  if (!own) return null;
  const { __name__: metric = "", ...labels } = own.labels;
  return { metric, labels };
}

/** Webhooks are told of in the server's own counters only. */
export function useHasWebhook(scaler: string): boolean {
  const found = useInstantQuery(selector("bellwether_scaler_webhook_requests_total", { scaler }));
  return (found.data?.samples.length ?? 0) > 0;
}
