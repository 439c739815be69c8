/** Small parts that the pages of one probe and of one entity share. */

import type { ReactNode } from "react";
import { Link } from "@tanstack/react-router";
import { ApiError } from "@/api/client";
import type { Labels } from "@/lib/labels";
import { visible } from "@/components/LabelSet";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import classes from "./Detail.module.css";

/** What was asked for is not there: gone, or never was. */
export function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** Names and what they are. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return <dl className={classes.facts}>{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="foreign">{value}</dd></div>)}</dl>;
}

interface Alert { fingerprint: string; labels: Labels; annotations?: Labels; startsAt?: string; since?: number; status?: { state: string } }

export function AlertRows({ alerts }: { alerts: readonly Alert[] }) {
  return (
    <ul className={classes.rows}>
      {alerts.slice(0, 20).map((alert) => {
        const severity = alert.labels["severity"] ?? "firing";
        const isHeld = alert.status !== undefined && alert.status.state !== "active";
        return (
          <li key={alert.fingerprint}>
            <Link to="/alerts/one/$fingerprint" params={{ fingerprint: alert.fingerprint }} search={keepTimes} className={classes.rowLink}>
              <span className={classes.rowTop}>
                <State state={severity.slice(0, 24)} tone={/^(warn|ticket)/i.test(severity) ? "warn" : /^info/i.test(severity) ? "info" : "bad"} />
                <b className="foreign">{visible((alert.labels["alertname"] ?? "alert").slice(0, 120))}</b>
                {isHeld && <span className="muted">{alert.status?.state}</span>}
                <span className={classes.when}><When ms={alert.since === undefined ? Date.parse(alert.startsAt ?? "") : alert.since * 1000} form="for" /></span>
              </span>
              {alert.annotations?.["summary"] && <span className={`${classes.rowText ?? ""} foreign`}>{visible(alert.annotations["summary"].slice(0, 240))}</span>}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
