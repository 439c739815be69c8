/** What a pool cost over a time, and for how long it had too few. */

type Values = readonly (number | null)[];

export interface Cost {
  /** Seconds of which it is known how many workers were ready. */
  measured: number;
  ready: number;
  /** Worker-seconds that the decisions would have had. */
  wanted: number;
  busy: number;
  /** Seconds with fewer ready than were decided. */
  short: number;
  /** Seconds in which work waited while all places were busy. */
  waiting: number;
  /** The most that was ready at a time. */
  most: number;
}

/** Sums over times that are a step apart; a time without a value counts for nothing. */
export function costOf(step: number, slots: number, { ready, desired, busy, waiting }: { ready: Values; desired: Values; busy: Values; waiting: Values }): Cost {
  const cost: Cost = { measured: 0, ready: 0, wanted: 0, busy: 0, short: 0, waiting: 0, most: 0 };
  ready.forEach((there, index) => {
    if (there === null || !Number.isFinite(there)) return;
    cost.measured += step;
    cost.ready += there * step;
    cost.most = Math.max(cost.most, there);
    const wanted = desired[index] ?? null;
    const used = busy[index] ?? null;
    if (wanted !== null) {
      cost.wanted += wanted * step;
      if (there < wanted) cost.short += step;
    }
    if (used !== null) {
      cost.busy += (used / Math.max(1, slots)) * step;
      if ((waiting[index] ?? 0) > 0 && used >= there * slots) cost.waiting += step;
    }
  });
  return cost;
}

/** `3.4 worker hours`. */
export function workerTime(seconds: number): string {
  const hours = seconds / 3600;
  return `${hours >= 100 ? Math.round(hours).toLocaleString("en") : Number(hours.toPrecision(3))} h`;
}
