/** A query as steps: a metric, filters of labels, and operations one after another. What does not fit into this is written as text. */

import { parseDurationMs } from "@/lib/duration";
import { durationText } from "@/lib/duration";
import { labelName, quoted } from "@/lib/labels";
import { type Matcher, metricOf, type Node, printSelector, type Selector, withoutName } from "../promql/ast";

export type Operation =
  | { kind: "range"; fn: string; range: string }
  | { kind: "aggregate"; op: string; by: string[]; without: boolean; param: string | null }
  | { kind: "quantile"; q: string }
  | { kind: "call"; fn: string }
  | { kind: "math"; op: string; value: string; bool: boolean };

export interface Model { metric: string; matchers: Matcher[]; operations: Operation[] }

export const RANGE_FUNCTIONS = ["rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "max_over_time", "min_over_time", "sum_over_time", "count_over_time", "last_over_time", "stddev_over_time", "present_over_time"] as const;
export const AGGREGATIONS = ["sum", "avg", "max", "min", "count", "stddev", "topk", "bottomk", "quantile", "group"] as const;
export const CALLS = ["histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev", "abs", "ceil", "floor", "round", "sqrt", "ln", "log2", "log10", "exp", "sort", "sort_desc", "absent"] as const;
export const MATH = ["+", "-", "*", "/", "%", "^", ">", ">=", "<", "<=", "==", "!="] as const;
export const WITH_PARAM = new Set(["topk", "bottomk", "quantile"]);
const COMPARISONS = new Set([">", ">=", "<", "<=", "==", "!="]);

export function toText({ metric, matchers, operations }: Model): string {
  if (metric === "" && matchers.length === 0) return "";
  let text = printSelector(metric, matchers);
  let isLoose = false;
  for (const one of operations) {
    switch (one.kind) {
      case "range": text = `${one.fn}(${text}[${one.range}])`; isLoose = false; break;
      case "aggregate": {
        const by = one.by.length > 0 || one.without ? ` ${one.without ? "without" : "by"} (${one.by.map(labelName).join(", ")}) ` : "";
        text = `${one.op}${by}(${one.param === null ? "" : `${/^-?[\d.]+(e-?\d+)?$/i.test(one.param) ? one.param : quoted(one.param)}, `}${text})`;
        isLoose = false;
        break;
      }
      case "quantile": text = `histogram_quantile(${one.q}, ${text})`; isLoose = false; break;
      case "call": text = `${one.fn}(${text})`; isLoose = false; break;
      case "math": text = `${isLoose ? `(${text})` : text} ${one.op}${one.bool && COMPARISONS.has(one.op) ? " bool" : ""} ${one.value}`; isLoose = true; break;
    }
  }
  return text;
}

/** The steps of a tree, or null where it is more than a chain of steps. */
export function fromTree(node: Node): Model | null {
  const operations: Operation[] = [];
  let at: Node = node;
  for (;;) {
    if (at.type === "parenExpr") at = at.expr;
    else if (at.type === "vectorSelector") return isPlain(at) ? { metric: metricOf(at), matchers: ownMatchers(at), operations: operations.reverse() } : null;
    else if (at.type === "aggregation") {
      if (at.param && at.param.type !== "numberLiteral") return null;
      operations.push({ kind: "aggregate", op: at.op, by: at.grouping, without: at.without, param: at.param?.val ?? null });
      at = at.expr;
    } else if (at.type === "binaryExpr") {
      if (at.rhs.type !== "numberLiteral" || at.matching) return null;
      operations.push({ kind: "math", op: at.op, value: at.rhs.val, bool: at.bool });
      at = at.lhs;
    } else if (at.type === "call") {
      const { name } = at.func;
      const [first, second] = at.args;
      if (!first) return null;
      if (name === "histogram_quantile" && first.type === "numberLiteral" && second) {
        operations.push({ kind: "quantile", q: first.val });
        at = second;
      } else if (first.type === "matrixSelector" && at.args.length === 1 && (RANGE_FUNCTIONS as readonly string[]).includes(name)) {
        if (!isPlain(first) || first.rangeExpr) return null;
        operations.push({ kind: "range", fn: name, range: durationText(first.range) });
        return { metric: metricOf(first), matchers: ownMatchers(first), operations: operations.reverse() };
      } else if (at.args.length === 1 && (CALLS as readonly string[]).includes(name)) {
        operations.push({ kind: "call", fn: name });
        at = first;
      } else return null;
    } else return null;
  }
}

const ownMatchers = (selector: Selector): Matcher[] => (metricOf(selector) === "" ? selector.matchers : withoutName(selector.matchers));
const isPlain = (selector: Selector) => selector.offset === 0 && !selector.offsetExpr && selector.timestamp === null && !selector.startOrEnd && !selector.anchored && !selector.smoothed;

export const isRange = (text: string) => { const ms = parseDurationMs(text); return ms !== null && ms > 0; };

/** What one would ask of a metric first, by its type. */
export function firstSteps(metric: string, type: string | undefined): Operation[] {
  const rate: Operation = { kind: "range", fn: "rate", range: "5m" };
  const sum = (...by: string[]): Operation => ({ kind: "aggregate", op: "sum", by, without: false, param: null });
  if (metric.endsWith("_bucket")) return [rate, sum("le"), { kind: "quantile", q: "0.95" }];
  if (type === "histogram" && !/_(count|sum)$/.test(metric)) return [rate, sum(), { kind: "quantile", q: "0.95" }];
  if (type === "counter" || /_(total|count|sum)$/.test(metric)) return [rate, sum()];
  return [];
}
