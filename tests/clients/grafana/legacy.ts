/** Panels from before Grafana 7 as its own migrations leave them: `graph` becomes `timeseries`, `singlestat` becomes `stat`. */

import { fieldReducers } from "@grafana/data";
import { sharedSingleStatMigrationHandler, sharedSingleStatPanelChangedHandler } from "grafana-singlestat";

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON of Grafana has no schema */
const numberOf = (value: unknown) => (value === null || value === undefined || value === "" || Number.isNaN(Number(value)) ? undefined : Number(value));
const defined = (of: Record<string, unknown>) => Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined && value !== null));

function axis(of: any): { config: any; custom: any } {
  if (!of) return { config: {}, custom: {} };
  return {
    config: defined({ unit: of.format, decimals: numberOf(of.decimals), min: numberOf(of.min), max: numberOf(of.max) }),
    custom: defined({ axisPlacement: of.show === false ? "hidden" : "auto", axisLabel: of.label || undefined, scaleDistribution: of.logBase === 2 || of.logBase === 10 ? { type: "log", log: of.logBase } : undefined }),
  };
}

/** By what the file sorts its legend. Grafana forgets it when it takes a `graph` over; whoever wrote the file did not. */
const ORDERS: Record<string, string> = { min: "Min", max: "Max", avg: "Mean", current: "Last *", total: "Total" };

function graph(panel: any): any {
  const [left, right] = [axis(panel.yaxes?.[0]), axis(panel.yaxes?.[1])];
  const overrides = [...(panel.fieldConfig?.overrides ?? [])];
  const rule = (alias: string, properties: any[]) => overrides.push({ matcher: { id: /^\/.*\/$/.test(alias) ? "byRegexp" : "byName", options: alias }, properties });
  for (const [alias, color] of Object.entries(panel.aliasColors ?? {})) if (color) overrides.push({ matcher: { id: "byName", options: alias }, properties: [{ id: "color", value: { mode: "fixed", fixedColor: color } }] });
  for (const { alias, ...own } of panel.seriesOverrides ?? []) {
    if (!alias) continue;
    const properties: any[] = [];
    if (own.yaxis === 2) {
      for (const [id, value] of Object.entries(right.config)) if (value !== left.config[id]) properties.push({ id, value });
      for (const [id, value] of Object.entries(right.custom)) if (value !== left.custom[id]) properties.push({ id: `custom.${id}`, value });
      // Older ones say with a number what newer ones say with a word.
      properties.push({ id: "custom.axisPlacement", value: panel.yaxes?.[1]?.show === false ? "hidden" : "right" });
    }
    if (own.lines === false) properties.push({ id: "custom.lineWidth", value: 0 });
    if (own.fill !== undefined) properties.push({ id: "custom.fillOpacity", value: own.fill * 10 });
    if (own.bars !== undefined) properties.push({ id: "custom.drawStyle", value: own.bars ? "bars" : "line" });
    if (own.transform === "negative-Y") properties.push({ id: "custom.transform", value: "negative-Y" });
    if (own.color) properties.push({ id: "color", value: { mode: "fixed", fixedColor: own.color } });
    if (own.stack !== undefined) properties.push({ id: "custom.stacking", value: own.stack === false ? { mode: "none" } : { mode: "normal", group: own.stack } });
    if (properties.length > 0) rule(alias, properties);
  }
  const legend = panel.legend ?? {};
  const calcs = legend.values ? Object.keys(legend).filter((key) => legend[key]).flatMap((key) => fieldReducers.getIfExists(key)?.id ?? []) : [];
  const drawStyle = panel.bars ? "bars" : panel.lines === false ? "points" : "line";
  return {
    ...panel, type: "timeseries",
    fieldConfig: { defaults: { ...panel.fieldConfig?.defaults, ...left.config, custom: { ...left.custom, drawStyle, fillOpacity: drawStyle === "bars" ? 100 : (panel.fill ?? 1) * 10, lineWidth: panel.linewidth ?? 1, stacking: panel.stack ? { mode: panel.percentage ? "percent" : "normal", group: "A" } : { mode: "none" } } }, overrides },
    options: { legend: { showLegend: legend.show !== false, displayMode: legend.alignAsTable ? "table" : "list", placement: legend.rightSide ? "right" : "bottom", calcs, sortBy: ORDERS[legend.sort], sortDesc: legend.sortDesc === true } },
  };
}

/** A panel in today's form. */
export function modern(panel: any): any {
  if (panel.type === "graph") return graph(panel);
  if (panel.type === "singlestat") {
    const changed: any = { ...panel, type: panel.gauge?.show ? "gauge" : "stat", fieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] } };
    const options: any = sharedSingleStatPanelChangedHandler(changed, "singlestat", { angular: panel });
    changed.options = { ...options, colorMode: panel.colorBackground ? "background" : panel.colorValue ? "value" : "none", textMode: panel.valueName === "name" ? "name" : "auto" };
    return changed;
  }
  if (panel.type === "table-old") return { ...panel, type: "table", transformations: panel.transform === "table" ? [{ id: "merge", options: {} }] : [] };
  if (["stat", "gauge", "bargauge"].includes(panel.type)) {
    const own = { ...structuredClone(panel), options: structuredClone(panel.options ?? {}) };
    own.options = sharedSingleStatMigrationHandler(own);
    return own;
  }
  return panel;
}
