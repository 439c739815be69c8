/** Who spends the budget: the share of what is bad beside the share of all, each a way into Explore. */

import { useMemo, useState } from "react";
import { Link } from "@tanstack/react-router";
import { SegmentedControl } from "@mantine/core";
import { Empty, Failure, Panel, Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import type { Objective } from "@/api/own";
import type { Instant } from "@/api/prometheus";
import { durationText } from "@/lib/duration";
import { type Labels, labelsKey } from "@/lib/labels";
import { useRange } from "@/state/range";
import { cut } from "@/lib/text";
import { budgetSeries, byNames, usePresent } from "./queries";
import { amountText, type Budget, percentText } from "./words";
import classes from "./Spenders.module.css";

export interface Spender { labels: Labels; bad: number; total: number; badShare: number; totalShare: number }

/** Shares of each combination of values, most bad first. */
export function spendersOf(bad: Instant, total: Instant): Spender[] {
  const all = new Map(total.samples.map((sample) => [labelsKey(sample.labels), sample.value ?? 0]));
  const found = bad.samples.map(({ labels, value }) => ({ labels, bad: value ?? 0, total: all.get(labelsKey(labels)) ?? 0 }));
  const sum = (pick: (one: { bad: number; total: number }) => number) => found.reduce((total_, one) => total_ + pick(one), 0);
  const badSum = sum((one) => one.bad);
  const totalSum = [...all.values()].reduce((one, other) => one + other, 0);
  return found
    .filter((one) => one.bad > 0)
    .map((one) => ({ ...one, badShare: badSum > 0 ? one.bad / badSum : 0, totalShare: totalSum > 0 ? one.total / totalSum : 0 }))
    .sort((a, b) => b.bad - a.bad);
}

type Span = "period" | "shown";
const SHOWN_MAX = 20;

export function Spenders({ objective, budget }: { objective: Objective; budget: Budget }) {
  const range = useRange();
  const [span, setSpan] = useState<Span>("period");
  const names = useMemo(() => [...new Set(budget.spentBy.flatMap(({ labels }) => Object.keys(labels)))], [budget]);
  const nowS = Math.floor(range.toS / 60) * 60;
  const seconds = span === "period" ? Math.max(60, Math.min(budget.end, nowS) - budget.start) : Math.max(60, range.toS - range.fromS);
  const window = durationText(Math.round(seconds / 60) * 60_000);
  const end = span === "shown" && range.text.to !== "now" ? ` @ ${Math.floor(range.toS)}` : "";
  const query = (metric: string) => (names.length === 0 ? "" : `sum by (${byNames(names)}) (sum_over_time(${budgetSeries(metric, objective, budget)}[${window}]${end}))`);
  const isSpend = objective.indicator === "spend";
  const bad = usePresent(query("slo:bad_events"));
  const total = usePresent(query(isSpend ? "slo:bad_events" : "slo:events"));
  const spenders = bad.data && total.data ? spendersOf(bad.data, total.data) : null;
  const control = names.length > 0 && (
    <SegmentedControl value={span} onChange={(value) => setSpan(value === "shown" ? "shown" : "period")} data={[{ value: "period", label: "Period" }, { value: "shown", label: "Time shown" }]} aria-label="Over which time" />
  );
  return (
    <Panel title="Who spends it" hint={isSpend ? "of what was spent" : "of the bad, beside of all"} actions={control}>
      {names.length === 0 ? (
        <Empty title={budget.bad > 0 ? "Nobody is named" : "Nothing is spent"}>{budget.bad > 0 ? <>Name labels with <code>spent_by</code> in the objective, and they are told apart here.</> : "There was no bad event in this period."}</Empty>
      ) : bad.error && !spenders ? <Failure error={bad.error} retry={() => void bad.refetch()} /> : !spenders ? <Waiting height={200} /> : spenders.length === 0 ? (
        <Empty title="Nothing was spent in this time">Look at a longer time.</Empty>
      ) : (
        <>
          <p className={classes.names}>by <span className="foreign">{names.map((name) => cut(name, 60)).join(", ")}</span></p>
          <div className={classes.list} role="list">
            {spenders.slice(0, SHOWN_MAX).map((one) => <div role="listitem" key={labelsKey(one.labels)}><SpenderRow one={one} names={names} objective={objective} budget={budget} isSpend={isSpend} /></div>)}
          </div>
          <p className={classes.key}>
            <span><i />share of {isSpend ? "what is spent" : "bad events"}</span>
            {!isSpend && <span><i className={classes.allKey} />share of all events</span>}
            {spenders.length > SHOWN_MAX && <span>{spenders.length - SHOWN_MAX} more spent less</span>}
          </p>
        </>
      )}
    </Panel>
  );
}

function SpenderRow({ one, names, objective, budget, isSpend }: { one: Spender; names: readonly string[]; objective: Objective; budget: Budget; isSpend: boolean }) {
  const series = (metric: string) => `sum(sum_over_time(${budgetSeries(metric, objective, budget, one.labels)}[5m]))`;
  const ratio = one.totalShare > 0 ? one.badShare / one.totalShare : null;
  const isAllBad = one.total > 0 && one.bad / one.total > 0.999;
  return (
    <Link to="/explore" className={classes.row} search={(old) => ({ ...keepTimes(old), q: isSpend ? [{ expr: series("slo:bad_events") }] : [{ expr: series("slo:bad_events"), legend: "bad" }, { expr: series("slo:events"), legend: "all" }] })} title="Look at it in Explore">
      <span className={`${classes.who ?? ""} foreign`}>{names.map((name) => [name, one.labels[name] ?? ""] as const).map(([name, value]) => <span key={name} title={`${name}=${value.slice(0, 300)}`}>{value === "" ? "none" : cut(value, 80)}</span>)}</span>
      <div className={classes.bars}>
        <div className={classes.bar} role="img" aria-label={`${percentText(one.badShare, 1)} of what is bad`}><div style={{ width: `${one.badShare * 100}%` }} /></div>
        {!isSpend && <div className={`${classes.bar ?? ""} ${classes.all ?? ""}`} role="img" aria-label={`${percentText(one.totalShare, 1)} of all`}><div style={{ width: `${one.totalShare * 100}%` }} /></div>}
      </div>
      <span className={classes.number}>{percentText(one.badShare, one.badShare < 0.1 ? 1 : 0)}</span>
      <span className={classes.times} title={isSpend ? undefined : "Bad of all"}>{isSpend ? amountText(one.bad) : isAllBad ? `${amountText(one.bad)} bad` : ratio === null ? amountText(one.bad) : `${burnShare(ratio)} its part`}</span>
    </Link>
  );
}

const burnShare = (ratio: number) => `${ratio >= 10 ? Math.round(ratio) : Number(ratio.toPrecision(2))}×`;
