/** What a legend says of series, in its order. */

import type { Calc } from "@/api/dashboards";
import { calcName, calculated } from "./calcs";
import { mapped, numberText, type Shown } from "./fields";
import type { Cell } from "./tables";
import { compare } from "./transform";

export interface LegendItem { shown: Shown; color: string; values: readonly (number | null)[] }
export interface LegendLine extends LegendItem { calculated: { calc: Calc; value: Cell }[] }

export function legendLines(items: readonly LegendItem[], calcs: readonly Calc[], order: { by: string; down: boolean }): LegendLine[] {
  const lines = items.map((item) => ({ ...item, calculated: calcs.map((calc) => ({ calc, value: calculated(calc, item.values) })) }));
  const at = calcs.findIndex((calc) => calcName(calc).toLowerCase() === order.by.toLowerCase());
  if (order.by === "" || (at < 0 && order.by !== "Name")) return lines;
  return lines.sort((a, b) => (at < 0 ? compare(a.shown.name, b.shown.name) : compare(a.calculated[at]?.value ?? null, b.calculated[at]?.value ?? null)) * (order.down ? -1 : 1));
}

const COUNTS: readonly Calc[] = ["count", "change_count", "distinct_count"];
/** What a calculation came to, as it is written: counts have no unit. */
export function written({ field }: Shown, calc: Calc, value: Cell): string {
  if (typeof value !== "number") return value === null ? mapped(field.mappings, null)?.text ?? "–" : String(value);
  const unit = COUNTS.includes(calc) ? "none" : calc === "diff_percent" ? "percent" : field.unit;
  return numberText({ ...field, unit }, value);
}
