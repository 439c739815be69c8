/** How everything is, in one sentence, and why. */

import type { Entity, Objectives } from "@/api/own";
import type { Tone } from "@/components/State";
import { toneOf } from "@/components/State";
import { badness, entityGraph, type MapNode, roots } from "@/components/map/graph";

/** A piece of the sentence: text, or an entity that can be gone to, or how long. */
export type Part = { text: string } | { entity: string; text: string } | { sinceMs: number };
export interface Verdict { tone: Tone; /** One word. */ word: string; sentence: Part[]; /** What else is bad, that the sentence does not explain. */ also?: string }

export interface FiringAlert { severity: string; summary: string; entity?: string | undefined }

const SEVERITY: Readonly<Record<string, number>> = { critical: 4, page: 4, error: 3, err: 3, warning: 2, warn: 2, ticket: 2, info: 1 };
export const severityRank = (severity: string): number => SEVERITY[severity.toLowerCase()] ?? 2;
export const severityTone = (severity: string): Tone => (severityRank(severity) >= 3 ? "bad" : severityRank(severity) === 1 ? "info" : "warn");

export const plural = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** Objectives that are not kept, or soon will not be. */
export function badObjectives(objectives: Objectives): Objectives {
  const rank = (verdict: string) => (verdict === "exhausted" ? 0 : 1);
  return objectives.filter((one) => one.verdict === "exhausted" || one.verdict === "at_risk").sort((a, b) => rank(a.verdict) - rank(b.verdict));
}

/** In a word or two, where none is in danger: those that were not counted yet are neither. */
export function calmWords(objectives: Objectives): { tone: "good" | "unknown"; text: string } {
  const met = objectives.filter((one) => one.verdict === "met").length;
  const rest = objectives.length - met;
  if (rest === 0) return { tone: "good", text: `${plural(met, "objective")} met` };
  const unknown = `${plural(rest, "objective")} not counted yet`;
  return { tone: "unknown", text: met === 0 ? unknown : `${met} met, ${unknown}` };
}

export function verdictOf(entities: readonly Entity[], alerts: readonly FiringAlert[], objectives: Objectives): Verdict {
  const graph = entityGraph(entities);
  const isTop = (node: MapNode) => node.kind === "daemon" || node.kind === "service";
  const notUp = [...graph.nodes.values()].filter((node) => node.entity.state !== "up" && (node.entity.state !== "unknown" || isTop(node)));
  const worst = notUp.sort((a, b) =>
    Number(isTop(b) && badness(b.entity.state) > 1) - Number(isTop(a) && badness(a.entity.state) > 1)
    || badness(b.entity.state) - badness(a.entity.state)
    || b.explains.length - a.explains.length
    || a.entity.since - b.entity.since)[0];
  const severe = alerts.filter((alert) => severityRank(alert.severity) >= 3);
  if (worst) {
    const verdict = notWell(worst, graph.nodes, notUp);
    const told = new Set(verdict.sentence.flatMap((part) => ("entity" in part ? [part.entity] : [])));
    const also = severe.filter((alert) => alert.entity === undefined || !told.has(alert.entity)).sort((a, b) => severityRank(b.severity) - severityRank(a.severity))[0];
    return also && also.summary !== "" ? { ...verdict, also: also.summary } : verdict;
  }
  const exhausted = badObjectives(objectives);
  const all = entities.length === 0 ? "Nothing is known to be wrong" : `All ${plural(entities.length, "entity", "entities")} are up`.replace("All 1 entity are", "The only entity is");
  if (severe.length > 0 || alerts.length > 0) {
    const first = [...alerts].sort((a, b) => severityRank(b.severity) - severityRank(a.severity))[0];
    const words = first && first.summary !== "" ? `: ${first.summary}` : "";
    return { tone: severe.length > 0 ? "bad" : "warn", word: "alerting", sentence: [{ text: `${all}, but ${alerts.length === 1 ? "an alert fires" : `${alerts.length} alerts fire`}${words}` }] };
  }
  if (exhausted.length > 0) return { tone: "warn", word: "over budget", sentence: [{ text: `${all}, but ${exhausted.length === 1 ? `the budget of ${exhausted[0]?.objective ?? ""} is` : `${exhausted.length} budgets are`} ${exhausted.some((one) => one.verdict === "exhausted") ? "used up" : "at risk"}` }] };
  return entities.length === 0 ? { tone: "unknown", word: "nothing known", sentence: [{ text: "No entity is known yet" }] } : { tone: "good", word: "well", sentence: [{ text: all }] };
}

function notWell(worst: MapNode, nodes: ReadonlyMap<string, MapNode>, notUp: readonly MapNode[]): Verdict {
  const { entity } = worst;
  const same = notUp.filter((node) => node !== worst && node.kind === worst.kind && node.entity.state === entity.state);
  const sentence: Part[] = [{ entity: worst.id, text: worst.title }];
  if (same.length > 0) sentence.push({ text: ` and ${plural(same.length, `more ${worst.kind}`)}` });
  sentence.push({ text: ` ${same.length > 0 ? "have" : "has"} been ${entity.state === "unknown" ? "in an unknown state" : entity.state} ` }, { sinceMs: entity.since * 1000 });
  const behind = roots(nodes, worst.id).filter((node) => node.entity.state !== "up").sort((a, b) => badness(b.entity.state) - badness(a.entity.state))[0];
  if (behind) {
    sentence.push({ text: `, because ${behind.kind} ` }, { entity: behind.id, text: behind.title }, { text: ` is ${behind.entity.state}` });
    if (behind.entity.reason !== "") sentence.push({ text: `: ${behind.entity.reason}` });
  } else if (entity.reason !== "") sentence.push({ text: ": " }, ...linked(entity.reason, entity.dependsOn, nodes));
  return { tone: toneOf(entity.state), word: entity.state, sentence };
}

/** A reason, with the entities that it names as parts of their own. */
export function linked(reason: string, among: readonly string[], nodes: ReadonlyMap<string, MapNode>): Part[] {
  const parts: Part[] = [];
  let rest = reason;
  while (rest !== "") {
    const found = among.map((id) => [rest.indexOf(id), id] as const).filter(([at, id]) => at >= 0 && nodes.has(id)).sort(([a, x], [b, y]) => a - b || y.length - x.length)[0];
    if (!found) break;
    const [at, id] = found;
    if (at > 0) parts.push({ text: rest.slice(0, at) });
    parts.push({ entity: id, text: id });
    rest = rest.slice(at + id.length);
  }
  if (rest !== "") parts.push({ text: rest });
  return parts;
}
