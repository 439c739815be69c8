/** Where a logarithmic axis may have marks: one to nine times each power of ten, and only powers over very many. */

import type uPlot from "uplot";

/** More powers than this have one mark each. */
const POWERS_WITH_PARTS = 40;

/**
 * uPlot's own begin at the axis' end and add up: from 0.0000095 they miss 0.00001 and never end.
 * Ends of an axis that is not above zero have none.
 */
export function logSplits(low: number, high: number): number[] {
  if (!(low > 0) || !Number.isFinite(high) || high < low) return [];
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const parts = last - first > POWERS_WITH_PARTS ? [1] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const splits: number[] = [];
  for (let power = first; power <= last; power += 1) {
    // As text, so that it is the number that people would write.
    for (const part of parts) splits.push(Number(`${part}e${power}`));
  }
  return splits.filter((split) => split >= low && split <= high);
}

/** The marks, as an axis of uPlot takes them. */
export const LOGARITHMIC: Pick<uPlot.Axis, "splits"> = { splits: (_, __, low, high) => logSplits(low, high) };
