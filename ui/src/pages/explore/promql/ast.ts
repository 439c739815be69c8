/** PromQL as a tree: the server parses, here it is changed and written again. */

import { ask } from "@/api/client";
import { once } from "@/components/query/names";
import { durationText } from "@/lib/duration";
import { labelName, quoted } from "@/lib/labels";

export type MatchOp = "=" | "!=" | "=~" | "!~";
export interface Matcher { name: string; type: MatchOp; value: string }
interface Timed { offset: number; offsetExpr?: unknown; timestamp: number | null; startOrEnd: "start" | "end" | null }
export interface VectorSelector extends Timed { type: "vectorSelector"; name: string; matchers: Matcher[]; anchored?: boolean; smoothed?: boolean }
export interface MatrixSelector extends Timed { type: "matrixSelector"; name: string; matchers: Matcher[]; range: number; rangeExpr?: unknown; anchored?: boolean; smoothed?: boolean }
export interface Call { type: "call"; func: { name: string }; args: Node[] }
export interface Aggregation { type: "aggregation"; op: string; expr: Node; param: Node | null; grouping: string[]; without: boolean }
export interface Matching { card: "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many"; labels: string[]; on: boolean; include: string[]; fillValues?: { lhs: number | null; rhs: number | null } }
export interface Binary { type: "binaryExpr"; op: string; lhs: Node; rhs: Node; bool: boolean; matching: Matching | null }
export interface Subquery extends Timed { type: "subquery"; expr: Node; range: number; step: number; rangeExpr?: unknown; stepExpr?: unknown }
export type Node =
  | VectorSelector | MatrixSelector | Call | Aggregation | Binary | Subquery
  | { type: "numberLiteral"; val: string } | { type: "stringLiteral"; val: string } | { type: "parenExpr"; expr: Node } | { type: "unaryExpr"; op: string; expr: Node };
export type Selector = VectorSelector | MatrixSelector;

/** The tree of a query; fails as the server does, with the place of what is wrong. */
export const parse = (query: string): Promise<Node> => once(`parse ${query}`, async () => (await ask<{ data: Node }>("/api/v1/parse_query", { form: { query } })).data);

const isSelector = (node: Node): node is Selector => node.type === "vectorSelector" || node.type === "matrixSelector";

function children(node: Node): Node[] {
  switch (node.type) {
    case "call": return node.args;
    case "aggregation": return node.param ? [node.param, node.expr] : [node.expr];
    case "binaryExpr": return [node.lhs, node.rhs];
    case "parenExpr": case "unaryExpr": case "subquery": return [node.expr];
    default: return [];
  }
}

export function selectors(node: Node): Selector[] {
  return isSelector(node) ? [node] : children(node).flatMap(selectors);
}

/** The tree with every selector changed. */
export function mapSelectors(node: Node, change: (selector: Selector) => Selector): Node {
  if (isSelector(node)) return change(node);
  switch (node.type) {
    case "call": return { ...node, args: node.args.map((one) => mapSelectors(one, change)) };
    case "aggregation": return { ...node, expr: mapSelectors(node.expr, change), param: node.param ? mapSelectors(node.param, change) : null };
    case "binaryExpr": return { ...node, lhs: mapSelectors(node.lhs, change), rhs: mapSelectors(node.rhs, change) };
    case "parenExpr": case "unaryExpr": case "subquery": return { ...node, expr: mapSelectors(node.expr, change) };
    default: return node;
  }
}

/** What a selector is of: its name, or nothing where it is of many metrics. */
export function metricOf(selector: Selector): string {
  return selector.name || (selector.matchers.find((one) => one.name === "__name__" && one.type === "=")?.value ?? "");
}

export const withoutName = (matchers: readonly Matcher[]): Matcher[] => matchers.filter((one) => one.name !== "__name__");

/** The same with one more matcher; what was said of this label before by `=` is replaced. */
export function withMatcher(matchers: readonly Matcher[], added: Matcher): Matcher[] {
  return [...matchers.filter((one) => one.name !== added.name || (one.type !== "=" && one.type !== added.type)), added];
}

const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function printSelector(metric: string, matchers: readonly Matcher[]): string {
  const own = withoutName(matchers);
  const nameless = metric === "" ? matchers.filter((one) => one.name === "__name__") : [];
  const parts = [...nameless, ...own].map((one) => `${labelName(one.name)}${one.type}${quoted(one.value)}`);
  if (metric !== "" && !PLAIN_METRIC.test(metric)) return `{${[quoted(metric), ...parts].join(", ")}}`;
  return parts.length > 0 || metric === "" ? `${metric}{${parts.join(", ")}}` : metric;
}

