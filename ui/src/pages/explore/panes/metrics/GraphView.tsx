/** Answers over time: queries of one unit share a chart, unless each is to stand alone. All charts share the cursor and the span. */

import { useMemo } from "react";
import { Button } from "@mantine/core";
import type { BigFrame } from "@/api/frames";
import { Chart, type ChartPoint, type ChartSeries, type ChartSpan } from "@/components/Chart";
import type { HeatArea } from "@/components/Heatmap";
import type { ExploreSearch } from "@/router";
import { type Unit, unitOf } from "@/lib/units";
import { useRange } from "@/state/range";
import { letterOf } from "./letters";
import { seriesNames } from "./naming";
import classes from "./Views.module.css";

export interface Shown { index: number; expr: string; legend: string | undefined; frame: BigFrame; isOld: boolean }

/** More lines than this are no picture. */
export const LINES_MAX = 120;

interface Group { key: string; title: string; unit: Unit; times: number[]; series: ChartSeries[]; total: number; isOld: boolean; letters: number[] }

/** Charts, and the series of each. */
export function grouped(shown: readonly Shown[], draw: ExploreSearch["draw"], isApart: boolean, most: number): Group[] {
  const groups = new Map<string, Shown[]>();
  for (const one of shown) {
    if (one.frame.series.length === 0) continue;
    const key = isApart ? `query ${one.index}` : `${unitOf(one.expr)} ${one.frame.step}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups].map(([key, list]) => {
    const taken = new Set<string>();
    const series: ChartSeries[] = [];
    let total = 0;
    const share = Math.max(1, Math.floor(most / list.length));
    const grid = list[0]?.frame.times ?? [];
    const isAligned = list.every((one) => one.frame.times[0] === grid[0] && one.frame.times.length === grid.length);
    const times = isAligned ? grid : [...new Set(list.flatMap((one) => one.frame.times))].sort((a, b) => a - b);
    for (const one of list) {
      total += one.frame.series.length;
      const some = one.frame.series.slice(0, share);
      const names = seriesNames(some, one.legend, list.length > 1 ? `${letterOf(one.index)} · ` : "", one.expr, taken);
      const at = isAligned ? null : new Map(one.frame.times.map((time, place) => [time, place]));
      some.forEach((each, place) => {
        series.push({
          name: names[place] ?? "",
          values: at ? times.map((time) => each.values[at.get(time) ?? -1] ?? null) : each.values,
          colorIndex: one.frame.series.length === 1 ? one.index : list.length > 1 ? one.index + series.length : place,
          kind: draw === "bars" ? "bars" : draw === "points" ? "points" : "line",
        });
      });
    }
    return { key, title: list.map((one) => letterOf(one.index)).join(", "), unit: unitOf(list[0]?.expr ?? ""), times, series, total, isOld: list.every((one) => one.isOld), letters: list.map((one) => one.index) };
  });
}

interface GraphViewProps {
  shown: readonly Shown[];
  search: ExploreSearch;
  points: readonly ChartPoint[];
  spans: readonly ChartSpan[];
  /** A drag selects what is compared, in place of a closer look. */
  onSelect: ((index: number, area: HeatArea) => void) | undefined;
  showsAll: boolean;
  showAll: () => void;
}

export function GraphView({ shown, search, points, spans, onSelect, showsAll, showAll }: GraphViewProps) {
  const range = useRange();
  const groups = useMemo(() => grouped(shown, search.draw, search.apart ?? false, showsAll ? Infinity : LINES_MAX), [shown, search.draw, search.apart, showsAll]);
  return (
    <div className={classes.graphs}>
      {groups.map((group) => (
        <div key={group.key} className={group.isOld ? classes.old : undefined}>
          {groups.length > 1 && <h3 className={classes.chartTitle}>{group.letters.length > 1 ? `Queries ${group.title}` : `Query ${group.title}`}</h3>}
          <Chart
            label={`Query ${group.title} over time`} times={group.times} series={group.series} unit={group.unit} height={groups.length > 2 ? 220 : groups.length === 2 ? 280 : 340}
            stacked={search.draw === "stacked"} logarithmic={search.log ?? false} from={range.fromS} to={range.toS} spans={spans} points={points}
            onZoom={range.zoom} onSelect={onSelect ? (area) => onSelect(group.letters[0] ?? 0, area) : undefined} legend={group.series.length > 1 || search.log ? "values" : "list"} sync="page"
          />
          {group.total > group.series.length && (
            <p className={classes.more}>{group.series.length} of {group.total.toLocaleString("en")} series are drawn; the table has all. <Button size="compact-xs" onClick={showAll}>Draw all</Button></p>
          )}
        </div>
      ))}
    </div>
  );
}
