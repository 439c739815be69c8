/** Grafana's variables: what can be chosen, what is, and texts with it; by the formats, options and escapes of its own packages. */

import { interpolateQueryExpr } from "grafana-escaping";
import { formatRegistry } from "grafana-formats";
import { PrometheusMetricFindQuery } from "grafana-metric-find";
import { metricNamesToVariableValues } from "grafana-options";
import { rangeUtil } from "@grafana/data";
import { hash, instantAnswer, labelValues, seriesOf } from "./answers";

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON of Grafana has no schema */
export interface Value { name: string; multi: boolean; includeAll: boolean; values: string[]; texts: string[]; all: string | null; options: { value: string; text: string }[]; isList: boolean }
export type Values = Map<string, Value>;
export interface Range { fromMs: number; toMs: number }
type Format = string | typeof interpolateQueryExpr | undefined;

const ALL = "$__all";
const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

/** Puts values into a text; what is not known stays. */
export function put(text: string | undefined, values: Values, builtIn: Record<string, string>, format?: Format): string {
  return (text ?? "").replace(REFERENCE, (whole, plain, squared, squaredFormat, braced, path, bracedFormat) => {
    const name = plain ?? squared ?? braced;
    const wanted: Format = squaredFormat ?? bracedFormat ?? format;
    const own = values.get(name);
    if (!own) return builtIn[name] ?? whole;
    if (wanted === "text" || path === "text") return own.texts.join(" + ");
    if (own.all !== null && typeof wanted !== "string") return own.all;
    if (own.all !== null && !["queryparam", "percentencode"].includes(wanted as string)) return own.all;
    const value: any = own.isList ? own.values : own.values[0] ?? "";
    if (typeof wanted === "function") return wanted(value, { name, multi: own.multi, includeAll: own.includeAll });
    const [id = "glob", ...rest] = (wanted ?? "glob").split(":");
    const formatter = formatRegistry.getIfExists(id) ?? formatRegistry.get("glob");
    return formatter.formatter(value, rest, { state: { name, multi: own.multi }, urlSync: undefined, getValueText: () => own.texts.join(" + ") }, path);
  });
}

const source = {
  languageProvider: { queryLabelValues: async (_: unknown, label: string, match?: string) => labelValues(label, match ?? ""), queryLabelKeys: async () => ["instance", "job"] },
  getTagKeys: async () => [{ text: "instance" }, { text: "job" }],
  metadataRequest: async (url: string, params: any) => ({ data: { data: url.endsWith("series") ? seriesOf(params["match[]"]).map((labels) => ({ ...labels })) : structuredClone(instantAnswer(params.query, Number(params.time))) } }),
};

const parts = (query: string) => [...query.matchAll(/(?:\\,|[^,])+/g)].map(([text]) => text.replaceAll("\\,", ",").trim()).map((text) => { const pair = /^(.+?)\s:\s(.+)$/s.exec(text); return pair ? { text: pair[1]!.trim(), value: pair[2]!.trim() } : { text, value: text }; });
const texts = (of: unknown): string[] => (Array.isArray(of) ? of.map(String) : of === undefined || of === null || of === "" ? [] : [String(of)]);

/** All variables of a dashboard; `picked` is filled with what a person would have chosen of those of several values. */
export async function resolve(dashboard: any, range: Range, picked: Record<string, string[]>, isSeveral: boolean): Promise<Values> {
  const values: Values = new Map();
  const seconds = Math.round((range.toMs - range.fromMs) / 1000);
  const built = { __interval: "15s", __interval_ms: "15000", __range: `${seconds}s`, __range_s: String(seconds), __range_ms: String(range.toMs - range.fromMs), __from: String(range.fromMs), __to: String(range.toMs) };
  for (const variable of dashboard.templating?.list ?? []) {
    const { name, type } = variable;
    const one: Value = { name, multi: variable.multi === true, includeAll: variable.includeAll === true, values: [], texts: [], all: null, options: [], isList: false };
    const current = texts(variable.current?.value);
    if (type === "adhoc") continue;
    if (type === "query") {
      const query = put(typeof variable.query === "string" ? variable.query : variable.query?.query ?? variable.definition ?? "", values, built, interpolateQueryExpr);
      const found = await new PrometheusMetricFindQuery(source, query).process({ from: { valueOf: () => range.fromMs, utc: () => null }, to: { valueOf: () => range.toMs } } as any).catch(() => []);
      one.options = metricNamesToVariableValues({ variableRegEx: put(variable.regex, values, built), sort: variable.sort ?? 0, metricNames: found }).map(({ label, value }: any) => ({ text: label, value }));
    } else if (type === "custom") one.options = parts(String(variable.query ?? ""));
    else if (type === "interval") one.options = String(variable.query ?? "").split(",").filter(Boolean).map((text) => ({ text: text.trim(), value: text.trim() }));
    else if (type === "datasource") one.options = [{ text: "This server", value: "bellwether" }];
    else {
      const value = texts(current.length > 0 && type === "textbox" ? current : variable.query ?? current)[0] ?? "";
      Object.assign(one, { values: [value], texts: [value] });
      values.set(name, one);
      continue;
    }
    const has = (value: string) => one.options.some((option) => option.value === value);
    let chosen = current.filter((value) => (value === ALL ? one.includeAll : has(value)));
    if (type === "interval" && variable.auto && (current[0] ?? "").startsWith("$__auto")) chosen = current;
    if (chosen.length === 0) chosen = one.includeAll ? [ALL] : one.options[0] ? [one.options[0].value] : [];
    if (isSeveral && one.multi && type !== "datasource" && one.options.length > 1 && hash(name) % 3 > 0) { chosen = one.options.slice(0, 2).map(({ value }) => value); picked[name] = chosen; }
    if (chosen.includes(ALL)) {
      Object.assign(one, { values: one.options.map(({ value }) => value), texts: ["All"], all: variable.allValue || null, isList: true });
    } else if (type === "interval" && chosen[0]?.startsWith("$__auto")) {
      const { interval } = rangeUtil.calculateInterval({ from: range.fromMs, to: range.toMs } as any, variable.auto_count ?? 30, variable.auto_min || "10s");
      Object.assign(one, { values: [interval], texts: ["auto"] });
    } else Object.assign(one, { values: one.multi ? chosen : chosen.slice(0, 1), texts: chosen.map((value) => one.options.find((option) => option.value === value)?.text ?? value), isList: one.multi });
    values.set(name, one);
  }
  return values;
}
