/** What objectives say of themselves, in words. */

import type { Objective } from "@/api/own";
import { spokenDuration } from "@/lib/duration";
import type { Labels } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import type { Tone } from "@/components/State";

export type Budget = Objective["budgets"][number];
export type HoursLeft = NonNullable<Budget["hoursLeft"]>;

/** Worst first. */
const VERDICTS = ["exhausted", "at_risk", "unknown", "met"] as const;
export const verdictRank = (verdict: string): number => {
  const at = (VERDICTS as readonly string[]).indexOf(verdict);
  return at < 0 ? VERDICTS.length : at;
};
export const VERDICT_WORDS: Readonly<Record<string, string>> = { exhausted: "Nothing left", at_risk: "At risk", unknown: "Unknown", met: "Met" };

/** `99.95 %`, with the digits that it has and no more. */
export function percentText(share: number, digits = 4): string {
  const text = Number((share * 100).toFixed(digits));
  return `${text < 0 ? "−" : ""}${Math.abs(text).toLocaleString("en", { maximumFractionDigits: digits })} %`;
}

export function periodText(period: Objective["period"]): string {
  if (period.rollingSeconds !== undefined) {
    const days = period.rollingSeconds / 86_400;
    return Number.isInteger(days) ? (days === 1 ? "the last 24 h" : `the last ${days} days`) : `the last ${spokenDuration(period.rollingSeconds)}`;
  }
  const count = period.count ?? 1;
  const zone = period.timeZone && period.timeZone !== "UTC" ? ` (${period.timeZone})` : "";
  const unit = period.calendar ?? "period";
  return `${count === 1 ? `each ${unit}` : `each ${count} ${unit}s`} of the calendar${zone}`;
}

/** Good is what: by the kind of indicator. */
export function indicatorText(objective: Pick<Objective, "indicator" | "target" | "period">): string {
  const share = objective.target === null ? "" : percentText(objective.target);
  const over = periodText(objective.period);
  switch (objective.indicator) {
    case "ratio": return `${share} of events are good over ${over}`;
    case "error_ratio": return `${share} good, by the share that its query gives, over ${over}`;
    case "latency": return `${share} are quick enough over ${over}`;
    case "availability": return `up for ${share} of its samples over ${over}`;
    case "freshness": return `done in time in ${share} of intervals over ${over}`;
    case "spend": return `an amount that may be spent in ${over.replace(" of the calendar", "")}`;
    case "composite": return `${share} good, its parts together, over ${over}`;
    default: return `${share} over ${over}`;
  }
}

/** What single events are called. */
export function eventWord(indicator: string): string {
  return indicator === "availability" ? "samples" : indicator === "freshness" ? "intervals" : indicator === "spend" ? "spent" : "events";
}

/** `0.09×`, `3.2×`, `100×`. */
export function burnNumber(burn: number | null | undefined): string {
  if (burn === null || burn === undefined || !Number.isFinite(burn)) return "–";
  if (burn === 0) return "0×";
  return `${burn < 0.01 ? "<0.01" : burn >= 100 ? Math.round(burn).toLocaleString("en") : String(Number(burn.toPrecision(2)))}×`;
}

/** What a burn rate means. */
export function burnText(burn: number | null | undefined): string {
  if (burn === null || burn === undefined || !Number.isFinite(burn)) return "not known";
  if (burn === 0) return "nothing is spent";
  if (burn > 1.05) return `${burnNumber(burn).replace("×", " times")} as fast as allowed`;
  if (burn >= 0.95) return "just as fast as allowed";
  return `${percentText(burn, burn < 0.01 ? 2 : 0)} of what is allowed`;
}

export const burnTone = (burn: number | null | undefined): Tone => (burn === null || burn === undefined ? "unknown" : burn > 1.05 ? "bad" : burn > 0.95 ? "warn" : "good");

