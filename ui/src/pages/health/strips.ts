/** Answers over time as blocks of a strip. */

import type { Frame } from "@/api/prometheus";
import type { StripBlock } from "@/components/map/StateStrip";
import { toneOf } from "@/components/State";
import { quoted } from "@/lib/labels";
import { formatValue } from "@/lib/units";

/** Blocks of the strip in a list. */
export const BLOCKS = 60;

export const successQuery = (step: number, probe?: string) => `avg by (probe) (avg_over_time(probe_success{job="probes"${probe === undefined ? "" : `,probe=${quoted(probe)}`}}[${step}s]))`;
export const degradedQuery = (step: number, probe?: string) => `max by (probe) (max_over_time(probe_degraded{job="probes"${probe === undefined ? "" : `,probe=${quoted(probe)}`}}[${step}s]))`;
export const stateQuery = (step: number, entity: string) => `max by (state) (max_over_time(bellwether_entity_state{entity=${quoted(entity)}}[${step}s]))`;

type Time = (ms: number) => string;
const span = (frame: Frame, index: number, time: Time) => `${time(((frame.times[index] ?? 0) - frame.step) * 1000)} to ${time((frame.times[index] ?? 0) * 1000)}`;

/** Of every probe, how its checks went in each step. */
export function probeStrips(success: Frame | undefined, degraded: Frame | undefined, time: Time): ReadonlyMap<string, StripBlock[]> {
  const strips = new Map<string, StripBlock[]>();
  if (!success) return strips;
  const slow = new Map(degraded?.series.map((series) => [series.labels["probe"] ?? "", series.values]));
  for (const { labels, values } of success.series) {
    const probe = labels["probe"] ?? "";
    strips.set(probe, success.times.map((_, index): StripBlock => {
      const share = values[index] ?? null;
      const when = span(success, index, time);
      if (share === null) return { tone: "none", label: when, more: "no checks" };
      if (share < 1) return { tone: "bad", bad: 1 - share, label: when, more: share === 0 ? "every check failed" : `${formatValue(1 - share, "ratio")} of checks failed` };
      return (slow.get(probe)?.[index] ?? 0) > 0 ? { tone: "warn", label: when, more: "degraded" } : { tone: "good", label: when, more: "every check succeeded" };
    }));
  }
  return strips;
}

const WORST = ["down", "degraded", "unknown", "up"] as const;

/** Of one entity, the worst state of each step. */
export function entityStrip(frame: Frame, time: Time): StripBlock[] {
  return frame.times.map((_, index): StripBlock => {
    const state = WORST.find((word) => frame.series.some(({ labels, values }) => labels["state"] === word && values[index] === 1));
    const when = span(frame, index, time);
    return state === undefined ? { tone: "none", label: when, more: "nothing is known" } : { tone: toneOf(state), label: when, more: state };
  });
}

/** For how much of the measured time each state was the worst. */
export function stateShares(blocks: readonly StripBlock[]): { known: number; up: number } {
  const known = blocks.filter(({ tone }) => tone !== "none");
  return { known: known.length / Math.max(1, blocks.length), up: known.filter(({ tone }) => tone === "good").length / Math.max(1, known.length) };
}
