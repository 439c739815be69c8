/** Below the map: what fires, which budgets are in danger, what changed, what runs out. */

import { memo, type ReactNode, useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { IconBellOff, IconHistory, IconTarget, IconTelescope } from "@tabler/icons-react";
import type { AmAlert } from "@/api/alertmanager";
import type { Forecasts, Objectives } from "@/api/own";
import { LabelSet, visible } from "@/components/LabelSet";
import { Meter } from "@/components/Meter";
import { Empty, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State } from "@/components/State";
import { When } from "@/components/When";
import { entityTitle } from "@/components/map/graph";
import { spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import { useHour, useHourOf } from "./asks";
import { alertChanges, type Change, entityChanges, newestFirst, restartChanges, scalingChanges, TOLD_KINDS } from "./changes";
import { runningOut } from "./runningOut";
import { badObjectives, calmWords, severityRank, severityTone } from "./verdict";
import classes from "./Sections.module.css";

const SHOWN = 6;

export const Firing = memo(function Firing({ alerts }: { alerts: readonly AmAlert[] }) {
  const sorted = useMemo(() => [...alerts].sort((a, b) => severityRank(b.labels["severity"] ?? "") - severityRank(a.labels["severity"] ?? "") || Date.parse(b.startsAt) - Date.parse(a.startsAt)), [alerts]);
  return (
    <Panel title="Firing alerts" hint={alerts.length > 0 ? String(alerts.length) : undefined} actions={<Link to="/alerts" search={keepTimes}>All alerts</Link>} flush>
      {sorted.length === 0 ? <Empty title="No alert fires" icon={<IconBellOff size={24} />}>What fires stands here, the worst first. <Link to="/alerts/$tab" params={{ tab: "rules" }} search={keepTimes}>Rules</Link> say what would.</Empty> : (
        <ul className={classes.list}>
          {sorted.slice(0, SHOWN).map((alert) => {
            const severity = alert.labels["severity"] ?? "";
            const entity = alert.labels["entity"];
            return (
              <li key={alert.fingerprint}>
                <Link to="/alerts/one/$fingerprint" params={{ fingerprint: alert.fingerprint }} search={keepTimes} className={classes.row}>
                  <span className={classes.top}>
                    <State state={severity === "" ? "firing" : severity.slice(0, 24)} tone={severityTone(severity)} />
                    <span className={`${classes.name ?? ""} foreign`}>{visible((alert.labels["alertname"] ?? "alert").slice(0, 120))}</span>
                    {entity && <span className={`${classes.about ?? ""} foreign`}>{visible(entityTitle(entity).title.slice(0, 60))}</span>}
                    <span className={classes.when}><When ms={Date.parse(alert.startsAt)} form="for" /></span>
                  </span>
                  <span className={`${classes.summary ?? ""} foreign`}>{visible((alert.annotations["summary"] ?? alert.annotations["description"] ?? "").slice(0, 240))}</span>
                </Link>
              </li>
            );
          })}
          {sorted.length > SHOWN && <li><Link to="/alerts" search={keepTimes} className={classes.all}>{sorted.length - SHOWN} more</Link></li>}
        </ul>
      )}
    </Panel>
  );
});

export const Budgets = memo(function Budgets({ objectives }: { objectives: Objectives }) {
  const bad = useMemo(() => badObjectives(objectives), [objectives]);
  const calm = calmWords(objectives);
  const rows = bad.flatMap((objective) => objective.budgets.filter((budget) => budget.verdict !== "met").map((budget) => ({ objective, budget })));
  const empty = objectives.length === 0
    ? <Empty title="No objectives yet" icon={<IconTarget size={24} />}>An objective is a share of good events that a service promises. They stand under <code>slos</code> in the configuration.</Empty>
    : calm.tone === "unknown"
    ? <Empty title={calm.text} icon={<IconTarget size={24} />}>What is left of a budget is counted each minute, once its first events are there.</Empty>
    : <Empty title={`${objectives.length === 1 ? "The objective is" : `All ${objectives.length} objectives are`} met`} icon={<IconTarget size={24} />}>No budget is used up or about to be.</Empty>;
  return (
    <Panel title="Budgets in danger" hint={rows.length > 0 ? String(rows.length) : undefined} actions={<Link to="/objectives" search={keepTimes}>All objectives</Link>} flush>
      {rows.length === 0 ? empty : (
        <ul className={classes.list}>
          {rows.slice(0, SHOWN).map(({ objective, budget }, index) => {
            const tone = budget.verdict === "exhausted" ? "bad" : "warn";
            return (
              <li key={`${objective.objective}-${index}`}>
                <Link to="/objectives/$objective" params={{ objective: objective.objective }} search={keepTimes} className={classes.row}>
                  <span className={classes.top}>
                    <State state={budget.verdict} tone={tone}>{budget.verdict === "exhausted" ? "used up" : "at risk"}</State>
                    <span className={`${classes.name ?? ""} foreign`}>{visible(objective.objective.slice(0, 120))}</span>
                    <span className={`${classes.about ?? ""} foreign`}>{visible(Object.values(budget.labels).join(", ").slice(0, 80))}</span>
                    <span className={classes.when}>{hoursLeft(budget)}</span>
                  </span>
                  <span className={classes.meter}>
                    <Meter share={budget.left} tone={tone} label={`Budget left of ${objective.objective}`} />
                    <span>{budget.left === null ? "unknown" : budget.left < 0 ? `overspent by ${formatValue(-budget.left, "ratio")}` : `${formatValue(budget.left, "ratio")} left`}{budget.burnRateHour === null ? "" : `, last hour ${formatValue(budget.burnRateHour)}× of what is allowed`}</span>
                  </span>
                </Link>
              </li>
            );
          })}
          {rows.length > SHOWN && <li><Link to="/objectives" search={keepTimes} className={classes.all}>{rows.length - SHOWN} more</Link></li>}
        </ul>
      )}
    </Panel>
  );
});

type Budget = Objectives[number]["budgets"][number];
function hoursLeft(budget: Budget): ReactNode {
  const left = budget.hoursLeft;
  if (budget.verdict === "exhausted") return "nothing left";
  if (!left) return "";
  if (left.median === null) return `holds ${spokenDuration(left.horizon * 3600)} with ${formatValue(1 - left.probability, "ratio", 0)}`;
  return `about ${spokenDuration(left.median * 3600)} left`;
}

const CHANGES_SHOWN = 12;

export const Changes = memo(function Changes() {
  const rows = useHour(TOLD_KINDS);
  const states = useHourOf("entities", "max by (entity, state) (bellwether_entity_state == 1)");
  const starts = useHourOf("targets", "max by (job, instance) (process_start_time_seconds)");
  const changes = useMemo(() => newestFirst([
    ...alertChanges(rows.data ?? []), ...scalingChanges(rows.data ?? []),
    ...(states.data ? entityChanges(states.data) : []),
    ...(starts.data ? restartChanges(starts.data, Date.now() / 1000 - 3_600) : []),
  ]), [rows.data, states.data, starts.data]);
  const isWaiting = rows.isPending && states.isPending;
  return (
    <Panel title="What changed in the last hour" hint={changes.length > 0 ? String(changes.length) : undefined} actions={<Link to="/alerts/$tab" params={{ tab: "history" }} search={keepTimes}>History</Link>} flush>
      {changes.length === 0 ? (isWaiting ? <div style={{ minHeight: 240 }} /> : <Empty title="Nothing changed" icon={<IconHistory size={24} />}>Alerts, states of entities, scaling and restarts of the last hour stand here.</Empty>) : (
        <ol className={classes.changes}>
          {changes.slice(0, CHANGES_SHOWN).map((change) => <li key={change.id}><ChangeRow change={change} /></li>)}
          {changes.length > CHANGES_SHOWN && <li><Link to="/alerts/$tab" params={{ tab: "history" }} search={keepTimes} className={classes.all}>{changes.length - CHANGES_SHOWN} more</Link></li>}
        </ol>
      )}
    </Panel>
  );
});

function ChangeRow({ change }: { change: Change }) {
  const content = (
    <>
      <Mark tone={change.tone} size={10} />
      <span className={classes.changeWords}><b className="foreign">{visible(change.subject.slice(0, 80))}</b> {change.words}{change.more && <span className="muted foreign">, {visible(change.more.slice(0, 120))}</span>}</span>
      <span className={classes.when}><When ms={change.timeMs} /></span>
    </>
  );
  switch (change.to?.page) {
    case "entity": return <Link className={classes.change} to="/health/entities/$entity" params={{ entity: change.to.entity }} search={keepTimes}>{content}</Link>;
    case "alert": return <Link className={classes.change} to="/alerts/one/$fingerprint" params={{ fingerprint: change.to.fingerprint }} search={keepTimes}>{content}</Link>;
    case "scaling": { const { scaler } = change.to; return <Link className={classes.change} to="/scaling" search={(old) => ({ ...keepTimes(old), scaler })}>{content}</Link>; }
    case "targets": return <Link className={classes.change} to="/system/$tab" params={{ tab: "targets" }} search={keepTimes}>{content}</Link>;
    default: return <span className={classes.change}>{content}</span>;
  }
}

export const RunsOut = memo(function RunsOut({ forecasts }: { forecasts: Forecasts }) {
  const rows = useMemo(() => runningOut(forecasts), [forecasts]);
  return (
    <Panel title="What runs out" hint={rows.length > 0 ? String(rows.length) : undefined} actions={<Link to="/forecasts" search={keepTimes}>All forecasts</Link>} flush>
      {rows.length === 0 ? <Empty title={forecasts.length === 0 ? "Nothing is foreseen" : "Nothing runs out"} icon={<IconTelescope size={24} />}>{forecasts.length === 0 ? <>Disks, quotas and budgets that stand under <code>forecasts</code> in the configuration are told here before they are used up.</> : "No forecast reaches its limit within its horizon."}</Empty> : (
        <ul className={classes.list}>
          {rows.slice(0, SHOWN).map((row) => (
            <li key={`${row.name}${JSON.stringify(row.labels)}`}>
              <Link to="/forecasts" search={(old) => ({ ...keepTimes(old), name: row.name })} className={classes.row}>
                <span className={classes.top}>
                  <Mark tone={row.tone} size={11} />
                  <span className={`${classes.name ?? ""} foreign`}>{visible(row.name.slice(0, 80))}</span>
                  <LabelSet labels={row.labels} most={2} />
                  <span className={classes.when}>{row.seconds <= 0 ? "now" : `in about ${spokenDuration(row.seconds)}`}</span>
                </span>
                <span className={classes.summary}>{row.seconds <= 0 ? "Over its limit" : "Reaches its limit"} of {formatValue(row.limit)}; now {formatValue(row.value)}{row.seconds > 0 && row.soonest !== null ? `; between ${spokenDuration(row.soonest)} and ${row.latest === null ? "later than is foreseen" : spokenDuration(row.latest)}` : ""}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
});
