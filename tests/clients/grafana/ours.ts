/** What Bellwether asks for a panel and shows of the answers: the page's own code, with a server that is not there. */

import { calcName } from "@/components/panels/calcs";
import type { Palette } from "@/components/panels/colors";
import { numberText, told } from "@/components/panels/fields";
import { asOne, columnsOf, isMoment, sortedBy, sortKey } from "@/components/panels/grid";
import { heatOf } from "@/components/panels/heat";
import { legendLines, written } from "@/components/panels/legendLines";
import { drawnOf, untilEnd } from "@/components/panels/series";
import { slicesOf } from "@/components/panels/slices";
import { statesOf } from "@/components/panels/states";
import { rowsOf, type Table } from "@/components/panels/tables";
import { valuesOf } from "@/components/panels/values";
import { orderedRows } from "@/components/tableOrder";
import { answerOf, askedOf, namedPanel, panelRange, tablesOf } from "@/pages/dashboards/asking";
import { withMatchers } from "@/pages/dashboards/adhoc";
import type { Board } from "@/pages/dashboards/board";
import type { PlacedPanel } from "@/pages/dashboards/layout";
import { type AdHoc, resolveVariables, type ResolvedVariable } from "@/pages/dashboards/variables";
import type { Dashboard, Panel } from "@/api/dashboards";
import { instantAnswer, labelValues, rangeAnswer, seriesOf } from "./answers";
import type { Range } from "./templates";
import type { Seen } from "./seen";

/** The server: answers of the API that the page asks. */
globalThis.fetch = (async (address: string, init?: { body?: unknown }) => {
  const [path = "", search = ""] = address.split("?");
  const given = new URLSearchParams(search || String(init?.body ?? ""));
  const data = path === "/api/v1/query_range" ? rangeAnswer(given.get("query") ?? "", Number(given.get("start")), Number(given.get("end")), Number(given.get("step")))
    : path === "/api/v1/query" ? instantAnswer(given.get("query") ?? "", Number(given.get("time")))
      : path === "/api/v1/series" ? seriesOf(given.get("match[]") ?? "")
        : path === "/api/v1/labels" ? ["instance", "job"] : labelValues(decodeURIComponent(path.split("/")[4] ?? ""), given.get("match[]") ?? "");
  return new Response(JSON.stringify({ status: "success", data }), { headers: { "content-type": "application/json" } });
}) as typeof fetch;

/** Colours keep their names, so that two palettes can be compared. */
const palette: Palette = {
  scheme: "dark", tones: new Proxy({}, { get: (_, name) => `tone ${String(name)}` }) as Palette["tones"],
  named: (name) => (name === undefined || name === "" ? null : name), series: (index) => `series ${index}`, readable: (color) => color, ink: () => "",
};

export async function boardOf(dashboard: Dashboard, picked: Record<string, string[]>, { fromMs, toMs }: Range, adHoc: readonly AdHoc[]): Promise<{ board: Board; resolved: ResolvedVariable[] }> {
  const resolved = await resolveVariables({ dashboard, picked, fromMs, toMs, scrapeS: 15, zone: "UTC", keep: (_, run) => run(new AbortController().signal) });
  return { resolved, board: { dashboard, scrapeS: 15, zone: "UTC", adHoc, variablesText: "", chosen: new Map(resolved.filter(({ variable }) => variable.kind !== "adhoc").map(({ variable, chosen }) => [variable.name, chosen])) } };
}

export async function seen(board: Board, { panel: raw, scope }: PlacedPanel, range: Range, width: number): Promise<Seen> {
  const own = panelRange(raw, range.fromMs, range.toMs);
  const asking = askedOf(board, raw, scope, own, width);
  const panel = namedPanel(raw, asking.put);
  const wanted = asking.asked;
  const answers = await Promise.all(wanted.map((one) => answerOf(one)));
  const tables = tablesOf(panel, asking, answers);
  const queries = wanted.filter(({ query }) => !query.hidden).map(({ query, expr, step, isInstant, fromS, toS }) => ({ refId: query.refId, expr, step, isInstant, from: fromS, to: toS, legend: query.legend }));
  return { title: panel.title, queries, ...view(panel, tables, asking.step, own.toMs) };
}

