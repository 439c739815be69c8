/** Filters by state and by kind, each a link that can be kept. */

import { Link } from "@tanstack/react-router";
import { Mark, toneOf } from "@/components/State";
import classes from "./Health.module.css";

const STATES = ["down", "degraded", "unknown", "up"] as const;

/** One more word in a list with commas, or one less. */
export function toggled(list: readonly string[], word: string): string | undefined {
  const next = list.includes(word) ? list.filter((one) => one !== word) : [...list, word];
  return next.length === 0 ? undefined : next.join(",");
}

export function StateChips({ all, chosen }: { all: readonly { state: string }[]; chosen: readonly string[] }) {
  return (
    <div className={classes.chips} role="group" aria-label="By state">
      {STATES.map((state) => {
        const count = all.filter((one) => one.state === state).length;
        if (count === 0 && !chosen.includes(state)) return null;
        return <Link key={state} to="/health" search={(old) => ({ ...old, state: toggled(chosen, state) })} className={classes.chip} data-on={chosen.includes(state) || undefined} aria-pressed={chosen.includes(state)} role="button"><Mark tone={toneOf(state)} size={9} />{state}<span>{count}</span></Link>;
      })}
    </div>
  );
}
