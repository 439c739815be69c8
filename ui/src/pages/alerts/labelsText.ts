/** Labels as people paste them: JSON, `a="b", c="d"`, or one `a=b` or `a: b` a line. */

import { parseMatchers } from "@/components/alerts/matchers";
import type { Labels } from "@/lib/labels";
import { labelName, quoted } from "@/lib/labels";

/** The labels, or what is wrong. */
export function parseLabels(text: string): Labels | string {
  const trimmed = text.trim();
  if (trimmed === "") return {};
  if (/^\{\s*"/.test(trimmed)) {
    try {
      const value: unknown = JSON.parse(trimmed);
      if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === "string")) return value as Labels;
    } catch {
      // It may be matchers with quoted names.
    }
  }
  const inner = trimmed.replace(/^[a-zA-Z_:][\w:]*(?=\{)/, (name) => (name === "" ? "" : ""));
  if (/["{]/.test(inner) && !/^\s*[\w.-]+\s*:\s/m.test(inner)) {
    const matchers = parseMatchers(inner.replace(/\n/g, ",").replace(/,\s*,/g, ","));
    if (typeof matchers === "string") return matchers;
    const other = matchers.find((one) => one.isRegex || !one.isEqual);
    if (other) return `${other.name}: an alert has one value for a label: want name="value"`;
    return Object.fromEntries(matchers.map(({ name, value }) => [name, value]));
  }
  const labels: Record<string, string> = {};
  for (const line of inner.split(/[\n,]/)) {
    if (line.trim() === "") continue;
    const found = /^\s*([^=:\s]+)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (!found) return `“${line.trim().slice(0, 40)}” is no label: want name=value`;
    labels[found[1] ?? ""] = (found[2] ?? "").replace(/^(["'])(.*)\1$/, "$2");
  }
  return labels;
}

export const labelsText = (labels: Labels) => Object.entries(labels).map(([name, value]) => `${labelName(name)}=${quoted(value)}`).join("\n");
