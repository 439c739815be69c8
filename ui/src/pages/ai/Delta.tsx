/** Which way something went, by which factor, and against what. The arrow says it without colours. */

import { Tooltip } from "@mantine/core";
import { type Change, factorText, SAME } from "./compare";
import classes from "./Ai.module.css";

interface DeltaProps { change: Change; /** What it was. */ before: string; words: string }

const toneOf = (change: Change) => (!change.isSure || change.aspect === "calls" ? "faint" : change.score > 0 ? "bad" : change.score < 0 ? "good" : "faint");

export function Delta({ change, before, words }: DeltaProps) {
  const { factor } = change;
  if (factor === null) return <span className={`${classes.delta ?? ""} faint`}>–</span>;
  const isUp = factor >= SAME;
  const isDown = factor <= 1 / SAME;
  const chance = change.isSure || (!isUp && !isDown) ? "" : change.aspect === "calls" || change.aspect === "cost" ? "" : "; with so few calls this may be chance";
  return (
    <Tooltip label={`${before} in ${words}${chance}`} multiline maw={320}>
      <span className={`${classes.delta ?? ""} ${toneOf(change)}`}>
        {isUp && <Arrow isDown={false} />}{isDown && <Arrow isDown />}{factorText(factor)}
      </span>
    </Tooltip>
  );
}

function Arrow({ isDown }: { isDown: boolean }) {
  return <svg width={9} height={9} viewBox="0 0 10 10" role="img" aria-label={isDown ? "fell" : "rose"}><path d={isDown ? "M5 9 .8 2h8.4z" : "M5 1l4.200 7H.8z"} fill="currentColor" /></svg>;
}
