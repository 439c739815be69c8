/** A dashboard that is being changed: each change can be taken back. */

import { useCallback, useState } from "react";
import type { Dashboard, Panel, Row } from "@/api/dashboards";

const PAST_MAX = 100;

export interface Draft {
  dashboard: Dashboard;
  isChanged: boolean;
  canUndo: boolean;
  canRedo: boolean;
  change: (next: (old: Dashboard) => Dashboard) => void;
  changeRow: (index: number, next: (old: Row) => Row) => void;
  changePanel: (id: number, next: (old: Panel) => Panel) => void;
  undo: () => void;
  redo: () => void;
}

export function useDraft(first: Dashboard, isNew: boolean): Draft {
  const [{ past, now, future }, set] = useState<{ past: Dashboard[]; now: Dashboard; future: Dashboard[] }>({ past: [], now: first, future: [] });
  const change = useCallback((next: (old: Dashboard) => Dashboard) => set((old) => {
    const changed = next(old.now);
    return changed === old.now ? old : { past: [...old.past.slice(-PAST_MAX), old.now], now: changed, future: [] };
  }), []);
  const changeRow = useCallback((index: number, next: (old: Row) => Row) => change((old) => ({ ...old, rows: old.rows.map((row, at) => (at === index ? next(row) : row)) })), [change]);
  const changePanel = useCallback((id: number, next: (old: Panel) => Panel) => change((old) => ({ ...old, rows: old.rows.map((row) => (row.panels.some((panel) => panel.id === id) ? { ...row, panels: row.panels.map((panel) => (panel.id === id ? next(panel) : panel)) } : row)) })), [change]);
  const undo = useCallback(() => set((old) => { const last = old.past.at(-1); return last ? { past: old.past.slice(0, -1), now: last, future: [old.now, ...old.future] } : old; }), []);
  const redo = useCallback(() => set((old) => { const [next, ...rest] = old.future; return next ? { past: [...old.past, old.now], now: next, future: rest } : old; }), []);
  return { dashboard: now, isChanged: past.length > 0 || isNew && now.rows.some(({ panels }) => panels.length > 0), canUndo: past.length > 0, canRedo: future.length > 0, change, changeRow, changePanel, undo, redo };
}
