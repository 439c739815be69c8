/** What forecasts say of themselves, in words. */

import type { Forecasts } from "@/api/own";
import type { Tone } from "@/components/State";
import { spokenDuration } from "@/lib/duration";
import type { Labels } from "@/lib/labels";

export type Job = Forecasts[number];
export type One = NonNullable<Job["series"]>[number];
export type Exhaustion = NonNullable<One["exhaustion"]>;
export type Bottleneck = NonNullable<Job["bottleneck"]>;

/** A series of a job, a path, or a job that has none yet. */
export interface Item { key: string; job: Job; series: One | null }

/** Values of labels, as they stand in addresses and headings. */
export const groupText = (labels: Labels): string => Object.values(labels).join(", ");

const byLevel = (values: object): [number, number | null][] =>
  Object.entries(values).flatMap(([level, value]): [number, number | null][] => (typeof value === "number" || value === null ? [[Number(level), value]] : [])).sort(([a], [b]) => a - b);

export interface Levels { low: number | null; middle: number | null; high: number | null; lowLevel: string; middleLevel: string; highLevel: string }

/** The outer quantiles and the one in the middle. */
export function levels(quantiles: object): Levels | null {
  const sorted = byLevel(quantiles);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last) return null;
  const middle = sorted.find(([level]) => level === 0.5) ?? sorted[Math.floor(sorted.length / 2)] ?? first;
  return { low: first[1], middle: middle[1], high: last[1], lowLevel: String(first[0]), middleLevel: String(middle[0]), highLevel: String(last[0]) };
}

/** `four cases of five` for 0.1 to 0.9. */
export function shareWords(found: Levels): string {
  const share = Number(found.highLevel) - Number(found.lowLevel);
  return Math.abs(share - 0.8) < 1e-9 ? "in four cases of five" : `in ${Math.round(share * 100)} of 100 cases`;
}

export interface Told { title: string; text: string; tone: Tone }

/** When a limit is reached. */
export function exhaustionTold(exhaustion: Exhaustion, limit: string): Told {
  const found = levels(exhaustion.quantilesSeconds);
  const horizon = spokenDuration(exhaustion.horizonSeconds);
  const low = found?.low ?? null;
  const high = found?.high ?? null;
  const median = exhaustion.medianSeconds;
  const sure = Math.round((1 - exhaustion.probability) * 100);
  const words = found ? shareWords(found) : "mostly";
  if (median !== null && median <= 0) return { title: "Reached", text: `The limit of ${limit} is passed now.`, tone: "bad" };
  if (low === null) return { title: `Not within ${horizon}`, text: `${sure >= 100 ? "Over 99" : sure} % sure that ${limit} is not reached within ${horizon}.`, tone: "good" };
  const tone: Tone = low < 3600 * 4 ? "bad" : "warn";
  if (high === null) {
    return { title: median === null ? `from ${spokenDuration(low)} on` : `in about ${spokenDuration(median)}`, text: `${limit} is reached from ${spokenDuration(low)} on, or beyond ${horizon}, ${words}; ${Math.round(exhaustion.probability * 100)} % that it is within ${horizon}.`, tone: median === null ? "warn" : tone };
  }
  return { title: `in ${spokenDuration(low)} – ${spokenDuration(high)}`, text: `${limit} is reached then, ${words}; as likely before ${spokenDuration(median ?? low)} as after it.`, tone };
}

/** How many times the usual deviation a path must have grown by, that it is no noise. */
export const DEVIATIONS_LEAST = 3;
const RANKS = { problem: 0, alarm: 1, out: 2, degraded: 3, slower: 4, calm: 5, learning: 6 } as const;
export type Standing = keyof typeof RANKS;

export function standing({ job, series }: Item): Standing {
  if (job.problem) return "problem";
  if (job.bottleneck !== undefined) return (job.bottleneck?.deviations ?? 0) >= DEVIATIONS_LEAST ? "slower" : job.bottleneck === null ? "learning" : "calm";
  if (!series) return "learning";
  if (series.anomaly?.alarm) return "alarm";
  if (series.exhaustion && series.exhaustion.medianSeconds !== null) return "out";
  if (series.degradation) return "degraded";
  return "calm";
}

export const STANDING_WORDS: Readonly<Record<Standing, [string, Tone]>> = {
  problem: ["Problem", "warn"], alarm: ["Alarm", "bad"], out: ["Runs out", "warn"], degraded: ["Degraded", "warn"], slower: ["Slower", "warn"], calm: ["As usual", "good"], learning: ["Learning", "unknown"],
};

