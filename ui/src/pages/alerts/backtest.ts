/** What is asked of a backtest, and what its answer says. */

import type { Backtest, BacktestedRule, Episode } from "@/api/trials";
import type { Lane } from "@/components/alerts/Lanes";
import { labelsKey, type Labels, shortNames } from "@/lib/labels";
import { spokenDuration } from "@/lib/duration";

export interface Variant { expr: string; for: string }
export const VARIANTS = ["A", "B"] as const;

/** A file of rules with one rule for each variant. JSON is YAML too, and needs no escaping of its own. */
export function rulesText(variants: readonly Variant[], interval: string): string {
  return JSON.stringify({
    groups: [{ name: "backtest", interval, rules: variants.map((one, index) => ({ alert: VARIANTS[index] ?? String(index), expr: one.expr, ...(one.for.trim() === "" || one.for.trim() === "0s" ? {} : { for: one.for.trim() }) })) }],
  });
}

/** One lane for each series: an alert may have had several episodes. The longest firing first. */
export function lanesOf(rule: BacktestedRule, endS: number): Lane[] {
  const by = new Map<string, { labels: Labels; episodes: Episode[]; firing: number }>();
  for (const episode of rule.episodes) {
    const key = labelsKey(episode.labels);
    const lane = by.get(key) ?? { labels: episode.labels, episodes: [], firing: 0 };
    lane.episodes.push(episode);
    if (episode.fired !== null) lane.firing += (episode.end ?? endS) - episode.fired;
    by.set(key, lane);
  }
  const lanes = [...by.values()].sort((a, b) => b.firing - a.firing || b.episodes.length - a.episodes.length);
  const names = shortNames(lanes.map(({ labels }) => Object.fromEntries(Object.entries(labels).filter(([name]) => name !== "alertname"))));
  return lanes.map((lane, index) => ({
    key: labelsKey(lane.labels),
    name: names[index] === "{}" || names[index] === undefined ? rule.rule : names[index],
    spans: lane.episodes.flatMap((episode) => {
      const end = episode.end ?? endS;
      return [
        ...(episode.fired === null || episode.fired > episode.start ? [{ from: episode.start, to: episode.fired ?? end, kind: "pending" as const }] : []),
        ...(episode.fired === null ? [] : [{ from: episode.fired, to: end, kind: "firing" as const }]),
      ];
    }),
    says: lane.episodes.some(({ fired }) => fired !== null) ? `${lane.episodes.filter(({ fired }) => fired !== null).length}×, ${spokenDuration(lane.firing)}` : "never fired",
  }));
}

/** How B differs from A, in words. */
export function difference(a: BacktestedRule, b: BacktestedRule): string {
  const count = b.fired - a.fired;
  const seconds = b.firingSeconds - a.firingSeconds;
  if (count === 0 && Math.abs(seconds) < 1) return "B fires exactly as often and as long as A.";
  const often = count === 0 ? "as often" : `${Math.abs(count)} ${Math.abs(count) === 1 ? "time" : "times"} ${count > 0 ? "more" : "less"}`;
  const long = Math.abs(seconds) < 1 ? "as long in all" : `${spokenDuration(Math.abs(seconds))} ${seconds > 0 ? "longer" : "shorter"} in all`;
  return `B fires ${often} than A and ${long}.`.replace("as often than A and", "as often as A and");
}

export const alertingRules = (answer: Backtest) => answer.rules.filter(({ type }) => type === "alerting");
