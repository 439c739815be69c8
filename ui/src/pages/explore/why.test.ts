import { describe, expect, it } from "vitest";
import { distance, nearest } from "./why";

describe("nearest", () => {
  const names = ["demo_requests_total", "demo_request_duration_seconds_count", "gen_ai_client_operation_duration_seconds_count", "up", "node_cpu_seconds_total"];
  it("finds what was written wrong", () => {
    expect(nearest("demo_request_total", names)[0]).toBe("demo_requests_total");
    expect(nearest("gen_ai_client_operation_duraton_seconds_count", names)[0]).toBe("gen_ai_client_operation_duration_seconds_count");
    expect(nearest("node_cpu_total", names)[0]).toBe("node_cpu_seconds_total");
  });
  it("offers nothing where nothing is like it", () => expect(nearest("zzzzqqqq", names)).toEqual([]));
  it("counts changes of letters", () => {
    expect(distance("kitten", "sitting")).toBe(3);
    expect(distance("a", "abcdefghijklmnop", 4)).toBe(5);
  });
});
