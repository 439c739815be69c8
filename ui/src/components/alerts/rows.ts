/** All alerts that are now: those of rules and those that the notifier holds, as one list. */

import { type AmAlert, fingerprintOf } from "@/api/alertmanager";
import type { Entity } from "@/api/own";
import { type AlertingRule, parseNumber, type RuleGroup } from "@/api/prometheus";
import type { Labels } from "@/lib/labels";
import type { Matcher } from "@/api/alertmanager";
import { satisfiesAll } from "./matchers";
import { severityRank } from "./severity";

export const ALERT_STATES = ["firing", "acknowledged", "pending", "silenced", "inhibited", "muted"] as const;
export type AlertState = (typeof ALERT_STATES)[number];

export interface Acknowledgement { fingerprint: string; by: string; comment: string; time: number; until?: number | undefined }
export interface RuleOf { rule: AlertingRule; group: string; file: string; interval: number }

export interface AlertRow {
  fingerprint: string;
  name: string;
  labels: Labels;
  annotations: Labels;
  state: AlertState;
  severity: string;
  sinceMs: number;
  value: number | null;
  receivers: readonly string[];
  silencedBy: readonly string[];
  inhibitedBy: readonly string[];
  mutedBy: readonly string[];
  acknowledgement: Acknowledgement | null;
  source: RuleOf | null;
  generatorUrl: string;
  /** What the entity that it names is caused by. */
  causedBy: readonly string[];
  /** All that can be searched, in small letters. */
  text: string;
}

/** The rule that an alert with these labels is of: of its name, with labels that do not contradict. */
export function ruleOf(labels: Labels, groups: readonly RuleGroup[]): RuleOf | null {
  for (const group of groups) {
    for (const rule of group.rules) {
      if (rule.type !== "alerting" || rule.name !== labels["alertname"]) continue;
      if (Object.entries(rule.labels ?? {}).every(([key, value]) => value.includes("{{") || labels[key] === value)) return { rule, group: group.name, file: group.file, interval: group.interval };
    }
  }
  return null;
}

export function alertRows(alerts: readonly AmAlert[], groups: readonly RuleGroup[], acknowledgements: readonly Acknowledgement[], entities: readonly Pick<Entity, "entity" | "causedBy">[]): AlertRow[] {
  const causes = new Map(entities.map((one) => [one.entity, one.causedBy]));
  const acks = new Map(acknowledgements.map((one) => [one.fingerprint, one]));
  const ofRules = new Map<string, { source: RuleOf; value: number; activeMs: number; state: string; labels: Labels; annotations: Labels }>();
  for (const group of groups) {
    for (const rule of group.rules) {
      if (rule.type !== "alerting") continue;
      const source = { rule, group: group.name, file: group.file, interval: group.interval };
      for (const one of rule.alerts) {
        ofRules.set(fingerprintOf(one.labels), { source, value: parseNumber(one.value), activeMs: Date.parse(one.activeAt ?? ""), state: one.state, labels: one.labels, annotations: one.annotations });
      }
    }
  }
  const rows: AlertRow[] = [];
  const add = (row: Omit<AlertRow, "name" | "severity" | "causedBy" | "text">) => {
    const name = row.labels["alertname"] ?? "";
    rows.push({
      ...row,
      name: name === "" ? "without a name" : name,
      severity: row.labels["severity"] ?? "",
      causedBy: causes.get(row.labels["entity"] ?? "") ?? [],
      text: [...Object.entries(row.labels).map(([key, value]) => `${key}=${value}`), row.annotations["summary"] ?? "", row.annotations["description"] ?? "", row.acknowledgement?.by ?? "", ...row.receivers].join("\n").slice(0, 20_000).toLowerCase(),
    });
  };
  const seen = new Set<string>();
  for (const alert of alerts) {
    seen.add(alert.fingerprint);
    const of = ofRules.get(alert.fingerprint);
    const acknowledgement = acks.get(alert.fingerprint) ?? null;
    const { silencedBy, inhibitedBy, mutedBy } = alert.status;
    add({
      fingerprint: alert.fingerprint, labels: alert.labels, annotations: alert.annotations, sinceMs: Date.parse(alert.startsAt), value: of?.value ?? null,
      state: silencedBy.length > 0 ? "silenced" : inhibitedBy.length > 0 ? "inhibited" : mutedBy.length > 0 ? "muted" : acknowledgement ? "acknowledged" : "firing",
      receivers: alert.receivers.map(({ name }) => name), silencedBy, inhibitedBy, mutedBy, acknowledgement,
      source: of?.source ?? ruleOf(alert.labels, groups), generatorUrl: alert.generatorURL ?? "",
    });
  }
  for (const [fingerprint, one] of ofRules) {
    if (seen.has(fingerprint) || one.state === "inactive") continue;
    add({
      fingerprint, labels: one.labels, annotations: one.annotations, sinceMs: one.activeMs, value: one.value, state: one.state === "pending" ? "pending" : "firing",
      receivers: [], silencedBy: [], inhibitedBy: [], mutedBy: [], acknowledgement: acks.get(fingerprint) ?? null, source: one.source, generatorUrl: "",
    });
  }
  return rows.sort(compare);
}

const STATE_RANK: Readonly<Record<AlertState, number>> = { firing: 0, acknowledged: 1, pending: 2, silenced: 3, inhibited: 3, muted: 3 };

/** What needs somebody first: states, then severities, then the newest. */
export function compare(a: AlertRow, b: AlertRow): number {
  const isQuiet = (row: AlertRow) => Number(STATE_RANK[row.state] > 2);
  return isQuiet(a) - isQuiet(b) || severityRank(a.severity) - severityRank(b.severity) || STATE_RANK[a.state] - STATE_RANK[b.state] || b.sinceMs - a.sinceMs || a.name.localeCompare(b.name);
}

export interface AlertFilter { find: string; states: readonly string[]; severities: readonly string[]; matchers: readonly Matcher[] }

export function filtered(rows: readonly AlertRow[], filter: AlertFilter): AlertRow[] {
  const words = filter.find.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) =>
    (filter.states.length === 0 || filter.states.includes(row.state)) &&
    (filter.severities.length === 0 || filter.severities.includes(row.severity === "" ? "none" : row.severity)) &&
    words.every((word) => row.text.includes(word)) &&
    satisfiesAll(row.labels, filter.matchers));
}

export interface AlertGroup { key: string; rows: AlertRow[] }

/** By the value of a label; groups stand in the order of their worst alert. */
export function grouped(rows: readonly AlertRow[], label: string): AlertGroup[] {
  if (label === "") return rows.length === 0 ? [] : [{ key: "", rows: [...rows] }];
  const groups = new Map<string, AlertRow[]>();
  for (const row of rows) {
    const key = row.labels[label] ?? "";
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups].map(([key, members]) => ({ key, rows: members }));
}
