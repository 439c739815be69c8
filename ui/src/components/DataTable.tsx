/** Rows and columns: sorted by a heading, and drawn only where they are seen, so that ten thousand are no more work than thirty. */

import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { orderedRows } from "./tableOrder";
import classes from "./DataTable.module.css";

export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** What it is sorted by; without it is not sorted. */
  sort?: (row: Row) => string | number | null | undefined;
  /** As in CSS's grid: `160px`, `minmax(120px, 2fr)`. */
  width?: string;
  align?: "right";
  /** Left out on narrow screens. */
  isMinor?: boolean;
}

interface DataTableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey: (row: Row, index: number) => string;
  /** Column and direction at first. */
  sorted?: { by: string; down?: boolean };
  onOpen?: (row: Row) => void;
  isChosen?: (row: Row) => boolean;
  /** Most pixels before it scrolls. */
  height?: number;
  rowHeight?: number;
  empty?: ReactNode;
}

const ROWS_PLAIN_MAX = 60;
export function DataTable<Row>({ label, rows, columns: all, rowKey, sorted, onOpen, isChosen, height = 560, rowHeight = 36, empty }: DataTableProps<Row>) {
  const isNarrow = useMediaQuery("(max-width: 620px)");
  const columns = useMemo(() => (isNarrow ? all.filter((column) => column.isMinor !== true) : all), [all, isNarrow]);
  const [order, setOrder] = useState<{ by: string; down: boolean } | null>(sorted ? { by: sorted.by, down: sorted.down ?? false } : null);
  const scroller = useRef<HTMLDivElement>(null);
  const arranged = useMemo(() => {
    const by = columns.find((column) => column.id === order?.by)?.sort;
    if (!by || !order) return rows;
    return orderedRows(rows, rows.map(by), order.down);
  }, [rows, columns, order]);
  const isVirtual = arranged.length > ROWS_PLAIN_MAX;
  const virtual = useVirtualizer({ count: arranged.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 12, enabled: isVirtual });
  const template = columns.map((column) => column.width ?? "minmax(90px, 1fr)").join(" ");

  const keys = (event: KeyboardEvent<HTMLDivElement>) => {
    const target = event.target as HTMLElement;
    const row = target.closest<HTMLElement>("[data-row]");
    if (!row || target !== row) return;
    const index = Number(row.dataset["row"]);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.min(arranged.length - 1, Math.max(0, index + step));
      if (isVirtual) virtual.scrollToIndex(next);
      requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus());
    }
    const chosen = arranged[index];
    if ((event.key === "Enter" || event.key === " ") && onOpen && chosen !== undefined) {
      event.preventDefault();
      onOpen(chosen);
    }
  };

  const line = (row: Row, index: number, top?: number) => (
    <div
      key={rowKey(row, index)}
      role="row"
      aria-rowindex={index + 2}
      data-row={index}
      tabIndex={onOpen ? 0 : undefined}
      className={`${classes.row ?? ""} ${onOpen ? classes.opens ?? "" : ""} ${isChosen?.(row) ? classes.chosen ?? "" : ""}`}
      style={{ gridTemplateColumns: template, ...(top === undefined ? { minHeight: rowHeight } : { position: "absolute", insetInline: 0, height: rowHeight, transform: `translateY(${top}px)` }) }}
      onClick={onOpen ? (event) => { if (!(event.target as HTMLElement).closest("a, button, input")) onOpen(row); } : undefined}
    >
      {columns.map((column) => <div key={column.id} role="cell" className={`${classes.cell ?? ""} ${column.align === "right" ? classes.right ?? "" : ""} ${top === undefined ? "" : classes.single ?? ""}`}>{column.cell(row)}</div>)}
    </div>
  );

  return (
    <div ref={scroller} className={classes.scroller} style={{ maxHeight: isVirtual ? height : undefined }} tabIndex={isVirtual ? 0 : undefined} onKeyDown={keys}>
      <div role="table" aria-label={label} aria-rowcount={arranged.length + 1} className={classes.table}>
        <div role="row" aria-rowindex={1} className={classes.head} style={{ gridTemplateColumns: template }}>
          {columns.map((column) => {
            const isOrder = order?.by === column.id;
            return (
              <div key={column.id} role="columnheader" aria-sort={isOrder ? (order.down ? "descending" : "ascending") : undefined} className={`${classes.cell ?? ""} ${column.align === "right" ? classes.right ?? "" : ""}`}>
                {column.sort ? (
                  <UnstyledButton className={classes.sorter} onClick={() => setOrder(isOrder ? { by: column.id, down: !order.down } : { by: column.id, down: column.align === "right" })}>
                    {column.title}{isOrder && (order.down ? <IconArrowDown size={12} aria-hidden /> : <IconArrowUp size={12} aria-hidden />)}
                  </UnstyledButton>
                ) : column.title}
              </div>
            );
          })}
        </div>
        {arranged.length === 0 && <div role="row"><div role="cell">{empty}</div></div>}
        {isVirtual
          ? <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>{virtual.getVirtualItems().map((item) => { const row = arranged[item.index]; return row === undefined ? null : line(row, item.index, item.start); })}</div>
          : <div role="rowgroup">{arranged.map((row, index) => line(row, index))}</div>}
      </div>
    </div>
  );
}
