/** What is asked about forecasts: how they stand, the series that they speak of, and what was foretold before. */

import type { UseQueryResult } from "@tanstack/react-query";
import { useNowQuery } from "@/api/hooks";
import { type Forecasts, get } from "@/api/own";
import { labelName, type Labels, quoted, selector } from "@/lib/labels";

export const useForecasts = (): UseQueryResult<Forecasts> => useNowQuery(["forecasts"], async (signal) => (await get("/api/bellwether/v1/forecasts", { signal })).forecasts);

/** One series of a query: the others are computed and left out. */
export function oneSeries(query: string, labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return query;
  const wanted = names.reduce((inner, name) => `label_replace(${inner}, ${quoted(name)}, ${quoted((labels[name] ?? "").replaceAll("$", "$$$$"))}, "", "")`, "vector(1)");
  // The query may end in a remark.
  return `(${query}\n) and on (${names.map((name) => labelName(name)).join(", ")}) ${wanted}`;
}

/** Names of labels that forecasts use themselves. */
const TAKEN = new Set(["forecast", "horizon", "quantile"]);

/** Selects what is written about one series of a forecast. */
export function written(metric: string, forecast: string, labels: Labels, more: Labels = {}): string {
  const own = Object.fromEntries(Object.entries(labels).map(([name, value]) => [TAKEN.has(name) ? `exported_${name}` : name, value]));
  return selector(metric, { forecast, ...own, ...more });
}
