/** Answers at the end of the span, as a table: a column for each label that sets series apart. */

import { useDeferredValue, useMemo, useState } from "react";
import { Button, TextInput } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy, IconDownload, IconSearch } from "@tabler/icons-react";
import type { BigInstant, LabelStat, Sample } from "@/api/frames";
import { type Column, DataTable } from "@/components/DataTable";
import { LabelSet, visible } from "@/components/LabelSet";
import { Empty } from "@/components/Panel";
import type { Labels } from "@/lib/labels";
import { formatValue, type Unit, unitOf } from "@/lib/units";
import { csv, download } from "./csv";
import { letterOf } from "./letters";
import classes from "./Views.module.css";

export interface ShownTable { index: number; expr: string; answer: BigInstant; isOld: boolean }

interface TableRow { index: number; sample: Sample; unit: Unit; at: number }

const COLUMNS_MAX = 8;

/** Labels that differ stand in columns; the others are told once above. */
export function columnsOf(all: readonly { labels: ReadonlyMap<string, LabelStat>; count: number }[]): { columns: string[]; common: Labels; rest: string[] } {
  const total = all.reduce((sum, one) => sum + one.count, 0);
  const counts = new Map<string, LabelStat>();
  for (const { labels } of all) {
    for (const [name, one] of labels) {
      const old = counts.get(name);
      counts.set(name, old ? { value: one.value, count: old.count + one.count, isSame: old.isSame && one.isSame && old.value === one.value } : one);
    }
  }
  const common: Record<string, string> = {};
  const differing: string[] = [];
  for (const [name, one] of counts) {
    if (one.isSame && one.count === total && total > 1) common[name] = one.value;
    else differing.push(name);
  }
  differing.sort((a, b) => (a === "__name__" ? -1 : b === "__name__" ? 1 : (counts.get(b)?.count ?? 0) - (counts.get(a)?.count ?? 0) || (a < b ? -1 : 1)));
  return { columns: differing.slice(0, COLUMNS_MAX), common, rest: differing.slice(COLUMNS_MAX) };
}

export function TableView({ shown, onPick }: { shown: readonly ShownTable[]; onPick: (index: number, name: string, value: string) => void }) {
  const [typed, setTyped] = useState("");
  const wanted = useDeferredValue(typed.trim().toLowerCase());
  const clipboard = useClipboard({ timeout: 1_600 });
  const rows = useMemo(() => shown.flatMap(({ index, expr, answer }) => {
    const unit = unitOf(expr);
    return answer.samples.map((sample, at): TableRow => ({ index, sample, unit, at }));
  }), [shown]);
  const { columns: labels, common, rest } = useMemo(() => columnsOf(shown.map(({ answer }) => ({ labels: answer.labels, count: answer.samples.length }))), [shown]);
  const found = useMemo(() => (wanted === "" ? rows : rows.filter((row) => row.sample.text?.includes(wanted))), [rows, wanted]);
  const hasMany = shown.length > 1;
  const columns = useMemo((): Column<TableRow>[] => [
    ...(hasMany ? [{ id: "query", title: "Query", width: "72px", cell: (row: TableRow) => <span className={classes.letter}>{letterOf(row.index)}</span>, sort: (row: TableRow) => row.index }] : []),
    ...labels.map((name): Column<TableRow> => ({
      id: `label ${name}`, title: name === "__name__" ? "metric" : visible(name.slice(0, 60)), width: name === "__name__" ? "minmax(220px, 2fr)" : "minmax(120px, 1fr)",
      cell: (row) => { const value = row.sample.labels[name]; return value === undefined ? <span className="faint">–</span> : <span className={`${classes.cell ?? ""} foreign`} title={value.slice(0, 2000)}>{visible(value.slice(0, 200))}</span>; },
      sort: (row) => row.sample.labels[name],
    })),
    ...(labels.length === 0 && rest.length === 0 ? [{ id: "name", title: "Series", width: "minmax(220px, 2fr)", cell: (row: TableRow) => <span className={`${classes.cell ?? ""} foreign mono`}>{visible(row.sample.name.slice(0, 200))}</span> }] : []),
    ...(rest.length > 0 ? [{ id: "rest", title: "Other labels", width: "minmax(200px, 2fr)", cell: (row: TableRow) => <LabelSet labels={Object.fromEntries(Object.entries(row.sample.labels).filter(([name]) => rest.includes(name)))} most={3} /> }] : []),
    { id: "value", title: "Value", width: "minmax(130px, 0.8fr)", align: "right", cell: (row) => <Value row={row} />, sort: (row) => row.sample.value ?? row.sample.histogram?.count },
  ], [labels, rest, hasMany]);

  const asCsv = () => csv(
    [...(hasMany ? ["query"] : []), ...Object.keys(common), ...labels, ...rest, "value", "time"],
    found.map(({ index, sample }) => [...(hasMany ? [letterOf(index)] : []), ...[...Object.keys(common), ...labels, ...rest].map((name) => sample.labels[name] ?? null), sample.value ?? sample.histogram?.count ?? null, sample.time]),
  );
  return (
    <div className={shown.every((one) => one.isOld) ? classes.old : undefined}>
      <div className={classes.tableTools}>
        <TextInput aria-label="Find in the table" placeholder="Find a label or value" leftSection={<IconSearch size={14} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
        <span className={classes.count}>{found.length === rows.length ? `${rows.length.toLocaleString("en")} rows` : `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`}</span>
        <Button leftSection={clipboard.copied ? <IconCheck size={14} /> : <IconCopy size={14} />} onClick={() => clipboard.copy(asCsv())}>{clipboard.copied ? "Copied" : "Copy"}</Button>
        <Button leftSection={<IconDownload size={14} />} onClick={() => download(`bellwether-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`, asCsv(), "text/csv;charset=utf-8")}>CSV</Button>
      </div>
      {Object.keys(common).length > 0 && <div className={classes.common}><span>In all rows</span><LabelSet labels={common} most={6} onPick={shown.length === 1 ? (name, value) => onPick(shown[0]?.index ?? 0, name, value) : undefined} /></div>}
      <DataTable label="Values at the end of the span" rows={found} columns={columns} rowKey={(row) => `${row.index} ${row.at}`} height={620} rowHeight={34} empty={<Empty title={wanted === "" ? "No values" : "No row has this"}>{wanted === "" ? "The queries have no value at the end of the span." : "Nothing in the labels is like what was typed."}</Empty>} />
    </div>
  );
}

function Value({ row: { sample, unit } }: { row: TableRow }) {
  if (sample.histogram) {
    const { count, sum } = sample.histogram;
    return <span className={classes.number} title={`count ${count}, sum ${sum}`}>{formatValue(count)} values, mean {formatValue(count > 0 ? sum / count : null, unit)}</span>;
  }
  if (sample.value === null) return <span className="foreign">{visible(sample.name.slice(0, 200))}</span>;
  return <span className={classes.number} title={String(sample.value)}>{formatValue(sample.value, unit)}</span>;
}
