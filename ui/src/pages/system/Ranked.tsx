/** Names by a number, the largest first, as bars. */

import type { ReactNode } from "react";
import { useState } from "react";
import { UnstyledButton } from "@mantine/core";
import type { NameCount } from "@/api/prometheus";
import { visible } from "@/components/LabelSet";
import { formatValue, type Unit } from "@/lib/units";
import classes from "./System.module.css";

interface RankedProps { label: string; rows: readonly NameCount[]; unit?: Unit; /** Of which the rows are parts. */ total?: number | undefined; link?: (name: string, children: ReactNode) => ReactNode; shown?: number }

export function Ranked({ label, rows, unit = "count", total, link, shown = 10 }: RankedProps) {
  const [isWhole, setWhole] = useState(false);
  const most = Math.max(...rows.map(({ value }) => value), 1);
  const visibleRows = isWhole ? rows : rows.slice(0, shown);
  if (rows.length === 0) return <p className="muted">Nothing to be told.</p>;
  return (
    <>
      <ul className={classes.ranked} aria-label={label}>
        {visibleRows.map(({ name, value }) => {
          const text = <span className="foreign ellipsis">{visible(name.slice(0, 200))}</span>;
          return (
            <li key={name}>
              <span className={classes.rankedBar} style={{ width: `${Math.max(0.5, (value / most) * 100)}%` }} aria-hidden />
              <span className={classes.rankedName}>{link ? link(name, text) : text}</span>
              <span className={classes.rankedValue}>{total ? <span className="faint">{formatValue(value / total, "ratio", 1)}</span> : null}<b>{formatValue(value, unit)}</b></span>
            </li>
          );
        })}
      </ul>
      {rows.length > shown && <UnstyledButton className={classes.more} onClick={() => setWhole(!isWhole)} aria-expanded={isWhole}>{isWhole ? "Fewer" : `All ${rows.length}`}</UnstyledButton>}
    </>
  );
}
