/** What a panel asks, and what its answers come to: the part of it that needs no page. */

import type { Field, Panel, Query } from "@/api/dashboards";
import { type Frame, type Instant, queryInstant, queryRange } from "@/api/prometheus";
import { autoNamed, type Table, tablesOfInstant, tablesOfRange } from "@/components/panels/tables";
import { transformed } from "@/components/panels/transform";
import { parseDurationMs } from "@/lib/duration";
import { parseTime } from "@/state/time";
import { withMatchers } from "./adhoc";
import { type Board, putting, type Putting } from "./board";
import type { Scope } from "./layout";
import { type Steps, stepsFor, type StepWanted } from "./steps";

/** A query as it is sent; times are whole steps, so that neighbours in time ask the same. */
export interface AskedQuery { query: Query; expr: string; step: number; isInstant: boolean; fromS: number; toS: number }
export interface Span { fromMs: number; toMs: number }
export const answerOf = ({ expr, step, isInstant, fromS, toS }: AskedQuery, signal?: AbortSignal): Promise<Frame | Instant> => (isInstant ? queryInstant(expr, toS, signal) : queryRange(expr, fromS, toS, step, signal));

export interface Asking { asked: readonly AskedQuery[]; put: Putting; step: number }

/** States are drawn as cells so many pixels wide; all else has a point for each pixel. */
const CELL_PIXELS = 14;
const CELLS_LEAST = 20;

/** The panel's own span of time. */
export function panelRange(panel: Pick<Panel, "timeFrom" | "timeShift">, fromMs: number, toMs: number): Span {
  const span = parseDurationMs(panel.timeFrom);
  const start = span === null ? (panel.timeFrom === "" ? fromMs : parseTime(panel.timeFrom, toMs) ?? fromMs) : toMs - span;
  const shift = parseDurationMs(panel.timeShift) ?? 0;
  return { fromMs: start - shift, toMs: toMs - shift };
}

/** The queries of a panel over a span of time, as they are sent, in a place so many pixels wide. */
export function askedOf(board: Board, panel: Panel, scope: Scope, own: Span, room: number): Asking {
  const points = panel.maxPoints ?? (panel.kind === "status_history" ? Math.max(CELLS_LEAST, Math.round(room / CELL_PIXELS)) : room);
  const spanS = (own.toMs - own.fromMs) / 1000;
  const plain = putting(board, scope, own, board.scrapeS);
  const duration = (text: string) => { const ms = parseDurationMs(plain.legend(text).replace(/^[>\s]+/, "")); return ms === null || ms === 0 ? null : ms / 1000; };
  const steps = (query?: Query): Steps => {
    const word = /^\s*\$\{?__(rate_interval|interval)(?:_ms)?\}?\s*$/.exec(query?.minStep ?? "")?.[1] as StepWanted["word"] | undefined;
    return stepsFor({ spanS, points, scrapeS: board.scrapeS, panelLeastS: duration(panel.minStep), queryLeastS: query ? duration(query.minStep) : null, word: word ?? null, factor: query?.stepFactor ?? 1 });
  };
  // Hidden ones are not asked.
  const asked = panel.queries.filter(({ hidden }) => !hidden).map((query): AskedQuery => {
    const { stepS: step, rateS } = steps(query);
    const put = putting(board, scope, own, step, rateS);
    const isTable = panel.kind === "table" || panel.kind === "pie" || panel.kind === "bar_chart";
    const isInstant = query.mode === "instant" || (query.mode === "both" && isTable);
    const at = (ms: number) => (isInstant ? Math.floor(ms / 1000) : Math.floor(ms / 1000 / step) * step);
    return { query: { ...query, legend: put.legend(query.legend) }, expr: withMatchers(put.promql(query.expr), board.adHoc), step, isInstant, fromS: at(isInstant ? own.toMs : own.fromMs), toS: at(own.toMs) };
  }).filter(({ expr }) => expr.trim() !== "");
  const { stepS, rateS } = steps();
  const step = asked[0]?.step ?? stepS;
  return { asked, put: putting(board, scope, own, step, rateS), step };
}

/** Tables of the answers, after the panel's transformations. */
export function tablesOf(panel: Panel, { asked, put }: Asking, answers: readonly (Frame | Instant | undefined)[]): Table[] {
  const several = panel.queries.filter(({ hidden }) => !hidden).length > 1;
  const all = asked.flatMap((one, index) => {
    const data = answers[index];
    if (data === undefined) return [];
    const query = { ...one.query, expr: one.expr };
    return "series" in data ? tablesOfRange(query, data, several) : tablesOfInstant(query, data, several);
  });
  return transformed(autoNamed(all), panel.transformations, put.text);
}

/** A panel with what is chosen in the place of variables: in its title, text, names and overrides. */
export function namedPanel(panel: Panel, put: Putting): Panel {
  const named = (field: Field): Field => (field.displayName?.includes("$") ? { ...field, displayName: put.legend(field.displayName) } : field);
  return {
    ...panel, title: put.text(panel.title), field: named(panel.field), ...(panel.text ? { text: { ...panel.text, content: put.body(panel.text.content) } } : {}),
    overrides: panel.overrides.map((one) => ({ ...one, field: named(one.field), ...(one.matcher.value.includes("$") ? { matcher: { ...one.matcher, value: put.legend(one.matcher.value) } } : {}) })),
  };
}
