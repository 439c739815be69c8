import { describe, expect, it } from "vitest";
import type { Node } from "../promql/ast";
import { explain } from "./explain";
import { firstSteps, fromTree, type Model, toText } from "./model";

const timed = { offset: 0, offsetExpr: null, timestamp: null, startOrEnd: null } as const;
const matrix: Node = { type: "matrixSelector", name: "d_bucket", matchers: [{ name: "a", type: "=~", value: "x|y" }, { name: "__name__", type: "=", value: "d_bucket" }], range: 300_000, rangeExpr: null, ...timed };
const quantile: Node = { type: "call", func: { name: "histogram_quantile" }, args: [{ type: "numberLiteral", val: "0.95" }, { type: "aggregation", op: "sum", param: null, grouping: ["le"], without: false, expr: { type: "call", func: { name: "rate" }, args: [matrix] } }] };

describe("steps", () => {
  const text = 'histogram_quantile(0.95, sum by (le) (rate(d_bucket{a=~"x|y"}[5m])))';
  it("are read from a tree and written as they were", () => {
    const model = fromTree(quantile);
    expect(model?.operations.map((one) => one.kind)).toEqual(["range", "aggregate", "quantile"]);
    expect(model && toText(model)).toBe(text);
  });
  it("keep the order of sums", () => {
    const tree: Node = { type: "binaryExpr", op: "*", bool: false, matching: null, rhs: { type: "numberLiteral", val: "2" }, lhs: { type: "parenExpr", expr: { type: "binaryExpr", op: "+", bool: false, matching: null, lhs: quantile, rhs: { type: "numberLiteral", val: "1" } } } };
    expect(toText(fromTree(tree) as Model)).toBe(`(${text} + 1) * 2`);
  });
  it("are not made of what is more than a chain", () => {
    expect(fromTree({ type: "binaryExpr", op: "/", bool: false, matching: null, lhs: quantile, rhs: quantile })).toBeNull();
    expect(fromTree({ type: "call", func: { name: "rate" }, args: [{ ...matrix, offset: 60_000 }] })).toBeNull();
    expect(fromTree({ type: "call", func: { name: "label_replace" }, args: [quantile] })).toBeNull();
  });
  it("begin as the type asks for", () => {
    expect(toText({ metric: "a_total", matchers: [], operations: firstSteps("a_total", "counter") })).toBe("sum(rate(a_total[5m]))");
    expect(toText({ metric: "h", matchers: [], operations: firstSteps("h", "histogram") })).toBe("histogram_quantile(0.95, sum(rate(h[5m])))");
    expect(toText({ metric: "g", matchers: [], operations: firstSteps("g", "gauge") })).toBe("g");
    expect(toText({ metric: "g", matchers: [], operations: [{ kind: "aggregate", op: "topk", by: [], without: false, param: "5" }, { kind: "math", op: ">", value: "0", bool: true }] })).toBe("topk(5, g) > bool 0");
  });
  it("are told in words", () => {
    expect(explain(fromTree(quantile) as Model)).toEqual([
      "Take all series of d_bucket where a is like “x|y”", "Take for each how much it grew a second, on average over the last 5 min", "Add them up for each le", "Take what 95 % of the observed values are at or below",
    ]);
  });
});
