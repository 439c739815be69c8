/** The rows of a dashboard with their panels, on grids of 24 columns; on phones one below the other. */

import { type ReactNode, useMemo, useState } from "react";
import { UnstyledButton } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { cut } from "@/lib/text";
import { useRange } from "@/state/range";
import { type Board, putting } from "./board";
import type { PlacedPanel, PlacedRow } from "./layout";
import { PanelCard } from "./PanelCard";
import classes from "./dashboards.module.css";

/** Pixels of a row of the grid, and between rows. */
export const ROW_PX = 30;
export const GAP_PX = 8;
export const heightOf = (h: number) => h * (ROW_PX + GAP_PX) - GAP_PX;

const isSmall = ({ panel, grid }: PlacedPanel) => grid.w <= 8 && ["stat", "gauge", "pie"].includes(panel.kind);

/** On phones small panels stand two by two; one that is left over is as wide as the others. */
function paired(panels: readonly PlacedPanel[]): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (let at = 0; at < panels.length; at += 1) {
    const [one, next] = [panels[at], panels[at + 1]];
    if (!one || !next || !isSmall(one) || !isSmall(next)) continue;
    pairs.add(one.key).add(next.key);
    at += 1;
  }
  return pairs;
}

export function cellStyle({ grid }: Pick<PlacedPanel, "grid">): React.CSSProperties {
  return { gridColumn: `${grid.x + 1} / span ${grid.w}`, gridRow: `${grid.y + 1} / span ${grid.h}`, ["--tall" as string]: `${Math.max(heightOf(grid.h), 110)}px` };
}

export function Rows({ rows, board, onEdit }: { rows: readonly PlacedRow[]; board: Board; onEdit?: ((id: number) => void) | undefined }) {
  return <>{rows.map((row) => <RowView key={row.key} row={row} board={board} onEdit={onEdit} />)}</>;
}

function RowView({ row, board, onEdit }: { row: PlacedRow; board: Board; onEdit: ((id: number) => void) | undefined }) {
  const [isOpen, setOpen] = useState(!row.row.collapsed);
  const pairs = useMemo(() => paired(row.panels), [row.panels]);
  const hasHead = row.row.title !== "" || row.index > 0;
  return (
    <div className={classes.row}>
      {hasHead && <RowHead row={row} board={board} isOpen={isOpen} toggle={() => setOpen((open) => !open)} />}
      {isOpen && row.panels.length > 0 && (
        <div className={classes.grid}>
          {row.panels.map((one) => (
            <div key={one.key} className={classes.cell} data-small={pairs.has(one.key) || undefined} style={cellStyle(one)}>
              <PanelCard panel={one.panel} scope={one.scope} level={hasHead ? 3 : 2} onEdit={onEdit && !one.isRepeated ? () => onEdit(one.panel.id) : undefined} />
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

export function RowHead({ row, board, isOpen, toggle, children }: { row: PlacedRow; board: Board; isOpen: boolean; toggle: () => void; children?: ReactNode }) {
  const range = useRange();
  const title = putting(board, row.scope, range, board.scrapeS).text(row.row.title);
  return (
    <div className={classes.rowHead}>
      <h2 style={{ minWidth: 0 }}>
        <UnstyledButton className={classes.rowToggle} aria-expanded={isOpen} onClick={toggle}>
          <IconChevronDown size={16} aria-hidden />
          <span className="ellipsis foreign">{cut(title, 120) || "Row"}</span>
          {!isOpen && <span className={classes.rowCount}>{row.panels.length} {row.panels.length === 1 ? "panel" : "panels"}</span>}
        </UnstyledButton>
      </h2>
      {children}
    </div>
  );
}
