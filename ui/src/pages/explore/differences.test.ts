import { describe, expect, it } from "vitest";
import { added, countable, nearestBounds, partsOf, ranked, rest } from "./differences";
import type { Node } from "./promql/ast";

const one = (labels: Record<string, string>, value: number) => ({ labels, value });
const selector = (name: string): Node => ({ type: "vectorSelector", name, matchers: [{ name: "job", type: "=", value: "ai" }, { name: "__name__", type: "=", value: name }], offset: 0, timestamp: null, startOrEnd: null });

describe("ranked", () => {
  const selected = [one({ model: "a", zone: "x", job: "j" }, 90), one({ model: "b", zone: "y", job: "j" }, 10)];
  const base = [one({ model: "a", zone: "x", job: "j" }, 500), one({ model: "b", zone: "x", job: "j" }, 500)];
  const found = ranked(selected, base, true);
  it("puts the label first whose shares differ most", () => {
    expect(found.labels.map((label) => label.label)).toEqual(["model", "zone"]);
    expect(found.labels[0]?.values[0]).toMatchObject({ value: "a", selectedShare: 0.9, baseShare: 0.5 });
    expect(found.selected).toBe(100);
    expect(found.base).toBe(1000);
  });
  it("tells what is the same everywhere", () => expect(found.same).toEqual(["job"]));
  it("takes chance off", () => {
    const few = ranked([one({ m: "a" }, 2), one({ m: "b" }, 1)], [one({ m: "a" }, 1), one({ m: "b" }, 2)], true).labels[0]?.score ?? 1;
    const many = ranked([one({ m: "a" }, 2000), one({ m: "b" }, 1000)], [one({ m: "a" }, 1000), one({ m: "b" }, 2000)], true).labels[0]?.score ?? 0;
    expect(few).toBeLessThan(0.1);
    expect(many).toBeGreaterThan(0.3);
  });
  it("counts what has no such label as a value of its own", () => {
    const errors = ranked([one({ error: "timeout" }, 5), one({}, 5)], [one({}, 100)], true);
    expect(errors.labels[0]?.values.map((value) => value.value).sort()).toEqual(["", "timeout"]);
  });
  it("is quiet about nothing", () => {
    expect(ranked([], [], true)).toEqual({ labels: [], same: [], selected: 0, base: 0 });
    expect(ranked([one({ a: "x" }, NaN)], [one({ a: "x" }, -3)], true).labels).toEqual([]);
  });
});

describe("what is counted", () => {
  const known = (name: string) => name === "d_bucket";
  it("knows the kinds", () => {
    expect(countable(selector("d_bucket"), () => "histogram", known)).toMatchObject({ kind: "classic", metric: "d" });
    expect(countable(selector("n"), () => "histogram", known)).toMatchObject({ kind: "native", metric: "n" });
    expect(countable(selector("r_total"), () => undefined, known)).toMatchObject({ kind: "counter" });
    expect(countable(selector("g"), () => "gauge", known)).toMatchObject({ kind: "gauge" });
    expect(countable({ type: "numberLiteral", val: "1" }, () => "gauge", known)).toBeNull();
  });
  it("asks for the buckets nearest to an area", () => {
    const what = countable(selector("d_bucket"), () => "histogram", known);
    if (!what) throw new Error("not countable");
    const bounds = new Map([[0.1, "0.1"], [1, "1.0"], [10, "10"], [Infinity, "+Inf"]]);
    const { parts, counted } = partsOf(what, { from: 0, to: 600 }, { low: 0.9, high: 9 }, bounds, null);
    expect(parts).toEqual([
      { sign: 1, query: 'increase(d_bucket{job="ai", le="10"}[10m])' },
      { sign: -1, query: 'increase(d_bucket{job="ai", le="1.0"}[10m])' },
    ]);
    expect(counted).toBe("values from 1 to 10");
    expect(partsOf(what, { from: 0, to: 60 }, { low: 0.9, high: Infinity }, bounds, "model").parts[0]?.query).toBe('sum by (model) (increase(d_count{job="ai"}[1m]))');
  });
  it("finds bounds", () => {
    expect(nearestBounds([0.1, 1, 10, Infinity], 0.01, 0.2)).toEqual({ low: null, high: 0.1 });
    expect(nearestBounds([0.1, 1, 10, Infinity], 2, 3)).toEqual({ low: 1, high: 10 });
    expect(nearestBounds([0.1, 1, 10, Infinity], 5, 500)).toEqual({ low: 10, high: null });
  });
});

describe("sums", () => {
  const sample = (labels: Record<string, string>, value: number) => ({ labels, value, name: "", histogram: null, time: 0 });
  it("takes one part from another, whatever its bucket", () => {
    expect(added([{ sign: 1, samples: [sample({ le: "10", m: "a" }, 5)] }, { sign: -1, samples: [sample({ le: "1", m: "a" }, 2)] }])).toEqual([one({ le: "10", m: "a" }, 3)]);
  });
  it("leaves the rest", () => expect(rest([one({ m: "a" }, 5), one({ m: "b" }, 1)], [one({ m: "a" }, 2), one({ m: "b" }, 3)])).toEqual([one({ m: "a" }, 3), one({ m: "b" }, 0)]));
});
