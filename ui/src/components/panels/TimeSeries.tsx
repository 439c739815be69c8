/** Series over time: lines, areas, bars and points; stacked; with two axes and thresholds. */

import { useMemo } from "react";
import { Chart, type ChartArea, SECOND_STEPS, type ChartSeries, type ChartThreshold } from "@/components/Chart";
import { usePalette } from "./colors";
import { seriesColorOf, shown, type Shown } from "./fields";
import { formatUnit } from "./format";
import { Legend, useHidden } from "./Legend";
import type { PanelProps } from "./props";
import { aligned, seriesOf, type SeriesOf } from "./tables";
import { useSize } from "./useSize";
import classes from "./panels.module.css";

/** More series are not told apart by anybody. */
const SERIES_MAX = 200;

interface Drawn { of: Shown; color: string; series: SeriesOf }

/** Beside a legend there must be room for the graph. */
const WIDE = 440;

export function TimeSeries({ panel, tables, fromS, toS, onZoom, sync, width }: PanelProps) {
  const palette = usePalette();
  const [ref, size] = useSize<HTMLDivElement>();
  const drawn = useMemo((): Drawn[] => {
    const all = seriesOf(tables).slice(0, SERIES_MAX);
    const byColumn = new Map(all.map((one) => [one.column, one]));
    return shown(panel, tables).flatMap((of) => { const series = byColumn.get(of.column); return series ? [{ of, color: seriesColorOf(of, palette), series }] : []; });
  }, [panel, tables, palette]);
  const [hidden, pick] = useHidden(drawn.map(({ of }) => of.name));
  const grid = useMemo(() => aligned(drawn.map(({ series }) => series)), [drawn]);
  const times = useMemo(() => grid.times.map((time) => time / 1000), [grid]);

  const axes = useMemo(() => {
    const first = drawn.find(({ of }) => of.field.axis !== "right")?.of;
    const sideOf = ({ field }: Shown) => (field.axis === "right" ? "right" : field.axis === "left" || first === undefined || (field.unit ?? "") === (first.field.unit ?? "") ? "left" : "right");
    const of = (side: "left" | "right") => drawn.filter((one) => sideOf(one.of) === side).map((one) => one.of);
    // Where all is at the right, it is the only axis there is.
    const isOne = of("left").length === 0;
    const left = isOne ? of("right") : of("left");
    const right = isOne ? [] : of("right");
    return { sideOf: (one: Shown) => (isOne ? "left" as const : sideOf(one)), left: axisOf(left), right: axisOf(right) };
  }, [drawn]);

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
        format: (value) => formatUnit(value, field.unit, field.decimals),
        ...(isTurned ? { toldValues: raw } : {}),
        ...(below ? { low: below, high: values } : {}),
      };
    });
  }, [drawn, grid, axes, hidden]);

  const marks = useMemo(() => marksOf(axes.left.first, palette), [axes, palette]);
  const isPercent = drawn.some(({ of }) => of.field.stacking === "percent");
  const stacked = isPercent ? "percent" as const : drawn.some(({ of }) => (of.field.stacking ?? "none") !== "none");
  const items = useMemo(() => drawn.filter(({ of }) => !(of.field.hiddenIn ?? []).includes("legend")).map(({ of, color, series: { values } }) => ({ shown: of, color, values })), [drawn]);
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

/** Of bytes: each twice the last. */
const BINARY_STEPS = Array.from({ length: 70 }, (_, power) => 2 ** (power - 10));
const IN_SECONDS: Readonly<Record<string, number>> = { ns: 1e9, "µs": 1e6, ms: 1e3, s: 1, m: 1 / 60, h: 1 / 3600 };
function incrementsOf(unit = ""): readonly number[] | undefined {
  const scale = IN_SECONDS[unit];
  if (scale !== undefined) return scale === 1 ? SECOND_STEPS : SECOND_STEPS.map((step) => step * scale);
  return ["bytes", "kbytes", "mbytes", "binBps"].includes(unit) ? BINARY_STEPS : undefined;
}

const percentText = (value: number) => `${Math.round(value * 100)} %`;

function axisOf(all: readonly Shown[]) {
  const field = all[0]?.field ?? {};
  const least = Math.min(...all.map((one) => (one.field.transform === "negative" ? -one.most : one.least)));
  const most = Math.max(...all.map((one) => one.most));
  const min = field.min ?? (field.softMin !== undefined && least >= field.softMin ? field.softMin : undefined);
  const max = field.max ?? (field.softMax !== undefined && most <= field.softMax ? field.softMax : undefined);
  const reach = Math.max(Math.abs(least), Math.abs(most)) * 1.05;
  const isCentered = field.centeredZero === true && Number.isFinite(reach);
  return {
    first: all[0], increments: incrementsOf(field.unit), min: isCentered ? -reach : min, max: isCentered ? reach : max, label: field.axisLabel || undefined, isLog: field.scale === "log", isHidden: all.length > 0 && all.every((one) => one.field.axis === "hidden"),
    // Marks of an axis are between values: they have as many digits as they need.
    format: (value: number) => formatUnit(value, field.unit),
  };
}

function marksOf(first: Shown | undefined, palette: ReturnType<typeof usePalette>): { lines: ChartThreshold[]; areas: ChartArea[] } {
  const style = first?.field.thresholdStyle ?? "off";
  const thresholds = first?.field.thresholds;
  if (!first || style === "off" || !thresholds) return { lines: [], areas: [] };
  const at = (value: number | undefined) => (value === undefined ? -Infinity : thresholds.mode === "percentage" ? first.least + ((first.most - first.least) * value) / 100 : value);
  const steps = thresholds.steps.map((step) => ({ value: at(step.value), color: palette.named(step.color) }));
  return {
    lines: style === "area" ? [] : steps.flatMap(({ value, color }) => (Number.isFinite(value) && color ? [{ value, tone: "info" as const, color }] : [])),
    areas: style === "line" || style === "dashed" ? [] : steps.flatMap(({ value, color }, index) => (color ? [{ from: value, to: steps[index + 1]?.value ?? Infinity, color }] : [])),
  };
}
