import { describe, expect, it } from "vitest";
import { absences, catalogOf } from "./catalog";
import { PART, bundle, headroom, quantileOf, rateOf, tokenRate } from "./queries";
import { rowsOf } from "./rows";

const of = (names: Record<string, number>, labels: string[] = []) => catalogOf(new Map(Object.entries(names)), labels);
const window = { text: "5m", offset: "1h" };

describe("catalogOf", () => {
  it("takes native histograms before classic ones", () => {
    const found = of({ gen_ai_server_time_to_first_token_seconds_bucket: 10, gen_ai_server_time_to_first_token_seconds_count: 1, gen_ai_client_operation_time_to_first_chunk_seconds: 1 });
    expect(found.firstToken?.name).toBe("gen_ai_client_operation_time_to_first_chunk_seconds");
  });
  it("reads names without a unit, in milliseconds, and with dots", () => {
    expect(of({ gen_ai_client_operation_duration: 1 }).calls?.scale).toBe(1);
    expect(of({ gen_ai_client_operation_duration_milliseconds: 1 }).calls?.scale).toBe(0.001);
    const dotted = of({ "gen_ai.client.operation.duration": 1 }, ["gen_ai.provider.name"]);
    expect(dotted.calls?.name).toBe("gen_ai.client.operation.duration");
    expect(rateOf(dotted.calls ?? { name: "", isNative: true, isClassic: false, isSame: true, scale: 1 }, { by: [dotted.dimensions.provider] }, { text: "5m" })).toBe('histogram_count(sum by ("gen_ai.provider.name") (rate({"gen_ai.client.operation.duration"}[5m])))');
  });
  it("knows older names of labels", () => expect(of({}, ["gen_ai_system"]).dimensions.provider).toBe("gen_ai_system"));
  it("says what is absent", () => expect(absences(of({ gen_ai_client_operation_duration_seconds: 1 })).map(({ title }) => title)).toContain("Cost"));
});

describe("queries", () => {
  const both = { name: "x_seconds", isNative: true, isClassic: true, isSame: true, scale: 1 };
  it("are short where both forms cover all", () => expect(rateOf(both, { by: ["p"], isNamed: true }, window)).toBe('sum by (p) (rate(x_seconds_count{p!=""}[5m] offset 1h))'));
  it("join both forms where senders differ", () => expect(quantileOf(0.95, { ...both, isSame: false }, { by: ["p"] }, { text: "5m" })).toBe("histogram_quantile(0.95, sum by (p) (rate(x_seconds[5m]))) or histogram_quantile(0.95, sum by (p, le) (rate(x_seconds_bucket[5m])))"));
  it("take tokens from the histogram where there are no counters", () => expect(tokenRate(of({ gen_ai_client_token_usage_bucket: 3, gen_ai_client_token_usage_count: 1 }), "input", { by: [] }, { text: "5m" })).toBe('sum (rate(gen_ai_client_token_usage_sum{gen_ai_token_type="input"}[5m]))'));
  it("ask for nothing that is not there", () => {
    expect(headroom(of({}), { by: [] }, null)).toBeNull();
    expect(bundle({ a: null, b: undefined })).toBe("");
  });
});

describe("rowsOf tools", () => {
  const catalog = of({ gen_ai_execute_tool_duration_seconds: 1, mcp_server_operation_duration_seconds: 1 }, ["gen_ai_tool_name", "mcp_method_name"]);
  const calls = (prefix: string, labels: Record<string, string>) => ({ labels: { [PART]: `${prefix}.calls`, ...labels }, time: 0, value: 1, name: "", histogram: null });
  const names = (...samples: ReturnType<typeof calls>[]) => rowsOf(catalog, "tool", { samples, notes: [], type: "vector" }, undefined, 300).map(({ name, of: from }) => `${from} ${name}`);
  const search = calls("tool", { gen_ai_tool_name: "search" });
  const list = calls("mcp", { mcp_method_name: "tools/list" });
  const spoken = (tool: string) => calls("mcp", { mcp_method_name: "tools/call", gen_ai_tool_name: tool });
  it("have each once, and no methods of the protocol", () => expect(names(search, spoken("search"), spoken("code"), list)).toEqual(["tool search", "MCP code"]));
  it("are the methods where no tool is named", () => expect(names(list)).toEqual(["MCP tools/list"]));
});
