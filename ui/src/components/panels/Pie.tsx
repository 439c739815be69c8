/** Shares of a whole. */

import { useMemo, useState } from "react";
import { cut } from "@/lib/text";
import { usePalette } from "./colors";
import { formatUnit } from "./format";
import { None } from "./None";
import type { PanelProps } from "./props";
import { Tip, type TipAt } from "./Tip";
import { type Slice, slicesOf } from "./slices";
import classes from "./panels.module.css";

export function Pie({ panel, tables, width, height }: PanelProps) {
  const palette = usePalette();
  const [tip, setTip] = useState<TipAt | null>(null);
  const options = panel.pie;
  const slices = useMemo(() => slicesOf(panel, tables, palette), [panel, tables, palette]);
  if (slices.length === 0) return <None />;
  const hasLegend = panel.legend.mode !== "hidden";
  const isRight = panel.legend.placement === "right" || width > height * 1.6;
  const size = Math.max(60, Math.min(height * (hasLegend && !isRight ? 0.7 : 1), width * (hasLegend && isRight ? 0.5 : 1)) - 4);
  const labels = options?.labels ?? [];
  const inner = options?.donut ? 30 : 0;
  const point = (share: number, radius: number) => { const angle = share * 2 * Math.PI; return [Math.sin(angle) * radius, -Math.cos(angle) * radius] as const; };
  const path = (from: number, to: number) => {
    const end = to - from > 0.99999 ? from + 0.99999 : to;
    const [a, b, c, d] = [point(from, 50), point(end, 50), point(end, inner), point(from, inner)];
    const large = end - from > 0.5 ? 1 : 0;
    return `M${a.join(" ")}A50 50 0 ${large} 1 ${b.join(" ")}L${c.join(" ")}${inner > 0 ? `A${inner} ${inner} 0 ${large} 0 ${d.join(" ")}` : ""}Z`;
  };
  const words = (one: Slice) => labels.map((label) => (label === "name" ? cut(one.name, 16) : label === "value" ? one.text : formatUnit(one.share, "percentunit", 0))).join(" ");
  return (
    <div className={classes.pie} data-legend={isRight ? "right" : "bottom"}>
      <svg width={size} height={size} viewBox="-51 -51 102 102" role="img" aria-label={`${panel.title || "Shares"}: ${slices.slice(0, 8).map((one) => `${one.name} ${formatUnit(one.share, "percentunit", 0)}`).join(", ")}`} onMouseLeave={() => setTip(null)}>
        {slices.map((one, index) => <path key={index} d={path(one.from, one.to)} fill={one.fill} stroke="var(--panel)" strokeWidth={slices.length > 1 ? 0.8 : 0} onMouseMove={(event) => setTip({ x: event.clientX, y: event.clientY, head: one.name, lines: [{ name: formatUnit(one.share, "percentunit", 1), text: one.text, color: one.fill }] })} />)}
        {labels.length > 0 && slices.filter(({ share }) => share > 0.06).map((one, index) => { const [x, y] = point((one.from + one.to) / 2, inner > 0 ? 40 : 33); return <text key={index} x={x} y={y + 2} textAnchor="middle" fontSize={5.5} fontWeight={600} fill={palette.ink(one.fill)}>{words(one)}</text>; })}
      </svg>
      {hasLegend && (
        <div className={classes.legend} tabIndex={0} role="group" aria-label="Parts">
          <table className={classes.legendTable}>
            <thead className={panel.legend.mode === "table" ? "" : "sr"}><tr><th scope="col">Name</th><th scope="col">Value</th><th scope="col">Share</th></tr></thead>
            <tbody>{slices.map((one, index) => <tr key={index}><td style={{ width: "auto", maxWidth: 240 }}><span className={classes.item}><span className={classes.swatch} style={{ background: one.fill, height: 10, width: 10 }} /><span className={`${classes.name ?? ""} foreign`} title={cut(one.name, 300)}>{cut(one.name)}</span></span></td><td>{one.text}</td><td className="muted">{formatUnit(one.share, "percentunit", 0)}</td></tr>)}</tbody>
          </table>
        </div>
      )}
      <Tip at={tip} />
    </div>
  );
}
