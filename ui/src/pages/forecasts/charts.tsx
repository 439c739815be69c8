/** A forecast over time: what came beside what was foretold, the score of each sample, and when the limit is reached. */

import { useMemo } from "react";
import { Chart, type ChartSeries, type ChartSpan } from "@/components/Chart";
import { Empty, Loaded } from "@/components/Panel";
import { useRangeQuery } from "@/api/hooks";
import { type Frame, stepFor } from "@/api/prometheus";
import { useSpanQuery } from "@/api/span";
import { parseDurationMs, spokenDuration } from "@/lib/duration";
import { spansWhere } from "@/lib/frames";
import { formatValue, type Unit } from "@/lib/units";
import { useRange } from "@/state/range";
import { useTones } from "@/state/tones";
import { fanOf } from "./fan";
import { oneSeries, written } from "./queries";
import { accuracy, type Job, levels, type One } from "./words";
import classes from "./SeriesView.module.css";

const POINTS = 240;
type Values = (number | null)[];

const ofLevel = (frame: Frame | undefined, level: string): Values | null => frame?.series.find(({ labels }) => labels["quantile"] === level)?.values ?? null;

interface ChartsProps {
  job: Job;
  series: One;
  /** End of the axis, seconds: later than now where the future is shown. */
  to: number;
}

