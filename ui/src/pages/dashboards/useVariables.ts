/** The variables of a dashboard, with what can be and what is chosen. */

import { useCallback, useMemo } from "react";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { Dashboard } from "@/api/dashboards";
import { configText } from "@/api/prometheus";
import { parseDurationMs } from "@/lib/duration";
import { useRange } from "@/state/range";
import { useSettings } from "@/state/settings";
import { type Board } from "./board";
import { adHocOf, type Picked, resolveVariables, type ResolvedVariable } from "./variables";
import { percentEncoded } from "./substitute";

/** What Prometheus takes where nothing is said. */
const SCRAPE_S = 15;

/** How often is scraped, by the configuration. */
function useScrapeInterval(): number {
  const config = useQuery({ queryKey: ["scrape-interval"], queryFn: async ({ signal }) => (parseDurationMs(/^\s+scrape_interval:\s*(\S+)/m.exec(await configText(signal))?.[1] ?? "") ?? SCRAPE_S * 1000) / 1000, staleTime: Infinity, retry: false });
  return config.data ?? SCRAPE_S;
}

/** Values that stand in the address as `var-NAME`. */
export function pickedOf(search: Readonly<Record<string, unknown>>): Picked {
  return Object.fromEntries(Object.entries(search).flatMap(([name, value]) => (name.startsWith("var-") ? [[name.slice(4), Array.isArray(value) ? value.map(String) : [String(value)]]] : [])));
}

export interface Variables {
  resolved: readonly ResolvedVariable[];
  board: Board | null;
  isFetching: boolean;
  set: (name: string, values: readonly string[] | null) => void;
}

export function useVariables(dashboard: Dashboard, search: Readonly<Record<string, unknown>>, isReady: boolean): Variables {
  const range = useRange();
  const navigate = useNavigate();
  const client = useQueryClient();
  const scrapeS = useScrapeInterval();
  const { timeZone } = useSettings();
  const zone = dashboard.timeZone === "utc" ? "UTC" : dashboard.timeZone === "browser" || dashboard.timeZone === "" ? timeZone : dashboard.timeZone;
  const pickedText = JSON.stringify(pickedOf(search));
  // The range counts by minutes: a refresh is no other question.
  const [fromMs, toMs] = [Math.floor(range.fromMs / 60_000) * 60_000, Math.ceil(range.toMs / 60_000) * 60_000];
  const answer = useQuery({
    queryKey: ["variables", dashboard.uid, JSON.stringify(dashboard.variables), pickedText, fromMs, toMs],
    queryFn: () => resolveVariables({
      dashboard, picked: JSON.parse(pickedText) as Picked, fromMs, toMs, scrapeS, zone,
      keep: (key, run) => client.query({ queryKey: key, queryFn: ({ signal }) => run(signal), staleTime: 60_000, retry: false }),
    }),
    enabled: isReady, staleTime: 30_000, retry: false,
    placeholderData: (old, query) => (query?.queryKey[1] === dashboard.uid ? keepPreviousData(old) : undefined),
  });
  const chosenText = JSON.stringify(answer.data?.map(({ variable, picked, chosen, options }) => [variable.name, variable.kind, picked, chosen, variable.kind === "adhoc" ? [] : options.length]));
  const resolved = useMemo(() => answer.data ?? [], [answer.data]);
  const board = useMemo((): Board | null => {
    if (answer.data === undefined) return null;
    return {
      dashboard, scrapeS, zone,
      chosen: new Map(answer.data.filter(({ variable }) => variable.kind !== "adhoc").map(({ variable, chosen }) => [variable.name, chosen])),
      adHoc: answer.data.flatMap(({ variable, picked }) => (variable.kind === "adhoc" ? adHocOf(picked) : [])),
      variablesText: answer.data.flatMap(({ variable, picked }) => picked.map((value) => `var-${variable.name}=${percentEncoded(value)}`)).join("&"),
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `chosenText` says what is chosen: the same choice is the same board
  }, [chosenText, dashboard, scrapeS, zone]);
  const set = useCallback((name: string, values: readonly string[] | null) => {
    void navigate({ to: ".", search: (old: Record<`var-${string}`, string | string[] | undefined>) => ({ ...old, [`var-${name}`]: values === null || values.length === 0 ? undefined : values.length === 1 ? values[0] : [...values] }) });
  }, [navigate]);
  return { resolved, board, isFetching: answer.isFetching, set };
}
