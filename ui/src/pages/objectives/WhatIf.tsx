/** What another target would have meant for what was counted in this period. */

import { useMemo, useState } from "react";
import { NumberInput } from "@mantine/core";
import { Panel } from "@/components/Panel";
import type { Objective } from "@/api/own";
import { useTimeFormat } from "@/state/settings";
import { BudgetBar } from "./BudgetBar";
import { useSpanQuery } from "@/api/span";
import { added, cumulated } from "@/lib/frames";
import { budgetSeries } from "./queries";
import { amountText, type Budget, percentText } from "./words";
import classes from "./WhatIf.module.css";

const TARGETS = [0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999];

export interface Meant { target: number; allowed: number; left: number | null; /** Seconds since 1970; null: it would not have run out. */ endedS: number | null }

/** What a target would have left, and when nothing would have been left of the whole period's budget. */
export function meant(target: number, budget: Pick<Budget, "bad" | "total">, times: readonly number[], bad: readonly (number | null)[]): Meant {
  const allowed = budget.total * (1 - target);
  const at = bad.findIndex((value) => value !== null && value > allowed);
  return { target, allowed, left: allowed > 0 ? 1 - budget.bad / allowed : null, endedS: budget.bad > allowed && at >= 0 ? (times[at] ?? null) : null };
}

/** The target, and those around it that people choose. */
export function targetsAround(target: number, asked: number | null): number[] {
  const near = [...TARGETS].sort((a, b) => Math.abs(Math.log((1 - a) / (1 - target))) - Math.abs(Math.log((1 - b) / (1 - target)))).slice(0, 5);
  return [...new Set([...near, target, ...(asked === null ? [] : [asked])])].sort((a, b) => a - b);
}

export function WhatIf({ objective, budget, nowS }: { objective: Objective; budget: Budget; nowS: number }) {
  const [asked, setAsked] = useState<number | null>(null);
  const format = useTimeFormat();
  const until = Math.min(budget.end, nowS);
  const span = until - budget.start;
  const step = [60, 300, 900, 1800, 3600, 10_800, 21_600, 86_400].find((one) => span / one <= 300) ?? 86_400;
  const answer = useSpanQuery(`sum(sum_over_time(${budgetSeries("slo:bad_events", objective, budget)}[${step}s]))`, budget.start + step, until, { step });
  const frame = answer.data;
  const bad = useMemo(() => (frame ? cumulated(added(frame.series, frame.times.length)) : []), [frame]);
  const target = objective.target;
  if (target === null || budget.total <= 0) return null;
  const rows = targetsAround(target, asked).map((one) => meant(one, budget, frame?.times ?? [], bad));
  return (
    <Panel title="What another target would have meant" hint="for what was counted in this period">
      <div className={classes.ask}>
        <NumberInput label="A target, in percent" value={asked === null ? "" : Number((asked * 100).toFixed(6))} onChange={(value) => { const share = Number(value) / 100; setAsked(value !== "" && share > 0 && share < 1 ? share : null); }} placeholder={String(Number((target * 100).toFixed(4)))} min={0.001} max={99.9999} decimalScale={4} step={0.1} w={160} hideControls />
      </div>
      <div className="scroll-x" tabIndex={0} role="group" aria-label="Targets">
        <table className={classes.table}>
          <thead><tr><th scope="col">Target</th><th scope="col" className={classes.right}>Allowed</th><td className={classes.bar} /><th scope="col" className={classes.right}>Left</th><th scope="col" className={classes.right}>Run out</th></tr></thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.target} className={row.target === target ? classes.current : undefined}>
                <td className={classes.target}>{percentText(row.target)}{row.target === target && <span className={classes.now}>now</span>}{row.target === asked && row.target !== target && <span className={classes.now}>asked</span>}</td>
                <td className={classes.right}>{amountText(row.allowed)}</td>
                <td className={classes.bar} width="34%"><BudgetBar left={row.left} tone={row.left === null ? "unknown" : row.left > 0 ? "good" : "bad"} label={`At ${percentText(row.target)}`} /></td>
                <td className={classes.right}>{row.left === null ? "–" : percentText(row.left, Math.abs(row.left) >= 10 ? 0 : 1)}</td>
                <td className={classes.right}>{row.endedS === null ? (row.left !== null && row.left < 0 ? "yes" : "no") : format.time(row.endedS * 1000)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={classes.note}>How often it would have paged, <code>bellwether slo backtest --target</code> tells.</p>
    </Panel>
  );
}
