/** What Grafana asks for a panel and shows of the answers: frames as its backend makes them, all after that by its own packages. */

import { applyFieldOverrides, applyNullInsertThreshold, cacheFieldDisplayNames, createTheme, fieldReducers, FieldType, formattedValueToString, getDisplayProcessor, getFieldDisplayName, getFieldDisplayValues, getFieldSeriesColor, rangeUtil, reduceField, standardTransformers, standardTransformersRegistry, transformDataFrame } from "@grafana/data";
import { addLabelToQuery } from "grafana-adhoc";
import { interpolateQueryExpr } from "grafana-escaping";
import { transformV2 } from "grafana-transforms";
import { lastValueFrom } from "rxjs";
import { instantAnswer, rangeAnswer, type Answer, type Labels } from "./answers";
import { modern } from "./legacy";
import { put, type Range, type Values } from "./templates";
import type { Asked, Seen } from "./seen";

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON of Grafana has no schema */
standardTransformersRegistry.setInit(() => [...new Map(Object.values(standardTransformers).map((one: any) => [one.id, one])).values()].map((transformation: any) => ({ id: transformation.id, aliasIds: transformation.aliasIds ?? (transformation.id === "joinByField" ? ["seriesToColumns"] : undefined), transformation: async () => transformation, name: transformation.name, description: "" })) as any);

/** Colours keep their names, so that two palettes can be compared: each name is a number on its way through Grafana. */
const codes: string[] = [];
const coded = (name: string) => { if (!codes.includes(name)) codes.push(name); return `#${(0x100000 + codes.indexOf(name)).toString(16)}`; };
const decoded = (color: string | undefined): string => (color === undefined ? "" : codes[Number.parseInt(color.slice(1, 7), 16) - 0x100000] ?? "scale");
const theme: any = createTheme({ colors: { mode: "dark" } });
theme.visualization = { ...theme.visualization, getColorByName: (name: string) => (/^#1[0-9a-f]{5}$/.test(name) && codes[Number.parseInt(name.slice(1), 16) - 0x100000] ? name : coded(name)), palette: Array.from({ length: 400 }, (_, index) => `series ${index}`) };

const NUMBERS = new Set(["min", "max", "decimals"]);
function processed(id: string, value: any, context: any): any {
  if (value === null || value === undefined || value === "") return undefined;
  if (id === "displayName") return context.replaceVariables(value, context.field?.state?.scopedVars);
  if (NUMBERS.has(id)) return Number(value);
  return id === "thresholds" ? { mode: value.mode, steps: value.steps.map((step: any, at: number) => ({ ...step, value: at === 0 ? -Infinity : step.value })) } : value;
}
/** The settings of fields: all that a panel has. */
function registryOf(defaults: any): any {
  const item = (id: string) => ({ id, name: id, path: id.replace(/^custom\./, ""), isCustom: id.startsWith("custom."), process: (value: any, context: any) => processed(id, value, context), shouldApply: () => true, getItemsCount: () => 0 });
  return { getIfExists: item, get: item, list: () => [...Object.keys(defaults).filter((key) => key !== "custom"), ...Object.keys(defaults.custom ?? {}).map((key) => `custom.${key}`)].map(item) };
}

const THRESHOLDS = { mode: "absolute", steps: [{ value: -Infinity, color: "green" }, { value: 80, color: "red" }] };
const PALETTE = new Set(["timeseries", "piechart", "barchart", "histogram"]);

/** A span of time in the steps of Grafana's backend. */
const UNITS_S: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "m"], [1, "s"], [0.001, "ms"]];
const spelled = (value: number) => { const [size, unit] = UNITS_S.find(([size]) => value >= size) ?? [0.001, "ms"]; return `${Math.floor(value / size + 1e-9)}${unit}`; };

export interface Panel { json: any; values: Values; range: Range; width: number; adHoc: { name: string; op: string; value: string }[] }

/** The panel's own span of time. */
export function ownRange(panel: any, { fromMs, toMs }: Range): Range {
  const [from, shift] = [panel.timeFrom ? rangeUtil.intervalToMs(String(panel.timeFrom).replace(/^now-/, "")) : null, panel.timeShift ? rangeUtil.intervalToMs(panel.timeShift) : 0];
  return { fromMs: (from === null ? fromMs : toMs - from) - shift, toMs: toMs - shift };
}

