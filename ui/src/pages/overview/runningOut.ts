/** Forecasts that reach their limit: when, and how sure that is. */

import type { Forecasts } from "@/api/own";
import type { Labels } from "@/lib/labels";
import type { Tone } from "@/components/State";

export interface RunningOut {
  name: string;
  labels: Labels;
  /** Seconds until the limit; 0: it is reached. The range in which it is with 80 %. */
  seconds: number;
  soonest: number | null;
  latest: number | null;
  probability: number;
  limit: number;
  value: number | null;
  tone: Tone;
}

/** What is not reached with this chance at least is no news. */
const LIKELY = 0.5;

export function runningOut(forecasts: Forecasts): RunningOut[] {
  const found = forecasts.flatMap((forecast) => (forecast.series ?? []).flatMap((series): RunningOut[] => {
    const { exhaustion } = series;
    const median = exhaustion?.medianSeconds ?? null;
    if (!exhaustion || median === null || exhaustion.probability < LIKELY) return [];
    const quantiles = exhaustion.quantilesSeconds as Record<string, number | null>;
    const known = Object.entries(quantiles).map(([share, seconds]) => [Number(share), seconds] as const).sort(([a], [b]) => a - b);
    return [{
      name: forecast.name, labels: series.labels, seconds: median, soonest: known[0]?.[1] ?? null, latest: known.at(-1)?.[1] ?? null, probability: exhaustion.probability, limit: exhaustion.limit, value: series.lastValue,
      tone: median <= 3_600 ? "bad" : median <= 86_400 ? "warn" : "info",
    }];
  }));
  return found.sort((a, b) => a.seconds - b.seconds);
}
