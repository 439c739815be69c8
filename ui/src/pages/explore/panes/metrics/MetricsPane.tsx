/** Metrics: queries in PromQL, and their answers as a graph, a table or a heat map. */

import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { Button, Switch, Tooltip } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconPlayerPlay, IconPlus } from "@tabler/icons-react";
import type { ChartPoint, ChartSpan } from "@/components/Chart";
import type { HeatArea } from "@/components/Heatmap";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { Empty, Panel, Waiting } from "@/components/Panel";
import { allMetadata } from "@/components/query/names";
import { durationText } from "@/lib/duration";
import { unitOf } from "@/lib/units";
import { useRange } from "@/state/range";
import { filtered, parse, splitBy } from "../../promql/ast";
import { useExplore } from "../../useExplore";
import { Why } from "../../Why";
import type { PaneProps } from "../model";
import { chosenStep, pointsFor, useInstantAnswers, useRangeAnswers } from "./answers";
import { type Exemplar, ExemplarDialog, ExemplarList, useExemplars } from "./Exemplars";
import { GraphView, type Shown } from "./GraphView";
import { heatStep, HeatView } from "./HeatView";
import { letterOf, QUERIES_MAX } from "./letters";
import { QueryRow, type RowAnswer } from "./QueryRow";
import { hasValuesToCompare, readArea, writeArea } from "./selection";
import { type ShownTable, TableView } from "./TableView";
import { Tools } from "./Tools";
import classes from "./MetricsPane.module.css";

const Builder = lazy(() => import("../../builder/Builder").then((module) => ({ default: module.Builder })));
const Landing = lazy(() => import("../../Landing").then((module) => ({ default: module.Landing })));
const DifferencesPanel = lazy(() => import("../../Differences").then((module) => ({ default: module.DifferencesPanel })));

const NO_POINTS: readonly ChartPoint[] = [];

