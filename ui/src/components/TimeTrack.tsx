/** When something will happen, as a range on a line from now on: in four cases of five within the field, as likely before the mark as after it. */

import { spokenDuration } from "@/lib/duration";
import type { Tone } from "./State";
import classes from "./TimeTrack.module.css";

interface TimeTrackProps {
  /** Seconds from now; null is beyond the horizon. */
  low: number | null;
  median: number | null;
  high: number | null;
  /** Seconds: how far was looked. */
  horizon: number;
  tone?: Tone;
  label: string;
  /** Without words under the ends. */
  isBare?: boolean;
}

/** How far the line goes: the horizon, or less of it where all is soon. */
export function trackEnd(low: number | null, high: number | null, horizon: number): number {
  const last = high ?? (low === null ? horizon : Math.max(low * 6, horizon));
  return Math.max(1, Math.min(horizon, last * 1.4));
}

export function TimeTrack({ low, median, high, horizon, tone = "accent", label, isBare = false }: TimeTrackProps) {
  const end = trackEnd(low, high, horizon);
  const at = (seconds: number) => `${Math.min(100, Math.max(0, (seconds / end) * 100))}%`;
  const width = low === null ? 0 : (Math.min(end, high ?? end) - low) / end;
  return (
    <div className={classes.track}>
      <div className={`${classes.line ?? ""} ${isBare ? classes.thin ?? "" : ""} ${classes[tone] ?? ""}`} role="img" aria-label={label}>
        {low !== null && <div className={`${classes.range ?? ""} ${high === null ? classes.open ?? "" : ""}`} style={{ left: at(low), width: `${Math.max(0, width) * 100}%` }} />}
        {median !== null && <div className={classes.median} style={{ left: at(median) }} />}
      </div>
      {!isBare && <div className={classes.ends} aria-hidden><span>now</span><span>in {spokenDuration(end)}</span></div>}
    </div>
  );
}
