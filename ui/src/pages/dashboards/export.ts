/** What leaves the page as a file. */

import { rowsOf, type Table, textOf, columnName, aligned, seriesOf } from "@/components/panels/tables";

/** A cell of CSV; what a spreadsheet would take for a formula is made a text. */
function cell(value: string): string {
  const safe = /^[=+@\t\r]|^-(?!\d)/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Series side by side by their times; tables one below the other. */
export function csvOf(tables: readonly Table[]): string {
  const time = (ms: number) => new Date(ms).toISOString();
  const isSeries = tables.length > 0 && tables.every(({ columns }) => columns.length === 2 && columns[0]?.kind === "time" && columns[1]?.kind === "number");
  if (isSeries) {
    const all = seriesOf(tables);
    const grid = aligned(all);
    return [["Time", ...all.map(({ column, table }) => columnName(column, table))], ...grid.times.map((at, row) => [time(at), ...grid.values.map((values) => textOf(values[row] ?? null))])].map((line) => line.map(cell).join(",")).join("\r\n");
  }
  return tables.map((table) => [table.columns.map((column) => columnName(column, table)), ...Array.from({ length: rowsOf(table) }, (_, row) => table.columns.map((column) => { const value = column.values[row] ?? null; return column.kind === "time" && typeof value === "number" ? time(value) : textOf(value); }))].map((line) => line.map(cell).join(",")).join("\r\n")).join("\r\n\r\n");
}

export function save(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.-]+/g, "-").slice(0, 100);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
