/** What a query does, in words, step by step. */

import { spokenDuration } from "@/lib/duration";
import { parseDurationMs } from "@/lib/duration";
import type { Model, Operation } from "./model";

const list = (names: readonly string[]) => (names.length <= 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`);
const span = (text: string) => spokenDuration((parseDurationMs(text) ?? 0) / 1000);

const RANGES: Readonly<Record<string, (of: string) => string>> = {
  rate: (of) => `how much it grew a second, on average over the last ${of}`,
  increase: (of) => `how much it grew in the last ${of}`,
  irate: (of) => `how much it grew a second between its last two values, within ${of}`,
  delta: (of) => `how much it changed in the last ${of}`,
  idelta: () => "how much it changed between its last two values",
  deriv: (of) => `its slope a second over the last ${of}`,
  changes: (of) => `how often it changed in the last ${of}`,
  resets: (of) => `how often it began anew in the last ${of}`,
  avg_over_time: (of) => `its mean over the last ${of}`,
  max_over_time: (of) => `its largest value of the last ${of}`,
  min_over_time: (of) => `its smallest value of the last ${of}`,
  sum_over_time: (of) => `the sum of its values of the last ${of}`,
  count_over_time: (of) => `how many values it had in the last ${of}`,
  last_over_time: (of) => `its newest value of the last ${of}`,
  stddev_over_time: (of) => `how far its values of the last ${of} lie apart`,
  present_over_time: (of) => `whether it had a value in the last ${of}`,
};
const AGGREGATES: Readonly<Record<string, string>> = { sum: "add them up", avg: "take their mean", max: "take the largest", min: "take the smallest", count: "count them", stddev: "take how far they lie apart", group: "only tell that they are there" };
const CALLED: Readonly<Record<string, string>> = {
  histogram_avg: "take the mean of the observed values", histogram_count: "take how many values were observed", histogram_sum: "take the sum of the observed values", histogram_stddev: "take how far the observed values lie apart",
  abs: "leave out the sign", ceil: "round up", floor: "round down", round: "round", sqrt: "take the square root", ln: "take the natural logarithm", log2: "take the logarithm to base 2", log10: "take the logarithm to base 10", exp: "raise e to it",
  sort: "sort, smallest first", sort_desc: "sort, largest first", absent: "be 1 where there is nothing, and nothing otherwise",
};
const MATHS: Readonly<Record<string, string>> = { "+": "add", "-": "take off", "*": "multiply by", "/": "divide by", "%": "take the remainder of a division by", "^": "raise to the power of", ">": "more than", ">=": "at least", "<": "less than", "<=": "at most", "==": "exactly", "!=": "anything but" };
const OPS = { "=": "is", "!=": "is not", "=~": "is like", "!~": "is not like" } as const;

function step(one: Operation): string {
  switch (one.kind) {
    case "range": return `take for each ${RANGES[one.fn]?.(span(one.range)) ?? one.fn}`;
    case "aggregate": {
      const by = one.without ? (one.by.length > 0 ? ` for all that differ in more than ${list(one.by)}` : "") : one.by.length > 0 ? ` for each ${list(one.by)}` : " over all";
      if (one.op === "topk" || one.op === "bottomk") return `keep the ${one.param ?? ""} ${one.op === "topk" ? "largest" : "smallest"}${by}`;
      if (one.op === "quantile") return `take what ${Number(one.param) * 100} % of them are at or below${by}`;
      return `${AGGREGATES[one.op] ?? one.op}${by}`;
    }
    case "quantile": return `take what ${Number((Number(one.q) * 100).toPrecision(6))} % of the observed values are at or below`;
    case "call": return CALLED[one.fn] ?? one.fn;
    case "math": return /[<>]|[!=]=/.test(one.op) ? (one.bool ? `tell with 1 or 0 whether it is ${MATHS[one.op] ?? one.op} ${one.value}` : `keep what is ${MATHS[one.op] ?? one.op} ${one.value}`) : `${MATHS[one.op] ?? one.op} ${one.value}`;
  }
}

/** One sentence for each step. */
export function explain({ metric, matchers, operations }: Model): string[] {
  if (metric === "" && matchers.length === 0) return ["Choose a metric to begin."];
  const where = matchers.filter((one) => one.value !== "" || one.type === "=" || one.type === "!=").map((one) => `${one.name} ${OPS[one.type]} ${one.value === "" ? "not set" : `“${one.value}”`}`);
  const first = `Take all series of ${metric || "any metric"}${where.length > 0 ? ` where ${list(where)}` : ""}`;
  return [first, ...operations.map((one) => { const text = step(one); return text.charAt(0).toUpperCase() + text.slice(1); })];
}
