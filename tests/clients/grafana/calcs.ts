/** Calculations of lists of values, as both sides do them. */

import { FieldType, reduceField, fieldReducers } from "@grafana/data";
import type { Cell } from "@/components/panels/tables";
import { CALCS, calculated } from "@/components/panels/calcs";

const LISTS: readonly (readonly (number | null)[])[] = [
  [1, 2, 3, 4, 5], [5, 3, 8, 1, 9, 2], [2.5], [], [null], [NaN], [null, NaN], [0, 0, 0], [0, null, 0], [null, 4, NaN, 6, null], [NaN, 4, 4, 7, 3, NaN], [-3, -1, 0, 5], [1, 1, 2, 2, 1, null, 1],
  [10, 20, 5, 15, 25], [0, 10], [7, 7, 7, 8], [1e9, 1.5, 1e-6], [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9],
];
const NAMES: Readonly<Record<string, string>> = { diff_percent: "diffperc", log_min: "logmin", total: "sum" };
const idOf = (calc: string) => NAMES[calc] ?? calc.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const spelled = (value: unknown): string => (value === null || value === undefined || Number.isNaN(value) ? "" : typeof value === "number" ? String(Number(value.toPrecision(12))) : Array.isArray(value) ? value.join(", ") : String(value));

export function calcsTold(): { same: number; all: number; found: string[] } {
  const found: string[] = [];
  let [same, all] = [0, 0];
  for (const calc of CALCS) for (const values of LISTS) {
    const id = fieldReducers.getIfExists(idOf(calc))?.id;
    if (id === undefined) { found.push(`${calc}: Grafana has none`); continue; }
    const theirs = reduceField({ field: { name: "x", type: FieldType.number, config: {}, values: [...values] }, reducers: [id] })[id];
    const ours = calculated(calc, values as readonly Cell[]);
    all += 1;
    if (spelled(theirs) === spelled(ours)) same += 1;
    else found.push(`${calc} of [${values.map(String).join(", ")}]: ${spelled(theirs)} | ${spelled(ours)}`);
  }
  return { same, all, found };
}
