/** Buckets over time: of classic and native histograms, of rows that are bounds, or counted here. */

import type { Panel } from "@/api/dashboards";
import type { PackedHistograms } from "@/api/frames";
import { type HistogramSeries, parseNumber } from "@/api/prometheus";
import { classicGrid, type HeatGrid, nativeGrid } from "@/components/heatmap/grid";
import { aligned, seriesOf, type SeriesOf, type Table } from "./tables";

function packed({ labels, points }: HistogramSeries): PackedHistograms {
  const total = points.reduce((sum, { buckets }) => sum + buckets.length, 0);
  const made: PackedHistograms = { labels, name: "", times: Float64Array.from(points, ({ time }) => time), counts: Float64Array.from(points, ({ count }) => count), sums: Float64Array.from(points, ({ sum }) => sum), offsets: new Uint32Array(points.length + 1), lows: new Float64Array(total), highs: new Float64Array(total), amounts: new Float64Array(total) };
  let at = 0;
  points.forEach(({ buckets }, index) => {
    for (const bucket of buckets) { made.lows[at] = bucket.low; made.highs[at] = bucket.high; made.amounts[at] = bucket.count; at += 1; }
    made.offsets[index + 1] = at;
  });
  return made;
}

/** The bound of a row: its label, or its name. */
const boundOf = ({ column, table }: SeriesOf) => parseNumber(column.labels["le"] ?? column.legend ?? table.name);

/** Values counted into about twenty buckets, as a histogram has them. */
function counted(all: readonly SeriesOf[], size: number | null, buckets: number): { times: number[]; series: { labels: { le: string }; values: number[] }[] } {
  const { times, values } = aligned(all);
  let [low, high] = [Infinity, -Infinity];
  for (const one of values) for (const value of one) if (value !== null && Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  if (!Number.isFinite(low)) return { times: [], series: [] };
  const raw = size ?? ((high - low) / buckets || 1);
  const width = size ?? 10 ** Math.floor(Math.log10(raw)) * Math.ceil(raw / 10 ** Math.floor(Math.log10(raw)));
  const first = Math.floor(low / width) * width;
  const bounds = Array.from({ length: Math.min(200, Math.ceil((high - first) / width) + 1) }, (_, index) => first + index * width);
  return { times, series: bounds.map((bound) => ({ labels: { le: String(bound) }, values: times.map((_, at) => values.reduce((count, one) => { const value = one[at]; return count + (value !== null && value !== undefined && value <= bound ? 1 : 0); }, 0)) })) };
}

export function heatOf(panel: Panel, tables: readonly Table[], histograms: readonly HistogramSeries[], step: number): HeatGrid | null {
  const all = seriesOf(tables);
  if (histograms.length > 0) {
    const first = Math.min(...histograms.map(({ points }) => points[0]?.time ?? Infinity));
    const last = Math.max(...histograms.map(({ points }) => points.at(-1)?.time ?? -Infinity));
    return nativeGrid(histograms.map(packed), Array.from({ length: Math.round((last - first) / step) + 1 }, (_, index) => first + index * step), step);
  }
  if (all.length === 0) return null;
  if (panel.heatmap?.calculate) {
    const height = Number(panel.heatmap.yBucket);
    const { times, series } = counted(all, !panel.heatmap.bucketsAreCounts && height > 0 ? height : null, panel.heatmap.bucketsAreCounts && height > 0 ? height : 20);
    return times.length === 0 ? null : classicGrid(series, times.map((time) => time / 1000), step);
  }
  const bounded = all.map((one) => ({ one, bound: boundOf(one) })).filter(({ bound }) => !Number.isNaN(bound)).sort((a, b) => a.bound - b.bound);
  if (bounded.length === 0) return null;
  const { times, values } = aligned(bounded.map(({ one }) => one));
  const isHeat = panel.queries.some(({ format }) => format === "heatmap");
  // Several histograms are one: their buckets of the same bound are added up.
  const byBound = new Map<number, number[]>();
  bounded.forEach(({ bound }, index) => {
    const sums = byBound.get(bound) ?? times.map(() => 0);
    byBound.set(bound, sums.map((sum, at) => sum + (values[index]?.[at] ?? 0)));
  });
  let before: number[] | null = null;
  const series = [...byBound].map(([bound, own]) => {
    // Rows that are buckets already are added up, as histograms are.
    if (!isHeat) before = own.map((value, at) => value + (before?.[at] ?? 0));
    return { labels: { le: bound === Infinity ? "+Inf" : String(bound) }, values: before ?? own };
  });
  return classicGrid(series, times.map((time) => time / 1000), step);
}
