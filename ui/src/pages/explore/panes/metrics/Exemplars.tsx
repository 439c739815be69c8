/** Single observations that were kept with their labels: the trace of a call that took long. */

import { useMemo } from "react";
import { Button, Modal } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { useQueries } from "@tanstack/react-query";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { parseNumber, queryExemplars } from "@/api/prometheus";
import { type Column, DataTable } from "@/components/DataTable";
import { visible } from "@/components/LabelSet";
import type { Labels } from "@/lib/labels";
import { formatValue, type Unit, unitOf } from "@/lib/units";
import { useRange } from "@/state/range";
import { useTimeFormat } from "@/state/settings";
import classes from "./Exemplars.module.css";

export interface Exemplar { time: number; value: number; labels: Labels; series: Labels; unit: Unit; index: number }

const SHOWN_MAX = 300;

/** The most telling of many: of each part of the time the largest, and some others. */
export function thinned(all: readonly Exemplar[], most: number): Exemplar[] {
  if (all.length <= most) return [...all];
  const sorted = [...all].sort((a, b) => a.time - b.time);
  const size = Math.ceil(sorted.length / (most / 2));
  const kept: Exemplar[] = [];
  for (let from = 0; from < sorted.length; from += size) {
    const part = sorted.slice(from, from + size);
    const largest = part.reduce((best, one) => (one.value > best.value ? one : best));
    const other = part.find((one) => one !== largest);
    kept.push(largest, ...(other ? [other] : []));
  }
  return kept;
}

/** Those of classic buckets, or of the native histogram of the same name: they are of the same observations. */
async function exemplarsOf(expr: string, from: number, to: number, signal: AbortSignal) {
  const own = await queryExemplars(expr, from, to, signal);
  const native = expr.replace(/_bucket\b/g, "");
  return own.length > 0 || native === expr ? own : queryExemplars(native, from, to, signal);
}

export function useExemplars(asked: readonly { index: number; expr: string }[], enabled: boolean): Exemplar[] {
  const { fromS, toS } = useRange();
  const from = Math.floor(fromS / 15) * 15;
  const to = Math.floor(toS / 15) * 15;
  const answers = useQueries({
    queries: asked.map(({ expr }) => ({ queryKey: ["explore", "exemplars", expr, from, to], queryFn: ({ signal }: { signal: AbortSignal }) => exemplarsOf(expr, from, to, signal), enabled: enabled && expr.trim() !== "", staleTime: 60_000, structuralSharing: false as const, placeholderData: (old: Awaited<ReturnType<typeof queryExemplars>> | undefined) => old })),
  });
  const stamp = answers.map((answer) => answer.dataUpdatedAt).join(" ");
  return useMemo(() => {
    if (!enabled) return [];
    const all = answers.flatMap((answer, at) => (answer.data ?? []).flatMap((one) => {
      const unit = unitOf((one.seriesLabels["__name__"] ?? "").replace(/_bucket$/, ""));
      return one.exemplars.map((each): Exemplar => ({ time: each.timestamp, value: parseNumber(each.value), labels: each.labels, series: one.seriesLabels, unit, index: asked[at]?.index ?? 0 }));
    }));
    return thinned(all, SHOWN_MAX);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `stamp` says when answers are others
  }, [stamp, enabled]);
}

const traceOf = (one: Exemplar) => Object.entries(one.labels).find(([name]) => /trace_?id/i.test(name))?.[1];

/** The same as a list: for the keyboard, and for values that do not fit the graph. */
export function ExemplarList({ exemplars, onOpen }: { exemplars: readonly Exemplar[]; onOpen: (one: Exemplar) => void }) {
  const format = useTimeFormat();
  const columns = useMemo((): Column<Exemplar>[] => [
    { id: "value", title: "Value", align: "right", width: "120px", sort: (one) => one.value, cell: (one) => formatValue(one.value, one.unit) },
    { id: "time", title: "Time", width: "170px", sort: (one) => one.time, cell: (one) => format.full(one.time * 1000) },
    { id: "trace", title: "Trace", width: "minmax(120px, 1.4fr)", sort: traceOf, cell: (one) => <code className="foreign">{visible((traceOf(one) ?? "–").slice(0, 200))}</code> },
    { id: "series", title: "Series", width: "minmax(160px, 2fr)", isMinor: true, sort: seriesOf, cell: (one) => <span className="foreign">{visible(seriesOf(one))}</span> },
  ], [format]);
  return (
    <details className={classes.all}>
      <summary>{exemplars.length === 1 ? "One exemplar" : `${exemplars.length} exemplars`} as a list</summary>
      <DataTable label="Exemplars" rows={exemplars} columns={columns} rowKey={(one, index) => `${one.time} ${one.value} ${index}`} sorted={{ by: "value", down: true }} onOpen={onOpen} height={320} />
    </details>
  );
}

const seriesOf = (one: Exemplar) => Object.entries(one.series).filter(([name]) => name !== "__name__" && name !== "le").map(([name, value]) => `${name}=${value}`).join(", ").slice(0, 300);

export function ExemplarDialog({ exemplar, onClose }: { exemplar: Exemplar | null; onClose: () => void }) {
  const format = useTimeFormat();
  const clipboard = useClipboard({ timeout: 1_600 });
  const trace = exemplar ? traceOf(exemplar) : undefined;
  return (
    <Modal opened={exemplar !== null} onClose={onClose} title="Exemplar" size="lg">
      {exemplar && (
        <div className="stack tight">
          <p><strong>{formatValue(exemplar.value, exemplar.unit)}</strong> <span className="muted">at {format.full(exemplar.time * 1000)}</span></p>
          {trace !== undefined && <div className={classes.trace}><span className="muted">Trace</span><code className="foreign">{visible(trace.slice(0, 200))}</code><Button leftSection={clipboard.copied ? <IconCheck size={14} /> : <IconCopy size={14} />} onClick={() => clipboard.copy(trace)}>{clipboard.copied ? "Copied" : "Copy"}</Button></div>}
          <List title="Of the observation" labels={exemplar.labels} />
          <List title="Of the series" labels={exemplar.series} />
        </div>
      )}
    </Modal>
  );
}

function List({ title, labels }: { title: string; labels: Labels }) {
  return (
    <section>
      <h3 className={classes.title}>{title}</h3>
      <dl className={classes.list}>{Object.entries(labels).map(([name, value]) => <div key={name}><dt className="foreign">{visible(name.slice(0, 100))}</dt><dd className="foreign">{visible(value.slice(0, 2000))}</dd></div>)}</dl>
    </section>
  );
}
