/** What is wrong with a query while it is written: the server says it, as it is the server that will read it. */

import { type Diagnostic, linter } from "@codemirror/lint";
import type { Extension } from "@codemirror/state";
import { ask, ApiError } from "@/api/client";
import { placeOf } from "./place";

const DELAY_MS = 350;

export function check(): Extension {
  return linter(async (view): Promise<Diagnostic[]> => {
    const query = view.state.doc.toString();
    if (query.trim() === "") return [];
    try {
      await ask("/api/v1/parse_query", { form: { query } });
      return [];
    } catch (error) {
      // That the server does not answer is told elsewhere.
      if (!(error instanceof ApiError) || error.status !== 400) return [];
      const place = placeOf(error.message, query);
      return place ? [{ from: place.from, to: place.to, severity: "error", message: place.text }] : [{ from: 0, to: query.length, severity: "error", message: error.message }];
    }
  }, { delay: DELAY_MS, autoPanel: false });
}
