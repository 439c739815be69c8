/** Where panels stand once rows and panels are repeated: rows of their own grids, 24 columns wide. */

import type { Dashboard, Grid, Panel, Repeat, Row } from "@/api/dashboards";
import type { Chosen } from "./substitute";

export type Scope = ReadonlyMap<string, Chosen>;
export interface PlacedPanel { key: string; panel: Panel; grid: Grid; scope: Scope; isRepeated: boolean }
export interface PlacedRow { key: string; index: number; row: Row; scope: Scope; panels: PlacedPanel[]; height: number }

export const COLUMNS = 24;
/** So many are drawn: a variable may have thousands of values. */
const REPEATS_MAX = 60;

function scopes(repeat: Repeat | undefined, outer: Scope): { scope: Scope; key: string }[] {
  const chosen = repeat && outer.get(repeat.variable);
  if (!repeat || !chosen) return [{ scope: outer, key: "" }];
  const each = chosen.each ?? chosen.values.map((value, index) => ({ value, text: chosen.texts[index] ?? value }));
  if (each.length === 0) return [{ scope: outer, key: "" }];
  return each.slice(0, REPEATS_MAX).map(({ value, text }) => ({ key: `:${value}`, scope: new Map(outer).set(repeat.variable, { values: [value], texts: [text], isMulti: chosen.isMulti }) }));
}

/** Panels of a row. What a repeated panel takes more pushes what stands below it down. */
function placed(row: Row, index: number, scope: Scope, key: string): PlacedRow {
  const sorted = [...row.panels].sort((a, b) => a.grid.y - b.grid.y || a.grid.x - b.grid.x);
  const panels: PlacedPanel[] = [];
  let pushed = 0;
  let line = -1;
  let grown = 0;
  for (const panel of sorted) {
    if (panel.grid.y > line) { pushed += grown; grown = 0; line = panel.grid.y; }
    const copies = scopes(panel.repeat, scope);
    const isVertical = panel.repeat?.direction === "vertical";
    const perRow = copies.length === 1 ? 1 : isVertical ? 1 : Math.min(copies.length, panel.repeat?.maxPerRow || 4);
    const width = copies.length === 1 || isVertical ? panel.grid.w : Math.floor(COLUMNS / perRow);
    copies.forEach((copy, at) => {
      const [column, down] = [at % perRow, Math.floor(at / perRow)];
      const x = copies.length === 1 || isVertical ? panel.grid.x : column * width;
      panels.push({ key: `${key}/${panel.id}${copy.key}`, panel, scope: copy.scope, isRepeated: at > 0 || key.includes(":"), grid: { x, y: panel.grid.y + pushed + down * panel.grid.h, w: width, h: panel.grid.h } });
    });
    grown = Math.max(grown, (Math.ceil(copies.length / perRow) - 1) * panel.grid.h);
  }
  // What would lie on another goes down.
  panels.forEach((one, at) => {
    const before = panels.slice(0, at);
    for (let hit = before.find((other) => overlaps(other.grid, one.grid)); hit; hit = before.find((other) => overlaps(other.grid, one.grid))) one.grid = { ...one.grid, y: hit.grid.y + hit.grid.h };
  });
  return { key, index, row, scope, panels, height: Math.max(0, ...panels.map(({ grid }) => grid.y + grid.h)) };
}

export function layout(dashboard: Dashboard, chosen: Scope): PlacedRow[] {
  return dashboard.rows.flatMap((row, index) => scopes(row.repeat, chosen).map((copy) => placed(row, index, copy.scope, `${index}${copy.key}`)));
}

const overlaps = (a: Grid, b: Grid) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Panels of a row after one was moved: what is in its way goes down, then all go up as far as they can. */
export function settled(panels: readonly Panel[], movedId: number): Panel[] {
  const moved = panels.find(({ id }) => id === movedId);
  const rest = panels.filter(({ id }) => id !== movedId).sort((a, b) => a.grid.y - b.grid.y || a.grid.x - b.grid.x);
  const done: Panel[] = moved ? [moved] : [];
  for (const panel of rest) {
    let grid = panel.grid;
    for (let hit = done.find((one) => overlaps(one.grid, grid)); hit; hit = done.find((one) => overlaps(one.grid, grid))) grid = { ...grid, y: hit.grid.y + hit.grid.h };
    done.push({ ...panel, grid });
  }
  const up: Panel[] = [];
  for (const panel of done.sort((a, b) => a.grid.y - b.grid.y || a.grid.x - b.grid.x)) {
    let grid = panel.grid;
    while (grid.y > 0 && !up.some((one) => overlaps(one.grid, { ...grid, y: grid.y - 1 }))) grid = { ...grid, y: grid.y - 1 };
    up.push({ ...panel, grid });
  }
  return up;
}

/** The next free place of a row for a panel of a size. */
export function freePlace(panels: readonly Panel[], w: number, h: number): Grid {
  const bottom = Math.max(0, ...panels.map(({ grid }) => grid.y + grid.h));
  for (let y = 0; y <= bottom; y += 1) for (let x = 0; x + w <= COLUMNS; x += 1) if (!panels.some(({ grid }) => overlaps(grid, { x, y, w, h }))) return { x, y, w, h };
  return { x: 0, y: bottom, w, h };
}
