/** How values of a column are shown: settings of the panel, those that stand over them, texts and colours of values. */

import type { Field, Mapping, Matcher, Override, Panel, Thresholds } from "@/api/dashboards";
import { type Palette, between, SCALES } from "./colors";
import { calculated } from "./calcs";
import { formatUnit } from "./format";
import { type Cell, type Column, columnName, legendText, type Table, textOf } from "./tables";

export interface Shown {
  column: Column;
  table: Table;
  name: string;
  field: Field;
  /** Its place among all, for colours. */
  index: number;
  /** The ends of its scale: its own where it says them, else those of all values. */
  least: number;
  most: number;
}

/** An expression as Grafana writes it: `/a|b/i`, or without slashes. Null: it is none. */
export function expression(text: string): RegExp | null {
  const slashes = /^\/(.*)\/([gimsuy]*)$/s.exec(text);
  try {
    return slashes ? new RegExp(slashes[1] ?? "", (slashes[2] ?? "").replace(/[gy]/g, "")) : new RegExp(text);
  } catch {
    return null;
  }
}

const COMPARED: Readonly<Record<string, (a: number, b: number) => boolean>> = { ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, "==": (a, b) => a === b, "!=": (a, b) => a !== b };

function fits(matcher: Matcher, column: Column, table: Table, name: string): boolean {
  switch (matcher.by) {
    case "name": return name === matcher.value || column.name === matcher.value || column.origin === matcher.value;
    case "names": return [name, column.name, column.origin].some((one) => one !== undefined && matcher.names.includes(one)) !== matcher.isExclude;
    case "regex": { const regex = expression(matcher.value); return regex !== null && (regex.test(name) || regex.test(column.name)); }
    case "query": return table.refId === matcher.value;
    case "type": return column.kind === matcher.value;
    case "value": {
      const value = calculated(matcher.calc ?? "last_not_null", column.values);
      return typeof value === "number" && (COMPARED[matcher.op]?.(value, Number(matcher.value)) ?? false);
    }
  }
}

function merged(base: Field, overrides: readonly Override[], column: Column, table: Table, name: string): Field {
  let field: Field = column.config ? { ...base, ...column.config } : base;
  for (const one of overrides) if (fits(one.matcher, column, table, name)) field = { ...field, ...stripped(one.field) };
  return field;
}
const stripped = (field: Field): Field => Object.fromEntries(Object.entries(field).filter(([, value]) => value !== undefined && value !== null));

