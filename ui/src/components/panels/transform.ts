/** What is done with answers before they are shown, one step after another, each with the meaning that it has in Grafana. */

import type { Aggregate, Calculate, Condition, Field, Transformation } from "@/api/dashboards";
import { calcName, calculated } from "./calcs";
import { expression } from "./fields";
import { type Cell, type Column, columnName, kindOf, numbersOf, rowsOf, type Table, textOf } from "./tables";

/** Puts variables into a text. */
export type Put = (text: string) => string;

export function transformed(tables: readonly Table[], steps: readonly Transformation[], put: Put = (text) => text): Table[] {
  let now = [...tables];
  for (const step of steps) now = one(now, step, put);
  return now;
}

const named = (table: Table, name: string) => table.columns.find((column) => column.name === name || columnName(column, table) === name);
/** Whether one of the names is its own, now or before it was called otherwise. */
const isCalled = ({ name, origin }: Column, names: readonly string[]) => names.includes(name) || (origin !== undefined && names.includes(origin));
const each = (tables: readonly Table[], change: (table: Table) => readonly Column[]) => tables.map((table) => ({ ...table, columns: change(table) }));
const picked = (column: Column, rows: readonly number[]): Column => ({ ...column, values: rows.map((row) => column.values[row] ?? null) });
const all = (count: number) => Array.from({ length: count }, (_, index) => index);

