/** Which series there are: as a list or a table, with what is calculated of each. A click shows one alone. */

import { useMemo, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import type { Legend as LegendOptions } from "@/api/dashboards";
import { cut } from "@/lib/text";
import { calcName, calculated } from "./calcs";
import type { Shown } from "./fields";
import { formatUnit } from "./format";
import { compare } from "./transform";
import classes from "./panels.module.css";

export interface LegendItem { shown: Shown; color: string; values: readonly (number | null)[] }
interface LegendProps { items: readonly LegendItem[]; options: LegendOptions; hidden: ReadonlySet<string>; pick: (name: string, isMore: boolean) => void }

export function useHidden(names: readonly string[]): [ReadonlySet<string>, (name: string, isMore: boolean) => void] {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const pick = (name: string, isMore: boolean) => setHidden((old) => {
    if (isMore) {
      const next = new Set(old);
      if (!next.delete(name)) next.add(name);
      return next.size >= names.length ? new Set() : next;
    }
    // The only one that is shown: all come back.
    if (!old.has(name) && names.filter((one) => !old.has(one)).length === 1) return new Set();
    return new Set(names.filter((one) => one !== name));
  });
  return [hidden, pick];
}

export function Legend({ items, options, hidden, pick }: LegendProps) {
  const [order, setOrder] = useState(() => ({ by: options.sortBy, down: options.sortDescending }));
  const { calcs } = options;
  const lines = useMemo(() => items.map((item) => ({ ...item, calculated: calcs.map((calc) => ({ calc, value: calculated(calc, item.values) })) })), [items, calcs]);
  const sorted = useMemo(() => {
    const at = calcs.findIndex((calc) => calcName(calc).toLowerCase() === order.by.toLowerCase());
    if (order.by === "" || (at < 0 && order.by !== "Name")) return lines;
    return [...lines].sort((a, b) => (at < 0 ? compare(a.shown.name, b.shown.name) : compare(a.calculated[at]?.value ?? null, b.calculated[at]?.value ?? null)) * (order.down ? -1 : 1));
  }, [lines, calcs, order]);
  if (options.mode === "hidden" || items.length === 0) return null;
  const written = (of: Shown, calc: string, value: ReturnType<typeof calculated>) =>
    typeof value === "number" ? formatUnit(value, ["count", "change_count", "distinct_count"].includes(calc) ? "none" : calc === "diff_percent" ? "percentunit" : of.field.unit, of.field.decimals) : value === null ? "–" : String(value);
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
          {sorted.slice(0, 200).map((item) => <li key={item.shown.name} className="row" style={{ maxWidth: "100%" }}>{button(item)}{item.calculated.map(({ calc, value }) => <span key={calc} className={classes.item}><span className={classes.calc}>{calcName(calc)}</span><b>{written(item.shown, calc, value)}</b></span>)}</li>)}
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
        <tbody>{sorted.slice(0, 200).map((item) => <tr key={item.shown.name}><td>{button(item)}</td>{item.calculated.map(({ calc, value }) => <td key={calc}>{written(item.shown, calc, value)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}
