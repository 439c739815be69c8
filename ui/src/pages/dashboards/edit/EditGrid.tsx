/** A row while it is edited: panels are moved and resized by the pointer and by keys. */

import { type KeyboardEvent, memo, type PointerEvent, useCallback, useMemo, useRef, useState } from "react";
import { ActionIcon, Menu, TextInput, Tooltip } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconArrowsMove, IconCopy, IconGripVertical, IconPlus, IconResize, IconRowInsertBottom, IconTrash } from "@tabler/icons-react";
import type { Grid, Panel, Row } from "@/api/dashboards";
import { cut } from "@/lib/text";
import { COLUMNS, freePlace, type Scope, settled } from "../layout";
import { PanelCard } from "../PanelCard";
import { cellStyle, GAP_PX, ROW_PX } from "../Rows";
import type { Draft } from "./useDraft";
import { nextId, SIZES, panelDefaults } from "../defaults";
import classes from "../dashboards.module.css";

interface EditGridProps { row: Row; level: 2 | 3; index: number; draft: Draft; scope: Scope; onEdit: (id: number) => void }
const LEAST = { w: 2, h: 2 } as const;

const clamped = (grid: Grid): Grid => {
  const w = Math.min(COLUMNS, Math.max(LEAST.w, grid.w));
  return { w, h: Math.min(60, Math.max(LEAST.h, grid.h)), x: Math.min(COLUMNS - w, Math.max(0, grid.x)), y: Math.max(0, grid.y) };
};

export function EditGrid({ row, level, index, draft, scope, onEdit }: EditGridProps) {
  const host = useRef<HTMLDivElement>(null);
  const [moving, setMoving] = useState<{ id: number; grid: Grid } | null>(null);
  const [spoken, setSpoken] = useState("");
  const panels = useMemo(() => (moving ? settled(row.panels.map((panel) => (panel.id === moving.id ? { ...panel, grid: moving.grid } : panel)), moving.id) : row.panels), [row.panels, moving]);
  const { changeRow, change } = draft;
  const put = useCallback((id: number, grid: Grid) => changeRow(index, (old) => ({ ...old, panels: settled(old.panels.map((panel) => (panel.id === id ? { ...panel, grid: clamped(grid) } : panel)), id) })), [changeRow, index]);

  const begin = useCallback((panel: Panel, isSize: boolean) => (event: PointerEvent<HTMLElement>) => {
    const box = host.current?.getBoundingClientRect();
    if (!box || event.button !== 0) return;
    event.preventDefault();
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    const [startX, startY] = [event.clientX, event.clientY];
    const column = (box.width + GAP_PX) / COLUMNS;
    let now = panel.grid;
    const move = (moved: globalThis.PointerEvent) => {
      const [dx, dy] = [Math.round((moved.clientX - startX) / column), Math.round((moved.clientY - startY) / (ROW_PX + GAP_PX))];
      const next = clamped(isSize ? { ...panel.grid, w: Math.min(COLUMNS - panel.grid.x, panel.grid.w + dx), h: panel.grid.h + dy } : { ...panel.grid, x: panel.grid.x + dx, y: panel.grid.y + dy });
      if (JSON.stringify(next) === JSON.stringify(now)) return;
      now = next;
      setMoving({ id: panel.id, grid: next });
    };
    const end = () => {
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", end);
      target.removeEventListener("pointercancel", end);
      setMoving(null);
      if (now !== panel.grid) put(panel.id, now);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", end);
    target.addEventListener("pointercancel", end);
  }, [put]);

  const keys = useCallback((panel: Panel, isSize: boolean) => (event: KeyboardEvent) => {
    const [dx, dy] = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as Record<string, [number, number]>)[event.key] ?? [0, 0];
    if (dx === 0 && dy === 0) return;
    event.preventDefault();
    const { grid } = panel;
    const next = clamped(isSize || event.shiftKey ? { ...grid, w: Math.min(COLUMNS - grid.x, grid.w + dx), h: grid.h + dy } : { ...grid, x: grid.x + dx, y: grid.y + dy });
    put(panel.id, next);
    setSpoken(`Column ${next.x + 1}, line ${next.y + 1}, ${next.w} wide, ${next.h} high`);
  }, [put]);

  const menu = useCallback((panel: Panel) => (
    <>
      <Menu.Item leftSection={<IconCopy size={15} />} onClick={() => change((old) => ({ ...old, rows: old.rows.map((one, at) => (at === index ? { ...one, panels: [...one.panels, { ...panel, id: nextId(old), title: panel.title, grid: freePlace(one.panels, panel.grid.w, panel.grid.h) }] } : one)) }))}>Duplicate</Menu.Item>
      <Menu.Item leftSection={<IconTrash size={15} />} color="var(--bad)" onClick={() => changeRow(index, (old) => ({ ...old, panels: settled(old.panels.filter(({ id }) => id !== panel.id), -1) }))}>Delete</Menu.Item>
      {draft.dashboard.rows.length > 1 && (
        <>
          <Menu.Label>Move to</Menu.Label>
          {draft.dashboard.rows.map((one, at) => (at === index ? null : <Menu.Item key={at} leftSection={<IconRowInsertBottom size={15} />} onClick={() => change((old) => ({ ...old, rows: old.rows.map((each, place) => (place === index ? { ...each, panels: settled(each.panels.filter(({ id }) => id !== panel.id), -1) } : place === at ? { ...each, panels: [...each.panels, { ...panel, grid: freePlace(each.panels, panel.grid.w, panel.grid.h) }] } : each)) }))}>{cut(one.title, 40) || "the top"}</Menu.Item>))}
        </>
      )}
    </>
  ), [change, changeRow, draft.dashboard.rows, index]);

  const byKey = [...panels].sort((a, b) => a.grid.y - b.grid.y || a.grid.x - b.grid.x);
  return (
    <>
      <div ref={host} className={classes.grid}>
        {byKey.map((panel) => (
          <div key={panel.id} className={`${classes.cell ?? ""} ${moving?.id === panel.id ? classes.moving ?? "" : ""}`} style={cellStyle(panel)}>
            <EditCell panel={panel} level={level} scope={scope} begin={begin} keys={keys} menu={menu} onEdit={onEdit} />
          </div>
        ))}
      </div>
      <p className="sr" aria-live="polite">{spoken}</p>
    </>
  );
}

