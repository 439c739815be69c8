/** All probes: how each is, how it was, where its time goes, and one more look on demand. */

import { memo, useMemo, useState } from "react";
import { Button, Collapse, TextInput } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconHeartbeat, IconPlayerPlay, IconSearch, IconTool } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { useInstantQuery, useRangeQueries } from "@/api/hooks";
import { stepFor } from "@/api/prometheus";
import { visible } from "@/components/LabelSet";
import { badness, entityTitle } from "@/components/map/graph";
import { type StripBlock, StateStrip } from "@/components/map/StateStrip";
import { Empty, Failure, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import { useNow, useRange } from "@/state/range";
import { useTimeFormat } from "@/state/settings";
import { type Probe, useCheck } from "./asks";
import { Checked } from "./Checked";
import { PhaseLegend, type PhaseTime, Phases } from "./Phases";
import { BLOCKS, degradedQuery, probeStrips, successQuery } from "./strips";
import { StateChips } from "./StateChips";
import filters from "./Health.module.css";
import classes from "./ProbesTab.module.css";

const SHOWN = 100;

export function ProbesTab({ probes, find, states }: { probes: UseQueryResult<Probe[]>; find: string; states: string }) {
  const navigate = useNavigate({ from: "/health" });
  const { fromS, toS } = useRange();
  const format = useTimeFormat();
  const [most, setMost] = useState(SHOWN);
  const step = stepFor(fromS, toS, BLOCKS);
  const [success, degraded] = useRangeQueries([successQuery(step), degradedQuery(step)], { step });
  const phases = useInstantQuery('avg by (probe, phase) ({__name__=~"probe_[a-z]+_duration_seconds",job="probes",phase!=""})');
  const strips = useMemo(() => probeStrips(success?.data, degraded?.data, format.time), [success?.data, degraded?.data, format]);
  const byProbe = useMemo(() => {
    const found = new Map<string, PhaseTime[]>();
    for (const { labels, value } of phases.data?.samples ?? []) {
      const probe = labels["probe"] ?? "";
      if (value !== null) found.set(probe, [...(found.get(probe) ?? []), { name: labels["phase"] ?? "", seconds: value }]);
    }
    return found;
  }, [phases.data]);
  const names = useMemo(() => [...new Set([...byProbe.values()].flatMap((list) => list.map(({ name }) => name)))], [byProbe]);
  const wanted = states === "" ? [] : states.split(",");
  const shown = useMemo(() => (probes.data ?? [])
    .filter((probe) => (wanted.length === 0 || wanted.includes(probe.state)) && `${probe.name} ${probe.target} ${probe.entity} ${probe.module}`.toLowerCase().includes(find.toLowerCase()))
    .sort((a, b) => badness(b.state) - badness(a.state) || a.name.localeCompare(b.name, "en", { numeric: true })),
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `states` is what `wanted` is made of
  [probes.data, find, states]);
  return (
    <>
      <div className={filters.filters}>
        <TextInput aria-label="Find a probe" placeholder="Find a probe" leftSection={<IconSearch size={14} />} value={find} onChange={(event) => void navigate({ search: (old) => ({ ...old, find: event.target.value === "" ? undefined : event.target.value }), replace: true })} />
        <StateChips all={probes.data ?? []} chosen={wanted} />
      </div>
      <Panel title="Probes" hint={`history over the time above, ${spokenStep(step)} a block`} flush>
        <Loaded answer={probes} height={320}>
          {(all) => all.length === 0 ? (
            <Empty title="Nothing is probed" icon={<IconHeartbeat size={26} />}>A probe looks at one thing from outside, again and again: HTTP, TCP, gRPC, WebSocket, MCP, language models, databases. They stand under <code>probes</code> in the configuration.</Empty>
          ) : shown.length === 0 ? <Empty title="No probe fits">Of {all.length} probes none is like this. <Link to="/health" search={keepTimes}>Show all</Link></Empty> : (
            <>
              <ul className={classes.list}>{shown.slice(0, most).map((probe) => <Row key={probe.name} probe={probe} strip={strips.get(probe.name)} phases={byProbe.get(probe.name)} />)}</ul>
              <div className={classes.foot}><PhaseLegend names={names} /></div>
              {shown.length > most && <Button m="sm" onClick={() => setMost(most + SHOWN)}>{shown.length - most} more</Button>}
            </>
          )}
        </Loaded>
      </Panel>
    </>
  );
}

const spokenStep = (seconds: number) => formatValue(seconds, "s");
const NO_BLOCKS: StripBlock[] = Array.from({ length: BLOCKS }, () => ({ tone: "none", label: "no data" }));

const Row = memo(function Row({ probe, strip, phases }: { probe: Probe; strip: StripBlock[] | undefined; phases: PhaseTime[] | undefined }) {
  const check = useCheck(probe.name);
  return (
    <li className={classes.probe}>
      <div className={classes.row}>
        <State state={probe.state} />
        <div className={classes.names}>
          <Link to="/health/probes/$probe" params={{ probe: probe.name }} search={keepTimes} className={`${classes.name ?? ""} foreign`}>{visible(probe.name)}</Link>
          <span className={`${classes.target ?? ""} foreign`} title={probe.target}>{probe.module} {visible(probe.target.slice(0, 200))}</span>
        </div>
        <div className={classes.strip}><StateStrip blocks={strip ?? NO_BLOCKS} label={`Checks of ${probe.name} over time`} /></div>
        <div className={classes.phases}><Phases phases={phases ?? []} label={`Time of ${probe.name} by phase`} /></div>
        <span className={classes.duration}>{formatValue(probe.lastDurationSeconds, "s")}</span>
        <span className={classes.next}>{<NextCheck probe={probe} />}</span>
        <Button size="compact-sm" className={classes.button ?? ""} loading={check.isPending} leftSection={<IconPlayerPlay size={13} />} onClick={() => check.mutate()} aria-label={`Check now: ${probe.name}`}>Check now</Button>
      </div>
      {(probe.state !== "up" || probe.maintenance !== null || probe.causedBy.length > 0) && (
        <p className={classes.reason}>
          {probe.maintenance !== null && <span className={classes.work}><IconTool size={13} aria-hidden />maintenance: {visible(probe.maintenance.slice(0, 200))}</span>}
          <span className="foreign">{visible(probe.reason.slice(0, 400))}</span>
          {probe.state !== "up" && <When ms={probe.since === null ? null : probe.since * 1000} form="for" />}
          {probe.causedBy.length > 0 && <span>explained by {probe.causedBy.map((name) => <Cause key={name} name={name} />)}</span>}
        </p>
      )}
      <Collapse expanded={check.data !== undefined || check.isError} transitionDuration={120}>
        <div className={classes.result} role="status">
          {check.isError && <Failure error={check.error} what="The check could not be made" />}
          {check.data && <Checked result={check.data} />}
          {(check.data ?? check.error) && <Button size="compact-xs" className={classes.close ?? ""} onClick={() => check.reset()}>Close</Button>}
        </div>
      </Collapse>
    </li>
  );
});

/** When it is looked at again, to the second. */
export function NextCheck({ probe }: { probe: Pick<Probe, "lastCheck" | "intervalSeconds"> }) {
  const nowMs = useNow(1_000);
  if (probe.lastCheck === null) return <>not yet checked</>;
  const seconds = Math.round(probe.lastCheck + probe.intervalSeconds - nowMs / 1000);
  return <>{seconds <= 0 ? "due" : `in ${spokenDuration(seconds)}`}</>;
}

/** What explains is another probe, or an entity. */
export function Cause({ name }: { name: string }) {
  return name.includes("/")
    ? <Link to="/health/entities/$entity" params={{ entity: name }} search={keepTimes}>{visible(entityTitle(name).title)}</Link>
    : <Link to="/health/probes/$probe" params={{ probe: name }} search={keepTimes}>{visible(name)}</Link>;
}
