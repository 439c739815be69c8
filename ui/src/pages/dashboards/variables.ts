/** Variables: what can be chosen of each, in their order, as later ones may speak of earlier ones; and what is chosen. */

import type { Dashboard, Variable, VariableOption } from "@/api/dashboards";
import { labelNames, labelValues, queryInstant, seriesOf } from "@/api/prometheus";
import { expression } from "@/components/panels/fields";
import { durationText, parseDurationMs } from "@/lib/duration";
import type { Labels } from "@/lib/labels";
import { stepFor } from "@/api/prometheus";
import { roundedStep } from "./steps";
import { type BuiltIn, type Chosen, lookupOf, substitute } from "./substitute";

export const ALL = "$__all";
/** More are not looked through by anybody. */
const OPTIONS_MAX = 5_000;

/** What is chosen in the address, by name. */
export type Picked = Readonly<Record<string, readonly string[]>>;
export interface AdHoc { name: string; op: string; value: string }

export interface ResolvedVariable {
  variable: Variable;
  options: readonly VariableOption[];
  /** What is chosen, as it stands in the address; `$__all` for all. */
  picked: readonly string[];
  chosen: Chosen;
  error: string | null;
}

export type VariableQuery =
  | { kind: "label_values"; selector: string | null; label: string }
  | { kind: "label_names"; selector: string | null }
  | { kind: "metrics"; regex: string }
  | { kind: "query_result"; expr: string }
  | { kind: "series"; expr: string };

