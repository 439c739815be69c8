/** What a relabelling rule does, in words, and what it changed. */

import type { Labels } from "@/lib/labels";
import type { RelabelRule, RelabelStep } from "@/api/system";

export interface LabelChange { name: string; kind: "added" | "changed" | "removed"; before: string | undefined; after: string | undefined }

export function changesOf(before: Labels, after: Labels): LabelChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name): LabelChange[] => {
    const [old, now] = [before[name], after[name]];
    if (old === now) return [];
    return [{ name, kind: old === undefined ? "added" : now === undefined ? "removed" : "changed", before: old, after: now }];
  });
}

export interface ExplainedStep {
  rule: RelabelRule;
  /** `dropped`: here the target was dropped. `unreached`: it had been dropped before. */
  fate: "kept" | "dropped" | "unreached";
  changes: LabelChange[];
  /** What the rule looked at. */
  input: string | null;
}

/** Steps with what each of them changed, from the labels that were discovered. */
export function explained(discovered: Labels, steps: readonly RelabelStep[]): ExplainedStep[] {
  let labels = discovered;
  let isDropped = false;
  return steps.map(({ rule, output, keep }) => {
    if (isDropped) return { rule, fate: "unreached", changes: [], input: null };
    const input = rule.source_labels && rule.source_labels.length > 0 ? rule.source_labels.map((name) => labels[name] ?? "").join(rule.separator ?? ";") : null;
    if (!keep) {
      isDropped = true;
      return { rule, fate: "dropped", changes: [], input };
    }
    const changes = changesOf(labels, output);
    labels = output;
    return { rule, fate: "kept", changes, input };
  });
}

/** The rule as a sentence. */
export function ruleText(rule: RelabelRule): string {
  const from = (rule.source_labels ?? []).join(` ${rule.separator ?? ";"} `);
  const regex = rule.regex ?? "(.*)";
  switch (rule.action) {
    case "keep": return `keeps targets whose ${from} matches ${regex}`;
    case "drop": return `drops targets whose ${from} matches ${regex}`;
    case "keepequal": return `keeps targets whose ${from} equals ${rule.target_label ?? ""}`;
    case "dropequal": return `drops targets whose ${from} equals ${rule.target_label ?? ""}`;
    case "replace": return from === "" ? `sets ${rule.target_label ?? ""} to ${rule.replacement ?? "$1"}` : `sets ${rule.target_label ?? ""} to ${rule.replacement ?? "$1"} where ${from} matches ${regex}`;
    case "hashmod": return `sets ${rule.target_label ?? ""} to the hash of ${from} modulo ${rule.modulus ?? 0}`;
    case "lowercase": return `sets ${rule.target_label ?? ""} to ${from} in small letters`;
    case "uppercase": return `sets ${rule.target_label ?? ""} to ${from} in capitals`;
    case "labelmap": return `copies labels that match ${regex} to ${rule.replacement ?? "$1"}`;
    case "labeldrop": return `takes away labels that match ${regex}`;
    case "labelkeep": return `takes away labels that do not match ${regex}`;
    default: return rule.action;
  }
}

/** Why a target was dropped: the number of the rule and what it says, or that no label was left. */
export function dropReason(discovered: Labels, steps: readonly RelabelStep[]): { number: number; rule: RelabelRule; input: string | null } | null {
  const all = explained(discovered, steps);
  const index = all.findIndex(({ fate }) => fate === "dropped");
  const step = all[index];
  return step ? { number: index + 1, rule: step.rule, input: step.input } : null;
}

/** All labels and texts as one, in small letters, to be looked through. */
export function haystack(...sets: readonly (Labels | string)[]): string {
  return sets.map((set) => (typeof set === "string" ? set.slice(0, 4_000) : Object.entries(set).map(([name, value]) => `${name}=${value.slice(0, 1_000)} ${name}="${value.slice(0, 1_000)}"`).join(" "))).join(" ").toLowerCase();
}

export const wordsOf = (text: string): string[] => text.trim().toLowerCase().split(/\s+/).filter(Boolean);

/** Whether labels or texts hold all words of a text. */
export function holds(text: string, ...sets: readonly (Labels | string)[]): boolean {
  const words = wordsOf(text);
  if (words.length === 0) return true;
  const all = haystack(...sets);
  return words.every((word) => all.includes(word));
}
