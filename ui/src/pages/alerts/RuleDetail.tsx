/** One rule, opened: what it measures, what it says, its alerts and what happened to them. */

import { useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { Button } from "@mantine/core";
import { IconChartLine, IconHistory, IconPlayerPlay } from "@tabler/icons-react";
import { fingerprintOf } from "@/api/alertmanager";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import type { Rule, RuleGroup } from "@/api/prometheus";
import { Expression } from "@/components/alerts/Expression";
import { RuleChart } from "@/components/alerts/RuleChart";
import { SafeText } from "@/components/alerts/SafeText";
import { chartSpans, spansOf } from "@/components/alerts/spans";
import { LabelSet, visible } from "@/components/LabelSet";
import { Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { durationText, spokenDuration } from "@/lib/duration";
import { quoted } from "@/lib/labels";
import { useNow } from "@/state/range";
import { AlertTimeline } from "./AlertTimeline";
import classes from "./rules.module.css";

const NO_EVIDENCE: ReadonlySet<string> = new Set();

export function RuleDetail({ rule, group }: { rule: Rule; group: RuleGroup }) {
  const nowMs = useNow(15_000);
  const isAlerting = rule.type === "alerting";
  const filters = useMemo(() => [`alertname=${quoted(rule.name)}`, ...Object.entries(rule.labels ?? {}).filter(([, value]) => !value.includes("{{")).map(([name, value]) => `${name}=${quoted(value)}`)], [rule.name, rule.labels]);
  const history = useNowQuery(["timeline", "rule", filters], (signal) => get("/api/bellwether/v1/timeline", { params: { filter: filters, start: 0, limit: 400 }, signal }), { enabled: isAlerting });
  const rows = history.data?.rows;
  const spans = useMemo(() => {
    const byAlert = new Map<string, { time: number; kind: string }[]>();
    for (const row of rows ?? []) byAlert.set(row.fingerprint, [...(byAlert.get(row.fingerprint) ?? []), row]);
    return [...byAlert.values()].flatMap((one) => chartSpans(spansOf(one, nowMs / 1000)));
  }, [rows, nowMs]);
  return (
    <div className={classes.detail}>
      <div className="stack">
        <Expression text={rule.query} />
        <RuleChart query={rule.query} name={rule.name} spans={spans} height={200} />
      </div>
      <div className="stack tight">
        <div className="row wrap">
          <Button size="compact-sm" leftSection={<IconChartLine size={14} />} renderRoot={(props) => <Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: rule.query }] })} {...props} />}>Explore</Button>
          {isAlerting && <Button size="compact-sm" leftSection={<IconHistory size={14} />} renderRoot={(props) => <Link to="/alerts/$tab" params={{ tab: "backtest" }} search={(old) => ({ ...keepTimes(old), expr: rule.query, for: durationText(rule.duration * 1000) })} {...props} />}>Backtest</Button>}
          {isAlerting && <Button size="compact-sm" leftSection={<IconPlayerPlay size={14} />} renderRoot={(props) => <Link to="/alerts/$tab" params={{ tab: "simulate" }} search={(old) => ({ ...keepTimes(old), rule: rule.name })} {...props} />}>Simulate</Button>}
        </div>
        {rule.lastError !== undefined && rule.lastError !== "" && <p className="bad foreign">{visible(rule.lastError.slice(0, 600))}</p>}
        <dl className={classes.defs}>
          {isAlerting && <div><dt>Waits</dt><dd>{rule.duration > 0 ? spokenDuration(rule.duration) : "not at all"}{rule.keepFiringFor > 0 ? `, stays for ${spokenDuration(rule.keepFiringFor)}` : ""}</dd></div>}
          <div><dt>Looked</dt><dd><When ms={Date.parse(rule.lastEvaluation)} /></dd></div>
          <div><dt>File</dt><dd className="foreign">{visible(group.file.slice(0, 300))}</dd></div>
          {Object.keys(rule.labels ?? {}).length > 0 && <div><dt>Labels</dt><dd><LabelSet labels={rule.labels ?? {}} most={20} /></dd></div>}
          {isAlerting && Object.entries(rule.annotations).map(([name, value]) => <div key={name}><dt className="foreign">{visible(name.slice(0, 40))}</dt><dd className={classes.annotation} tabIndex={0}><SafeText text={value} /></dd></div>)}
        </dl>
        {isAlerting && rule.alerts.length > 0 && (
          <>
            <h3 className={classes.part}>Its alerts</h3>
            <ul className={classes.alerts}>
              {rule.alerts.slice(0, 20).map((alert) => {
                const fingerprint = fingerprintOf(alert.labels);
                const set = Object.entries(alert.labels).filter(([name, value]) => name !== "alertname" && rule.labels?.[name] !== value);
                return <li key={fingerprint} className="row wrap"><State state={alert.state} tone={alert.state === "firing" ? "bad" : "warn"} /><Link to="/alerts/one/$fingerprint" params={{ fingerprint }} search={keepTimes} className="foreign">{visible((set.map(([, value]) => value).join(", ") || rule.name).slice(0, 160))}</Link><span className="muted"><When ms={Date.parse(alert.activeAt ?? "")} form="for" /></span></li>;
              })}
            </ul>
          </>
        )}
        {isAlerting && <><h3 className={classes.part}>What happened</h3>{rows ? <AlertTimeline rows={rows} evidenceIds={NO_EVIDENCE} /> : <Waiting height={60} />}</>}
      </div>
    </div>
  );
}
