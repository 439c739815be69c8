/** What a word of a query means, on pointing at it: the type and help of a metric, what a function does. */

import { syntaxTree } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { hoverTooltip } from "@codemirror/view";
import { aggregateOpTerms, functionIdentifierTerms } from "@prometheus-io/codemirror-promql/dist/esm/complete/promql.terms";
import { about, allMetadata } from "./names";

interface Help { name: string; kind: string; text: string }

const TERMS: ReadonlyMap<string, Help> = new Map([...functionIdentifierTerms, ...aggregateOpTerms].map(({ label, detail, info }) => [label, { name: label, kind: detail, text: info }]));

async function helpOf(word: string, node: string): Promise<Help | null> {
  const term = TERMS.get(word);
  if (term && node !== "Identifier") return term;
  if (node !== "Identifier" && node !== "MetricName") return null;
  const known = await allMetadata().then((all) => about(all, word), () => undefined);
  return known ? { name: word, kind: known.unit ? `${known.type}, ${known.unit}` : known.type, text: known.help } : null;
}

export function help(): Extension {
  return hoverTooltip(async (view, at, side) => {
    let node = syntaxTree(view.state).resolveInner(at, side);
    // A function's name is wrapped in a node of its own kind.
    while (node.firstChild && node.to - node.from < 200 && node.name !== "Identifier" && node.firstChild.from === node.from && node.firstChild.to === node.to) node = node.firstChild;
    const help = await helpOf(view.state.sliceDoc(node.from, node.to), node.name);
    if (!help) return null;
    return {
      pos: node.from, end: node.to, above: true,
      create: () => {
        const dom = document.createElement("div");
        dom.className = "query-help";
        const name = document.createElement("b");
        name.textContent = help.name;
        const kind = document.createElement("i");
        kind.textContent = help.kind;
        const text = document.createElement("p");
        text.textContent = help.text;
        dom.append(name, kind, text);
        return { dom };
      },
    };
  }, { hideOnChange: true });
}
