/** What a rule measures, over the page's time: its limit, and the times in which it was pending and fired. */

import { useMemo } from "react";
import { useRangeQuery } from "@/api/hooks";
import { Chart, type ChartSeries, type ChartSpan } from "@/components/Chart";
import { Empty, Failure, Notes, Waiting } from "@/components/Panel";
import type { Labels } from "@/lib/labels";
import { unitOf } from "@/lib/units";
import { useRange } from "@/state/range";
import { taken } from "./expression";

const SERIES_MAX = 30;

interface RuleChartProps {
  query: string;
  name: string;
  spans?: readonly ChartSpan[];
  height?: number;
  /** Whether a series is the one that is looked at: it stands out, the others are drawn thinly. */
  isOwn?: (labels: Labels) => boolean;
  legend?: "none" | "list" | "values";
}

export function RuleChart({ query, name, spans = [], height = 240, isOwn, legend = "list" }: RuleChartProps) {
  const range = useRange();
  const parts = useMemo(() => taken(query), [query]);
  const answer = useRangeQuery(parts.value);
  const limit = useRangeQuery(parts.limit ?? "", { enabled: parts.threshold === null && parts.limit !== null });
  const unit = unitOf(parts.value);
  const frame = answer.data;
  const limits = limit.data;
  const series = useMemo((): ChartSeries[] => {
    if (!frame) return [];
    const hasOwn = isOwn !== undefined && frame.series.some((one) => isOwn(one.labels));
    const sorted = hasOwn ? [...frame.series].sort((a, b) => Number(isOwn(b.labels)) - Number(isOwn(a.labels))) : frame.series;
    const lines = sorted.slice(0, SERIES_MAX).map((one): ChartSeries => {
      const is = hasOwn && isOwn(one.labels);
      return { name: one.name === "{}" ? name : one.name, values: one.values, ...(hasOwn ? (is ? { width: 2.2 } : { width: 1 }) : {}) };
    });
    const bounds = parts.threshold === null && limits?.times.length === frame.times.length ? limits.series.slice(0, 4).map((one): ChartSeries => ({ name: `limit${limits.series.length > 1 ? ` ${one.name}` : ""}`, values: one.values, isDashed: true, width: 1.2 })) : [];
    return unique([...lines, ...bounds]);
  }, [frame, limits, isOwn, parts.threshold, name]);
  const thresholds = useMemo(() => (parts.threshold === null ? [] : [{ value: parts.threshold, tone: "bad" as const, label: `${parts.operator ?? ""} ${parts.threshold}` }]), [parts]);
  if (answer.error && !frame) return <Failure error={answer.error} what="The expression could not be asked" retry={() => void answer.refetch()} />;
  if (!frame) return <Waiting height={height} />;
  if (frame.series.length === 0) return <div style={{ minHeight: height, display: "grid" }}><Empty title="No values in this time">The expression finds nothing between the times that are looked at. A longer time may show some.</Empty></div>;
  return (
    <>
      <Chart label={`${name}: what its rule measures`} times={frame.times} series={series} unit={unit} height={height} thresholds={thresholds} spans={spans} from={range.fromS} to={range.toS} onZoom={range.zoom} legend={legend} sync="page" {...(thresholds[0] ? bounds(series, thresholds[0].value) : {})} />
      {frame.series.length > SERIES_MAX && <p className="muted">The first {SERIES_MAX} of {frame.series.length} series.</p>}
      <Notes notes={frame.notes} />
    </>
  );
}

/** The limit is in the picture too, unless that would flatten all else. */
function bounds(series: readonly ChartSeries[], limit: number): { max?: number } {
  let high = -Infinity;
  for (const one of series) for (const value of one.values) if (value !== null && Number.isFinite(value) && value > high) high = value;
  return high < limit && limit < Math.max(high * 20, high + 1) ? { max: limit * 1.08 } : {};
}

/** Names are keys of the chart: doubles are numbered. */
function unique(series: ChartSeries[]): ChartSeries[] {
  const seen = new Map<string, number>();
  return series.map((one) => {
    const count = (seen.get(one.name) ?? 0) + 1;
    seen.set(one.name, count);
    return count === 1 ? one : { ...one, name: `${one.name} (${count})` };
  });
}
