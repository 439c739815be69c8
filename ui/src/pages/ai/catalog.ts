/** Which AI series this server has: names of OpenTelemetry's GenAI and MCP conventions with and without units, of older versions too, native or classic. */

import type { Labels } from "@/lib/labels";

/** A histogram under whichever name and in whichever form it is stored. */
export interface Histogram {
  name: string;
  /** Stored as a native histogram, and as classic buckets. Both where senders differ, or where both are asked for. */
  isNative: boolean;
  isClassic: boolean;
  /** Whether each form covers all senders, so that one is enough. */
  isSame: boolean;
  /** From the stored unit to seconds. */
  scale: number;
}

export interface Counter { name: string }

/** Names of labels, as this server has them. */
export interface Dimensions { provider: string; model: string; tool: string; method: string; error: string; tokenType: string }

export interface Catalog {
  calls?: Histogram;
  firstToken?: Histogram;
  perToken?: Histogram;
  tool?: Histogram;
  mcp?: Histogram;
  /** Tokens as counters of their own, or as a histogram by type. */
  inputTokens?: Counter;
  outputTokens?: Counter;
  cachedTokens?: Counter;
  reasoningTokens?: Counter;
  tokenUsage?: Histogram;
  cost?: Counter;
  limit?: Counter;
  remaining?: Counter;
  reset?: Counter;
  inFlight?: Counter;
  fallbacks?: Counter;
  retries?: Counter;
  breaker?: Counter;
  exhaustion?: Counter;
  sockets?: Counter;
  socketMessages?: Counter;
  socketBytes?: Counter;
  roundTrip?: Histogram;
  session?: Histogram;
  dimensions: Dimensions;
}

export type Role = Exclude<keyof Catalog, "dimensions">;

/** What is looked for, all of it in one question. */
export const CATALOG_PATTERN = "gen_?ai.+|mcp.(server|client).+|llm.+|websocket.+|.*llm_(fallbacks|retries)_total|circuit_breaker_state|bellwether_time_to_exhaustion_seconds";

/** Stored names may have dots; units may stand behind the name. */
const plain = (name: string) => name.replaceAll(/[^a-zA-Z0-9_]/g, "_");

const HISTOGRAMS: Readonly<Record<"calls" | "firstToken" | "perToken" | "tool" | "mcp" | "tokenUsage" | "roundTrip" | "session", readonly string[]>> = {
  calls: ["gen_ai_client_operation_duration", "gen_ai_server_request_duration", "llm_request_duration", "llm_openai_chat_completions_duration"],
  firstToken: ["gen_ai_server_time_to_first_token", "gen_ai_client_operation_time_to_first_chunk", "gen_ai_client_time_to_first_token", "llm_time_to_first_token", "llm_openai_chat_completions_streaming_time_to_first_token"],
  perToken: ["gen_ai_server_time_per_output_token", "gen_ai_client_operation_time_per_output_chunk"],
  tool: ["gen_ai_execute_tool_duration", "gen_ai_tool_duration"],
  mcp: ["mcp_server_operation_duration", "mcp_client_operation_duration"],
  tokenUsage: ["gen_ai_client_token_usage", "llm_token_usage"],
  roundTrip: ["websocket_round_trip"],
  session: ["websocket_session_duration"],
};

const COUNTERS: Readonly<Partial<Record<Role, RegExp>>> = {
  inputTokens: /^(gen_ai_client_inference_usage|gen_ai_client_usage|llm_usage)_(input|prompt)_tokens(_total)?$/,
  outputTokens: /^(gen_ai_client_inference_usage|gen_ai_client_usage|llm_usage)_(output|completion)_tokens(_total)?$/,
  cachedTokens: /^gen_ai_client_(inference_)?usage_cache_read_input_tokens(_total)?$/,
  reasoningTokens: /^gen_ai_client_(inference_)?usage_reasoning_output_tokens(_total)?$/,
  cost: /^(gen_ai_client|gen_ai|llm)_cost(_dollars|_usd|_USD)?(_total)?$/,
  limit: /^(gen_ai_client|llm)_rate_?limit_limit$/,
  remaining: /^(gen_ai_client|llm)_rate_?limit_remaining$/,
  reset: /^(gen_ai_client|llm)_rate_?limit_reset(_seconds)?$/,
  inFlight: /^gen_ai_client_calls_in_flight$/,
  fallbacks: /(^|_)llm_fallbacks_total$/,
  retries: /(^|_)llm_retries_total$/,
  breaker: /^circuit_breaker_state$/,
  exhaustion: /^bellwether_time_to_exhaustion_seconds$/,
  sockets: /^websocket_connections$/,
  socketMessages: /^websocket_messages(_total)?$/,
  socketBytes: /^websocket_message_bytes(_total)?$/,
};

/** Names of labels, the newest convention first. */
const LABELS: Readonly<Record<keyof Dimensions, readonly string[]>> = {
  provider: ["gen_ai_provider_name", "gen_ai_system", "llm_provider", "llm_vendor", "provider"],
  model: ["gen_ai_request_model", "gen_ai_response_model", "llm_request_model", "llm_model_name", "model"],
  tool: ["gen_ai_tool_name", "mcp_tool_name", "tool_name", "tool"],
  method: ["mcp_method_name", "mcp_method", "rpc_method"],
  error: ["error_type", "error_kind"],
  tokenType: ["gen_ai_token_type", "gen_ai_usage_token_type", "llm_usage_token_type"],
};

