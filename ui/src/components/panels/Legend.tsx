/** Which series there are: as a list or a table, with what is calculated of each. A click shows one alone. */

import { useMemo, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import type { Legend as LegendOptions } from "@/api/dashboards";
import { cut } from "@/lib/text";
import { calcName } from "./calcs";
import { legendLines, type LegendItem, written } from "./legendLines";
import classes from "./panels.module.css";

interface LegendProps { items: readonly LegendItem[]; options: LegendOptions; hidden: ReadonlySet<string>; pick: (name: string, isMore: boolean) => void }

export function useHidden(names: readonly string[]): [ReadonlySet<string>, (name: string, isMore: boolean) => void] {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const pick = (name: string, isMore: boolean) => setHidden((old) => {
    if (isMore) {
      const next = new Set(old);
      if (!next.delete(name)) next.add(name);
      return next.size >= new Set(names).size ? new Set() : next;
    }
    // The only one that is shown: all come back.
    if (!old.has(name) && new Set(names.filter((one) => !old.has(one))).size === 1) return new Set();
    return new Set(names.filter((one) => one !== name));
  });
  return [hidden, pick];
}

export function Legend({ items, options, hidden, pick }: LegendProps) {
  const [order, setOrder] = useState(() => ({ by: options.sortBy, down: options.sortDescending }));
  const { calcs } = options;
  const sorted = useMemo(() => legendLines(items, calcs, order), [items, calcs, order]);
  if (options.mode === "hidden" || items.length === 0) return null;
  const button = ({ shown, color }: LegendItem) => (
    <UnstyledButton className={classes.item} aria-pressed={!hidden.has(shown.name)} title={`${cut(shown.name, 300)}\nClick: this one alone. With Ctrl or Shift: hide or show it`} onClick={(event) => pick(shown.name, event.ctrlKey || event.metaKey || event.shiftKey)}>
      <span className={classes.swatch} style={{ background: color }} />
      <span className={`${classes.name ?? ""} foreign`}>{cut(shown.name, 160)}</span>
    </UnstyledButton>
  );
  if (options.mode === "list") {
    return (
      <div className={classes.legend} tabIndex={items.length > 12 ? 0 : undefined} role={items.length > 12 ? "group" : undefined} aria-label={items.length > 12 ? "Series" : undefined}>
        <ul className={classes.list}>
          {sorted.slice(0, 200).map((item) => <li key={item.shown.index} className="row" style={{ maxWidth: "100%" }}>{button(item)}{item.calculated.map(({ calc, value }) => <span key={calc} className={classes.item}><span className={classes.calc}>{calcName(calc)}</span><b>{written(item.shown, calc, value)}</b></span>)}</li>)}
        </ul>
      </div>
    );
  }
  const sorter = (name: string) => <UnstyledButton className={classes.sorter} onClick={() => setOrder((old) => ({ by: name, down: old.by === name ? !old.down : name !== "Name" }))}>{name}{order.by === name ? (order.down ? " ↓" : " ↑") : ""}</UnstyledButton>;
  const sort = (name: string) => (order.by === name ? (order.down ? "descending" : "ascending") : undefined);
  return (
    <div className={classes.legend} tabIndex={0} role="group" aria-label="Series">
      <table className={classes.legendTable}>
        <thead><tr><th scope="col" aria-sort={sort("Name")}>{sorter("Name")}</th>{calcs.map((calc) => <th key={calc} scope="col" aria-sort={sort(calcName(calc))}>{sorter(calcName(calc))}</th>)}</tr></thead>
        <tbody>{sorted.slice(0, 200).map((item) => <tr key={item.shown.index}><td>{button(item)}</td>{item.calculated.map(({ calc, value }) => <td key={calc}>{written(item.shown, calc, value)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}
