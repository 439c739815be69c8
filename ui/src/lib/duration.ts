/** Durations as Prometheus writes them: `1h30m`, `15s`, `2w`. */

const UNITS_MS: readonly (readonly [string, number])[] = [
  ["y", 31_536_000_000], ["w", 604_800_000], ["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000], ["ms", 1],
];

/** Milliseconds of a duration, or null where the text is none. */
export function parseDurationMs(text: string): number | null {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?(ms|[ywdhms]))+$/.test(trimmed)) return null;
  let total = 0;
  for (const [, count, , unit] of trimmed.matchAll(/(\d+(\.\d+)?)(ms|[ywdhms])/g)) {
    const size = UNITS_MS.find(([name]) => name === unit)?.[1] ?? 0;
    total += Number(count) * size;
  }
  return total;
}

/** Exactly, with as many units as it takes: `1h30m`. Below a millisecond it is `0s`. */
export function durationText(ms: number): string {
  let rest = Math.round(Math.abs(ms));
  let text = "";
  for (const [name, size] of UNITS_MS) {
    if (name === "y" || (name === "w" && rest % 604_800_000 !== 0)) continue;
    const count = Math.floor(rest / size);
    if (count > 0) {
      text += `${count}${name}`;
      rest -= count * size;
    }
  }
  return (ms < 0 ? "-" : "") + (text || "0s");
}

/** For people: the two largest units, `3 h 20 min`, `12 s`, `4 d`. */
export function spokenDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const rest = Math.abs(seconds);
  const sign = seconds < 0 ? "−" : "";
  if (rest < 1) return `${sign}${Math.round(rest * 1000)} ms`;
  if (rest < 10) return `${sign}${Number(rest.toFixed(1))} s`;
  if (rest < 99.5) return `${sign}${Math.round(rest)} s`;
  const minutes = Math.round(rest / 60);
  if (minutes < 60) return `${sign}${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${sign}${hours} h${minutes % 60 && hours < 10 ? ` ${minutes % 60} min` : ""}`;
  const days = Math.floor(hours / 24);
  return `${sign}${days} d${hours % 24 && days < 10 ? ` ${hours % 24} h` : ""}`;
}
