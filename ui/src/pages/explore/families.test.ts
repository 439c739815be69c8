import { describe, expect, it } from "vitest";
import { examples, families, groupFamilies, questionOf } from "./families";

const names = ["gen_ai_client_d_seconds", "gen_ai_client_d_seconds_bucket", "gen_ai_client_d_seconds_count", "gen_ai_client_d_seconds_sum", "gen_ai_server_t_total", "up", "demo_a", "demo_b_total", "queue_count"];
const meta = { gen_ai_client_d_seconds: [{ type: "histogram", unit: "", help: "Time." }], gen_ai_server_t_total: [{ type: "counter", unit: "", help: "" }], demo_a: [{ type: "gauge", unit: "", help: "" }] };

describe("families", () => {
  const all = families(names, meta);
  it("makes a histogram one", () => {
    expect(all.map((one) => one.name)).toEqual(["gen_ai_client_d_seconds", "gen_ai_server_t_total", "up", "demo_a", "demo_b_total", "queue_count"]);
    expect(all[0]).toMatchObject({ type: "histogram", hasBuckets: true, isNative: true, help: "Time." });
    expect(all[4]?.type).toBe("counter");
  });
  it("groups by what names share", () => {
    expect(groupFamilies(all).map((group) => [group.prefix, group.families.length])).toEqual([["demo", 2], ["gen_ai", 2], ["", 2]]);
  });
  it("asks by type", () => {
    expect(questionOf({ name: "x_total", type: "counter", help: "", hasBuckets: false, isNative: false }).open).toBe("sum(rate(x_total[5m]))");
    expect(questionOf({ name: "g", type: "gauge", help: "", hasBuckets: false, isNative: false }).open).toBe("g");
  });
  it("has examples only of what is there", () => {
    expect(examples(new Set(names), all).map((one) => one.expr)).toContain("up == 0");
    expect(examples(new Set(["up"]), []).length).toBe(1);
  });
});
