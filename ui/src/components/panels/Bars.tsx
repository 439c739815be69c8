/** Bars of categories, and how often values are. */

import { useMemo, useState } from "react";
import type { Panel } from "@/api/dashboards";
import { cut } from "@/lib/text";
import { useTimeFormat } from "@/state/settings";
import { calculated } from "./calcs";
import { usePalette } from "./colors";
import { seriesColorOf, shown, type Shown, told, valueColor } from "./fields";
import { formatUnit } from "./format";
import { Legend, useHidden } from "./Legend";
import { None } from "./None";
import type { PanelProps } from "./props";
import { numbersOf, seriesOf, type Table, textOf } from "./tables";
import { useSize } from "./useSize";
import { Tip, type TipAt } from "./Tip";
import classes from "./panels.module.css";

interface Group { name: string; bars: { value: number | null; color: string; text: string; series: string }[] }
interface BarsDrawn { groups: Group[]; format: (value: number) => string; items: { shown: Shown; color: string; values: (number | null)[] }[] }

const CATEGORIES_MAX = 120;

export function BarChart({ panel, tables, width }: PanelProps) {
  const palette = usePalette();
  const time = useTimeFormat();
  const options = panel.bars;
  const names = useMemo(() => shown(panel, tables).map(({ name }) => name), [panel, tables]);
  const [hidden, pick] = useHidden(names);
  const drawn = useMemo((): BarsDrawn | null => {
    const categories = categoriesOf(tables, options?.xField ?? "");
    const all = shown(panel, tables).filter(({ field }) => !(field.hiddenIn ?? []).includes("graph"));
    const [first] = all;
    if (!first) return null;
    const items = all.map((one) => ({ shown: one, color: seriesColorOf(one, palette), values: numbersOf(one.column) }));
    const write = (value: number) => formatUnit(value, first.field.unit, first.field.decimals);
    if (!categories) {
      // One value of each series: each is a category.
      return { format: write, items: [], groups: all.slice(0, CATEGORIES_MAX).map((one, index) => { const value = calculated("last_not_null", one.column.values); return { name: one.name, bars: [{ value: typeof value === "number" ? value : null, color: valueColor(one, value, palette) ?? palette.series(index), text: told(one, value, palette).text, series: one.name }] }; }) };
    }
    const { table, column } = categories;
    const own = items.filter((item) => item.shown.table === table && item.shown.column !== column && !hidden.has(item.shown.name));
    const colors = table.columns.find(({ name }) => name === options?.colorField && options.colorField !== "");
    const groups = column.values.slice(0, CATEGORIES_MAX).map((cell, row): Group => ({
      name: column.kind === "time" && typeof cell === "number" ? time.time(cell) : textOf(cell),
      bars: own.map(({ shown: one, color, values }) => ({ value: values[row] ?? null, color: palette.named(colors ? textOf(colors.values[row] ?? null) : undefined) ?? valueColor(one, values[row] ?? null, palette) ?? color, text: told(one, values[row] ?? null, palette).text, series: one.name })),
    }));
    return { format: write, items: items.filter((item) => item.shown.table === table && item.shown.column !== column), groups };
  }, [panel, tables, palette, options, hidden, time]);
  if (!drawn || drawn.groups.length === 0) return <None />;
  const isSide = options?.orientation === "horizontal" || ((options?.orientation ?? "auto") === "auto" && drawn.groups.length > 4 && drawn.groups.some(({ name }) => name.length > Math.max(6, width / drawn.groups.length / 7)));
  return (
    <div className={classes.series} data-legend={panel.legend.placement}>
      <Plot drawn={drawn} isSide={isSide} panel={panel} />
      {drawn.items.length > 1 && <Legend items={drawn.items} options={panel.legend} hidden={hidden} pick={pick} />}
    </div>
  );
}

