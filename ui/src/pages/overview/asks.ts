/** What the overview asks, under the keys that other pages use as well. */

import { ApiError, ask } from "@/api/client";
import type { AmAlert } from "@/api/alertmanager";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { queryRange } from "@/api/prometheus";

export { useEntities } from "@/api/entities";

export const useObjectives = () => useNowQuery(["objectives"], async (signal) => (await get("/api/bellwether/v1/objectives", { signal })).objectives);
export const useForecasts = () => useNowQuery(["forecasts"], async (signal) => (await get("/api/bellwether/v1/forecasts", { signal })).forecasts, { everyMs: 30_000 });
export const useFiring = () => useNowQuery(["alerts", "firing"], (signal) => ask<AmAlert[]>("/am/api/v2/alerts", { params: { silenced: false, inhibited: false, active: true }, signal }));

/** Of the answer of `/status`, what the overview looks at. */
export interface ServerStatus {
  targets?: { up: number; down: number; unknown: number };
  storage?: { headSeries: number; seriesBySource?: { name: string; value: number }[] };
}
export const useStatus = () => useNowQuery(["status"], (signal) => ask<ServerStatus>("/api/bellwether/v1/status", { signal }));

const HOUR_S = 3_600;
const STEP_S = 15;

/** Rows of the timeline of the last hour. */
export const useHour = (kinds: readonly string[]) => useNowQuery(["timeline", "hour", ...kinds], async (signal) => (await get("/api/bellwether/v1/timeline", { params: { start: String(Math.floor(Date.now() / 1000) - HOUR_S), kind: kinds.join(","), limit: 500 }, signal })).rows);

/** A query over the last hour, whatever time the page looks at. `key`: what makes it old. */
export const useHourOf = (key: string, query: string) => useNowQuery([key, "hour-of", query], (signal) => {
  const now = Math.floor(Date.now() / 1000);
  return queryRange(query, now - HOUR_S, now, STEP_S, signal);
}, { everyMs: 30_000 });

/** This server has no such thing: not configured, or older than the page. */
export const isAbsent = (error: unknown) => error instanceof ApiError && (error.status === 404 || error.status === 503 || error.kind === "unavailable");
