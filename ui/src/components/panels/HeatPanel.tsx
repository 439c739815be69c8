/** Buckets over time: of classic and native histograms, of rows that are bounds, or counted here. */

import { useMemo } from "react";
import type { PackedHistograms } from "@/api/frames";
import { type HistogramSeries, parseNumber } from "@/api/prometheus";
import { Heatmap } from "@/components/Heatmap";
import { classicGrid, type HeatGrid, nativeGrid } from "@/components/heatmap/grid";
import { spokenDuration } from "@/lib/duration";
import { formatUnit } from "./format";
import { None } from "./None";
import type { PanelProps } from "./props";
import { aligned, seriesOf, type SeriesOf } from "./tables";
import { useSize } from "./useSize";
import classes from "./panels.module.css";

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

export function HeatPanel({ panel, tables, histograms = [], step, fromS, toS, onZoom, sync }: PanelProps) {
  const [ref, size] = useSize<HTMLDivElement>();
  const options = panel.heatmap;
  const found = useMemo((): HeatGrid | null => {
    const all = seriesOf(tables);
    if (histograms.length > 0) {
      const first = Math.min(...histograms.map(({ points }) => points[0]?.time ?? Infinity));
      const last = Math.max(...histograms.map(({ points }) => points.at(-1)?.time ?? -Infinity));
      return nativeGrid(histograms.map(packed), Array.from({ length: Math.round((last - first) / step) + 1 }, (_, index) => first + index * step), step);
    }
    if (all.length === 0) return null;
    if (options?.calculate) {
      const height = Number(options.yBucket);
      const { times, series } = counted(all, !options.bucketsAreCounts && height > 0 ? height : null, options.bucketsAreCounts && height > 0 ? height : 20);
      return times.length === 0 ? null : classicGrid(series, times.map((time) => time / 1000), step);
    }
    const bounded = all.map((one) => ({ one, bound: boundOf(one) })).filter(({ bound }) => !Number.isNaN(bound)).sort((a, b) => a.bound - b.bound);
    if (bounded.length === 0) return null;
    const { times, values } = aligned(bounded.map(({ one }) => one));
    const isHeat = panel.queries.some(({ format }) => format === "heatmap");
    let sums: number[] | null = null;
    const series = bounded.map(({ bound }, index) => {
      const own = values[index] ?? [];
      // Rows that are buckets already are added up, as histograms are.
      if (!isHeat) sums = times.map((_, at) => (sums?.[at] ?? 0) + (own[at] ?? 0));
      return { labels: { le: bound === Infinity ? "+Inf" : String(bound) }, values: sums ?? own };
    });
    return classicGrid(series, times.map((time) => time / 1000), step);
  }, [tables, histograms, options, panel.queries, step]);
  const unit = options?.yUnit ?? "";
  const decimals = options?.yDecimals;
  const format = useMemo(() => (value: number) => formatUnit(value, unit || panel.field.unit, decimals), [unit, decimals, panel.field.unit]);
  if (!found || found.cells === 0) return <None>{tables.length > 0 && found === null ? "Rows of a heat map are bounds: a label le, or a legend that is a number." : undefined}</None>;
  return (
    <div ref={ref} className={classes.heat}>
      {size.height > 0 && <Heatmap label={panel.title || "Heat map"} grid={found} format={format} height={size.height} countsOf={`in ${spokenDuration(step)}`} from={fromS} to={toS} onZoom={onZoom} {...(sync === undefined ? {} : { sync })} />}
    </div>
  );
}
