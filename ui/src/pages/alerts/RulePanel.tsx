/** The rule behind an alert. */

import { Link } from "@tanstack/react-router";
import type { Evidence } from "@/api/alertmanager";
import { Expression } from "@/components/alerts/Expression";
import type { RuleOf } from "@/components/alerts/rows";
import { fileName } from "@/components/alerts/words";
import { visible } from "@/components/LabelSet";
import { Empty, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { durationText, spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import classes from "./one.module.css";

/** Without what laying out changes: lines, brackets, and the order of labels. */
const bare = (query: string) => query.split(/[^\w.:=~!"<>]+/).filter(Boolean).sort().join(" ");

export function RulePanel({ source, frozen }: { source: RuleOf | null; frozen: Evidence | null }) {
  const query = source?.rule.query ?? frozen?.rule.query;
  if (query === undefined) return <Panel title="Rule"><Empty title="No rule of this server made it">It was sent by another server, or its rule is gone.</Empty></Panel>;
  const wait = source?.rule.duration ?? frozen?.rule.forSeconds ?? 0;
  const name = source?.rule.name ?? frozen?.rule.name ?? "";
  const group = source?.group ?? frozen?.rule.group ?? "";
  return (
    <Panel title="Rule" actions={<Link to="/alerts/$tab" params={{ tab: "backtest" }} search={(old) => ({ ...keepTimes(old), expr: query.trim(), for: durationText(wait * 1000) })}>Backtest</Link>}>
      <Expression text={query} lines={8} />
      <dl className={classes.facts}>
        <div><dt>Waits</dt><dd>{wait > 0 ? spokenDuration(wait) : "not at all"}</dd></div>
        <div><dt>Name</dt><dd><Link to="/alerts/$tab" params={{ tab: "rules" }} search={(old) => ({ ...keepTimes(old), find: name, group })} className="foreign">{visible(name.slice(0, 120))}</Link></dd></div>
        <div><dt>Group</dt><dd className="foreign">{visible(group.slice(0, 120))}{source ? <span className="muted"> every {spokenDuration(source.interval)}</span> : null}</dd></div>
        <div><dt>File</dt><dd className="foreign" title={(source?.file ?? frozen?.rule.file ?? "").slice(0, 500)}>{visible(fileName(source?.file ?? frozen?.rule.file ?? "").slice(0, 120))}{frozen ? `, line ${frozen.rule.line}` : ""}</dd></div>
        {source && <div><dt>Health</dt><dd><State state={source.rule.health} /> <span className="muted">looked <When ms={Date.parse(source.rule.lastEvaluation)} />, in {formatValue(source.rule.evaluationTime, "s")}</span></dd></div>}
        {source?.rule.lastError !== undefined && source.rule.lastError !== "" && <div><dt>Error</dt><dd className="bad foreign">{visible(source.rule.lastError.slice(0, 400))}</dd></div>}
      </dl>
      {source && frozen && bare(source.rule.query) !== bare(frozen.rule.query) && <p className="warn">The rule was another one when it fired.</p>}
    </Panel>
  );
}
