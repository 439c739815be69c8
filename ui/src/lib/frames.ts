/** Arithmetic on the values of series, each at the times of its frame. */

import type { Labels } from "./labels";

type Values = readonly (number | null)[];
interface HasValues { values: Values }

/** Of the series of all groups those that are of one. */
export const isOf = (labels: Labels, group: Labels): boolean => Object.entries(group).every(([name, value]) => labels[name] === value);

/** Values added up along the times, over those without a value. */
export function cumulated(values: Values): (number | null)[] {
  let sum = 0;
  let hasBegun = false;
  return values.map((value) => {
    if (value !== null && Number.isFinite(value)) {
      sum += value;
      hasBegun = true;
    }
    return hasBegun ? sum : null;
  });
}

/** The sum of several series at each time. */
export function added(all: readonly HasValues[], count: number): (number | null)[] {
  const sums = new Array<number | null>(count).fill(null);
  for (const { values } of all) {
    values.forEach((value, index) => {
      if (value !== null && Number.isFinite(value)) sums[index] = (sums[index] ?? 0) + value;
    });
  }
  return sums;
}

/** Times without a value after the first that has one, as spans: not measured. */
export function gaps(times: readonly number[], values: Values, step: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  const first = values.findIndex((value) => value !== null);
  if (first < 0) return found;
  let from: number | null = null;
  for (const [index, value] of values.entries()) {
    if (index < first) continue;
    const time = times[index] ?? 0;
    if (value === null) from ??= time - step;
    else if (from !== null) {
      found.push({ from, to: time - step });
      from = null;
    }
  }
  // The newest interval is counted only after its end: its absence says nothing yet.
  if (from !== null && (times.at(-1) ?? 0) - from > 2 * step) found.push({ from, to: times.at(-1) ?? from });
  return found.filter((gap) => gap.to > gap.from);
}

/** Times at which something holds, as spans: from the first of them to the step after the last. */
export function spansWhere(times: readonly number[], values: Values, step: number, holds: (value: number) => boolean): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  values.forEach((value, index) => {
    if (value === null || !holds(value)) return;
    const time = times[index] ?? 0;
    const last = found.at(-1);
    if (last && time - last.to < step * 0.5) last.to = time + step;
    else found.push({ from: time, to: time + step });
  });
  return found;
}
