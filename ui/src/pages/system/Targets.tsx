/** What is scraped: the ones that are down first, with their errors in full; and why something is not scraped at all. */

import { useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback, useMediaQuery } from "@mantine/hooks";
import { IconPlugConnected, IconSearch } from "@tabler/icons-react";
import { useNowQuery, useRangeQuery } from "@/api/hooks";
import { type Target, targets as askTargets, type Targets as AllTargets } from "@/api/prometheus";
import { ExploreLink } from "@/components/ai/ExploreLink";
import { useFocusBack } from "@/components/ai/useFocusBack";
import { type Column, DataTable } from "@/components/DataTable";
import { LabelSet, visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import { Mark, State } from "@/components/State";
import { When } from "@/components/When";
import { type Labels, labelsKey, selector } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { haystack, wordsOf } from "./relabel";
import { TargetDetail } from "./TargetDetail";
import { WhyMissing } from "./WhyMissing";
import classes from "./System.module.css";

/** More targets than this have no lines in the table. */
const LINES_MAX = 200;
const DOWN_SHOWN_MAX = 20;
const POOLS_SHOWN = 8;

export const targetKey = (target: Target) => `${target.scrapePool} ${target.scrapeUrl}`;
const RANK = { down: 0, unknown: 1, up: 2 } as const;
export const toneOfHealth = (health: Target["health"]) => (health === "up" ? "good" : health === "down" ? "bad" : "unknown");

export function Targets() {
  const answer = useNowQuery(["targets"], askTargets);
  return <Loaded answer={answer} height={500} what="The targets could not be told">{(all) => <Content all={all} />}</Loaded>;
}

function Content({ all }: { all: AllTargets }) {
  const search = useSearch({ from: "/system/$tab" });
  const navigate = useNavigate({ from: "/system/$tab" });
  const find = search.find ?? "";
  const [typed, setTyped] = useState(find);
  const [isWhole, setWhole] = useState(false);
  const change = (set: Record<string, string | undefined>, replace = false) => void navigate({ search: (old) => ({ ...old, ...set }), replace });
  const write = useDebouncedCallback((text: string) => change({ find: text.trim() === "" ? undefined : text }, true), 200);
  const isSmall = useMediaQuery("(max-width: 760px)", matchMedia("(max-width: 760px)").matches);

  const pools = useMemo(() => {
    const byPool = new Map<string, { up: number; down: number; unknown: number; dropped: number }>();
    const of = (pool: string) => byPool.get(pool) ?? byPool.set(pool, { up: 0, down: 0, unknown: 0, dropped: 0 }).get(pool);
    for (const target of all.activeTargets) { const pool = of(target.scrapePool); if (pool) pool[target.health] += 1; }
    for (const [name, count] of Object.entries(all.droppedTargetCounts ?? {})) { const pool = of(name); if (pool) pool.dropped = count; }
    return [...byPool].map(([name, counts]) => ({ name, ...counts })).sort((a, b) => b.down - a.down || a.name.localeCompare(b.name, "en", { numeric: true }));
  }, [all]);
  // Ten thousand targets are put in order and made into texts once, not at each letter that is typed.
  const ordered = useMemo(() => {
    const { compare } = new Intl.Collator("en", { numeric: true });
    return [...all.activeTargets]
      .sort((a, b) => RANK[a.health] - RANK[b.health] || compare(a.scrapePool, b.scrapePool) || compare(a.scrapeUrl, b.scrapeUrl))
      .map((target) => ({ target, text: haystack(target.labels, target.discoveredLabels, target.scrapeUrl, target.scrapePool, target.lastError) }));
  }, [all]);
  const shown = useMemo(() => {
    const words = wordsOf(find);
    return ordered.filter(({ target, text }) => (!search.job || target.scrapePool === search.job) && (!search.state || target.health === search.state) && words.every((word) => text.includes(word))).map(({ target }) => target);
  }, [ordered, search.job, search.state, find]);
  const lines = useLines(shown);
  const down = shown.filter((target) => target.health === "down");
  const chosen = all.activeTargets.find((target) => targetKey(target) === search.target);
  const columns = useMemo(() => columnsOf(lines), [lines]);
  const behind = useFocusBack(chosen !== undefined);
  const total = pools.reduce((sum, pool) => sum + pool.dropped, 0);

  return (
    <>
      <div className="stack" {...behind}>
        <Panel title="Jobs" hint={`${pools.length} ${pools.length === 1 ? "job" : "jobs"}, ${all.activeTargets.length} targets${total > 0 ? `, ${total} more found and dropped by rules` : ""}`} actions={pools.length > POOLS_SHOWN && <Button size="compact-xs" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>{isWhole ? "Fewer" : `All ${pools.length}`}</Button>}>
          {pools.length === 0 ? <Empty title="Nothing is scraped" icon={<IconPlugConnected size={26} />}>Add a job under scrape_configs in the configuration, then reload it.</Empty> : (
            <ul className={classes.pools}>
              {pools.filter((pool, index) => isWhole || index < POOLS_SHOWN || pool.name === search.job).map((pool) => (
                <li key={pool.name}>
                  <Link to="/system/$tab" params={{ tab: "targets" }} search={(old) => ({ ...old, job: old.job === pool.name ? undefined : pool.name })} className={classes.pool} data-chosen={search.job === pool.name || undefined} activeOptions={{ exact: true, includeSearch: true }}>
                    <span className={classes.poolHead}><span className="foreign ellipsis">{visible(pool.name.slice(0, 120))}</span><span className={pool.down > 0 ? "bad" : "muted"}>{pool.up} of {pool.up + pool.down + pool.unknown} up</span></span>
                    <span className={classes.poolBar} aria-hidden>
                      {pool.down > 0 && <span className={classes.down} style={{ flexGrow: pool.down }} />}
                      {pool.unknown > 0 && <span className={classes.waiting} style={{ flexGrow: pool.unknown }} />}
                      {pool.up > 0 && <span className={classes.up} style={{ flexGrow: pool.up }} />}
                    </span>
                    {pool.dropped > 0 && <span className="faint">{pool.dropped} dropped by rules</span>}
                  </Link>
                </li>
              ))}
            </ul>
          )}
        </Panel>

        <Panel flush>
          <div className={classes.filters}>
            <TextInput className={classes.find ?? ""} label="Find a target, or why one is missing" placeholder="address, label=value, error" leftSection={<IconSearch size={14} />} value={typed} onChange={(event) => { setTyped(event.currentTarget.value); write(event.currentTarget.value); }} data-testid="find-target" />
            <Select label="Job" searchable clearable allowDeselect data={pools.map(({ name }) => name)} value={search.job ?? null} placeholder="All jobs" onChange={(job) => change({ job: job ?? undefined })} />
            <div>
              <span className={classes.fieldLabel} id="target-state">State</span>
              <SegmentedControl aria-labelledby="target-state" fullWidth value={search.state ?? "all"} onChange={(state) => change({ state: state === "all" ? undefined : state })} data={["all", "up", "down", "unknown"].map((value) => ({ value, label: value === "all" ? "All" : value === "up" ? "Up" : value === "down" ? "Down" : "Not yet" }))} />
            </div>
          </div>
          {down.length > 0 && (
            <ul className={classes.troubles} aria-label="Targets that are down">
              {down.slice(0, DOWN_SHOWN_MAX).map((target) => (
                <li key={targetKey(target)} className={classes.trouble}>
                  <span className={classes.troubleHead}>
                    <Mark tone="bad" label="down" />
                    <Link to="/system/$tab" params={{ tab: "targets" }} search={(old) => ({ ...old, target: targetKey(target) })} className="foreign">{visible(target.scrapeUrl.slice(0, 300))}</Link>
                    <span className="muted">{visible(target.scrapePool.slice(0, 80))}, tried <When ms={Date.parse(target.lastScrape)} /></span>
                  </span>
                  <code className={`${classes.error ?? ""} foreign`}>{visible(target.lastError.slice(0, 4_000)) || "no error was told"}</code>
                </li>
              ))}
              {down.length > DOWN_SHOWN_MAX && <li className="muted">{down.length - DOWN_SHOWN_MAX} more are down: they stand first in the table.</li>}
            </ul>
          )}
          {isSmall
            ? <ul className={classes.cards}>{shown.slice(0, 60).map((target) => <li key={targetKey(target)}><TargetCard target={target} /></li>)}{shown.length > 60 && <li className="muted">{shown.length - 60} more: narrow the search.</li>}</ul>
            : shown.length > 0 && <DataTable label="Targets" rows={shown} columns={columns} rowKey={targetKey} rowHeight={48} onOpen={(target) => change({ target: targetKey(target) })} isChosen={(target) => targetKey(target) === search.target} />}
          {shown.length === 0 && all.activeTargets.length > 0 && <Empty title={find === "" ? "No target is in this state" : "No scraped target matches"}>{find === "" ? "Choose another state or job." : "Below is whether it was found and dropped, or not found at all."}</Empty>}
        </Panel>

        <WhyMissing all={all} find={find} job={search.job} scraped={shown.length} />
      </div>
      {chosen && <TargetDetail target={chosen} close={() => change({ target: undefined })} />}
    </>
  );
}

interface Lines { duration: ReadonlyMap<string, readonly (number | null)[]>; samples: ReadonlyMap<string, readonly (number | null)[]> }

/** Durations and samples of the targets over time, one question each; none where they are too many. */
function useLines(shown: readonly Target[]): Lines {
  const isFew = shown.length <= LINES_MAX;
  const jobs = [...new Set(shown.map((target) => target.labels["job"] ?? ""))];
  const only: Labels = jobs.length === 1 && jobs[0] ? { job: jobs[0] } : {};
  const duration = useRangeQuery(selector("scrape_duration_seconds", only), { points: 40, enabled: isFew && shown.length > 0 });
  const samples = useRangeQuery(selector("scrape_samples_scraped", only), { points: 40, enabled: isFew && shown.length > 0 });
  return useMemo(() => {
    const map = (answer: typeof duration) => new Map((answer.data?.series ?? []).map(({ labels, values }) => [labelsKey(Object.fromEntries(Object.entries(labels).filter(([name]) => name !== "__name__"))), values]));
    return { duration: map(duration), samples: map(samples) };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the answers' data is what counts
  }, [duration.data, samples.data]);
}

const newest = (values: readonly (number | null)[] | undefined) => values?.findLast((value) => value !== null) ?? null;

function columnsOf(lines: Lines): Column<Target>[] {
  const line = (map: Lines["duration"], labels: Labels) => map.get(labelsKey(labels));
  return [
    { id: "state", title: "State", width: "104px", sort: (target) => RANK[target.health], cell: (target) => <State state={target.health} tone={toneOfHealth(target.health)}>{target.health === "unknown" ? "not yet" : target.health}</State> },
    { id: "target", title: "Target", width: "minmax(220px, 2fr)", sort: (target) => target.scrapeUrl, cell: (target) => <span className={classes.twoLines}><span className="foreign ellipsis">{visible(target.scrapeUrl.slice(0, 300))}</span><span className="muted ellipsis foreign">{visible(target.scrapePool.slice(0, 120))}</span></span> },
    { id: "labels", title: "Labels", width: "minmax(180px, 2fr)", cell: (target) => <LabelSet labels={target.labels} without={["job"]} most={3} /> },
    { id: "last", title: "Last scrape", width: "112px", align: "right", sort: (target) => Date.parse(target.lastScrape), cell: (target) => <When ms={Date.parse(target.lastScrape)} /> },
    { id: "interval", title: "Every", width: "72px", align: "right", sort: (target) => target.scrapeInterval, cell: (target) => target.scrapeInterval },
    { id: "duration", title: "Took", width: "168px", align: "right", sort: (target) => target.lastScrapeDuration, cell: (target) => <Line values={line(lines.duration, target.labels)} text={formatValue(target.lastScrapeDuration, "s")} label="Duration of scrapes over time" /> },
    { id: "samples", title: "Samples", width: "158px", align: "right", sort: (target) => newest(line(lines.samples, target.labels)), cell: (target) => <Line values={line(lines.samples, target.labels)} text={formatValue(newest(line(lines.samples, target.labels)), "count")} label="Samples of scrapes over time" /> },
  ];
}

function Line({ values, text, label }: { values: readonly (number | null)[] | undefined; text: string; label: string }) {
  return <span className={classes.line}><span className={classes.spark}>{values && <Sparkline values={values} height={24} label={label} />}</span><span>{text}</span></span>;
}

function TargetCard({ target }: { target: Target }) {
  return (
    <Link to="/system/$tab" params={{ tab: "targets" }} search={(old) => ({ ...old, target: targetKey(target) })} className={classes.card}>
      <span className={classes.poolHead}><State state={target.health} tone={toneOfHealth(target.health)} /><span className="muted"><When ms={Date.parse(target.lastScrape)} /></span></span>
      <span className="foreign">{visible(target.scrapeUrl.slice(0, 200))}</span>
      <span className="muted">{visible(target.scrapePool.slice(0, 80))} · every {target.scrapeInterval} · took {formatValue(target.lastScrapeDuration, "s")}</span>
    </Link>
  );
}

export const TargetLinks = ({ target }: { target: Target }) => (
  <>
    <ExploreLink query={selector("up", target.labels)}>Up and down over time</ExploreLink>
    <ExploreLink query={`count by (__name__) (${selector("", target.labels)})`} view="table">Its metrics</ExploreLink>
    <Link to="/system/$tab" params={{ tab: "discovery" }} search={(old) => ({ ...keepTimes(old), job: target.scrapePool, target: target.discoveredLabels["__address__"] ?? "" })}>How it was found</Link>
  </>
);
