/** Alerts that are pending or fire. */

import { useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { Failure, Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { useAlerts } from "@/components/alerts/useAlerts";
import { parseMatchers, satisfiesAll } from "@/components/alerts/matchers";
import { compare, type AlertRow } from "@/components/alerts/rows";
import { cut } from "@/lib/text";
import type { PanelProps } from "./props";
import classes from "./panels.module.css";

export function AlertListPanel({ panel }: PanelProps) {
  const alerts = useAlerts();
  const options = panel.alerts;
  const groups = useMemo(() => {
    const read = options?.labels ? parseMatchers(options.labels) : [];
    // Matchers that cannot be read leave nothing out.
    const matchers = typeof read === "string" ? [] : read;
    const wanted = (options?.name ?? "").toLowerCase();
    const rows = (alerts.data ?? []).filter((row) => (!options?.onlyFiring || row.state !== "pending") && row.name.toLowerCase().includes(wanted) && satisfiesAll(row.labels, matchers)).sort(compare).slice(0, options?.limit ?? 20);
    const by = options?.groupBy ?? [];
    const found = new Map<string, AlertRow[]>();
    for (const row of rows) { const key = by.map((name) => row.labels[name] ?? "").join(", "); found.set(key, [...(found.get(key) ?? []), row]); }
    return [...found];
  }, [alerts.data, options]);
  if (alerts.data === undefined) return alerts.error ? <Failure error={alerts.error} /> : <Waiting height={80} />;
  if (groups.length === 0) return <div className={classes.none}><strong>No alerts</strong><span>Nothing fires, nothing is pending.</span></div>;
  return (
    <ul className={classes.alerts}>
      {groups.map(([key, rows]) => (
        <li key={key}>
          {key !== "" && <p className={`${classes.groupName ?? ""} foreign`}>{cut(key)}</p>}
          {rows.map((row) => (
            <Link key={row.fingerprint} to="/alerts/one/$fingerprint" params={{ fingerprint: row.fingerprint }} search={keepTimes} className={classes.alert}>
              <State state={row.state} />
              <span className="ellipsis"><strong className="foreign">{cut(row.name, 80)}</strong><small className="foreign">{cut(row.annotations["summary"] ?? Object.entries(row.labels).filter(([name]) => name !== "alertname").map(([name, value]) => `${name}=${value}`).join(", "), 200)}</small></span>
              <span className="muted"><When ms={row.sinceMs} form="for" /></span>
            </Link>
          ))}
        </li>
      ))}
    </ul>
  );
}
