/** The parts of Alerts, as links. */

import { useEffect, useRef } from "react";
import { Link, useRouterState } from "@tanstack/react-router";
import { keepTimes } from "@/components/places";
import classes from "./nav.module.css";

const TABS = [["rules", "Rules"], ["silences", "Silences"], ["history", "History"], ["routes", "Routes"], ["backtest", "Backtest"], ["simulate", "Simulate"]] as const;

export function AlertsNav() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const nav = useRef<HTMLElement>(null);
  // On phones the strip is wider than the screen: where one is has to be seen.
  useEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>("[data-active]");
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft - (nav.current.clientWidth - here.clientWidth) / 2;
  }, [path]);
  return (
    <nav ref={nav} className={classes.tabs} aria-label="Parts of Alerts">
      <Link to="/alerts" search={keepTimes} className={classes.tab} data-active={path === "/alerts" || undefined} aria-current={path === "/alerts" ? "page" : undefined}>Alerts</Link>
      {TABS.map(([tab, name]) => {
        const isHere = path === `/alerts/${tab}`;
        return <Link key={tab} to="/alerts/$tab" params={{ tab }} search={keepTimes} className={classes.tab} data-active={isHere || undefined} aria-current={isHere ? "page" : undefined}>{name}</Link>;
      })}
    </nav>
  );
}
