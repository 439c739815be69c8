/** What is asked now, what costs most, and what was asked last. */

import { useMemo } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { IconListSearch, IconSearch, IconX } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { useNowQuery } from "@/api/hooks";
import { cancelQuery, type FinishedQuery, type QueryLog, queryLog, type QueryTally, type RunningQuery } from "@/api/system";
import { TimeChart } from "@/components/ai/TimeChart";
import { type Column, DataTable } from "@/components/DataTable";
import { visible } from "@/components/LabelSet";
import { Empty, Failure, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { formatValue } from "@/lib/units";
import { holds } from "./relabel";
import classes from "./System.module.css";

export function Queries() {
  const answer = useNowQuery(["status", "queries"], queryLog, { everyMs: 5_000 });
  const isAbsent = answer.error instanceof ApiError && answer.error.status === 404;
  return (
    <>
      {isAbsent ? <Panel><Empty title="This server keeps no log of its queries" icon={<IconListSearch size={28} />}>Its version is older than the log. How many queries run and are cancelled is still measured, below.</Empty></Panel>
        : <Loaded answer={answer} height={400} what="The log of queries could not be read">{(log) => <Log log={log} />}</Loaded>}
      <div className="grid">
        <TimeChart title="Queries that run" query="bellwether_queries_running" unit="count" />
        <TimeChart title="Memory of queries" query="bellwether_queries_memory_bytes" unit="bytes" />
        <TimeChart title="Questions answered" hint="a second" query={'sum by (handler) (rate(bellwether_http_requests_total{handler=~"/api/v1/query.*"}[5m]))'} unit="per-second" stacked />
        <TimeChart title="Cancelled or stopped" hint="a second" query="rate(bellwether_queries_cancelled_total[5m])" unit="per-second" />
      </div>
    </>
  );
}

/** A query's text as a link to Explore, at the times at which it was asked. */
function QueryLink({ text, start, end }: { text: string; start?: number; end?: number }) {
  const times = start !== undefined && end !== undefined && end > start ? { from: String(Math.round(start * 1000)), to: String(Math.round(end * 1000)) } : {};
  return <Tooltip label={visible(text.slice(0, 1_500))} multiline maw={640} disabled={text.length < 60}><Link to="/explore" search={{ ...times, q: [{ expr: text }] }} className={`${classes.query ?? ""} foreign`}>{visible(text.slice(0, 400))}</Link></Tooltip>;
}

function Log({ log }: { log: QueryLog }) {
  const search = useSearch({ from: "/system/$tab" });
  const navigate = useNavigate({ from: "/system/$tab" });
  const find = search.find ?? "";
  const onlyFailed = search.state === "failed";
  const finished = useMemo(() => log.finished.filter((query) => (!onlyFailed || query.error !== null) && holds(find, query.text, query.user ?? "", query.error?.text ?? "")), [log.finished, onlyFailed, find]);
  const heaviest = useMemo(() => log.heaviest.filter((tally) => holds(find, tally.text)), [log.heaviest, find]);
  const whole = Math.max(log.heaviest.reduce((sum, tally) => sum + tally.totalSeconds, 0), Number.EPSILON);
  const heavy = useMemo((): Column<QueryTally>[] => [
    { id: "text", title: "Query", width: "minmax(260px, 4fr)", sort: (tally) => tally.text, cell: (tally) => <QueryLink text={tally.text} /> },
    { id: "total", title: "Time in all", align: "right", width: "130px", sort: (tally) => tally.totalSeconds, cell: (tally) => <span>{formatValue(tally.totalSeconds, "s")} <span className="faint">{formatValue(tally.totalSeconds / whole, "ratio", 0)}</span></span> },
    { id: "count", title: "Asked", align: "right", width: "84px", sort: (tally) => tally.count, cell: (tally) => formatValue(tally.count, "count") },
    { id: "max", title: "Longest", align: "right", width: "90px", sort: (tally) => tally.maxSeconds, cell: (tally) => formatValue(tally.maxSeconds, "s") },
    { id: "samples", title: "Samples", align: "right", width: "90px", sort: (tally) => tally.samples, cell: (tally) => formatValue(tally.samples, "count") },
    { id: "errors", title: "Failed", align: "right", width: "80px", sort: (tally) => tally.errors, cell: (tally) => <span className={tally.errors > 0 ? "bad" : "faint"}>{tally.errors}</span> },
    { id: "last", title: "Last", align: "right", width: "110px", sort: (tally) => tally.last, cell: (tally) => <When ms={tally.last * 1000} /> },
  ], [whole]);
  const recent = useMemo((): Column<FinishedQuery>[] => [
    { id: "started", title: "When", width: "104px", sort: (query) => query.started, cell: (query) => <When ms={query.started * 1000} /> },
    { id: "text", title: "Query", width: "minmax(260px, 4fr)", sort: (query) => query.text, cell: (query) => query.error ? <span className={classes.twoLines}><QueryLink text={query.text} start={query.start} end={query.end} /><span className="bad ellipsis foreign" title={query.error.text}>{visible(`${query.error.type}: ${query.error.text}`.slice(0, 240))}</span></span> : <QueryLink text={query.text} start={query.start} end={query.end} /> },
    { id: "kind", title: "Kind", width: "78px", sort: (query) => query.kind, cell: (query) => query.kind },
    { id: "seconds", title: "Took", align: "right", width: "86px", sort: (query) => query.seconds, cell: (query) => <Tooltip label={`waited ${formatValue(query.queueSeconds, "s")}, computed ${formatValue(query.evalSeconds, "s")}`}><span>{formatValue(query.seconds, "s")}</span></Tooltip> },
    { id: "samples", title: "Samples", align: "right", width: "90px", sort: (query) => query.samples, cell: (query) => formatValue(query.samples, "count") },
    { id: "series", title: "Series", align: "right", width: "80px", sort: (query) => query.series, cell: (query) => formatValue(query.series, "count") },
    { id: "who", title: "Who", width: "120px", sort: (query) => query.user ?? query.address, cell: (query) => <span className="muted foreign">{visible((query.user ?? query.address ?? "–").slice(0, 60))}</span> },
  ], []);
  return (
    <>
      <Panel title="Running" hint={log.running.length === 0 ? "nothing now" : `${log.running.length} now`}>{log.running.length === 0 ? <p className="muted">No query runs. What takes long stands here, and can be ended.</p> : <ul className={classes.running}>{log.running.map((query) => <Running key={query.id} query={query} />)}</ul>}</Panel>
      <Panel flush>
        <div className={classes.filters}>
          <TextInput className={classes.find ?? ""} label="Find a query" leftSection={<IconSearch size={14} />} value={find} onChange={(event) => { const text = event.currentTarget.value; void navigate({ search: (old) => ({ ...old, find: text === "" ? undefined : text }), replace: true }); }} />
        </div>
      </Panel>
      <Panel title="Heaviest" hint="by the time that all queries of a text took" flush><DataTable label="Heaviest queries" rows={heaviest} columns={heavy} rowKey={(tally) => tally.text} sorted={{ by: "total", down: true }} rowHeight={40} empty={<Empty title="None" />} /></Panel>
      <Panel title="Recent" hint={`${finished.length} that ended`} flush actions={<SegmentedControl aria-label="Which queries" value={onlyFailed ? "failed" : "all"} onChange={(state) => void navigate({ search: (old) => ({ ...old, state: state === "failed" ? state : undefined }) })} data={[{ value: "all", label: "All" }, { value: "failed", label: "Failed" }]} />}>
        <DataTable label="Recent queries" rows={finished} columns={recent} rowKey={(query) => String(query.id)} sorted={{ by: "started", down: true }} rowHeight={onlyFailed ? 48 : 40} empty={<Empty title={onlyFailed ? "No query failed" : "None ended yet"} />} />
      </Panel>
    </>
  );
}

function Running({ query }: { query: RunningQuery }) {
  const client = useQueryClient();
  const stop = useMutation({ mutationFn: () => cancelQuery(query.id), onSettled: () => void client.invalidateQueries({ queryKey: ["now", "status", "queries"] }) });
  return (
    <li>
      <State state={query.state} tone={query.state === "running" ? "info" : "unknown"} />
      <QueryLink text={query.text} start={query.start} end={query.end} />
      <span className={classes.runningEnd}><b>{formatValue(query.seconds, "s")}</b><span className="muted foreign">{visible((query.user ?? query.address ?? "").slice(0, 60))}</span><Button size="compact-xs" leftSection={<IconX size={13} />} loading={stop.isPending} onClick={() => stop.mutate()}>End it</Button></span>
      {stop.isError && <Failure error={stop.error} what="It could not be ended" />}
    </li>
  );
}
