/** One alert in the list: what it is, where, how its value went, since when, and who knows of it. */

import { memo } from "react";
import { Link } from "@tanstack/react-router";
import { ActionIcon, Tooltip, UnstyledButton } from "@mantine/core";
import { IconBellOff, IconCheck, IconUserCheck } from "@tabler/icons-react";
import { LabelSet, visible } from "@/components/LabelSet";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import { Mark, State } from "@/components/State";
import { When } from "@/components/When";
import { taken } from "@/components/alerts/expression";
import type { AlertRow } from "@/components/alerts/rows";
import { severityTone } from "@/components/alerts/severity";
import { formatValue, unitOf } from "@/lib/units";
import classes from "./list.module.css";

export interface LineActions {
  toggle: (row: AlertRow) => void;
  focus: (row: AlertRow) => void;
  acknowledge: (row: AlertRow) => void;
  silence: (row: AlertRow) => void;
  pick: (name: string, value: string) => void;
  nameOf: (fingerprint: string) => string | undefined;
}

interface LineProps { row: AlertRow; isChosen: boolean; isCurrent: boolean; values: readonly (number | null)[] | undefined; actions: LineActions; withoutLabels: readonly string[]; /** Whether its name stands above it already. */ isNamed: boolean }

export const alertLinkId = (fingerprint: string) => `alert-${fingerprint}`;

export const AlertLine = memo(function AlertLine({ row, isChosen, isCurrent, values, actions, withoutLabels, isNamed }: LineProps) {
  const tone = row.state === "firing" || row.state === "acknowledged" || row.state === "pending" ? severityTone(row.severity) : "unknown";
  const entity = row.labels["entity"];
  const summary = row.annotations["summary"] ?? row.annotations["message"] ?? row.annotations["description"] ?? "";
  const unit = row.source ? unitOf(taken(row.source.rule.query).value) : "short";
  const name = visible(row.name.slice(0, 200));
  const title = isNamed && summary !== "" ? visible(summary.slice(0, 300)) : name;
  return (
    <li className={classes.line} data-tone={tone} data-chosen={isChosen || undefined} data-current={isCurrent || undefined} data-alert={row.fingerprint}>
      <UnstyledButton role="checkbox" aria-checked={isChosen} aria-label={`Select ${name}`} className={classes.check} onClick={() => actions.toggle(row)}>{isChosen && <IconCheck size={13} stroke={3} aria-hidden />}</UnstyledButton>
      <div className={classes.what}>
        <div className={classes.name}>
          <Mark tone={tone} size={12} label={row.severity || "no severity"} />
          <Link id={alertLinkId(row.fingerprint)} to="/alerts/one/$fingerprint" params={{ fingerprint: row.fingerprint }} search={keepTimes} className={`${classes.title ?? ""} foreign`} onFocus={() => actions.focus(row)}>{title}</Link>
          {row.severity !== "" && <span className={`${classes.severity ?? ""} ${tone} foreign`}>{visible(row.severity.slice(0, 24))}</span>}
          {row.state !== "firing" && <State state={row.state} tone={row.state === "acknowledged" ? "accent" : row.state === "pending" ? "warn" : "unknown"} />}
        </div>
        {summary !== "" && !isNamed && <p className={`${classes.summary ?? ""} foreign`}>{visible(summary.slice(0, 400))}</p>}
        <Why row={row} nameOf={actions.nameOf} />
      </div>
      <div className={classes.labels}>
        {entity !== undefined && <Link to="/health/entities/$entity" params={{ entity }} search={keepTimes} className={`${classes.entity ?? ""} foreign`}>{visible(entity.slice(0, 120))}</Link>}
        <LabelSet labels={row.labels} without={withoutLabels} most={4} onPick={actions.pick} />
      </div>
      <div className={classes.value}>
        <div className={classes.spark}>{values && <Sparkline values={values} height={28} tone={tone === "unknown" ? "accent" : tone} fromZero={false} />}</div>
        <span className={classes.number}>{row.value === null ? "" : formatValue(row.value, unit)}</span>
      </div>
      <div className={classes.since}>
        <When ms={row.sinceMs} form="for" />
        {row.receivers.length > 0 && <span className={`${classes.receivers ?? ""} foreign`} title={`told to ${row.receivers.join(", ")}`}>{visible(row.receivers.join(", ").slice(0, 60))}</span>}
        {row.state === "pending" && <span className={classes.receivers}>nobody yet</span>}
      </div>
      <div className={classes.actions}>
        {row.state !== "pending" && <Tooltip label="Acknowledge (a)"><ActionIcon size={30} aria-label={`Acknowledge ${name}`} onClick={() => actions.acknowledge(row)}><IconUserCheck size={17} /></ActionIcon></Tooltip>}
        <Tooltip label="Silence (s)"><ActionIcon size={30} aria-label={`Silence ${name}`} onClick={() => actions.silence(row)}><IconBellOff size={17} /></ActionIcon></Tooltip>
      </div>
    </li>
  );
});

/** What explains it: who is on it, what it comes from, why nobody is told. */
function Why({ row, nameOf }: { row: AlertRow; nameOf: (fingerprint: string) => string | undefined }) {
  const parts: { key: string; content: React.ReactNode }[] = [];
  const { acknowledgement: ack } = row;
  if (ack) parts.push({ key: "ack", content: <><IconUserCheck size={13} aria-hidden /> <span><b>{visible(ack.by.slice(0, 60))}</b> is on it{ack.comment === "" ? "" : `: ${visible(ack.comment.slice(0, 160))}`}</span></> });
  for (const by of row.inhibitedBy.slice(0, 2)) {
    const name = nameOf(by);
    parts.push({ key: `i${by}`, content: <span>inhibited by {/^[0-9a-f]{16}$/.test(by) ? <Link to="/alerts/one/$fingerprint" params={{ fingerprint: by }} search={keepTimes}>{visible(name ?? "another alert")}</Link> : visible(by.slice(0, 80))}</span> });
  }
  if (row.silencedBy[0] !== undefined) parts.push({ key: "s", content: <span>silenced by <Link to="/alerts/$tab" params={{ tab: "silences" }} search={(old) => ({ ...keepTimes(old), id: row.silencedBy[0] })}>a silence</Link></span> });
  if (row.mutedBy.length > 0) parts.push({ key: "m", content: <span>muted in {visible(row.mutedBy.join(", ").slice(0, 120))}</span> });
  if (row.causedBy.length > 0) parts.push({ key: "c", content: <span>caused by {row.causedBy.slice(0, 3).map((cause, index) => <span key={cause}>{index > 0 && ", "}<Link to="/health/entities/$entity" params={{ entity: cause }} search={keepTimes}>{visible(cause.slice(0, 80))}</Link></span>)}</span> });
  if (parts.length === 0) return null;
  return <div className={`${classes.why ?? ""} foreign`}>{parts.map(({ key, content }) => <span key={key} className={classes.reason}>{content}</span>)}</div>;
}
