/** One provider, model or tool: its entity, its alerts, its charts, its failures, and the way to each of its queries. */

import { useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { Drawer } from "@mantine/core";
import type { Entity } from "@/api/own";
import type { Series } from "@/api/prometheus";
import { ExploreLink } from "@/components/ai/ExploreLink";
import type { ChartSeries } from "@/components/Chart";
import { visible } from "@/components/LabelSet";
import { Meter } from "@/components/Meter";
import { Empty, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State, toneOf } from "@/components/State";
import { When } from "@/components/When";
import { type Labels, labelName, seriesName } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import type { Catalog, Histogram } from "./catalog";
import { BYS, ChangeCell, dollarsAnHour } from "./columns";
import { usePace } from "./OverTime";
import { bundle, costRate, headroom, heatOf, PART, quantileOf, rateOf, tokenRate } from "./queries";
import type { Kind, Row } from "./rows";
import { namedBy, TimeChart } from "@/components/ai/TimeChart";
import { type ActiveAlert, alertsOf } from "./useAi";
import classes from "./Ai.module.css";

interface DetailProps {
  kind: Kind;
  /** As it stands in the address. */
  id: string;
  row: Row | undefined;
  isPending: boolean;
  catalog: Catalog;
  words: string;
  entities: ReadonlyMap<string, Entity>;
  alerts: readonly ActiveAlert[];
  models: readonly Row[];
  close: () => void;
}

const KINDS: Readonly<Record<Kind, string>> = { provider: "Provider", model: "Model", tool: "Tool" };

export function Detail(props: DetailProps) {
  const { kind, id, row, close } = props;
  return (
    <Drawer.Root opened onClose={close} position="right" size="min(1040px, 100%)" classNames={{ content: classes.drawer ?? "" }}>
      <Drawer.Overlay />
      <Drawer.Content>
        <Drawer.Body>
          <div className={classes.drawerHead}>
            <Drawer.Title className={classes.drawerTitle ?? ""}><span className="foreign">{KINDS[kind]} {visible((row?.name ?? id).slice(0, 160))}</span></Drawer.Title>
            <Drawer.CloseButton aria-label="Close" size="lg" />
          </div>
      {row
        ? <Content {...props} row={row} />
        : <Empty title={props.isPending ? "Loading" : `${KINDS[kind]} ${visible(id.slice(0, 160))} was not called in this time`}>{props.isPending ? null : "Choose a longer time, or close this and pick another one."}</Empty>}
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

const QUANTILES = [["p50", 0.5], ["p95", 0.95], ["p99", 0.99]] as const;
const byPart = (series: readonly Series[]): ChartSeries[] => series.map((one) => ({ name: one.labels[PART] ?? one.name, values: one.values })).sort((a, b) => a.name.localeCompare(b.name, "en"));

function Content({ kind, row, catalog, words, entities, alerts, models }: DetailProps & { row: Row }) {
  const pace = usePace();
  const { error, provider } = catalog.dimensions;
  const histogram = kind === "tool" ? (row.isMcp ? catalog.mcp : catalog.tool) : catalog.calls;
  const ask = useMemo(() => ({ by: [], labels: row.labels }), [row.labels]);
  const outcome = useMemo(() => outcomes(error), [error]);
  const entity = entities.get(row.entity);
  const quantiles = (of: Histogram) => QUANTILES.map(([name, quantile]) => [name, quantileOf(quantile, of, ask, pace)] as const);
  const charts = histogram ? quantiles(histogram) : [];
  const firsts = kind !== "tool" && catalog.firstToken ? quantiles(catalog.firstToken).slice(0, 2) : [];
  const input = kind === "tool" ? null : tokenRate(catalog, "input", ask, pace);
  const output = kind === "tool" ? null : tokenRate(catalog, "output", ask, pace);
  const cost = kind === "tool" ? null : costRate(catalog, ask, pace);
  const room = kind === "tool" ? null : headroom(catalog, { ...ask, by: ["kind"] }, null);
  const kinds = useMemo(() => namedBy("kind", "all"), []);
  const own = alertsOf(alerts, row);
  const ofProvider = kind === "provider" ? models.filter((model) => model.labels[provider] === row.id) : [];
  const selected = histogram ? histogram.isNative ? seriesName({ __name__: histogram.name, ...row.labels }) : seriesName({ __name__: `${histogram.name}_bucket`, ...row.labels }) : "";
  return (
    <div className="stack">
      <div className="stack tight">
        <div className={classes.detailHead}>
          {entity ? <State state={entity.state} /> : <span className="faint">no entity</span>}
          {entity && <span className="muted"><When ms={entity.since * 1000} form="for" /></span>}
          {entity?.reason && <span className={`${classes.reason ?? ""} foreign`}>{visible(entity.reason.slice(0, 300))}</span>}
        </div>
        <div className={classes.links}>
          {entity && <Link to="/health/entities/$entity" params={{ entity: row.entity }} search={keepTimes}>Its entity and what it depends on</Link>}
          {histogram && <ExploreLink query={heatOf(histogram, row.labels, pace)} view="heat">Heat map of durations</ExploreLink>}
          {histogram && <ExploreLink query={quantileOf(0.95, histogram, ask, pace)} exemplars>Exemplars: single calls and their traces</ExploreLink>}
          {selected !== "" && <ExploreLink query={selected} view="table">Its series</ExploreLink>}
        </div>
      </div>
      <div className={classes.tiles}>
        <Fact title="Calls" value={formatValue(row.calls.now, "per-second")} />
        {BYS.filter(([by]) => by === "failures" || by === "latency" || (by === "first" && kind !== "tool" && catalog.firstToken) || (by === "cost" && kind !== "tool" && catalog.cost)).map(([by, title]) => {
          const [value, change] = by === "failures" ? [formatValue(row.failedShare.now, "ratio"), row.changes.failures] : by === "latency" ? [formatValue(row.p95.now, "s"), row.changes.latency] : by === "first" ? [formatValue(row.firstToken.now, "s"), row.changes.firstToken] : [dollarsAnHour(row.cost.now), row.changes.cost];
          return <Fact key={by} title={by === "failures" ? "Failed" : by === "latency" ? "Duration, p95" : by === "first" ? "First token, p95" : title} value={value}><ChangeCell row={row} change={change} words={words} /></Fact>;
        })}
      </div>
      {own.length > 0 && <Panel title="Its alerts" hint={`${own.length} firing or held back`}><Alerts alerts={own} /></Panel>}
      <div className="grid">
        {histogram && <TimeChart title="Calls by outcome" query={rateOf(histogram, { ...ask, by: [error] }, pace)} unit="per-second" stacked shape={outcome} />}
        {charts.length > 0 && <TimeChart title="Duration" query={bundle(Object.fromEntries(charts))} explore={charts.map(([, query]) => query)} unit="s" shape={byPart} />}
        {firsts.length > 0 && <TimeChart title="First token" query={bundle(Object.fromEntries(firsts))} explore={firsts.map(([, query]) => query)} unit="s" shape={byPart} />}
        {(input ?? output) && <TimeChart title="Tokens" hint="a second" query={bundle({ read: input, written: output })} explore={[input ?? "", output ?? ""]} unit="tokens" shape={byPart} />}
        {cost && <TimeChart title="Cost" hint="an hour" query={cost} unit="dollars" shape={namedByNothing} />}
        {room && <TimeChart title="Rate limit left" query={room} unit="ratio" max={1} shape={kinds} />}
      </div>
      <div className="grid">
        <Panel title="Its failures" hint={`against ${words}`} actions={histogram && <ExploreLink query={rateOf(histogram, { by: [error], labels: row.labels, isNamed: true }, pace)} stack label="Failures by type in Explore" />}><Errors row={row} /></Panel>
        {ofProvider.length > 0 && (
          <Panel title="Its models">
            <ul className={classes.list}>
              {ofProvider.map((model) => (
                <li key={model.id}>
                  <Mark tone={toneOf(entities.get(model.entity)?.state ?? "unknown")} label={entities.get(model.entity)?.state ?? "unknown"} />
                  <Link to="/ai" search={(old) => ({ ...old, provider: undefined, model: model.id })} className="foreign ellipsis">{visible(model.name)}</Link>
                  <span className={classes.listEnd}>{formatValue(model.calls.now, "per-second")} · {formatValue(model.failedShare.now, "ratio")} failed · p95 {formatValue(model.p95.now, "s")}</span>
                </li>
              ))}
            </ul>
          </Panel>
        )}
        {kind === "model" && row.of !== "" && <Panel title="Its provider"><p><Link to="/ai" search={(old) => ({ ...old, model: undefined, provider: row.of })} className="foreign">{visible(row.of)}</Link></p></Panel>}
        {kind !== "tool" && <Hidden row={row} catalog={catalog} />}
      </div>
    </div>
  );
}

const namedByNothing = namedBy("", "cost");

/** `ok` first, then failures by type; `ok` has the calmest colour. */
const outcomes = (label: string) => (series: readonly Series[]): ChartSeries[] => {
  const named = namedBy(label, "ok")(series).sort((a, b) => (a.name === "ok" ? -1 : b.name === "ok" ? 1 : a.name.localeCompare(b.name, "en")));
  const colors = [5, 3, 1, 4, 7, 8];
  return named.map((one, index) => ({ ...one, colorIndex: one.name === "ok" ? 0 : (colors[(index - (named[0]?.name === "ok" ? 1 : 0)) % colors.length] ?? 5) }));
};

function Fact({ title, value, children }: { title: string; value: string; children?: React.ReactNode }) {
  return <div className={classes.tile}><span className={classes.tileTitle}>{title}</span><span className={classes.tileValue}>{value}</span><span className={classes.tileFoot}>{children}</span></div>;
}

function Errors({ row }: { row: Row }) {
  if (row.errors.length === 0) return <p className="muted">No call failed in either time.</p>;
  const most = Math.max(...row.errors.map((error) => Math.max(error.now, error.before)), 1);
  return (
    <ul className={classes.list}>
      {row.errors.map((error) => (
        <li key={error.type}>
          <span className="foreign ellipsis" style={{ width: 132 }}>{visible(error.type.slice(0, 80))}</span>
          <span className={classes.bar}><Meter share={error.now / most} behind={error.before / most} tone="bad" label={`${error.type}: ${Math.round(error.now)} now, ${Math.round(error.before)} before`} /></span>
          <span className={classes.listEnd}>{Math.round(error.now).toLocaleString("en")} now, {Math.round(error.before).toLocaleString("en")} before</span>
        </li>
      ))}
    </ul>
  );
}

function Alerts({ alerts }: { alerts: readonly ActiveAlert[] }) {
  return (
    <ul className={classes.list}>
      {alerts.slice(0, 20).map((alert) => (
        <li key={alert.fingerprint}>
          <State state={alert.status.state === "active" ? (alert.labels["severity"] ?? "firing") : alert.status.state} tone={alert.status.state === "active" ? (alert.labels["severity"] === "warning" ? "warn" : "bad") : "unknown"} />
          <Link to="/alerts/one/$fingerprint" params={{ fingerprint: alert.fingerprint }} search={keepTimes} className="foreign ellipsis">{visible((alert.annotations["summary"] ?? alert.labels["alertname"] ?? "alert").slice(0, 200))}</Link>
          <span className={classes.listEnd}><When ms={Date.parse(alert.startsAt)} form="for" /></span>
        </li>
      ))}
    </ul>
  );
}

/** Failures that callers did not see, as something else answered or the second try went well. */
function Hidden({ row, catalog }: { row: Row; catalog: Catalog }) {
  const pace = usePace();
  const { fallbacks, retries } = catalog;
  if (row.kind !== "provider" || (!fallbacks && !retries)) return null;
  const of = (name: string, labels: Labels) => `sum (rate(${seriesName({ __name__: name, ...labels })}[${pace.text}]))`;
  // Counters of a caller's own name the provider in their own way.
  const labels = { [labelName("provider")]: row.id };
  const parts = { fallbacks: fallbacks && of(fallbacks.name, labels), retries: retries && of(retries.name, labels) };
  return <TimeChart title="Fallbacks and retries" hint="failures that callers did not see" query={bundle(parts)} explore={Object.values(parts).filter((part) => part !== undefined)} unit="per-second" shape={byPart} />;
}
