/** The first thing that is seen: whether all is well, and if not, why. */

import { Fragment, memo, type ReactNode } from "react";
import { Link } from "@tanstack/react-router";
import type { AmAlert } from "@/api/alertmanager";
import type { Entity, Forecasts, Objectives } from "@/api/own";
import { visible } from "@/components/LabelSet";
import { keepTimes } from "@/components/places";
import { Mark, type Tone, toneOf } from "@/components/State";
import { When } from "@/components/When";
import { useSettings } from "@/state/settings";
import { spokenDuration } from "@/lib/duration";
import { runningOut } from "./runningOut";
import { badObjectives, calmWords, type Part, plural, severityRank, verdictOf } from "./verdict";
import classes from "./VerdictPanel.module.css";

interface VerdictPanelProps { entities: readonly Entity[]; alerts: readonly AmAlert[]; objectives: Objectives; forecasts: Forecasts; targets: { up: number; down: number; unknown: number } | undefined }

export const VerdictPanel = memo(function VerdictPanel({ entities, alerts, objectives, forecasts, targets }: VerdictPanelProps) {
  const verdict = verdictOf(entities, alerts.map((alert) => ({ severity: alert.labels["severity"] ?? "", summary: alert.annotations["summary"] ?? alert.labels["alertname"] ?? "", entity: alert.labels["entity"] })), objectives);
  const budgets = badObjectives(objectives);
  const calm = calmWords(objectives);
  const exhausted = budgets.filter((one) => one.verdict === "exhausted").length;
  const severe = alerts.filter((alert) => severityRank(alert.labels["severity"] ?? "") >= 3).length;
  const soon = runningOut(forecasts)[0];
  return (
    <section className={classes.panel} data-tone={verdict.tone} aria-label="How everything is">
      <span className={classes.mark}><Mark tone={verdict.tone} size={30} label={verdict.word} /></span>
      <div className={classes.words}>
        <p className={classes.sentence}>{verdict.sentence.map((part, index) => <Fragment key={index}>{said(part)}</Fragment>)}</p>
        {verdict.also && <p className={classes.also}>Besides: <bdi className="foreign">{visible(verdict.also.slice(0, 300))}</bdi></p>}
        <ul className={classes.facts}>
          {(["down", "degraded", "unknown", "up"] as const).map((state) => {
            const count = entities.filter((one) => one.state === state).length;
            return count === 0 ? null : <Fact key={state} tone={toneOf(state)}><Link to="/health" search={(old) => ({ ...keepTimes(old), tab: "entities", state })}>{count} {state}</Link></Fact>;
          })}
          <Fact tone={alerts.length === 0 ? "good" : severe > 0 ? "bad" : "warn"}><Link to="/alerts" search={keepTimes}>{alerts.length === 0 ? "no alert fires" : alerts.length === 1 ? "1 alert fires" : `${alerts.length} alerts fire`}</Link></Fact>
          {objectives.length > 0 && <Fact tone={exhausted > 0 ? "bad" : budgets.length > 0 ? "warn" : calm.tone}><Link to="/objectives" search={keepTimes}>{budgets.length === 0 ? calm.text : [exhausted > 0 ? `${plural(exhausted, "budget")} used up` : "", budgets.length > exhausted ? `${budgets.length - exhausted} at risk` : ""].filter(Boolean).join(", ")}</Link></Fact>}
          {soon && <Fact tone={soon.tone}><Link to="/forecasts" search={(old) => ({ ...keepTimes(old), name: soon.name })}>{visible(soon.name)} {soon.seconds <= 0 ? "is over its limit" : `reaches its limit in ${spokenDuration(soon.seconds)}`}</Link></Fact>}
          {targets && <Fact tone={targets.down > 0 ? "bad" : "good"}><Link to="/system/$tab" params={{ tab: "targets" }} search={keepTimes}>{targets.down > 0 ? `${targets.down} of ${plural(targets.up + targets.down + targets.unknown, "target")} down` : `${plural(targets.up, "target")} up`}</Link></Fact>}
        </ul>
      </div>
    </section>
  );
});

function said(part: Part): ReactNode {
  if ("sinceMs" in part) return <Since ms={part.sinceMs} />;
  const text = <bdi className="foreign">{visible(part.text.slice(0, 400))}</bdi>;
  return "entity" in part ? <Link to="/health/entities/$entity" params={{ entity: part.entity }} search={keepTimes} className={classes.entity}>{text}</Link> : text;
}

/** `for 5 min`, or `since 14:03:20` for those who want clocks. */
function Since({ ms }: { ms: number }) {
  const { times } = useSettings();
  return <span className={classes.since}>{times === "absolute" && "since "}<When ms={ms} form="for" /></span>;
}

function Fact({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <li className={classes.fact}><Mark tone={tone} size={10} />{children}</li>;
}
