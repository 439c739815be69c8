/** Answers as tables of columns: what transformations work on and what panels show. */

import type { Field, Query } from "@/api/dashboards";
import type { Frame, Instant } from "@/api/prometheus";
import { type Labels, seriesName, shortNames } from "@/lib/labels";

export type Cell = number | string | boolean | null;
export type ColumnKind = "time" | "number" | "string" | "boolean";

export interface Column {
  name: string;
  /** What it was called before a transformation gave it another name: settings may still speak of it so. */
  origin?: string | undefined;
  kind: ColumnKind;
  /** Times are in milliseconds since 1970. */
  values: readonly Cell[];
  labels: Labels;
  /** What the legend of its query calls it. */
  legend?: string | undefined;
  /** The query it is of, where its table has columns of several. */
  refId?: string | undefined;
  /** Settings that a query gave it. */
  config?: Partial<Field> | undefined;
}
export interface Table { refId: string; name: string; columns: readonly Column[] }

export const rowsOf = (table: Table): number => table.columns[0]?.values.length ?? 0;
export const kindOf = (values: readonly Cell[]): ColumnKind => {
  const first = values.find((value) => value !== null);
  return typeof first === "number" ? "number" : typeof first === "boolean" ? "boolean" : first === undefined ? "number" : "string";
};
export const textOf = (value: Cell): string => (value === null ? "" : String(value));

/** `{{label}}` of a legend; labels that are not there are nothing. */
export function legendText(legend: string, labels: Labels): string {
  return legend.replace(/\{\{\s*([\w.:-]+)\s*\}\}/g, (_, name: string) => labels[name] ?? "");
}

/** Legends that say how, rather than what. */
const AUTO = "__auto";
const VERBOSE = "__verbose";
const inBraces = (labels: Labels) => `{${Object.keys(labels).sort().map((name) => `${name}=${JSON.stringify(labels[name])}`).join(", ")}}`;

/** Names of series; undefined: by what is known of all queries. */
function namesOf(query: Query, all: readonly Labels[]): (string | undefined)[] {
  switch (query.legend) {
    case "": {
      // Where nothing sets series apart, the question is a better name than no labels.
      const names = shortNames(all);
      return names.map((name, index) => (name === "{}" ? (all.length === 1 ? query.expr : seriesName(all[index] ?? {})) : name));
    }
    case VERBOSE: return all.map(({ __name__: metric = "", ...labels }) => (Object.keys(labels).length > 0 ? metric + inBraces(labels) : metric || query.expr));
    case AUTO: return all.map((labels) => (Object.keys(labels).length > 0 ? undefined : query.expr));
    default: return all.map((labels) => legendText(query.legend, labels) || undefined);
  }
}

/** Names by Grafana's rules, of series whose query leaves it to them: the only label that there is, or those that its series do not share where they have a metric's name, or all. */
export function autoNamed(tables: readonly Table[]): Table[] {
  const isUnnamed = ({ legend, labels }: Column) => legend === undefined && Object.keys(labels).length > 0;
  if (!tables.some(({ columns }) => columns.some(isUnnamed))) return [...tables];
  const names = new Set(tables.flatMap(({ columns }) => columns.flatMap(({ labels }) => Object.keys(labels))));
  const only = names.size === 1 ? [...names][0] : undefined;
  const shared = new Map<string, Labels>();
  const counts = new Map<string, number>();
  for (const { refId, columns } of tables) {
    counts.set(refId, (counts.get(refId) ?? 0) + 1);
    for (const { labels } of columns.filter(isUnnamed)) {
      const before = shared.get(refId);
      shared.set(refId, before === undefined ? labels : Object.fromEntries(Object.entries(before).filter(([name, value]) => labels[name] === value)));
    }
  }
  return tables.map((table) => ({ ...table, columns: table.columns.map((column): Column => {
    if (!isUnnamed(column)) return column;
    if (only !== undefined) return { ...column, legend: column.labels[only] ?? column.name };
    const common = "__name__" in column.labels && (counts.get(table.refId) ?? 0) > 1 ? shared.get(table.refId) ?? {} : {};
    const own = Object.fromEntries(Object.entries(column.labels).filter(([name]) => !(name in common)));
    return { ...column, legend: Object.keys(own).length > 0 ? inBraces(own) : column.name };
  }) }));
}

