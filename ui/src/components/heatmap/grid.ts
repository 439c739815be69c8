/** Histograms over time as cells: for each column the buckets with their exact bounds. From native and from classic histograms. */

import type { PackedHistograms } from "@/api/frames";
import type { Labels } from "@/lib/labels";
import { parseNumber } from "@/api/prometheus";

export interface HeatGrid {
  /** Ends of the columns, seconds since 1970; each reaches back by `step`. */
  times: readonly number[];
  step: number;
  /** `offsets[i]` to `offsets[i + 1]` are the cells of the i-th column, rising. */
  offsets: Uint32Array;
  lows: Float64Array;
  highs: Float64Array;
  amounts: Float64Array;
  most: number;
  /** Least and largest finite bounds above zero, and whether some are not. */
  low: number;
  high: number;
  hasNegative: boolean;
  hasInfinite: boolean;
  cells: number;
}

interface Cell { low: number; high: number; amount: number }

function made(times: readonly number[], step: number, columns: readonly (readonly Cell[])[]): HeatGrid {
  const cells = columns.reduce((sum, column) => sum + column.length, 0);
  const grid: HeatGrid = {
    times, step, offsets: new Uint32Array(columns.length + 1), lows: new Float64Array(cells), highs: new Float64Array(cells), amounts: new Float64Array(cells),
    most: 0, low: Infinity, high: 0, hasNegative: false, hasInfinite: false, cells,
  };
  let at = 0;
  columns.forEach((column, index) => {
    for (const cell of column) {
      grid.lows[at] = cell.low;
      grid.highs[at] = cell.high;
      grid.amounts[at] = cell.amount;
      at += 1;
    }
    grid.offsets[index + 1] = at;
  });
  return measured(grid);
}

/** Below this a bound is that of the bucket around zero. */
const ZERO = 1e-100;

function measured(grid: HeatGrid): HeatGrid {
  for (let at = 0; at < grid.cells; at += 1) {
    const low = grid.lows[at] ?? 0;
    const high = grid.highs[at] ?? 0;
    const amount = grid.amounts[at] ?? 0;
    if (amount > grid.most) grid.most = amount;
    if (low < -ZERO) grid.hasNegative = true;
    if (!Number.isFinite(high) || !Number.isFinite(low)) grid.hasInfinite = true;
    // A bucket that begins at zero, or that has no end, ends the axis where its other bound is.
    for (const bound of [low, high]) {
      const size = Math.abs(bound);
      if (!Number.isFinite(bound) || size <= ZERO) continue;
      if (size < grid.low) grid.low = size;
      if (size > grid.high) grid.high = size;
    }
  }
  if (!Number.isFinite(grid.low)) grid.low = 0.1;
  if (grid.high <= grid.low) grid.high = grid.low * 10;
  return grid;
}

/** Of native histograms; of several series the cells are added up. */
export function nativeGrid(all: readonly PackedHistograms[], times: readonly number[], step: number): HeatGrid {
  const start = times[0] ?? 0;
  const [only] = all;
  if (all.length === 1 && only) return takenOver(only, times, step);
  const columns: Cell[][] = times.map(() => []);
  const sums = all.length > 1 ? times.map(() => new Map<number, Cell>()) : null;
  for (const one of all) {
    for (let index = 0; index < one.times.length; index += 1) {
      const at = Math.round(((one.times[index] ?? 0) - start) / step);
      const column = columns[at];
      if (!column) continue;
      for (let place = one.offsets[index] ?? 0; place < (one.offsets[index + 1] ?? 0); place += 1) {
        const cell = { low: one.lows[place] ?? 0, high: one.highs[place] ?? 0, amount: one.amounts[place] ?? 0 };
        const known = sums?.[at]?.get(cell.high);
        // Buckets of another resolution stand beside: their bounds are as they were measured.
        if (known && known.low === cell.low) known.amount += cell.amount;
        else {
          column.push(cell);
          sums?.[at]?.set(cell.high, cell);
        }
      }
    }
  }
  if (sums) for (const column of columns) column.sort((a, b) => a.low - b.low || a.high - b.high);
  return made(times, step, columns);
}

/** The columns of one series as they came: nothing is copied but where columns begin. */
function takenOver(one: PackedHistograms, times: readonly number[], step: number): HeatGrid {
  const start = times[0] ?? 0;
  const offsets = new Uint32Array(times.length + 1);
  let source = 0;
  for (let column = 0; column < times.length; column += 1) {
    while (source < one.times.length && Math.round(((one.times[source] ?? 0) - start) / step) < column) source += 1;
    const isHere = source < one.times.length && Math.round(((one.times[source] ?? 0) - start) / step) === column;
    offsets[column] = one.offsets[source] ?? 0;
    offsets[column + 1] = one.offsets[isHere ? source + 1 : source] ?? 0;
  }
  return measured({ times, step, offsets, lows: one.lows, highs: one.highs, amounts: one.amounts, most: 0, low: Infinity, high: 0, hasNegative: false, hasInfinite: false, cells: one.amounts.length });
}

interface Classic { labels: Labels; values: readonly (number | null)[] }

/** Of classic histograms, whose buckets hold all that is below them; of several with the same bound the counts are added up. */
export function classicGrid(series: readonly Classic[], times: readonly number[], step: number): HeatGrid {
  const byBound = new Map<number, Classic[]>();
  for (const one of series) {
    const bound = parseNumber(one.labels["le"] ?? "");
    if (Number.isNaN(bound)) continue;
    byBound.set(bound, [...(byBound.get(bound) ?? []), one]);
  }
  const bounds = [...byBound.keys()].sort((a, b) => a - b);
  const columns = times.map((_, index) => {
    const column: Cell[] = [];
    let below = 0;
    let low = (bounds[0] ?? 0) > 0 ? 0 : -Infinity;
    for (const high of bounds) {
      let upTo = 0;
      for (const one of byBound.get(high) ?? []) {
        const value = one.values[index] ?? 0;
        if (Number.isFinite(value)) upTo += value;
      }
      // Rounding, and scrapes in between, can make a bucket fall.
      const amount = upTo - below;
      if (amount > 1e-9) column.push({ low, high, amount });
      below = Math.max(below, upTo);
      low = high;
    }
    return column;
  });
  return made(times, step, columns);
}

export interface Found { column: number; cell: number; low: number; high: number; amount: number; total: number }

/** Which cell is at a time and a value; where there is none, `cell` is −1. */
export function cellAt(grid: HeatGrid, time: number, value: number, bounds: (cell: number) => [number, number]): Found | null {
  const column = Math.ceil((time - (grid.times[0] ?? 0)) / grid.step) + 0;
  if (column < 0 || column >= grid.times.length) return null;
  let total = 0;
  let cell = -1;
  for (let at = grid.offsets[column] ?? 0; at < (grid.offsets[column + 1] ?? 0); at += 1) {
    total += grid.amounts[at] ?? 0;
    const [low, high] = bounds(at);
    if (value > low && value <= high) cell = at;
  }
  return { column, cell, low: grid.lows[cell] ?? NaN, high: grid.highs[cell] ?? NaN, amount: grid.amounts[cell] ?? 0, total };
}
