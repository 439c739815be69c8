/** Where the series come from: by metric, label, pair and source; and what one metric or label is made of. */

import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { ActionIcon } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useInstantQuery, useNowQuery } from "@/api/hooks";
import { labelNames, tsdbStatus } from "@/api/prometheus";
import { serverStatus } from "@/api/system";
import { ExploreLink } from "@/components/ai/ExploreLink";
import { TimeChart } from "@/components/ai/TimeChart";
import { visible } from "@/components/LabelSet";
import { Loaded, Panel } from "@/components/Panel";
import { labelName, quoted, selector } from "@/lib/labels";
import { bundle, PART } from "@/pages/ai/queries";
import { useRange } from "@/state/range";
import { Ranked } from "./Ranked";
import classes from "./System.module.css";

const LIMIT = 50;
/** Labels of a metric whose values are counted. */
const LABELS_MAX = 24;

export function Cardinality() {
  const tsdb = useNowQuery(["status", "tsdb", LIMIT], (signal) => tsdbStatus(signal, LIMIT), { everyMs: 30_000 });
  const status = useNowQuery(["status", "server"], serverStatus);
  const { show } = useSearch({ from: "/system/$tab" });
  const [kind, name] = show === undefined ? [null, ""] : [show.slice(0, show.indexOf(":")), show.slice(show.indexOf(":") + 1)];
  const sources = status.data?.storage?.seriesBySource;
  return (
    <>
      {kind === "metric" && name !== "" && <OneMetric key={name} name={name} />}
      {kind === "label" && name !== "" && <OneLabel key={name} name={name} />}
      <Loaded answer={tsdb} height={500} what="The storage could not be asked">
        {(data) => {
          const all = data.headStats.numSeries;
          return (
            <>
              <div className={`grid ${classes.three ?? ""}`}>
                <Panel title="Metrics by series"><Ranked label="Metrics by series" rows={data.seriesCountByMetricName} total={all} link={(metric, text) => <Shown show={`metric:${metric}`}>{text}</Shown>} /></Panel>
                <Panel title="Labels by values"><Ranked label="Labels by values" rows={data.labelValueCountByLabelName} link={(label, text) => <Shown show={`label:${label}`}>{text}</Shown>} /></Panel>
                <Panel title="Pairs by series"><Ranked label="Pairs by series" rows={data.seriesCountByLabelValuePair} total={all} link={(pair, text) => <PairLink pair={pair}>{text}</PairLink>} /></Panel>
                {sources && sources.length > 0 && <Panel title="Sources by series"><Ranked label="Sources by series" rows={sources} total={all} /></Panel>}
                <Panel title="Labels by memory"><Ranked label="Labels by memory" unit="bytes" rows={data.memoryInBytesByLabelName} link={(label, text) => <Shown show={`label:${label}`}>{text}</Shown>} /></Panel>
                <TimeChart title="Series in the head" query="bellwether_storage_head_series or prometheus_tsdb_head_series" unit="count" height={268} />
              </div>
              <div className="grid">
                <TimeChart title="New series" hint="a second: churn, where targets come and go" query="rate(bellwether_tsdb_series_created_total[5m]) or rate(prometheus_tsdb_head_series_created_total[5m])" unit="per-second" />
                <TimeChart title="New series by job" hint="a scrape" query="sum by (job) (scrape_series_added)" unit="count" stacked />
              </div>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Shown({ show, children }: { show: string; children: React.ReactNode }) {
  return <Link to="/system/$tab" params={{ tab: "cardinality" }} search={(old) => ({ ...old, show })} activeOptions={{ exact: true, includeSearch: true }} className="ellipsis">{children}</Link>;
}

function PairLink({ pair, children }: { pair: string; children: React.ReactNode }) {
  const at = pair.indexOf("=");
  const [label, value] = [pair.slice(0, at), pair.slice(at + 1)];
  return <Link to="/explore" search={{ q: [{ expr: `sort_desc(count by (__name__) ({${labelName(label)}=${quoted(value)}}))` }], view: "table" }} className="ellipsis">{children}</Link>;
}

function Close() {
  const navigate = useNavigate({ from: "/system/$tab" });
  return <ActionIcon aria-label="Close" onClick={() => void navigate({ search: (old) => ({ ...old, show: undefined }) })}><IconX size={16} /></ActionIcon>;
}

/** The labels of a metric, by how many values each has: what multiplies it. */
function OneMetric({ name }: { name: string }) {
  const { fromS, toS } = useRange();
  const labels = useQuery({ queryKey: ["labels", name, Math.floor(toS / 300)], queryFn: ({ signal }) => labelNames([selector(name)], fromS, toS, signal) });
  const counted = (labels.data ?? []).filter((label) => label !== "__name__").slice(0, LABELS_MAX);
  const values = useInstantQuery(bundle(Object.fromEntries(counted.map((label) => [label, `count(count by (${labelName(label)}) (${selector(name)}))`]))), { enabled: counted.length > 0 });
  const rows = (values.data?.samples ?? []).map((sample) => ({ name: sample.labels[PART] ?? "", value: sample.value ?? 0 })).sort((a, b) => b.value - a.value);
  return (
    <Panel title={<span className="foreign">{visible(name.slice(0, 200))}</span>} hint="its labels by different values: what multiplies its series" actions={<><ExploreLink query={selector(name)}>Explore</ExploreLink><Close /></>} notes={values.data?.notes ?? []}>
      <Loaded answer={labels} height={120}>{() => counted.length === 0 ? <p className="muted">It has no labels in this time.</p> : <Loaded answer={values} height={120}>{() => <Ranked label={`Labels of ${name}`} rows={rows} shown={LABELS_MAX} link={(label, text) => <Link to="/explore" search={{ q: [{ expr: `sort_desc(count by (${labelName(label)}) (${selector(name)}))` }], view: "table" }} className="ellipsis">{text}</Link>} />}</Loaded>}</Loaded>
    </Panel>
  );
}

/** The values of a label that most series have. */
function OneLabel({ name }: { name: string }) {
  const matching = `{${labelName(name)}!=""}`;
  const values = useInstantQuery(`topk(40, count by (${labelName(name)}) (${matching}))`);
  const metrics = useInstantQuery(`topk(40, count by (__name__) (${matching}))`, { enabled: name !== "__name__" });
  const rows = (answer: typeof values, label: string) => (answer.data?.samples ?? []).map((sample) => ({ name: sample.labels[label] ?? "", value: sample.value ?? 0 })).sort((a, b) => b.value - a.value);
  return (
    <Panel title={<span className="foreign">{visible(name.slice(0, 200))}</span>} hint="its values and its metrics, by series" actions={<><ExploreLink query={`count by (${labelName(name)}) (${matching})`} view="table">Explore</ExploreLink><Close /></>} notes={values.data?.notes ?? []}>
      <div className="grid">
        <Loaded answer={values} height={160}>{() => <Ranked label={`Values of ${name}`} rows={rows(values, name)} link={(value, text) => <Link to="/explore" search={{ q: [{ expr: `sort_desc(count by (__name__) ({${labelName(name)}=${quoted(value)}}))` }], view: "table" }} className="ellipsis">{text}</Link>} />}</Loaded>
        {name !== "__name__" && <Loaded answer={metrics} height={160}>{() => <Ranked label={`Metrics with ${name}`} rows={rows(metrics, "__name__")} link={(metric, text) => <Shown show={`metric:${metric}`}>{text}</Shown>} />}</Loaded>}
      </div>
    </Panel>
  );
}
