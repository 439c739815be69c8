/** One value of each series: as numbers with a small graph, as gauges, or as bars. */

import { useMemo } from "react";
import { Sparkline } from "@/components/Sparkline";
import { cut } from "@/lib/text";
import { mix } from "@/lib/palette";
import { type Palette, usePalette } from "./colors";
import { valueColor } from "./fields";
import { formatUnit } from "./format";
import type { PanelProps } from "./props";
import { apart, columnsFor, type OneValue, VALUE_DEFAULTS, valuesOf } from "./values";
import { None } from "./None";
import classes from "./panels.module.css";

export function Stat({ panel, tables, width, height }: PanelProps) {
  const palette = usePalette();
  const values = useMemo(() => valuesOf(panel, tables, palette), [panel, tables, palette]);
  const options = panel.value ?? VALUE_DEFAULTS;
  if (values.length === 0) return panel.field.noValue === undefined ? <None /> : <Value text={panel.field.noValue} size={24} />;
  const columns = columnsFor(values.length, width, height, 1.9, options.orientation);
  const rows = Math.ceil(values.length / columns);
  const tall = (height - (rows - 1) * 6) / rows;
  const wide = (width - (columns - 1) * 6) / columns;
  const hasNames = options.text === "name" || options.text === "value_and_name" || (options.text === "auto" && values.length > 1);
  const isGround = options.color === "background" || options.color === "background_solid";
  const graph = options.graph && !isGround && tall > 60 && values.some(({ numbers }) => numbers.length > 1) ? Math.round(Math.min(tall * 0.38, 90)) : 0;
  // One size for all: the longest text fits.
  const longest = Math.max(...values.map(({ text }) => { const [number, unit] = apart(text); return number.length + unit.length * 0.62 + (unit === "" ? 0 : 0.4); }), 2);
  const size = options.valueSize ?? Math.max(13, Math.min(44, (wide - 12) / (longest * 0.6), (tall - graph - (hasNames ? 18 : 0)) * 0.78));
  return (
    <div className={classes.values} style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`, gridAutoRows: `minmax(${Math.min(34, height)}px, 1fr)` }}>
      {values.map((one, index) => <StatValue key={`${one.name} ${index}`} one={one} panel={panel} palette={palette} size={size} hasName={hasNames} graph={graph} />)}
    </div>
  );
}

function StatValue({ one, panel, palette, size, hasName, graph }: { one: OneValue; panel: PanelProps["panel"]; palette: Palette; size: number; hasName: boolean; graph: number }) {
  const options = panel.value ?? VALUE_DEFAULTS;
  const isGround = options.color === "background" || options.color === "background_solid";
  const ground = isGround && one.color ? (palette.scheme === "dark" ? mix(one.color, "#000000", 0.35) : one.color) : null;
  const color = ground ? palette.ink(ground) : options.color === "none" || one.color === null ? undefined : palette.readable(one.color);
  const isValue = options.text !== "name" && options.text !== "none";
  return (
    <div className={classes.value} data-centered={options.centered || undefined} data-tinted={ground ? true : undefined} style={{ ...(graph > 0 ? { paddingBottom: graph } : {}), ...(ground ? { background: ground } : {}), ...(color ? { color } : {}) }}>
      {hasName && <span className={`${classes.valueName ?? ""} foreign`} title={cut(one.name, 300)}>{cut(one.name)}</span>}
      {isValue && <Value text={one.text} size={size} />}
      {options.percentChange && one.change !== null && <span className={classes.change}>{one.change > 0 ? "+" : ""}{formatUnit(one.change, "percentunit", 1)} since the beginning</span>}
      {graph > 0 && !isGround && one.numbers.length > 1 && <span className={classes.spark}><Sparkline values={one.numbers} height={graph} tone="accent" {...(one.color ? { color: one.color } : {})} /></span>}
    </div>
  );
}

function Value({ text, size }: { text: string; size: number }) {
  const [number, unit] = apart(text);
  return <span className={`${classes.big ?? ""} foreign`} style={{ fontSize: size }} title={text}>{number}{unit && <small>{unit}</small>}</span>;
}

/** Ends of a gauge: its own, or those of all values. */
function endsOf({ shown: { least, most } }: OneValue): [number, number] {
  return [least, most > least ? most : least + 1];
}

const SWEEP = 240;
const START = -120;
function arc(from: number, to: number, radius: number): string {
  const point = (share: number) => { const angle = ((START + SWEEP * share) * Math.PI) / 180; return `${(Math.sin(angle) * radius).toFixed(2)} ${(-Math.cos(angle) * radius).toFixed(2)}`; };
  return `M${point(from)}A${radius} ${radius} 0 ${(to - from) * SWEEP > 180 ? 1 : 0} 1 ${point(to)}`;
}

/** Below this a ring cannot be read. */
const RING_LEAST = 82;

export function Gauge(props: PanelProps) {
  const { panel, tables, width, height } = props;
  const palette = usePalette();
  const values = useMemo(() => valuesOf(panel, tables, palette), [panel, tables, palette]);
  const options = panel.value ?? VALUE_DEFAULTS;
  if (values.length === 0) return <None />;
  const hasNames = options.text === "value_and_name" || (options.text === "auto" && values.length > 1);
  const columns = columnsFor(values.length, width, height, 1.25, options.orientation === "auto" ? "auto" : options.orientation);
  const rows = Math.ceil(values.length / columns);
  const room = Math.max(34, Math.min((width - columns * 6) / columns, ((height - rows * 6) / rows - (hasNames ? 18 : 0)) * 1.3, 260));
  // Many in a small place: bars say the same.
  if (values.length > 1 && room < RING_LEAST) return <BarGauge {...props} />;
  return (
    <div className={classes.values} style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`, gridAutoRows: "minmax(50px, 1fr)" }}>
      {values.map((one, index) => {
        const [low, top] = endsOf(one);
        const share = typeof one.value === "number" ? Math.min(1, Math.max(0, (one.value - low) / (top - low))) : 0;
        const steps = one.shown.field.thresholds?.steps ?? [];
        const place = (value: number | undefined) => (value === undefined ? 0 : Math.min(1, Math.max(0, one.shown.field.thresholds?.mode === "percentage" ? value / 100 : (value - low) / (top - low))));
        const size = Math.min(24, 68 / (Math.max(one.text.length, 3) * 0.58));
        return (
          <div key={`${one.name} ${index}`} className={classes.gauge} role="meter" aria-label={one.name || panel.title} aria-valuemin={low} aria-valuemax={top} aria-valuenow={typeof one.value === "number" && Number.isFinite(one.value) ? one.value : low} aria-valuetext={one.text}>
            <svg width={room} height={room * 0.77} viewBox="-60 -58 120 92" aria-hidden>
              <path d={arc(0, 1, 46)} fill="none" stroke="var(--panel-3)" strokeWidth={12} strokeLinecap="butt" />
              {share > 0 && <path d={arc(0, share, 46)} fill="none" stroke={one.color ?? palette.tones.accent} strokeWidth={12} />}
              {options.thresholdMarkers && steps.length > 1 && steps.map((step, at) => { const [from, to] = [place(step.value), at + 1 < steps.length ? place(steps[at + 1]?.value) : 1]; return to > from ? <path key={at} d={arc(from, to, 55)} fill="none" stroke={palette.named(step.color) ?? palette.tones.unknown} strokeWidth={2.5} /> : null; })}
              <text className={classes.gaugeText} textAnchor="middle" y={size * 0.3} fontSize={size} fill={one.color ? palette.readable(one.color) : "var(--text)"}>{one.text}</text>
            </svg>
            {hasNames && <span className={`${classes.valueName ?? ""} foreign`} title={cut(one.name, 300)}>{cut(one.name)}</span>}
          </div>
        );
      })}
    </div>
  );
}