/** Ends of the axis: what came, the middle and the limit in full; the outer range as far as it leaves these to be seen. */
export function axisEnds(core: readonly (number | null)[], low: Values, high: Values): { min: number | undefined; max: number | undefined } {
  let [least, most] = [Infinity, -Infinity];
  for (const value of core) {
    if (value === null || !Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (least > most) return { min: undefined, max: undefined };
  const air = (most - least || Math.abs(most) || 1) * 0.9;
  const isBeyond = (values: Values, test: (value: number) => boolean) => values.some((value) => value !== null && Number.isFinite(value) && test(value));
  return { min: isBeyond(low, (value) => value < Math.min(0, least - air) && value < least - air) ? least - air : undefined, max: isBeyond(high, (value) => value > most + air) ? most + air : undefined };
}

/** What holds over the chart: since when the level has moved, and alarms. */
function useSpans(job: Job, series: One, step: number): ChartSpan[] {
  const range = useRange();
  const alarm = useRangeQuery(written("bellwether_anomaly_alarm", job.name, series.labels), { step, enabled: series.anomaly !== null });
  return useMemo(() => {
    const frame = alarm.data;
    const alarms = frame ? spansWhere(frame.times, frame.series[0]?.values ?? [], frame.step, (value) => value > 0) : [];
    const shift = series.degradation;
    return [...(shift ? [{ from: shift.since, to: range.toS, tone: "warn" as const, label: "degraded" }] : []), ...alarms.map((span) => ({ ...span, tone: "bad" as const, label: "alarm" }))];
  }, [alarm.data, series.degradation, range.toS]);
}

export function ForecastChart({ job, series, to, unit, horizon }: ChartsProps & { unit: Unit; horizon: string | null }) {
  const range = useRange();
  const tones = useTones();
  const ahead = horizon === null ? 0 : (parseDurationMs(horizon) ?? 0) / 1000;
  const step = stepFor(range.fromS, to, POINTS, Math.min(15, job.intervalSeconds));
  const came = useRangeQuery(oneSeries(job.query ?? "", series.labels), { step });
  const found = levels(series.forecasts.find((one) => one.horizon === horizon)?.quantiles ?? {});
  // What was said so long before a time of what would be then: also of times that are still to come.
  const foretold = useSpanQuery(horizon === null ? "" : `${written("bellwether_forecast", job.name, series.labels, { horizon })} offset ${horizon}`, range.fromS, to, { step });
  const spans = useSpans(job, series, step);
  const limit = series.exhaustion?.limit;

  return (
    <Loaded answer={came} height={290} what="The series cannot be read">
      {(frame) => {
        const times = foretold.data && foretold.data.step === frame.step && (foretold.data.times[0] ?? 0) <= (frame.times[0] ?? 0) ? foretold.data.times : frame.times;
        const shift = Math.round(((frame.times[0] ?? 0) - (times[0] ?? 0)) / frame.step);
        const values = times.map((_, index) => frame.series[0]?.values[index - shift] ?? null);
        const low = found && times === foretold.data?.times ? ofLevel(foretold.data, found.lowLevel) : null;
        const middle = found && times === foretold.data?.times ? ofLevel(foretold.data, found.middleLevel) : null;
        const high = found && times === foretold.data?.times ? ofLevel(foretold.data, found.highLevel) : null;
        const isNow = to > range.toS;
        const fan = isNow ? fanOf(series, ahead, times, frame.step) : null;
        // Of what is to come the newest forecast is shown; what was said before of it is old.
        const past = (all: Values | null) => (all && fan ? all.map((value, index) => ((times[index] ?? 0) > range.toS ? null : value)) : all);
        if (!frame.series[0] && !middle && !fan) return <Empty title="Nothing came in this time">Look at another time.</Empty>;
        const lines: ChartSeries[] = [
          ...(middle ? [{ name: `Foretold ${spokenDuration(ahead)} before`, values: past(middle) ?? [], color: tones.brass, isDashed: true, width: 1.3, ...(low && high ? { low: past(low) ?? low, high: past(high) ?? high } : {}) }] : []),
          ...(fan ? [{ name: "Foretold now", values: fan.middle, low: fan.low, high: fan.high, color: tones.accent, isDashed: true, width: 1.6 }] : []),
          { name: "Came", values, color: tones.accent, width: 2, spansGaps: true },
        ];
        const ends = axisEnds([...values, ...(past(middle) ?? []), ...(fan?.middle ?? []), limit ?? null], [...(past(low) ?? []), ...(fan?.low ?? [])], [...(past(high) ?? []), ...(fan?.high ?? [])]);
        const fit = low && middle && high ? accuracy(values, low, middle, high) : null;
        return (
          <>
            <Chart label={`${job.name}: what came and what was foretold`} times={times} series={lines} unit={unit} height={270} min={ends.min} max={ends.max} from={range.fromS} to={to} onZoom={range.zoom} sync="page" spans={spans} thresholds={limit === undefined ? [] : [{ value: limit, tone: "bad", label: `limit ${formatValue(limit, unit)}` }]} />
            {ends.max !== undefined && <p className={classes.note}>The field goes on above the picture, to {formatValue(Math.max(...[...(past(high) ?? []), ...(fan?.high ?? [])].map((value) => value ?? -Infinity)), unit)}.</p>}
            {fit && fit.count > 0 && found && (
              <p className={classes.note}>
                <strong>{Math.round(fit.inside * 100)} %</strong> of what came lay inside of what was foretold {spokenDuration(ahead)} before; {Math.round((Number(found.highLevel) - Number(found.lowLevel)) * 100)} % should in the long run.
                {fit.off !== null && <> The middle was off by <strong>{formatValue(fit.off, unit)}</strong>, half of the time by less.</>}
              </p>
            )}
            {horizon !== null && !middle && foretold.data && <p className={classes.note}>Nothing was foretold of this time: forecasts are kept from when they were first made.</p>}
          </>
        );
      }}
    </Loaded>
  );
}

export function ScoreStrip({ job, series, to }: ChartsProps) {
  const range = useRange();
  const tones = useTones();
  const step = stepFor(range.fromS, range.toS, POINTS, Math.min(15, job.intervalSeconds));
  const answer = useRangeQuery(written("bellwether_anomaly_score", job.name, series.labels), { step });
  const spans = useSpans(job, series, step);
  return (
    <Loaded answer={answer} height={110}>
      {(frame) => !frame.series[0] ? <Empty title="No scores in this time">They are kept from when the forecast began.</Empty> : (
        <Chart label="Anomaly score" times={frame.times} series={[{ name: "Score", values: frame.series[0].values, color: tones.info, fill: 0.35, width: 1.2 }]} min={0} max={1} unit="none" height={110} legend="none" from={range.fromS} to={to} onZoom={range.zoom} sync="page" spans={spans} thresholds={[{ value: 0.5, tone: "warn", label: "unusual" }]} />
      )}
    </Loaded>
  );
}

export function ExhaustionHistory({ job, series, to }: ChartsProps) {
  const range = useRange();
  const tones = useTones();
  const answer = useRangeQuery(written("bellwether_time_to_exhaustion_seconds", job.name, series.labels), { points: POINTS });
  const found = levels(series.exhaustion?.quantilesSeconds ?? {});
  return (
    <Loaded answer={answer} height={150}>
      {(frame) => {
        const finite = (values: Values | null) => values?.map((value) => (value !== null && Number.isFinite(value) ? value : null)) ?? null;
        const [low, middle, high] = [finite(ofLevel(frame, found?.lowLevel ?? "")), finite(ofLevel(frame, found?.middleLevel ?? "")), finite(ofLevel(frame, found?.highLevel ?? ""))];
        if (!low?.some((value) => value !== null)) return <Empty title="The limit was never near in this time">No time within the horizon was foretold.</Empty>;
        const lines: ChartSeries[] = [
          { name: "As likely sooner as later", values: middle ?? [], color: tones.warn, width: 2, ...(high ? { low, high } : {}) },
          { name: "In one of ten cases sooner", values: low, color: tones.warn, isDashed: true, width: 1.2 },
        ];
        return <Chart label="Time until the limit is reached, as it was foretold" times={frame.times} series={lines} unit="s" min={0} height={150} from={range.fromS} to={to} onZoom={range.zoom} sync="page" />;
      }}
    </Loaded>
  );
}
