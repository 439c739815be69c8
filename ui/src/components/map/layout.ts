/** Where each node of the map stands, and how lines run between them. Heights are fixed: nothing is measured but the width. */

import type { EntityGraph, MapEdge, MapGroup, MapNode } from "./graph";

export type NodeSize = "full" | "line";
export interface Placed { node: MapNode; size: NodeSize; x: number; y: number; width: number; height: number }
export interface PlacedGroup { group: MapGroup; column: number; x: number; y: number; width: number; /** Where the button stands that shows or hides the rest. */ more: { y: number; hidden: number; isOpen: boolean } | null }
export interface PlacedEdge { edge: MapEdge; path: string; points: readonly [number, number, number, number, number, number, number, number]; isLoose: boolean }
export interface MapLayout { nodes: Placed[]; groups: PlacedGroup[]; edges: PlacedEdge[]; height: number }

/** Groups larger than this are lines, with those that are not up in full. */
export const FULL_MOST = 6;
/** Lines of what is up that a large group shows before "42 more". */
const LINES_MOST = 3;
const MORE_FROM = 24;
const HEAD = 28;
const LEFT = 26;
const HEIGHTS = { up: 62, told: 86, line: 30 } as const;
const GAP = 8;
const GROUP_GAP = 16;
const MORE = 30;

export function nodeHeight(node: MapNode, size: NodeSize): number {
  if (size === "line") return HEIGHTS.line;
  return node.entity.state === "up" || (node.entity.reason === "" && node.causes.length === 0) ? HEIGHTS.up : HEIGHTS.told;
}

export function mapLayout(graph: EntityGraph, width: number, open: ReadonlySet<string>): MapLayout {
  const count = Math.max(graph.columns.length, 1);
  const channel = count < 2 ? 0 : Math.min(150, Math.max(56, (width - LEFT) * 0.075));
  const columnWidth = Math.min(440, (width - LEFT - channel * (count - 1)) / count);
  // What columns do not take stands between them.
  const between = count < 2 ? 0 : (width - LEFT - columnWidth * count) / (count - 1);
  const nodes: Placed[] = [];
  const groups: PlacedGroup[] = [];
  /** By entity: the node, or the button that stands for those that are hidden. */
  const places = new Map<string, { x: number; y: number; width: number; height: number; isHidden: boolean }>();
  let height = 0;
  graph.columns.forEach((column, index) => {
    const x = LEFT + index * (columnWidth + between);
    let y = 0;
    for (const group of column) {
      const top = y;
      y += HEAD;
      const isLarge = group.nodes.length > FULL_MOST;
      const isOpen = open.has(group.kind);
      const bad = group.nodes.filter((node) => node.entity.state !== "up");
      const shown = !isLarge || isOpen ? group.nodes : [...bad.slice(0, MORE_FROM), ...group.nodes.filter((node) => node.entity.state === "up").slice(0, Math.max(1, LINES_MOST + 2 - bad.length))];
      const shownIds = new Set(shown.map((node) => node.id));
      shown.forEach((node, at) => {
        const size: NodeSize = isLarge && (node.entity.state === "up" || at >= FULL_MOST) ? "line" : "full";
        const placed = { node, size, x, y, width: columnWidth, height: nodeHeight(node, size) };
        nodes.push(placed);
        places.set(node.id, { ...placed, isHidden: false });
        y += placed.height + (size === "line" ? 2 : GAP);
      });
      const hidden = group.nodes.length - shown.length;
      const more = hidden > 0 || (isLarge && isOpen) ? { y, hidden, isOpen } : null;
      if (more) {
        for (const node of group.nodes) if (!shownIds.has(node.id)) places.set(node.id, { x, y, width: columnWidth, height: MORE, isHidden: true });
        y += MORE;
      }
      groups.push({ group, column: index, x, y: top, width: columnWidth, more });
      y += GROUP_GAP - GAP;
    }
    height = Math.max(height, y - GROUP_GAP + GAP);
  });
  const seen = new Set<string>();
  const edges = graph.edges.flatMap((edge): PlacedEdge[] => {
    const from = places.get(edge.from);
    const to = places.get(edge.to);
    if (!from || !to) return [];
    // Many hidden ones behind one button are one line.
    const key = `${from.x},${from.y}>${to.x},${to.y}`;
    if ((from.isHidden || to.isHidden) && seen.has(key) && !edge.isCause) return [];
    seen.add(key);
    const points = curve(from, to);
    const [ax, ay, bx, by, cx, cy, dx, dy] = points;
    return [{ edge, points, path: `M${ax} ${ay}C${bx} ${by} ${cx} ${cy} ${dx} ${dy}`, isLoose: from.isHidden || to.isHidden }];
  });
  return { nodes, groups, edges, height };
}

interface Box { x: number; y: number; width: number; height: number }
const tenth = (value: number) => Math.round(value * 10) / 10;

function curve(from: Box, to: Box): PlacedEdge["points"] {
  const ay = tenth(from.y + Math.min(from.height, HEIGHTS.up) / 2);
  const dy = tenth(to.y + Math.min(to.height, HEIGHTS.up) / 2);
  if (from.x === to.x) {
    // In one column: round the left side.
    const x = tenth(from.x);
    const out = x - LEFT + 4;
    return [x, ay, out, ay, out, dy, x, dy];
  }
  const isRight = to.x > from.x;
  const ax = tenth(isRight ? from.x + from.width : from.x);
  const dx = tenth(isRight ? to.x : to.x + to.width);
  const bend = (dx - ax) * 0.5;
  return [ax, ay, tenth(ax + bend), ay, tenth(dx - bend), dy, dx, dy];
}

/** A point of a curve, at 0 to 1. */
export function along([ax, ay, bx, by, cx, cy, dx, dy]: PlacedEdge["points"], at: number): [number, number] {
  const rest = 1 - at;
  const [p, q, r, s] = [rest ** 3, 3 * rest * rest * at, 3 * rest * at * at, at ** 3];
  return [p * ax + q * bx + r * cx + s * dx, p * ay + q * by + r * cy + s * dy];
}
