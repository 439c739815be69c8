/** The frame of every page: its heading, what it says of itself, its controls; and the title of the window. */

import { type ReactNode, useEffect } from "react";
import classes from "./Page.module.css";

interface PageProps {
  title: string;
  /** One line under the heading. */
  lead?: ReactNode;
  /** Beside the heading: a state, a count. */
  badge?: ReactNode;
  /** At the right end. */
  controls?: ReactNode;
  /** Tabs or filters under the heading. */
  tabs?: ReactNode;
  children: ReactNode;
}

export function Page({ title, lead, badge, controls, tabs, children }: PageProps) {
  useEffect(() => {
    const name = document.querySelector('meta[name="application-name"]')?.getAttribute("content") ?? "Bellwether";
    document.title = `${title} · ${name}`;
  }, [title]);
  return (
    <div className={classes.page}>
      <div className={classes.head}>
        <div className={classes.heading}>
          <div className={classes.line}><h1 className={`${classes.title ?? ""} foreign`}>{title}</h1>{badge}</div>
          {lead && <p className={classes.lead}>{lead}</p>}
        </div>
        {controls && <div className={classes.controls}>{controls}</div>}
      </div>
      {tabs && <div className={classes.tabs}>{tabs}</div>}
      {children}
    </div>
  );
}
