/** One probe: how it is and was, where its time goes, and what its last checks found. */

import { useMemo } from "react";
import { Button } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { IconBellOff, IconPlayerPlay } from "@tabler/icons-react";
import { useRangeQueries } from "@/api/hooks";
import { stepFor } from "@/api/prometheus";
import { Chart, type ChartSpan } from "@/components/Chart";
import { usePageKeys } from "@/components/Keys";
import { LabelSet, visible } from "@/components/LabelSet";
import { StateStrip, type StripBlock } from "@/components/map/StateStrip";
import { Page } from "@/components/Page";
import { Empty, Failure, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State, toneOf } from "@/components/State";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { quoted } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { useRange } from "@/state/range";
import { useTimeFormat } from "@/state/settings";
import { covers, type Probe as ProbeOf, useAlerts, useCheck, useMaintenance, useProbe, useProbes } from "./asks";
import { Checked } from "./Checked";
import { AlertRows, Facts, isUnknown } from "./Parts";
import { inOrder, phaseColor } from "./Phases";
import { Window } from "./MaintenanceTab";
import { Cause, NextCheck } from "./ProbesTab";
import { degradedQuery, probeStrips, stateShares, successQuery } from "./strips";
import classes from "./Detail.module.css";

const STRIP_BLOCKS = 120;

export function Probe() {
  const { probe: name } = useParams({ from: "/health/probes/$probe" });
  const answer = useProbe(name);
  const check = useCheck(name);
  const { mutate } = check;
  usePageKeys(useMemo(() => [{ key: "c", says: "check now", run: () => mutate() }], [mutate]));
  const probe = answer.data;
  return (
    <Page
      title={visible(name.slice(0, 200))}
      badge={probe && <State state={probe.state} />}
      lead={probe && <>Probe of <Link to="/health/entities/$entity" params={{ entity: probe.entity }} search={keepTimes} className={`${classes.inline ?? ""} foreign`}>{visible(probe.entity.slice(0, 200))}</Link> with {probe.module}: <span className="foreign">{visible(probe.target.slice(0, 300))}</span></>}
      controls={<><Link to="/health" search={keepTimes}>All probes</Link><Button variant="filled" loading={check.isPending} leftSection={<IconPlayerPlay size={14} />} onClick={() => check.mutate()} disabled={!probe}>Check now</Button></>}
    >
      {check.isError && <Failure error={check.error} what="The check could not be made" />}
      {check.data && <Panel title="Checked just now" hint="beside the schedule; it counts for nothing" actions={<Button size="compact-xs" onClick={() => check.reset()}>Close</Button>}><Checked result={check.data} withMetrics /></Panel>}
      {isUnknown(answer.error)
        ? <Panel><Empty title="There is no such probe">None is called <code className="foreign">{visible(name.slice(0, 200))}</code>; it may have been taken out of the configuration. <Link to="/health" search={keepTimes}>All probes</Link></Empty></Panel>
        : <Loaded answer={answer} height={500}>{(data) => <Whole probe={data} />}</Loaded>}
    </Page>
  );
}

function Whole({ probe }: { probe: ProbeOf }) {
  const alerts = useAlerts();
  const maintenance = useMaintenance();
  const probes = useProbes();
  const own = (alerts.data ?? []).filter((alert) => alert.labels["probe"] === probe.name || alert.labels["entity"] === probe.entity);
  const windows = (maintenance.data ?? []).filter((window) => covers(window, probe.name));
  return (
    <>
      {(probe.state !== "up" || probe.causedBy.length > 0 || probe.maintenance !== null) && (
        <div className={classes.why} data-tone={toneOf(probe.state)}>
          <Mark tone={toneOf(probe.state)} size={18} />
          <p>{probe.reason !== "" && <span className="foreign">{visible(probe.reason.slice(0, 1000))}. </span>}{probe.causedBy.length > 0 && <>Explained by {probe.causedBy.map((cause) => <Cause key={cause} name={cause} />)}. </>}{probe.failures > 0 && `${probe.failures} checks failed in a row. `}{probe.maintenance !== null && `In maintenance: ${visible(probe.maintenance)}`}</p>
        </div>
      )}
      <History probe={probe} />
      <PhasesOverTime probe={probe.name} />
      <div className="grid">
        <Panel title="Last check">{probe.last ? <Checked result={probe.last} withMetrics /> : <Empty title="Not checked yet">The first check comes within {spokenDuration(probe.intervalSeconds)}.</Empty>}</Panel>
        <Panel title="Last check that failed">{probe.lastFailure ? <Checked result={probe.lastFailure} withMetrics /> : <Empty title="None failed">Since this server was started, every check succeeded.</Empty>}</Panel>
        <Panel title="About it">
          <Facts rows={[
            ["Looks", <>every {spokenDuration(probe.intervalSeconds)}, for {spokenDuration(probe.timeoutSeconds)} at most; next <NextCheck key="next" probe={probe} /></>],
            ["Since", <When key="since" ms={probe.since === null ? null : probe.since * 1000} />],
            ["Depends on", probe.dependsOn.length === 0 ? "nothing" : probe.dependsOn.map((one) => <Cause key={one} name={one} />)],
            ["Public", probe.public ? <Link key="public" to="/public">on the public status page</Link> : "not on the public status page"],
            ["Labels", Object.keys(probe.labels).length === 0 ? "none" : <LabelSet key="labels" labels={probe.labels} />],
            ["Series", <Link key="series" to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: `probe_success{job="probes",probe=${quoted(probe.name)}}` }] })}>look at them in Explore</Link>],
          ]} />
        </Panel>
        <div className="stack">
          <Panel title="Alerts" hint="that name it or its entity" flush>{own.length === 0 ? <Empty title="No alert names it" icon={<IconBellOff size={22} />} /> : <AlertRows alerts={own} />}</Panel>
          {windows.length > 0 && <Panel title="Maintenance" flush><ul className={classes.plain}>{windows.map((window, index) => <Window key={window.id ?? `configured-${index}`} window={window} probes={probes.data ?? []} />)}</ul></Panel>}
        </div>
      </div>
    </>
  );
}

