/** Metrics: queries in PromQL, and their answers as a graph, a table or a heat map. */

import { useEffect, useMemo, useRef, useState } from "react";
import { Button, Menu, SegmentedControl, Select, Switch, Tooltip } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconAdjustments, IconChartLine, IconGridDots, IconPlayerPlay, IconPlus, IconTable } from "@tabler/icons-react";
import { Empty, Panel, Waiting } from "@/components/Panel";
import { durationText } from "@/lib/duration";
import type { ExploreSearch } from "@/router";
import { useRange } from "@/state/range";
import { useExplore } from "../../useExplore";
import type { PaneProps } from "../model";
import { chosenStep, pointsFor, useInstantAnswers, useRangeAnswers } from "./answers";
import { GraphView, type Shown } from "./GraphView";
import { QUERIES_MAX } from "./letters";
import { QueryRow, type RowAnswer } from "./QueryRow";
import { type ShownTable, TableView } from "./TableView";
import classes from "./MetricsPane.module.css";

const STEPS = [5, 15, 30, 60, 300, 900, 3600] as const;

export function MetricsPane({ say }: PaneProps) {
  const explore = useExplore();
  const { search, rows } = explore;
  const range = useRange();
  const { ref, width } = useElementSize();
  const [showsAll, setShowsAll] = useState(false);
  const view = search.view ?? "graph";
  const step = chosenStep(range.fromS, range.toS, search.step, pointsFor(width === 0 ? 1_200 : width));
  const exprs = useMemo(() => rows.map((row) => (row.asked.hidden ? "" : row.asked.expr)), [rows]);
  const hasSize = width > 0;
  const ranges = useRangeAnswers(exprs, step, view !== "table" && hasSize);
  const instants = useInstantAnswers(exprs, view === "table");
  const isLanding = rows.every((row) => row.asked.expr === "");

  // The same was asked again: what has come is old.
  const asks = useRef(explore.asks);
  useEffect(() => {
    if (asks.current === explore.asks) return;
    asks.current = explore.asks;
    for (const [index, answer] of (view === "table" ? instants : ranges).entries()) if (exprs[index] !== "") answer.retry();
  });

  const told = (index: number): RowAnswer | undefined => {
    const answer = view === "table" ? instants[index] : ranges[index];
    if (!answer || exprs[index] === "") return undefined;
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
  const asked = view === "table" ? instants : ranges;
  const isWaiting = exprs.some((expr, index) => expr !== "" && asked[index]?.data === undefined && !asked[index]?.error && !asked[index]?.isCancelled);

  return (
    <div className="stack" ref={ref}>
      <Panel className={classes.questions}>
        <ol className={classes.rows} aria-label="Queries">
          {rows.map((row, index) => (
            <QueryRow
              key={row.id} row={row} index={index} isOnly={rows.length === 1} answer={told(index)} builder={null} autoFocus={index === rows.length - 1 && row.asked.expr === ""}
              onWrite={(draft) => explore.write(row.id, draft)} onRun={explore.run} onChange={(change) => explore.change(row.id, change)} onDuplicate={() => explore.duplicate(row.id)} onRemove={() => explore.remove(row.id)}
            />
          ))}
        </ol>
        <div className={classes.buttons}>
          <Button variant="filled" leftSection={<IconPlayerPlay size={14} />} onClick={explore.run}>Run</Button>
          <Tooltip label={`At most ${QUERIES_MAX} queries`} disabled={rows.length < QUERIES_MAX}><Button leftSection={<IconPlus size={14} />} disabled={rows.length >= QUERIES_MAX} onClick={() => explore.add()}>Add a query</Button></Tooltip>
        </div>
      </Panel>
      {!isLanding && (
        <Panel title={view === "graph" ? "Graph" : view === "table" ? "Table" : "Heat map"} hint={view === "table" ? "at the end of the span" : `a point every ${durationText(step * 1000)}`} actions={<Tools search={search} set={explore.set} />} flush={view === "table"}>
          {view === "table" && tables.length > 0 && <TableView shown={tables} onPick={() => undefined} />}
          {view === "graph" && graphs.length > 0 && <GraphView shown={graphs} search={search} points={[]} spans={[]} onSelect={undefined} showsAll={showsAll} showAll={() => setShowsAll(true)} />}
          {isWaiting && (view === "table" ? tables : graphs).length === 0 && <Waiting height={340} />}
          {!isWaiting && (view === "table" ? tables : graphs).length === 0 && <Empty title="Nothing is shown">All queries are hidden, or did not succeed.</Empty>}
        </Panel>
      )}
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

function Tools({ search, set }: { search: ExploreSearch; set: (change: Partial<ExploreSearch>) => void }) {
  const view = search.view ?? "graph";
  return (
    <div className={classes.tools}>
      <Menu closeOnItemClick={false} position="bottom-end" width={240}>
        <Menu.Target><Button leftSection={<IconAdjustments size={14} />}>Options</Button></Menu.Target>
        <Menu.Dropdown>
          <div className={classes.options}>
            <Select label="Drawn as" data={[{ value: "lines", label: "Lines" }, { value: "stacked", label: "Stacked areas" }, { value: "bars", label: "Bars" }, { value: "points", label: "Points" }]} value={search.draw ?? "lines"} onChange={(value) => set({ draw: value === "lines" ? undefined : (value as ExploreSearch["draw"]) })} comboboxProps={{ withinPortal: false }} />
            <Select label="A point every" data={[{ value: "0", label: "As many as fit" }, ...STEPS.map((seconds) => ({ value: String(seconds), label: durationText(seconds * 1000) }))]} value={String(search.step ?? 0)} onChange={(value) => set({ step: Number(value) || undefined })} comboboxProps={{ withinPortal: false }} />
            <Switch label="Logarithmic axis" checked={search.log ?? false} onChange={(event) => set({ log: event.currentTarget.checked || undefined })} />
            <Switch label="Each query in its own chart" checked={search.apart ?? false} onChange={(event) => set({ apart: event.currentTarget.checked || undefined })} />
          </div>
        </Menu.Dropdown>
      </Menu>
      <SegmentedControl
        aria-label="View" value={view} onChange={(value) => set({ view: value === "graph" ? undefined : value })}
        data={[
          { value: "graph", label: <span className={classes.tab}><IconChartLine size={14} aria-hidden /><span>Graph</span></span> },
          { value: "table", label: <span className={classes.tab}><IconTable size={14} aria-hidden /><span>Table</span></span> },
          { value: "heat", label: <span className={classes.tab}><IconGridDots size={14} aria-hidden /><span>Heat map</span></span> },
        ]}
      />
    </div>
  );
}