export function asked({ json, values, range: whole, width, adHoc }: Panel): Asked[] {
  const range = ownRange(json, whole);
  const span = range.toMs - range.fromMs;
  const points = json.maxDataPoints ? Number(json.maxDataPoints) : width;
  const built = {};
  const text = (given: string | undefined) => put(given, values, built);
  const front = rangeUtil.calculateInterval({ from: range.fromMs, to: range.toMs } as any, points, text(json.interval) || "15s").intervalMs;
  return (json.targets ?? []).filter((target: any) => !target.hide && (target.expr ?? "") !== "").flatMap((target: any): Asked[] => {
    let expr = put(target.expr, values, built, interpolateQueryExpr);
    expr = withAdHoc(expr, adHoc);
    const own = text(target.interval);
    const isRate = /^\$\{?__rate_interval\}?$/.test(own);
    const isVariable = isRate || /^\$\{?__interval(_ms)?\}?$/.test(own);
    const least = own !== "" && !isVariable ? rangeUtil.intervalToMs(own.replace(/^>/, "")) : front;
    const calculated = span / points < least ? least : rangeUtil.roundInterval(span / points);
    const adjusted = Math.max(calculated, rangeUtil.roundInterval(span / 11_000));
    const rate = (interval: number, scrape: number) => Math.max(interval + scrape, 4 * scrape);
    const step = isRate ? rate(adjusted, 15_000) : adjusted * (target.intervalFactor || 1);
    const rateMs = isRate ? step : rate(front, isVariable ? step : own === "" ? 15_000 : rangeUtil.intervalToMs(own));
    const rangeS = Math.round(span / 1000);
    const words: [string, string][] = [["interval_ms", String(step)], ["interval", spelled(step / 1000)], ["range_ms", String(span)], ["range_s", String(rangeS)], ["range", `${rangeS}s`], ["rate_interval_ms", String(rateMs)], ["rate_interval", `${rateMs / 1000}s`]];
    for (const [name, value] of words) expr = expr.replaceAll(`$__${name}`, value).replaceAll(`\${__${name}}`, value);
    const isInstant = target.instant === true;
    const isRange = target.range === true || !isInstant;
    const legend = text(target.legendFormat);
    const one = { refId: target.refId as string, expr, step: step / 1000, legend };
    const at = (ms: number) => Math.floor(ms / step) * step / 1000;
    return [...(isInstant ? [{ ...one, isInstant: true, from: range.toMs / 1000, to: range.toMs / 1000 }] : []), ...(isRange ? [{ ...one, isInstant: false, from: at(range.fromMs), to: at(range.toMs) }] : [])];
  });
}

export const withAdHoc = (expr: string, matchers: Panel["adHoc"]): string => matchers.reduce((text, { name, op, value }) => addLabelToQuery(text, name, value, op), expr);

