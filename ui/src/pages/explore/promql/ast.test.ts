import { describe, expect, it } from "vitest";
import { filtered, type Node, print, printSelector, splitBy, withMatcher } from "./ast";

const timed = { offset: 0, offsetExpr: null, timestamp: null, startOrEnd: null } as const;
const up: Node = { type: "vectorSelector", name: "up", matchers: [{ name: "__name__", type: "=", value: "up" }], ...timed };
const rate: Node = { type: "call", func: { name: "rate" }, args: [{ type: "matrixSelector", name: "a_total", matchers: [{ name: "job", type: "=~", value: "x|y" }, { name: "__name__", type: "=", value: "a_total" }], range: 300_000, ...timed, offset: 3_600_000 }] };
const sum: Node = { type: "aggregation", op: "sum", expr: rate, param: null, grouping: ["le"], without: false };
const number = (val: string): Node => ({ type: "numberLiteral", val });

describe("print", () => {
  it("writes what the server read", () => {
    expect(print(up)).toBe("up");
    expect(print(sum)).toBe('sum by (le) (rate(a_total{job=~"x|y"}[5m] offset 1h))');
    expect(print({ type: "call", func: { name: "histogram_quantile" }, args: [number("0.9"), sum] })).toBe('histogram_quantile(0.9, sum by (le) (rate(a_total{job=~"x|y"}[5m] offset 1h)))');
    expect(print({ type: "binaryExpr", op: ">", bool: true, matching: null, lhs: up, rhs: number("1") })).toBe("up > bool 1");
    expect(print({ type: "subquery", expr: up, range: 3_600_000, step: 0, ...timed, startOrEnd: "end" })).toBe("up[1h:] @ end()");
  });
  it("puts parentheses where a change needs them", () => {
    const plus: Node = { type: "binaryExpr", op: "+", bool: false, matching: null, lhs: up, rhs: number("1") };
    expect(print({ type: "binaryExpr", op: "*", bool: false, matching: null, lhs: plus, rhs: number("2") })).toBe("(up + 1) * 2");
    expect(print({ type: "binaryExpr", op: "-", bool: false, matching: null, lhs: number("2"), rhs: plus })).toBe("2 - (up + 1)");
  });
  it("escapes values and names that are not plain", () => {
    expect(printSelector("my.metric", [{ name: "a b", type: "=", value: 'x"\n' }])).toBe('{"my.metric", "a b"="x\\"\\n"}');
    expect(printSelector("", [{ name: "__name__", type: "=~", value: "a.*" }])).toBe('{__name__=~"a.*"}');
  });
  it("gives up on computed durations", () => {
    expect(print({ ...up, offsetExpr: {} })).toBeNull();
  });
});

describe("changes", () => {
  it("filters every selector, once for each label", () => {
    const both: Node = { type: "binaryExpr", op: "/", bool: false, matching: null, lhs: up, rhs: rate };
    expect(filtered(both, { name: "job", type: "=", value: "z" })).toBe('up{job="z"} / rate(a_total{job=~"x|y", job="z"}[5m] offset 1h)');
    expect(withMatcher([{ name: "a", type: "=", value: "1" }], { name: "a", type: "=", value: "2" })).toEqual([{ name: "a", type: "=", value: "2" }]);
  });
  it("splits the outermost sum, or makes one", () => {
    expect(splitBy(sum, "model")).toBe('sum by (le, model) (rate(a_total{job=~"x|y"}[5m] offset 1h))');
    expect(splitBy(up, "job")).toBe("sum by (job) (up)");
    expect(splitBy({ ...sum, without: true, grouping: ["model", "pod"] }, "model")).toBe('sum without (pod) (rate(a_total{job=~"x|y"}[5m] offset 1h))');
  });
});
