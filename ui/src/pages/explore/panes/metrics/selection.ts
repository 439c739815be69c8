/** What is compared, as it stands in the address: `from,to` in milliseconds, and `low,high` where values are chosen too. */

import type { HeatArea } from "@/components/Heatmap";

const number = (text: string | undefined): number | null => (text === undefined || text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text));

export function readArea(text: string | undefined): HeatArea | null {
  if (text === undefined) return null;
  const [from, to, low, high] = text.split(",");
  const fromMs = number(from);
  const toMs = number(to);
  if (fromMs === null || toMs === null || fromMs >= toMs) return null;
  return { fromMs, toMs, low: number(low) ?? -Infinity, high: number(high) ?? Infinity };
}

export function writeArea({ fromMs, toMs, low, high }: HeatArea): string {
  const times = `${Math.round(fromMs)},${Math.round(toMs)}`;
  const text = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "");
  return low === -Infinity && high === Infinity ? times : `${times},${text(low)},${text(high)}`;
}

/** Whether values of a graph are such as are compared. A rate is no value of a single call, and a counter only grows: of those only times are. */
export function hasValuesToCompare(expr: string): boolean {
  if (/histogram_(quantile|avg)\s*\(/.test(expr)) return true;
  const isRate = /\b(rate|irate|increase|delta|deriv)\s*\(/.test(expr);
  const isCounter = /_(total|count|sum|bucket)\b/.test(expr.replace(/\{[^}]*\}/g, ""));
  return !isRate && !isCounter;
}
