/** A pool over time, on charts of one row of times: workers with every decision, what rules wanted, work, and waits. */

import { useMemo } from "react";
import { Chart, type ChartPoint, type ChartSeries, type ChartSpan } from "@/components/Chart";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { useRangeQuery } from "@/api/hooks";
import type { Frame } from "@/api/prometheus";
import { spansWhere } from "@/lib/frames";
import { selector } from "@/lib/labels";
import { useRange } from "@/state/range";
import { useTones } from "@/state/tones";
import { type Change, type PoolFrames, useOldest, valuesOf } from "./queries";
import classes from "./Scaling.module.css";
import { isBlind, reasonWord, ruleName, type Scaler, signalName } from "./words";

const POINTS_MAX = 150;

interface PoolChartsProps { scaler: Scaler; frames: PoolFrames; changes: readonly Change[]; onChange: (time: number) => void }

/** Values on the times of another frame of the same step. */
const aligned = (frame: Frame | undefined, times: readonly number[], values: readonly (number | null)[] | null | undefined): (number | null)[] => {
  if (!frame || !values) return times.map(() => null);
  const shift = Math.round(((times[0] ?? 0) - (frame.times[0] ?? 0)) / frame.step);
  return times.map((_, index) => values[index + shift] ?? null);
};

export function PoolCharts({ scaler, frames, changes, onChange }: PoolChartsProps) {
  const range = useRange();
  const tones = useTones();
  const { desired, workers, wanted, signals, reasons } = frames;
  const oldestSeries = useOldest(scaler.name);
  const oldest = useRangeQuery(oldestSeries ? `max(${selector(oldestSeries.metric, oldestSeries.labels)})` : "", { step: frames.step, enabled: oldestSeries !== null });
  const common = { from: range.fromS, to: range.toS, onZoom: range.zoom, sync: "page" };

  const blind: ChartSpan[] = useMemo(() => {
    const frame = reasons.data;
    if (!frame) return [];
    return frame.series.filter(({ labels }) => isBlind(labels["reason"])).flatMap((one) => spansWhere(frame.times, one.values, frame.step, (value) => value > 0).map((span) => ({ ...span, tone: "warn" as const, label: reasonWord(one.labels["reason"] ?? "") })));
  }, [reasons.data]);
  const points: ChartPoint[] = useMemo(
    () => changes.slice(0, POINTS_MAX).map((change) => ({ time: change.time, value: change.to, label: `${change.from === null ? "first decision" : `from ${change.from}`}: ${reasonWord(change.reason)}`, onClick: () => onChange(change.time) })),
    [changes, onChange],
  );

  return (
    <>
      <Panel title="Workers" hint="each mark is a decision; choose one to read its reasons">
        <Loaded answer={desired} height={250} what="The decisions cannot be read">
          {(frame) => {
            if (frame.series.length === 0 && (workers.data?.series.length ?? 0) === 0) return <Empty title="No decisions in this time">They are kept from when the scaler began. Look at a time after that.</Empty>;
            const series: ChartSeries[] = [
              { name: "Wanted", values: frame.series[0]?.values ?? frame.times.map(() => null), kind: "steps", color: tones.accent, width: 2 },
              { name: "Set", values: aligned(workers.data, frame.times, valuesOf(workers.data, "state", "set")), kind: "steps", color: tones.brass, isDashed: true },
              { name: "Ready", values: aligned(workers.data, frame.times, valuesOf(workers.data, "state", "ready")), kind: "steps", color: tones.good, fill: 0.14 },
            ];
            // The upper bound is shown where the pool comes near to it.
            const highest = series.reduce((most, one) => one.values.reduce<number>((top, value) => Math.max(top, value ?? 0), most), 0);
            return <Chart label={`Workers of ${scaler.name}: wanted, set and ready`} times={frame.times} series={series} height={230} unit="none" min={0} max={highest > scaler.max * 0.4 ? Math.max(highest, scaler.max) * 1.06 : undefined} spans={blind} points={points} thresholds={[{ value: scaler.min, tone: "unknown", label: `at least ${scaler.min}` }, { value: scaler.max, tone: "unknown", label: `at most ${scaler.max}` }]} {...common} />;
          }}
        </Loaded>
      </Panel>
      <div className={`grid ${classes.three ?? ""}`}>
        <Panel title="Work" hint="places that are busy, requests that wait, and the load that comes">
          <Loaded answer={signals} height={200} what="The signals cannot be read">
            {(frame) => {
              const ready = aligned(workers.data, frame.times, valuesOf(workers.data, "state", "ready"));
              const named = ["in_flight", "busy", "offered_load", "waiting"].flatMap((name, index): ChartSeries[] => {
                const values = valuesOf(frame, "signal", name);
                return values ? [{ name: signalName(name), values, colorIndex: index, fill: name === "waiting" ? 0.3 : undefined, color: name === "waiting" ? tones.bad : undefined }] : [];
              });
              if (named.length === 0) return <Empty title="No signals in this time" />;
              return <Chart label="Work: busy, waiting and offered" times={frame.times} series={[...named, { name: "places", values: ready.map((value) => (value === null ? null : value * scaler.slotsPerWorker)), color: tones.faint, isDashed: true, kind: "steps" }]} height={180} unit="short" min={0} {...common} />;
            }}
          </Loaded>
        </Panel>
        <Panel title="What each rule wanted" hint="the largest counts">
          <Loaded answer={wanted} height={200}>
            {(frame) => frame.series.length === 0 ? <Empty title="No rule spoke in this time" /> : <Chart label="What each rule wanted" times={frame.times} series={frame.series.map((one) => ({ name: ruleName(one.labels["rule"] ?? one.name), values: one.values }))} height={180} unit="none" decimals={0} min={0} {...common} />}
          </Loaded>
        </Panel>
        <Panel title="Times" hint={oldestSeries ? "of a request, and of the oldest one that waits" : "of a request"}>
          <Loaded answer={signals} height={200}>
            {(frame) => {
              const named = ["service_time", "latency_p95"].flatMap((name): ChartSeries[] => {
                const values = valuesOf(frame, "signal", name);
                return values ? [{ name: signalName(name), values }] : [];
              });
              const waits: ChartSeries[] = oldest.data?.series[0] ? [{ name: "oldest that waits", values: aligned(oldest.data, frame.times, oldest.data.series[0].values), color: tones.bad, fill: 0.25 }] : [];
              if (named.length + waits.length === 0) return <Empty title="No times are measured">Give it <code>service_time</code> or <code>latency_p95</code> as a signal.</Empty>;
              return <Chart label="Times of requests" times={frame.times} series={[...named, ...waits]} height={180} unit="s" min={0} {...common} />;
            }}
          </Loaded>
        </Panel>
      </div>
    </>
  );
}
