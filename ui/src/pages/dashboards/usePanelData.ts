/** The answers of a panel's queries, after its transformations. One query that fails leaves the others as they are. */

import { useMemo, useRef } from "react";
import { keepPreviousData, useQueries } from "@tanstack/react-query";
import type { Panel, Query } from "@/api/dashboards";
import { type Frame, type HistogramSeries, type Instant, queryInstant, queryRange, stepFor } from "@/api/prometheus";
import { type Table, tablesOfInstant, tablesOfRange } from "@/components/panels/tables";
import { transformed } from "@/components/panels/transform";
import { parseDurationMs } from "@/lib/duration";
import { useRange } from "@/state/range";
import { parseTime } from "@/state/time";
import { withMatchers } from "./adhoc";
import { type Board, putting, type Putting } from "./board";
import type { Scope } from "./layout";

export interface AskedQuery { query: Query; expr: string; step: number; isInstant: boolean }
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

/** Pixels of a point: more are not told apart. */
const PIXELS = 2.5;
const POINTS = { least: 60, most: 700 } as const;
/** States are drawn as cells. */
const CELL_PIXELS = 14;

/** The panel's own span of time. */
export function panelRange(panel: Pick<Panel, "timeFrom" | "timeShift">, fromMs: number, toMs: number): { fromMs: number; toMs: number } {
  const span = parseDurationMs(panel.timeFrom);
  const start = span === null ? (panel.timeFrom === "" ? fromMs : parseTime(panel.timeFrom, toMs) ?? fromMs) : toMs - span;
  const shift = parseDurationMs(panel.timeShift) ?? 0;
  return { fromMs: start - shift, toMs: toMs - shift };
}

export function usePanelData(board: Board, panel: Panel, scope: Scope, width: number, isSeen: boolean): PanelData {
  const range = useRange();
  const own = useMemo(() => panelRange(panel, range.fromMs, range.toMs), [panel, range.fromMs, range.toMs]);
  // A few pixels more are no other question.
  const room = Math.max(200, Math.round(width / 100) * 100);
  const { asked, put, step } = useMemo(() => {
    const isCells = panel.kind === "status_history";
    const points = Math.min(panel.maxPoints ?? Infinity, Math.max(isCells ? 20 : POINTS.least, Math.min(POINTS.most, Math.round(room / (isCells ? CELL_PIXELS : PIXELS)))));
    const [fromS, toS] = [own.fromMs / 1000, own.toMs / 1000];
    const duration = (text: string) => { const ms = parseDurationMs(putting(board, scope, own, board.scrapeS).text(text).replace(/^[>\s]+/, "")); return ms === null ? null : ms / 1000; };
    const least = Math.max(1, duration(panel.minStep) ?? board.scrapeS);
    const all = panel.queries.map((query): AskedQuery => {
      const base = stepFor(fromS, toS, points, duration(query.minStep) ?? least);
      const factored = base * Math.max(1, query.stepFactor);
      const expr = withMatchers(putting(board, scope, own, factored).promql(query.expr), board.adHoc);
      const isTable = panel.kind === "table" || panel.kind === "pie" || panel.kind === "bar_chart";
      return { query: { ...query, legend: putting(board, scope, own, factored).text(query.legend) }, expr, step: factored, isInstant: query.mode === "instant" || (query.mode === "both" && isTable) };
    }).filter(({ expr }) => expr.trim() !== "");
    const step_ = all[0]?.step ?? stepFor(fromS, toS, points, least);
    return { asked: all, put: putting(board, scope, own, step_), step: step_ };
  }, [board, panel, scope, own, room]);

  // What is moved or called otherwise asks the same.
  const answers = useQueries({
    queries: asked.map(({ expr, step: every, isInstant }) => {
      if (isInstant) {
        const time = Math.floor(own.toMs / 1000);
        return { queryKey: ["instant", expr, time] as const, queryFn: ({ signal }: { signal: AbortSignal }): Promise<Frame | Instant> => queryInstant(expr, time, signal), enabled: isSeen, placeholderData: keepPreviousData, staleTime: 60_000, retry: false };
      }
      const from = Math.floor(own.fromMs / 1000 / every) * every;
      const to = Math.floor(own.toMs / 1000 / every) * every;
      return { queryKey: ["range", expr, from, to, every] as const, queryFn: ({ signal }: { signal: AbortSignal }): Promise<Frame | Instant> => queryRange(expr, from, to, every, signal), enabled: isSeen, placeholderData: keepPreviousData, staleTime: 60_000, retry: false };
    }),
  });

  const datas = useSame(answers.map(({ data }) => data));
  const tables = useMemo(() => {
    const shown = asked.filter(({ query }) => !query.hidden);
    const several = panel.queries.length > 1;
    // Queries that are not shown may still be what a transformation needs.
    const wanted = panel.transformations.length > 0 ? asked : shown;
    const all = wanted.flatMap((one) => {
      const data = datas[asked.indexOf(one)];
      if (data === undefined) return [];
      return "series" in data ? tablesOfRange(one.query, data, several) : tablesOfInstant(one.query, data, several);
    });
    const hidden = new Set(asked.filter(({ query }) => query.hidden).map(({ query }) => query.refId));
    return transformed(all, panel.transformations, put.text).filter(({ refId }) => !hidden.has(refId) || panel.transformations.length > 0);
  }, [asked, panel, put, datas]);
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
