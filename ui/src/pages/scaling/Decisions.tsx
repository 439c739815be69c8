/** Every change of what is wanted, newest first, in words: what settled it, what each rule wanted, what was seen. */

import { useEffect, useRef, useState } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { Button } from "@mantine/core";
import { IconArrowDownRight, IconArrowUpRight } from "@tabler/icons-react";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { cut } from "@/lib/text";
import type { Change } from "./queries";
import { numbersOf, reasonTone, reasonWord, ruleName, said, type Scaler } from "./words";
import classes from "./Decisions.module.css";

const SHOWN = 12;

export function Decisions({ scaler, answer, chosen }: { scaler: Scaler; answer: UseQueryResult<Change[]>; chosen: number | null }) {
  const [shown, setShown] = useState(SHOWN);
  const list = useRef<HTMLUListElement>(null);
  const at = chosen === null ? -1 : (answer.data ?? []).findIndex(({ time }) => time === chosen);
  const count = Math.max(shown, at + 1);
  useEffect(() => {
    if (at >= 0) list.current?.children[at]?.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }, [at, chosen]);
  return (
    <Panel title="Decisions" hint={answer.data && `${answer.data.length} change${answer.data.length === 1 ? "" : "s"} in the time shown`} flush>
      <Loaded answer={answer} height={160} what="The decisions cannot be read">
        {(changes) => changes.length === 0 ? <Empty title="Nothing changed in this time">The number that is wanted stayed as it was.</Empty> : (
          <>
            <ul ref={list} className={classes.list}>
              {changes.slice(0, count).map((change) => <ChangeRow key={change.time} change={change} scaler={scaler} isChosen={change.time === chosen} />)}
            </ul>
            {changes.length > count && <div className={classes.more}><Button onClick={() => setShown(count + 50)}>Show {Math.min(50, changes.length - count)} more of {changes.length - count}</Button></div>}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function ChangeRow({ change, scaler, isChosen }: { change: Change; scaler: Scaler; isChosen: boolean }) {
  const { because, seen } = said(change.text);
  const wants = numbersOf(change.wanted).sort(([, a], [, b]) => (b ?? -1) - (a ?? -1));
  const by = change.from === null ? null : change.to - change.from;
  return (
    <li className={`${classes.row ?? ""} ${isChosen ? classes.chosen ?? "" : ""}`} aria-current={isChosen || undefined}>
      <span className={classes.when}><When ms={change.time * 1000} /></span>
      <span className={`${classes.change ?? ""} ${by === null || by >= 0 ? classes.up ?? "" : classes.down ?? ""}`}>
        {by === null || by >= 0 ? <IconArrowUpRight size={16} aria-hidden /> : <IconArrowDownRight size={16} aria-hidden />}
        {change.from === null ? `${change.to}, the first` : `${change.from} → ${change.to}`}{by !== null && <span className="muted">({by > 0 ? "+" : "−"}{Math.abs(by)})</span>}
      </span>
      <div className={classes.why}>
        <span className="row wrap"><State state={change.reason} tone={reasonTone(change.reason)}>{reasonWord(change.reason)}</State><span className="foreign">{cut(because, 400)}</span>{change.isDryRun && !scaler.dryRun && <State state="dry run" tone="info">dry run</State>}</span>
        {seen !== "" && <span className={`${classes.seen ?? ""} foreign`}>seen: {cut(seen, 400)}</span>}
      </div>
      <div className={classes.wants} role="group" aria-label="What each rule wanted">
        {wants.map(([rule, value], index) => (
          <div key={rule} className={`${classes.want ?? ""} ${index === 0 && value !== null ? classes.won ?? "" : ""}`}>
            <span className="ellipsis">{ruleName(rule)}</span>
            <div className={classes.track} aria-hidden>{value !== null && <div className={classes.fill} style={{ width: `${Math.min(100, (value / Math.max(1, scaler.max)) * 100)}%` }} />}</div>
            <b>{value === null ? "blind" : value.toFixed(1)}</b>
          </div>
        ))}
      </div>
    </li>
  );
}