function view(panel: Panel, tables: readonly Table[], step: number, toMs: number): Omit<Seen, "queries" | "title"> {
  switch (panel.kind) {
    case "time_series": return timeSeries(panel, tables, step * 1000, toMs);
    case "stat": case "gauge": case "bar_gauge": {
      const hasScale = panel.kind !== "stat";
      return { kind: panel.kind, values: valuesOf(panel, tables, palette).map(({ name, text, color, shown: { least, most } }) => ({ name, text, color: color ?? "", ...(hasScale ? { min: least, max: most } : {}) })), empty: panel.field.noValue ?? "" };
    }
    case "pie": return { kind: "pie", values: slicesOf(panel, tables, palette).map(({ name, text, fill }) => ({ name, text, color: fill })) };
    case "table": return table(panel, asOne(tables));
    case "heatmap": {
      const grid = heatOf(panel, tables, [], step);
      if (!grid) return { kind: "heatmap", values: [] };
      const [from, to] = [grid.offsets.at(-2) ?? 0, grid.offsets.at(-1) ?? 0];
      return { kind: "heatmap", values: Array.from({ length: to - from }, (_, index) => ({ name: grid.highs[from + index] === Infinity ? "+Inf" : String(grid.highs[from + index]), text: String(Math.round((grid.amounts[from + index] ?? 0) * 1e6) / 1e6), color: "" })) };
    }
    case "state_timeline": case "status_history": return { kind: "states", values: statesOf(panel, tables, step, palette).lines.map(({ name, segments }) => ({ name, text: segments.map(({ text }) => text).filter((text, index, all) => text !== all[index - 1]).join(" | "), color: "" })) };
    case "text": return { kind: "text", values: [{ name: "", text: panel.text?.content ?? "", color: "" }] };
    default: return { kind: panel.kind };
  }
}

/** Whether matchers of ad hoc variables end up in the same places. */
export const withAdHoc = (expr: string, matchers: readonly AdHoc[]): string => withMatchers(expr, matchers);

function timeSeries(panel: Panel, tables: readonly Table[], stepMs: number, toMs: number): Omit<Seen, "queries" | "title"> {
  const drawn = drawnOf(panel, tables, palette).filter(({ of }) => !((of.field.hiddenIn ?? []).includes("graph") && (of.field.hiddenIn ?? []).includes("legend")));
  const lines = legendLines(drawn.map(({ of, color, series: own }) => ({ shown: of, color, values: untilEnd(own, stepMs, toMs) })), panel.legend.calcs, { by: "", down: false });
  const { mode, placement, sortBy, sortDescending } = panel.legend;
  return {
    kind: "time_series", legend: { mode, placement, order: legendLines(lines.filter(({ shown: { field } }) => !(field.hiddenIn ?? []).includes("legend")), panel.legend.calcs, { by: sortBy, down: sortDescending }).map(({ shown: { name } }) => name) },
    series: lines.map(({ shown: of, color, values, calculated }) => {
      const { field } = of;
      const last = values.findLast((value) => value !== null && Number.isFinite(value));
      return {
        name: of.name, text: last === undefined || last === null ? "" : numberText(field, last), color, calcs: calculated.map(({ calc, value }) => `${calcName(calc)}: ${written(of, calc, value)}`), isListed: !(field.hiddenIn ?? []).includes("legend"),
        style: { axis: field.axis ?? "auto", unit: field.unit ?? "", min: field.min ?? null, max: field.max ?? null, draw: field.draw !== "bars" && field.lineWidth === 0 ? "points" : field.draw ?? "line", stacking: field.stacking ?? "none", isNegative: field.transform === "negative", isLog: field.scale === "log", label: field.axisLabel ?? "", fill: field.fill ?? 0, thresholds: (field.thresholdStyle ?? "off") === "off" ? "" : JSON.stringify((field.thresholds?.steps ?? []).map((step) => [step.value ?? null, step.color])) },
      };
    }),
  };
}

function table(panel: Panel, tables: readonly Table[]): Omit<Seen, "queries" | "title"> {
  const one = tables[Math.min(panel.table?.frame ?? 0, Math.max(0, tables.length - 1))];
  if (!one) return { kind: "table", columns: [], rows: [], frames: 0, rowCount: 0, colors: [] };
  const columns = columnsOf(panel, one);
  const sorted = sortedBy(panel, columns);
  const all = Array.from({ length: rowsOf(one) }, (_, row) => row);
  const rows = (sorted ? orderedRows(all, all.map((row) => sortKey(sorted.by, row)), sorted.down) : all).slice(0, 40);
  return {
    kind: "table", frames: tables.length, columns: columns.map(({ name }) => name), rowCount: all.length,
    rows: rows.map((row) => columns.map((of) => { const value = of.column.values[row] ?? null; return isMoment(of) ? String(value ?? "") : told(of, value, palette).text; })),
    colors: rows.map((row) => columns.map((of) => (/^color/.test(of.field.cell?.kind ?? "") ? told(of, of.column.values[row] ?? null, palette).color ?? "" : ""))),
  };
}
