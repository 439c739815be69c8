/** Series over time: lines, areas, bars and points; stacked; with two axes and thresholds. */

import { useMemo } from "react";
import { Chart, type ChartSeries } from "@/components/Chart";
import { usePalette } from "./colors";
import { numberText } from "./fields";
import { Legend, useHidden } from "./Legend";
import type { PanelProps } from "./props";
import { axesOf, drawnOf, marksOf, untilEnd } from "./series";
import { aligned } from "./tables";
import { useSize } from "./useSize";
import classes from "./panels.module.css";

/** Beside a legend there must be room for the graph. */
const WIDE = 440;

export function TimeSeries({ panel, tables, step, fromS, toS, onZoom, sync, width }: PanelProps) {
  const palette = usePalette();
  const [ref, size] = useSize<HTMLDivElement>();
  const drawn = useMemo(() => drawnOf(panel, tables, palette), [panel, tables, palette]);
  const [hidden, pick] = useHidden(drawn.map(({ of }) => of.name));
  const grid = useMemo(() => aligned(drawn.map(({ series }) => series), step * 1000), [drawn, step]);
  const times = useMemo(() => grid.times.map((time) => time / 1000), [grid]);

  const axes = useMemo(() => axesOf(drawn), [drawn]);

  const series = useMemo(() => {
    const byName = new Map(drawn.map(({ of }, index) => [of.name, grid.values[index]]));
    return drawn.map(({ of, color }, index): ChartSeries => {
      const { field } = of;
      const raw = grid.values[index] ?? [];
      const filled = field.nulls === "zero" ? raw.map((value) => value ?? 0) : raw;
      const isTurned = field.transform === "negative";
      const first = field.transform === "constant" ? filled.find((value) => value !== null) ?? null : null;
      const values = isTurned ? filled.map((value) => (value === null ? null : -value)) : field.transform === "constant" ? filled.map(() => first) : filled;
      const stacking = field.stacking ?? "none";
      const axis = axes.sideOf(of);
      const isNegative = values.some((value) => value !== null && value < 0) && !values.some((value) => value !== null && value > 0);
      const below = field.fillBelowTo === undefined ? undefined : byName.get(field.fillBelowTo);
      return {
        name: of.name, values, color, axis,
        kind: field.draw === "bars" ? "bars" : field.draw === "points" ? "points" : "line",
        width: field.lineWidth ?? (field.draw === "bars" ? 1 : 1.5),
        fill: (field.fill ?? 0) / 100 * (field.draw === "bars" ? 1 : stacking === "none" ? 0.7 : 1.4) || (stacking !== "none" && field.draw !== "bars" ? 0.06 : 0),
        curve: field.interpolation === "smooth" ? "smooth" : field.interpolation === "step_before" ? "before" : field.interpolation === "step_after" ? "after" : undefined,
        dash: field.lineStyle === "dash" ? [8, 6] : field.lineStyle === "dots" ? [1, 5] : undefined,
        hasPoints: field.points === "always", pointSize: field.pointSize,
        spansGaps: field.nulls === "connect",
        isApart: stacking === "none", stack: `${axis} ${field.stackGroup ?? ""} ${isNegative}`,
        isHidden: hidden.has(of.name) || (field.hiddenIn ?? []).includes("graph"),
        isUnlisted: (field.hiddenIn ?? []).includes("tooltip"),
        format: (value) => numberText(field, value),
        ...(isTurned ? { toldValues: raw } : {}),
        ...(below ? { low: below, high: values } : {}),
      };
    });
  }, [drawn, grid, axes, hidden]);

  const marks = useMemo(() => marksOf(axes.left.first, palette), [axes, palette]);
  const isPercent = drawn.some(({ of }) => of.field.stacking === "percent");
  const stacked = isPercent ? "percent" as const : drawn.some(({ of }) => (of.field.stacking ?? "none") !== "none");
  const items = useMemo(() => drawn.filter(({ of }) => !(of.field.hiddenIn ?? []).includes("legend")).map(({ of, color, series: own }) => ({ shown: of, color, values: untilEnd(own, step * 1000, toS * 1000) })), [drawn, step, toS]);
  const isRight = panel.legend.placement === "right" && panel.legend.mode !== "hidden" && width >= WIDE;
  return (
    <div className={classes.series} data-legend={isRight ? "right" : "bottom"}>
      <div ref={ref} className={classes.plot}>
        {size.height > 0 && (
          <Chart
            label={panel.title || "Series"} times={times} series={series} height={Math.max(size.height, 60)} stacked={stacked} legend="none" from={fromS} to={toS} onZoom={onZoom} {...(sync === undefined ? {} : { sync })}
            format={isPercent ? percentText : axes.left.format} formatRight={axes.right.format} axisLabel={axes.left.label} axisLabelRight={axes.right.label}
            increments={isPercent ? undefined : axes.left.increments} min={axes.left.min} max={isPercent ? 1 : axes.left.max} minRight={axes.right.min ?? null} maxRight={axes.right.max ?? null} logarithmic={axes.left.isLog} hasNoAxis={axes.left.isHidden} thresholds={marks.lines} areas={marks.areas}
          />
        )}
      </div>
      <Legend items={items} options={panel.legend} hidden={hidden} pick={pick} />
    </div>
  );
}

const percentText = (value: number) => `${Math.round(value * 100)} %`;