/** The pace of a whole period: what is gone of the budget over what of the period is gone. */
export function periodPace(budget: Budget, nowS: number): number | null {
  if (budget.left === null || budget.end <= budget.start) return null;
  const gone = Math.min(1, Math.max(0.0001, (Math.min(nowS, budget.end) - budget.start) / (budget.end - budget.start)));
  return (1 - budget.left) / gone;
}

export interface Told { title: string; text: string; tone: Tone }

/** For how long a budget lasts. */
export function hoursTold(budget: Pick<Budget, "left" | "hoursLeft" | "problem">, period: Objective["period"], indicator: string): Told {
  if (budget.left !== null && budget.left <= 0) {
    const text = period.rollingSeconds !== undefined ? "It comes back as failures become older than the period." : "The next period begins with a whole budget.";
    return { title: "Nothing left", text, tone: "bad" };
  }
  const hours = budget.hoursLeft;
  if (hours === null) return { title: "Not known", text: indicator === "composite" ? "Of a composite, see its parts." : "Too little is known yet.", tone: "unknown" };
  const spoken = (value: number) => spokenDuration(value * 3600);
  const horizon = spoken(hours.horizon);
  const sure = Math.round((1 - hours.probability) * 100);
  if (hours.low === null) return { title: period.calendar === undefined ? `More than ${horizon}` : "To the end", text: `Not within ${horizon}, ${sure >= 100 ? "over 99" : sure} % sure.`, tone: "good" };
  const within = Math.round(hours.probability * 100);
  if (hours.high === null) {
    const isLikely = hours.median !== null;
    return {
      title: isLikely ? `About ${spoken(hours.median ?? 0)}` : `More than ${spoken(hours.low)}`,
      text: `From ${spoken(hours.low)} to beyond ${horizon}, in four cases of five; ${isLikely ? `${within} % that it ends within ${horizon}` : `${sure} % sure that it lasts ${horizon}`}.`,
      tone: "warn",
    };
  }
  return { title: `${spoken(hours.low)} – ${spoken(hours.high)}`, text: `In four cases of five; as likely before ${spoken(hours.median ?? hours.low)} as after it.`, tone: hours.low < 24 ? "bad" : "warn" };
}

/** Values of labels, as they stand in addresses and headings. */
export const groupText = (labels: Labels): string => Object.values(labels).join(", ");

/** A number of events, or an amount. */
export const amountText = (value: number): string => (value >= 10_000 ? formatValue(value, "short") : String(Number(value.toPrecision(4))));

/** What is left of a budget, in its own amounts. */
export function leftAmounts(budget: Budget, indicator: string): string {
  if (indicator === "composite") return "of its parts together";
  if (indicator === "spend") return `${amountText(budget.bad)} of ${amountText(budget.allowed)} spent`;
  return `${amountText(budget.bad)} bad of ${amountText(budget.allowed)} allowed`;
}

/** What is not to be relied on, said aloud. */
export function problemsOf(objective: Objective): string[] {
  const found: string[] = [];
  if (objective.problem) found.push(objective.problem);
  for (const budget of objective.budgets) {
    const group = groupText(budget.labels);
    if (budget.problem) found.push(group === "" ? budget.problem : `${group}: ${budget.problem}`);
  }
  if (objective.latencyErrorShare !== null && objective.latencyErrorShare > 0.0005) {
    found.push(`The threshold lies between two bounds of the histogram: the share of slow events may be off by ${percentText(objective.latencyErrorShare, 2)}.`);
  }
  return found;
}

/** `1 in 64`: a chance as odds. */
export function odds(chance: number): string {
  if (chance <= 0) return "practically never";
  const one = 1 / chance;
  return `once in ${one >= 1e6 ? one.toExponential(0).replace("e+", "e") : Math.round(one).toLocaleString("en")} times`;
}

export const verdictTone = (budget: Pick<Budget, "verdict">): Tone => (budget.verdict === "met" ? "good" : budget.verdict === "at_risk" ? "warn" : budget.verdict === "exhausted" ? "bad" : "unknown");
