/** Matchers that are put into every selector of a query. */

import { parser } from "@prometheus-io/lezer-promql";
import { labelName, quoted } from "@/lib/labels";
import type { AdHoc } from "./variables";

export function withMatchers(query: string, matchers: readonly AdHoc[]): string {
  if (matchers.length === 0) return query;
  const added = matchers.map(({ name, op, value }) => `${labelName(name)}${op}${quoted(value)}`).join(", ");
  const places: { at: number; text: string }[] = [];
  parser.parse(query).iterate({
    enter: (node) => {
      if (node.name !== "VectorSelector") return;
      const braces = node.node.getChild("LabelMatchers");
      if (!braces) {
        places.push({ at: node.to, text: `{${added}}` });
        return;
      }
      const inner = query.slice(braces.from + 1, braces.to - 1).trim().replace(/,$/, "");
      places.push({ at: braces.to - 1, text: inner === "" || query.slice(braces.from + 1, braces.to - 1).trim().endsWith(",") ? added : `, ${added}` });
    },
  });
  let out = query;
  for (const { at, text } of places.sort((a, b) => b.at - a.at)) out = out.slice(0, at) + text + out.slice(at);
  return out;
}
