/** What has happened to one alert, newest first. */

import { useMemo, useState } from "react";
import { Link } from "@tanstack/react-router";
import { UnstyledButton } from "@mantine/core";
import type { TimelineRow } from "@/api/own";
import { shortCause, wordOf } from "@/components/alerts/words";
import { visible } from "@/components/LabelSet";
import { Mark } from "@/components/State";
import { When } from "@/components/When";
import { useTimeFormat } from "@/state/settings";
import classes from "./timeline.module.css";

const FIRST = 14;
/** What says the same as the row beside it. */
const DOUBLES = new Set(["notifying"]);

export function AlertTimeline({ rows, evidenceIds }: { rows: readonly TimelineRow[]; evidenceIds: ReadonlySet<string> }) {
  const format = useTimeFormat();
  const [isWhole, setWhole] = useState(false);
  const told = useMemo(() => rows.filter((row) => !DOUBLES.has(row.kind)).sort((a, b) => b.time - a.time), [rows]);
  if (told.length === 0) return <p className="muted">Nothing is on record.</p>;
  const shown = isWhole ? told : told.slice(0, FIRST);
  return (
    <>
      <ol className={classes.events}>
        {shown.map((row, index) => {
          const word = wordOf(row.kind);
          const id = `${row.fingerprint}-${Math.round(row.time * 1000)}`;
          const hasEvidence = row.kind === "firing" ? [...evidenceIds].find((one) => Math.abs(Number(one.split("-")[1]) - row.time * 1000) < 5_000) ?? (evidenceIds.has(id) ? id : undefined) : undefined;
          return (
            <li key={`${row.time} ${row.kind} ${index}`} className={classes.event}>
              <span className={classes.dot}><Mark tone={word.tone} size={10} /></span>
              <div className={classes.text}>
                <span><b>{sentence(row)}</b> <span className="muted" title={format.full(row.time * 1000)}><When ms={row.time * 1000} /></span></span>
                {shortCause(row.cause ?? "") !== "" && <span className="muted foreign">{visible(shortCause(row.cause ?? "").slice(0, 300))}</span>}
                {hasEvidence !== undefined && <Link to="/alerts/one/$fingerprint" params={{ fingerprint: row.fingerprint }} search={(old) => ({ ...old, firing: hasEvidence })} resetScroll={false}>Its evidence</Link>}
              </div>
            </li>
          );
        })}
      </ol>
      {told.length > FIRST && <UnstyledButton className={classes.more} aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>{isWhole ? "Show fewer" : `Show ${told.length - FIRST} earlier`}</UnstyledButton>}
    </>
  );
}

function sentence(row: TimelineRow): string {
  const { says } = wordOf(row.kind);
  const capital = says.slice(0, 1).toUpperCase() + says.slice(1);
  if (row.receiver === undefined || row.receiver === "") return capital;
  return row.kind === "notify_failed" ? `Could not notify ${visible(row.receiver.slice(0, 80))}` : `Notified ${visible(row.receiver.slice(0, 80))}`;
}
