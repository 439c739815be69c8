/** The answers of a panel's queries, after its transformations. One query that fails leaves the others as they are. */

import { useMemo, useRef } from "react";
import { keepPreviousData, useQueries } from "@tanstack/react-query";
import type { Panel } from "@/api/dashboards";
import type { HistogramSeries } from "@/api/prometheus";
import type { Table } from "@/components/panels/tables";
import { useRange } from "@/state/range";
import { answerOf, type AskedQuery, askedOf, panelRange, tablesOf } from "./asking";
import type { Board, Putting } from "./board";
import type { Scope } from "./layout";

export interface PanelData {
  asked: readonly AskedQuery[];
  tables: readonly Table[];
  histograms: readonly HistogramSeries[];
  notes: readonly string[];
  failures: readonly { refId: string; error: unknown }[];
  isPending: boolean;
  isFetching: boolean;
  step: number;
  fromS: number;
  toS: number;
  put: Putting;
  retry: () => void;
}

/** A list as it was, as long as it holds the same things. */
function useSame<T>(list: readonly T[]): readonly T[] {
  const kept = useRef(list);
  if (kept.current.length !== list.length || list.some((one, index) => one !== kept.current[index])) kept.current = list;
  return kept.current;
}

export function usePanelData(board: Board, panel: Panel, scope: Scope, width: number, isSeen: boolean): PanelData {
  const range = useRange();
  const own = useMemo(() => panelRange(panel, range.fromMs, range.toMs), [panel, range.fromMs, range.toMs]);
  // A few pixels more are no other question.
  const room = Math.max(200, Math.round(width / 100) * 100);
  const asking = useMemo(() => askedOf(board, panel, scope, own, room), [board, panel, scope, own, room]);
  const { asked, put, step } = asking;

  // What is moved or called otherwise asks the same.
  const answers = useQueries({
    queries: asked.map((one) => ({
      queryKey: [one.isInstant ? "instant" : "range", one.expr, one.fromS, one.toS, one.step] as const,
      queryFn: ({ signal }: { signal: AbortSignal }) => answerOf(one, signal),
      enabled: isSeen, placeholderData: keepPreviousData, staleTime: 60_000, retry: false,
    })),
  });

  const datas = useSame(answers.map(({ data }) => data));
  const tables = useMemo(() => tablesOf(panel, asking, datas), [asking, panel, datas]);
  const histograms = useMemo(() => (panel.kind === "heatmap" ? datas.flatMap((data) => (data && "histograms" in data ? data.histograms : [])) : []), [panel.kind, datas]);
  return {
    asked, tables, histograms, put, step,
    notes: [...new Set(datas.flatMap((data) => data?.notes ?? []))],
    failures: answers.flatMap(({ error }, index) => (error ? [{ refId: asked[index]?.query.refId ?? "", error }] : [])),
    isPending: answers.length > 0 && answers.every(({ data, error }) => data === undefined && !error),
    isFetching: answers.some(({ isFetching }) => isFetching),
    fromS: own.fromMs / 1000, toS: own.toMs / 1000,
    retry: () => { for (const answer of answers) if (answer.error) void answer.refetch(); },
  };
}
