/** One objective in the list: a row for each of its budgets. */

import { Link } from "@tanstack/react-router";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { Objective } from "@/api/own";
import type { Frame } from "@/api/prometheus";
import { LabelSet } from "@/components/LabelSet";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import { State } from "@/components/State";
import { TimeTrack } from "@/components/TimeTrack";
import { BudgetBar } from "./BudgetBar";
import { added, isOf } from "@/lib/frames";
import { cut } from "@/lib/text";
import { type Budget, burnNumber, burnTone, groupText, hoursTold, indicatorText, leftAmounts, percentText, periodPace, problemsOf, VERDICT_WORDS, verdictRank, verdictTone } from "./words";
import classes from "./Objectives.module.css";

interface ObjectiveRowProps { objective: Objective; spent: Frame | undefined; nowS: number }

export function ObjectiveRow({ objective, spent, nowS }: ObjectiveRowProps) {
  const budgets = [...objective.budgets].sort((a, b) => verdictRank(a.verdict) - verdictRank(b.verdict) || (a.left ?? 2) - (b.left ?? 2));
  const problems = problemsOf(objective);
  if (budgets.length === 0) {
    return (
      <div className={classes.row}>
        <Name objective={objective} />
        <Problems problems={problems.length > 0 ? problems : ["Nothing was counted for it yet."]} />
      </div>
    );
  }
  return budgets.map((budget, index) => <BudgetRow key={groupText(budget.labels)} objective={objective} budget={budget} spent={spent} nowS={nowS} problems={index === 0 ? problems : []} />);
}

function Name({ objective, budget }: { objective: Objective; budget?: Budget }) {
  const isGroup = budget !== undefined && Object.keys(budget.labels).length > 0;
  return (
    <div className={classes.name}>
      <div className="row wrap">
        <Link className={`${classes.title ?? ""} foreign`} to="/objectives/$objective" params={{ objective: objective.objective }} search={(old) => ({ ...keepTimes(old), ...(isGroup ? { budget: groupText(budget.labels) } : {}) })}>{cut(objective.name)}</Link>
        <State state={budget?.verdict ?? objective.verdict} tone={budget ? verdictTone(budget) : "unknown"}>{VERDICT_WORDS[budget?.verdict ?? objective.verdict] ?? objective.verdict}</State>
      </div>
      {isGroup && <LabelSet labels={budget.labels} />}
      <p className={`${classes.words ?? ""} foreign`}>{objective.description ? `${cut(objective.description, 300)} ` : ""}<span>{sentence(indicatorText(objective))}</span></p>
    </div>
  );
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function BudgetRow({ objective, budget, spent, nowS, problems }: ObjectiveRowProps & { budget: Budget; problems: readonly string[] }) {
  const tone = verdictTone(budget);
  const told = hoursTold(budget, objective.period, objective.indicator);
  const hours = budget.hoursLeft;
  const pace = periodPace(budget, nowS);
  const first = budget.spentBy[0];
  const values = spent ? added(spent.series.filter(({ labels }) => labels["slo"] === objective.name && labels["service"] === objective.service && isOf(labels, budget.labels)), spent.times.length) : [];
  return (
    <div className={classes.row}>
      <Name objective={objective} budget={budget} />
      <div className={classes.cell}>
        <span className={classes.cellName}>Left of the budget</span>
        <span className={`${classes.big ?? ""} ${classes[tone] ?? ""}`}>{budget.left === null ? "Not known" : percentText(budget.left, Math.abs(budget.left) >= 10 ? 0 : 1)}</span>
        <BudgetBar left={budget.left} tone={tone} label="Budget" />
        <span className={classes.small}>{leftAmounts(budget, objective.indicator)}</span>
      </div>
      <div className={classes.cell}>
        <span className={classes.cellName}>Pace</span>
        <span className={`${classes.big ?? ""} ${classes[burnTone(pace)] ?? ""}`}>{burnNumber(pace)}</span>
        <span className={classes.small}>{pace !== null && pace > 1.05 ? "as fast as allowed" : "of what is allowed"}; last hour {burnNumber(budget.burnRateHour)}, day {burnNumber(budget.burnRateDay)}</span>
      </div>
      <div className={classes.cell}>
        <span className={classes.cellName}>Hours left</span>
        <span className={`${classes.big ?? ""} ${classes[told.tone] ?? ""}`}>{told.title}</span>
        {hours && budget.left !== null && budget.left > 0 && <TimeTrack isBare low={seconds(hours.low)} median={seconds(hours.median)} high={seconds(hours.high)} horizon={hours.horizon * 3600} tone={told.tone} label={`${told.title}. ${told.text}`} />}
        <span className={classes.small}>{told.text}</span>
      </div>
      <div className={classes.cell}>
        <span className={classes.cellName}>Spent in the time shown</span>
        <div className={classes.spark}><Sparkline values={values} height={34} tone={objective.indicator === "spend" ? "accent" : "bad"} /></div>
        {first && <span className={`${classes.small ?? ""} foreign`}>{percentText(first.badShare, 0)} by {cut(groupText(first.labels), 60)}</span>}
      </div>
      <Problems problems={[...problems, ...unmeasured(budget)]} />
    </div>
  );
}

const seconds = (hours: number | null): number | null => (hours === null ? null : hours * 3600);

/** Silence is not success: it is said from a hundredth on. */
function unmeasured(budget: Budget): string[] {
  return budget.unmeasuredShare >= 0.01 ? [`${percentText(budget.unmeasuredShare, 1)} of the period was not measured: that time counts as neither good nor bad.`] : [];
}

function Problems({ problems }: { problems: readonly string[] }) {
  return problems.map((problem) => <p key={problem} className={classes.problem}><IconAlertTriangle size={15} aria-hidden /><span className="foreign">{cut(problem, 500)}</span></p>);
}
