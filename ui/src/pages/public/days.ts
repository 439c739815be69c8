/** Ninety days of a public item as blocks: a day without checks is a day without data, not a good one. */

import type { StripBlock } from "@/components/map/StateStrip";
import type { Got } from "@/api/own";

export type PublicStatus = Got<"/api/bellwether/v1/public-status">;
export type PublicItem = PublicStatus["groups"][number]["items"][number];

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
  const shares = new Map(item.days.map(({ day, successShare }) => [Math.floor(day / DAY_S), successShare]));
  const today = Math.floor(nowS / DAY_S);
  return Array.from({ length: DAYS }, (_, index): StripBlock => {
    const day = today - DAYS + 1 + index;
    const share = shares.get(day);
    const label = `${dayName.format(day * DAY_S * 1000)}${day === today ? ", so far" : ""}`;
    if (share === undefined) return { tone: "none", label, more: "no data" };
    if (share >= GOOD_FROM) return { tone: "good", label, more: `${shareText(share)} of checks succeeded` };
    return { tone: share >= TROUBLED_FROM ? "warn" : "bad", bad: 1 - share, label, more: `${shareText(share)} of checks succeeded` };
  });
}

/** Of the days with data: the mean share, and how many they are. */
export function overall(item: PublicItem): { share: number | null; days: number } {
  const { days } = item;
  return { share: days.length === 0 ? null : days.reduce((sum, { successShare }) => sum + successShare, 0) / days.length, days: days.length };
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
