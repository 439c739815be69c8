/** One objective: how many hours of its budget are left, who spends it, and what is done about it. */

import { useMemo } from "react";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { IconAlertTriangle, IconTarget } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import type { Got } from "@/api/own";
import { Figure, Figures } from "@/components/Figure";
import { LabelSet } from "@/components/LabelSet";
import { Page } from "@/components/Page";
import { Empty, Failure, Panel, Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State } from "@/components/State";
import { TimeTrack } from "@/components/TimeTrack";
import { useRange } from "@/state/range";
import { cut } from "@/lib/text";
import { ObjectiveAlerts, ObjectiveRules } from "./Alerts";
import { BudgetBar } from "./BudgetBar";
import { BurnDown } from "./BurnDown";
import { BurnHistory, BurnRates } from "./BurnRates";
import { Events } from "./Events";
import { partsOf } from "./pairs";
import { useObjective, useRuleGroup } from "./queries";
import { Spenders } from "./Spenders";
import { WhatIf } from "./WhatIf";
import { type Budget, burnNumber, burnText, burnTone, groupText, hoursTold, indicatorText, leftAmounts, percentText, periodPace, problemsOf, VERDICT_WORDS, verdictRank, verdictTone } from "./words";
import classes from "./Objective.module.css";

type One = Got<"/api/bellwether/v1/objectives/{objective}">;

export function Objective() {
  const { objective: id } = useParams({ from: "/objectives/$objective" });
  const answer = useObjective(id);
  const name = id.slice(id.indexOf("/") + 1);
  if (answer.data === undefined) {
    const isNone = answer.error instanceof ApiError && answer.error.status === 404;
    return (
      <Page title={cut(name)} lead={<Link to="/objectives" search={keepTimes}>All objectives</Link>}>
        {isNone ? (
          <Panel><Empty title="There is no such objective" icon={<IconTarget size={30} />} action={<Link to="/objectives" search={keepTimes}>See those that there are</Link>}>It may have another name now, or was taken out of the configuration.</Empty></Panel>
        ) : answer.error ? <Failure error={answer.error} what="The objective cannot be read" retry={() => void answer.refetch()} /> : <Waiting height={500} />}
      </Page>
    );
  }
  return <Told one={answer.data} error={answer.error} />;
}

