/** What each job's service discovery finds, and what its rules make of it. */

import { useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { Select, TextInput } from "@mantine/core";
import { IconRadar2, IconSearch } from "@tabler/icons-react";
import { useNowQuery } from "@/api/hooks";
import { targets as askTargets, type Targets } from "@/api/prometheus";
import { poolConfig, scrapePools } from "@/api/system";
import { visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark } from "@/components/State";
import { type Labels, labelsKey } from "@/lib/labels";
import { holds } from "./relabel";
import { RelabelSteps } from "./RelabelSteps";
import { toneOfHealth } from "./Targets";
import { YamlView } from "./YamlView";
import classes from "./System.module.css";

interface Found { discovered: Labels; final: Labels | null; health: "up" | "down" | "unknown" | "dropped"; address: string }

const SHOWN_MAX = 200;

export function Discovery() {
  const pools = useNowQuery(["targets", "pools"], scrapePools);
  const targets = useNowQuery(["targets"], askTargets);
  return <Loaded answer={pools} height={400}>{(names) => names.length === 0 ? <Panel><Empty title="No job is configured" icon={<IconRadar2 size={26} />}>Add one under scrape_configs.</Empty></Panel> : <Loaded answer={targets} height={400}>{(all) => <Content pools={names} all={all} />}</Loaded>}</Loaded>;
}

function foundBy(all: Targets, pool: string): Found[] {
  const active = all.activeTargets.filter((target) => target.scrapePool === pool).map((target): Found => ({ discovered: target.discoveredLabels, final: target.labels, health: target.health, address: target.discoveredLabels["__address__"] ?? target.scrapeUrl }));
  const dropped = all.droppedTargets.filter((target) => (target.scrapePool ?? target.discoveredLabels["job"]) === pool).map((target): Found => ({ discovered: target.discoveredLabels, final: null, health: "dropped", address: target.discoveredLabels["__address__"] ?? "" }));
  return [...dropped, ...active];
}

function Content({ pools, all }: { pools: readonly string[]; all: Targets }) {
  const search = useSearch({ from: "/system/$tab" });
  const navigate = useNavigate({ from: "/system/$tab" });
  const pool = pools.find((name) => name === search.job) ?? pools[0] ?? "";
  const found = useMemo(() => foundBy(all, pool), [all, pool]);
  const [find, setFind] = useState("");
  const shown = useMemo(() => found.filter((one) => holds(find, one.discovered, one.final ?? {})), [found, find]);
  const chosen = found.find((one) => one.address === search.target) ?? shown[0];
  const config = useQuery({ queryKey: ["now", "config", "pool", pool], queryFn: ({ signal }) => poolConfig(pool, signal), staleTime: 30_000 });
  const counted = all.droppedTargetCounts?.[pool] ?? 0;
  const unkept = Math.max(0, counted - found.filter((one) => one.health === "dropped").length);
  return (
    <div className={classes.split}>
      <Panel title="Found" hint={`${found.length} by this job`}>
        <Select label="Job" searchable data={[...pools]} value={pool} onChange={(job) => void navigate({ search: (old) => ({ ...old, job: job ?? undefined, target: undefined }) })} />
        <TextInput label="Find" placeholder="label=value or address" leftSection={<IconSearch size={14} />} value={find} onChange={(event) => setFind(event.currentTarget.value)} />
        {shown.length === 0 ? <Empty title={found.length === 0 ? "This job finds nothing" : "Nothing matches"}>{found.length === 0 ? "Its service discovery has given no targets: see its configuration on the right." : null}</Empty> : (
          <ul className={classes.found}>
            {shown.slice(0, SHOWN_MAX).map((one) => (
              <li key={labelsKey(one.discovered)}>
                <Link to="/system/$tab" params={{ tab: "discovery" }} search={(old) => ({ ...keepTimes(old), job: pool, target: one.address })} className={classes.foundLink} data-chosen={one === chosen || undefined} activeOptions={{ exact: true, includeSearch: true }}>
                  <Mark tone={one.health === "dropped" ? "unknown" : toneOfHealth(one.health)} label={one.health} />
                  <span className="foreign ellipsis">{visible(one.address.slice(0, 200)) || "without an address"}</span>
                  <span className="muted">{one.health === "dropped" ? "dropped" : ""}</span>
                </Link>
              </li>
            ))}
            {shown.length > SHOWN_MAX && <li className="muted">{shown.length - SHOWN_MAX} more: narrow the search.</li>}
          </ul>
        )}
        {unkept > 0 && <p className="muted">{unkept} more were dropped and are not kept by the server.</p>}
      </Panel>
      <div className="stack">
        {chosen && <Panel title="Step by step" hint={<span className="foreign">{visible(chosen.address.slice(0, 200))}</span>}><RelabelSteps pool={pool} discovered={chosen.discovered} final={chosen.final} /></Panel>}
        <Panel title="Configuration of the job" hint={<span className="foreign">{visible(pool.slice(0, 120))}</span>} flush><Loaded answer={config} height={200}>{(yaml) => <YamlView text={yaml} label={`Configuration of ${pool}`} height={420} />}</Loaded></Panel>
      </div>
    </div>
  );
}
