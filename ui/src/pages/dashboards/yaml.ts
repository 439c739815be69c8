/** Panels and dashboards as YAML, as files have them: snake case, what has its default left out. The server writes those that are saved. */

import type { Dashboard, Panel } from "@/api/dashboards";
import { panelDefaults } from "./defaults";

const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const PLAIN = /^[A-Za-z_/][\w ./$-]*$/;
const WORD = /^(true|false|null|yes|no|on|off|~)$/i;
/** Keys of these hold names of others, which stay as they are. */
const MAPS = new Set(["rename", "to", "calcs", "fields", "sparkline"]);

function scalar(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  return PLAIN.test(value) && !WORD.test(value) && !value.endsWith(" ") ? value : JSON.stringify(value);
}

function lines(value: unknown, indent: string, isMap: boolean): string[] {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== "object")) return [];
    return value.flatMap((one: unknown) => { const [first = "", ...rest] = lines(one, `${indent}  `, false); return [`${indent}- ${first.trimStart()}`, ...rest]; });
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]: [string, unknown]) => {
    if (one === undefined || one === null) return [];
    const key = isMap ? scalar(name) : snake(name);
    if (Array.isArray(one) && one.every((each) => typeof each !== "object")) return [`${indent}${key}: [${one.map((each) => scalar(each as string)).join(", ")}]`];
    if (typeof one === "string" && one.includes("\n") && !/^\s|\s$|[^\S\n]\n/.test(one)) return [`${indent}${key}: |-`, ...one.split("\n").map((line) => `${indent}  ${line}`)];
    if (typeof one !== "object") return [`${indent}${key}: ${scalar(one as string | number | boolean)}`];
    const inner = lines(one, `${indent}  `, MAPS.has(name) && !Array.isArray(one));
    return inner.length === 0 ? [] : [`${indent}${key}:`, ...inner];
  });
}

/** Without what is as it would be anyhow. */
function lean(value: unknown, usual: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : JSON.stringify(value) === JSON.stringify(usual) ? undefined : value;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).flatMap(([key, one]) => { const left = lean(one, (usual as Record<string, unknown> | null | undefined)?.[key]); return left === undefined ? [] : [[key, left] as const]; });
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  return value === usual || value === "" || value === undefined ? undefined : value;
}

export function panelYaml(panel: Panel): string {
  const usual = panelDefaults(panel.kind);
  const { field, grid, queries, ...rest } = panel;
  const own = lean(rest, usual) as Record<string, unknown> | undefined;
  const asked = queries.map((query) => lean(query, { ...usual.queries[0], refId: "" }));
  const shown = { title: panel.title, ...own, kind: panel.kind === "time_series" ? undefined : panel.kind, id: undefined, grid: [grid.x, grid.y, grid.w, grid.h], ...(asked.length > 0 ? { queries: asked } : {}), ...field };
  return lines([shown], "", false).join("\n");
}

/** What is not saved yet, roughly as the server would write it. */
export function dashboardYaml(dashboard: Dashboard): string {
  const { rows, ...rest } = dashboard;
  const head = lines(lean(rest, { crosshair: "none", timeZone: "browser" }), "", false);
  const panels = (all: readonly Panel[], indent: string) => all.flatMap((panel) => panelYaml(panel).split("\n").map((line) => indent + line));
  return [...head, ...rows.flatMap((row, index) => (index === 0 && row.title === "" ? ["panels:", ...panels(row.panels, "  ")] : [...(index === 0 || (index === 1 && rows[0]?.title === "") ? ["rows:"] : []), `  - title: ${scalar(row.title)}`, ...(row.collapsed ? ["    collapsed: true"] : []), ...(row.repeat ? [`    repeat: ${scalar(row.repeat.variable)}`] : []), "    panels:", ...panels(row.panels, "      ")]))].join("\n");
}
