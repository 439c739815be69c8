/** Rows and columns: what a cell shows is said by its column's settings. */

import { type ReactNode, useMemo, useState } from "react";
import { Select, TextInput } from "@mantine/core";
import { DataTable, type Column as TableColumn } from "@/components/DataTable";
import { Sparkline } from "@/components/Sparkline";
import { mix } from "@/lib/palette";
import { cut } from "@/lib/text";
import { useTimeFormat } from "@/state/settings";
import { addressOf } from "./address";
import { calcName, calculated } from "./calcs";
import { type Palette, usePalette } from "./colors";
import { type Shown, told, valueColor } from "./fields";
import { formatUnit } from "./format";
import { asOne, columnsOf, isMoment, sortedBy, sortKey } from "./grid";
import { Markdown } from "./Markdown";
import { None } from "./None";
import type { PanelProps } from "./props";
import { type Cell, rowsOf, textOf } from "./tables";
import classes from "./panels.module.css";

const ROW_HEIGHTS = { small: 34, medium: 40, large: 52, auto: 34 } as const;

export function GridPanel({ panel, tables: given, height, put }: PanelProps) {
  const palette = usePalette();
  const format = useTimeFormat();
  const options = panel.table;
  const tables = useMemo(() => asOne(given), [given]);
  const [frame, setFrame] = useState(options?.frame ?? 0);
  const [filter, setFilter] = useState("");
  const at = Math.min(frame, Math.max(0, tables.length - 1));
  const table = tables[at];
  const columns = useMemo(() => (table ? columnsOf(panel, table) : []), [panel, table]);
  const canFilter = columns.some(({ field }) => field.filterable === true);
  const rows = useMemo(() => {
    const all = Array.from({ length: table ? rowsOf(table) : 0 }, (_, row) => row);
    const wanted = filter.toLowerCase();
    return wanted === "" || !canFilter ? all : all.filter((row) => columns.some((one) => told(one, one.column.values[row] ?? null, palette).text.toLowerCase().includes(wanted)));
  }, [table, filter, canFilter, columns, palette]);
  const drawn = useMemo(() => columns.map((one): TableColumn<number> => {
    const isRight = one.field.align === "right" || (one.field.align !== "left" && one.field.align !== "center" && one.column.kind === "number" && one.field.cell?.kind !== "gauge");
    const width = one.field.columnWidth;
    return {
      id: String(one.index), title: options?.showHeader === false ? "" : cut(one.name, 60), ...(isRight ? { align: "right" as const } : {}),
      width: width !== undefined ? `minmax(${Math.min(width, 80)}px, ${width}fr)` : one.column.kind === "time" ? "minmax(150px, 1fr)" : `minmax(${one.field.columnWidthMin ?? 90}px, ${one.column.kind === "number" ? 1 : 1.6}fr)`,
      sort: (row) => sortKey(one, row),
      cell: (row) => <CellView of={one} value={one.column.values[row] ?? null} columns={columns} row={row} palette={palette} time={format.full} put={put} />,
    };
  }), [columns, palette, format, options?.showHeader, put]);
  if (!table || columns.length === 0 || rowsOf(table) === 0) return <None />;
  const sorted = sortedBy(panel, columns);
  const footer = footers(columns, options?.footerCalcs ?? [], options?.footerFields ?? []);
  return (
    <div className={classes.table}>
      {(tables.length > 1 || canFilter) && (
        <div className={classes.choose}>
          {tables.length > 1 && <Select aria-label="Which answer" data={tables.map((one, index) => ({ value: String(index), label: cut(one.name || one.refId || `Answer ${index + 1}`, 60) }))} value={String(at)} onChange={(value) => setFrame(Number(value ?? 0))} />}
          {canFilter && <TextInput aria-label="Filter rows" placeholder="Filter" value={filter} onChange={(event) => setFilter(event.currentTarget.value)} />}
        </div>
      )}
      <DataTable key={`${at} ${sorted?.by.name ?? ""}`} label={panel.title || "Table"} rows={rows} columns={drawn} rowKey={String} height={Math.max(140, height - (footer.length > 0 ? 40 : 0))} rowHeight={ROW_HEIGHTS[options?.rowHeight ?? "small"]} {...(sorted ? { sorted: { by: String(sorted.by.index), down: sorted.down } } : {})} />
      {footer.length > 0 && <div className={classes.foot}>{footer.map(({ name, text }) => <span key={name}>{cut(name, 60)}<b>{text}</b></span>)}</div>}
    </div>
  );
}

