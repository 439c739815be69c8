/** What all panels of a dashboard share: what is chosen, and how texts and queries are put together. */

import { createContext, useContext } from "react";
import type { Dashboard } from "@/api/dashboards";
import { type BuiltIn, type Chosen, lookupOf, substitute } from "./substitute";
import type { Scope } from "./layout";
import type { AdHoc } from "./variables";

export interface Board {
  dashboard: Dashboard;
  chosen: ReadonlyMap<string, Chosen>;
  adHoc: readonly AdHoc[];
  scrapeS: number;
  zone: string;
  /** Address of the chosen values: `var-a=1&var-b=2`. */
  variablesText: string;
}
const Context = createContext<Board | null>(null);
export const BoardProvider = Context;

export function useBoard(): Board {
  const board = useContext(Context);
  if (!board) throw new Error("useBoard stands inside of a dashboard");
  return board;
}

/** `text`: titles, with what people see of values. `legend`: names of series, where several values stand in braces. `body`: texts, with the values one after another. */
export interface Putting { promql: (text: string) => string; text: (text: string) => string; legend: (text: string) => string; body: (text: string) => string; link: (text: string) => string }

/** How texts of a panel are put together. */
export function putting(board: Board, scope: Scope, range: { fromMs: number; toMs: number }, stepS: number, rateS?: number): Putting {
  const built: BuiltIn = { ...range, stepS, ...(rateS === undefined ? {} : { rateS }), scrapeS: board.scrapeS, title: board.dashboard.title, zone: board.zone };
  const promql = lookupOf(scope, built, true);
  const text = lookupOf(scope, built, false);
  return {
    promql: (given) => substitute(given, promql),
    text: (given) => substitute(given, text),
    legend: (given) => substitute(given, (reference) => (reference.format === "" && scope.has(reference.name) ? text({ ...reference, format: "glob" }) : text(reference))),
    body: (given) => substitute(given, (reference) => (reference.format === "" ? scope.get(reference.name)?.values.join(", ") : undefined) ?? text(reference)),
    link: (given) => substitute(given, (reference) => {
      if (reference.name === "__url_time_range") return `from=${Math.round(range.fromMs)}&to=${Math.round(range.toMs)}`;
      if (reference.name === "__all_variables") return board.variablesText;
      const chosen = scope.get(reference.name);
      return chosen && reference.format === "" ? encodeURIComponent(chosen.values.join(",")) : text(reference);
    }),
  };
}