/** Reads `label_values(…)` and its kin, by the rules of crates/dashboards/src/variable.rs. */
export function parseVariableQuery(given: string): VariableQuery | null {
  const text = given.trim();
  const within = (name: string) => (text.startsWith(name) ? /^\s*\(([\s\S]*)\)$/.exec(text.slice(name.length))?.[1]?.trim() ?? null : null);
  const values = within("label_values");
  if (values !== null) {
    const at = values.lastIndexOf(",");
    const last = values.slice(at + 1).trim();
    const [selector, label] = at >= 0 && !last.includes("}") ? [values.slice(0, at).trim(), last] : [null, values];
    return label === "" || /[\s{}()=]/.test(label) ? null : { kind: "label_values", selector: selector === "" ? null : selector, label: label.replace(/^["']|["']$/g, "") };
  }
  const names = within("label_names");
  if (names !== null) return { kind: "label_names", selector: names === "" ? null : names };
  const metrics = within("metrics");
  if (metrics !== null) return { kind: "metrics", regex: metrics };
  const result = within("query_result");
  if (result !== null) return { kind: "query_result", expr: result };
  return text === "" ? null : { kind: "series", expr: text };
}

/** A series as expressions of imported variables find it: without spaces, and in braces even where there is nothing. */
const tightName = ({ __name__: metric = "", ...labels }: Labels) => `${metric}{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(",")}}`;

async function ask(text: string, fromS: number, toS: number, signal: AbortSignal): Promise<string[]> {
  const query = parseVariableQuery(text);
  if (!query) throw new Error(`${JSON.stringify(text)} is no query: want label_values(metric, label) or the like`);
  const match = (selector: string | null) => (selector === null ? [] : [selector]);
  switch (query.kind) {
    case "label_values": return labelValues(query.label, match(query.selector), fromS, toS, signal);
    case "label_names": return labelNames(match(query.selector), fromS, toS, signal);
    case "metrics": {
      const regex = query.regex === "" ? null : expression(query.regex);
      return (await labelValues("__name__", [], fromS, toS, signal)).filter((name) => regex?.test(name) ?? true);
    }
    case "query_result": {
      const answer = await queryInstant(query.expr, toS, signal);
      if (answer.type === "scalar" || answer.type === "string") return [answer.text ?? ""];
      return answer.samples.map((sample) => `${tightName(sample.labels)} ${sample.value ?? ""} ${Math.round(sample.time * 1000)}`);
    }
    case "series": return (await seriesOf([query.expr], fromS, toS, OPTIONS_MAX, signal)).map(tightName);
  }
}

const natural = new Intl.Collator("en", { numeric: true });
const numberIn = (text: string) => Number(/-?\d+(\.\d+)?/.exec(text)?.[0] ?? NaN);

export function sortOptions(options: readonly VariableOption[], sort: Variable["sort"]): VariableOption[] {
  const sorted = [...options];
  const name = ({ text, value }: VariableOption) => text || value;
  const by: Record<string, (a: VariableOption, b: VariableOption) => number> = {
    alphabetical: (a, b) => (name(a) < name(b) ? -1 : 1),
    numerical: (a, b) => { const [x, y] = [numberIn(name(a)), numberIn(name(b))]; return Number.isNaN(x) || Number.isNaN(y) ? Number(Number.isNaN(x)) - Number(Number.isNaN(y)) : x - y; },
    case_insensitive: (a, b) => (name(a).toLowerCase() < name(b).toLowerCase() ? -1 : 1),
    natural: (a, b) => natural.compare(name(a), name(b)),
  };
  const compare = by[sort.replace("_desc", "")];
  if (compare) sorted.sort(compare);
  return sort.endsWith("_desc") ? sorted.reverse() : sorted;
}

/** What an expression takes of values: its groups `value` and `text`, its first group, or all of what it finds. */
export function applyRegex(values: readonly string[], regex: string): VariableOption[] {
  const found = regex === "" ? null : expression(regex);
  const seen = new Set<string>();
  return values.flatMap((value) => {
    const match = found ? found.exec(value) : null;
    if (found && !match) return [];
    const groups = match?.groups;
    const own = match ? groups?.["value"] ?? groups?.["text"] ?? match[1] ?? match[0] : value;
    const text = groups?.["text"] ?? own;
    if (seen.has(own) || own === "" && !found) return [];
    seen.add(own);
    return [{ value: own, text }];
  }).slice(0, OPTIONS_MAX);
}

export function chosenOf(variable: Variable, options: readonly VariableOption[], picked: readonly string[]): Chosen {
  const textOf = (value: string) => options.find((one) => one.value === value)?.text || value;
  const isMulti = variable.multi || variable.includeAll;
  if (!picked.includes(ALL)) return { values: picked, texts: picked.map(textOf), isMulti };
  const each = options.map(({ value, text }) => ({ value, text: text || value }));
  if (variable.allValue !== "") return { values: [variable.allValue], texts: ["All"], isMulti, each, raw: variable.allValue };
  return { values: options.map(({ value }) => value), texts: ["All"], isMulti, each };
}

/** What is chosen where the address says nothing, or something that may not be. */
function pickedOf(variable: Variable, options: readonly VariableOption[], wanted: readonly string[] | undefined): readonly string[] {
  const isFree = variable.kind === "text" || variable.kind === "constant";
  if (isFree) return [wanted?.[0] ?? (variable.current[0] || variable.query)];
  if (wanted !== undefined && wanted.length > 0) {
    // Addresses turn 1.10 into 1.1: the option that is the same number is meant.
    const same = (value: string) => (options.some((one) => one.value === value) || value.trim() === "" || Number.isNaN(Number(value)) ? value : options.find((one) => one.value !== "" && Number(one.value) === Number(value))?.value ?? value);
    const kept = (variable.multi ? wanted : wanted.slice(0, 1)).map(same);
    if (kept.includes(ALL)) return variable.includeAll ? [ALL] : first(variable, options);
    return kept;
  }
  const known = variable.current.filter((value) => (value === ALL ? variable.includeAll : options.some((one) => one.value === value)));
  return known.length > 0 ? (variable.multi ? known : known.slice(0, 1)) : first(variable, options);
}
const first = (variable: Variable, options: readonly VariableOption[]) => (variable.includeAll ? [ALL] : options[0] ? [options[0].value] : []);

export interface Resolving { dashboard: Dashboard; picked: Picked; fromMs: number; toMs: number; scrapeS: number; zone: string; keep: (key: readonly unknown[], run: (signal: AbortSignal) => Promise<string[]>) => Promise<string[]> }

/** All variables, one after another: what a query finds depends on what is chosen before it. */
export async function resolveVariables({ dashboard, picked, fromMs, toMs, scrapeS, zone, keep }: Resolving): Promise<ResolvedVariable[]> {
  const resolved: ResolvedVariable[] = [];
  const known = new Map<string, Chosen>();
  const built: BuiltIn = { fromMs, toMs, stepS: stepFor(fromMs / 1000, toMs / 1000, 240, 1), scrapeS, title: dashboard.title, zone };
  for (const variable of dashboard.variables) {
    let options: readonly VariableOption[] = variable.options;
    let error: string | null = null;
    if (variable.kind === "query" && variable.query.trim() !== "") {
      const query = substitute(variable.query, lookupOf(known, built, true));
      // Minutes are enough: the values of a label do not come and go with each refresh.
      const grid = variable.refresh === "time" ? 60_000 : 600_000;
      const [from, to] = [Math.floor(fromMs / grid) * grid / 1000, Math.ceil(toMs / grid) * grid / 1000];
      try {
        options = sortOptions(applyRegex(await keep(["variable", query, from, to], (signal) => ask(query, from, to, signal)), substitute(variable.regex, lookupOf(known, built, false))), variable.sort);
      } catch (problem) {
        error = problem instanceof Error ? problem.message : String(problem);
        options = [];
      }
    } else if (variable.kind === "interval") {
      options = variable.autoSteps > 0 ? [{ value: "auto", text: "auto" }, ...variable.options] : variable.options;
    } else if (variable.kind === "datasource") options = [{ value: "bellwether", text: "This server" }];
    const own = pickedOf(variable, options, picked[variable.name]);
    let chosen = chosenOf(variable, options, own);
    if (variable.kind === "interval" && own[0] === "auto") {
      const step = Math.max(roundedStep((toMs - fromMs) / 1000 / Math.max(1, variable.autoSteps)), (parseDurationMs(variable.autoMin) ?? 1000) / 1000);
      chosen = { values: [durationText(step * 1000)], texts: ["auto"], isMulti: false };
    }
    resolved.push({ variable, options, picked: own, chosen, error });
    if (variable.kind !== "adhoc") known.set(variable.name, chosen);
  }
  return resolved;
}

/** Matchers of an ad hoc variable, as they stand in the address: `name|=|value`. */
export function adHocOf(picked: readonly string[]): AdHoc[] {
  return picked.flatMap((text) => { const [name = "", op = "", ...rest] = text.split("|"); return name !== "" && /^(=|!=|=~|!~)$/.test(op) ? [{ name, op, value: rest.join("|") }] : []; });
}
export const adHocText = ({ name, op, value }: AdHoc) => `${name}|${op}|${value}`;
