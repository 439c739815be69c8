/** A panel without anything to show. */

import type { ReactNode } from "react";
import classes from "./panels.module.css";

export function None({ children }: { children?: ReactNode }) {
  return <div className={classes.none}><strong>No data</strong><span>{children ?? "Nothing in this span of time."}</span></div>;
}