export function BarGauge({ panel, tables, width, height }: PanelProps) {
  const palette = usePalette();
  const values = useMemo(() => valuesOf(panel, tables, palette), [panel, tables, palette]);
  const options = panel.value ?? VALUE_DEFAULTS;
  if (values.length === 0) return <None />;
  const hasNames = options.text !== "value" && (options.text !== "auto" || values.length > 1 || values[0]?.name !== "Value");
  const lines = values.map((one, index) => {
    const [low, top] = endsOf(one);
    const share = typeof one.value === "number" ? Math.min(1, Math.max(0, (one.value - low) / (top - low || 1))) : 0;
    const color = one.color ?? palette.series(one.shown.index || index);
    const back = options.barStyle === "gradient" && one.shown.field.thresholds ? `linear-gradient(${options.orientation === "vertical" ? "0deg" : "90deg"}, ${valueColor(one.shown, low, palette) ?? color}, ${color})` : options.barStyle === "lcd" ? `repeating-linear-gradient(${options.orientation === "vertical" ? "0deg" : "90deg"}, ${color} 0 6px, transparent 6px 9px)` : color;
    return { one, share, back, color, key: `${one.name} ${index}` };
  });
  const meter = (one: OneValue) => { const [low, top] = endsOf(one); return { role: "meter", "aria-label": one.name || panel.title, "aria-valuemin": low, "aria-valuemax": top, "aria-valuenow": typeof one.value === "number" && Number.isFinite(one.value) ? one.value : low, "aria-valuetext": one.text }; };
  if (options.orientation === "vertical" && width / values.length > 40) {
    return <div className={classes.uprights}>{lines.map(({ one, share, back, key }) => (
      <div key={key} className={classes.upright}>
        <b>{one.text}</b>
        <div className={classes.upTrack} style={options.showUnfilled ? undefined : { background: "none" }} {...meter(one)}><i style={{ height: `${share * 100}%`, background: back }} /></div>
        {hasNames && <span className={`${classes.barName ?? ""} foreign`} title={cut(one.name, 300)}>{cut(one.name)}</span>}
      </div>
    ))}</div>;
  }
  const isDense = hasNames && height / values.length < 44;
  const bar = isDense ? Math.min(10, height / values.length - 12) : Math.max(6, Math.min(18, (height / values.length - 30) * 0.8));
  return <div className={classes.bars} data-dense={isDense || undefined} {...(isDense ? { tabIndex: 0, role: "group", "aria-label": panel.title || "Values" } : {})} style={{ ["--bar" as string]: `${bar}px` }}>{lines.map(({ one, share, back, color, key }) => (
    <div key={key} className={classes.barLine}>
      <span className={`${classes.barName ?? ""} foreign`} title={cut(one.name, 300)}>{hasNames ? cut(one.name) : ""}</span>
      <b style={{ color: one.color ? palette.readable(color) : undefined }}>{one.text}</b>
      <div className={classes.track} data-bare={options.showUnfilled ? undefined : true} {...meter(one)}><i style={{ width: `${share * 100}%`, background: isDense ? color : back }} /></div>
    </div>
  ))}</div>;
}
