/** What is asked about objectives: as they stand now, and their counts over times of their own. */

import type { UseQueryResult } from "@tanstack/react-query";
import { useNowQuery } from "@/api/hooks";
import { get, type Objective, type Objectives } from "@/api/own";
import { type AlertingRule, queryInstant, type RecordingRule, type RuleGroup, rules } from "@/api/prometheus";
import { labelName, type Labels, selector } from "@/lib/labels";
import type { Budget } from "./words";

export const useObjectives = (): UseQueryResult<Objectives> => useNowQuery(["objectives"], async (signal) => (await get("/api/bellwether/v1/objectives", { signal })).objectives);

export const useObjective = (id: string) => useNowQuery(["objectives", "one", id], (signal) => get("/api/bellwether/v1/objectives/{objective}", { path: { objective: id }, signal }));

/** Selects the series of one budget of an objective. */
export function budgetSeries(metric: string, objective: Pick<Objective, "name" | "service">, budget: Pick<Budget, "labels"> | undefined, more: Labels = {}): string {
  return selector(metric, { slo: objective.name, service: objective.service, ...budget?.labels, ...more });
}

/** Names of labels between brackets, as PromQL takes them. */
export const byNames = (names: readonly string[]): string => names.map((name) => labelName(name)).join(", ");

/** A query at the present, asked anew as objectives change. */
export const usePresent = (query: string, isEnabled = true) => useNowQuery(["objectives", "query", query], (signal) => queryInstant(query, undefined, signal), { enabled: isEnabled && query !== "", everyMs: 30_000 });

export const useRuleGroup = (name: string | undefined): UseQueryResult<RuleGroup | null> =>
  useNowQuery(["rules", "group", name ?? ""], async (signal) => (await rules(signal)).find((group) => group.name === name) ?? null, { enabled: name !== undefined, everyMs: 30_000 });

export const isAlert = (rule: AlertingRule | RecordingRule): rule is AlertingRule => rule.type === "alerting";