function one(tables: Table[], step: Transformation, put: Put): Table[] {
  switch (step.kind) {
    case "organize": return each(tables, (table) => {
      const label = (column: Column) => columnName(column, table);
      const has = (names: readonly string[], column: Column) => names.includes(label(column)) || isCalled(column, names);
      const kept = table.columns.filter((column) => !has(step.exclude, column) && (step.include.length === 0 || has(step.include, column)));
      const place = (column: Column) => { const at = step.order.findIndex((name) => name === label(column) || name === column.name); return at < 0 ? step.order.length : at; };
      const sorted = step.order.length === 0 ? kept : kept.map((column, index) => ({ column, index })).sort((a, b) => place(a.column) - place(b.column) || a.index - b.index).map(({ column }) => column);
      return sorted.map((column) => { const name = step.rename[label(column)] ?? step.rename[column.name]; return name ? renamed(column, name) : column; });
    });
    case "merge": return merged(tables);
    case "join": return joined(tables, step.field, step.mode);
    case "filter_fields": {
      const chosen = step.includeVariable === "" ? [] : put(step.includeVariable.startsWith("$") ? step.includeVariable.replace(/\}?$/, (end) => (end === "}" ? ":csv}" : end)) : `\${${step.includeVariable}:csv}`).split(",");
      const include = step.includeRegex === "" ? null : expression(put(step.includeRegex));
      const exclude = step.excludeRegex === "" ? null : expression(put(step.excludeRegex));
      const wants = step.include.length > 0 || include !== null || chosen.length > 0;
      return each(tables, (table) => table.columns.filter((column) => {
        const name = columnName(column, table);
        const isIn = !wants || step.include.includes(name) || isCalled(column, step.include) || chosen.includes(name) || (include?.test(name) ?? false);
        return isIn && !step.exclude.includes(name) && !isCalled(column, step.exclude) && !(exclude?.test(name) ?? false);
      })).filter(({ columns }) => columns.length > 0);
    }
    case "filter_queries": {
      const test = (text: string, refId: string) => text !== "" && (expression(`^(?:${text.replace(/^\/|\/$/g, "")})$`)?.test(refId) ?? false);
      return tables.filter(({ refId }) => (step.include === "" || test(step.include, refId)) && !test(step.exclude, refId));
    }
    case "reduce": return reduced(tables, step);
    case "labels_to_fields": return labelled(tables, step);
    case "sort": return each(tables, (table) => {
      const by = named(table, step.field);
      if (!by) return table.columns;
      const order = all(rowsOf(table)).sort((a, b) => compare(by.values[a] ?? null, by.values[b] ?? null) * (step.descending ? -1 : 1));
      return table.columns.map((column) => picked(column, order));
    });
    case "group_by": return grouped(tables, step.by, step.aggregate);
    // Several series are one table first, by their times.
    case "calculate": return each(tables.length > 1 && tables.every(({ columns }) => columns.some(({ kind }) => kind === "time")) ? joined(tables, "", "outer") : tables, (table) => computed(table, step));
    case "rename": {
      const regex = expression(step.regex);
      return regex === null ? tables : each(tables, (table) => table.columns.map((column) => { const name = columnName(column, table); const next = name.replace(regex, step.replacement); return next === name ? column : renamed(column, next); }));
    }
    case "filter_rows": return each(tables, (table) => {
      const conditions = step.conditions.flatMap((condition) => { const column = named(table, condition.field); return column ? [{ column, condition }] : []; });
      if (conditions.length === 0) return table.columns;
      const rows = all(rowsOf(table)).filter((row) => {
        const fits = ({ column, condition }: (typeof conditions)[number]) => holds(column.values[row] ?? null, condition, put);
        return (step.any ? conditions.some(fits) : conditions.every(fits)) !== step.isExclude;
      });
      return table.columns.map((column) => picked(column, rows));
    });
    case "concatenate": {
      const rows = Math.max(0, ...tables.map(rowsOf));
      return tables.length === 0 ? [] : [{ refId: tables[0]?.refId ?? "", name: "", columns: tables.flatMap((table) => table.columns.map((column) => ({ ...picked(column, all(rows)), legend: column.legend, refId: column.refId ?? table.refId }))) }];
    }
    case "limit": return each(tables, (table) => table.columns.map((column) => ({ ...column, values: column.values.slice(0, step.rows) })));
    case "series_to_rows": {
      const cells = tables.flatMap((table) => {
        const time = table.columns.find(({ kind }) => kind === "time");
        return time ? table.columns.filter(({ kind }) => kind === "number").flatMap((column) => time.values.map((at, row) => ({ time: at, metric: columnName(column, table), value: column.values[row] ?? null }))) : [];
      }).sort((a, b) => compare(b.time, a.time));
      return [{ refId: tables[0]?.refId ?? "", name: "", columns: [
        { name: "Time", kind: "time", values: cells.map(({ time }) => time), labels: {} }, { name: "Metric", kind: "string", values: cells.map(({ metric }) => metric), labels: {} }, { name: "Value", kind: "number", values: cells.map(({ value }) => value), labels: {} },
      ] }];
    }
    case "transpose": return each(tables, (table) => {
      const [head, ...rest] = table.columns;
      if (!head) return [];
      const isText = head.kind === "string" || head.kind === "time";
      const body = isText ? rest : table.columns;
      const names: readonly string[] = isText ? head.values.map(textOf) : all(rowsOf(table)).map((row) => `Value ${row + 1}`);
      return [{ name: "Field", kind: "string", values: body.map((column) => columnName(column, table)), labels: {} }, ...names.map((name, row): Column => { const values = body.map((column) => column.values[row] ?? null); return { name, kind: kindOf(values), values, labels: {} }; })];
    });
    case "convert": return each(tables, (table) => table.columns.map((column) => { const to = step.to[columnName(column, table)] ?? step.to[column.name]; return to === undefined ? column : converted(column, to); }));
    case "matrix": return each(tables, (table) => {
      const [row, column, value] = [named(table, step.row), named(table, step.column), named(table, step.value)];
      if (!row || !column || !value) return table.columns;
      const rows = [...new Set(row.values)];
      const empty: Cell = { null: null, zero: 0, empty: "", true: true, false: false }[step.empty] ?? null;
      const cells = new Map(row.values.map((one, index) => [JSON.stringify([one, column.values[index]]), value.values[index] ?? null]));
      return [{ name: `${row.name}\\${column.name}`, kind: row.kind, values: rows, labels: {} }, ...[...new Set(column.values)].map((head): Column => ({ name: textOf(head), kind: value.kind, values: rows.map((one) => cells.get(JSON.stringify([one, head])) ?? empty), labels: {} }))];
    });
    case "series_to_table": return trends(tables, step.calcs);
    case "partition": return tables.flatMap((table) => {
      const by = step.fields.flatMap((name) => named(table, name) ?? []);
      if (by.length === 0) return [table];
      const parts = new Map<string, number[]>();
      for (const row of all(rowsOf(table))) { const key = JSON.stringify(by.map((column) => column.values[row])); parts.set(key, [...(parts.get(key) ?? []), row]); }
      return [...parts.values()].map((rows): Table => {
        const values = by.map((column) => textOf(column.values[rows[0] ?? 0] ?? null));
        const labels = Object.fromEntries(by.map((column, index) => [column.name, values[index] ?? ""]));
        const name = step.withNames ? by.map((column, index) => `${column.name} ${values[index] ?? ""}`).join(" ") : values.join(" ");
        return { refId: table.refId, name, columns: table.columns.filter((column) => step.keepFields || !by.includes(column)).map((column) => ({ ...picked(column, rows), ...(column.kind === "number" ? { labels: { ...column.labels, ...labels }, legend: column.legend === undefined ? name : `${column.legend} ${name}` } : {}) })) };
      });
    });
    case "rows_to_fields": return each(tables, (table) => {
      const role = (wanted: string, kind: string) => table.columns.find((column) => step.fields[columnName(column, table)] === wanted) ?? (Object.values(step.fields).includes(wanted) ? undefined : table.columns.find((column) => column.kind === kind));
      const [name, value] = [role("name", "string"), role("value", "number")];
      if (!name || !value) return table.columns;
      const other = (wanted: string) => table.columns.find((column) => step.fields[columnName(column, table)] === wanted);
      const labels = table.columns.filter((column) => step.fields[columnName(column, table)] === "label");
      return name.values.map((text, row): Column => ({
        name: textOf(text), kind: value.kind, values: [value.values[row] ?? null], labels: Object.fromEntries(labels.map((column) => [column.name, textOf(column.values[row] ?? null)])), legend: textOf(text),
        config: settings(["unit", "min", "max", "decimals", "displayName", "color"].flatMap((key) => { const column = other(key); return column ? [[key, column.values[row] ?? null] as const] : []; })),
      }));
    });
    case "config_from_query": {
      const source = tables.find(({ refId }) => refId === step.query);
      if (!source) return tables;
      const config = settings(Object.entries(step.fields).flatMap(([name, key]) => { const column = named(source, name); return column ? [[key, calculated("last_not_null", column.values)] as const] : []; }));
      const regex = step.applyTo === "" ? null : expression(step.applyTo);
      return each(tables.filter((table) => table !== source), (table) => table.columns.map((column) => (column.kind === "number" && (regex?.test(columnName(column, table)) ?? true) ? { ...column, config: { ...column.config, ...config } } : column)));
    }
  }
}