function footers(columns: readonly Shown[], calcs: readonly Parameters<typeof calculated>[0][], fields: readonly string[]) {
  return columns.flatMap((one) => {
    const own = one.field.footerCalcs ?? calcs;
    if (one.column.kind !== "number" || (fields.length > 0 && !fields.includes(one.name) && one.field.footerCalcs === undefined)) return [];
    return own.map((calc) => { const value = calculated(calc, one.column.values); return { name: `${calcName(calc)} of ${one.name}`, text: typeof value === "number" ? formatUnit(value, calc === "count" ? "none" : one.field.unit, one.field.decimals) : textOf(value) }; });
  });
}

function CellView({ of, value, columns, row, palette, time, put }: { of: Shown; value: Cell; columns: readonly Shown[]; row: number; palette: Palette; time: (ms: number) => string; put: (text: string) => string }): ReactNode {
  const { cell, dataLinks } = of.field;
  const isTime = isMoment(of);
  const { text, color } = isTime && typeof value === "number" ? { text: time(value), color: null } : told(of, value, palette);
  // The whole row may have the colour of one of its cells.
  const rowColor = columns.find(({ field }) => field.cell?.kind === "color_background" && field.cell.wholeRow);
  const plain = <span className="foreign" title={text.length > 40 ? cut(text, 600) : undefined}>{cut(text, 400)}</span>;
  const link = dataLinks?.[0];
  const href = link ? linkOf(link.url, of, value, text, columns, row, put) : null;
  const linked = href ? <a href={href} {...(link?.newTab ? { target: "_blank", rel: "noopener noreferrer" } : {})} title={link?.title ? cut(link.title) : undefined}>{plain}</a> : plain;
  switch (cell?.kind) {
    case "color_text": return color ? <span style={{ color: palette.readable(color) }}>{linked}</span> : linked;
    case "color_background": {
      if (!color) return linked;
      const ground = palette.scheme === "dark" ? mix(color, "#000000", 0.35) : color;
      return <span className={classes.tinted} style={{ background: ground, color: palette.ink(ground) }}>{linked}</span>;
    }
    case "gauge": {
      if (typeof value !== "number" || !Number.isFinite(value)) return linked;
      const low = of.field.min ?? Math.min(0, of.least);
      const share = Math.min(1, Math.max(0, (value - low) / ((of.field.max ?? of.most) - low || 1)));
      const fill = color ?? valueColor(of, value, palette) ?? palette.tones.accent;
      return <span className={classes.cellGauge}><span><i style={{ width: `${share * 100}%`, background: fill }} /></span>{linked}</span>;
    }
    case "sparkline": return typeof value === "number" ? linked : <Sparkline values={textOf(value).split(",").map(Number)} height={22} />;
    case "json": return <code className="foreign">{cut(text, 400)}</code>;
    case "pills": return <span className={classes.pills}>{textOf(value).split(",").filter(Boolean).slice(0, 12).map((part, index) => <span key={index} className={`${classes.pill ?? ""} foreign`}>{cut(part.trim(), 60)}</span>)}</span>;
    case "markdown": return <Markdown text={text} />;
    default: {
      const ground = rowColor ? told(rowColor, rowColor.column.values[row] ?? null, palette).color : null;
      return ground ? <span style={{ color: palette.readable(ground) }}>{linked}</span> : linked;
    }
  }
}

/** Where a value leads; only the web and pages here. */
export function linkOf(url: string, of: Shown, value: Cell, text: string, columns: readonly Shown[], row: number, put: (text: string) => string): string | null {
  const cells = (name: string) => columns.find((one) => one.name === name || one.column.name === name);
  const filled = url.replace(/\$\{__(value|field|series|data)(?:\.([^}]+))?\}/g, (whole, kind: string, path: string | undefined = "") => {
    const encoded = (one: string) => encodeURIComponent(one);
    if (kind === "value") return path === "text" ? encoded(text) : encoded(textOf(value));
    if (kind === "series" || (kind === "field" && path === "name")) return encoded(of.name);
    if (kind === "field") return encoded(of.column.labels[path.replace(/^labels\.?/, "").replace(/^\["|"\]$/g, "")] ?? "");
    const name = /^fields(?:\.(\w+)|\["([^"]+)"\])/.exec(path);
    const cell = name ? cells(name[1] ?? name[2] ?? "") : undefined;
    return cell ? encoded(textOf(cell.column.values[row] ?? null)) : whole;
  });
  return addressOf(put(filled));
}
