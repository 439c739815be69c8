/** What is asked about objectives: as they stand now, and their counts over times of their own. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useNowQuery } from "@/api/hooks";
import { get, type Objective, type Objectives } from "@/api/own";
import { type Frame, queryInstant, queryRange, type RecordingRule, rules, type AlertingRule, type RuleGroup, type Series, stepFor } from "@/api/prometheus";
import { type Labels, selector } from "@/lib/labels";
import type { Budget } from "./words";

export const useObjectives = (): UseQueryResult<Objectives> => useNowQuery(["objectives"], async (signal) => (await get("/api/bellwether/v1/objectives", { signal })).objectives);

export const useObjective = (id: string) => useNowQuery(["objectives", "one", id], (signal) => get("/api/bellwether/v1/objectives/{objective}", { path: { objective: id }, signal }));

/** Selects the series of one budget of an objective. */
export function budgetSeries(metric: string, objective: Pick<Objective, "name" | "service">, budget: Pick<Budget, "labels"> | undefined, more: Labels = {}): string {
  return selector(metric, { slo: objective.name, service: objective.service, ...budget?.labels, ...more });
}

/** Of the series of all groups those that are of one. */
export const isOf = (labels: Labels, group: Labels): boolean => Object.entries(group).every(([name, value]) => labels[name] === value);

/** Names of labels between brackets, as PromQL takes them. */
export const byNames = (names: readonly string[]): string => names.map((name) => (/^[a-zA-Z_]\w*$/.test(name) ? name : JSON.stringify(name))).join(", ");

/** A query over times that are not those of the page. */
export function useSpanQuery(query: string, fromS: number, toS: number, points = 240, leastS = 60): UseQueryResult<Frame> & { step: number } {
  const step = stepFor(fromS, toS, points, leastS);
  const from = Math.floor(fromS / step) * step;
  const to = Math.floor(toS / step) * step;
  const answer = useQuery({
    queryKey: ["range", query, from, to, step],
    queryFn: ({ signal }) => queryRange(query, from, to, step, signal),
    enabled: query !== "" && to > from,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  return { ...answer, step };
}

/** A query at the present, asked anew as objectives change. */
export const usePresent = (query: string, isEnabled = true) => useNowQuery(["objectives", "query", query], (signal) => queryInstant(query, undefined, signal), { enabled: isEnabled && query !== "", everyMs: 30_000 });

export const useRuleGroup = (name: string | undefined): UseQueryResult<RuleGroup | null> =>
  useNowQuery(["rules", "group", name ?? ""], async (signal) => (await rules(signal)).find((group) => group.name === name) ?? null, { enabled: name !== undefined, everyMs: 30_000 });

export const isAlert = (rule: AlertingRule | RecordingRule): rule is AlertingRule => rule.type === "alerting";

/** Values added up along the times, over those without a value. */
export function cumulated(values: readonly (number | null)[]): (number | null)[] {
  let sum = 0;
  let hasBegun = false;
  return values.map((value) => {
    if (value !== null && Number.isFinite(value)) {
      sum += value;
      hasBegun = true;
    }
    return hasBegun ? sum : null;
  });
}

/** The sum of several series at each time. */
export function added(all: readonly Series[], count: number): (number | null)[] {
  const sums = new Array<number | null>(count).fill(null);
  for (const { values } of all) {
    values.forEach((value, index) => {
      if (value !== null && Number.isFinite(value)) sums[index] = (sums[index] ?? 0) + value;
    });
  }
  return sums;
}

/** Times without a value after the first that has one, as spans: not measured. */
export function gaps(times: readonly number[], values: readonly (number | null)[], step: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  const first = values.findIndex((value) => value !== null);
  if (first < 0) return found;
  let from: number | null = null;
  for (const [index, value] of values.entries()) {
    if (index < first) continue;
    const time = times[index] ?? 0;
    if (value === null) from ??= time - step;
    else if (from !== null) {
      found.push({ from, to: time - step });
      from = null;
    }
  }
  // The newest interval is counted only after its end: its absence says nothing yet.
  if (from !== null && (times.at(-1) ?? 0) - from > 2 * step) found.push({ from, to: times.at(-1) ?? from });
  return found.filter((gap) => gap.to > gap.from);
}
