/** What is asked for a heat map: the counts of each bucket in each column, from whatever is asked of a histogram. */

import { durationText } from "@/lib/duration";
import { metricOf, type Node, printSelector, selectors, withoutName } from "./ast";

export interface HeatQuestion { query: string; /** What a count is of: seconds. */ windowS: number; metric: string }

/** Shorter windows hold too few scrapes. */
export const WINDOW_LEAST_S = 60;

/** Null where there is no single histogram in it: then it is asked as it stands. */
export function heatQuestion(node: Node, step: number, isKnown: (metric: string) => boolean, isHistogram: (metric: string) => boolean): HeatQuestion | null {
  const all = selectors(node);
  const names = new Set(all.map(metricOf));
  const first = all[0];
  if (!first || names.size !== 1) return null;
  const name = metricOf(first);
  const matchers = withoutName(first.matchers).filter((one) => one.name !== "le");
  const windowS = Math.max(step, WINDOW_LEAST_S);
  const range = `[${durationText(windowS * 1000)}]${first.offset ? ` offset ${durationText(first.offset)}` : ""}`;
  const classic = name.endsWith("_bucket") ? name : `${name.replace(/_(count|sum)$/, "")}_bucket`;
  const isNative = !/_(bucket|count|sum)$/.test(name) && isKnown(name) && isHistogram(name);
  if (isNative) return { query: `sum(increase(${printSelector(name, matchers)}${range}))`, windowS, metric: name };
  if (isKnown(classic)) return { query: `sum by (le) (increase(${printSelector(classic, matchers)}${range}))`, windowS, metric: classic };
  return null;
}
