/** What becomes one value of many: last, mean, range …; each with the meaning that it has in Grafana. */

import type { Calc } from "@/api/dashboards";
import type { Cell } from "./tables";

const WORDS: Readonly<Record<Calc, string>> = {
  last_not_null: "Last *", last: "Last", first_not_null: "First *", first: "First", min: "Min", max: "Max", mean: "Mean", median: "Median", sum: "Total", count: "Count", range: "Range",
  delta: "Delta", step: "Step", diff: "Difference", diff_percent: "Difference percent", log_min: "Min (above zero)", all_is_zero: "All zeros", all_is_null: "All nulls", change_count: "Change count",
  distinct_count: "Distinct count", variance: "Variance", std_dev: "StdDev", all_values: "All values", unique_values: "All unique values", total: "Total",
  p1: "1st %", p5: "5th %", p10: "10th %", p25: "25th %", p50: "50th %", p75: "75th %", p90: "90th %", p95: "95th %", p99: "99th %",
};
export const calcName = (calc: Calc): string => WORDS[calc];
export const CALCS = Object.keys(WORDS) as Calc[];

const isThere = (value: Cell | undefined): value is number | string | boolean => value !== null && value !== undefined && !(typeof value === "number" && Number.isNaN(value));

export function calculated(calc: Calc, values: readonly Cell[]): Cell {
  const numbers = () => values.filter((value): value is number => typeof value === "number" && !Number.isNaN(value));
  const least = (all: readonly number[]) => all.reduce<number | null>((best, value) => (best === null || value < best ? value : best), null);
  const most = (all: readonly number[]) => all.reduce<number | null>((best, value) => (best === null || value > best ? value : best), null);
  const mean = (all: readonly number[]) => (all.length === 0 ? null : all.reduce((sum, value) => sum + value, 0) / all.length);
  const sortedNumbers = () => numbers().sort((a, b) => a - b);
  // One of the values, the nearest; only the middle of an even number of them is between two.
  const quantile = (share: number) => { const sorted = sortedNumbers(); return sorted[Math.round(share * (sorted.length - 1))] ?? null; };
  const median = () => { const sorted = sortedNumbers(); const half = Math.floor(sorted.length / 2); return sorted.length % 2 === 1 ? sorted[half] ?? null : mean(sorted.slice(half - 1, half + 1)); };
  // Rises, but for those from where it fell to: what a counter was at then is not known.
  const delta = () => {
    let [sum, isRising] = [0, true];
    numbers().forEach((value, index, all) => {
      const before = all[index - 1];
      if (before === undefined) return;
      if (value >= before && isRising) sum += value - before;
      isRising = value >= before;
    });
    return sum;
  };
  const notNull = () => values.filter((value) => value !== null);
  const variance = () => {
    const all = numbers();
    const middle = mean(all);
    return middle === null ? null : all.reduce((sum, value) => sum + (value - middle) ** 2, 0) / all.length;
  };
  switch (calc) {
    case "last_not_null": return values.findLast(isThere) ?? null;
    case "last": return values.at(-1) ?? null;
    case "first_not_null": return values.find(isThere) ?? null;
    case "first": return values[0] ?? null;
    case "min": return least(numbers());
    case "max": return most(numbers());
    case "log_min": return least(numbers().filter((value) => value > 0));
    case "mean": return mean(numbers());
    case "median": return median();
    case "p50": return quantile(0.5);
    case "sum": case "total": return numbers().reduce((sum, value) => sum + value, 0);
    case "count": return notNull().length;
    case "range": { const all = numbers(); const low = least(all); const high = most(all); return low === null || high === null ? null : high - low; }
    case "delta": return delta();
    case "step": return least(numbers().flatMap((value, index, all) => (index === 0 ? [] : [value - (all[index - 1] ?? 0)])));
    case "diff": { const all = numbers(); return all.length === 0 ? null : (all.at(-1) ?? 0) - (all[0] ?? 0); }
    case "diff_percent": { const all = numbers(); const first = all[0]; return first === undefined || first === 0 ? null : (((all.at(-1) ?? 0) - first) / first) * 100; }
    case "all_is_zero": { const all = numbers(); return all.length > 0 && all.every((value) => value === 0); }
    case "all_is_null": return !values.some(isThere);
    case "change_count": return notNull().filter((value, index, all) => index > 0 && value !== all[index - 1]).length;
    case "distinct_count": return new Set(notNull()).size;
    case "variance": return variance();
    case "std_dev": { const all = variance(); return all === null ? null : Math.sqrt(all); }
    case "all_values": return values.map((value) => (value === null ? "" : String(value))).join(", ");
    case "unique_values": return [...new Set(values.filter(isThere))].map(String).join(", ");
    case "p1": return quantile(0.01);
    case "p5": return quantile(0.05);
    case "p10": return quantile(0.1);
    case "p25": return quantile(0.25);
    case "p75": return quantile(0.75);
    case "p90": return quantile(0.9);
    case "p95": return quantile(0.95);
    case "p99": return quantile(0.99);
  }
}
