/** A few numbers side by side, each with a line below. */

import type { ReactNode } from "react";
import classes from "./System.module.css";

export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode, ReactNode])[] }) {
  return (
    <dl className={classes.facts}>
      {facts.map(([title, value, foot]) => <div key={title} className={classes.fact}><dt>{title}</dt><dd><span className={classes.factValue}>{value}</span><span className={classes.factFoot}>{foot}</span></dd></div>)}
    </dl>
  );
}