function times(node: Timed): string {
  const at = node.timestamp !== null ? ` @ ${node.timestamp / 1000}` : node.startOrEnd ? ` @ ${node.startOrEnd}()` : "";
  return at + (node.offset ? ` offset ${durationText(node.offset)}` : "");
}

const PRECEDENCE: Readonly<Record<string, number>> = { or: 1, and: 2, unless: 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, atan2: 5, "^": 6 };

/** The text of a tree, or null where it holds what cannot be written here. */
export function print(node: Node): string | null {
  try {
    return written(node);
  } catch {
    return null;
  }
}

function written(node: Node): string {
  switch (node.type) {
    case "numberLiteral": return node.val;
    case "stringLiteral": return quoted(node.val);
    case "parenExpr": return `(${written(node.expr)})`;
    case "unaryExpr": return `${node.op}${written(node.expr)}`;
    case "vectorSelector": case "matrixSelector": {
      if (node.offsetExpr || ("rangeExpr" in node && node.rangeExpr)) throw new Error("a computed duration");
      const ends = node.anchored ? " anchored" : node.smoothed ? " smoothed" : "";
      return printSelector(metricOf(node), node.matchers) + (node.type === "matrixSelector" ? `[${durationText(node.range)}]` : "") + ends + times(node);
    }
    case "subquery":
      if (node.offsetExpr || node.rangeExpr || node.stepExpr) throw new Error("a computed duration");
      return `${written(node.expr)}[${durationText(node.range)}:${node.step ? durationText(node.step) : ""}]${times(node)}`;
    case "call": return `${node.func.name}(${node.args.map(written).join(", ")})`;
    case "aggregation": {
      const by = node.grouping.length > 0 || node.without ? ` ${node.without ? "without" : "by"} (${node.grouping.map(labelName).join(", ")}) ` : "";
      return `${node.op}${by}(${node.param ? `${written(node.param)}, ` : ""}${written(node.expr)})`;
    }
    case "binaryExpr": {
      const { matching } = node;
      if (matching?.fillValues && (matching.fillValues.lhs !== null || matching.fillValues.rhs !== null)) throw new Error("fill values");
      const on = matching && (matching.labels.length > 0 || matching.on) ? ` ${matching.on ? "on" : "ignoring"} (${matching.labels.map(labelName).join(", ")})` : "";
      const group = matching?.card === "many-to-one" ? ` group_left (${matching.include.map(labelName).join(", ")})` : matching?.card === "one-to-many" ? ` group_right (${matching.include.map(labelName).join(", ")})` : "";
      return `${side(node.lhs, node.op, false)} ${node.op}${node.bool ? " bool" : ""}${on}${group} ${side(node.rhs, node.op, true)}`;
    }
  }
}

/** Parentheses stand in the tree; where it was changed they are put where they are needed. */
function side(node: Node, op: string, isRight: boolean): string {
  const text = written(node);
  if (node.type !== "binaryExpr") return text;
  const own = PRECEDENCE[node.op] ?? 0;
  const outer = PRECEDENCE[op] ?? 0;
  return own < outer || (own === outer && isRight !== (op === "^")) ? `(${text})` : text;
}

/** The query with one more matcher in each of its selectors. */
export function filtered(node: Node, added: Matcher): string | null {
  return print(mapSelectors(node, (selector) => ({ ...selector, matchers: withMatcher(selector.matchers, added) })));
}

/** The query by one more label: in its outermost sum, or with a sum around it. */
export function splitBy(node: Node, label: string): string | null {
  const split = (one: Node): Node | null => {
    if (one.type === "aggregation") {
      if (one.without) return { ...one, grouping: one.grouping.filter((name) => name !== label) };
      return one.grouping.includes(label) ? one : { ...one, grouping: [...one.grouping, label] };
    }
    if (one.type === "call") {
      const args = one.args.map((arg) => split(arg));
      return args.some((arg) => arg !== null) ? { ...one, args: args.map((arg, index) => arg ?? one.args[index] ?? arg) as Node[] } : null;
    }
    if (one.type === "binaryExpr") {
      const lhs = split(one.lhs);
      const rhs = split(one.rhs);
      return lhs || rhs ? { ...one, lhs: lhs ?? one.lhs, rhs: rhs ?? one.rhs } : null;
    }
    if (one.type === "parenExpr" || one.type === "unaryExpr") {
      const inner = split(one.expr);
      return inner ? { ...one, expr: inner } : null;
    }
    return null;
  };
  return print(split(node) ?? { type: "aggregation", op: "sum", expr: node, param: null, grouping: [label], without: false });
}
