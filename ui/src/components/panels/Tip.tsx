/** What the pointer is over, beside it. */

import { createPortal } from "react-dom";
import { cut } from "@/lib/text";
import classes from "./panels.module.css";

export interface TipAt { x: number; y: number; head: string; lines: readonly { name: string; text: string; color: string }[] }
const LINES_MAX = 14;

export function Tip({ at }: { at: TipAt | null }) {
  if (!at) return null;
  const isLeft = at.x > innerWidth - 380;
  return createPortal(
    <div className={classes.tip} role="presentation" style={{ top: Math.min(at.y + 14, innerHeight - 60 - Math.min(at.lines.length, LINES_MAX) * 18), ...(isLeft ? { right: innerWidth - at.x + 14 } : { left: at.x + 14 }) }}>
      {at.head !== "" && <p className="foreign">{cut(at.head, 120)}</p>}
      {at.lines.slice(0, LINES_MAX).map(({ name, text, color }, index) => <div key={index} className="row"><span className={classes.swatch} style={{ background: color }} /><span className="ellipsis muted foreign">{cut(name, 80)}</span><b style={{ marginLeft: "auto" }}>{cut(text, 60)}</b></div>)}
    </div>,
    document.body,
  );
}