/** An answer over a range: a table of two columns for each series, or one for all. */
export function tablesOfRange(query: Query, frame: Frame, several: boolean): Table[] {
  const times = frame.times.map((time) => time * 1000);
  if (query.format === "table") {
    const cells: { time: number; labels: Labels; value: number }[] = [];
    for (const one of frame.series) one.values.forEach((value, index) => { if (value !== null) cells.push({ time: times[index] ?? 0, labels: one.labels, value }); });
    return cells.length === 0 && !several ? [] : [longTable(query, cells, several)];
  }
  const names = namesOf(query, frame.series.map(({ labels }) => labels));
  return frame.series.map((one, index) => {
    // A step without a sample is no value of the series: "last" is the last that there was. Graphs find gaps by the times.
    const has = one.values.every((value) => value !== null) ? null : one.values.map((value) => value !== null);
    const kept = <Item>(list: readonly Item[]) => (has ? list.filter((_, at) => has[at]) : list);
    return {
      refId: query.refId,
      name: names[index] ?? "",
      columns: [{ name: "Time", kind: "time", values: kept(times), labels: {} }, { name: "Value", kind: "number", values: kept(one.values), labels: one.labels, legend: names[index], refId: query.refId }],
    };
  });
}

/** An answer at a moment. */
export function tablesOfInstant(query: Query, answer: Instant, several: boolean): Table[] {
  const cells = answer.samples.map(({ labels, value, time, histogram }) => ({ time: time * 1000, labels, value: value ?? (histogram ? histogram.count : null) }));
  if (query.format === "table") return cells.length === 0 && !several ? [] : [longTable(query, cells, several)];
  const names = namesOf(query, cells.map(({ labels }) => labels));
  return cells.map((one, index) => ({
    refId: query.refId,
    name: names[index] ?? "",
    columns: [{ name: "Time", kind: "time", values: [one.time], labels: {} }, { name: "Value", kind: "number", values: [one.value], labels: one.labels, legend: names[index], refId: query.refId }],
  }));
}

function longTable(query: Query, cells: readonly { time: number; labels: Labels; value: number | null }[], several: boolean): Table {
  const names = [...new Set(cells.flatMap(({ labels }) => Object.keys(labels)))].sort();
  const value = several ? `Value #${query.refId}` : "Value";
  return {
    refId: query.refId,
    name: query.refId,
    columns: [
      { name: "Time", kind: "time", values: cells.map(({ time }) => time), labels: {} },
      ...names.map((name): Column => ({ name, kind: "string", values: cells.map(({ labels }) => labels[name] ?? ""), labels: {} })),
      { name: value, kind: "number", values: cells.map((one) => one.value), labels: {}, refId: query.refId },
    ],
  };
}

/** What people read as the name of a column, before settings. */
export function columnName(column: Column, table: Table): string {
  if (column.legend !== undefined && column.legend !== "") return column.legend;
  if (column.name !== "Value" || Object.keys(column.labels).length === 0) return column.kind === "number" && column.name === "Value" && table.name !== "" && table.name !== table.refId ? table.name : column.name;
  return seriesName(column.labels);
}

export interface SeriesOf { column: Column; table: Table; times: readonly number[]; values: readonly (number | null)[] }

export const numbersOf = (column: Column): (number | null)[] =>
  column.kind === "number" ? (column.values as (number | null)[]) : column.values.map((value) => (typeof value === "boolean" ? Number(value) : typeof value === "string" && value !== "" && !Number.isNaN(Number(value)) ? Number(value) : typeof value === "number" ? value : null));

/** All numbers over time. */
export function seriesOf(tables: readonly Table[]): SeriesOf[] {
  return tables.flatMap((table) => {
    const time = table.columns.find(({ kind }) => kind === "time");
    if (!time) return [];
    return table.columns.filter(({ kind }) => kind === "number" || kind === "boolean").map((column) => ({ column, table, times: time.values as readonly number[], values: numbersOf(column) }));
  });
}

/** Series on one grid of times: that which they share, or all of theirs. Where nothing was for more than a step, there is a time without values. */
export function aligned(all: readonly SeriesOf[], stepMs = Infinity): { times: number[]; values: (number | null)[][] } {
  const first = all[0]?.times;
  if (!first) return { times: [], values: [] };
  const isSame = (times: readonly number[]) => times === first || (times.length === first.length && times.every((time, index) => time === first[index]));
  const isGap = (time: number, before: number | undefined) => before !== undefined && time - before > stepMs * 1.5;
  const isRising = first.every((time, index) => { const before = first[index - 1]; return before === undefined || (time > before && !isGap(time, before)); });
  if (isRising && all.every(({ times }) => isSame(times))) return { times: [...first], values: all.map(({ values }) => values as (number | null)[]) };
  const sorted = [...new Set(all.flatMap((one) => [...one.times]))].sort((a, b) => a - b);
  const times = sorted.flatMap((time, index) => (isGap(time, sorted[index - 1]) ? [(sorted[index - 1] ?? 0) + stepMs, time] : [time]));
  const place = new Map(times.map((time, index) => [time, index]));
  return {
    times,
    values: all.map((one) => {
      const values = new Array<number | null>(times.length).fill(null);
      one.times.forEach((time, index) => { values[place.get(time) ?? 0] = one.values[index] ?? null; });
      return values;
    }),
  };
}
