/** Matchers as text, and whether labels satisfy them. */

import type { Matcher } from "@/api/alertmanager";
import { matcherText } from "@/api/alertmanager";
import type { Labels } from "@/lib/labels";

const MATCHER = /\s*(?:"((?:[^"\\]|\\.)*)"|([a-zA-Z_][a-zA-Z0-9_.]*))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}\s]*))\s*(?:,|$)/y;

const unescaped = (text: string) => text.replace(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));

/** `job="api", zone=~"a|b"`; a text that says what is wrong where it cannot be read. */
export function parseMatchers(text: string): Matcher[] | string {
  const inner = text.trim().replace(/^\{([\s\S]*)\}$/, "$1").trim();
  const matchers: Matcher[] = [];
  MATCHER.lastIndex = 0;
  while (MATCHER.lastIndex < inner.length) {
    const from = MATCHER.lastIndex;
    const found = MATCHER.exec(inner);
    if (!found) return `“${inner.slice(from, from + 40)}” is no matcher: want name="value", !=, =~ or !~`;
    const operator = found[3] ?? "=";
    const matcher = { name: unescaped(found[1] ?? found[2] ?? ""), value: unescaped(found[4] ?? found[5] ?? ""), isRegex: operator.endsWith("~"), isEqual: operator.startsWith("=") };
    const wrong = problemOf(matcher);
    if (wrong) return wrong;
    matchers.push(matcher);
  }
  return matchers;
}

export const matchersText = (matchers: readonly Matcher[]) => matchers.map(matcherText).join(", ");

function pattern(value: string): RegExp | null {
  try {
    return new RegExp(`^(?:${value})$`, "s");
  } catch {
    return null;
  }
}

/** What is wrong with a matcher, or null. */
export function problemOf(matcher: Matcher): string | null {
  if (matcher.name.trim() === "") return "a label is missing";
  if (matcher.isRegex && pattern(matcher.value) === null) return `“${matcher.value.slice(0, 60)}” is no regular expression`;
  return null;
}

const compiled = new Map<string, RegExp | null>();

export function satisfies(labels: Labels, matcher: Matcher): boolean {
  const value = labels[matcher.name] ?? "";
  if (!matcher.isRegex) return (value === matcher.value) === matcher.isEqual;
  if (compiled.size > 500) compiled.clear();
  if (!compiled.has(matcher.value)) compiled.set(matcher.value, pattern(matcher.value));
  return (compiled.get(matcher.value)?.test(value) ?? false) === matcher.isEqual;
}

export const satisfiesAll = (labels: Labels, matchers: readonly Matcher[]) => matchers.every((matcher) => satisfies(labels, matcher));

/** Whether it is satisfied by the empty text: a silence of such matchers alone would hide everything. */
export const takesEmpty = (matcher: Matcher) => satisfies({}, { ...matcher, name: matcher.name });

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** Matchers that find these alerts: labels that all have alike, and those that some have as alternatives. */
export function matchersOf(all: readonly Labels[]): Matcher[] {
  const first = all[0];
  if (!first) return [];
  return Object.keys(first).sort((a, b) => Number(b === "alertname") - Number(a === "alertname")).flatMap((name): Matcher[] => {
    const values = [...new Set(all.map((labels) => labels[name] ?? ""))];
    if (values.length === 1) return [{ name, value: values[0] ?? "", isRegex: false, isEqual: true }];
    if (values.includes("")) return [];
    return [{ name, value: values.map(escaped).join("|"), isRegex: true, isEqual: true }];
  });
}
