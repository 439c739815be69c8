/** New dashboards, panels, queries and variables, with the defaults of the model. */

import type { Dashboard, Panel, PanelKind, Query, Variable } from "@/api/dashboards";
import { VALUE_DEFAULTS } from "@/components/panels/values";

export const KINDS: readonly { value: PanelKind; label: string }[] = [
  { value: "time_series", label: "Time series" }, { value: "stat", label: "Number" }, { value: "gauge", label: "Gauge" }, { value: "bar_gauge", label: "Bar gauge" }, { value: "table", label: "Table" },
  { value: "heatmap", label: "Heat map" }, { value: "bar_chart", label: "Bar chart" }, { value: "pie", label: "Pie" }, { value: "histogram", label: "Histogram" },
  { value: "state_timeline", label: "State timeline" }, { value: "status_history", label: "Status history" }, { value: "text", label: "Text" }, { value: "alert_list", label: "Alerts" },
];

export function newQuery(all: readonly Query[]): Query {
  const used = new Set(all.map(({ refId }) => refId));
  const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(65 + index));
  const refId = letters.find((letter) => !used.has(letter)) ?? `Q${all.length + 1}`;
  return { refId, expr: "", legend: "", mode: "range", format: "time_series", minStep: "", stepFactor: 1, hidden: false, exemplars: false };
}

export const SIZES: Readonly<Partial<Record<PanelKind, readonly [number, number]>>> = { stat: [6, 4], gauge: [6, 6], pie: [8, 8], text: [12, 4], status_history: [24, 6], state_timeline: [24, 6] };

/** Options that a kind has. */
export function optionsOf(kind: PanelKind): Partial<Panel> {
  switch (kind) {
    case "stat": case "gauge": case "bar_gauge": return { value: VALUE_DEFAULTS };
    case "pie": return { value: VALUE_DEFAULTS, pie: { donut: false, labels: [], sort: "desc" } };
    case "table": return { table: { showHeader: true, rowHeight: "small", sortBy: [], footerCalcs: [], footerFields: [], hasPages: false, frame: 0 } };
    case "heatmap": return { heatmap: { calculate: false, xBucket: "", yBucket: "", bucketsAreCounts: false, rows: "auto", yUnit: "", yReverse: false, yAxis: "left", yLabel: "", scheme: "Oranges", fill: "dark-orange", exponential: true, exponent: 0.5, steps: 64, reverse: false, cellGap: 1, showLegend: true, tooltipHistogram: false, cellUnit: "" } };
    case "bar_chart": return { bars: { orientation: "auto", xField: "", colorField: "", stacking: "none", showValue: "auto", groupWidth: 0.7, barWidth: 0.97, labelRotation: 0, labelCharsMax: 0 } };
    case "histogram": return { histogram: { bucketCount: 30, bucketOffset: 0, combine: false } };
    case "state_timeline": case "status_history": return { state: { showValue: "auto", merge: true, rowHeight: 0.9, columnWidth: 0.9, align: "left", perPage: 0 } };
    case "text": return { text: { mode: "markdown", content: "" } };
    case "alert_list": return { alerts: { onlyFiring: false, name: "", labels: "", limit: 20, groupBy: [] } };
    default: return {};
  }
}

export function panelDefaults(kind: PanelKind): Panel {
  return {
    id: 0, title: "", description: "", kind, reason: "", grid: { x: 0, y: 0, w: 12, h: 8 }, transparent: false, queries: [newQuery([])], minStep: "", timeFrom: "", timeShift: "", hideTimeOverride: false,
    transformations: [], field: {}, overrides: [], legend: { mode: "list", placement: "bottom", calcs: [], sortBy: "", sortDescending: false, value: false, percent: false }, tooltip: { mode: "single", sort: "none", hideZeros: false }, links: [],
    ...optionsOf(kind),
  };
}

export const newVariable = (name: string): Variable => ({ name, label: "", description: "", kind: "query", query: "", options: [], regex: "", sort: "alphabetical", refresh: "load", multi: false, includeAll: false, allValue: "", hide: "nothing", current: [], autoSteps: 0, autoMin: "" });

export const newDashboard = (uid: string): Dashboard => ({ uid, title: "New dashboard", description: "", tags: [], links: [], time: { from: "now-1h", to: "now" }, refresh: "15s", timeZone: "browser", crosshair: "line", variables: [], rows: [{ title: "", collapsed: false, panels: [] }] });

/** A uid of a title: letters and digits, and some that nobody else has. */
export function uidOf(title: string): string {
  const words = title.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40);
  const own = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(36).padStart(2, "0")).join("").slice(0, 6);
  return words === "" ? own : `${words}-${own}`;
}

export const nextId = (dashboard: Dashboard): number => Math.max(0, ...dashboard.rows.flatMap(({ panels }) => panels.map(({ id }) => id))) + 1;
