/** Columns of the three tables. A column whose series is absent is left out. */

import { Tooltip } from "@mantine/core";
import type { Entity } from "@/api/own";
import type { Column } from "@/components/DataTable";
import { visible } from "@/components/LabelSet";
import { Meter } from "@/components/Meter";
import { Mark, toneOf } from "@/components/State";
import { spokenDuration } from "@/lib/duration";
import { formatValue, type Unit } from "@/lib/units";
import type { Catalog } from "./catalog";
import { type Aspect, type Change, factorText } from "./compare";
import { Delta } from "./Delta";
import type { Kind, Row } from "./rows";
import classes from "./Ai.module.css";

/** What the column of changes looks at. */
export type By = "worst" | "failures" | "latency" | "first" | "cost";
export const BYS: readonly (readonly [By, string])[] = [["worst", "Anything"], ["failures", "Failures"], ["latency", "Duration"], ["first", "First token"], ["cost", "Cost"]];
export const ASPECTS: Readonly<Record<Aspect, string>> = { failures: "failures", latency: "p95 duration", firstToken: "first token", cost: "cost", calls: "calls" };

export function changeOf(row: Row, by: By): Change | null {
  return by === "worst" ? row.worst : by === "failures" ? row.changes.failures : by === "latency" ? row.changes.latency : by === "first" ? row.changes.firstToken : row.changes.cost;
}

export const dollarsAnHour = (value: number | null) => (value === null ? "–" : `${formatValue(value, "dollars")}/h`);

/** What an aspect was before, in words. */
export function beforeText(row: Row, aspect: Aspect): string {
  switch (aspect) {
    case "failures": return `${formatValue(row.failedShare.before, "ratio")} failed`;
    case "latency": return `p95 ${formatValue(row.p95.before, "s")}`;
    case "firstToken": return `first token p95 ${formatValue(row.firstToken.before, "s")}`;
    case "cost": return dollarsAnHour(row.cost.before);
    case "calls": return formatValue(row.calls.before, "per-second");
  }
}

/** Whether a change is so much and so sure that it is to be looked at. */
export const isWorse = (change: Change | null): boolean => change !== null && change.isSure && change.score >= 0.5;

export function columnsOf(kind: Kind, catalog: Catalog, by: By, words: string, entities: ReadonlyMap<string, Entity>): Column<Row>[] {
  const value = (id: string, title: string, of: (row: Row) => number | null, unit: Unit, change?: (row: Row) => Change, width = "minmax(84px, 1fr)"): Column<Row> => ({
    id, title, align: "right", width, sort: of,
    cell: (row) => <span className={classes.two}><span>{formatValue(of(row), unit)}</span>{change && <Delta change={change(row)} before={beforeText(row, change(row).aspect)} words={words} />}</span>,
  });
  const columns: Column<Row>[] = [
    { id: "name", title: kind === "provider" ? "Provider" : kind === "model" ? "Model" : "Tool", width: "minmax(190px, 2fr)", sort: (row) => row.name, cell: (row) => <Name row={row} entity={entities.get(row.entity)} /> },
    {
      id: "change", title: "Change", width: "minmax(132px, 1.2fr)", align: "right", sort: (row) => changeOf(row, by)?.score,
      cell: (row) => <ChangeCell row={row} change={changeOf(row, by)} words={words} />,
    },
    value("calls", "Calls", (row) => row.calls.now, "per-second", (row) => row.changes.calls),
    {
      id: "failed", title: "Failed", align: "right", width: "minmax(84px, 1fr)", sort: (row) => row.failedShare.now,
      cell: (row) => (
        <Tooltip disabled={row.errors.length === 0} multiline label={<ErrorLines row={row} />}>
          <span className={classes.two} tabIndex={row.errors.length > 0 ? 0 : undefined}>
            <span className={(row.failedShare.now ?? 0) >= 0.05 ? "bad" : undefined}>{formatValue(row.failedShare.now, "ratio")}</span>
            <Delta change={row.changes.failures} before={beforeText(row, "failures")} words={words} />
          </span>
        </Tooltip>
      ),
    },
    value("p50", "p50", (row) => row.p50, "s", undefined, "minmax(72px, 0.8fr)"),
    value("p95", "p95", (row) => row.p95.now, "s", (row) => row.changes.latency),
    value("p99", "p99", (row) => row.p99, "s", undefined, "minmax(72px, 0.8fr)"),
  ];
  if (kind === "tool") return columns;
  if (catalog.firstToken) columns.push(value("first", "First token", (row) => row.firstToken.now, "s", (row) => row.changes.firstToken, "minmax(92px, 1fr)"));
  if (catalog.inputTokens ?? catalog.tokenUsage) {
    columns.push({
      id: "tokens", title: "Tokens/s", align: "right", width: "minmax(92px, 1fr)", sort: (row) => (row.input.now ?? 0) + (row.output.now ?? 0),
      cell: (row) => <span className={classes.two}><span title="read">{formatValue(row.input.now, "tokens")} in</span><span className="muted" title="written">{formatValue(row.output.now, "tokens")} out</span></span>,
    });
  }
  if (catalog.cost) {
    columns.push({
      id: "cost", title: "Cost", align: "right", width: "minmax(92px, 1fr)", sort: (row) => row.cost.now,
      cell: (row) => <span className={classes.two}><span>{dollarsAnHour(row.cost.now)}</span><Delta change={row.changes.cost} before={beforeText(row, "cost")} words={words} /></span>,
    });
  }
  if (catalog.remaining && catalog.limit) columns.push({ id: "room", title: "Rate limit left", width: "minmax(140px, 1.3fr)", sort: (row) => row.roomLeast ?? row.room, cell: (row) => <Room row={row} /> });
  return columns;
}

