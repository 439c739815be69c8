/** Asks for the AI series: which there are, and the rows of each kind now and before. */

import { useMemo } from "react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ask } from "@/api/client";
import { useEntities as useAllEntities } from "@/api/entities";
import { useInstantQuery, useNowQuery } from "@/api/hooks";
import type { Entity } from "@/api/own";
import { labelNames, labelValues, queryInstant } from "@/api/prometheus";
import { durationText } from "@/lib/duration";
import { type Labels, quoted } from "@/lib/labels";
import { useRange } from "@/state/range";
import { type Catalog, CATALOG_PATTERN, catalogOf } from "./catalog";
import { type Kind, type Row, rowsOf, rowsQuery, totalsQuery, type Windows } from "./rows";

/** Against what: the last minutes against an hour before, or the whole span against the one before it. */
export type Against = "hour" | "span";

const NOW_S = 300;
const HOUR_S = 3_600;

export function useCatalog() {
  const { fromS, toS } = useRange();
  const to = Math.ceil(toS / 60) * 60;
  const from = Math.floor(fromS / HOUR_S) * HOUR_S - HOUR_S;
  return useQuery({
    queryKey: ["ai", "catalog", from, to],
    queryFn: async ({ signal }): Promise<Catalog> => {
      const match = [`{__name__=~${quoted(CATALOG_PATTERN)}}`];
      const [names, counts, labels] = await Promise.all([
        labelValues("__name__", match, from, to, signal),
        queryInstant(`count by (__name__) (${match[0] ?? ""})`, to, signal),
        labelNames(match, from, to, signal),
      ]);
      const known = new Map(names.map((name) => [name, 0]));
      for (const sample of counts.samples) known.set(sample.labels["__name__"] ?? "", sample.value ?? 0);
      return catalogOf(known, labels);
    },
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}

/** The two stretches of time, and words for them. */
export function useWindows(against: Against): Windows & { words: string; atS: number } {
  const { fromS, toS } = useRange();
  const span = Math.max(60, Math.round((toS - fromS) / 60) * 60);
  // Neighbouring moments are one question.
  const atS = Math.floor(toS / 15) * 15;
  return useMemo(() => {
    const text = durationText((against === "hour" ? NOW_S : span) * 1000);
    const offset = durationText((against === "hour" ? HOUR_S : span) * 1000);
    return { now: { text }, before: { text, offset }, seconds: against === "hour" ? NOW_S : span, atS, words: against === "hour" ? "the same 5 minutes an hour before" : `the ${offset} before` };
  }, [against, span, atS]);
}

export interface Rows { rows: readonly Row[]; isPending: boolean; error: unknown; refetch: () => void }

export function useRows(catalog: Catalog | undefined, kind: Kind, windows: Windows & { atS: number }): Rows {
  const now = useInstantQuery(catalog ? rowsQuery(catalog, kind, windows.now, true) : "", { atS: windows.atS });
  const before = useInstantQuery(catalog ? rowsQuery(catalog, kind, windows.before, false) : "", { atS: windows.atS });
  const rows = useMemo(() => (catalog && now.data ? rowsOf(catalog, kind, now.data, before.data, windows.seconds) : []), [catalog, kind, now.data, before.data, windows.seconds]);
  const isAsked = catalog !== undefined && rowsQuery(catalog, kind, windows.now, true) !== "";
  return { rows, isPending: isAsked && now.isPending, error: now.error ?? before.error, refetch: () => { void now.refetch(); void before.refetch(); } };
}

export function useTotals(catalog: Catalog | undefined, windows: Windows & { atS: number }) {
  const now = useInstantQuery(catalog ? totalsQuery(catalog, windows.now) : "", { atS: windows.atS });
  const before = useInstantQuery(catalog ? totalsQuery(catalog, windows.before) : "", { atS: windows.atS });
  return { now: now.data, before: before.data };
}

/** Entities by their id; none where the server keeps none. */
export function useEntities(): ReadonlyMap<string, Entity> {
  const answer = useAllEntities();
  return useMemo(() => new Map((answer.data ?? []).map((entity) => [entity.entity, entity])), [answer.data]);
}

export interface ActiveAlert { labels: Labels; annotations: Labels; startsAt: string; fingerprint: string; status: { state: string } }

export function useAlerts(): readonly ActiveAlert[] {
  const answer = useNowQuery(["alerts", "ai"], (signal) => ask<ActiveAlert[]>("/am/api/v2/alerts", { params: { active: true }, signal }));
  return useMemo(() => (Array.isArray(answer.data) ? answer.data : []), [answer.data]);
}

/** Alerts that name this thing: by its own labels, or as an entity. */
export function alertsOf(alerts: readonly ActiveAlert[], row: Row): ActiveAlert[] {
  const own = Object.entries(row.labels).filter(([, value]) => value !== "");
  return alerts.filter(({ labels }) => labels["entity"] === row.entity && row.entity !== "" || (own.length > 0 && own.every(([name, value]) => labels[name] === value)));
}
