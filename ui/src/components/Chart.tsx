/** Series over time. Drag to look closer; arrows move the cursor; all charts of a page share it. */

import { type KeyboardEvent, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatValue, type Unit } from "@/lib/units";
import { seriesColor } from "@/lib/palette";
import { useSettings, useTimeFormat } from "@/state/settings";
import { LOGARITHMIC } from "./chart/logSplits";
import { type ChartSeries, type ChartSpan, type ChartThreshold, drawn, summary } from "./chart/model";
import { areasPlugin, type ChartArea, thresholdsPlugin, spansPlugin, pointsPlugin, type ChartPoint } from "./chart/overlays";
import { tooltipPlugin } from "./chart/tooltip";
import classes from "./Chart.module.css";

export type { ChartArea, ChartPoint, ChartSeries, ChartSpan, ChartThreshold };

export interface ChartProps {
  /** What is shown, for those who do not see it. */
  label: string;
  /** Seconds since 1970, rising. */
  times: readonly number[];
  series: readonly ChartSeries[];
  height?: number;
  unit?: Unit;
  unitRight?: Unit;
  /** How values of the axes are written, where a unit does not say it; keep them the same between drawings. */
  format?: ((value: number) => string) | undefined;
  formatRight?: ((value: number) => string) | undefined;
  /** Distances of marks on the axes, where they are not decimal. */
  increments?: readonly number[] | undefined;
  /** What stands along the axes. */
  axisLabel?: string | undefined;
  axisLabelRight?: string | undefined;
  /** Ends of the axis at the right. */
  minRight?: number | null | undefined;
  maxRight?: number | null | undefined;
  /** Ranges of values that are tinted. */
  areas?: readonly ChartArea[] | undefined;
  /** Whether the axis of values is not drawn. */
  hasNoAxis?: boolean | undefined;
  decimals?: number | undefined;
  /** Series on top of one another. `percent`: as shares of their sum. */
  stacked?: boolean | "percent";
  /** Ends of the axis of values, where they are not those of the data. */
  min?: number | null | undefined;
  max?: number | null | undefined;
  logarithmic?: boolean;
  thresholds?: readonly ChartThreshold[];
  /** Times that are marked: an alert that fired, a maintenance. */
  spans?: readonly ChartSpan[];
  /** Single values that can be pointed at: exemplars. */
  points?: readonly ChartPoint[];
  /** First and last time of the axis, seconds; else those of the data. */
  from?: number | undefined;
  to?: number | undefined;
  onZoom?: ((fromMs: number, toMs: number) => void) | undefined;
  /** Where it is given, a drag chooses an area of times and values in place of a closer look; infinite where the drag had no height. */
  onSelect?: ((area: { fromMs: number; toMs: number; low: number; high: number }) => void) | undefined;
  legend?: "none" | "list" | "values";
  /** Charts of the same name share the cursor. */
  sync?: string;
}

