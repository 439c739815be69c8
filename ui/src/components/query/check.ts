/** What is wrong with a query while it is written: the server says it, as it is the server that will read it. */

import { type Diagnostic, linter } from "@codemirror/lint";
import type { Extension } from "@codemirror/state";
import { ask, ApiError } from "@/api/client";
import { placeOf } from "./place";

const DELAY_MS = 350;

/** Variables of dashboards with something in their place that is as long and can be read, so that places in what is wrong stay true. */
export function masked(query: string): string {
  let quote = "";
  let brackets = 0;
  let out = "";
  for (let at = 0; at < query.length; ) {
    const found = /^(?:\$\w+|\$\{\w[^}]*\}|\[\[\w+(?::\w+)?\]\])/.exec(query.slice(at, at + 200))?.[0];
    const letter = query[at] ?? "";
    if (found !== undefined && !/^\$\d/.test(found)) {
      const isJoined = /[\w:]$/.test(out) || /^[\w:{]/.test(query.slice(at + found.length));
      const isDuration = quote === "" && (brackets > 0 || /\boffset\s*-?\s*$/.test(out));
      out += quote !== "" || (isJoined && !isDuration) ? "x".repeat(found.length) : (isDuration ? "1m" : "1").padStart(found.length);
      at += found.length;
      continue;
    }
    if (quote !== "") { if (letter === "\\") { out += letter; at += 1; } else if (letter === quote) quote = ""; } else if (letter === '"' || letter === "'" || letter === "`") quote = letter;
    else if (letter === "[") brackets += 1;
    else if (letter === "]") brackets -= 1;
    out += query[at] ?? "";
    at += 1;
  }
  return out;
}

export function check(): Extension {
  return linter(async (view): Promise<Diagnostic[]> => {
    const query = view.state.doc.toString();
    if (query.trim() === "") return [];
    try {
      await ask("/api/v1/parse_query", { form: { query: masked(query) } });
      return [];
    } catch (error) {
      // That the server does not answer is told elsewhere.
      if (!(error instanceof ApiError) || error.status !== 400) return [];
      const place = placeOf(error.message, query);
      return place ? [{ from: place.from, to: place.to, severity: "error", message: place.text }] : [{ from: 0, to: query.length, severity: "error", message: error.message }];
    }
  }, { delay: DELAY_MS, autoPanel: false });
}
