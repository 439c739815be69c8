/** Groups of alerts with their lines. */

import { useMemo, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useRangeQueries } from "@/api/hooks";
import type { Frame } from "@/api/prometheus";
import { visible } from "@/components/LabelSet";
import { taken } from "@/components/alerts/expression";
import type { AlertGroup, AlertRow } from "@/components/alerts/rows";
import { severityTone } from "@/components/alerts/severity";
import { Mark } from "@/components/State";
import { AlertLine, type LineActions } from "./AlertLine";
import { seriesOfAlert } from "./series";
import classes from "./list.module.css";

/** Rules whose values are drawn: each is a query. */
const QUERIES_MAX = 24;
export const LINES_FIRST = 25;

export interface PicturedGroup extends AlertGroup { shown: readonly AlertRow[] }

interface AlertListProps { groups: readonly PicturedGroup[]; label: string; chosen: ReadonlySet<string>; current: string | null; actions: LineActions; closed: ReadonlySet<string>; setClosed: (key: string) => void; open: (key: string) => void }

export function AlertList({ groups, label, chosen, current, actions, closed, setClosed, open }: AlertListProps) {
  const values = useValues(groups);
  return (
    <div className={classes.groups}>
      {groups.map((group) => {
        const hasHead = label !== "" && (label !== "alertname" || group.rows.length > 1);
        const isClosed = hasHead && closed.has(group.key);
        const { shown } = group;
        const without = ["alertname", "severity", "entity", ...(label === "" || label === "alertname" ? [] : [label])];
        const title = group.key === "" ? `without ${label}` : group.key;
        return (
          <section key={group.key} className={classes.group} aria-label={hasHead ? title : "Alerts"}>
            {hasHead && (
              <h2 className={classes.head}>
                <UnstyledButton className={classes.fold} aria-expanded={!isClosed} onClick={() => setClosed(group.key)}>
                  {isClosed ? <IconChevronRight size={15} aria-hidden /> : <IconChevronDown size={15} aria-hidden />}
                  <span className="foreign ellipsis">{visible(title.slice(0, 200))}</span>
                  <Counts rows={group.rows} />
                </UnstyledButton>
              </h2>
            )}
            {shown.length > 0 && (
              <ul className={classes.lines}>
                {shown.map((row) => <AlertLine key={row.fingerprint} row={row} isChosen={chosen.has(row.fingerprint)} isCurrent={current === row.fingerprint} values={values.get(row.fingerprint)} actions={actions} withoutLabels={without} isNamed={hasHead && label === "alertname"} />)}
              </ul>
            )}
            {!isClosed && shown.length < group.rows.length && <UnstyledButton className={classes.more} onClick={() => open(group.key)}>Show {group.rows.length - shown.length} more</UnstyledButton>}
          </section>
        );
      })}
    </div>
  );
}

function Counts({ rows }: { rows: readonly AlertRow[] }) {
  const counts = useMemo(() => {
    const found = new Map<string, number>();
    for (const { severity } of rows) found.set(severity, (found.get(severity) ?? 0) + 1);
    return [...found];
  }, [rows]);
  return <span className={classes.counts}>{counts.slice(0, 5).map(([severity, count]) => <span key={severity} className="row"><Mark tone={severityTone(severity)} size={9} />{count} <span className="foreign">{visible(severity.slice(0, 20))}</span></span>)}</span>;
}

/** The lines of all alerts: one query for each rule, however many alerts it has. */
function useValues(groups: readonly PicturedGroup[]): ReadonlyMap<string, readonly (number | null)[]> {
  const rows = useMemo(() => groups.flatMap((group) => group.shown), [groups]);
  const key = [...new Set(rows.flatMap((row) => (row.source ? [taken(row.source.rule.query).value] : [])))].slice(0, QUERIES_MAX).join("\0");
  const queries = useMemo(() => (key === "" ? [] : key.split("\0")), [key]);
  const answers = useRangeQueries(queries, { points: 60 });
  const frames = answers.map((answer) => answer.data);
  const seen = useStable(frames);
  return useMemo(() => {
    const values = new Map<string, readonly (number | null)[]>();
    for (const row of rows) {
      if (!row.source) continue;
      const frame = seen[queries.indexOf(taken(row.source.rule.query).value)];
      const series = frame && seriesOfAlert(frame.series, row.labels, row.source.rule.labels);
      if (series) values.set(row.fingerprint, series.values);
    }
    return values;
  }, [rows, queries, seen]);
}

/** The same list as long as its parts are the same. */
function useStable(frames: (Frame | undefined)[]): readonly (Frame | undefined)[] {
  const [kept, keep] = useState(frames);
  const isSame = kept.length === frames.length && kept.every((frame, index) => frame === frames[index]);
  if (!isSame) keep(frames);
  return isSame ? kept : frames;
}
