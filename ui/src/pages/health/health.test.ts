import { describe, expect, it } from "vitest";
import type { Frame } from "@/api/prometheus";
import { covers, type Maintenance } from "./asks";
import { entityCharts } from "./entityCharts";
import { inOrder } from "./Phases";
import { toggled } from "./StateChips";
import { entityStrip, probeStrips, stateShares } from "./strips";

const frame = (series: Frame["series"]): Frame => ({ times: [60, 120, 180], step: 60, series, histograms: [], notes: [] });
const time = (ms: number) => String(ms / 1000);

describe("strips", () => {
  it("of a probe tell failures apart from no checks and from slow ones", () => {
    const strips = probeStrips(
      frame([{ labels: { probe: "p" }, name: "", values: [null, 0.75, 1] }]),
      frame([{ labels: { probe: "p" }, name: "", values: [null, 0, 1] }]), time,
    ).get("p");
    expect(strips?.map(({ tone }) => tone)).toEqual(["none", "bad", "warn"]);
    expect(strips?.[1]).toMatchObject({ bad: 0.25, label: "60 to 120", more: "25 % of checks failed" });
  });

  it("of an entity show the worst state of each step, and count only what is known", () => {
    const blocks = entityStrip(frame([{ labels: { state: "up" }, name: "", values: [1, 1, null] }, { labels: { state: "down" }, name: "", values: [0, 1, null] }]), time);
    expect(blocks.map(({ tone }) => tone)).toEqual(["good", "bad", "none"]);
    expect(stateShares(blocks)).toEqual({ known: 2 / 3, up: 0.5 });
  });
});

describe("maintenance", () => {
  const window = (...probes: string[]): Maintenance => ({ id: 1, reason: "", probes, start: 0, end: 1, everySeconds: null });
  it("covers names, and patterns in which only the star is special", () => {
    expect(covers(window("provider-*"), "provider-a")).toBe(true);
    expect(covers(window("provider-*"), "my-provider-a")).toBe(false);
    expect(covers(window("a.b"), "axb")).toBe(false);
    expect(covers(window("*"), "anything")).toBe(true);
    expect(covers(window("(["), "([")).toBe(true);
  });
});

describe("the rest", () => {
  it("has phases in their order", () => expect(inOrder([{ name: "transfer" }, { name: "models" }, { name: "tls" }, { name: "resolve" }]).map(({ name }) => name)).toEqual(["resolve", "tls", "models", "transfer"]));
  it("toggles words of a list", () => {
    expect(toggled(["a"], "b")).toBe("a,b");
    expect(toggled(["a"], "a")).toBeUndefined();
  });
  it("escapes names of entities in queries", () => {
    const [first] = entityCharts('tool/a"} or up{x="', "300s", []);
    expect(first?.queries[0]?.query).toContain('gen_ai_tool_name="a\\"} or up{x=\\""');
    expect(entityCharts("pool/job/host:1/requests", "300s", [])[0]?.queries[0]?.query).toBe('sum(worker_pool_tasks_running{pool="requests", job="job", instance="host:1"})');
  });
});
