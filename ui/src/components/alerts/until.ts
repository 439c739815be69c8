/** How long a silence or an acknowledgement lasts: choices, and what was typed. */

import { parseDurationMs } from "@/lib/duration";
import { parseTime } from "@/state/time";

export type UntilChoice = "1h" | "2h" | "4h" | "tomorrow" | "custom";

export const UNTIL_CHOICES: readonly { value: UntilChoice; label: string }[] = [
  { value: "1h", label: "1 h" }, { value: "2h", label: "2 h" }, { value: "4h", label: "4 h" }, { value: "tomorrow", label: "Tomorrow 9:00" }, { value: "custom", label: "Custom" },
];

const clockOf = (ms: number, zone: string) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(ms);

/** Milliseconds since 1970 of `2026-11-30 09:00` in a zone. */
export function atClock(day: string, clock: string, zone: string): number | null {
  const asUtc = Date.parse(`${day}T${clock.padStart(5, "0")}Z`);
  if (Number.isNaN(asUtc)) return null;
  // The zone's offset at about that time, twice, as it may change in between.
  const offset = (ms: number) => Date.parse(`${clockOf(ms, zone).replace(" ", "T")}Z`) - Math.floor(ms / 1000) * 1000;
  return asUtc - offset(asUtc - offset(asUtc));
}

export function tomorrowAtNine(nowMs: number, zone: string): number {
  const today = Date.parse(`${clockOf(nowMs, zone).slice(0, 10)}T00:00:00Z`);
  const tomorrow = new Date(today + 86_400_000).toISOString().slice(0, 10);
  return atClock(tomorrow, "09:00", zone) ?? nowMs + 86_400_000;
}

/** The end in milliseconds, or null where what was typed is no time. */
export function untilMs(choice: UntilChoice, custom: string, nowMs: number, zone: string): number | null {
  if (choice === "tomorrow") return tomorrowAtNine(nowMs, zone);
  const text = choice === "custom" ? custom.trim() : choice;
  const span = parseDurationMs(text.replaceAll(" ", ""));
  if (span !== null) return span > 0 ? nowMs + span : null;
  const clock = /^(\d{4}-\d{2}-\d{2})[ T](\d{1,2}:\d{2}(?::\d{2})?)$/.exec(text);
  return clock ? atClock(clock[1] ?? "", clock[2] ?? "", zone) : parseTime(text, nowMs);
}