export function Chart(props: ChartProps) {
  const { label, times, series, height = 220, unit = "short", legend = "list", from, to, onZoom } = props;
  const { shown: scheme, timeZone } = useSettings();
  const format = useTimeFormat();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const choose = useRef(props.onSelect);
  choose.current = props.onSelect;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [width, setWidth] = useState(0);
  const [spoken, setSpoken] = useState("");
  const descriptionId = useId();

  const colored = useMemo(
    () => series.map((one, index) => ({ ...one, color: one.color ?? seriesColor(one.colorIndex ?? index, scheme), isHidden: one.isHidden ?? hidden.has(one.name) })),
    [series, scheme, hidden],
  );
  const data = useMemo(() => drawn(times, colored, props.stacked ?? false), [times, colored, props.stacked]);

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // What needs another plot; all else is given to the one that is there.
  const shape = JSON.stringify([
    colored.map((one) => [one.name, one.color, one.isHidden, one.kind, one.axis, one.isDashed, one.fill, one.width, one.low !== undefined, one.stack, one.curve, one.hasPoints, one.dash, one.isApart]),
    scheme, timeZone, unit, props.unitRight, props.decimals, props.stacked, props.min, props.max, props.logarithmic, props.thresholds, props.spans, props.points?.length, props.sync, height, width > 0, props.onSelect !== undefined,
    props.format?.(1234.5), props.formatRight?.(1234.5), props.axisLabel, props.axisLabelRight, props.increments?.length, props.minRight, props.maxRight, props.areas, props.hasNoAxis,
  ]);
  const latest = useRef({ colored, data, from, to, props });
  latest.current = { colored, data, from, to, props };

  useEffect(() => {
    const element = host.current;
    if (!element || element.clientWidth === 0) return undefined;
    const css = getComputedStyle(document.documentElement);
    const color = (name: string) => css.getPropertyValue(name).trim();
    const { props: now, data: first } = latest.current;
    const dateOf = timeZone === "local" ? (seconds: number) => new Date(seconds * 1000) : (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), timeZone);
    const axis = (scale: string, side: 1 | 3, axisUnit: Unit, write?: (value: number) => string, name?: string): uPlot.Axis => ({
      scale, side, stroke: color("--muted"), font: "11px 'Inter Variable', system-ui", size: (self, values) => axisWidth(self, values), gap: 6,
      grid: side === 3 ? { stroke: color("--grid"), width: 1 } : { show: false }, ticks: { show: false }, space: 34,
      ...(now.logarithmic && scale === "left" ? LOGARITHMIC : {}),
      ...(!now.logarithmic && now.increments && scale === "left" ? { incrs: [...now.increments] } : axisUnit === "s" && !now.logarithmic ? { incrs: SECOND_STEPS } : {}),
      values: (_, splits) => splits.map((value) => (value === null as unknown ? "" : write ? write(value) : formatValue(value, axisUnit, now.decimals))),
      ...(name ? { label: name, labelSize: 18, labelGap: 0, labelFont: "11px 'Inter Variable', system-ui" } : {}),
      ...(now.hasNoAxis ? { show: false } : {}),
    });
    const scaleRange = (self: uPlot, low: number | null, high: number | null, scale: string): uPlot.Range.MinMax => valueRange(low, high, scale === "right" && latest.current.props.minRight !== undefined ? latest.current.props.minRight : latest.current.props.min, scale === "right" && latest.current.props.maxRight !== undefined ? latest.current.props.maxRight : latest.current.props.max, now.logarithmic ?? false, first.hasBars || first.isStacked || self.series.some((one) => Boolean(one.fill)));
    const hasRight = latest.current.colored.some((one) => one.axis === "right");
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      padding: [8, hasRight ? 4 : 16, 0, 0],
      legend: { show: false },
      tzDate: dateOf,
      cursor: {
        drag: { x: true, y: now.onSelect !== undefined, uni: 36, dist: 6, setScale: false },
        focus: { prox: 24 },
        points: { size: 7, width: 1.5 },
        ...(now.sync === undefined ? {} : { sync: { key: now.sync, setSeries: false } }),
      },
      focus: { alpha: 1 },
      scales: {
        x: { time: true, range: (_, low, high) => [latest.current.from ?? low, latest.current.to ?? high] },
        left: { distr: now.logarithmic ? 3 : 1, range: scaleRange },
        right: { range: scaleRange },
      },
      axes: [
        { stroke: color("--muted"), font: "11px 'Inter Variable', system-ui", grid: { show: false }, ticks: { stroke: color("--line"), size: 4 }, gap: 4, size: 28, space: 76, values: (_, splits, __, ___, increment) => axisTimes(splits, increment, dateOf) },
        axis("left", 3, unit, now.format, now.axisLabel),
        ...(hasRight ? [axis("right", 1, now.unitRight ?? unit, now.formatRight ?? now.format, now.axisLabelRight)] : []),
      ],
      series: [{}, ...first.series],
      bands: first.bands,
      hooks: {
        setSelect: [
          (self) => {
            const { left, width: selected, top, height: tall } = self.select;
            if (choose.current && (selected > 4 || tall > 4)) {
              const isWhole = tall >= self.over.clientHeight - 2;
              choose.current({ fromMs: self.posToVal(left, "x") * 1000, toMs: self.posToVal(left + selected, "x") * 1000, low: isWhole ? -Infinity : self.posToVal(top + tall, "left"), high: isWhole ? Infinity : self.posToVal(top, "left") });
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            } else if (selected > 6) {
              zoom.current?.(self.posToVal(left, "x") * 1000, self.posToVal(left + selected, "x") * 1000);
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            }
          },
        ],
      },
      plugins: [
        areasPlugin(now.areas ?? []),
        spansPlugin(now.spans ?? [], color),
        thresholdsPlugin(now.thresholds ?? [], color, now.format ?? ((value) => formatValue(value, unit))),
        pointsPlugin(() => latest.current.props.points ?? [], color, unit),
        tooltipPlugin({
          rows: () => latest.current.colored, times: () => latest.current.props.times,
          value: (value, one) => one.format ? one.format(value) : formatValue(value, one.axis === "right" ? (now.unitRight ?? unit) : (one.unit ?? unit), now.decimals),
          time: (seconds) => format.full(seconds * 1000), host: element,
        }),
      ],
    };
    const later = soon(first.data, () => { plot.current = new uPlot(options, latest.current.data.data, element); });
    return () => {
      clearTimeout(later);
      plot.current?.destroy();
      plot.current = null;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `shape` holds all that a new plot follows from
  }, [shape, format]);

  useEffect(() => {
    const later = soon(data.data, () => plot.current?.setData(data.data, true));
    return () => clearTimeout(later);
  }, [data, from, to]);
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);

  const move = useCallback((event: KeyboardEvent) => {
    const self = plot.current;
    if (!self) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity, PageUp: -10, PageDown: 10 }[event.key];
    if (event.key === "Escape") self.setCursor({ left: -10, top: -10 });
    if (step === undefined) return;
    event.preventDefault();
    const { props: now, colored: rows } = latest.current;
    const last = now.times.length - 1;
    const old = self.cursor.idx ?? (step < 0 ? last + 1 : -1);
    const index = Math.min(last, Math.max(0, old + step));
    const left = self.valToPos(now.times[index] ?? 0, "x");
    self.setCursor({ left, top: self.bbox.height / devicePixelRatio / 2 });
    const values = rows.filter((one) => !one.isHidden).slice(0, 8).map((one) => `${one.name} ${one.format ? one.format(one.values[index] ?? null) : formatValue(one.values[index], one.unit ?? unit)}`);
    setSpoken(`${format.time((now.times[index] ?? 0) * 1000)}: ${values.join(", ")}`);
  }, [format, unit]);

  const pick = (name: string, alone: boolean) => {
    setHidden((old) => {
      const names = series.map((one) => one.name);
      if (!alone) {
        const next = new Set(old);
        if (!next.delete(name)) next.add(name);
        return next.size === names.length ? new Set() : next;
      }
      // The only one that is shown: all come back.
      if (!old.has(name) && old.size === names.length - 1) return new Set();
      return new Set(names.filter((other) => other !== name));
    });
  };

  return (
    <figure className={classes.figure}>
      <div ref={host} className={`${classes.plot ?? ""} ${onZoom ? classes.zooms ?? "" : ""}`} style={{ height }} tabIndex={0} role="img" aria-label={label} aria-describedby={descriptionId} onKeyDown={move} data-chart={label} />
      <p className="sr" id={descriptionId} aria-live="polite">{spoken || summary(colored, (value) => formatValue(value, unit))}</p>
      {legend !== "none" && colored.some((one) => !one.isUnlisted) && (
        <ul className={`${classes.legend ?? ""} ${legend === "values" ? classes.valued ?? "" : ""}`}>
          {colored.filter((one) => !one.isUnlisted).map((one) => (
            <li key={one.name}>
              <UnstyledButton className={`${classes.item ?? ""} ${one.isHidden ? classes.off ?? "" : ""}`} aria-pressed={!one.isHidden} title="Click: this one alone. With Ctrl or Shift: hide or show it" onClick={(event) => pick(one.name, !(event.ctrlKey || event.metaKey || event.shiftKey))}>
                <span className={classes.swatch} style={{ background: one.isHidden ? "transparent" : one.color, borderColor: one.color }} />
                <span className={`${classes.name ?? ""} foreign`}>{one.name}</span>
                {legend === "values" && <span className={classes.value}>{formatValue(lastOf(one.values), one.unit ?? (one.axis === "right" ? props.unitRight ?? unit : unit), props.decimals)}</span>}
              </UnstyledButton>
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

/** Distances of marks on an axis of seconds: whole minutes, hours and days where it is long. */
export const SECOND_STEPS = [...[-9, -8, -7, -6, -5, -4, -3, -2, -1].flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power)), 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000, 8_640_000, 31_536_000, 315_360_000];

/** More values than this are drawn in a task of their own, so that making the page and drawing do not add up to a jolt. */
const LARGE = 60_000;

function soon(data: uPlot.AlignedData, run: () => void): ReturnType<typeof setTimeout> | undefined {
  if (data.length * (data[0].length || 0) > LARGE) return setTimeout(run, 0);
  run();
  return undefined;
}

function lastOf(values: readonly (number | null)[]): number | null {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const value = values[index];
    if (value !== null && value !== undefined && !Number.isNaN(value)) return value;
  }
  return null;
}

function axisWidth(self: uPlot, values: string[] | null): number {
  const longest = (values ?? []).reduce((width, text) => Math.max(width, self.ctx.measureText(text).width / devicePixelRatio), 0);
  return Math.ceil(Math.max(longest + 14, 34));
}

/** Times of the axis: the day where it changes, else hours and minutes. */
export function axisTimes(splits: readonly number[], increment: number, dateOf: (seconds: number) => Date): string[] {
  let day = "";
  return splits.map((seconds) => {
    const at = dateOf(seconds);
    const two = (value: number) => String(value).padStart(2, "0");
    const today = `${at.getDate()} ${["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][at.getMonth()] ?? ""}`;
    const clock = increment < 60 ? `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` : `${two(at.getHours())}:${two(at.getMinutes())}`;
    const isNew = day !== "" && day !== today;
    day = today;
    return increment >= 86_400 ? today : isNew ? today : clock;
  });
}

/** Ends of the axis of values: a little air; from zero where areas are drawn. */
export function valueRange(low: number | null, high: number | null, min: number | null | undefined, max: number | null | undefined, isLogarithmic: boolean, fromZero: boolean): [number, number] {
  const hasLow = low !== null && Number.isFinite(low);
  const hasHigh = high !== null && Number.isFinite(high);
  let from = hasLow ? low : 0;
  let to = hasHigh ? high : Math.max(from, 1);
  if (isLogarithmic) {
    from = from > 0 ? from : to > 0 ? to / 1000 : 0.001;
    to = Math.max(to, from * 10);
    return [min ?? 10 ** Math.floor(Math.log10(from)), max ?? 10 ** Math.ceil(Math.log10(to))];
  }
  // Near to zero is from zero: a small change shall not look like a large one.
  if (fromZero || (from >= 0 && from < to * 0.6)) from = Math.min(0, from);
  if (to <= from) to = from === 0 ? 1 : from + Math.abs(from) * 0.1;
  const air = (to - from) * 0.06;
  return [min ?? (from === 0 ? 0 : from - air), max ?? (to === 0 ? 0 : to + air)];
}
