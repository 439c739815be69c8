/** Answers of a Prometheus that is not there: made of a hash of the question, so that both sides are told the same. */

import { parser } from "@prometheus-io/lezer-promql";

export type Labels = Record<string, string>;
interface Node { name: string; from: number; to: number; firstChild: Node | null; nextSibling: Node | null; getChild: (name: string) => Node | null; getChildren: (name: string) => Node[] }
type Sample = [number, string];
export interface Answer { resultType: "matrix" | "vector" | "scalar"; result: { metric: Labels; values?: Sample[]; value?: Sample }[] | Sample }

export function hash(text: string): number {
  let value = 2166136261;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 16777619);
  value ^= value >>> 15;
  return Math.imul(value, 2246822519) >>> 0;
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, y: 31536e6 };
/** A query in one spelling: durations in ms, no spaces outside of texts. `1m0s` and `60s` are the same question, in whichever quotes. */
export const canonical = (expr: string): string =>
  expr.split(/("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)/s).map((part, index) => (index % 2 === 1 ? part.replace(/^'(.*)'$/s, '"$1"') : part.replace(/#[^\n]*/g, "").replace(/\b(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+\b/g, (text) => `${[...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0)}ms`).replace(/\s+/g, " "))).join("").replace(/ ?([-+*/(){}[\],=!<>~]) ?/g, "$1").replace(/,([})])/g, "$1").trim();

/** Labels that legends and texts of the panel speak of. */
let hints: readonly string[] = [];
export const expect = (labels: readonly string[]) => { hints = labels; };

const POOLS: Record<string, readonly string[]> = {
  le: ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"], quantile: ["0.5", "0.9", "0.95", "0.99"], mode: ["idle", "iowait", "system", "user"], device: ["eth0", "lo", "nvme0n1", "sda"],
  instance: ["10.0.0.1:9100", "10.0.0.2:9100", "db-1.example.com:9100", "web[0]:9100"], code: ["200", "404", "500", "503"], status: ["200", "302", "404", "500"], mountpoint: ["/", "/boot", "/var/lib/data", "/mnt/x (old)"],
};
export const poolOf = (label: string): readonly string[] => POOLS[label] ?? [`${label}-a`, `${label}.b`, `${label}-c10`, `${label}-c9`];

interface Shape { names: Set<string>; fixed: Map<string, string>; metric: string | null; isScalar: boolean }
const empty = (): Shape => ({ names: new Set(), fixed: new Map(), metric: null, isScalar: false });
const children = (node: Node): Node[] => { const all: Node[] = []; for (let at = node.firstChild; at; at = at.nextSibling) all.push(at); return all; };
const KEEPS = /^(last_over_time|first_over_time|sort|sort_desc|sort_by_label|sort_by_label_desc|label_replace|label_join)$/;
const LITERALS = new Set(["NumberDurationLiteral", "NumberLiteral", "NumberDurationLiteralInDurationContext", "StringLiteral", "⚠"]);
const unquoted = (text: string) => text.slice(1, -1).replace(/\\(.)/g, "$1");

/** Which labels the answer of an expression has. */
function shapeOf(node: Node, text: string): Shape {
  const words = (of: Node) => text.slice(of.from, of.to);
  const labelsIn = (of: Node | null) => (of ? of.getChildren("LabelName").map(words) : []);
  const inner = (of: Node | null): Node[] => (of ? children(of).filter(({ name }) => !["(", ")", ","].includes(name)) : []);
  switch (node.name) {
    case "VectorSelector": {
      const shape = empty();
      shape.metric = node.getChild("Identifier") ? words(node.getChild("Identifier")!) : null;
      ["instance", "job", ...hints].forEach((name) => shape.names.add(name));
      for (const matcher of node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? []) {
        const [name, value] = [matcher.getChild("LabelName"), matcher.getChild("StringLiteral")];
        if (!name || !value) continue;
        const op = words(matcher.getChild("MatchOp") ?? matcher);
        if (words(name) === "__name__") { if (op === "=") shape.metric = unquoted(words(value)); continue; }
        shape.names.add(words(name));
        if (op === "=" && unquoted(words(value)) !== "") shape.fixed.set(words(name), unquoted(words(value)));
      }
      if (shape.metric?.endsWith("_bucket")) shape.names.add("le");
      else if (!hints.includes("le")) shape.names.delete("le");
      shape.names.delete("__name__");
      return shape;
    }
    case "AggregateExpr": {
      const op = words(node.getChild("AggregateOp") ?? node).toLowerCase();
      const args = inner(node.getChild("FunctionCallBody"));
      const of = shapeOf(args.at(-1) ?? node, text);
      if (op === "topk" || op === "bottomk") return of;
      const modifier = node.getChild("AggregateModifier");
      const names = labelsIn(modifier?.getChild("GroupingLabels") ?? null);
      const isBy = modifier !== null && /^by/i.test(words(modifier));
      const kept = modifier === null ? [] : isBy ? names : [...of.names].filter((name) => !names.includes(name));
      if (op === "count_values" && args[0]) kept.push(unquoted(words(args[0])));
      return { names: new Set(kept), fixed: new Map([...of.fixed].filter(([name]) => kept.includes(name))), metric: null, isScalar: false };
    }
    case "FunctionCall": {
      const name = words(node.getChild("FunctionIdentifier") ?? node);
      const args = inner(node.getChild("FunctionCallBody"));
      if (["time", "scalar", "pi"].includes(name)) return { ...empty(), isScalar: true };
      if (name === "vector" || args.length === 0) return empty();
      const of = shapeOf(args.find((one) => !LITERALS.has(one.name)) ?? args[0]!, text);
      if (name === "histogram_quantile") of.names.delete("le");
      if (name === "absent" || name === "absent_over_time") of.names = new Set(of.fixed.keys());
      if ((name === "label_replace" || name === "label_join") && args[1]) of.names.add(unquoted(words(args[1])));
      if (!KEEPS.test(name)) of.metric = null;
      return of;
    }
    case "BinaryExpr": {
      const parts = children(node).filter(({ name }) => /Expr$|Selector$|Call$|Literal$/.test(name));
      const [left, right] = [shapeOf(parts[0]!, text), shapeOf(parts.at(-1)!, text)];
      const of = left.isScalar ? right : left;
      const modifier = node.getChild("MatchingModifierClause");
      const names = modifier ? labelsIn(modifier.getChild("GroupingLabels")) : [];
      const grouped = modifier && /group_(left|right)/.exec(words(modifier));
      if (grouped?.[1] === "right") { right.metric = null; return right; }
      if (grouped) /group_left\s*\(([^)]*)\)/.exec(words(modifier!))?.[1]?.split(",").map((one) => one.trim()).filter(Boolean).forEach((one) => of.names.add(one));
      else if (modifier && /^on/.test(words(modifier))) of.names = new Set(names);
      if (!children(node).some(({ name }) => ["And", "Or", "Unless", "Gtr", "Lss", "Gte", "Lte", "Eql", "EqlC", "Neq"].includes(name))) of.metric = null;
      return of;
    }
    case "NumberDurationLiteral": case "NumberLiteral": case "NumberDurationLiteralInDurationContext": return { ...empty(), isScalar: true };
    default: {
      const [first] = inner(node).filter(({ name }) => !LITERALS.has(name) || name.startsWith("Number"));
      return first ? shapeOf(first, text) : empty();
    }
  }
}

const SIZES = [0.00042, 0.0371, 0.5, 0.91, 3, 17.25, 96.4, 123.456, 1234.5, 9876, 54321, 7.7e6, 1.5e9, 3.3e11];

interface Made { labels: Labels; at: (time: number) => number | null; now: (time: number) => number }
const known = new Map<string, { all: Made[]; isScalar: boolean }>();

function made(given: string): { all: Made[]; isScalar: boolean } {
  const expr = canonical(given);
  const key = `${hints.join()} ${expr}`;
  const old = known.get(key);
  if (old) return old;
  const root = parser.parse(expr).topNode as unknown as Node;
  const shape = shapeOf(root, expr);
  const seed = hash(expr);
  // One of 31 questions has no answer, one of 23 a long one.
  const count = shape.isScalar || shape.names.size === 0 ? 1 : seed % 31 === 0 ? 0 : seed % 23 === 0 ? 32 : 1 + (seed >>> 5) % 4;
  const sets = new Map<string, Labels>();
  const buckets = shape.names.has("le") && !shape.fixed.has("le") ? POOLS["le"]! : [null];
  for (let index = 0; index < count; index += 1) for (const le of buckets) {
    const labels: Labels = shape.metric && !shape.isScalar ? { __name__: shape.metric } : {};
    for (const name of [...shape.names].sort()) { const pool = poolOf(name); labels[name] = name === "le" && le !== null ? le : shape.fixed.get(name) ?? pool[(index + hash(name)) % pool.length]! + (index < pool.length ? "" : `-${Math.floor(index / pool.length)}`); }
    sets.set(JSON.stringify(labels), labels);
  }
  const isBinary = /\b\w*(up|state|status|health|ready|running|enabled|info)\b|==|>bool|<bool/i.test(expr.replace(/"[^"]*"/g, ""));
  const all = [...sets.values()].map((labels): Made => {
    const { le, ...rest } = labels;
    const own = hash(expr + JSON.stringify(rest));
    const kind = (own >>> 7) % 14;
    const size = SIZES[own % SIZES.length]!;
    const share = le === undefined ? 1 : le === "+Inf" ? 1 : (POOLS["le"]!.indexOf(le) + 1) / 12;
    const plain = (time: number): number => {
      if (le !== undefined) return Math.round((40 + 30 * Math.sin(time / 700 + own % 7)) * 100 * share) / 100;
      if (isBinary) return hash(`${own} ${Math.floor(time / 900)}`) % 3 === 0 ? 0 : 1;
      if (kind === 1) return size;
      if (kind === 2) return Math.round(size * 10 * (1 + Math.sin(time / 800 + own % 5)));
      return size * (1 + 0.4 * Math.sin(time / 900 + own % 6)) * (kind === 3 && expr.includes("-") ? -1 : 1);
    };
    return {
      labels,
      now: (time) => (le === undefined && kind === 4 ? NaN : plain(time)),
      at: (time) => {
        if (le !== undefined) return plain(time);
        const phase = Math.floor(time / 600) % 6;
        if (kind === 4 && phase % 3 === 0) return NaN;
        if (kind === 5 && phase === 2) return null;
        if (kind === 6 && time % 3600 > 3100) return null;
        return plain(time);
      },
    };
  });
  const answer = { all, isScalar: shape.isScalar };
  known.set(key, answer);
  return answer;
}

const spelled = (value: number) => (Number.isNaN(value) ? "NaN" : String(value));

export function rangeAnswer(expr: string, start: number, end: number, step: number): Answer {
  const { all } = made(expr);
  const result = all.map(({ labels, at }) => {
    const values: Sample[] = [];
    for (let time = start; time <= end + 1e-6; time += step) { const value = at(time); if (value !== null) values.push([time, spelled(value)]); }
    return { metric: labels, values };
  });
  return { resultType: "matrix", result: result.filter(({ values }) => values.length > 0) };
}

export function instantAnswer(expr: string, time: number): Answer {
  const { all, isScalar } = made(expr);
  if (isScalar) return { resultType: "scalar", result: [time, spelled(all[0]?.now(time) ?? 1)] };
  return { resultType: "vector", result: all.map(({ labels, now }) => ({ metric: labels, value: [time, spelled(now(time))] })) };
}

/** Values of a label; of a metric's name some that fit. */
export const labelValues = (label: string, match: string): string[] => (label === "__name__" ? ["a_total", "b_seconds_count", "go_goroutines"] : [...poolOf(label)].slice(0, 1 + hash(label + canonical(match)) % 4));

export const seriesOf = (match: string): Labels[] => made(match).all.map(({ labels }) => labels);
