/** What was compared, in words. */

import type { Differences } from "@/api/differences";
import { formatValue, type Unit, unitOf } from "@/lib/units";

export type Counted = Pick<Differences, "measure" | "metric" | "band">;

/** What was counted, as more than one. */
export function countedWords({ measure, metric, band }: Counted): string {
  switch (measure) {
    case "increase": return "increases";
    case "mean": return "values";
    case "points": return "times within these values";
    case "observations": {
      const told = (bound: number) => formatValue(bound, unitOf(metric ?? ""));
      const low = band?.low ?? null;
      const high = band?.high ?? null;
      if (low === null) return high === null ? "values" : `values up to ${told(high)}`;
      return high === null ? `values above ${told(low)}` : `values from ${told(low)} to ${told(high)}`;
    }
  }
}

/** The unit of how high something is; `unit` is that of the query. */
export const unitOfLevels = ({ metric }: Counted, unit: Unit): Unit => (metric === null ? unit : unitOf(metric));

/** The unit of what was compared. */
export const unitOfCounted = (counted: Counted, unit: Unit): Unit => (counted.measure === "mean" || counted.measure === "increase" ? unitOfLevels(counted, unit) : "short");

/** How much of it there was. */
export function amount(counted: Counted, value: number | null, unit: Unit): string {
  const text = formatValue(value, unitOfCounted(counted, unit));
  switch (counted.measure) {
    case "increase": return `an increase of ${text}`;
    case "mean": return `${text} on average`;
    case "points": case "observations": return `${text} ${countedWords(counted)}`;
  }
}
