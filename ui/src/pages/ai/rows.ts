/** One row for each provider, model or tool: what it does now and what it did before, from the answers of bundled questions. */

import type { Instant, InstantSample } from "@/api/prometheus";
import type { Labels } from "@/lib/labels";
import type { Catalog } from "./catalog";
import { type Aspect, callChange, type Change, costChange, durationChange, failureChange, type Pair, worst } from "./compare";
import { type Ask, bundle, costRate, counterRate, gauge, headroom, PART, quantileOf, rateOf, tokenRate, type Window } from "./queries";

export type Kind = "provider" | "model" | "tool";

export interface ErrorCount { type: string; now: number; before: number }

export interface Row {
  kind: Kind;
  /** As it stands in the address. */
  id: string;
  name: string;
  /** Beside the name: a model's provider, how a tool is called. */
  of: string;
  /** Its id among entities. */
  entity: string;
  /** What selects its series. */
  labels: Labels;
  isMcp: boolean;
  /** A second. */
  calls: Pair;
  failed: Pair;
  /** Shares of calls. */
  failedShare: Pair;
  errors: ErrorCount[];
  p50: number | null;
  p95: Pair;
  p99: number | null;
  firstToken: Pair;
  /** A second. */
  input: Pair;
  output: Pair;
  /** Dollars an hour. */
  cost: Pair;
  room: number | null;
  roomLeast: number | null;
  /** Seconds. */
  reset: number | null;
  exhaustion: number | null;
  changes: Readonly<Record<Aspect, Change>>;
  worst: Change | null;
}

export interface Windows { now: Window; before: Window; seconds: number }

const labelsOf = (catalog: Catalog, kind: Kind): readonly string[] => {
  const { provider, model, tool } = catalog.dimensions;
  return kind === "provider" ? [provider] : kind === "model" ? [model, provider] : [tool];
};

/** The question for all rows of a kind, at one of the two times. Empty where there is nothing to be asked. */
export function rowsQuery(catalog: Catalog, kind: Kind, window: Window, isNow: boolean): string {
  const { error, method, tool } = catalog.dimensions;
  if (kind === "tool") {
    const parts: Record<string, string> = {};
    for (const [prefix, histogram, labels] of [["tool", catalog.tool, [tool]], ["mcp", catalog.mcp, [method, tool]]] as const) {
      if (!histogram) continue;
      parts[`${prefix}.calls`] = rateOf(histogram, { by: [...labels, error], isNamed: true }, window);
      parts[`${prefix}.p95`] = quantileOf(0.95, histogram, { by: labels, isNamed: true }, window);
      if (!isNow) continue;
      parts[`${prefix}.p50`] = quantileOf(0.5, histogram, { by: labels, isNamed: true }, window);
      parts[`${prefix}.p99`] = quantileOf(0.99, histogram, { by: labels, isNamed: true }, window);
    }
    return bundle(parts);
  }
  const by = labelsOf(catalog, kind);
  const ask: Ask = { by, isNamed: true };
  const { calls, firstToken, reset, exhaustion } = catalog;
  return bundle({
    calls: calls && rateOf(calls, { by: [...by, error], isNamed: true }, window),
    p95: calls && quantileOf(0.95, calls, ask, window),
    first: firstToken && quantileOf(0.95, firstToken, ask, window),
    input: tokenRate(catalog, "input", ask, window),
    output: tokenRate(catalog, "output", ask, window),
    cost: costRate(catalog, ask, window),
    ...(isNow
      ? {
          p50: calls && quantileOf(0.5, calls, ask, window),
          p99: calls && quantileOf(0.99, calls, ask, window),
          room: headroom(catalog, ask, null),
          least: headroom(catalog, ask, window),
          reset: reset && gauge("max", reset, ask),
          exhaustion: exhaustion && kind === "provider" ? gauge("min", exhaustion, { ...ask, labels: { quantile: "0.5" } }) : null,
        }
      : {}),
  });
}

/** The question for the page's tiles. */
export function totalsQuery(catalog: Catalog, window: Window): string {
  const { calls, firstToken, fallbacks } = catalog;
  const ask: Ask = { by: [] };
  return bundle({
    calls: calls && rateOf(calls, ask, window),
    failed: calls && rateOf(calls, { by: [catalog.dimensions.error], isNamed: true }, window),
    p95: calls && quantileOf(0.95, calls, ask, window),
    first: firstToken && quantileOf(0.95, firstToken, ask, window),
    input: tokenRate(catalog, "input", ask, window),
    output: tokenRate(catalog, "output", ask, window),
    cost: costRate(catalog, ask, window),
    fallbacks: fallbacks && counterRate(fallbacks, ask, window),
  });
}

/** Values of a part without labels, summed up over what it was split by. */
export function total(instant: Instant | undefined, part: string): number | null {
  const found = (instant?.samples ?? []).filter(({ labels, value }) => labels[PART] === part && value !== null && !Number.isNaN(value));
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + (value ?? 0), 0);
}

