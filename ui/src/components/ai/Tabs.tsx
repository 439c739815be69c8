/** Parts of a page as a row of links: each has an address of its own. */

import { type ReactNode, useEffect, useRef } from "react";
import { Mark } from "@/components/State";
import classes from "./Tabs.module.css";

export interface TabItem<Id extends string> {
  id: Id;
  title: string;
  count?: number;
  /** How many of them are to be looked at, and why. */
  alarm?: number;
  alarmText?: string;
}

export interface TabLinkProps { className: string; "aria-current"?: "page"; "data-tab": string; /** Else each link to this page would be the current one. */ activeOptions: { exact: true; includeSearch: true }; children: ReactNode }

interface TabsProps<Id extends string> { label: string; tabs: readonly TabItem<Id>[]; current: Id; /** Whether what is around it draws the line below. */ isBare?: boolean; link: (id: Id, props: TabLinkProps) => ReactNode }

export function Tabs<Id extends string>({ label, tabs, current, isBare = false, link }: TabsProps<Id>) {
  const nav = useRef<HTMLElement>(null);
  // On phones not all tabs fit: the current one is in sight.
  useEffect(() => {
    const chosen = nav.current?.querySelector<HTMLElement>(`[data-tab="${CSS.escape(current)}"]`);
    if (nav.current && chosen) nav.current.scrollLeft = chosen.offsetLeft - nav.current.offsetLeft - (nav.current.clientWidth - chosen.offsetWidth) / 2;
  }, [current]);
  return (
    <nav ref={nav} className={`${classes.tabs ?? ""} ${isBare ? classes.bare ?? "" : ""}`} aria-label={label}>
      {tabs.map((tab) => link(tab.id, {
        className: classes.tab ?? "",
        "data-tab": tab.id,
        activeOptions: { exact: true, includeSearch: true },
        ...(tab.id === current ? { "aria-current": "page" as const } : {}),
        children: (
          <>
            <span>{tab.title}</span>
            {tab.count !== undefined && <span className={classes.count}>{tab.count}</span>}
            {tab.alarm !== undefined && tab.alarm > 0 && <span className={classes.alarm}><Mark tone="bad" size={9} />{tab.alarm} {tab.alarmText}</span>}
          </>
        ),
      }))}
    </nav>
  );
}
