/** The newest forecast as a way from the last value on: through each horizon, straight in between. */

import { parseDurationMs } from "@/lib/duration";
import { levels, type One } from "./words";

type Values = (number | null)[];
export interface Fan { low: Values; middle: Values; high: Values }
interface Anchor { time: number; low: number; middle: number; high: number }

/** Where it goes through, up to a horizon. */
function anchors(series: Pick<One, "lastTime" | "lastValue" | "forecasts">, aheadS: number): Anchor[] {
  const { lastTime, lastValue } = series;
  if (lastTime === null || lastValue === null) return [];
  const ahead = series.forecasts.flatMap(({ horizon, quantiles }): Anchor[] => {
    const seconds = (parseDurationMs(horizon) ?? 0) / 1000;
    const found = levels(quantiles);
    if (!found || seconds <= 0 || seconds > aheadS || found.low === null || found.middle === null || found.high === null) return [];
    return [{ time: lastTime + seconds, low: found.low, middle: found.middle, high: found.high }];
  });
  return [{ time: lastTime, low: lastValue, middle: lastValue, high: lastValue }, ...ahead.sort((a, b) => a.time - b.time)];
}

/** Values at these times; null before the last value and beyond the horizon. */
export function fanOf(series: Pick<One, "lastTime" | "lastValue" | "forecasts">, aheadS: number, times: readonly number[], step: number): Fan | null {
  const points = anchors(series, aheadS);
  const last = points.at(-1);
  if (points.length < 2 || !last) return null;
  const fan: Fan = { low: [], middle: [], high: [] };
  for (const time of times) {
    const at = points.findIndex((point) => point.time >= time);
    // The last time of the grid stands for the horizon that lies within its step.
    const [before, after] = at > 0 ? [points[at - 1], points[at]] : at < 0 && time - last.time < step ? [last, last] : [undefined, undefined];
    const share = before && after && after.time > before.time ? (time - before.time) / (after.time - before.time) : 1;
    for (const key of ["low", "middle", "high"] as const) fan[key].push(before && after ? before[key] + share * (after[key] - before[key]) : null);
  }
  return fan;
}
