/** The budget over its period: from all of it to what is left, the even pace beside it, and when it ends. */

import { useMemo } from "react";
import { Chart, type ChartSeries, type ChartSpan } from "@/components/Chart";
import { Loaded, Panel } from "@/components/Panel";
import type { Objective } from "@/api/own";
import type { Frame } from "@/api/prometheus";
import { type ToneColors, useTones } from "@/state/tones";
import { useNow } from "@/state/range";
import { useSpanQuery } from "@/api/span";
import { added, cumulated, gaps, isOf } from "@/lib/frames";
import { budgetSeries } from "./queries";
import { type Budget, verdictTone } from "./words";

const FUTURE_POINTS = 24;

export interface Down { times: number[]; left: (number | null)[]; even: number[]; low: (number | null)[]; middle: (number | null)[]; high: (number | null)[]; to: number }

/** Past and future of a budget on one row of times. */
export function burnDown(budget: Budget, times: readonly number[], past: readonly (number | null)[], nowS: number): Down {
  const { hoursLeft, left, start } = budget;
  const isRolling = budget.end <= nowS + 120;
  const seen = times.flatMap((time, index) => (time < nowS ? [{ time, value: past[index] ?? null }] : []));
  const lasts = left !== null && left > 0 ? hoursLeft : null;
  const hoursLong = (budget.end - start) / 3600;
  // Where the range is open, a quarter of the period shows which way it goes.
  const reach = lasts?.low == null ? null : lasts.high === null ? Math.max(lasts.low * 4, hoursLong / 4) : lasts.high * 1.3;
  const until = lasts && reach !== null ? Math.min(lasts.horizon, reach, hoursLong) * 3600 : 0;
  const to = isRolling ? nowS + until : budget.end;
  const ahead = to > nowS + 1 ? Array.from({ length: FUTURE_POINTS }, (_, index) => nowS + ((index + 1) / FUTURE_POINTS) * (to - nowS)) : [];
  const all = [...seen.map(({ time }) => time), nowS, ...ahead];
  const evenEnd = isRolling ? nowS : budget.end;
  const none = seen.map(() => null);
  // A straight way to the time at which it ends; where that is beyond the horizon, it stays as it is.
  const way = (hours: number | null) => [left, ...ahead.map((time) => (left === null ? null : hours === null ? left : Math.max(0, left * (1 - (time - nowS) / Math.max(hours * 3600, 1)))))];
  const isForeseen = lasts !== null && lasts.low !== null && ahead.length > 0;
  const nothing = [null, ...ahead.map(() => null)];
  return {
    times: all,
    left: [...seen.map(({ value }) => value), left, ...ahead.map(() => null)],
    even: all.map((time) => Math.max(0, 1 - (time - start) / (evenEnd - start))),
    low: [...none, ...(isForeseen ? way(lasts.low) : nothing)],
    middle: [...none, ...(isForeseen ? way(lasts.median) : nothing)],
    high: [...none, ...(isForeseen ? way(lasts.high) : nothing)],
    to,
  };
}

export function BurnDown({ objective, budget }: { objective: Objective; budget: Budget }) {
  const tones = useTones();
  const nowS = Math.floor(useNow(15_000) / 1000);
  const isComposite = objective.indicator === "composite";
  const until = Math.min(budget.end, nowS);
  const query = (step: string) => (isComposite ? budgetSeries("slo:budget_left", objective, budget) : `sum(sum_over_time(${budgetSeries("slo:bad_events", objective, budget)}[${step}]))`);
  const span = until - budget.start;
  const step = stepOf(span);
  const answer = useSpanQuery(query(`${step}s`), budget.start + step, until, { step });
  return (
    <Panel title="Budget over the period" hint="what is left of it; the dashed line would spend it just up">
      <Loaded answer={answer} height={290} what="The counts of this objective cannot be read">
        {(frame) => <Drawn frame={frame} budget={budget} isComposite={isComposite} nowS={nowS} tones={tones} />}
      </Loaded>
    </Panel>
  );
}

const STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
const stepOf = (span: number) => STEPS.find((step) => span / step <= 300) ?? 86_400;

function Drawn({ frame, budget, isComposite, nowS, tones }: { frame: Frame; budget: Budget; isComposite: boolean; nowS: number; tones: ToneColors }) {
  const drawn = useMemo(() => {
    const own = isComposite ? frame.series.filter(({ labels }) => isOf(labels, budget.labels)) : frame.series;
    const values = added(own, frame.times.length);
    const left = isComposite ? values : cumulated(values).map((bad) => (bad === null || budget.allowed <= 0 ? null : 1 - bad / budget.allowed));
    return { down: burnDown(budget, frame.times, left, nowS), gaps: gaps(frame.times, values, frame.step) };
  }, [frame, budget, isComposite, nowS]);
  const color = tones[verdictTone(budget)];
  const series: ChartSeries[] = [
    { name: "Left", values: drawn.down.left, color, width: 2, fill: 0.14, spansGaps: true },
    { name: "Spent evenly", values: drawn.down.even, color: tones.faint, isDashed: true, width: 1.2 },
    ...(drawn.down.low.some((value) => value !== null)
      ? [{ name: "Foretold, in four cases of five within the field", values: drawn.down.middle, low: drawn.down.low, high: drawn.down.high, color, isDashed: true, width: 1.5 }]
      : []),
  ];
  const spans: ChartSpan[] = drawn.gaps.map((gap) => ({ ...gap, tone: "unknown", label: "not measured" }));
  return <Chart label="What is left of the budget over the period" times={drawn.down.times} series={series} spans={spans} unit="ratio" max={1} from={budget.start} to={Math.max(drawn.down.to, nowS)} height={270} thresholds={[{ value: 0, tone: "bad", label: "nothing left" }]} />;
}
