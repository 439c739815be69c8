/** The state of all calls of models in one line; each tile leads to its query in Explore. */

import { type ReactNode, useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { useRangeQuery } from "@/api/hooks";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import type { Tone } from "@/components/State";
import { durationText } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import { useRange } from "@/state/range";
import type { Catalog } from "./catalog";
import { type Change, costChange, callChange, durationChange, failureChange, type Pair } from "./compare";
import { Delta } from "./Delta";
import { bundle, counterRate, headroom, PART, quantileOf, rateOf, tokenRate, type Window } from "./queries";
import { type Row, total, totalsQuery } from "./rows";
import { useTotals } from "./useAi";
import classes from "./Ai.module.css";

interface TilesProps { catalog: Catalog; windows: { now: Window; before: Window; seconds: number; atS: number; words: string }; models: readonly Row[] }

const HOURS_OF_MONTH = 730.5;

export function Tiles({ catalog, windows, models }: TilesProps) {
  const { now, before } = useTotals(catalog, windows);
  const { fromS, toS } = useRange();
  const pace = useMemo(() => ({ text: durationText(Math.max(120, Math.ceil((toS - fromS) / 60 / 15) * 15) * 1000) }), [fromS, toS]);
  const room = headroom(catalog, { by: [] }, null);
  const history = useRangeQuery(`${totalsQuery(catalog, pace)}${room ? ` or ${bundle({ room })}` : ""}`, { points: 60 });
  const line = (part: string): (number | null)[] => {
    const found = (history.data?.series ?? []).filter((series) => series.labels[PART] === part);
    const [first, ...more] = found;
    if (!first) return [];
    return first.values.map((value, index) => more.reduce<number | null>((sum, series) => (series.values[index] ?? null) === null ? sum : (sum ?? 0) + (series.values[index] ?? 0), value));
  };
  const pair = (part: string): Pair => ({ now: total(now, part), before: total(before, part) });
  const counted = ({ now: a, before: b }: Pair): Pair => ({ now: a === null ? null : a * windows.seconds, before: b === null ? null : b * windows.seconds });
  const calls = pair("calls");
  const failed: Pair = { now: calls.now === null ? null : (total(now, "failed") ?? 0), before: calls.before === null ? null : (total(before, "failed") ?? 0) };
  const share: Pair = { now: ratio(failed.now, calls.now), before: ratio(failed.before, calls.before) };
  const callLine = line("calls");
  const failedLine = line("failed");
  const [p95, first, input, output, cost] = [pair("p95"), pair("first"), pair("input"), pair("output"), pair("cost")];
  const tightest = models.reduce<Row | null>((least, row) => (row.roomLeast !== null && (least?.roomLeast == null || row.roomLeast < least.roomLeast) ? row : least), null);
  const { error } = catalog.dimensions;
  const all = { by: [] };

  return (
    <section className={classes.tiles} aria-label="All calls">
      {catalog.calls && (
        <>
          <Tile title="Calls" value={formatValue(calls.now, "per-second")} query={rateOf(catalog.calls, all, pace)} line={callLine} change={callChange(calls)} before={formatValue(calls.before, "per-second")} words={windows.words} />
          <Tile
            title="Failed" value={formatValue(share.now, "ratio")} tone={(share.now ?? 0) >= 0.05 ? "bad" : "accent"} query={rateOf(catalog.calls, { by: [error], isNamed: true }, pace)}
            line={callLine.map((value, index) => ratio(failedLine[index] ?? 0, value))} change={failureChange(counted(failed), counted(calls))} before={formatValue(share.before, "ratio")} words={windows.words}
          />
          <Tile title="Duration, p95" value={formatValue(p95.now, "s")} query={quantileOf(0.95, catalog.calls, all, pace)} line={line("p95")} change={durationChange("latency", p95, counted(calls))} before={formatValue(p95.before, "s")} words={windows.words} />
        </>
      )}
      {catalog.firstToken && <Tile title="First token, p95" value={formatValue(first.now, "s")} query={quantileOf(0.95, catalog.firstToken, all, pace)} line={line("first")} change={durationChange("firstToken", first, counted(calls))} before={formatValue(first.before, "s")} words={windows.words} />}
      {(input.now !== null || output.now !== null) && (
        <Tile title="Tokens a second" value={<>{formatValue(input.now, "tokens")}<small> in</small></>} query={(["input", "output"] as const).map((side) => tokenRate(catalog, side, all, pace) ?? "")} line={line("input")} change={callChange(input)} before={`${formatValue(input.before, "tokens")} in a second`} words={windows.words}>{formatValue(output.now, "tokens")} out</Tile>
      )}
      {catalog.cost && (
        <Tile title="Cost an hour" value={formatValue(cost.now, "dollars")} query={`${counterRate(catalog.cost, all, pace)} * 3600`} line={line("cost")} change={costChange(cost)} before={formatValue(cost.before, "dollars")} words={windows.words}>
          <span title="If it goes on like this for a month">{formatValue(cost.now === null ? null : cost.now * HOURS_OF_MONTH, "dollars")} a month</span>
        </Tile>
      )}
      {room && <Tile title="Rate limit left, least" value={formatValue(tightest?.roomLeast, "ratio", 0)} tone={(tightest?.roomLeast ?? 1) < 0.1 ? "bad" : "good"} query={room} line={line("room")}><span className="foreign">{tightest?.name ?? ""}</span></Tile>}
    </section>
  );
}

const ratio = (part: number | null, of: number | null | undefined) => (part === null || of === null || of === undefined || of === 0 ? null : part / of);

interface TileProps { title: string; value: ReactNode; tone?: Tone; query: string | readonly string[]; line: readonly (number | null)[]; change?: Change; before?: string; words?: string; children?: ReactNode }

function Tile({ title, value, tone = "accent", query, line, change, before = "", words = "", children }: TileProps) {
  const q = (typeof query === "string" ? [query] : query).filter(Boolean).map((expr) => ({ expr }));
  return (
    <Link to="/explore" search={(old) => ({ ...keepTimes(old), q })} className={classes.tile} data-tile={title}>
      <span className={classes.tileTitle}>{title}</span>
      <span className={classes.tileValue}>{value}</span>
      <span className={classes.tileFoot}>{change && <Delta change={change} before={before} words={words} />}{children}</span>
      <Sparkline values={line} height={28} tone={tone} />
    </Link>
  );
}
