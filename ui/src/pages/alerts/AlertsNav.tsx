/** The parts of Alerts, as links. */

import { Link, useRouterState } from "@tanstack/react-router";
import { keepTimes } from "@/components/places";
import classes from "./nav.module.css";

const TABS = [["rules", "Rules"], ["silences", "Silences"], ["history", "History"], ["routes", "Routes"], ["backtest", "Backtest"], ["simulate", "Simulate"]] as const;

export function AlertsNav() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <nav className={classes.tabs} aria-label="Parts of Alerts">
      <Link to="/alerts" search={keepTimes} className={classes.tab} data-active={path === "/alerts" || undefined} aria-current={path === "/alerts" ? "page" : undefined}>Alerts</Link>
      {TABS.map(([tab, name]) => {
        const isHere = path === `/alerts/${tab}`;
        return <Link key={tab} to="/alerts/$tab" params={{ tab }} search={keepTimes} className={classes.tab} data-active={isHere || undefined} aria-current={isHere ? "page" : undefined}>{name}</Link>;
      })}
    </nav>
  );
}
