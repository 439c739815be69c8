/** Severities, the worst first, and the tone of each. */

import type { Tone } from "@/components/State";

const RANKS: Readonly<Record<string, number>> = { emergency: 0, critical: 0, fatal: 0, page: 1, error: 1, high: 1, major: 1, warning: 2, warn: 2, medium: 2, minor: 3, low: 3, info: 4, notice: 4, none: 5, debug: 5 };

/** 0 is the worst; what nobody knows stands behind warnings. */
export const severityRank = (severity: string) => RANKS[severity.toLowerCase()] ?? 3;

export function severityTone(severity: string): Tone {
  const rank = severityRank(severity);
  return rank <= 1 ? "bad" : rank === 2 ? "warn" : rank === 4 ? "info" : "unknown";
}
