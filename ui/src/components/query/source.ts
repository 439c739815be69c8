/** What the editor completes from: the server's names, in the form that the library asks for. */

import type { PrometheusClient } from "@prometheus-io/codemirror-promql/dist/esm/client/prometheus";
import type { Matcher } from "@prometheus-io/codemirror-promql/dist/esm/types";
import { EqlRegex, Neq, NeqRegex } from "@prometheus-io/lezer-promql";
import { type Metadata, seriesOf } from "@/api/prometheus";
import { labelName, quoted } from "@/lib/labels";
import { allMetadata, allMetricNames, lately, namesOfLabels, once, valuesOfLabel } from "./names";

const SERIES_MAX = 2_000;
const OPERATORS = new Map<number, string>([[EqlRegex, "=~"], [Neq, "!="], [NeqRegex, "!~"]]);

/** A selector of a metric by the matchers that are complete. */
function selectorOf(name: string, matchers: readonly Matcher[] = [], without = ""): string {
  const parts = matchers.filter((one) => one.name !== without && one.value !== "").map((one) => `${labelName(one.name)}${OPERATORS.get(one.type) ?? "="}${quoted(one.value)}`);
  if (name !== "") parts.unshift(`__name__=${quoted(name)}`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

/** Completion goes on without what the server does not say. */
const orElse = <T>(value: T) => (): T => value;

export const source: PrometheusClient = {
  labelNames: (metric = "") => namesOfLabels(selectorOf(metric)).catch(orElse<string[]>([])),
  labelValues: (label, metric = "", matchers = []) => valuesOfLabel(label, selectorOf(metric, matchers, label)).catch(orElse<string[]>([])),
  metricMetadata: () => allMetadata().then(withParts).catch(orElse({})),
  series: (metric, matchers = []) => {
    const match = selectorOf(metric, matchers);
    return once(`series ${match}`, () => seriesOf([match], ...lately(), SERIES_MAX)).then((all) => all.map((labels) => new Map(Object.entries(labels))), orElse([]));
  },
  metricNames: () => allMetricNames().catch(orElse<string[]>([])),
  flags: () => Promise.resolve({}),
};

/** The parts of histograms have the help of the whole, so that completion can show it. */
function withParts(all: Record<string, Metadata[]>): Record<string, Metadata[]> {
  const parts: Record<string, Metadata[]> = {};
  for (const [name, list] of Object.entries(all)) {
    const first = list[0];
    if (first?.type !== "histogram" && first?.type !== "summary") continue;
    for (const part of ["bucket", "sum", "count"]) parts[`${name}_${part}`] ??= [{ ...first, type: part === "bucket" ? "histogram" : "counter" }];
  }
  return { ...parts, ...all };
}