const renamed = (column: Column, name: string): Column => ({ ...column, name, origin: column.origin ?? column.name, legend: column.legend === undefined && Object.keys(column.labels).length === 0 ? undefined : name });

function settings(pairs: readonly (readonly [string, Cell])[]): Partial<Field> {
  const field: Partial<Field> = {};
  for (const [key, value] of pairs) {
    const number = Number(value);
    if (key === "unit") field.unit = textOf(value);
    else if (key === "displayName") field.displayName = textOf(value);
    else if (key === "color") field.color = { mode: "fixed", color: textOf(value), by: "last" };
    else if (Number.isFinite(number) && value !== null) {
      if (key === "min") field.min = number;
      else if (key === "max") field.max = number;
      else if (key === "decimals") field.decimals = number;
      else if (key === "threshold1") field.thresholds = { mode: "absolute", steps: [{ color: "green" }, { value: number, color: "red" }] };
    }
  }
  return field;
}

const collator = new Intl.Collator("en", { numeric: true });
export function compare(a: Cell, b: Cell): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
}

/** Of several queries: settings for one of them do not find it. */
const together = (tables: readonly Table[]) => [...new Set(tables.map(({ refId }) => refId))].join("-");

/** Rows of all tables in one; those that agree in all texts that both have are one row. */
function merged(tables: readonly Table[]): Table[] {
  const filled = tables.filter((table) => table.columns.length > 0);
  if (filled.length < 2) return [...filled];
  const columns = new Map<string, Column>();
  for (const table of filled) for (const column of table.columns) if (!columns.has(column.name)) columns.set(column.name, column);
  const shared = [...columns.values()].filter(({ name, kind }) => kind !== "number" && filled.every((table) => table.columns.some((column) => column.name === name))).map(({ name }) => name);
  const rows: Map<string, Cell>[] = [];
  const byKey = new Map<string, Map<string, Cell>[]>();
  for (const table of filled) {
    for (const row of all(rowsOf(table))) {
      const cells = new Map(table.columns.map((column) => [column.name, column.values[row] ?? null]));
      const key = JSON.stringify(shared.map((name) => cells.get(name)));
      const like = (byKey.get(key) ?? []).find((other) => [...cells].every(([name, value]) => !other.has(name) || other.get(name) === value));
      if (like && shared.length > 0) { for (const [name, value] of cells) like.set(name, value); continue; }
      rows.push(cells);
      byKey.set(key, [...(byKey.get(key) ?? []), cells]);
    }
  }
  return [{ refId: together(filled), name: "", columns: [...columns.values()].map((column) => ({ ...column, values: rows.map((row) => row.get(column.name) ?? null) })) }];
}