/** Identity of a row, as it stands in the address. */
function identity(catalog: Catalog, kind: Kind, isMcp: boolean, labels: Labels): Pick<Row, "id" | "name" | "of" | "entity" | "labels"> {
  const { provider, model, tool, method } = catalog.dimensions;
  const of = (label: string) => labels[label] ?? "";
  if (kind === "provider") return { id: of(provider), name: of(provider), of: "", entity: `provider/${of(provider)}`, labels: { [provider]: of(provider) } };
  if (kind === "model") {
    const id = `${of(provider)}/${of(model)}`;
    return { id, name: of(model), of: of(provider), entity: `model/${id}`, labels: { [model]: of(model), [provider]: of(provider) } };
  }
  if (!isMcp) return { id: of(tool), name: of(tool), of: "tool", entity: `tool/${of(tool)}`, labels: { [tool]: of(tool) } };
  const name = of(tool) === "" ? of(method) : of(method) === "tools/call" ? of(tool) : `${of(method)} ${of(tool)}`;
  return { id: `mcp:${name}`, name, of: "MCP", entity: of(tool) === "" ? "" : `tool/${of(tool)}`, labels: { [method]: of(method), [tool]: of(tool) } };
}

interface Gathered { labels: Labels; isMcp: boolean; now: Map<string, number>; before: Map<string, number>; errors: Map<string, { now: number; before: number }> }

export function rowsOf(catalog: Catalog, kind: Kind, now: Instant, before: Instant | undefined, seconds: number): Row[] {
  const all = new Map<string, Gathered>();
  const gather = (samples: readonly InstantSample[], when: "now" | "before") => {
    for (const { labels, value } of samples) {
      if (value === null || Number.isNaN(value)) continue;
      const [prefix, suffix] = (labels[PART] ?? "").split(".");
      const part = suffix ?? prefix ?? "";
      const isMcp = prefix === "mcp";
      const { id } = identity(catalog, kind, isMcp, labels);
      let row = all.get(id);
      if (!row) all.set(id, (row = { labels, isMcp, now: new Map(), before: new Map(), errors: new Map() }));
      if (part !== "calls") row[when].set(part, value);
      else {
        row[when].set("calls", (row[when].get("calls") ?? 0) + value);
        const error = labels[catalog.dimensions.error] ?? "";
        if (error !== "") {
          row[when].set("failed", (row[when].get("failed") ?? 0) + value);
          const counted = row.errors.get(error) ?? { now: 0, before: 0 };
          counted[when] += value * seconds;
          row.errors.set(error, counted);
        }
      }
    }
  };
  gather(now.samples, "now");
  gather(before?.samples ?? [], "before");
  const rows = [...all.values()].map((one) => rowOf(catalog, kind, one, seconds));
  return kind === "tool" ? toolsAmong(catalog, rows) : rows;
}

/** What callers of tools measured; of MCP only tools that no caller did. The protocol's own methods are no tools, where any is named. */
function toolsAmong(catalog: Catalog, rows: Row[]): Row[] {
  const toolOf = (row: Row) => row.labels[catalog.dimensions.tool] ?? "";
  const measured = new Set(rows.filter((row) => !row.isMcp).map(toolOf));
  const tools = rows.filter((row) => !row.isMcp || (toolOf(row) !== "" && !measured.has(toolOf(row))));
  return tools.length > 0 ? tools : rows;
}

function rowOf(catalog: Catalog, kind: Kind, { labels, isMcp, now, before, errors }: Gathered, seconds: number): Row {
  const pair = (part: string): Pair => ({ now: now.get(part) ?? null, before: before.get(part) ?? null });
  const calls = pair("calls");
  // Calls without a single failure have a share of failures too: none.
  const failed: Pair = { now: calls.now === null ? null : (now.get("failed") ?? 0), before: calls.before === null ? null : (before.get("failed") ?? 0) };
  const counted = (value: Pair): Pair => ({ now: value.now === null ? null : value.now * seconds, before: value.before === null ? null : value.before * seconds });
  const share = (failures: number | null, of: number | null) => (failures === null || of === null || of === 0 ? null : failures / of);
  const p95 = pair("p95");
  const firstToken = pair("first");
  const cost = pair("cost");
  const changes = {
    failures: failureChange(counted(failed), counted(calls)),
    latency: durationChange("latency", p95, counted(calls)),
    firstToken: durationChange("firstToken", firstToken, counted(calls)),
    cost: costChange(cost),
    calls: callChange(calls),
  };
  return {
    kind, isMcp, ...identity(catalog, kind, isMcp, labels),
    calls, failed, failedShare: { now: share(failed.now, calls.now), before: share(failed.before, calls.before) },
    errors: [...errors].map(([type, count]) => ({ type, ...count })).filter((one) => one.now >= 0.5 || one.before >= 0.5).sort((a, b) => b.now - a.now || b.before - a.before),
    p50: now.get("p50") ?? null, p95, p99: now.get("p99") ?? null, firstToken,
    input: pair("input"), output: pair("output"), cost,
    room: now.get("room") ?? null, roomLeast: now.get("least") ?? null, reset: now.get("reset") ?? null, exhaustion: now.get("exhaustion") ?? null,
    changes, worst: worst([changes.failures, changes.latency, changes.firstToken]),
  };
}