/** Least and greatest of all numbers: where a field does not say its ends, these are they. */
function endsOf(tables: readonly Table[]): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const { columns } of tables) for (const column of columns) if (column.kind === "number") for (const value of column.values) {
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** Columns with their names and settings; `wanted` says which. */
export function shown(panel: Pick<Panel, "field" | "overrides">, tables: readonly Table[], wanted: (column: Column) => boolean = ({ kind }) => kind === "number" || kind === "boolean"): Shown[] {
  const all: Shown[] = [];
  const [least, most] = endsOf(tables);
  for (const table of tables) {
    const count = new Map<string, number>();
    for (const { name } of table.columns) count.set(name, (count.get(name) ?? 0) + 1);
    const seen = new Map<string, number>();
    for (const column of table.columns) {
      const number = (seen.get(column.name) ?? 0) + 1;
      seen.set(column.name, number);
      if (!wanted(column)) continue;
      const base = columnName(column, table);
      // Columns of one table that have no other name than the same one are told apart by a number.
      const own = base === column.name && column.kind !== "time" && (count.get(base) ?? 0) > 1 ? `${base} ${number}` : base;
      const field = merged(panel.field, panel.overrides, column, table, own);
      const ends = { least: field.min ?? least, most: field.max ?? most };
      all.push({ column, table, name: displayName(field.displayName, own, column, table), field, index: all.length, least: Number.isFinite(ends.least) ? ends.least : 0, most: Number.isFinite(ends.most) ? ends.most : 100 });
    }
  }
  return all;
}

function displayName(wanted: string | undefined, base: string, column: Column, table: Table): string {
  if (wanted === undefined || wanted === "") return base;
  return legendText(wanted, column.labels)
    .replace(/\$\{__field\.labels(?:\.([\w]+)|\["([^"]+)"\])\}/g, (_, plain: string | undefined, quoted: string | undefined) => column.labels[plain ?? quoted ?? ""] ?? "")
    .replace(/\$\{__field\.labels\}/g, () => Object.values(column.labels).join(" "))
    .replace(/\$\{__(?:field|series)\.name\}|\$__field_name|\$__series_name/g, () => (base === column.name ? table.name || base : base))
    .replace(/\$\{__field\.displayName\}/g, base);
}

/** The text and colour that stand in the place of a value. */
export function mapped(mappings: readonly Mapping[] | undefined, value: Cell): { text?: string | undefined; color?: string | undefined } | null {
  for (const one of mappings ?? []) {
    switch (one.kind) {
      case "value": if (textOf(value) === one.value && value !== null) return one; break;
      case "range": { const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value; if (typeof number === "number" && number >= (one.from ?? -Infinity) && number <= (one.to ?? Infinity)) return one; break; }
      case "regex": {
        const found = expression(one.value)?.exec(textOf(value));
        if (found) return { color: one.color, text: one.text?.replace(/\$(\d)/g, (_, at: string) => found[Number(at)] ?? "") };
        break;
      }
      case "special": {
        const isNull = value === null;
        const isNan = typeof value === "number" && Number.isNaN(value);
        const is = { null: isNull, nan: isNan, "null+nan": isNull || isNan, true: value === true, false: value === false, empty: value === "" }[one.value];
        if (is) return one;
        break;
      }
    }
  }
  return null;
}

/** The last step that a value reaches. */
export function stepOf(thresholds: Thresholds | undefined, value: number, least: number, most: number): string | undefined {
  let color: string | undefined;
  for (const step of thresholds?.steps ?? []) {
    const at = step.value === undefined ? -Infinity : thresholds?.mode === "percentage" ? least + ((most - least) * step.value) / 100 : step.value;
    if (value >= at) color = step.color;
  }
  return color;
}

/** The text of a number: what a mapping says, or the number with its unit. */
export const numberText = (field: Field, value: number | null): string => mapped(field.mappings, value)?.text ?? formatUnit(value, field.unit, field.decimals);

export interface Told { text: string; color: string | null }

/** What is told of a value: its text, and its colour where it has one of its own. */
export function told(of: Shown, value: Cell, palette: Palette): Told {
  const { field } = of;
  const mapping = mapped(field.mappings, value);
  const plain = value === null ? (field.noValue ?? "–") : typeof value === "number" ? formatUnit(value, field.unit, field.decimals) : typeof value === "boolean" ? formatUnit(Number(value), field.unit?.startsWith("bool") ? field.unit : "bool") : value === "" ? field.noValue ?? "" : value;
  return { text: mapping?.text ?? plain, color: palette.named(mapping?.color) ?? valueColor(of, value, palette) };
}

/** The colour of a value by what the field says: steps, a scale, or one colour. Null: it has none of its own. */
export function valueColor(of: Shown, value: Cell, palette: Palette): string | null {
  const { field, least, most } = of;
  const mode = field.color?.mode;
  const scale = mode === undefined ? undefined : SCALES[mode];
  if (typeof value === "number" && scale) return between(palette, scale, (value - least) / (most - least || 1));
  if (mode === "fixed" || mode === "shades") return palette.named(field.color?.color);
  if (mode === "palette" || mode === "palette_by_name") return seriesColorOf(of, palette);
  return palette.named(stepOf(field.thresholds, typeof value === "number" && !Number.isNaN(value) ? value : -Infinity, least, most));
}

/** The colour of a whole series. */
export function seriesColorOf(of: Shown, palette: Palette): string {
  const { field, name, index, column } = of;
  const mode = field.color?.mode ?? "palette";
  if (mode === "fixed" || mode === "shades") return palette.named(field.color?.color) ?? palette.series(index);
  if (mode === "palette") return palette.series(index);
  if (mode === "palette_by_name") {
    let hash = 0;
    for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) | 0;
    return palette.series(Math.abs(hash) % 10);
  }
  const by = field.color?.by ?? "last";
  const value = calculated(by === "last" ? "last_not_null" : by, column.values);
  return valueColor(of, value, palette) ?? palette.series(index);
}