/** Tables side by side, where a column agrees. Names that more than one table has get a number. */
function joined(tables: readonly Table[], field: string, mode: "outer" | "outer_tabular" | "inner"): Table[] {
  const keyOf = (table: Table) => (field === "" ? table.columns.find(({ kind }) => kind === "time") : named(table, field)) ?? (field.toLowerCase() === "time" ? table.columns.find(({ kind }) => kind === "time") : undefined);
  const parts = tables.flatMap((table) => { const key = keyOf(table); return key ? [{ table, key }] : []; });
  const [first] = parts;
  if (!first) return [...tables];
  // What has not the field has nothing in common with the others.
  if (mode === "inner" && parts.length < tables.length) return [{ ...first.table, columns: [] }];
  if (parts.length === 1) return [{ ...first.table, columns: [first.key, ...first.table.columns.filter((column) => column !== first.key)] }];
  const places = parts.map(({ key }) => { const map = new Map<Cell, number[]>(); key.values.forEach((value, row) => { const rows = map.get(value); if (rows) rows.push(row); else map.set(value, [row]); }); return map; });
  const keys = mode === "inner" ? [...new Set(first.key.values)].filter((value) => places.every((map) => map.has(value))) : [...new Set(parts.flatMap(({ key }) => key.values))];
  if (first.key.kind === "time") keys.sort(compare);
  // Of rows that agree, tabular joins have each with each; others the last.
  const rows: (number | null)[][] = keys.flatMap((key) => {
    const choices = places.map((map) => map.get(key) ?? []);
    if (mode === "outer") return [choices.map((of) => of.at(-1) ?? null)];
    let lines: (number | null)[][] = [[]];
    for (const of of choices) { lines = lines.flatMap((line) => (of.length === 0 ? [null] : of).map((row) => [...line, row])); if (lines.length > 5_000) lines.length = 5_000; }
    return lines;
  });
  const keyValues: Cell[] = rows.map((line) => { const at = line.findIndex((row) => row !== null); return parts[at]?.key.values[line[at] ?? 0] ?? null; });
  const counts = new Map<string, number>();
  for (const { table, key } of parts) for (const column of table.columns) if (column !== key && column.legend === undefined) counts.set(column.name, (counts.get(column.name) ?? 0) + 1);
  const seen = new Map<string, number>();
  return [{ refId: together(parts.map(({ table }) => table)), name: "", columns: [
    { ...first.key, values: keyValues },
    ...parts.flatMap(({ table, key }, part) => table.columns.filter((column) => column !== key).map((column) => {
      const number = (seen.get(column.name) ?? 0) + 1;
      seen.set(column.name, number);
      const isTwice = column.legend === undefined && (counts.get(column.name) ?? 0) > 1;
      return { ...column, ...(isTwice ? { name: `${column.name} ${number}`, origin: column.origin ?? column.name } : {}), refId: column.refId ?? table.refId, legend: column.legend, values: rows.map((line) => { const row = line[part]; return row === null || row === undefined ? null : column.values[row] ?? null; }) };
    })),
  ] }];
}

function reduced(tables: readonly Table[], step: Extract<Transformation, { kind: "reduce" }>): Table[] {
  const isValue = ({ kind }: Column) => kind === "number" || (kind === "time" && step.includeTime) || (step.keepFields && kind !== "time");
  if (step.keepFields) return tables.map((table) => ({ ...table, columns: table.columns.filter(isValue).flatMap((column) => step.calcs.slice(0, 1).map((calc): Column => { const value = calculated(calc, column.values); return { ...column, values: [value], kind: column.kind === "time" ? "time" : kindOf([value]) }; })) }));
  const lines = tables.flatMap((table) => table.columns.filter(isValue).map((column) => ({ name: step.labelsToFields ? column.name : columnName(column, table), column })));
  const labels = step.labelsToFields ? [...new Set(lines.flatMap(({ column }) => Object.keys(column.labels)))] : [];
  return [{ refId: tables[0]?.refId ?? "", name: "", columns: [
    { name: "Field", kind: "string", values: lines.map(({ name }) => name), labels: {} },
    ...labels.map((label): Column => ({ name: label, kind: "string", values: lines.map(({ column }) => column.labels[label] ?? ""), labels: {} })),
    ...step.calcs.map((calc): Column => { const values = lines.map(({ column }) => calculated(calc, column.values)); return { name: calcName(calc), kind: kindOf(values), values, labels: {} }; }),
  ] }];
}

