/** Shares of a whole, in their order. */

import type { Panel } from "@/api/dashboards";
import type { Palette } from "./colors";
import type { Table } from "./tables";
import { valuesOf } from "./values";

export function slicesOf(panel: Panel, tables: readonly Table[], palette: Palette) {
  const all = valuesOf(panel, tables, palette).filter((one): one is typeof one & { value: number } => typeof one.value === "number" && Number.isFinite(one.value));
  if (panel.pie?.sort !== "none") all.sort((a, b) => (panel.pie?.sort === "asc" ? a.value - b.value : b.value - a.value));
  const sum = all.reduce((total, { value }) => total + Math.max(value, 0), 0);
  let at = 0;
  return all.map((one) => {
    const share = Math.max(one.value, 0) / (sum || 1);
    const from = at;
    at += share;
    return { ...one, from, to: at, share, fill: (one.shown.field.color ? one.color : null) ?? palette.series(one.shown.index) };
  });
}

export type Slice = ReturnType<typeof slicesOf>[number];
