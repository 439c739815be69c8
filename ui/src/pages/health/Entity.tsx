/** One entity: how it is and was, who says so, what it depends on, and what its series say. */

import { useMemo } from "react";
import { Link, useParams } from "@tanstack/react-router";
import { IconBellOff, IconChartLine, IconShare3 } from "@tabler/icons-react";
import { useRangeQueries, useRangeQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { useNowQuery } from "@/api/hooks";
import { stepFor } from "@/api/prometheus";
import { Chart } from "@/components/Chart";
import { visible } from "@/components/LabelSet";
import { EntityMap } from "@/components/map/EntityMap";
import { entityTitle, namedIn, splitEntity } from "@/components/map/graph";
import { rateWindow } from "@/components/map/numbers";
import { StateStrip } from "@/components/map/StateStrip";
import { useNumbers } from "@/components/map/useNumbers";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State, toneOf } from "@/components/State";
import { When } from "@/components/When";
import { seriesName } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { useRange } from "@/state/range";
import { useTimeFormat } from "@/state/settings";
import { covers, useAlerts, useEntities, useEntity, useMaintenance, useProbes, type WholeEntity } from "./asks";
import { type EntityChart, entityCharts } from "./entityCharts";
import { Window } from "./MaintenanceTab";
import { AlertRows, isUnknown } from "./Parts";
import { Cause } from "./ProbesTab";
import { entityStrip, stateQuery, stateShares } from "./strips";
import classes from "./Detail.module.css";

export function Entity() {
  const { entity: id } = useParams({ from: "/health/entities/$entity" });
  const answer = useEntity(id);
  const { title } = entityTitle(id);
  const { kind, name } = splitEntity(id);
  const entity = answer.data;
  return (
    <Page
      title={visible(title.slice(0, 200))}
      badge={entity && <State state={entity.state} />}
      lead={<><span className="foreign">{kind} {visible(name.slice(0, 300))}</span>{entity && <>, {entity.state} <When ms={entity.since * 1000} form="for" /></>}</>}
      controls={<Link to="/health" search={(old) => ({ ...keepTimes(old), tab: "entities" })}>All entities</Link>}
    >
      {isUnknown(answer.error)
        ? <Panel><Empty title="There is no such entity" icon={<IconShare3 size={24} />}>Nothing speaks of <code className="foreign">{visible(id.slice(0, 200))}</code> now. Entities that are not heard of for a while are forgotten. <Link to="/health" search={(old) => ({ ...keepTimes(old), tab: "entities" })}>All entities</Link></Empty></Panel>
        : <Loaded answer={answer} height={500}>{(data) => <Whole entity={data} />}</Loaded>}
    </Page>
  );
}

function Whole({ entity }: { entity: WholeEntity }) {
  const named = namedIn(entity.reason, entity.dependsOn);
  const causes = entity.causedBy.length > 0 ? entity.causedBy : entity.state === "up" ? [] : named;
  const tone = toneOf(entity.state);
  return (
    <>
      {entity.state !== "up" && (
        <div className={classes.why} data-tone={tone}>
          <Mark tone={tone} size={18} />
          <p>{entity.reason === "" ? "No source says why. " : <span className="foreign">{visible(entity.reason.slice(0, 1000))}. </span>}{causes.length > 0 && <>Explained by {causes.map((id, index) => <span key={id}>{index > 0 && ", "}{splitEntity(id).kind} <Cause name={id} /></span>)}.</>}</p>
        </div>
      )}
      <StateOverTime entity={entity.entity} />
      <Around entity={entity} />
      <div className="grid">
        <Said entity={entity} />
        <div className="stack"><About entity={entity} /></div>
      </div>
      <Charts entity={entity} />
    </>
  );
}

function StateOverTime({ entity }: { entity: string }) {
  const { fromS, toS } = useRange();
  const format = useTimeFormat();
  const step = stepFor(fromS, toS, 120, 15);
  const answer = useRangeQuery(stateQuery(step, entity), { step });
  const blocks = useMemo(() => (answer.data ? entityStrip(answer.data, format.time) : []), [answer.data, format]);
  const { known, up } = stateShares(blocks);
  return (
    <Panel title="State over time" hint={known === 0 ? undefined : `up for ${formatValue(up, "ratio")} of what is known${known < 0.995 ? `; known for ${formatValue(known, "ratio", 0)} of this time` : ""}`} actions={<Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: seriesName({ __name__: "bellwether_entity_state", entity }) }] })}>In Explore</Link>}>
      <Loaded answer={answer} height={36}>{() => (known === 0 ? <Empty title="Nothing is known of this time">States are kept from the first time that this server saw it. Choose a later time above.</Empty> : <StateStrip blocks={blocks} label="State over time" height={36} />)}</Loaded>
    </Panel>
  );
}

/** Itself among what it depends on and what depends on it. */
function Around({ entity }: { entity: WholeEntity }) {
  const all = useEntities();
  const near = useMemo(() => {
    const wanted = new Set([entity.entity, ...entity.dependsOn, ...(entity.dependents ?? []), ...entity.causedBy]);
    return (all.data ?? []).filter((one) => wanted.has(one.entity));
  }, [all.data, entity]);
  const numbers = useNumbers(useMemo(() => [...new Set(near.map((one) => one.kind))], [near]));
  const hint = `depends on ${entity.dependsOn.length}, ${entity.dependents?.length ?? 0} depend on it`;
  return (
    <Panel title="Around it" hint={hint}>
      {near.length <= 1 ? <Empty title="It stands alone" icon={<IconShare3 size={22} />}>Nothing is known that it depends on, or that depends on it. Dependencies come from calls and from <code>depends_on</code> of probes.</Empty> : <EntityMap entities={near} numbers={numbers} self={entity.entity} />}
    </Panel>
  );
}

