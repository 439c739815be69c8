/** Ninety days of a public item as blocks: a day without checks is a day without data, not a good one. */

import type { StripBlock } from "@/components/map/StateStrip";
import type { Got } from "@/api/own";
import { formatValue } from "@/lib/units";

export type PublicStatus = Got<"/api/bellwether/v1/public-status">;
export type PublicItem = PublicStatus["groups"][number]["items"][number];
export type Work = PublicStatus["maintenance"][number];

export const DAYS = 90;
const DAY_S = 86_400;

/** Days are those of the server: they begin at midnight UTC. */
const dayName = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

/** Above this a day is shown as it was, below as troubled, and below the second as bad. */
const GOOD_FROM = 0.9995;
const TROUBLED_FROM = 0.95;

/** A share in per cent that never says 100 where something failed. */
export function shareText(share: number): string {
  if (share >= 1) return "100 %";
  const cut = Math.floor(share * 100_000) / 1000;
  return `${String(cut >= 99 ? cut : Math.floor(cut * 10) / 10)} %`;
}

export function dayBlocks(item: PublicItem, nowS: number): StripBlock[] {
  const known = new Map(item.days.map((day) => [Math.floor(day.day / DAY_S), day]));
  const today = Math.floor(nowS / DAY_S);
  return Array.from({ length: DAYS }, (_, index): StripBlock => {
    const day = today - DAYS + 1 + index;
    const of = known.get(day);
    const label = `${dayName.format(day * DAY_S * 1000)}${day === today ? ", so far" : ""}`;
    if (of === undefined) return { tone: "none", label, more: "no data" };
    const share = of.successShare;
    const more = `${shareText(share)} of ${formatValue(of.checks, "count")} checks succeeded`;
    if (share >= GOOD_FROM) return { tone: "good", label, more };
    return { tone: share >= TROUBLED_FROM ? "warn" : "bad", bad: 1 - share, label, more };
  });
}

/** Of the checks of all days the share that succeeded, and how many days have some. */
export function overall(item: PublicItem): { share: number | null; days: number } {
  const { days } = item;
  const checks = days.reduce((sum, day) => sum + day.checks, 0);
  return { share: checks > 0 ? days.reduce((sum, day) => sum + day.successShare * day.checks, 0) / checks : null, days: days.length };
}

/** Maintenance at the same times stands in one line. */
export function worksByTime(works: readonly Work[]): { start: number; end: number; parts: Work[] }[] {
  const lines: { start: number; end: number; parts: Work[] }[] = [];
  for (const work of works) {
    const line = lines.find((one) => one.start === work.start && one.end === work.end);
    if (line) line.parts.push(work);
    else lines.push({ start: work.start, end: work.end, parts: [work] });
  }
  return lines;
}

export const STATE_WORDS: Readonly<Record<string, string>> = { up: "Working", degraded: "Slower than usual", down: "Not working", unknown: "Not known" };

/** What stands on top. Maintenance is no failure. */
export function headline(status: PublicStatus): string {
  const items = status.groups.flatMap((group) => group.items);
  if (items.length === 0) return "Nothing is shown here yet";
  const bad = items.filter((item) => !item.maintenance && item.state !== "up");
  const down = bad.filter((item) => item.state === "down");
  if (bad.length === 0) return items.some((item) => item.maintenance) ? "Everything else works; some parts are being worked on" : "Everything works";
  const title = (down[0] ?? bad[0])?.title ?? "";
  const first = title.length > 80 ? `${title.slice(0, 80)}…` : title;
  const some = down.length > 0 ? down : bad;
  const state = down.length > 0 ? "not working" : bad.every((item) => item.state === "unknown") ? "in an unknown state" : "slower than usual";
  return some.length === 1 ? `${first} is ${state}` : some.length === items.length ? `Everything is ${state}` : `${some.length} of ${items.length} parts are ${state}`;
}
