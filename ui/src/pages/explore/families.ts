/** Metrics as people see them: a histogram is one, not three; and those that begin alike stand together. */

import type { Metadata } from "@/api/prometheus";
import { about } from "@/components/query/names";

export interface Family { name: string; type: string; help: string; /** Whether it has classic buckets, and whether it is native. */ hasBuckets: boolean; isNative: boolean }
export interface FamilyGroup { prefix: string; families: Family[] }

export function families(names: readonly string[], all: Readonly<Record<string, Metadata[]>>): Family[] {
  const known = new Set(names);
  const made = new Map<string, Family>();
  for (const name of names) {
    const whole = name.replace(/_(bucket|sum|count)$/, "");
    const isPart = whole !== name && (known.has(`${whole}_bucket`) || ((all[whole]?.[0]?.type === "histogram" || all[whole]?.[0]?.type === "summary") && all[name] === undefined));
    const own = isPart ? whole : name;
    if (made.has(own)) continue;
    const data = about(all, own);
    const hasBuckets = known.has(`${own}_bucket`);
    const type = hasBuckets ? "histogram" : data?.type && data.type !== "unknown" ? data.type : /_total$/.test(own) ? "counter" : "unknown";
    made.set(own, { name: own, type, help: data?.help ?? "", hasBuckets, isNative: type === "histogram" && known.has(own) });
  }
  return [...made.values()];
}

/** By their first word, or as many as all of a group share. */
export function groupFamilies(all: readonly Family[]): FamilyGroup[] {
  const groups = new Map<string, Family[]>();
  for (const one of all) {
    const first = /^[^_:]+/.exec(one.name)?.[0] ?? one.name;
    groups.set(first, [...(groups.get(first) ?? []), one]);
  }
  const single: Family[] = [];
  const made: FamilyGroup[] = [];
  for (const [first, list] of groups) {
    if (list.length === 1) single.push(...list);
    else made.push({ prefix: sharedPrefix(list.map((one) => one.name), first), families: list });
  }
  // What measures the services comes before what measures the measuring.
  const rank = (prefix: string) => (/^(bellwether|prometheus|alertmanager|scrape|ALERTS|process|go)\b|^(bellwether|prometheus|alertmanager|scrape|process)_/.test(prefix) ? 1 : 0);
  made.sort((a, b) => rank(a.prefix) - rank(b.prefix) || (a.prefix < b.prefix ? -1 : 1));
  return single.length > 0 ? [...made, { prefix: "", families: single }] : made;
}

function sharedPrefix(names: readonly string[], first: string): string {
  let prefix = first;
  for (;;) {
    const next = new RegExp(`^${prefix.replace(/[^a-z0-9_]/gi, ".")}[_:][^_:]+(?=[_:])`).exec(names[0] ?? "")?.[0];
    if (next === undefined || !names.every((name) => name.startsWith(`${next}_`) || name.startsWith(`${next}:`))) return prefix;
    prefix = next;
  }
}

/** What is asked of a metric when it is opened, and for the small line beside it. */
export function questionOf(one: Family): { open: string; line: string } {
  if (one.hasBuckets) return { open: `histogram_quantile(0.95, sum by (le) (rate(${one.name}_bucket[5m])))`, line: `sum(rate(${one.name}_count[5m]))` };
  if (one.isNative) return { open: `histogram_quantile(0.95, sum(rate(${one.name}[5m])))`, line: `histogram_count(sum(rate(${one.name}[5m])))` };
  if (one.type === "counter") return { open: `sum(rate(${one.name}[5m]))`, line: `sum(rate(${one.name}[5m]))` };
  return { open: one.name, line: `avg(${one.name})` };
}

export interface Example { title: string; expr: string; view?: "heat" | "table" }

/** Questions that this server can answer: those about calls of models first, then what any server has. */
export function examples(names: ReadonlySet<string>, all: readonly Family[]): Example[] {
  const found: Example[] = [];
  const add = (needs: string, title: string, expr: string, view?: Example["view"]) => { if (names.has(needs)) found.push({ title, expr, ...(view ? { view } : {}) }); };
  const calls = "gen_ai_client_operation_duration_seconds";
  add(`${calls}_count`, "Calls of models a second, by provider", `sum by (gen_ai_provider_name) (rate(${calls}_count[5m]))`);
  add(`${calls}_bucket`, "How long calls of models take: 95 of 100, by model", `histogram_quantile(0.95, sum by (le, gen_ai_request_model) (rate(${calls}_bucket[5m])))`);
  if (names.has(calls)) add(calls, "How the time of calls is spread, as a heat map", `rate(${calls}[5m])`, "heat");
  else add(`${calls}_bucket`, "How the time of calls is spread, as a heat map", `rate(${calls}_bucket[5m])`, "heat");
  add(`${calls}_count`, "Share of calls that failed, by provider", `sum by (gen_ai_provider_name) (rate(${calls}_count{error_type!=""}[5m])) / sum by (gen_ai_provider_name) (rate(${calls}_count[5m]))`);
  add("gen_ai_client_cost_dollars_total", "What calls cost an hour, by model", "sum by (gen_ai_request_model) (increase(gen_ai_client_cost_dollars_total[1h]))");
  add("gen_ai_client_inference_usage_output_tokens_total", "Tokens answered a second, by model", "sum by (gen_ai_request_model) (rate(gen_ai_client_inference_usage_output_tokens_total[5m]))");
  if (found.length < 4) {
    const histogram = all.find((one) => one.hasBuckets || one.isNative);
    if (histogram) found.push({ title: `95 of 100 values of ${histogram.name} are at or below`, expr: questionOf(histogram).open });
    const counter = all.find((one) => one.type === "counter");
    if (counter) found.push({ title: `How fast ${counter.name} grows`, expr: questionOf(counter).open });
  }
  add("up", "Which targets are down", "up == 0", "table");
  add("ALERTS", "What fires now", 'ALERTS{alertstate="firing"}', "table");
  return found.slice(0, 8);
}
