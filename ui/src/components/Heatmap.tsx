/** Histograms over time: how many values fell into each bucket. Bounds are those that were measured. Drag to look closer or to choose an area. */

import { type KeyboardEvent, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { heatColors } from "@/lib/palette";
import { formatValue, type Unit } from "@/lib/units";
import { useSettings, useTimeFormat } from "@/state/settings";
import { axisTimes } from "./Chart";
import { LOGARITHMIC } from "./chart/logSplits";
import { type HeatGrid, cellAt, type Found } from "./heatmap/grid";
import { paint } from "./heatmap/paint";
import classes from "./Heatmap.module.css";

/** Milliseconds, and values; infinite where they are not bounded. */
export interface HeatArea { fromMs: number; toMs: number; low: number; high: number }

export interface HeatmapProps {
  /** What is shown, for those who do not see it. */
  label: string;
  grid: HeatGrid;
  unit?: Unit;
  /** How values are written, where a unit does not say it; keep it the same between drawings. */
  format?: ((value: number) => string) | undefined;
  height?: number;
  /** What counts are of: `in 1 min`. */
  countsOf?: string;
  /** How long that is, where it is longer than a column: then columns overlap. */
  windowS?: number | undefined;
  from?: number | undefined;
  to?: number | undefined;
  onZoom?: ((fromMs: number, toMs: number) => void) | undefined;
  /** Where it is given, a drag chooses an area in place of a closer look. */
  onSelect?: ((area: HeatArea) => void) | undefined;
  selection?: HeatArea | null;
  sync?: string;
}

/** Where the axis of values ends, and what of a cell is drawn where it has no end itself. */
export function axisOf(grid: HeatGrid): { isLog: boolean; low: number; high: number; ends: (cell: number) => [number, number] } {
  const isLog = !grid.hasNegative && grid.high / grid.low > 8;
  const room = grid.hasInfinite ? 2 : 1;
  const low = isLog ? grid.low / 1.6 : grid.hasNegative ? -grid.high : 0;
  const high = isLog ? grid.high * room : grid.high + (grid.hasInfinite ? (grid.high - low) * 0.08 : 0);
  const ends = (cell: number): [number, number] => {
    const from = Math.max(grid.lows[cell] ?? low, low);
    // What is about zero is a strip at the end of a logarithmic axis.
    return [from, Math.max(Math.min(grid.highs[cell] ?? high, high), isLog ? from * 1.15 : from)];
  };
  return { isLog, low, high, ends };
}

/** Whether a value is named on a logarithmic axis: powers of ten, and their twos and fives where there are few. */
function isWhole(value: number, { low, high }: { low: number; high: number }): boolean {
  const power = Math.log10(value);
  const lead = value / 10 ** Math.floor(power + 1e-9);
  const near = (wanted: number) => Math.abs(lead - wanted) < 1e-6;
  return near(1) || (high / low < 200 && (near(2) || near(5)));
}

export function Heatmap({ label, grid, unit = "short", format: write, height = 340, countsOf = "", windowS, from, to, onZoom, onSelect, selection = null, sync }: HeatmapProps) {
  const { shown: scheme, timeZone } = useSettings();
  const format = useTimeFormat();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const cursor = useRef<{ column: number; cell: number } | null>(null);
  const point = useRef<(found: Found | null) => void>(() => undefined);
  const [width, setWidth] = useState(0);
  const [spoken, setSpoken] = useState("");
  const descriptionId = useId();
  const colors = useMemo(() => heatColors(scheme), [scheme]);
  const axis = useMemo(() => axisOf(grid), [grid]);
  const latest = useRef({ grid, axis, from, to, onZoom, onSelect, selection });
  latest.current = { grid, axis, from, to, onZoom, onSelect, selection };

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const bounds = useCallback((low: number, high: number) => {
    const text = (value: number) => write?.(value) ?? formatValue(value, unit);
    return low === -Infinity ? `up to ${text(high)}` : high === Infinity ? `above ${text(low)}` : `${text(low)} to ${text(high)}`;
  }, [unit, write]);
  const words = useCallback((found: Found) => {
    const share = found.total > 0 ? found.amount / found.total : 0;
    return `${formatValue(found.amount)} ${countsOf}, ${formatValue(share, "ratio")} of ${formatValue(found.total)}`;
  }, [countsOf]);
  const isArea = onSelect !== undefined;
  const isEmpty = grid.times.length === 0;

  useEffect(() => {
    const element = host.current;
    if (!element || width === 0 || isEmpty) return undefined;
    const css = getComputedStyle(document.documentElement);
    const color = (name: string) => css.getPropertyValue(name).trim();
    const dateOf = timeZone === "local" ? (seconds: number) => new Date(seconds * 1000) : (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), timeZone);
    const cell = document.createElement("div");
    cell.className = "heat-cell";
    cell.hidden = true;
    const tip = document.createElement("div");
    tip.className = "heat-tip";
    tip.hidden = true;
    const when = document.createElement("p");
    const which = document.createElement("b");
    const what = document.createElement("div");
    tip.append(when, which, what);
    let isOver = false;

    const options: uPlot.Options = {
      width: element.clientWidth, height, padding: [8, 10, 0, 0], legend: { show: false }, tzDate: dateOf,
      cursor: { drag: { x: true, y: isArea, uni: 36, dist: 6, setScale: false }, points: { show: false }, y: true, ...(sync === undefined ? {} : { sync: { key: sync, scales: ["x", null], setSeries: false } }) },
      scales: {
        x: { time: true, range: (_, low, high) => [latest.current.from ?? low, latest.current.to ?? high] },
        left: { distr: latest.current.axis.isLog ? 3 : 1, range: () => [latest.current.axis.low, latest.current.axis.high] },
      },
      axes: [
        { stroke: color("--muted"), font: "11px 'Inter Variable', system-ui", grid: { show: false }, ticks: { stroke: color("--line"), size: 4 }, gap: 4, size: 28, space: 76, values: (_, splits, __, ___, increment) => axisTimes(splits, increment, dateOf) },
        { scale: "left", side: 3, ...(latest.current.axis.isLog ? LOGARITHMIC : {}), stroke: color("--muted"), font: "11px 'Inter Variable', system-ui", size: (_, values: string[] | null) => Math.ceil(Math.max(34, ...(values ?? []).map((text) => text.length * 6.6 + 14))), gap: 6, grid: { show: false }, ticks: { stroke: color("--line"), size: 4 }, space: 30, values: (_, splits) => splits.map((value) => (value === null as unknown || (latest.current.axis.isLog && !isWhole(value, latest.current.axis)) ? "" : write?.(value) ?? formatValue(value, unit))) },
      ],
      series: [{}, { scale: "left", paths: () => null, points: { show: false } }],
      hooks: {
        draw: [
          (self) => {
            const { ctx, bbox } = self;
            const { grid: now, axis: { ends } } = latest.current;
            if (bbox.width < 2 || bbox.height < 2) return;
            const image = paint(now, { width: Math.round(bbox.width), height: Math.round(bbox.height), x: (time) => self.valToPos(time, "x", true) - bbox.left, y: (value) => self.valToPos(value, "left", true) - bbox.top }, colors, ends);
            ctx.putImageData(image, Math.round(bbox.left), Math.round(bbox.top));
            const chosen = latest.current.selection;
            if (!chosen) return;
            const left = self.valToPos(chosen.fromMs / 1000, "x", true);
            const right = self.valToPos(chosen.toMs / 1000, "x", true);
            const top = self.valToPos(Math.min(chosen.high, latest.current.axis.high), "left", true);
            const bottom = self.valToPos(Math.max(chosen.low, latest.current.axis.low), "left", true);
            ctx.save();
            ctx.strokeStyle = color("--text");
            ctx.lineWidth = 2 * devicePixelRatio;
            ctx.setLineDash([6 * devicePixelRatio, 3 * devicePixelRatio]);
            ctx.strokeRect(left, top, right - left, bottom - top);
            ctx.restore();
          },
        ],
        ready: [
          (self) => {
            self.over.append(cell);
            element.append(tip);
            self.over.addEventListener("mouseenter", () => { isOver = true; });
            self.over.addEventListener("mouseleave", () => { isOver = false; point.current(null); });
          },
        ],
        setCursor: [
          (self) => {
            const { left = -10, top = -10 } = self.cursor;
            if (!isOver) return;
            point.current(left < 0 ? null : cellAt(latest.current.grid, self.posToVal(left, "x"), self.posToVal(top, "left"), latest.current.axis.ends));
          },
        ],
        setSelect: [
          (self) => {
            const { left, top, width: wide, height: high } = self.select;
            if (wide < 4 && high < 4) return;
            const { onSelect: choose, onZoom: zoom } = latest.current;
            const fromMs = self.posToVal(left, "x") * 1000;
            const toMs = self.posToVal(left + wide, "x") * 1000;
            const isWhole = high >= self.over.clientHeight - 2;
            if (choose) choose({ fromMs, toMs, low: isWhole ? -Infinity : self.posToVal(top + high, "left"), high: isWhole ? Infinity : self.posToVal(top, "left") });
            else if (wide > 6) zoom?.(fromMs, toMs);
            self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
        destroy: [() => tip.remove()],
      },
    };
    const data: uPlot.AlignedData = [latest.current.grid.times as number[], latest.current.grid.times.map(() => null)];
    const made = new uPlot(options, data, element);
    plot.current = made;
    point.current = (found) => {
      cursor.current = found ? { column: found.column, cell: found.cell } : null;
      const isShown = found !== null;
      tip.hidden = !isShown;
      cell.hidden = !isShown || found.cell < 0;
      if (!found) return;
      const { grid: now, axis: { ends } } = latest.current;
      const time = now.times[found.column] ?? 0;
      const left = made.valToPos(time - now.step, "x");
      const right = made.valToPos(time, "x");
      when.textContent = `${format.time((time - now.step) * 1000)} to ${format.time(time * 1000)}`;
      which.textContent = found.cell < 0 ? "No value here" : bounds(found.low, found.high);
      what.textContent = found.cell < 0 ? `${formatValue(found.total)} in all buckets` : words(found);
      if (found.cell >= 0) {
        const [low, high] = ends(found.cell);
        const top = made.valToPos(high, "left");
        cell.style.translate = `${left - 1}px ${top - 1}px`;
        cell.style.width = `${Math.max(3, right - left + 2)}px`;
        cell.style.height = `${Math.max(3, made.valToPos(low, "left") - top + 2)}px`;
      }
      const y = made.over.offsetTop + (made.cursor.top ?? 0);
      const x = made.over.offsetLeft + right;
      const wide = tip.offsetWidth;
      const side = x + wide + 14 > element.clientWidth ? made.over.offsetLeft + left - wide - 12 : x + 12;
      tip.style.translate = `${Math.max(0, side)}px ${Math.max(0, Math.min(y - 24, element.clientHeight - tip.offsetHeight))}px`;
    };
    return () => {
      made.destroy();
      plot.current = null;
      point.current = () => undefined;
    };
  }, [width, height, scheme, timeZone, unit, sync, isArea, isEmpty, axis.isLog, colors, format, bounds, words, write]);

  useEffect(() => {
    if (grid.times.length > 0) plot.current?.setData([grid.times as number[], grid.times.map(() => null)], true);
  }, [grid, from, to]);
  useEffect(() => plot.current?.redraw(false), [selection]);

  const move = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Escape") point.current(null);
    if (!step) return;
    event.preventDefault();
    const old = cursor.current;
    const column = Math.max(0, Math.min(grid.times.length - 1, old ? old.column + (step[0] ?? 0) : grid.times.length - 1));
    const first = grid.offsets[column] ?? 0;
    const after = grid.offsets[column + 1] ?? 0;
    // Beside: the bucket with the same end, else the nearest.
    const wanted = old && old.cell >= 0 ? (grid.highs[old.cell] ?? 0) : Infinity;
    let cell = -1;
    for (let at = first; at < after; at += 1) if (cell < 0 || (grid.highs[at] ?? 0) <= wanted) cell = at;
    if (cell >= 0) cell = Math.max(first, Math.min(after - 1, cell + (step[1] ?? 0)));
    let total = 0;
    for (let at = first; at < after; at += 1) total += grid.amounts[at] ?? 0;
    const found: Found = { column, cell, low: grid.lows[cell] ?? NaN, high: grid.highs[cell] ?? NaN, amount: grid.amounts[cell] ?? 0, total };
    point.current(found);
    setSpoken(`${format.time((grid.times[column] ?? 0) * 1000)}: ${cell < 0 ? "no values" : `${bounds(found.low, found.high)}: ${words(found)}`}`);
  };

  const total = useMemo(() => grid.amounts.reduce((sum, amount) => sum + amount, 0) * Math.min(1, grid.step / (windowS ?? grid.step)), [grid, windowS]);
  return (
    <figure className={classes.figure}>
      <div ref={host} className={classes.plot} style={{ height }} tabIndex={0} role="img" aria-label={label} aria-describedby={descriptionId} onKeyDown={move} onBlur={() => point.current(null)} data-heatmap={label} />
      <p className="sr" id={descriptionId} aria-live="polite">{spoken || `A heat map of ${grid.times.length} columns; most in one cell: ${formatValue(grid.most)}. Arrows move over the cells.`}</p>
      <figcaption className={classes.legend}>
        <span>0</span>
        <span className={classes.scale} style={{ background: `linear-gradient(90deg, ${colors.filter((_, index) => index % 9 === 0).join(", ")})` }} aria-hidden />
        <span>{formatValue(grid.most)} {countsOf}</span>
        <span className={classes.about}>{formatValue(total)} values in {grid.cells.toLocaleString("en")} cells</span>
      </figcaption>
    </figure>
  );
}
