/** Key numbers of these entities over the page's span of time. */

import { useMemo } from "react";
import { useRangeQueries } from "@/api/hooks";
import { stepFor } from "@/api/prometheus";
import { useRange } from "@/state/range";
import { type EntityNumbers, numbersOf, QUESTIONS, rateWindow } from "./numbers";

/** Enough for a line of a hundred pixels. */
const POINTS = 60;

export function useNumbers(kinds: readonly string[]): EntityNumbers {
  const { fromS, toS } = useRange();
  const step = stepFor(fromS, toS, POINTS);
  const wanted = [...new Set(kinds)].sort().join(" ");
  const asked = useMemo(() => {
    const known = wanted.split(" ");
    return QUESTIONS.filter((question) => question.kinds.some((kind) => known.includes(kind)));
  }, [wanted]);
  const queries = useMemo(() => asked.map((question) => question.query(rateWindow(step))), [asked, step]);
  const answers = useRangeQueries(queries, { step });
  // The same answers are the same numbers.
  const times = answers.map((answer) => `${answer.dataUpdatedAt}${answer.isPlaceholderData ? "-" : ""}`).join();
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `times` stands for the answers
  return useMemo(() => numbersOf(asked, answers.map((answer) => answer.data)), [asked, times]);
}