function labelled(tables: readonly Table[], step: Extract<Transformation, { kind: "labels_to_fields" }>): Table[] {
  const wants = (name: string) => step.keep.length === 0 || step.keep.includes(name);
  if (step.asRows) return tables.flatMap((table) => table.columns.filter(({ labels }) => Object.keys(labels).length > 0).map((column): Table => {
    const pairs = Object.entries(column.labels).filter(([name]) => wants(name));
    return { refId: table.refId, name: columnName(column, table), columns: [{ name: "label", kind: "string", values: pairs.map(([name]) => name), labels: {} }, { name: "value", kind: "string", values: pairs.map(([, value]) => value), labels: {} }] };
  }));
  const parts = tables.map((table): Table => {
    const labels = Object.assign({}, ...table.columns.map((column) => column.labels)) as Record<string, string>;
    const rows = rowsOf(table);
    const columns = table.columns.map((column): Column => {
      if (Object.keys(column.labels).length === 0) return column;
      const name = step.valueLabel === "" ? (column.name === "Value" && column.labels["__name__"] ? column.labels["__name__"] : column.name) : column.labels[step.valueLabel] ?? column.name;
      return { ...column, name, labels: {}, legend: undefined };
    });
    return { ...table, name: "", columns: [...columns, ...Object.entries(labels).filter(([name]) => wants(name) && name !== step.valueLabel).map(([name, value]): Column => ({ name, kind: "string", values: new Array<Cell>(rows).fill(value), labels: {} }))] };
  });
  return parts;
}