function categoriesOf(tables: readonly Table[], wanted: string) {
  for (const table of tables) {
    const column = wanted === "" ? table.columns.find(({ kind }) => kind === "string") : table.columns.find(({ name }) => name === wanted);
    if (column) return { table, column };
  }
  const [table] = tables;
  const times = tables.length === 1 ? table?.columns.find(({ kind }) => kind === "time") : undefined;
  return table && times && times.values.length > 1 ? { table, column: times } : null;
}

function Plot({ drawn, isSide, panel }: { drawn: BarsDrawn; isSide: boolean; panel: Panel }) {
  const [ref, size] = useSize<HTMLDivElement>();
  const [tip, setTip] = useState<TipAt | null>(null);
  const stacking = panel.bars?.stacking ?? "none";
  const { groups, format } = drawn;
  const total = (group: Group) => group.bars.reduce((sum, { value }) => sum + Math.max(0, value ?? 0), 0);
  const share = (group: Group, value: number) => (stacking === "percent" ? value / (total(group) || 1) : value);
  const most = stacking === "percent" ? 1 : Math.max(...groups.map((group) => (stacking === "none" ? Math.max(...group.bars.map(({ value }) => value ?? 0), 0) : total(group))), 0) || 1;
  const least = stacking === "none" ? Math.min(0, ...groups.flatMap((group) => group.bars.map(({ value }) => value ?? 0))) : 0;
  const { width, height } = size;
  const nameRoom = isSide ? Math.min(width * 0.4, Math.max(...groups.map(({ name }) => Math.min(name.length, panel.bars?.labelCharsMax || 40) * 6.4)) + 8) : 22;
  const valueRoom = isSide ? 64 : 46;
  const long = isSide ? width - nameRoom - valueRoom : height - nameRoom - 16;
  const across = (isSide ? Math.max(height, groups.length * 20) : width - valueRoom) / Math.max(groups.length, 1);
  const place = (value: number) => ((value - least) / (most - least)) * long;
  const rows = stacking === "none" ? Math.max(1, groups[0]?.bars.length ?? 1) : 1;
  const groupWidth = across * (panel.bars?.groupWidth ?? 0.7);
  const bar = Math.min(40, (groupWidth / rows) * (panel.bars?.barWidth ?? 0.97));
  const tall = isSide ? Math.max(height, groups.length * 20) : height;
  const raw = (most - least) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const stride = ([1, 2, 2.5, 5, 10].find((one) => one * power >= raw * 0.999) ?? 10) * power;
  const from_ = Math.ceil(least / stride - 1e-9);
  const ticks = Array.from({ length: Math.max(0, Math.floor(most / stride + 1e-9) - from_ + 1) }, (_, index) => (from_ + index) * stride);
  const every = isSide ? 1 : Math.ceil((Math.max(...groups.map(({ name }) => Math.min(name.length, 24))) * 6.6 + 8) / Math.max(across, 1));
  return (
    <div ref={ref} className={classes.plot} style={{ overflow: "hidden auto" }}>
      {width > 0 && long > 0 && (
        <svg className={classes.svg} height={tall} role="img" aria-label={`${panel.title || "Bars"}: ${groups.slice(0, 8).map((group) => `${group.name} ${group.bars.map(({ text }) => text).join(" ")}`).join(", ")}`} onMouseLeave={() => setTip(null)}>
          {!isSide && ticks.map((tick) => { const y = height - nameRoom - place(tick); return <g key={tick}><line x1={valueRoom} x2={width} y1={y} y2={y} stroke="var(--grid)" /><text x={valueRoom - 6} y={y + 4} textAnchor="end">{stacking === "percent" ? `${Math.round(tick * 100)} %` : format(tick)}</text></g>; })}
          {groups.map((group, index) => {
            const middle = across * (index + 0.5);
            let base = 0;
            return (
              <g key={index} onMouseMove={(event) => setTip({ x: event.clientX, y: event.clientY, head: group.name, lines: group.bars.map(({ series, text, color }) => ({ name: series, text, color })) })}>
                <rect x={isSide ? 0 : valueRoom + across * index} y={isSide ? across * index : 0} width={isSide ? width : across} height={isSide ? across : height} fill="transparent" />
                {group.bars.map(({ value, color, text }, place_) => {
                  if (value === null || !Number.isFinite(value)) return null;
                  const amount = share(group, value);
                  const from = stacking === "none" ? Math.min(0, amount) : base;
                  const to = stacking === "none" ? Math.max(0, amount) : base + amount;
                  if (stacking !== "none") base = to;
                  const offset = stacking === "none" ? middle - (bar * rows) / 2 + bar * place_ : middle - bar / 2;
                  const size_ = Math.max(1, place(to) - place(from));
                  return isSide
                    ? <g key={place_}><rect x={nameRoom + place(from)} y={offset} width={size_} height={Math.max(1, bar - 1)} rx={3} fill={color} />{stacking === "none" && panel.bars?.showValue !== "never" && <text className={classes.onBar} x={nameRoom + place(to) + 6} y={offset + bar / 2 + 4}>{text}</text>}</g>
                    : <g key={place_}><rect x={valueRoom + offset} y={height - nameRoom - place(to)} width={Math.max(1, bar - 1)} height={size_} rx={3} fill={color} />{stacking === "none" && panel.bars?.showValue !== "never" && bar > text.length * 6.4 && <text className={classes.onBar} x={valueRoom + offset + bar / 2} y={height - nameRoom - place(to) - 4} textAnchor="middle">{text}</text>}</g>;
                })}
                {isSide ? <text x={nameRoom - 8} y={middle + 4} textAnchor="end">{cut(group.name, panel.bars?.labelCharsMax || Math.floor(nameRoom / 6.4))}</text> : index % every === 0 && <text x={valueRoom + middle} y={height - 6} textAnchor="middle">{cut(group.name, panel.bars?.labelCharsMax || 24)}</text>}
              </g>
            );
          })}
        </svg>
      )}
      <Tip at={tip} />
    </div>
  );
}