const UNITS: readonly (readonly [string, number])[] = [["_seconds", 1], ["_milliseconds", 0.001], ["_ms", 0.001], ["_s", 1], ["", 1]];

/** What there is, from all names with the count of their series now, and all names of labels. */
export function catalogOf(counts: ReadonlyMap<string, number>, labelNames: readonly string[]): Catalog {
  const byPlain = new Map<string, string>();
  for (const name of counts.keys()) if (!byPlain.has(plain(name))) byPlain.set(plain(name), name);
  const catalog: Catalog = { dimensions: dimensionsOf(labelNames) };

  for (const [role, bases] of Object.entries(HISTOGRAMS) as [keyof typeof HISTOGRAMS, readonly string[]][]) {
    const found = bases.flatMap((base) => UNITS.flatMap(([unit, scale]): Histogram[] => histogram(base + unit, scale, byPlain, counts)));
    // Native ones have finer quantiles; among equals the convention's order decides.
    const best = found.find((one) => one.isNative) ?? found[0];
    if (best) catalog[role] = best;
  }
  for (const [role, pattern] of Object.entries(COUNTERS) as [Exclude<Role, keyof typeof HISTOGRAMS>, RegExp][]) {
    for (const [short, name] of byPlain) {
      if (pattern.test(short) && (counts.get(name) ?? 0) >= 0) {
        catalog[role] = { name };
        break;
      }
    }
  }
  return catalog;
}

function histogram(base: string, scale: number, byPlain: ReadonlyMap<string, string>, counts: ReadonlyMap<string, number>): Histogram[] {
  const native = byPlain.get(base);
  const classic = byPlain.get(`${base}_bucket`) === undefined ? undefined : byPlain.get(`${base}_count`);
  if (native === undefined && classic === undefined) return [];
  const nativeCount = native === undefined ? 0 : (counts.get(native) ?? 0);
  const classicCount = classic === undefined ? 0 : (counts.get(classic) ?? 0);
  const name = native ?? classic?.slice(0, -"_count".length) ?? base;
  return [{ name, isNative: native !== undefined, isClassic: classic !== undefined, isSame: nativeCount === classicCount, scale }];
}

export function dimensionsOf(labelNames: readonly string[]): Dimensions {
  const known = new Map(labelNames.map((name) => [plain(name), name]));
  const pick = (names: readonly string[]) => names.map((name) => known.get(name)).find((name) => name !== undefined) ?? names[0] ?? "";
  return {
    provider: pick(LABELS.provider), model: pick(LABELS.model), tool: pick(LABELS.tool),
    method: pick(LABELS.method), error: pick(LABELS.error), tokenType: pick(LABELS.tokenType),
  };
}

/** A part of the page that has no series, and how they come to be. */
export interface Absence { title: string; wants: string; how: string }

export function absences(catalog: Catalog): Absence[] {
  const all: readonly (Absence & { isThere: boolean })[] = [
    { title: "Calls of models", wants: "gen_ai_client_operation_duration_seconds", how: "Wrap calls with the SDK's LlmCall, or send OpenTelemetry's GenAI metrics to /api/v1/otlp/v1/metrics.", isThere: catalog.calls !== undefined },
    { title: "Time to the first token", wants: "gen_ai_server_time_to_first_token_seconds", how: "Call LlmCall::chunk for each piece of a streamed answer, or let the provider's server send it.", isThere: catalog.firstToken !== undefined },
    { title: "Tokens", wants: "gen_ai_client_token_usage", how: "Hand the answer's usage to LlmCall::usage; OpenTelemetry's instrumentations send it by themselves.", isThere: catalog.inputTokens !== undefined || catalog.tokenUsage !== undefined },
    { title: "Cost", wants: "gen_ai_client_cost_dollars_total", how: "Hand what a call cost to LlmCall::cost_dollars.", isThere: catalog.cost !== undefined },
    { title: "Room below rate limits", wants: "gen_ai_client_rate_limit_remaining", how: "Hand the answer's headers to LlmCall::headers.", isThere: catalog.remaining !== undefined },
    { title: "Tools", wants: "gen_ai_execute_tool_duration_seconds", how: "Wrap tools with the SDK's ToolCall, or send OpenTelemetry's execute_tool metrics.", isThere: catalog.tool !== undefined || catalog.mcp !== undefined },
    { title: "MCP operations", wants: "mcp_server_operation_duration_seconds", how: "Serve MCP with an instrumented library; OpenTelemetry's MCP conventions name the metric.", isThere: catalog.mcp !== undefined },
    { title: "WebSocket sessions", wants: "websocket_connections", how: "Hold a WebSocketSession of the SDK while a socket is open.", isThere: catalog.sockets !== undefined },
  ];
  return all.filter((one) => !one.isThere).map(({ title, wants, how }) => ({ title, wants, how }));
}

/** Selectors' labels without those that are empty names. */
export function matchers(pairs: readonly (readonly [string, string | undefined])[]): Labels {
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => pair[0] !== "" && pair[1] !== undefined));
}
