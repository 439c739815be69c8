/** How far apart the points of a query are, and what `$__interval` and `$__rate_interval` stand for: Grafana's rules, so that imported panels ask what they asked. */

/** Steps that people choose, in seconds, each up to the middle between it and the next. */
const STEPS = [0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600];
/** Above these there are half days, days, weeks, months and years. */
const LONG: readonly (readonly [below: number, step: number])[] = [[32_400, 21_600], [86_400, 43_200], [604_800, 86_400], [1_814_400, 604_800], [3_628_800, 2_592_000], [Infinity, 31_536_000]];

export function roundedStep(seconds: number): number {
  const at = STEPS.findIndex((step, index) => seconds < (step + (STEPS[index + 1] ?? Infinity)) / 2);
  if (at >= 0 && at < STEPS.length - 1) return STEPS[at] ?? seconds;
  return LONG.find(([below]) => seconds < below)?.[1] ?? seconds;
}

/** Most points of an answer, as servers allow them. */
const POINTS_MAX = 11_000;

export interface StepWanted {
  /** Seconds that are asked for, and points that there is room for. */
  spanS: number;
  points: number;
  /** How often is scraped. */
  scrapeS: number;
  /** Least step of the panel and of the query, where they say one. */
  panelLeastS: number | null;
  queryLeastS: number | null;
  /** What of the built in names the query gives as its least step. */
  word: "interval" | "rate_interval" | null;
  factor: number;
}
export interface Steps { stepS: number; rateS: number }

/** Long enough for a rate to have values in every step. */
export const rateIntervalS = (stepS: number, scrapeS: number) => Math.max(stepS + scrapeS, 4 * scrapeS);

export function stepsFor({ spanS, points, scrapeS, panelLeastS, queryLeastS, word, factor }: StepWanted): Steps {
  const share = spanS / Math.max(points, 1);
  const ofPanel = Math.max(panelLeastS ?? scrapeS, roundedStep(share));
  const least = word === null && queryLeastS !== null ? queryLeastS : ofPanel;
  const base = Math.max(share < least ? least : roundedStep(share), roundedStep(spanS / POINTS_MAX));
  if (word === "rate_interval") { const rate = rateIntervalS(base, scrapeS); return { stepS: rate, rateS: rate }; }
  const stepS = base * Math.max(1, factor);
  return { stepS, rateS: rateIntervalS(ofPanel, word === "interval" ? stepS : queryLeastS ?? scrapeS) };
}