/** The name of a series as the backend gives it. */
function nameOf(labels: Labels, legend: string, expr: string): string {
  const { __name__: metric = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`).sort();
  let name = pairs.length === 0 ? metric || "{}" : `${metric}{${pairs.join(", ")}}`;
  if (legend === "__auto") name = Object.keys(labels).length > 0 ? "" : name;
  else if (legend !== "") name = legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? "");
  return name === "{}" ? expr : name;
}

function framesOf(one: Asked, answer: Answer): any[] {
  const rows: { metric: Labels; values: [number, string][] }[] = answer.resultType === "scalar" ? [{ metric: {}, values: [answer.result as unknown as [number, string]] }] : (answer.result as any[]).map(({ metric, values, value }) => ({ metric, values: values ?? [value] }));
  if (rows.length === 0) return [{ refId: one.refId, meta: {}, fields: [], length: 0 }];
  return rows.map(({ metric, values }) => {
    const name = nameOf(metric, one.legend, one.expr);
    return {
      refId: one.refId, meta: { type: one.isInstant ? "numeric-multi" : "timeseries-multi", custom: { resultType: answer.resultType } }, length: values.length,
      fields: [
        { name: "Time", type: FieldType.time, values: values.map(([time]) => time * 1000), config: { interval: one.step * 1000 } },
        { name: metric["__name__"] ?? "Value", type: FieldType.number, labels: metric, values: values.map(([, value]) => Number(value.replace("Inf", "Infinity"))), config: name === "" ? {} : { displayNameFromDS: name } },
      ],
    };
  });
}

const text = (value: any) => formattedValueToString(value);

/** What a person would see. */
export async function seen(panel: Panel): Promise<Seen> {
  const json = modern(panel.json);
  const queries = asked(panel);
  const replace = (given: string, scoped?: any, format?: any) => replaceWith(put(given, panel.values, {}, format), scoped);
  const raw = queries.flatMap((one) => framesOf(one, one.isInstant ? instantAnswer(one.expr, one.to) : rangeAnswer(one.expr, one.from, one.to, one.step)));
  const response: any = transformV2({ data: raw } as any, { targets: (json.targets ?? []).map((target: any) => ({ ...target, legendFormat: put(target.legendFormat, panel.values, {}) })) } as any, {});
  const steps = (json.transformations ?? []).filter((step: any) => !step.disabled && step.topic !== "annotations" && step.topic !== "alertStates");
  const turned: any[] = steps.length === 0 ? response.data : await lastValueFrom(transformDataFrame(steps, response.data, { interpolate: (given: string) => replace(given) }) as any);
  const defaults = structuredClone(json.fieldConfig?.defaults ?? {});
  defaults.color ??= { mode: PALETTE.has(json.type) ? "palette-classic" : "thresholds" };
  defaults.thresholds ??= THRESHOLDS;
  const data: any[] = applyFieldOverrides({ data: turned, fieldConfig: { defaults, overrides: json.fieldConfig?.overrides ?? [] }, replaceVariables: replace as any, theme, timeZone: "utc", fieldConfigRegistry: registryOf(defaults) });
  return { title: replace(json.title ?? "", undefined, "text"), queries, ...view(json, data, replace, ownRange(json, panel.range)) };
}

/** Names of series and labels in texts, as far as they are in a field's own variables. */
function replaceWith(given: string, scoped: any): string {
  const context = scoped?.__dataContext?.value;
  if (!context) return given;
  const { field, frame, data } = context;
  return given.replace(/\$\{__(field|series)\.(displayName|name|labels)(?:\.(\w+)|\["([^"]+)"\])?\}/g, (_, of, what, plain, quoted) => {
    if (what === "labels") { const label = plain ?? quoted; return label ? field.labels?.[label] ?? "" : Object.entries(field.labels ?? {}).map(([name, value]) => `${name}="${value}"`).join(", "); }
    if (of === "series") return frame.name ?? getFieldDisplayName({ ...field, config: { ...field.config, displayName: undefined }, state: {} }, frame, data);
    return what === "name" ? field.name : getFieldDisplayName({ ...field, config: { ...field.config, displayName: undefined }, state: {} }, frame, data);
  });
}

/** Variables stand in texts as HTML; the rest of them is compared as it is. */
const written = (text: string) => text.replace(/&(amp|lt|gt|quot|#039);/g, (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#039": "'" })[name] ?? "");

function view(json: any, data: any[], replace: (text: string, scoped?: any, format?: any) => string, range: Range): Omit<Seen, "queries" | "title"> {
  switch (json.type) {
    case "timeseries": return timeseries(json, data, range);
    case "stat": case "gauge": case "bargauge": case "piechart": return values(json, data, replace);
    case "table": return table(json, data);
    case "heatmap": return json.options?.calculate === true || (json.dataFormat !== undefined && json.dataFormat !== "tsbuckets") ? { kind: "heatmap" } : heatmap(data);
    case "state-timeline": case "status-history": return states(data);
    case "text": return { kind: "text", values: [{ name: "", text: written(replace(json.options?.content ?? json.content ?? "", undefined, "html")), color: "" }] };
    default: return { kind: json.type };
  }
}

function timeseries(json: any, data: any[], range: Range): Omit<Seen, "queries" | "title"> {
  cacheFieldDisplayNames(data);
  const legend = json.options?.legend ?? {};
  const calcs: string[] = (legend.calcs ?? []).filter((calc: string) => fieldReducers.getIfExists(calc));
  let index = 0;
  const listed: { name: string; keys: { title: string; number: number }[] }[] = [];
  const series: Seen["series"] = [];
  for (const frame of data) {
    if (!frame.fields.some((field: any) => field.type === FieldType.time)) continue;
    const filled = applyNullInsertThreshold({ frame, refFieldPseudoMin: range.fromMs, refFieldPseudoMax: range.toMs } as any);
    for (const given of filled.fields) {
      if (given.type !== FieldType.number && given.type !== FieldType.boolean) continue;
      const field: any = { ...given, state: { ...given.state, seriesIndex: index }, values: given.values.map((value: any) => (Number.isFinite(value) ? value : null)) };
      field.display = getDisplayProcessor({ field, theme, timeZone: "utc" });
      index += 1;
      const custom = field.config.custom ?? {};
      if (custom.hideFrom?.viz && custom.hideFrom?.legend) continue;
      const reduced = reduceField({ field: { ...field, state: { ...field.state, calcs: undefined } }, reducers: calcs as any });
      const as = (unit: string) => getDisplayProcessor({ field: { ...field, config: { ...field.config, unit } }, theme });
      if (!custom.hideFrom?.legend) listed.push({ name: getFieldDisplayName(field, frame, data), keys: calcs.map((calc) => ({ title: fieldReducers.get(calc).name, number: Number((field.display(reduced[calc]) as any).numeric) })) });
      const told = calcs.map((calc) => `${fieldReducers.get(calc).name}: ${text((calc === "diffperc" ? as("percent") : ["count", "changeCount", "distinctCount"].includes(calc) ? as("none") : field.display)(reduced[calc]))}`);
      const last = field.values.findLast((value: any) => value !== null);
      series.push({
        name: getFieldDisplayName(field, frame, data), text: last === undefined ? "" : text(field.display(last)), color: decoded(getFieldSeriesColor(field, theme).color), calcs: told, isListed: !custom.hideFrom?.legend,
        style: { axis: custom.axisPlacement ?? "auto", unit: field.config.unit ?? "", min: field.config.min ?? null, max: field.config.max ?? null, draw: custom.drawStyle !== "bars" && custom.lineWidth === 0 ? "points" : custom.drawStyle ?? "line", stacking: custom.stacking?.mode ?? "none", isNegative: custom.transform === "negative-Y", isLog: custom.scaleDistribution?.type === "log", label: custom.axisLabel ?? "", fill: custom.fillOpacity ?? 0, thresholds: (custom.thresholdsStyle?.mode ?? "off") === "off" ? "" : JSON.stringify((field.config.thresholds?.steps ?? []).map((step: any, at: number) => [at === 0 || !Number.isFinite(step.value) ? null : step.value, step.color])) },
      });
    }
  }
  const shown = legend.showLegend !== false && legend.displayMode !== "hidden";
  // Only tables are sorted.
  const sign = legend.sortDesc ? -1 : 1;
  const number = (one: (typeof listed)[number]) => { const found = one.keys.find(({ title }) => title === legend.sortBy)?.number; return found === undefined || Number.isNaN(found) ? -Infinity : found; };
  if (legend.displayMode === "table" && legend.sortBy) listed.sort(legend.sortBy === "Name" ? (a, b) => sign * collator.compare(a.name, b.name) : (a, b) => sign * (number(a) - number(b) || 0));
  return { kind: "timeseries", legend: { mode: shown ? legend.displayMode ?? "list" : "hidden", placement: legend.placement ?? "bottom", order: listed.map(({ name }) => name) }, series };
}

function values(json: any, data: any[], replace: (text: string) => string): Omit<Seen, "queries" | "title"> {
  const options = json.options ?? {};
  const reduceOptions = { calcs: ["lastNotNull"], values: false, fields: "", ...options.reduceOptions };
  const all = getFieldDisplayValues({ fieldConfig: json.fieldConfig ?? { defaults: {}, overrides: [] }, reduceOptions, replaceVariables: replace as any, theme, data, timeZone: "utc" });
  const isEmpty = all.length === 1 && all[0]!.view === undefined;
  let found = isEmpty ? [] : all.map(({ display, field }) => ({ name: display.title ?? "", text: text(display), color: decoded(display.color), number: display.numeric, min: field.min ?? null, max: field.max ?? null, isHidden: field.custom?.hideFrom?.viz === true }));
  if (json.type === "piechart") {
    found = found.filter(({ number, isHidden }) => !Number.isNaN(number) && !isHidden);
    if (options.sort !== "none") found.sort((a, b) => (options.sort === "asc" ? a.number - b.number : b.number - a.number));
  }
  const hasScale = json.type === "gauge" || json.type === "bargauge";
  return { kind: json.type, values: found.map(({ name, text: own, color, min, max }) => ({ name, text: own, color, ...(hasScale ? { min, max } : {}) })), empty: isEmpty ? text(all[0]!.display) : "", isColorless: options.colorMode === "none" };
}

const collator = new Intl.Collator("en", { numeric: true });

function table(json: any, data: any[]): Omit<Seen, "queries" | "title"> {
  const options = json.options ?? {};
  const frame = data[Math.min(options.frameIndex ?? 0, Math.max(0, data.length - 1))];
  if (!frame) return { kind: "table", columns: [], rows: [], frames: data.length };
  const fields = frame.fields.filter((field: any) => !field.config.custom?.hidden && !field.config.custom?.hideFrom?.viz);
  let rows = Array.from({ length: frame.length }, (_, row) => row);
  const nameOfField = (field: any) => getFieldDisplayName(field, frame);
  const by = options.sortBy?.[0];
  const field = by && fields.find((one: any) => nameOfField(one) === by.displayName);
  if (field) rows = [...rows].sort((a, b) => {
    const [x, y] = [field.values[a], field.values[b]];
    // What is no number stands below all.
    const number = (value: any) => (value === null || value === undefined || Number.isNaN(value) ? -Infinity : Number(value));
    const compared = field.type === FieldType.string ? collator.compare(String(x ?? ""), String(y ?? "")) : number(x) === number(y) ? 0 : number(x) - number(y);
    return (by.desc ? -1 : 1) * compared;
  });
  const cell = (one: any, row: number) => { const value = one.values[row]; return one.type === FieldType.time && !/^(dateTime|time:)/.test(one.config.unit ?? "") ? String(value ?? "") : text(one.display(value)); };
  const colored = (one: any) => /color/.test(one.config.custom?.cellOptions?.type ?? one.config.custom?.displayMode ?? "");
  return { kind: "table", frames: data.filter(({ fields: own }) => own.length > 0).length, columns: fields.map(nameOfField), rows: rows.slice(0, 40).map((row) => fields.map((one: any) => cell(one, row))), rowCount: rows.length, colors: rows.slice(0, 40).map((row) => fields.map((one: any) => (colored(one) ? decoded(one.display(one.values[row]).color) : ""))) };
}

function heatmap(data: any[]): Omit<Seen, "queries" | "title"> {
  const [frame] = data;
  const rows = data.length === 1 ? frame.fields.filter((field: any) => field.type === FieldType.number).map((field: any) => ({ name: getFieldDisplayName(field, frame, data), values: field.values })) : data.flatMap((one) => one.fields.filter((field: any) => field.type === FieldType.number).map((field: any) => ({ name: getFieldDisplayName(field, one, data), values: field.values })));
  return { kind: "heatmap", values: rows.map(({ name, values: own }: any) => ({ name, text: String(Math.round((own.at(-1) ?? 0) * 1e6) / 1e6), color: "" })) };
}

function states(data: any[]): Omit<Seen, "queries" | "title"> {
  return { kind: "states", values: data.flatMap((frame) => frame.fields.filter((field: any) => field.type !== FieldType.time).map((field: any) => {
    const told: string[] = [];
    let before: string | null = null;
    for (const value of field.values) { const own = value === null ? "" : text(field.display(value)); if (own !== before && own !== "") told.push(own); before = own || before; }
    return { name: getFieldDisplayName(field, frame, data), text: told.join(" | "), color: "" };
  })) };
}