/** Every series and path: what has an alarm or runs out soonest first. */
export function itemsOf(jobs: readonly Job[]): Item[] {
  const items = jobs.flatMap((job): Item[] => {
    const own = job.series ?? [];
    if (own.length === 0) return [{ key: job.name, job, series: null }];
    return own.map((series) => ({ key: `${job.name} ${groupText(series.labels)}`, job, series }));
  });
  const rank = (item: Item) => RANKS[standing(item)];
  const soon = (item: Item) => item.series?.exhaustion?.medianSeconds ?? Infinity;
  return items.map((item, index) => ({ item, index })).sort((a, b) => rank(a.item) - rank(b.item) || (soon(a.item) === soon(b.item) ? 0 : soon(a.item) - soon(b.item)) || a.index - b.index).map(({ item }) => item);
}

/** A part of a combination of models. */
export interface Part { weight: number; text: string }

const seasons = (inside: string) => inside.split(",").map((one) => `${one.trim()} steps`).join(" and ");

function modelText(model: string): string {
  const isLog = model.startsWith("log ");
  const hasErrors = model.endsWith("+ar of errors");
  const bare = (hasErrors ? model.slice(0, -"+ar of errors".length) : model).slice(isLog ? 4 : 0);
  const mstl = /^mstl\(([^)]*)\)\+(.*)$/.exec(bare);
  const core = mstl?.[2] ?? bare;
  const [, name = core, inside = ""] = /^(.*?)(?:\(([^)]*)\))?$/.exec(core) ?? [];
  const about = inside.trim() === "" ? "" : /^\d+(,\d+)*$/.test(inside.trim()) ? `, season of ${seasons(inside)}` : `, ${inside}`;
  const words: Readonly<Record<string, string>> = {
    "last value": "the last value", "seasonal naive": "as one season ago", drift: "the line through first and last", "damped holt": "a trend that fades", theta: "a slow trend and a level (Theta)",
    "holt-winters": "level, trend and seasons (Holt-Winters)", ar: "regression on earlier values", "ar of differences": "regression on earlier changes", kriging: "the best linear guess (kriging)", direct: "a regression for each horizon",
  };
  const known = words[name.trim()] ?? (name.startsWith("return to") ? `a return to the mean of cycles` : name);
  return `${known}${about}${mstl ? `, after its season of ${seasons(mstl[1] ?? "")} is taken off` : ""}${isLog ? ", on logarithms" : ""}${hasErrors ? ", its last errors carried on" : ""}`;
}

/** `0.47 log kriging() + 0.29 last value + 6 more`, taken apart. */
export function modelParts(model: string): { parts: Part[]; more: number } {
  const parts: Part[] = [];
  let more = 0;
  for (const piece of model.split(/ \+ (?=\d)/)) {
    const rest = /^(\d+) more$/.exec(piece.trim());
    const weighted = /^([\d.]+) (.+)$/.exec(piece.trim());
    if (rest) more = Number(rest[1]);
    else if (weighted) parts.push({ weight: Number(weighted[1]), text: modelText(weighted[2] ?? "") });
    else parts.push({ weight: 1, text: modelText(piece.trim()) });
  }
  return { parts, more };
}

/** `once in 17 samples`. */
export function onceIn(count: number | null): string {
  if (count === null) return "never seen before";
  return count < 2 ? "seen all the time" : `seen once in ${count >= 1e6 ? count.toExponential(0).replace("e+", "e") : Math.round(count).toLocaleString("en")} samples`;
}

export interface Accuracy { count: number; inside: number; off: number | null }

/** How often what came lay inside of what was foretold, and how far it was off by the median. */
export function accuracy(came: readonly (number | null)[], low: readonly (number | null)[], middle: readonly (number | null)[], high: readonly (number | null)[]): Accuracy {
  const offs: number[] = [];
  let count = 0;
  let inside = 0;
  came.forEach((value, index) => {
    const [from, to, guess] = [low[index] ?? null, high[index] ?? null, middle[index] ?? null];
    if (value === null || !Number.isFinite(value) || from === null || to === null) return;
    count += 1;
    if (value >= from && value <= to) inside += 1;
    if (guess !== null) offs.push(Math.abs(value - guess));
  });
  offs.sort((a, b) => a - b);
  return { count, inside: count === 0 ? 0 : inside / count, off: offs[Math.floor(offs.length / 2)] ?? null };
}

export const EXAMPLE = `forecasts:
  - name: load
    query: sum by (pool) (rate(requests_total[5m]))
    horizon: [1h, 24h]
    anomaly: true
  - name: disk
    query: node_filesystem_avail_bytes
    horizon: []
    limit: { value: 0, towards: falling }`;