/** What every source says. */
function Said({ entity }: { entity: WholeEntity }) {
  const facts = entity.facts ?? [];
  const probes = useProbes();
  return (
    <Panel title="Who says so" hint={facts.length === 1 ? "1 source" : `${facts.length} sources; the worst decides`} flush>
      {facts.length === 0 ? <Empty title="No source speaks of it now" /> : facts.map((fact, index) => {
        const isProbe = fact.source === "probe" && probes.data?.some((probe) => probe.name === fact.from);
        const { selector } = fact;
        return (
          <div key={index} className={classes.said}>
            <State state={fact.state} />
            <span className={classes.saidWho}>
              <span><b>{fact.source}</b> {isProbe ? <Link to="/health/probes/$probe" params={{ probe: fact.from }} search={keepTimes} className="foreign">{visible(fact.from.slice(0, 120))}</Link> : <span className="muted foreign">{visible(fact.from.slice(0, 120))}</span>}</span>
              {fact.reason !== "" && <span className="foreign">{visible(fact.reason.slice(0, 500))}</span>}
            </span>
            {selector ? <Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: selector }] })} aria-label={`Series of ${fact.source} ${fact.from.slice(0, 120)}`}>Series</Link> : <span />}
          </div>
        );
      })}
    </Panel>
  );
}

function About({ entity }: { entity: WholeEntity }) {
  const alerts = useAlerts();
  const probes = useProbes();
  const maintenance = useMaintenance();
  const objectives = useNowQuery(["objectives"], async (signal) => (await get("/api/bellwether/v1/objectives", { signal })).objectives);
  const own = (entity.alerts ?? []).map((alert) => ({ ...alerts.data?.find((one) => one.fingerprint === alert.fingerprint), ...alert }));
  const ownProbes = (probes.data ?? []).filter((probe) => probe.entity === entity.entity);
  const windows = (maintenance.data ?? []).filter((window) => ownProbes.some((probe) => covers(window, probe.name)));
  const promised = (objectives.data ?? []).filter((one) => one.entity === entity.entity);
  return (
    <>
      <Panel title="Alerts" hint="that name it" flush>{own.length === 0 ? <Empty title="No alert names it" icon={<IconBellOff size={22} />} /> : <AlertRows alerts={own} />}</Panel>
      {promised.length > 0 && (
        <Panel title="Objectives" flush>
          <ul className={classes.rows}>{promised.map((one) => <li key={one.objective}><Link className={classes.rowLink} to="/objectives/$objective" params={{ objective: one.objective }} search={keepTimes}><span className={classes.rowTop}><State state={one.verdict} /><b className="foreign">{visible(one.objective)}</b><span className={classes.when}>{one.target === null ? "" : `${formatValue(one.target, "ratio")} promised`}</span></span></Link></li>)}</ul>
        </Panel>
      )}
      {windows.length > 0 && <Panel title="Maintenance" flush><ul className={classes.plain}>{windows.map((window, index) => <Window key={window.id ?? `configured-${index}`} window={window} probes={probes.data ?? []} />)}</ul></Panel>}
    </>
  );
}

function Charts({ entity }: { entity: WholeEntity }) {
  const { fromS, toS } = useRange();
  const step = stepFor(fromS, toS, 180);
  const selectors = (entity.facts ?? []).flatMap((fact) => (fact.source === "scrape" && fact.selector ? [fact.selector] : [])).join("\n");
  const charts = useMemo(() => entityCharts(entity.entity, rateWindow(step), selectors === "" ? [] : selectors.split("\n")), [entity.entity, step, selectors]);
  return <div className={`grid ${classes.charts ?? ""}`}>{charts.map((chart) => <One key={chart.title} chart={chart} step={step} />)}</div>;
}

function One({ chart, step }: { chart: EntityChart; step: number }) {
  const range = useRange();
  const answers = useRangeQueries(chart.queries.map(({ query }) => query), { step });
  const times = answers.find((answer) => answer.data)?.data?.times;
  const asked = answers.map((answer) => answer.dataUpdatedAt).join();
  const series = useMemo(() => answers.flatMap((answer, index) => (answer.data?.series ?? []).map((one) => {
    const legend = chart.queries[index]?.legend;
    // Of outcomes, what has no error went well.
    const values = Object.values(one.labels).filter(Boolean);
    return { name: visible((legend ?? (values.length === 0 ? "succeeded" : values.join(", "))).slice(0, 120)), values: one.values };
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `asked` stands for the answers
  })), [asked, chart]);
  const failed = answers.find((answer) => answer.isError && !answer.data);
  const explore = <Link to="/explore" search={(old) => ({ ...keepTimes(old), q: chart.queries.map(({ query, legend }) => ({ expr: query, ...(legend ? { legend } : {}) })) })}>Explore</Link>;
  return (
    <Panel title={chart.title} actions={explore}>
      <Loaded answer={{ data: times, error: failed?.error, isPending: answers.some((answer) => answer.isPending), refetch: () => answers.forEach((answer) => void answer.refetch()) }} height={210}>
        {(grid) => series.length === 0 ? <Empty title="No data" icon={<IconChartLine size={22} />}>Nothing was measured in this time.</Empty> : <Chart label={chart.title} times={grid} series={series} unit={chart.unit} stacked={chart.isStacked ?? false} height={190} from={range.fromS} to={range.toS} onZoom={range.zoom} sync="page" />}
      </Loaded>
    </Panel>
  );
}
