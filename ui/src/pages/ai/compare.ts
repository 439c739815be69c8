/** How a thing is now against how it was: by which factor, whether that is more than chance, and how bad it is. */

export interface Pair { now: number | null; before: number | null }
export type Aspect = "failures" | "latency" | "firstToken" | "cost" | "calls";

export interface Change {
  aspect: Aspect;
  /** now / before; Infinity where there was nothing before, null where it cannot be told. */
  factor: number | null;
  /** Whether it is more than the noise of so few calls. */
  isSure: boolean;
  /** How much worse: above 0 is worse. Rows are sorted by it. */
  score: number;
}

/** Below this it is the same. */
export const SAME = 1.1;
/** So few calls tell nothing of a quantile. */
const CALLS_LEAST = 20;
/** Failed shares are compared on top of this: from one in a million to two is no news. */
const SHARE_FLOOR = 0.005;

const log = (factor: number) => Math.log2(Math.min(Math.max(factor, 1 / 1024), 1024));

/** Failed shares: whether both may be the same share by chance is asked with the normal approximation. */
export function failureChange(failed: Pair, calls: Pair): Change {
  const nowCalls = calls.now ?? 0;
  const beforeCalls = calls.before ?? 0;
  if (nowCalls <= 0 || beforeCalls <= 0) return { aspect: "failures", factor: null, isSure: false, score: nowCalls > 0 && (failed.now ?? 0) / nowCalls > 0.05 ? 1 : 0 };
  const now = (failed.now ?? 0) / nowCalls;
  const before = (failed.before ?? 0) / beforeCalls;
  const pooled = ((failed.now ?? 0) + (failed.before ?? 0)) / (nowCalls + beforeCalls);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / nowCalls + 1 / beforeCalls));
  const isSure = error > 0 && Math.abs(now - before) / error >= 2.5;
  const factor = before === 0 ? (now === 0 ? 1 : Infinity) : now / before;
  const change = log((now + SHARE_FLOOR) / (before + SHARE_FLOOR));
  return { aspect: "failures", factor, isSure, score: isSure ? change : change * 0.2 };
}

/** Durations; a change for the better counts less than one for the worse. */
export function durationChange(aspect: "latency" | "firstToken", value: Pair, calls: Pair): Change {
  const least = Math.min(calls.now ?? 0, calls.before ?? 0);
  // The fewer calls, the more a quantile of them moves by chance.
  return plainChange(aspect, value, least >= CALLS_LEAST, 1, 1 + Math.max(0.15, 3 / Math.sqrt(Math.max(least, 1))));
}

/** Money: twice the cost is worth a look, though half as much as twice the time. */
export const costChange = (value: Pair): Change => plainChange("cost", value, (value.now ?? 0) > 0.01, 0.5);

/** Calls: neither good nor bad. */
export const callChange = (value: Pair): Change => plainChange("calls", value, true, 0);

function plainChange(aspect: Aspect, { now, before }: Pair, isEnough: boolean, weight: number, needed = SAME): Change {
  if (now === null || before === null || !Number.isFinite(now) || !Number.isFinite(before)) return { aspect, factor: null, isSure: false, score: 0 };
  const factor = before === 0 ? (now === 0 ? 1 : Infinity) : now / before;
  const isSure = isEnough && (factor >= needed || factor <= 1 / needed);
  return { aspect, factor, isSure, score: log(factor) * weight * (isSure ? 1 : isEnough ? 0.5 : 0.2) };
}

/** The one that got worst; of those that got better the least. */
export function worst(changes: readonly Change[]): Change | null {
  const told = changes.filter((change) => change.factor !== null);
  return told.reduce<Change | null>((most, change) => (most === null || change.score > most.score ? change : most), null);
}

/** `×3.2`, `×0.5`, `new` and `same`. */
export function factorText(factor: number | null): string {
  if (factor === null) return "–";
  if (factor === Infinity) return "new";
  if (factor === 0) return "none now";
  if (factor < SAME && factor > 1 / SAME) return "same";
  return factor >= 10 ? `×${Math.round(factor)}` : factor >= 1 ? `×${factor.toFixed(1)}` : factor >= 0.1 ? `×${factor.toFixed(2)}` : "×<0.1";
}
