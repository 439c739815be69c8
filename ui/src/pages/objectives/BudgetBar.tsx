/** What is left of a budget, on one scale for all: a quarter of the bar is for what is spent beyond it, down to once the budget. */

import type { Tone } from "@/components/State";
import classes from "./BudgetBar.module.css";
import { percentText } from "./words";

const ZERO = 25;

export function BudgetBar({ left, tone, label }: { left: number | null; tone: Tone; label: string }) {
  const shown = left === null ? 0 : Math.min(1, Math.max(-1, left));
  const from = shown < 0 ? ZERO + shown * ZERO : ZERO;
  const width = shown < 0 ? -shown * ZERO : shown * (100 - ZERO);
  return (
    <div className={classes.bar} role="img" aria-label={`${label}: ${left === null ? "not known" : `${percentText(left, 1)} left`}`}>
      {left !== null && <div className={`${classes.fill ?? ""} ${classes[tone] ?? ""}`} style={{ left: `${from}%`, width: `${width}%` }} />}
      <div className={classes.zero} />
    </div>
  );
}
