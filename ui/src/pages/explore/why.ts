/** Why an answer is empty: a name that is not known, a value that no series has, a time without values. */

import { labelValues, seriesOf } from "@/api/prometheus";
import { allMetricNames, valuesOfLabel } from "@/components/query/names";
import { score } from "@/lib/find";
import { type Matcher, metricOf, type Node, printSelector, type Selector, selectors, withoutName } from "./promql/ast";

export type Reason =
  | { kind: "metric"; name: string; near: string[] }
  | { kind: "value"; metric: string; matcher: Matcher; near: string[] }
  | { kind: "together"; selector: string }
  | { kind: "time"; selector: string }
  | { kind: "left-out" };

/** How many letters must be changed to get from one text to another, up to `most`. */
export function distance(a: string, b: string, most = 8): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? most + 1;
}

/** Names that may have been meant, the likeliest first. */
export function nearest(wanted: string, names: readonly string[], most = 4): string[] {
  const rated = names.map((name) => {
    const apart = distance(wanted.toLowerCase(), name.toLowerCase(), Math.max(3, Math.floor(wanted.length / 3)));
    const isNear = apart <= Math.max(3, Math.floor(wanted.length / 3));
    // A part of it that was written right counts as well.
    const parts = wanted.toLowerCase().split(/[_:.]+/).filter((part) => part.length > 2);
    const shared = parts.filter((part) => name.toLowerCase().includes(part)).length / Math.max(1, parts.length);
    return { name, points: (isNear ? 100 - apart * 4 : 0) + shared * 40 + Math.min(score(wanted, name), 60) / 2 };
  });
  return rated.filter((one) => one.points > 24).sort((a, b) => b.points - a.points || a.name.length - b.name.length).slice(0, most).map((one) => one.name);
}

export async function reasons(node: Node, fromS: number, toS: number, signal: AbortSignal): Promise<Reason[]> {
  const names = await allMetricNames();
  const known = new Set(names);
  const found: Reason[] = [];
  for (const selector of selectors(node).slice(0, 6)) {
    const reason = await reasonOf(selector, known, names, fromS, toS, signal);
    if (reason) found.push(reason);
  }
  return found.length > 0 ? found : [{ kind: "left-out" }];
}

async function reasonOf(selector: Selector, known: ReadonlySet<string>, names: readonly string[], fromS: number, toS: number, signal: AbortSignal): Promise<Reason | null> {
  const metric = metricOf(selector);
  if (metric !== "" && !known.has(metric)) {
    // The name may have been used at other times.
    const everywhere = await labelValues("__name__", [printSelector(metric, [])], undefined, undefined, signal);
    if (everywhere.length === 0) return { kind: "metric", name: metric, near: nearest(metric, names) };
  }
  const whole = printSelector(metric, selector.matchers);
  const shift = selector.offset / 1000;
  const within = await seriesOf([whole], fromS - shift - 300, toS - shift, 1, signal);
  if (within.length > 0) return null;
  const ever = await seriesOf([whole], undefined, undefined, 1, signal);
  if (ever.length > 0) return { kind: "time", selector: whole };
  for (const matcher of withoutName(selector.matchers)) {
    if ((await seriesOf([printSelector(metric, [matcher])], undefined, undefined, 1, signal)).length > 0) continue;
    const values = await valuesOfLabel(matcher.name, metric === "" ? "" : printSelector(metric, []));
    return { kind: "value", metric, matcher, near: matcher.type === "=" || matcher.type === "=~" ? (nearest(matcher.value, values).length > 0 ? nearest(matcher.value, values) : values.slice(0, 4)) : [] };
  }
  return { kind: "together", selector: whole };
}
