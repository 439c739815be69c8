/** Times in which something was pending and fired, one lane for each: many series in little room. */

import { useState } from "react";
import { UnstyledButton } from "@mantine/core";
import { visible } from "@/components/LabelSet";
import { useTimeFormat } from "@/state/settings";
import classes from "./Lanes.module.css";

export interface LaneSpan { from: number; to: number; kind: "pending" | "firing" }
export interface Lane { key: string; name: string; spans: readonly LaneSpan[]; says: string }

const FIRST = 12;

/** Times are seconds. */
export function Lanes({ lanes, from, to, label }: { lanes: readonly Lane[]; from: number; to: number; label: string }) {
  const format = useTimeFormat();
  const [isWhole, setWhole] = useState(false);
  const span = Math.max(1, to - from);
  const at = (time: number) => Math.min(100, Math.max(0, ((time - from) / span) * 100));
  const shown = isWhole ? lanes.slice(0, 300) : lanes.slice(0, FIRST);
  return (
    <div className={classes.lanes}>
      <ul className={classes.list} aria-label={label}>
        {shown.map((lane) => (
          <li key={lane.key} className={classes.lane}>
            <span className={`${classes.name ?? ""} foreign`} title={lane.name.slice(0, 500)}>{visible(lane.name.slice(0, 120))}</span>
            <span className={classes.track} aria-hidden>
              {lane.spans.slice(0, 400).map((one, index) => <i key={index} className={classes[one.kind]} style={{ left: `${at(one.from)}%`, width: `max(2px, ${at(one.to) - at(one.from)}%)` }} title={`${one.kind}: ${format.full(one.from * 1000)} to ${format.full(one.to * 1000)}`} />)}
            </span>
            <span className={classes.says}>{lane.says}</span>
          </li>
        ))}
      </ul>
      <div className={classes.ends} aria-hidden><span>{format.time(from * 1000)}</span><span>{format.time(to * 1000)}</span></div>
      {lanes.length > FIRST && <UnstyledButton className={classes.more} aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>{isWhole ? "Show fewer" : `Show ${Math.min(lanes.length, 300) - FIRST} more series`}</UnstyledButton>}
    </div>
  );
}
