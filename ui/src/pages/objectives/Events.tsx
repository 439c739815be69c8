/** Good and bad events over the page's time, or who made the bad ones; of money and tokens who spent them. */

import { useMemo, useState } from "react";
import { SegmentedControl } from "@mantine/core";
import { Chart, type ChartSeries } from "@/components/Chart";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { useRangeQuery } from "@/api/hooks";
import type { Objective } from "@/api/own";
import { type Series, stepFor } from "@/api/prometheus";
import { durationText } from "@/lib/duration";
import { useRange } from "@/state/range";
import { useTones } from "@/state/tones";
import { budgetSeries, byNames } from "./queries";
import type { Budget } from "./words";

const SPENDERS_SHOWN = 8;

/** The largest series, and the others together. */
export function largest(all: readonly Series[], most: number): Series[] {
  const sum = (one: Series) => one.values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const sorted = all.map((one) => ({ one, sum: sum(one) })).filter((row) => row.sum > 0).sort((a, b) => b.sum - a.sum).map(({ one }) => one);
  if (sorted.length <= most) return sorted;
  const rest = sorted.slice(most - 1);
  const values = rest[0]?.values.map((_, index) => rest.reduce((total, one) => total + (one.values[index] ?? 0), 0)) ?? [];
  return [...sorted.slice(0, most - 1), { labels: {}, name: `${rest.length} others`, values }];
}

export function Events({ objective, budget }: { objective: Objective; budget: Budget }) {
  const range = useRange();
  const tones = useTones();
  const isSpend = objective.indicator === "spend";
  const names = useMemo(() => [...new Set(budget.spentBy.flatMap(({ labels }) => Object.keys(labels)))], [budget]);
  const [view, setView] = useState<"all" | "who">(isSpend && names.length > 0 ? "who" : "all");
  // Counts are of a minute: a step is whole minutes.
  const step = stepFor(range.fromS, range.toS, 90, 60);
  const over = (metric: string) => `sum_over_time(${budgetSeries(metric, objective, budget)}[${durationText(step * 1000)}])`;
  const bad = useRangeQuery(`sum(${over("slo:bad_events")})`, { step, enabled: view === "all" });
  const all = useRangeQuery(`sum(${over("slo:events")})`, { step, enabled: view === "all" });
  const who = useRangeQuery(`sum by (${byNames(names)}) (${over("slo:bad_events")})`, { step, enabled: view === "who" && names.length > 0 });
  const each = durationText(step * 1000);
  const common = { unit: "short" as const, height: 200, from: range.fromS, to: range.toS, onZoom: range.zoom, sync: "page", stacked: true, min: 0 };
  const title = isSpend ? "What was spent" : "Good and bad events";
  return (
    <Panel
      title={title} hint={`each ${each}`}
      actions={names.length > 0 && <SegmentedControl value={view} onChange={(value) => setView(value === "who" ? "who" : "all")} data={isSpend ? [{ value: "who", label: "By who" }, { value: "all", label: "All" }] : [{ value: "all", label: "Good and bad" }, { value: "who", label: "Bad, by who" }]} aria-label="What is shown" />}
    >
      {view === "who" ? (
        <Loaded answer={who} height={230}>
          {(frame) => {
            const series = largest(frame.series, SPENDERS_SHOWN);
            return series.length === 0 ? <Empty title="Nothing bad in this time">Look at a longer time, such as the last 24 hours.</Empty> : <Chart label={title} times={frame.times} series={series} {...common} />;
          }}
        </Loaded>
      ) : (
        <Loaded answer={bad} height={230}>
          {(frame) => {
            const badValues = frame.series[0]?.values ?? frame.times.map(() => null);
            const allValues = all.data?.times.length === frame.times.length ? (all.data.series[0]?.values ?? []) : [];
            const series: ChartSeries[] = isSpend
              ? [{ name: "Spent", values: badValues, colorIndex: 0 }, { name: "Even pace", values: allValues, isApart: true, color: tones.faint, isDashed: true }]
              : [{ name: "Bad", values: badValues, color: tones.bad }, { name: "Good", values: badValues.map((value, index) => { const whole = allValues[index]; return value === null || whole === null || whole === undefined ? null : Math.max(0, whole - value); }), color: tones.good, fill: 0.25 }];
            return <Chart label={title} times={frame.times} series={series} {...common} />;
          }}
        </Loaded>
      )}
    </Panel>
  );
}