function Told({ one, error }: { one: One; error: unknown }) {
  const search = useSearch({ from: "/objectives/$objective" });
  const range = useRange();
  const group = useRuleGroup(one.ruleGroup);
  const budgets = useMemo(() => [...one.budgets].sort((a, b) => verdictRank(a.verdict) - verdictRank(b.verdict) || (a.left ?? 2) - (b.left ?? 2)), [one.budgets]);
  const budget = budgets.find(({ labels }) => groupText(labels) === search.budget) ?? budgets[0];
  const rules = one.rules ?? [];
  const parts = useMemo(() => (one.indicator === "composite" ? partsOf((one.rules ?? []).map(({ query }) => query), one) : []), [one]);
  const entity = one.entity;
  const isComposite = one.indicator === "composite";
  return (
    <Page
      title={cut(one.name)}
      badge={<State state={budget?.verdict ?? one.verdict} tone={budget ? verdictTone(budget) : "unknown"}>{VERDICT_WORDS[budget?.verdict ?? one.verdict] ?? one.verdict}</State>}
      lead={<><span className="foreign">{cut(one.description, 400)}</span>{one.description && " "}{sentence(indicatorText(one))}</>}
      controls={
        <div className={classes.facts}>
          <Link to="/objectives" search={(old) => ({ ...keepTimes(old), service: one.service })} className="foreign">{cut(one.service)}</Link>
          {entity && <Link to="/health/entities/$entity" params={{ entity }} search={keepTimes} className="foreign">{cut(entity)}</Link>}
          {Object.keys(one.labels).length > 0 && <LabelSet labels={one.labels} />}
        </div>
      }
      tabs={budgets.length > 1 && (
        <nav className={classes.budgets} aria-label="Budgets">
          {budgets.map((each) => (
            <Link key={groupText(each.labels)} to="/objectives/$objective" params={{ objective: one.objective }} search={(old) => ({ ...old, budget: groupText(each.labels) })} className={`${classes.budget ?? ""} ${each === budget ? classes.chosen ?? "" : ""}`} aria-current={each === budget ? "page" : undefined}>
              <Mark tone={verdictTone(each)} size={10} /><span className="foreign">{cut(groupText(each.labels), 80)}</span>
              <span className="muted">{each.left === null ? "not known" : `${percentText(each.left, 0)} left`}</span>
            </Link>
          ))}
        </nav>
      )}
    >
      {error !== null && <Failure error={error} what="What is shown is old" />}
      {problemsOf(one).map((problem) => <p key={problem} className={classes.problem} role="status"><IconAlertTriangle size={17} aria-hidden /><span className="foreign">{cut(problem, 800)}</span></p>)}
      {budget === undefined ? <Panel><Empty title="Nothing was counted yet" icon={<IconTarget size={30} />}>As soon as its series are there, what is left of the budget is told here.</Empty></Panel> : (
        <>
          <Numbers one={one} budget={budget} nowS={range.toS} />
          <div className={classes.wide}>
            <BurnDown key={groupText(budget.labels)} objective={one} budget={budget} />
            {isComposite ? <Parts parts={parts} /> : <Spenders objective={one} budget={budget} />}
          </div>
          <div className="grid">
            {!isComposite && <Events key={one.objective} objective={one} budget={budget} />}
            <BurnHistory objective={one} budget={budget} group={group.data} />
          </div>
          <div className={classes.wide}>
            <BurnRates objective={one} budget={budget} group={group.data} />
            <div className="stack">
              <ObjectiveAlerts objective={one} budget={budget} />
              {!isComposite && one.target !== null && <WhatIf objective={one} budget={budget} nowS={range.toS} />}
            </div>
          </div>
        </>
      )}
      {rules.length > 0 && <ObjectiveRules name={one.ruleGroup ?? one.objective} rules={rules} group={group.data} />}
    </Page>
  );
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function Numbers({ one, budget, nowS }: { one: One; budget: Budget; nowS: number }) {
  const told = hoursTold(budget, one.period, one.indicator);
  const hours = budget.hoursLeft;
  const pace = periodPace(budget, nowS);
  const tone = verdictTone(budget);
  const seconds = (value: number | null) => (value === null ? null : value * 3600);
  const isUnmeasured = budget.unmeasuredShare >= 0.01;
  return (
    <Figures label="How it stands">
      <Figure name="Hours left" value={told.title} tone={told.tone}>
        {told.text}
        {hours && budget.left !== null && budget.left > 0 && <TimeTrack low={seconds(hours.low)} median={seconds(hours.median)} high={seconds(hours.high)} horizon={hours.horizon * 3600} tone={told.tone} label={`${told.title}. ${told.text}`} />}
      </Figure>
      <Figure name="Left of the budget" value={budget.left === null ? "Not known" : percentText(budget.left, Math.abs(budget.left) >= 10 ? 0 : 1)} tone={tone}>
        <div className={classes.bar}><BudgetBar left={budget.left} tone={tone} label="Budget" /></div>
        {leftAmounts(budget, one.indicator)}
      </Figure>
      <Figure name="Pace of the period" value={burnNumber(pace)} tone={burnTone(pace)}>
        {sentence(burnText(pace))}
        <dl className={classes.paces}><dt>last hour</dt><dd>{burnNumber(budget.burnRateHour)}</dd><dt>last day</dt><dd>{burnNumber(budget.burnRateDay)}</dd></dl>
      </Figure>
      {budget.goodRatio !== null && one.target !== null && (
        <Figure name="Good so far" value={percentText(budget.goodRatio, 3)} tone={budget.goodRatio >= one.target ? "good" : "bad"}>
          {percentText(one.target)} was promised{one.latencyErrorShare !== null && one.latencyErrorShare > 0 ? `; ± ${percentText(one.latencyErrorShare, 3)} by the bounds of its histogram` : ""}.
        </Figure>
      )}
      <Figure name="Not measured" value={percentText(budget.unmeasuredShare, budget.unmeasuredShare < 0.01 ? 2 : 1)} tone={isUnmeasured ? "warn" : undefined}>
        {isUnmeasured ? "That time counts as neither good nor bad; do not take it for success." : "of the period so far; it counts as neither good nor bad."}
      </Figure>
    </Figures>
  );
}

function Parts({ parts }: { parts: readonly string[] }) {
  return (
    <Panel title="Made of" hint="the objectives whose events it joins">
      {parts.length === 0 ? <Empty title="Its parts are not told" /> : <ul className={classes.lead}>{parts.map((part) => <li key={part}><Link to="/objectives/$objective" params={{ objective: part }} search={keepTimes}>{cut(part)}</Link></li>)}</ul>}
    </Panel>
  );
}