function History({ probe }: { probe: ProbeOf }) {
  const { fromS, toS } = useRange();
  const format = useTimeFormat();
  const step = stepFor(fromS, toS, STRIP_BLOCKS);
  const [success, degraded] = useRangeQueries([successQuery(step, probe.name), degradedQuery(step, probe.name)], { step });
  const blocks = useMemo(() => probeStrips(success?.data, degraded?.data, format.time).get(probe.name) ?? [], [success?.data, degraded?.data, format, probe.name]);
  const checks = useMemo(() => (probe.history ?? []).map((check): StripBlock => ({ tone: toneOf(check.state), label: `${format.time(check.time * 1000)}: ${check.state}`, more: `${formatValue(check.durationSeconds, "s")}${check.reason === "" ? "" : `, ${visible(check.reason.slice(0, 200))}`}` })), [probe.history, format]);
  const { known, up } = stateShares(blocks);
  return (
    <Panel title="History" hint={blocks.length === 0 ? undefined : `${formatValue(up, "ratio")} of the time without a failure${known < 0.995 ? `; measured for ${formatValue(known, "ratio", 0)} of it` : ""}`}>
      {blocks.length === 0 ? <Empty title="No checks in this time">Choose a later time above.</Empty> : <StateStrip blocks={blocks} label={`Checks of ${probe.name} over time`} height={36} />}
      {checks.length > 0 && <><h3 className={classes.small}>The last {checks.length} checks</h3><StateStrip blocks={checks} label="The last checks, one by one" height={22} /></>}
    </Panel>
  );
}

function PhasesOverTime({ probe }: { probe: string }) {
  const range = useRange();
  const step = stepFor(range.fromS, range.toS, 240, 5);
  const window = Math.max(step, 15);
  const [phases, success] = useRangeQueries([
    `avg by (phase) (avg_over_time({__name__=~"probe_[a-z]+_duration_seconds",job="probes",phase!="",probe=${quoted(probe)}}[${window}s]))`,
    `min by (probe) (min_over_time(probe_success{job="probes",probe=${quoted(probe)}}[${window}s]))`,
  ], { step });
  const series = useMemo(() => inOrder((phases?.data?.series ?? []).map((one) => ({ ...one, name: one.labels["phase"] ?? "" }))).map((one) => ({ ...one, colorIndex: phaseColor(one.name) })), [phases?.data]);
  const spans = useMemo(() => {
    const frame = success?.data;
    return frame ? failures(frame.times, frame.series[0]?.values ?? [], frame.step) : [];
  }, [success?.data]);
  if (!phases) return null;
  return (
    <Panel title="Time by phase" hint="times with failures are marked" notes={phases.data?.notes ?? []}>
      <Loaded answer={phases} height={240}>
        {(frame) => series.length === 0 ? <Empty title="No phases were measured">This kind of probe tells none, or nothing was checked in this time.</Empty> : <Chart label={`Phases of ${probe}`} times={frame.times} series={series} stacked unit="s" height={240} from={range.fromS} to={range.toS} onZoom={range.zoom} sync="page" legend="list" spans={spans} />}
      </Loaded>
    </Panel>
  );
}

/** Times in which checks failed, from 0 and 1 over time. */
export function failures(times: readonly number[], values: readonly (number | null)[], step: number): ChartSpan[] {
  const spans: ChartSpan[] = [];
  times.forEach((time, index) => {
    if ((values[index] ?? 1) >= 1) return;
    const last = spans.at(-1);
    if (last && last.to >= time - step) last.to = time;
    else spans.push({ from: time - step, to: time, tone: "bad", label: "failed" });
  });
  return spans;
}
