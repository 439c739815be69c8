/** States over time: what each series was, from when to when. */

import type { Panel } from "@/api/dashboards";
import type { Palette } from "./colors";
import { mapped, seriesColorOf, shown, type Shown, told } from "./fields";
import { type Cell, type Table, textOf } from "./tables";

export interface Segment { from: number; to: number; text: string; color: string }
export interface Line { name: string; segments: Segment[] }

const LINES_MAX = 100;

function colorOf(of: Shown, value: Cell, color: string | null, palette: Palette, texts: Map<string, string>): string {
  if (color) return color;
  if (typeof value === "number" && !(of.field.mappings ?? []).length) return seriesColorOf(of, palette);
  // States without a colour of their own: each has one of the series' colours.
  const text = textOf(value);
  const known = texts.get(text) ?? palette.series(texts.size);
  texts.set(text, known);
  return known;
}

/** Lines of states, and the colours of those that have a name. */
export function statesOf(panel: Panel, tables: readonly Table[], step: number, palette: Palette): { lines: Line[]; key: [string, string][] } {
  const isTimeline = panel.kind === "state_timeline";
  const isMerged = isTimeline && panel.state?.merge !== false;
  const texts = new Map<string, string>();
  const all: Line[] = [];
  const keys = new Map<string, string>();
  for (const of of shown(panel, tables, ({ kind }) => kind !== "time").slice(0, LINES_MAX)) {
    const time = of.table.columns.find(({ kind }) => kind === "time");
    if (!time) continue;
    const segments: Segment[] = [];
    time.values.forEach((at, row) => {
      const value = of.column.values[row] ?? null;
      if (value === null || typeof at !== "number") return;
      const { text, color } = told(of, value, palette);
      const next = time.values[row + 1];
      const to = isTimeline && typeof next === "number" ? Math.min(next, at + step * 1000 * 1.5) : at + step * 1000;
      const own = colorOf(of, value, color, palette, texts);
      const last = segments.at(-1);
      if (isMerged && last && last.text === text && last.color === own && at - last.to < step * 1000) last.to = to;
      else segments.push({ from: at, to, text, color: own });
      if (mapped(of.field.mappings, value)?.text !== undefined) keys.set(text, own);
    });
    all.push({ name: of.name, segments });
  }
  return { lines: all, key: [...keys] };
}
