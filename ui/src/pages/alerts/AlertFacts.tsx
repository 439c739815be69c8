/** Facts of an alert: where, who knows, why nobody is told, and its labels. */

import { Fragment, type ReactNode } from "react";
import { Link } from "@tanstack/react-router";
import { taken } from "@/components/alerts/expression";
import type { AlertRow } from "@/components/alerts/rows";
import { LabelSet, visible } from "@/components/LabelSet";
import { keepTimes } from "@/components/places";
import { When } from "@/components/When";
import type { Labels } from "@/lib/labels";
import { formatValue, unitOf } from "@/lib/units";
import classes from "./one.module.css";

export function AlertFacts({ row, labels, nameOf }: { row: AlertRow | undefined; labels: Labels; nameOf: (fingerprint: string) => string | undefined }) {
  const facts: [string, ReactNode][] = [];
  const entity = labels["entity"];
  if (row?.value !== null && row?.value !== undefined) facts.push(["Value", formatValue(row.value, row.source ? unitOf(taken(row.source.rule.query).value) : "short")]);
  if (entity !== undefined) facts.push(["Entity", <Link key="e" to="/health/entities/$entity" params={{ entity }} search={keepTimes} className="foreign">{visible(entity.slice(0, 160))}</Link>]);
  if (row && row.causedBy.length > 0) facts.push(["Caused by", row.causedBy.slice(0, 5).map((cause, index) => <Fragment key={cause}>{index > 0 && ", "}<Link to="/health/entities/$entity" params={{ entity: cause }} search={keepTimes} className="foreign">{visible(cause.slice(0, 100))}</Link></Fragment>)]);
  const ack = row?.acknowledgement;
  if (ack) facts.push(["Acknowledged", <span key="a" className="foreign"><b>{visible(ack.by.slice(0, 80))}</b>, <When ms={ack.time * 1000} />{ack.comment === "" ? "" : `: ${visible(ack.comment.slice(0, 400))}`}{ack.until === undefined ? null : <> (ends <When ms={ack.until * 1000} form="in" />)</>}</span>]);
  if (row && row.silencedBy.length > 0) facts.push(["Silenced by", row.silencedBy.slice(0, 4).map((id, index) => <Fragment key={id}>{index > 0 && ", "}<Link to="/alerts/$tab" params={{ tab: "silences" }} search={(old) => ({ ...keepTimes(old), id })}>{visible(id.slice(0, 8))}</Link></Fragment>)]);
  if (row && row.inhibitedBy.length > 0) facts.push(["Inhibited by", row.inhibitedBy.slice(0, 4).map((by, index) => <Fragment key={by}>{index > 0 && ", "}<Link to="/alerts/one/$fingerprint" params={{ fingerprint: by }} search={keepTimes} className="foreign">{visible((nameOf(by) ?? by).slice(0, 100))}</Link></Fragment>)]);
  if (row && row.mutedBy.length > 0) facts.push(["Muted in", <span key="m" className="foreign">{visible(row.mutedBy.join(", ").slice(0, 200))}</span>]);
  if (row) facts.push(["Told", row.receivers.length > 0 ? <span key="t" className="foreign">{visible(row.receivers.join(", ").slice(0, 200))}</span> : <span key="t" className="muted">nobody yet</span>]);
  return (
    <dl className={classes.facts}>
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
      <div className={classes.labels}><dt>Labels</dt><dd><LabelSet labels={labels} most={30} /></dd></div>
      <div><dt /><dd><Link to="/alerts/$tab" params={{ tab: "routes" }} search={(old) => ({ ...keepTimes(old), labels: JSON.stringify(labels) })}>How it is routed</Link></dd></div>
    </dl>
  );
}
