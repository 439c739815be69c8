/** HTTP requests by path: how many, how many failed, how long they took. */

import { useMemo, useState } from "react";
import { Button } from "@mantine/core";
import { useInstantQuery } from "@/api/hooks";
import { ExploreLink } from "@/components/ai/ExploreLink";
import { type Column, DataTable } from "@/components/DataTable";
import { visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { selector } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { bundle, PART } from "@/pages/ai/queries";
import { useRange } from "@/state/range";

interface Handler { name: string; rate: number; failed: number; p95: number | null }

const SHOWN = 12;

export function Requests({ job }: { job: string }) {
  const [isWhole, setWhole] = useState(false);
  const { toS } = useRange();
  const count = selector("bellwether_http_requests_total", { job });
  const buckets = selector("bellwether_http_request_duration_seconds_bucket", { job });
  const answer = useInstantQuery(bundle({ count: `sum by (handler, code) (rate(${count}[15m]))`, p95: `histogram_quantile(0.95, sum by (handler, le) (rate(${buckets}[15m])))` }), { atS: Math.floor(toS / 15) * 15 });
  const rows = useMemo(() => {
    const all = new Map<string, Handler>();
    for (const { labels, value } of answer.data?.samples ?? []) {
      const name = labels["handler"] ?? "";
      let row = all.get(name);
      if (!row) all.set(name, (row = { name, rate: 0, failed: 0, p95: null }));
      if (value === null || Number.isNaN(value)) continue;
      if (labels[PART] === "p95") row.p95 = value;
      else {
        row.rate += value;
        if (/^[45]/.test(labels["code"] ?? "")) row.failed += value;
      }
    }
    return [...all.values()].filter(({ rate }) => rate > 0);
  }, [answer.data]);
  const busiest = useMemo(() => [...rows].sort((a, b) => b.rate - a.rate).slice(0, SHOWN), [rows]);
  const columns = useMemo((): Column<Handler>[] => [
    { id: "name", title: "Path", width: "minmax(220px, 3fr)", sort: (row) => row.name, cell: (row) => <code className="foreign">{visible(row.name.slice(0, 200))}</code> },
    { id: "rate", title: "Requests", align: "right", sort: (row) => row.rate, cell: (row) => formatValue(row.rate, "per-second") },
    { id: "failed", title: "Refused or failed", align: "right", width: "minmax(130px, 1fr)", sort: (row) => row.failed / row.rate, cell: (row) => <span className={row.failed / row.rate > 0.05 ? "bad" : undefined}>{formatValue(row.failed / row.rate, "ratio")}</span> },
    { id: "p95", title: "p95", align: "right", sort: (row) => row.p95, cell: (row) => formatValue(row.p95, "s") },
    { id: "explore", title: "Explore", width: "100px", align: "right", cell: (row) => <ExploreLink query={`sum by (code) (rate(${selector("bellwether_http_requests_total", { job, handler: row.name })}[5m]))`} label={`Explore ${row.name}`} /> },
  ], [job]);
  return <Panel title="Requests by path" hint="of the last 15 minutes" flush actions={rows.length > SHOWN && <Button size="compact-xs" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>{isWhole ? "The busiest" : `All ${rows.length}`}</Button>}><Loaded answer={answer} height={200}>{() => <DataTable label="Requests by path" rows={isWhole ? rows : busiest} columns={columns} rowKey={(row) => row.name} sorted={{ by: "rate", down: true }} empty={<Empty title="None" />} />}</Loaded></Panel>;
}
