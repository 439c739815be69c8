/** Times in addresses: `now-1h`, `now`, milliseconds since 1970, or RFC 3339. */

import { durationText, parseDurationMs } from "@/lib/duration";

export interface RangeText { from: string; to: string }

export const DEFAULT_RANGE: RangeText = { from: "now-1h", to: "now" };

/** What is offered, in the order in which it is offered. */
export const PRESETS: readonly (readonly [string, string])[] = [
  ["Last 5 minutes", "5m"], ["Last 15 minutes", "15m"], ["Last 30 minutes", "30m"], ["Last hour", "1h"], ["Last 3 hours", "3h"], ["Last 6 hours", "6h"],
  ["Last 12 hours", "12h"], ["Last 24 hours", "24h"], ["Last 2 days", "2d"], ["Last 7 days", "7d"], ["Last 30 days", "30d"], ["Last 90 days", "90d"],
];

/** Where a day, an hour … began or ends, on the clock of this computer. */
function rounded(ms: number, unit: string, isEnd: boolean): number {
  const at = new Date(ms);
  const after = isEnd ? 1 : 0;
  const [year, month, day] = [at.getFullYear(), at.getMonth(), at.getDate()];
  switch (unit) {
    case "y": return new Date(year + after, 0, 1).getTime() - after;
    case "M": return new Date(year, month + after, 1).getTime() - after;
    case "w": return new Date(year, month, day - ((at.getDay() + 6) % 7) + 7 * after).getTime() - after;
    case "d": return new Date(year, month, day + after).getTime() - after;
    case "h": return new Date(year, month, day, at.getHours() + after).getTime() - after;
    case "m": return new Date(year, month, day, at.getHours(), at.getMinutes() + after).getTime() - after;
    default: return Math.floor(ms / 1000) * 1000 + (isEnd ? 999 : 0);
  }
}

/** Milliseconds of a time as it stands in an address, or null. `now/d`: the beginning of the day, or as an end its end. */
export function parseTime(text: string, nowMs: number, isEnd = false): number | null {
  const trimmed = text.trim();
  const whole = /^(now[^/]*)\/([smhdwMy])$/.exec(trimmed);
  if (whole) {
    const at = parseTime(whole[1] ?? "", nowMs);
    return at === null ? null : rounded(at, whole[2] ?? "", isEnd);
  }
  if (trimmed === "now") return nowMs;
  const relative = /^now\s*([-+])\s*(.+)$/.exec(trimmed);
  if (relative) {
    const size = parseDurationMs(relative[2] ?? "");
    return size === null ? null : nowMs + (relative[1] === "-" ? -size : size);
  }
  if (/^\d{10,16}$/.test(trimmed)) return trimmed.length <= 10 ? Number(trimmed) * 1000 : Number(trimmed);
  if (!/^\d{4}-\d{2}-\d{2}/.test(trimmed)) return null;
  const parsed = Date.parse(trimmed.replace(" ", "T"));
  return Number.isNaN(parsed) ? null : parsed;
}

export const isRelative = (range: RangeText) => range.from.startsWith("now") || range.to.startsWith("now");

/** From and to in milliseconds; what cannot be read is the default, what is turned round is put right. */
export function resolveRange(range: RangeText, nowMs: number): { fromMs: number; toMs: number } {
  const toMs = parseTime(range.to, nowMs, true) ?? nowMs;
  const fromMs = parseTime(range.from, nowMs) ?? toMs - 3_600_000;
  if (fromMs === toMs) return { fromMs: toMs - 60_000, toMs };
  return fromMs < toMs ? { fromMs, toMs } : { fromMs: toMs, toMs: fromMs };
}

/** What stands on the button: `Last hour`, or the two times. */
export function rangeText(range: RangeText, format: (ms: number) => string, nowMs: number): string {
  if (range.to === "now" && range.from.startsWith("now-")) {
    const span = range.from.slice(4);
    return PRESETS.find(([, preset]) => preset === span)?.[0] ?? `Last ${span}`;
  }
  const { fromMs, toMs } = resolveRange(range, nowMs);
  return `${format(fromMs)} – ${format(toMs)}`;
}

/** A range twice as long, or moved by half of its length, as text for the address. */
export function zoomedOut(range: RangeText, nowMs: number): RangeText {
  const { fromMs, toMs } = resolveRange(range, nowMs);
  const span = toMs - fromMs;
  if (range.to === "now") return { from: `now-${durationText(span * 2)}`, to: "now" };
  const to = Math.min(nowMs, toMs + span / 2);
  return { from: String(Math.round(to - span * 2)), to: String(Math.round(to)) };
}

export function moved(range: RangeText, direction: -1 | 1, nowMs: number): RangeText {
  const { fromMs, toMs } = resolveRange(range, nowMs);
  const by = (direction * (toMs - fromMs)) / 2;
  if (toMs + by >= nowMs) return { from: `now-${durationText(toMs - fromMs)}`, to: "now" };
  return { from: String(Math.round(fromMs + by)), to: String(Math.round(toMs + by)) };
}
