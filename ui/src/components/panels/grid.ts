/** Which rows and columns a table shows. */

import type { Panel } from "@/api/dashboards";
import { shown, type Shown } from "./fields";
import { columnName, rowsOf, type Table } from "./tables";

/** Of answers that are not in table form: all series in one, as people expect of a table. */
export function asOne(tables: readonly Table[]): readonly Table[] {
  if (tables.length < 2 || !tables.every((table) => rowsOf(table) === 1 && table.columns.length === 2 && table.columns[0]?.kind === "time")) return tables;
  const lines = tables.map((table) => ({ time: table.columns[0]?.values[0] ?? null, name: table.columns[1] ? columnName(table.columns[1], table) : table.name, value: table.columns[1]?.values[0] ?? null }));
  return [{ refId: tables[0]?.refId ?? "", name: "", columns: [{ name: "Metric", kind: "string", values: lines.map(({ name }) => name), labels: {} }, { name: "Value", kind: "number", values: lines.map(({ value }) => value), labels: {}, refId: tables[0]?.refId }] }];
}

/** The columns of a table that are not hidden. */
export const columnsOf = (panel: Panel, table: Table): Shown[] => shown(panel, [table], () => true).filter(({ field }) => field.hidden !== true);

/** The column by which it is sorted at first. */
export function sortedBy(panel: Panel, columns: readonly Shown[]): { by: Shown; down: boolean } | null {
  const wanted = panel.table?.sortBy[0];
  const by = wanted && columns.find((one) => one.name === wanted.field || one.column.name === wanted.field);
  return by ? { by, down: wanted.descending } : null;
}

/** What a cell is sorted by. */
export const sortKey = ({ column }: Shown, row: number): string | number | null => { const value = column.values[row] ?? null; return typeof value === "boolean" ? Number(value) : value; };

/** Whether its values are told as times: units of numbers say nothing of these. */
export const isMoment = ({ column, field }: Shown): boolean => column.kind === "time" && !/^(dateTime|time:)/.test(field.unit ?? "");