export function MetricsPane({ say }: PaneProps) {
  const explore = useExplore();
  const { search, rows, set, run, add } = explore;
  const range = useRange();
  const { ref, width } = useElementSize();
  const [showsAll, setShowsAll] = useState(false);
  const [isChoosing, setChoosing] = useState(false);
  const [exemplar, setExemplar] = useState<Exemplar | null>(null);
  const view = search.view ?? "graph";
  const room = width === 0 ? 1_200 : width;
  const step = chosenStep(range.fromS, range.toS, search.step, pointsFor(room));
  const columns = heatStep(range.fromS, range.toS, room, search.step);
  const exprs = useMemo(() => rows.map((row) => (row.asked.hidden ? "" : row.asked.expr)), [rows]);
  const hasSize = width > 0;
  const ranges = useRangeAnswers(exprs, step, view === "graph" && hasSize);
  const instants = useInstantAnswers(exprs, view === "table");
  const isLanding = rows.every((row) => row.asked.expr === "");
  const asked = view === "table" ? instants : ranges;

  // The same was asked again: what has come is old.
  const asks = useRef(explore.asks);
  useEffect(() => {
    if (asks.current === explore.asks) return;
    asks.current = explore.asks;
    for (const [index, answer] of asked.entries()) if (exprs[index] !== "") answer.retry();
  });

  const keys = useMemo((): readonly PageKey[] => [
    { key: "e", says: "write in the first query", run: () => document.querySelector<HTMLElement>(".cm-content")?.focus() },
    { key: "n", says: "one more query", run: () => add() },
    { key: "1", says: "graph", run: () => set({ view: undefined }) },
    { key: "2", says: "table", run: () => set({ view: "table" }) },
    { key: "3", says: "heat map", run: () => set({ view: "heat" }) },
    { key: "x", says: "what is different here: then drag", run: () => setChoosing((old) => !old) },
  ], [add, set]);
  usePageKeys(keys);

  const told = (index: number): RowAnswer | undefined => {
    const answer = asked[index];
    if (!answer || view === "heat" || exprs[index] === "") return undefined;
    return { ...answer, cost: answer.data?.cost, notes: answer.data?.notes ?? [] };
  };
  const graphs = useStable(rows.flatMap((row, index): Shown[] => {
    const answer = ranges[index];
    return exprs[index] !== "" && answer?.data && !answer.error ? [{ index, expr: row.asked.expr, legend: row.asked.legend, frame: answer.data, isOld: answer.isOld }] : [];
  }));
  const tables = useStable(rows.flatMap((row, index): ShownTable[] => {
    const answer = instants[index];
    return exprs[index] !== "" && answer?.data && !answer.error ? [{ index, expr: row.asked.expr, answer: answer.data, isOld: answer.isOld }] : [];
  }));
  const heats = useMemo(() => exprs.flatMap((expr, index) => (expr === "" ? [] : [{ index, expr }])), [exprs]);
  // Native histograms have no lines: they are heat maps in the graph too.
  const spread = useMemo(() => graphs.filter((one) => one.frame.series.length === 0 && one.frame.histograms.length > 0).map(({ index, expr }) => ({ index, expr })), [graphs]);
  const empty = view === "graph" ? graphs.filter((one) => one.frame.series.length === 0 && one.frame.histograms.length === 0 && !one.isOld) : view === "table" ? tables.filter((one) => one.answer.samples.length === 0 && !one.isOld) : [];
  const isWaiting = exprs.some((expr, index) => expr !== "" && asked[index]?.data === undefined && !asked[index]?.error && !asked[index]?.isCancelled);
  const hasAnswer = (view === "table" ? tables : graphs).length > 0;

  const histograms = useQuery({ queryKey: ["explore", "histograms"], queryFn: async () => Object.entries(await allMetadata()).flatMap(([name, list]) => (list[0]?.type === "histogram" ? [name] : [])), enabled: view === "heat", staleTime: 60_000 });

  const exemplars = useExemplars(heats, view === "graph" && (search.exemplars ?? false));
  const fitting = useMemo(() => exemplars.filter((one) => unitOf(rows[one.index]?.asked.expr ?? "") === one.unit), [exemplars, rows]);
  const points = useMemo(() => (fitting.length === 0 ? NO_POINTS : fitting.map((one): ChartPoint => ({ time: one.time, value: one.value, label: Object.entries(one.labels).map(([name, value]) => `${name} ${value}`).join(", ").slice(0, 160), onClick: () => setExemplar(one) }))), [fitting]);

  const area = useMemo(() => readArea(search.diff), [search.diff]);
  const base = useMemo(() => readArea(search.base), [search.base]);
  const comparedAt = Math.max(0, rows.findIndex((row, index) => letterOf(index) === search.of && row.asked.expr !== ""));
  const compared = rows[comparedAt]?.asked.expr ?? "";
  const spans = useMemo((): ChartSpan[] => [
    ...(area ? [{ from: area.fromMs / 1000, to: area.toMs / 1000, tone: "warn" as const, label: "chosen" }] : []),
    ...(base ? [{ from: base.fromMs / 1000, to: base.toMs / 1000, tone: "unknown" as const, label: "compared with" }] : []),
  ], [area, base]);
  const choose = (index: number, chosen: HeatArea) => {
    setChoosing(false);
    set({ diff: writeArea(chosen), base: undefined, of: index === 0 ? undefined : letterOf(index) });
    say("Comparing what was chosen with the rest.");
  };
  const span = range.toMs - range.fromMs;
  const takeSpan = (fromMs: number, toMs: number) => choose(heats[0]?.index ?? 0, { fromMs, toMs, low: -Infinity, high: Infinity });
  /** About the largest value that is drawn. */
  const takeLargest = () => {
    const frame = graphs[0]?.frame;
    let at = -1;
    let most = -Infinity;
    for (const one of frame?.series ?? []) one.values.forEach((value, index) => { if (value !== null && value > most) { most = value; at = index; } });
    const middle = (frame?.times[at] ?? range.toS) * 1000;
    takeSpan(Math.max(range.fromMs, middle - span / 24), Math.min(range.toMs, middle + span / 24));
  };
  const chooseInGraph = (index: number, chosen: HeatArea) => choose(index, hasValuesToCompare(exprs[index] ?? "") ? chosen : { ...chosen, low: -Infinity, high: Infinity });
  const change = (index: number, make: (expr: string) => Promise<string | null>) => {
    const row = rows[index];
    if (!row) return;
    void make(row.asked.expr).then((expr) => {
      if (expr !== null) explore.change(row.id, { expr });
      else say("This query can only be changed as text.");
    }, () => say("This query cannot be read."));
  };
  const filter = (index: number, name: string, value: string, isNot: boolean) => change(index, async (expr) => filtered(await parse(expr), { name, type: isNot ? "!=" : "=", value }));

  return (
    <div className="stack" ref={ref}>
      <Panel className={classes.questions}>
        <ol className={classes.rows} aria-label="Queries">
          {rows.map((row, index) => (
            <QueryRow
              key={row.id} row={row} index={index} isOnly={rows.length === 1} answer={told(index)} autoFocus={index === rows.length - 1 && row.asked.expr === ""}
              builder={search.builder ? <Suspense fallback={null}><Builder text={row.draft} letter={letterOf(index)} onChange={(draft) => explore.write(row.id, draft)} /></Suspense> : null}
              onWrite={(draft) => explore.write(row.id, draft)} onRun={run} onChange={(next) => explore.change(row.id, next)} onDuplicate={() => explore.duplicate(row.id)} onRemove={() => explore.remove(row.id)}
            />
          ))}
        </ol>
        <div className={classes.buttons}>
          <Button variant="filled" leftSection={<IconPlayerPlay size={14} />} onClick={run}>Run</Button>
          <Tooltip label={`At most ${QUERIES_MAX} queries`} disabled={rows.length < QUERIES_MAX}><Button leftSection={<IconPlus size={14} />} disabled={rows.length >= QUERIES_MAX} onClick={() => add()}>Add a query</Button></Tooltip>
          <Switch className={classes.spacer ?? ""} label="Build by steps" checked={search.builder ?? false} onChange={(event) => set({ builder: event.currentTarget.checked || undefined }, { replace: true })} />
        </div>
      </Panel>
      {isLanding ? <Suspense fallback={<Waiting height={400} />}><Landing /></Suspense> : (
        <Panel title={view === "graph" ? "Graph" : view === "table" ? "Table" : "Heat map"} hint={isChoosing ? "drag over a time, or an area" : view === "table" ? "at the end of the span" : `a ${view === "heat" ? "column" : "point"} every ${durationText((view === "heat" ? columns : step) * 1000)}`} actions={<Tools search={search} set={set} isChoosing={isChoosing} onChoosing={setChoosing} />} flush={view === "table"}>
          {isChoosing && view !== "table" && (
            <p className={classes.choosing}>
              Drag over a time in the picture, or over an area of values. Or take
              {view === "graph" && graphs.length > 0 && <Button size="compact-sm" onClick={takeLargest}>about the largest value</Button>}
              <Button size="compact-sm" onClick={() => takeSpan(range.toMs - span / 10, range.toMs)}>the last tenth</Button>
              <Button size="compact-sm" onClick={() => takeSpan(range.toMs - span / 2, range.toMs)}>the second half</Button>
            </p>
          )}
          {view === "table" && tables.some((one) => one.answer.samples.length > 0) && <TableView shown={tables} onPick={(index, name, value) => filter(index, name, value, false)} />}
          {view === "graph" && hasAnswer && <GraphView shown={graphs} search={search} points={points} spans={spans} onSelect={isChoosing ? chooseInGraph : undefined} showsAll={showsAll} showAll={() => setShowsAll(true)} />}
          {view === "graph" && search.exemplars && exemplars.length > 0 && fitting.length === 0 && <p className={classes.note}>There are exemplars, but their values do not fit this graph: they stand in the list below. A quantile of the histogram has the same unit.</p>}
          {exemplars.length > 0 && <ExemplarList exemplars={exemplars} onOpen={setExemplar} />}
          {view === "graph" && search.exemplars && exemplars.length === 0 && hasAnswer && <p className={classes.note}>No exemplars were kept for these series in this time.</p>}
          {(view === "heat" ? heats : view === "graph" ? spread : []).length > 0 && (
            <HeatView asked={view === "heat" ? heats : spread} step={columns} selection={area} onSelect={isChoosing ? choose : undefined} examples={histograms.data ?? []} onExample={(name) => explore.change(rows[0]?.id ?? 0, { expr: name })} />
          )}
          {isWaiting && !hasAnswer && view !== "heat" && <Waiting height={340} />}
          {empty.map((one) => <Why key={one.index} expr={one.expr} letter={rows.length > 1 ? letterOf(one.index) : null} onTry={(expr) => explore.change(rows[one.index]?.id ?? 0, { expr })} />)}
          {!isWaiting && !hasAnswer && (view !== "heat" || heats.length === 0) && <Empty title="Nothing is shown">{exprs.every((expr) => expr === "") ? "All queries are hidden: their letters show them again." : "The queries did not succeed: what is wrong stands under each."}</Empty>}
        </Panel>
      )}
      {area && compared !== "" && (
        <Suspense fallback={<Waiting height={220} />}>
          <DifferencesPanel
            expr={compared} letter={letterOf(comparedAt)} unit={unitOf(compared.replace(/_bucket\b/g, ""))} area={{ from: area.fromMs / 1000, to: area.toMs / 1000, low: area.low, high: area.high }} shown={{ from: Math.min(range.fromS, area.fromMs / 1000), to: Math.max(range.toS, area.toMs / 1000) }}
            base={base ? { from: base.fromMs / 1000, to: base.toMs / 1000 } : null}
            onBase={(span) => set({ base: span ? writeArea({ fromMs: span.from * 1000, toMs: span.to * 1000, low: -Infinity, high: Infinity }) : undefined })}
            onFilter={(name, value, isNot) => filter(comparedAt, name, value, isNot)}
            onSplit={(name) => change(comparedAt, async (expr) => splitBy(await parse(expr), name))}
            onClose={() => set({ diff: undefined, base: undefined, of: undefined })}
          />
        </Suspense>
      )}
      <ExemplarDialog exemplar={exemplar} onClose={() => setExemplar(null)} />
    </div>
  );
}

/** The same list while what it holds is the same. */
function useStable<T extends object>(list: T[]): T[] {
  const kept = useRef(list);
  const isSame = kept.current.length === list.length && list.every((one, index) => {
    const old = kept.current[index];
    return old !== undefined && (Object.keys(one) as (keyof T)[]).every((key) => old[key] === one[key]);
  });
  if (!isSame) kept.current = list;
  return kept.current;
}
