/** How this server does: its version, its load, its requests, its rules and notifications, its troubles. */

import { useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { useInstantQuery, useNowQuery } from "@/api/hooks";
import { buildInfo, runtimeInfo } from "@/api/prometheus";
import { notifications, serverStatus } from "@/api/system";
import { TimeChart } from "@/components/ai/TimeChart";
import { visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { Mark, State, toneOf } from "@/components/State";
import { keepTimes } from "@/components/places";
import { When } from "@/components/When";
import { selector } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { Facts } from "./Facts";
import { Requests } from "./Requests";
import { Troubles } from "./Troubles";
import classes from "./System.module.css";

/** The job under which the server's own metrics are stored, if they are. */
function useOwnJob(): { job: string | null; isPending: boolean } {
  const answer = useInstantQuery("count by (job) (bellwether_http_connections or prometheus_build_info)");
  return { job: answer.data?.samples[0]?.labels["job"] ?? null, isPending: answer.isPending };
}

export function Status() {
  const status = useNowQuery(["status", "server"], serverStatus);
  const build = useNowQuery(["status", "build"], buildInfo, { everyMs: 300_000 });
  const runtime = useNowQuery(["status", "runtime"], runtimeInfo);
  const problems = useNowQuery(["status", "notifications"], notifications);
  const own = useOwnJob();
  const text = (value: string | number | boolean) => visible(String(value).slice(0, 200));
  return (
    <>
      <Loaded answer={status} height={96} what="The state of the server could not be told">
        {(now) => (
          <Facts facts={[
            ["State", <State key="state" state={now.state} tone={now.state === "ready" ? "good" : toneOf(now.state)} />, "as it says itself"],
            ["Version", now.version, <span key="revision" className="mono">{(now.revision ?? build.data?.["revision"] ?? "").slice(0, 10)}</span>],
            ["Running", <When key="since" ms={(now.startedAt ?? 0) * 1000} form="for" />, "since its last start"],
            ["Targets", `${now.targets?.up ?? 0} up`, <span key="down" className={(now.targets?.down ?? 0) > 0 ? "bad" : ""}>{now.targets?.down ?? 0} down</span>],
            ["Series", formatValue(now.storage?.headSeries, "count"), `${formatValue(now.storage?.diskBytes, "bytes")} on disk`],
          ]} />
        )}
      </Loaded>
      <Panel title="Problems" hint="what the server says is wrong with it now">
        <Loaded answer={problems} height={60}>
          {(all) => all.length === 0
            ? <p className={classes.on}><Mark tone="good" />Nothing: configuration, storage and rules are as they should be.</p>
            : <ul className={classes.troubles}>{all.map((one) => <li key={one.text} className={classes.trouble}><span className={classes.troubleHead}><Mark tone="bad" label="problem" /><span className="foreign">{visible(one.text.slice(0, 1_000))}</span><span className="muted"><When ms={Date.parse(one.date)} form="for" /></span></span></li>)}</ul>}
        </Loaded>
      </Panel>
      {own.job === null && !own.isPending && <Panel><Empty title="Its own metrics are not stored">Add a scrape job for this server's own /metrics, called bellwether; then its load over time stands here.</Empty></Panel>}
      {own.job !== null && <Own job={own.job} />}
      <div className="grid">
        <Panel title="Build"><Loaded answer={build} height={120}>{(all) => <Pairs rows={Object.entries(all).filter(([, value]) => value !== "").map(([name, value]) => [words(name), text(value)])} />}</Loaded></Panel>
        <Panel title="Runtime"><Loaded answer={runtime} height={120}>{(all) => <Pairs rows={Object.entries(all).filter(([name, value]) => value !== "" && !/^GO|goroutine/i.test(name)).map(([name, value]) => [words(name), text(value)])} />}</Loaded></Panel>
      </div>
    </>
  );
}

/** `serverTime` as `server time`. */
const words = (name: string) => name.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().replace("cwd", "folder");

function Pairs({ rows }: { rows: readonly (readonly [string, string])[] }) {
  return <dl className={classes.pairs}>{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="foreign">{value}</dd></div>)}</dl>;
}

function Own({ job }: { job: string }) {
  const of = useMemo(() => (name: string, more: Record<string, string> = {}) => selector(name, { job, ...more }), [job]);
  return (
    <>
      <Troubles job={job} />
      <div className="grid">
        <TimeChart title="Processor" hint="cores in use" query={`rate(${of("process_cpu_seconds_total")}[2m])`} unit="short" shape={named("cores")} />
        <TimeChart title="Memory" query={`label_replace(${of("process_resident_memory_bytes")}, "part", "process", "", "") or label_replace(${of("bellwether_storage_memory_bytes")}, "part", "head", "", "") or label_replace(${of("bellwether_queries_memory_bytes")}, "part", "queries", "", "")`} explore={[of("process_resident_memory_bytes"), of("bellwether_storage_memory_bytes"), of("bellwether_queries_memory_bytes")]} unit="bytes" shape={byPart} />
        <TimeChart title="Requests by status" hint="a second" query={`sum by (code) (rate(${of("bellwether_http_requests_total")}[2m]))`} unit="per-second" stacked />
        <TimeChart title="Requests in flight" query={`sum (${of("bellwether_http_requests_in_flight")})`} unit="count" shape={named("in flight")} />
      </div>
      <Requests job={job} />
      <div className="grid">
        <TimeChart title="How late scrapes are" hint="p99" query={`histogram_quantile(0.99, sum by (le) (rate(${of("bellwether_scrape_lateness_seconds_bucket")}[5m])))`} unit="s" shape={named("p99")} />
        <TimeChart title="Rule groups" hint="share of their interval that they take" query={`${of("prometheus_rule_group_last_duration_seconds")} / ${of("prometheus_rule_group_interval_seconds")}`} unit="ratio" shape={byGroup} more={<Link to="/alerts/$tab" params={{ tab: "rules" }} search={keepTimes}>Rules</Link>} />
        <TimeChart title="Notifications" hint="a minute" query={`sum by (integration) (rate(${of("alertmanager_notifications_total")}[5m])) * 60`} unit="short" />
        <TimeChart title="Notifications that failed" hint="a minute" query={`sum by (integration) (rate(${of("alertmanager_notifications_failed_total")}[5m])) * 60`} unit="short" />
        <TimeChart title="Open files" query={of("process_open_fds")} unit="count" shape={named("files")} />
        <TimeChart title="Open connections" query={`sum (${of("bellwether_http_connections")})`} unit="count" shape={named("connections")} />
      </div>
    </>
  );
}

interface Drawn { labels: Readonly<Record<string, string>>; values: (number | null)[] }
const named = (name: string) => (series: readonly Drawn[]) => series.map(({ values }, index) => ({ name: index === 0 ? name : `${name} ${index + 1}`, values }));
const byPart = (series: readonly Drawn[]) => series.map(({ labels, values }) => ({ name: labels["part"] ?? "", values }));
const byGroup = (series: readonly Drawn[]) => series.map(({ labels, values }) => ({ name: (labels["rule_group"] ?? "").split(";").at(-1) ?? "", values }));
