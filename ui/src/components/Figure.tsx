/** A number that is told large, with its name above it and what it means below; several stand in one frame. */

import type { ReactNode } from "react";
import type { Tone } from "./State";
import classes from "./Figure.module.css";

export function Figures({ children, label }: { children: ReactNode; label: string }) {
  return <dl className={classes.figures} aria-label={label}>{children}</dl>;
}

export function Figure({ name, value, tone, children }: { name: ReactNode; value: ReactNode; tone?: Tone | undefined; children?: ReactNode }) {
  return (
    <div className={classes.figure}>
      <dt className={classes.name}>{name}</dt>
      <dd className={`${classes.value ?? ""} ${tone ? classes[tone] ?? "" : ""}`}>{value}</dd>
      {children !== undefined && children !== null && <dd className={classes.text}>{children}</dd>}
    </div>
  );
}