/** How often values are: buckets of one width. */
export function HistogramPanel({ panel, tables }: PanelProps) {
  const palette = usePalette();
  const options = panel.histogram;
  const drawn = useMemo((): BarsDrawn | null => {
    const all = seriesOf(tables);
    const values = all.map(({ values: own }) => own.filter((value): value is number => value !== null && Number.isFinite(value)));
    let [low, high] = [Infinity, -Infinity];
    for (const one of values) for (const value of one) { low = Math.min(low, value); high = Math.max(high, value); }
    if (!Number.isFinite(low)) return null;
    const offset = options?.bucketOffset ?? 0;
    const raw = (high - low) / (options?.bucketCount || 30) || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const width = options?.bucketSize || [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw) || raw;
    const first = Math.floor((low - offset) / width) * width + offset;
    const count = Math.min(CATEGORIES_MAX, Math.floor((high - first) / width) + 1);
    const parts = options?.combine ? [values.flat()] : values;
    const shownAll = shown(panel, tables);
    const counts = parts.map((one) => { const sums = new Array<number>(count).fill(0); for (const value of one) { const at = Math.min(count - 1, Math.floor((value - first) / width)); sums[at] = (sums[at] ?? 0) + 1; } return sums; });
    const write = (value: number) => formatUnit(value, panel.field.unit, panel.field.decimals);
    return {
      format: (value) => formatUnit(value, "short"), items: [],
      groups: Array.from({ length: count }, (_, at) => ({ name: write(first + at * width), bars: counts.map((sums, index) => ({ value: sums[at] ?? 0, text: formatUnit(sums[at] ?? 0, "short"), series: options?.combine ? "all" : shownAll[index]?.name ?? "", color: palette.series(index) })) })),
    };
  }, [panel, tables, options, palette]);
  if (!drawn) return <None />;
  return <div className={classes.series}><Plot drawn={drawn} isSide={false} panel={{ ...panel, bars: { orientation: "vertical", xField: "", colorField: "", stacking: "normal", showValue: "never", groupWidth: 0.98, barWidth: 1, labelRotation: 0, labelCharsMax: 0 } }} /></div>;
}
