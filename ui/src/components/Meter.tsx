/** A share as a bar, with marks: what is left of a budget, how full a pool is. */

import type { Tone } from "./State";
import classes from "./Meter.module.css";

interface MeterProps {
  /** 0 to 1; below 0 and above 1 it is drawn as 0 and 1. */
  share: number | null | undefined;
  tone?: Tone;
  label: string;
  /** A second share, drawn lighter behind the first. */
  behind?: number | null;
  height?: number;
}

export function Meter({ share, tone = "accent", label, behind = null, height = 6 }: MeterProps) {
  const width = (value: number) => `${Math.min(1, Math.max(0, value)) * 100}%`;
  const isKnown = share !== null && share !== undefined && Number.isFinite(share);
  return (
    <div className={classes.meter} style={{ height }} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={1} aria-valuenow={isKnown ? Math.min(1, Math.max(0, share)) : 0} aria-valuetext={isKnown ? `${Math.round(share * 1000) / 10} %` : "unknown"}>
      {behind !== null && <div className={`${classes.fill ?? ""} ${classes.behind ?? ""}`} style={{ width: width(behind) }} />}
      {isKnown && <div className={`${classes.fill ?? ""} ${classes[tone] ?? ""}`} style={{ width: width(share) }} />}
    </div>
  );
}