function grouped(tables: readonly Table[], by: readonly string[], aggregate: readonly Aggregate[]): Table[] {
  return tables.flatMap((table) => {
    const keys = by.flatMap((name) => named(table, name) ?? []);
    if (keys.length === 0) return [];
    const groups = new Map<string, number[]>();
    for (const row of all(rowsOf(table))) { const key = JSON.stringify(keys.map((column) => column.values[row])); const rows = groups.get(key); if (rows) rows.push(row); else groups.set(key, [row]); }
    const rows = [...groups.values()];
    return [{ ...table, columns: [
      ...keys.map((column) => picked(column, rows.map((group) => group[0] ?? 0))),
      ...aggregate.flatMap(({ field, calcs }) => { const column = named(table, field); return column ? calcs.map((calc): Column => { const values = rows.map((group) => calculated(calc, group.map((row) => column.values[row] ?? null))); return { name: `${columnName(column, table)} (${calcWord(calc)})`, kind: kindOf(values), values, labels: {} }; }) : []; }),
    ] }];
  });
}
/** What Grafana writes behind the name of a column that was aggregated: its id. */
const calcWord = (calc: string) => calc.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = { "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b, "**": (a, b) => a ** b, "%": (a, b) => a % b };
const UNARY: Readonly<Record<string, (a: number) => number>> = { abs: Math.abs, exp: Math.exp, ln: Math.log, floor: Math.floor, ceil: Math.ceil, round: Math.round, trunc: Math.trunc };

function computed(table: Table, step: Calculate): readonly Column[] {
  const rows = rowsOf(table);
  const operand = (text: string): ((row: number) => number | null) | null => {
    const column = named(table, text);
    if (column) { const numbers = numbersOf(column); return (row) => numbers[row] ?? null; }
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? () => number : null;
  };
  const numeric = table.columns.filter((column) => column.kind === "number" && (step.fields.length === 0 || step.fields.includes(columnName(column, table)) || step.fields.includes(column.name)));
  let name = step.alias;
  let values: Cell[] = [];
  switch (step.mode) {
    case "binary": {
      const [left, right, run] = [operand(step.left), operand(step.right), BINARY[step.operator]];
      if (!left || !right || !run) return table.columns;
      name ||= `${step.left} ${step.operator} ${step.right}`;
      values = all(rows).map((row) => { const [a, b] = [left(row), right(row)]; return run(a ?? NaN, b ?? NaN); });
      break;
    }
    case "unary": {
      const [of, run] = [operand(step.left === "" ? step.right : step.left), UNARY[step.operator]];
      if (!of || !run) return table.columns;
      name ||= `${step.operator}(${step.left})`;
      values = all(rows).map((row) => { return run(of(row) ?? NaN); });
      break;
    }
    case "reduce": name ||= calcName(step.calc); values = all(rows).map((row) => calculated(step.calc, numeric.map((column) => column.values[row] ?? null))); break;
    case "index": name ||= "Row"; values = all(rows).map((row) => (step.asPercentile ? row / Math.max(rows - 1, 1) : row)); break;
    case "cumulative": case "window": {
      const source = numeric[0];
      if (!source) return table.columns;
      const numbers = numbersOf(source);
      const width = step.mode === "cumulative" ? Infinity : Math.max(1, step.window < 1 ? Math.round(step.window * rows) : step.window);
      name ||= `${step.mode === "cumulative" ? "cumulative" : step.isCentered ? "centered moving" : "trailing moving"} ${calcWord(step.calc)}(${columnName(source, table)})`;
      values = all(rows).map((row) => {
        const half = Math.floor(width / 2);
        const [from, to] = step.mode === "window" && step.isCentered ? [row - half, row + width - half] : [Number.isFinite(width) ? row - width + 1 : 0, row + 1];
        return calculated(step.calc, numbers.slice(Math.max(0, from), to));
      });
      break;
    }
  }
  const column: Column = { name, kind: kindOf(values), values, labels: {} };
  return step.replace ? [...table.columns.filter(({ kind }) => kind === "time"), column] : [...table.columns, column];
}

function holds(value: Cell, { op, value: wanted, to }: Condition, put: Put): boolean {
  const text = put(wanted);
  const [number, limit] = [Number(text), Number(put(to))];
  switch (op) {
    case "equal": return textOf(value) === text || (typeof value === "number" && text !== "" && value === number);
    case "not_equal": return !holds(value, { field: "", op: "equal", value: wanted, to }, put);
    case "greater": return typeof value === "number" && value > number;
    case "greater_or_equal": return typeof value === "number" && value >= number;
    case "lower": return typeof value === "number" && value < number;
    case "lower_or_equal": return typeof value === "number" && value <= number;
    case "range": return typeof value === "number" && value > number && value < limit;
    case "regex": return expression(text)?.test(textOf(value)) ?? false;
    case "contains": return textOf(value).toLowerCase().includes(text.toLowerCase());
    case "not_contains": return !textOf(value).toLowerCase().includes(text.toLowerCase());
    case "is_null": return value === null || (typeof value === "number" && Number.isNaN(value));
    case "is_not_null": return value !== null && !(typeof value === "number" && Number.isNaN(value));
  }
}

function converted(column: Column, to: string): Column {
  const moment = (value: Cell) => (typeof value === "number" ? value : value === null ? null : Number.isNaN(Date.parse(textOf(value))) ? null : Date.parse(textOf(value)));
  const number = (value: Cell) => { const parsed = typeof value === "boolean" ? Number(value) : value === null || value === "" ? NaN : Number(value); return Number.isNaN(parsed) ? null : parsed; };
  switch (to) {
    case "number": return { ...column, kind: "number", values: column.values.map(number) };
    case "string": return { ...column, kind: "string", values: column.values.map((value) => (value === null ? null : String(value))) };
    case "time": return { ...column, kind: "time", values: column.values.map(moment) };
    case "boolean": return { ...column, kind: "boolean", values: column.values.map((value) => value !== null && value !== "" && value !== 0 && value !== "false" && value !== false) };
    default: return column;
  }
}

/** A row for each series, with its labels, a value, and what it did as a small graph's numbers. */
function trends(tables: readonly Table[], calcs: Readonly<Record<string, string>>): Table[] {
  const byQuery = new Map<string, Table[]>();
  for (const table of tables) byQuery.set(table.refId, [...(byQuery.get(table.refId) ?? []), table]);
  return [...byQuery].map(([refId, parts]) => {
    const lines = parts.flatMap((table) => table.columns.filter(({ kind }) => kind === "number"));
    const labels = [...new Set(lines.flatMap((column) => Object.keys(column.labels)))];
    return { refId, name: refId, columns: [
      ...labels.map((name): Column => ({ name, kind: "string", values: lines.map((column) => column.labels[name] ?? ""), labels: {} })),
      { name: `Trend #${refId}`, kind: "number", values: lines.map((column) => calculated(calcOf(calcs[refId]), column.values)), labels: {}, refId },
    ] };
  });
}
const calcOf = (word: string | undefined): Parameters<typeof calculated>[0] => (({ lastNotNull: "last_not_null", mean: "mean", max: "max", min: "min", sum: "sum", first: "first", last: "last", last_not_null: "last_not_null" }) as const)[word ?? ""] ?? "last_not_null";
