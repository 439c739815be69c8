/** How a thing is: a shape and a word, so that it is told without colours too. */

import type { ReactNode } from "react";
import classes from "./State.module.css";

export type Tone = "good" | "warn" | "bad" | "unknown" | "info" | "accent";

const WORDS: Readonly<Record<string, Tone>> = {
  up: "good", ok: "good", ready: "good", met: "good", active: "info", healthy: "good",
  degraded: "warn", pending: "warn", at_risk: "warn", warning: "warn", suppressed: "unknown", silenced: "unknown", inhibited: "unknown", maintenance: "unknown",
  down: "bad", firing: "bad", exhausted: "bad", error: "bad", critical: "bad", err: "bad",
  info: "info", unknown: "unknown", inactive: "unknown", resolved: "good",
};

export const toneOf = (word: string): Tone => WORDS[word] ?? "unknown";

const PATHS: Readonly<Record<Tone, ReactNode>> = {
  good: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  warn: <path d="M6 1 11.4 10.6H.6z" fill="currentColor" />,
  bad: <path d="M3.6.8h4.8L11.2 3.6v4.8L8.4 11.200H3.600L.8 8.400V3.600z" fill="currentColor" />,
  unknown: <circle cx="6" cy="6" r="3.9" fill="none" stroke="currentColor" strokeWidth="1.6" strokeDasharray="2.2 1.6" />,
  info: <circle cx="6" cy="6" r="3.9" fill="none" stroke="currentColor" strokeWidth="1.8" />,
  accent: <circle cx="6" cy="6" r="3.9" fill="none" stroke="currentColor" strokeWidth="1.8" />,
};

export function Mark({ tone, size = 12, label }: { tone: Tone; size?: number; label?: string }) {
  return (
    <svg className={`${classes.mark ?? ""} ${classes[tone] ?? ""}`} width={size} height={size} viewBox="0 0 12 12" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : true}>
      {PATHS[tone]}
    </svg>
  );
}

/** A word with its shape in a soft field. `children` in place of the word, where more is to be said. */
export function State({ state, tone = toneOf(state), children }: { state: string; tone?: Tone; children?: ReactNode }) {
  return (
    <span className={`${classes.state ?? ""} ${classes[tone] ?? ""}`} data-state={state}>
      <Mark tone={tone} size={9} />
      <span>{children ?? state.replaceAll("_", " ")}</span>
    </span>
  );
}
