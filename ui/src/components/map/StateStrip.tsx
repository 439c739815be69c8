/** States over time as small blocks in a row: pointed at, or gone along with the arrow keys, each says what it was. */

import { type KeyboardEvent, memo, type PointerEvent, useRef, useState } from "react";
import type { Tone } from "@/components/State";
import classes from "./StateStrip.module.css";

export interface StripBlock {
  /** `none`: nothing was measured. */
  tone: Tone | "none";
  /** Share of the block that was bad, 0 to 1: it is drawn so high. */
  bad?: number;
  /** When it was, and how. */
  label: string;
  /** A second line. */
  more?: string;
}

interface StateStripProps { blocks: readonly StripBlock[]; label: string; height?: number }

export const StateStrip = memo(function StateStrip({ blocks, label, height = 24 }: StateStripProps) {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const block = at === null ? undefined : blocks[at];
  const point = (event: PointerEvent) => {
    const box = host.current?.getBoundingClientRect();
    if (box && box.width > 0) setAt(Math.min(blocks.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * blocks.length))));
  };
  const move = (event: KeyboardEvent) => {
    if (event.key === "Escape") setAt(null);
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity, PageUp: -10, PageDown: 10 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt((old) => Math.min(blocks.length - 1, Math.max(0, (old ?? (step < 0 ? blocks.length : -1)) + step)));
  };
  return (
    <div
      ref={host} className={classes.strip} style={{ height }} tabIndex={0} role="img" aria-label={`${label}${block ? `. ${block.label}${block.more ? `, ${block.more}` : ""}` : ""}`}
      onPointerMove={point} onPointerDown={point} onPointerLeave={() => setAt(null)} onBlur={() => setAt(null)} onKeyDown={move}
    >
      {blocks.map((one, index) => (
        <i key={index} className={classes.block} data-tone={one.tone} data-at={index === at || undefined}>
          {one.bad !== undefined && one.bad > 0 && one.bad < 1 && <b style={{ height: `${Math.max(18, one.bad * 100)}%` }} />}
        </i>
      ))}
      {block && at !== null && (
        <span className={classes.tip} style={{ left: `${((at + 0.5) / blocks.length) * 100}%` }} data-side={at > blocks.length * 0.75 ? "left" : at < blocks.length * 0.25 ? "right" : "middle"} aria-hidden>
          {block.label}{block.more && <span className={`${classes.more ?? ""} foreign`}>{block.more}</span>}
        </span>
      )}
    </div>
  );
});
