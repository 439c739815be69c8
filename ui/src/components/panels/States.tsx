/** States over time: equal ones side by side are one, or each step has a cell of its own. */

import { type KeyboardEvent, useMemo, useState } from "react";
import { mix } from "@/lib/palette";
import { cut } from "@/lib/text";
import { spokenDuration } from "@/lib/duration";
import { useTimeFormat } from "@/state/settings";
import { usePalette } from "./colors";
import { None } from "./None";
import type { PanelProps } from "./props";
import { type Line, type Segment, statesOf } from "./states";
import { Tip, type TipAt } from "./Tip";
import classes from "./panels.module.css";

export function States({ panel, tables, step, fromS, toS }: PanelProps) {
  const palette = usePalette();
  const format = useTimeFormat();
  const [tip, setTip] = useState<TipAt | null>(null);
  const isTimeline = panel.kind === "state_timeline";
  const options = panel.state;
  const { lines, key } = useMemo(() => statesOf(panel, tables, step, palette), [panel, tables, step, palette]);
  if (lines.every(({ segments }) => segments.length === 0)) return <None />;
  // A value is of the time up to it.
  const [from, to] = [fromS * 1000, toS * 1000 + (isTimeline ? 0 : step * 1000)];
  const place = (ms: number) => Math.min(100, Math.max(0, ((ms - from) / (to - from)) * 100));
  const tell = (line: Line, segment: Segment, x: number, y: number) => setTip({ x, y, head: `${format.time(segment.from)} to ${format.time(Math.min(segment.to, toS * 1000))}, ${spokenDuration((segment.to - segment.from) / 1000)}`, lines: [{ name: line.name, text: segment.text, color: segment.color }] });
  const keys = (line: Line) => (event: KeyboardEvent<HTMLDivElement>) => { if (event.key === "Escape") setTip(null); const last = line.segments.at(-1); const box = event.currentTarget.getBoundingClientRect(); if (event.key === "Enter" && last) tell(line, last, box.right - 40, box.bottom); };
  const hasTexts = options?.showValue !== "never" && (isTimeline || options?.showValue === "always");
  return (
    <div className={classes.states} onMouseLeave={() => setTip(null)}>
      <div className={classes.stateRows}>
        {lines.map((line, index) => (
          <div key={index} style={{ display: "contents" }}>
            <span className={`${classes.stateName ?? ""} foreign`} title={cut(line.name, 300)}>{cut(line.name, 60)}</span>
            <div className={classes.strip} style={{ height: `${(options?.rowHeight ?? 0.9) * 100}%`, maxHeight: 34 }} tabIndex={0} role="img" onKeyDown={keys(line)} onBlur={() => setTip(null)} aria-label={`${line.name}: now ${line.segments.at(-1)?.text ?? "nothing"}; ${line.segments.length} parts`}>
              {line.segments.map((segment, at) => {
                const [left, right] = [place(segment.from), place(segment.to)];
                if (right <= 0 || left >= 100) return null;
                const color = palette.scheme === "dark" ? mix(segment.color, "#000000", 0.28) : segment.color;
                const gap = isTimeline ? 0 : (1 - (options?.columnWidth ?? 0.9)) * (right - left);
                return <span key={at} className={classes.state} style={{ left: `${left + gap / 2}%`, width: `${Math.max(right - left - gap, 0.12)}%`, background: color, color: palette.ink(color), justifyContent: options?.align === "center" ? "center" : options?.align === "right" ? "flex-end" : "flex-start", ...(right - left < 4 ? { padding: 0 } : {}) }} onMouseMove={(event) => tell(line, segment, event.clientX, event.clientY)}>{hasTexts && right - left > 4 ? cut(segment.text, 30) : ""}</span>;
              })}
            </div>
          </div>
        ))}
        <span className={classes.corner} aria-hidden />
        <div className={classes.stateAxis} aria-hidden>{[0, 0.25, 0.5, 0.75, 1].map((share) => <span key={share}>{format.time(from + (to - from) * share).replace(/^(\d\d:\d\d):\d\d$/, "$1")}</span>)}</div>
      </div>
      {key.length > 0 && panel.legend.mode !== "hidden" && <div className={classes.key}>{key.slice(0, 12).map(([text, color]) => <span key={text}><i style={{ background: palette.scheme === "dark" ? mix(color, "#000000", 0.28) : color }} />{cut(text, 40)}</span>)}</div>}
      <Tip at={tip} />
    </div>
  );
}
