/** A chart of one query with its heading and its way to Explore. */

import { type ReactNode, useMemo } from "react";
import { useRangeQuery } from "@/api/hooks";
import type { Series } from "@/api/prometheus";
import { ExploreLink } from "./ExploreLink";
import { Chart, type ChartSeries, type ChartSpan } from "@/components/Chart";
import { Empty, Loaded, Panel } from "@/components/Panel";
import type { Unit } from "@/lib/units";
import { useRange } from "@/state/range";

interface TimeChartProps {
  title: string;
  query: string;
  unit: Unit;
  stacked?: boolean;
  hint?: ReactNode;
  /** What Explore is given where the query is a bundle. */
  explore?: string | readonly string[];
  /** Names, colours and order, where the labels do not say it. */
  shape?: (series: readonly Series[]) => ChartSeries[];
  spans?: readonly ChartSpan[];
  max?: number;
  height?: number;
  level?: 2 | 3;
  more?: ReactNode;
}

export function TimeChart({ title, query, unit, stacked = false, hint, explore, shape, spans, max, height = 200, level = 2, more }: TimeChartProps) {
  const range = useRange();
  const answer = useRangeQuery(query);
  const series = useMemo(() => (shape ? shape(answer.data?.series ?? []) : plain(answer.data?.series ?? [], title)), [answer.data, shape, title]);
  return (
    <Panel title={title} hint={hint} level={level} notes={answer.data?.notes ?? []} actions={<>{more}<ExploreLink query={explore ?? query} stack={stacked} label={`${title} in Explore`} /></>}>
      <Loaded answer={answer} height={height + 30}>
        {(frame) => series.length === 0
          ? <div style={{ minHeight: height + 30, display: "grid" }}><Empty title="Nothing in this time" /></div>
          : <Chart label={title} times={frame.times} series={series} unit={unit} stacked={stacked} height={height} from={range.fromS} to={range.toS} onZoom={range.zoom} sync="page" {...(spans ? { spans } : {})} {...(max === undefined ? {} : { max })} />}
      </Loaded>
    </Panel>
  );
}

/** By the value of their one label; one alone is what the chart is about. */
function plain(series: readonly Series[], title: string): ChartSeries[] {
  return series.map((one) => {
    const values = Object.entries(one.labels).filter(([name]) => name !== "__name__").map(([, value]) => value);
    return { ...one, name: values.length === 1 ? (values[0] ?? one.name) : series.length === 1 ? title.toLowerCase() : one.name };
  }).sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

/** Series whose one label is their name; what has none is called `other`. */
export const namedBy = (label: string, none = "other") => (series: readonly Series[]): ChartSeries[] =>
  series.map((one) => ({ name: one.labels[label] === undefined || one.labels[label] === "" ? none : (one.labels[label] ?? none), values: one.values })).sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
