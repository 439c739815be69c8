/** What fires for an objective, what fired before, and the rules that it is made of. */

import { Link } from "@tanstack/react-router";
import { IconChevronRight } from "@tabler/icons-react";
import { ask } from "@/api/client";
import { useNowQuery } from "@/api/hooks";
import { get, type Objective } from "@/api/own";
import type { RuleGroup } from "@/api/prometheus";
import { Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { visible } from "@/components/LabelSet";
import { type Labels, quoted } from "@/lib/labels";
import { cut } from "@/lib/text";
import { isOf } from "@/lib/frames";
import type { Budget } from "./words";
import classes from "./Alerts.module.css";

interface Fired { fingerprint: string; labels: Labels; annotations: Labels; startsAt: string; status: { state: string } }

const PAST_SHOWN = 8;

export function ObjectiveAlerts({ objective, budget }: { objective: Objective; budget: Budget }) {
  const matchers = [`slo=${quoted(objective.name)}`, `service=${quoted(objective.service)}`];
  const now = useNowQuery(["alerts", "objective", objective.objective], (signal) => ask<Fired[]>("/am/api/v2/alerts", { params: { filter: matchers }, signal }));
  const past = useNowQuery(["timeline", "objective", objective.objective], async (signal) => (await get("/api/bellwether/v1/timeline", { params: { filter: matchers, kind: "firing,resolved", limit: 60 }, signal })).rows, { everyMs: 30_000 });
  const rows = (past.data ?? []).filter(({ labels }) => isOf(labels, budget.labels)).slice(0, PAST_SHOWN);
  return (
    <Panel title="Alerts" actions={<Link to="/alerts" search={(old) => ({ ...keepTimes(old), find: objective.name })}>All alerts</Link>}>
      <Loaded answer={now} height={80} what="The alerts cannot be read">
        {(all) => {
          const own = all.filter(({ labels }) => isOf(labels, budget.labels) || labels["slo_alert"] === "measurement");
          return own.length === 0 ? <p className={classes.quiet}>Nothing fires for this objective.</p> : (
            <ul className={classes.list}>
              {own.map((one) => (
                <li key={one.fingerprint} className={classes.alert}>
                  <div className={classes.line}>
                    <State state={one.status.state === "active" ? "firing" : one.status.state} />
                    <Link className={classes.name} to="/alerts/one/$fingerprint" params={{ fingerprint: one.fingerprint }} search={keepTimes}>{cut(one.labels["alertname"] ?? "Alert", 80)}</Link>
                    <span className="muted"><When ms={Date.parse(one.startsAt)} form="for" /></span>
                  </div>
                  {one.annotations["summary"] && <p className="foreign">{cut(one.annotations["summary"], 400)}</p>}
                  {one.annotations["description"] && <p className={`${classes.text ?? ""} foreign`}>{cut(one.annotations["description"], 600)}</p>}
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
      {rows.length > 0 && (
        <ul className={classes.list} aria-label="Earlier">
          {rows.map((row) => (
            <li key={`${row.time} ${row.kind} ${row.fingerprint}`} className={`${classes.line ?? ""} ${classes.quiet ?? ""}`}>
              <State state={row.kind} tone={row.kind === "firing" ? "bad" : "good"} />
              <Link to="/alerts/one/$fingerprint" params={{ fingerprint: row.fingerprint }} search={keepTimes}>{cut(row.labels["alertname"] ?? "Alert", 80)}</Link>
              <When ms={row.time * 1000} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function ObjectiveRules({ name, rules, group }: { name: string; rules: readonly { name: string; alert: boolean; query: string }[]; group: RuleGroup | null | undefined }) {
  const states = new Map((group?.rules ?? []).map((rule) => [rule.name, rule.health]));
  return (
    <Panel title="Its rules" hint={`${rules.length} ordinary rule${rules.length === 1 ? "" : "s"}, made from the objective`} actions={<Link to="/alerts/$tab" params={{ tab: "rules" }} search={(old) => ({ ...keepTimes(old), find: name })}>Open in rules</Link>}>
      <div className={classes.rules}>
        {grouped(rules).map(({ name: ruleName, own }) => (
          <details key={ruleName} className={classes.rule}>
            <summary>
              <IconChevronRight size={14} aria-hidden />
              <code className="foreign">{cut(ruleName, 120)}</code>
              <span className={classes.kind}>{own[0]?.alert ? "alert" : "series"}{own.length > 1 && `, ${own.length} ${own[0]?.alert ? "rules" : "windows"}`}</span>
              {states.get(ruleName) === "err" && <State state="error" />}
            </summary>
            {own.map((rule) => (
              <div key={rule.query} className={classes.query}>
                <div className={classes.foot}>{windowOf(rule) && <strong>over {windowOf(rule)}</strong>}<Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: rule.query }] })}>Open in Explore</Link></div>
                <pre className="foreign" tabIndex={0}>{visibleLines(rule.query)}</pre>
              </div>
            ))}
          </details>
        ))}
      </div>
    </Panel>
  );
}

interface RuleText { name: string; alert: boolean; query: string }

/** Rules of one name stand together, in their order. */
function grouped(rules: readonly RuleText[]): { name: string; own: RuleText[] }[] {
  const found = new Map<string, RuleText[]>();
  for (const rule of rules) found.set(rule.name, [...(found.get(rule.name) ?? []), rule]);
  return [...found].map(([name, own]) => ({ name, own }));
}

/** Lines stay lines. */
const visibleLines = (text: string) => text.slice(0, 20_000).split("\n").map((line) => visible(line)).join("\n");

/** The window of a series that stands once for each window. */
function windowOf(rule: { name: string; query: string }): string | null {
  return rule.name === "slo:burn_rate" || rule.name === "slo:chance" ? (/\[(\w+)\]/.exec(rule.query)?.[1] ?? null) : null;
}
