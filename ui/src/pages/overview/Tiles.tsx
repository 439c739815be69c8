/** A row of numbers with their lines, each a way into Explore. */

import { useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { useNowQuery, useRangeQueries } from "@/api/hooks";
import { labelValues, stepFor } from "@/api/prometheus";
import { keepTimes } from "@/components/places";
import { Failure } from "@/components/Panel";
import { Sparkline } from "@/components/Sparkline";
import { newest, rateWindow } from "@/components/map/numbers";
import { formatValue } from "@/lib/units";
import { useRange } from "@/state/range";
import { median, TILE_METRICS, type Tile, tilesFor } from "./tiles";
import classes from "./Tiles.module.css";

export function Tiles() {
  const { fromS, toS } = useRange();
  const step = stepFor(fromS, toS, 60);
  const names = useNowQuery(["metric-names", "tiles"], (signal) => labelValues("__name__", [`{__name__=~"${TILE_METRICS.join("|")}"}`], undefined, undefined, signal), { everyMs: 60_000 });
  const tiles = useMemo(() => tilesFor(new Set(names.data ?? []), rateWindow(step)), [names.data, step]);
  const answers = useRangeQueries(tiles.map((tile) => tile.query), { step });
  if (names.error && !names.data) return <Failure error={names.error} what="The numbers of the service could not be asked for" retry={() => void names.refetch()} />;
  if (names.data && tiles.length === 0) return null;
  return (
    <ul className={classes.tiles} aria-label="Numbers of the service">
      {names.data ? tiles.map((tile, index) => <One key={tile.id} tile={tile} values={answers[index]?.data?.series[0]?.values} hasFailed={answers[index]?.isError ?? false} />) : Array.from({ length: 8 }, (_, index) => <li key={index} className={classes.tile} aria-hidden />)}
    </ul>
  );
}

function One({ tile, values, hasFailed }: { tile: Tile; values: readonly (number | null)[] | undefined; hasFailed: boolean }) {
  const last = newest(values ?? []);
  const usual = useMemo(() => median(values ?? []), [values]);
  const isHigh = tile.highFrom !== undefined && last !== null && last >= tile.highFrom;
  return (
    <li className={classes.tile}>
      <Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: tile.query }] })} className={classes.link}>
        <span className={classes.title}>{tile.title}</span>
        <span className={classes.value} data-high={isHigh || undefined}>{hasFailed ? "–" : formatValue(last, tile.unit)}</span>
        <span className={classes.usual}>{hasFailed ? "could not be asked" : usual === null ? "no data" : `median ${formatValue(usual, tile.unit)}`}</span>
        <span className={classes.spark}><Sparkline values={values ?? []} height={26} tone={isHigh ? "warn" : "accent"} /></span>
      </Link>
    </li>
  );
}