export function Name({ row, entity }: { row: Row; entity: Entity | undefined }) {
  const state = entity?.state ?? "unknown";
  return (
    <span className={classes.name}>
      <Mark tone={toneOf(state)} label={state} />
      <span className={classes.nameText}>
        <span className={`${classes.nameMain ?? ""} foreign`}>{visible(row.name.slice(0, 120))}</span>
        <span className={`${classes.nameSub ?? ""} foreign`}>{[row.of, entity ? state.replaceAll("_", " ") : row.entity === "" ? "" : "no entity"].filter(Boolean).join(" · ")}</span>
      </span>
    </span>
  );
}

export function ChangeCell({ row, change, words }: { row: Row; change: Change | null; words: string }) {
  if (change?.factor == null) return <span className="faint">nothing to compare</span>;
  const text = factorText(change.factor);
  return (
    <span className={`${classes.two ?? ""} ${classes.change ?? ""}`} data-worse={isWorse(change) || undefined}>
      <Delta change={change} before={beforeText(row, change.aspect)} words={words} />
      <span className={classes.nameSub}>{text === "same" ? "as before" : ASPECTS[change.aspect]}</span>
    </span>
  );
}

export function Room({ row }: { row: Row }) {
  if (row.room === null) return <span className="faint">–</span>;
  const least = row.roomLeast ?? row.room;
  const ends = row.exhaustion !== null && Number.isFinite(row.exhaustion) ? `empty in ${spokenDuration(row.exhaustion)}` : row.reset !== null ? `full in ${spokenDuration(row.reset)}` : "";
  // A limit that is nearly full again says nothing in a narrow column.
  const isNear = ends !== "" && (row.exhaustion !== null && Number.isFinite(row.exhaustion) || least < 0.5);
  return (
    <Tooltip multiline maw={320} label={`${formatValue(row.room, "ratio")} of the rate limit is left now, at the least it was ${formatValue(least, "ratio")}. ${ends}`}>
      <span className={classes.room}>
        <Meter share={row.room} behind={null} tone={least < 0.1 ? "bad" : least < 0.25 ? "warn" : "good"} label="Rate limit left" />
        <span className={classes.nameSub}><span className={least < 0.1 ? "bad" : undefined}>least {formatValue(least, "ratio", 0)}</span>{isNear && ` · ${ends}`}</span>
      </span>
    </Tooltip>
  );
}

/** Failures by type, as lines of a hint. */
function ErrorLines({ row }: { row: Row }) {
  return (
    <span className={classes.errorLines}>
      {row.errors.slice(0, 8).map((error) => <span key={error.type}><span className="foreign">{visible(error.type.slice(0, 60))}</span><b>{Math.round(error.now).toLocaleString("en")}</b></span>)}
    </span>
  );
}
