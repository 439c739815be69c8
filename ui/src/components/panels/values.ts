/** Series that become values: what of a panel `stat`, `gauge`, `bar_gauge` and `pie` show. */

import type { Panel, ValueOptions } from "@/api/dashboards";
import { calculated } from "./calcs";
import { type Palette } from "./colors";
import { expression, shown, type Shown, told } from "./fields";
import { type Cell, type Column, columnName, numbersOf, type Table } from "./tables";

export const VALUE_DEFAULTS: ValueOptions = { calcs: ["last_not_null"], allValues: false, fields: "", orientation: "auto", text: "auto", color: "value", graph: true, centered: false, percentChange: false, barStyle: "gradient", showUnfilled: true, thresholdLabels: false, thresholdMarkers: true };

export interface OneValue { shown: Shown; name: string; value: Cell; text: string; color: string | null; numbers: readonly (number | null)[]; change: number | null }

/** So many are drawn: more say nothing. */
const VALUES_MAX = 100;
/** Of rows so many, where nothing else is said. */
const ROWS_MAX = 25;

export function valuesOf(panel: Panel, tables: readonly Table[], palette: Palette): OneValue[] {
  const options = panel.value ?? VALUE_DEFAULTS;
  const wanted = options.fields;
  const isRegex = wanted.startsWith("/");
  const regex = isRegex ? expression(wanted) : null;
  const owners = new Map(tables.flatMap((table) => table.columns.map((column) => [column, table] as const)));
  const wants = (column: Column) => {
    if (wanted === "") return column.kind === "number" || column.kind === "boolean";
    const table = owners.get(column);
    const name = table ? columnName(column, table) : column.name;
    return isRegex ? (regex?.test(name) ?? false) || (regex?.test(column.name) ?? false) : name === wanted || column.name === wanted;
  };
  const calcs = options.calcs.length > 0 ? options.calcs : (["last"] as const);
  const all = shown(panel, tables, wants).flatMap((one): OneValue[] => {
    const numbers = numbersOf(one.column);
    if (options.allValues) {
      const texts = one.table.columns.find(({ kind }) => kind === "string");
      return one.column.values.map((value, row) => ({ shown: one, name: texts && texts !== one.column ? String(texts.values[row] ?? "") : one.name, value, ...told(one, value, palette), numbers: [], change: null }));
    }
    const first = numbers.find((number) => number !== null);
    const last = numbers.findLast((number) => number !== null);
    const change = typeof first === "number" && typeof last === "number" && first !== 0 && numbers.length > 1 ? (last - first) / Math.abs(first) : null;
    return calcs.map((calc): OneValue => {
      const value = calculated(calc, one.column.values);
      const isCount = calc === "count" || calc === "change_count" || calc === "distinct_count";
      return { shown: one, name: one.name, value, ...told(isCount ? { ...one, field: { ...one.field, unit: "none" } } : one, value, palette), numbers, change };
    });
  });
  return all.slice(0, options.allValues ? options.limit ?? ROWS_MAX : VALUES_MAX);
}

/** Number and unit apart, so that the unit can be smaller. */
export function apart(text: string): [string, string] {
  const found = /^([−-]?[$€£¥]?\d[\d .,]*?)\s?([^\d\s.,].*)$/.exec(text);
  return found ? [(found[1] ?? "").trimEnd(), found[2] ?? ""] : [text, ""];
}

/** Columns of a grid in which so many stand, in a place so wide and high, each about so many times as wide as high. */
export function columnsFor(count: number, width: number, height: number, ratio: number, orientation: string): number {
  if (count <= 1) return 1;
  if (orientation === "horizontal") return 1;
  if (orientation === "vertical") return Math.min(count, Math.max(1, Math.floor(width / 60)));
  let best = 1;
  let most = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(width / columns / ratio, height / rows);
    if (size > most) { most = size; best = columns; }
  }
  return best;
}