interface EditCellProps {
  level: 2 | 3;
  panel: Panel;
  scope: Scope;
  begin: (panel: Panel, isSize: boolean) => (event: PointerEvent<HTMLElement>) => void;
  keys: (panel: Panel, isSize: boolean) => (event: KeyboardEvent) => void;
  menu: (panel: Panel) => React.ReactNode;
  onEdit: (id: number) => void;
}

const EditCell = memo(function EditCell({ panel, level, scope, begin, keys, menu, onEdit }: EditCellProps) {
  const name = panel.title || `panel ${panel.id}`;
  const edit = useCallback(() => onEdit(panel.id), [onEdit, panel.id]);
  const handle = useMemo(() => <Tooltip label="Move: drag, or arrow keys; with Shift resize"><ActionIcon size={24} className={classes.handle ?? ""} aria-label={`Move ${name}`} aria-roledescription="handle" onPointerDown={begin(panel, false)} onKeyDown={keys(panel, false)}><IconGripVertical size={15} /></ActionIcon></Tooltip>, [begin, keys, name, panel]);
  const more = useMemo(() => menu(panel), [menu, panel]);
  return (
    <>
      <PanelCard panel={panel} scope={scope} level={level} onEdit={edit} more={more} handle={handle} />
      <button type="button" className={classes.size} style={{ background: "none", border: 0 }} aria-label={`Resize ${name}`} onPointerDown={begin(panel, true)} onKeyDown={keys(panel, true)}><IconResize size={14} /></button>
    </>
  );
});

/** The head of a row while it is edited. */
export function EditRowHead({ row, index, draft, onAdd }: { row: Row; index: number; draft: Draft; onAdd: () => void }) {
  const { change, changeRow, dashboard } = draft;
  const swap = (to: number) => change((old) => { const rows = [...old.rows]; const [one] = rows.splice(index, 1); if (one) rows.splice(to, 0, one); return { ...old, rows }; });
  const isTop = index === 0 && row.title === "";
  return (
    <div className={classes.rowHead}>
      <h2 className={isTop ? "muted" : "sr"} style={{ fontSize: 13, fontWeight: 560 }}>{isTop ? "At the top, without a heading" : row.title}</h2>
      {!isTop && <TextInput aria-label="Heading of the row" value={row.title} onChange={(event) => { const title = event.currentTarget.value; changeRow(index, (old) => ({ ...old, title })); }} w={240} error={row.title === "" ? "needs a heading" : undefined} />}
      <Tooltip label="Add a panel here"><ActionIcon aria-label={`Add a panel to ${row.title || "the top"}`} onClick={onAdd}><IconPlus size={16} /></ActionIcon></Tooltip>
      {!isTop && (
        <Menu position="bottom-start">
          <Menu.Target><ActionIcon aria-label={`Menu of row ${row.title}`}><IconArrowsMove size={15} /></ActionIcon></Menu.Target>
          <Menu.Dropdown>
            {index > (dashboard.rows[0]?.title === "" ? 1 : 0) && <Menu.Item leftSection={<IconArrowUp size={15} />} onClick={() => swap(index - 1)}>Up</Menu.Item>}
            {index < dashboard.rows.length - 1 && <Menu.Item leftSection={<IconArrowDown size={15} />} onClick={() => swap(index + 1)}>Down</Menu.Item>}
            <Menu.Item onClick={() => changeRow(index, (old) => ({ ...old, collapsed: !old.collapsed }))}>{row.collapsed ? "Opens unfolded" : "Opens folded up"}</Menu.Item>
            <Menu.Label>Once for each value of</Menu.Label>
            <Menu.Item fw={row.repeat ? 400 : 650} onClick={() => changeRow(index, (old) => ({ ...old, repeat: undefined }))}>nothing</Menu.Item>
            {dashboard.variables.filter(({ multi, includeAll }) => multi || includeAll).map(({ name }) => <Menu.Item key={name} fw={row.repeat?.variable === name ? 650 : 400} onClick={() => changeRow(index, (old) => ({ ...old, repeat: { variable: name, direction: "vertical", maxPerRow: 0 } }))}>{name}</Menu.Item>)}
            <Menu.Divider />
            <Menu.Item color="var(--bad)" leftSection={<IconTrash size={15} />} onClick={() => change((old) => ({ ...old, rows: old.rows.filter((_, at) => at !== index) }))}>Delete row and panels</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </div>
  );
}

/** A new panel in the next free place of a row. */
export function addPanel(draft: Draft, index: number, kind: Panel["kind"] = "time_series"): number {
  const id = nextId(draft.dashboard);
  const [w, h] = SIZES[kind] ?? [12, 8];
  draft.changeRow(index, (old) => ({ ...old, panels: [...old.panels, { ...panelDefaults(kind), id, title: "New panel", grid: freePlace(old.panels, w, h) }] }));
  return id;
}
