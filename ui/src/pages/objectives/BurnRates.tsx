/** How fast the budget burns in each pair of windows, what would page, and whether it may be an accident. */

import { useMemo } from "react";
import { Chart, type ChartThreshold } from "@/components/Chart";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { useRangeQueries } from "@/api/hooks";
import type { Objective } from "@/api/own";
import type { Instant, RuleGroup } from "@/api/prometheus";
import { useRange } from "@/state/range";
import { isOf } from "@/lib/frames";
import { budgetSeries, isAlert, usePresent } from "./queries";
import { type Pair, pairsOf } from "./pairs";
import { type Budget, burnNumber, odds, percentText } from "./words";
import classes from "./BurnRates.module.css";

/** The pairs of an objective's alerts: pages first. */
export function pairsOfGroup(group: RuleGroup | null | undefined): Pair[] {
  const found = (group?.rules ?? []).filter(isAlert).flatMap((rule) => {
    const urgency = rule.labels?.["slo_alert"];
    return urgency === "page" || urgency === "ticket" ? pairsOf(rule.query, urgency) : [];
  });
  return [...found.filter(({ urgency }) => urgency === "page"), ...found.filter(({ urgency }) => urgency === "ticket")];
}

interface BurnRatesProps { objective: Objective; budget: Budget; group: RuleGroup | null | undefined }

export function BurnRates({ objective, budget, group }: BurnRatesProps) {
  const pairs = useMemo(() => pairsOfGroup(group), [group]);
  const longs = useMemo(() => [...new Set(pairs.map(({ long }) => long))], [pairs]);
  const burns = usePresent(budgetSeries("slo:burn_rate", objective, budget));
  const chances = usePresent(budgetSeries("slo:chance", objective, budget));
  const hasCounts = objective.indicator !== "composite" && objective.indicator !== "spend";
  const counts = (metric: string) => (hasCounts ? longs.map((window) => `label_replace(sum(sum_over_time(${budgetSeries(metric, objective, budget)}[${window}])), "window", "${window}", "", "")`).join(" or ") : "");
  const bad = usePresent(counts("slo:bad_events"));
  const total = usePresent(counts("slo:events"));
  return (
    <Panel title="What pages" hint="both windows must burn faster than the mark, and it must be no accident">
      <Loaded answer={burns} height={220} what="The burn rates cannot be read">
        {(rates) => (pairs.length === 0 ? <Empty title="No pages on burn rates">The rules of this objective have no alert on how fast its budget burns.</Empty> : (
          <ul className={classes.list}>
            {pairs.map((pair) => (
              <li key={`${pair.urgency} ${pair.long}`} className={classes.pair}>
                <PairRow pair={pair} long={at(rates, pair.long)} short={at(rates, pair.short)} chance={at(chances.data, pair.long)} bad={at(bad.data, pair.long)} total={at(total.data, pair.long)} objective={objective} />
              </li>
            ))}
          </ul>
        ))}
      </Loaded>
    </Panel>
  );
}

const at = (answer: Instant | undefined, window: string): number | null => answer?.samples.find(({ labels }) => labels["window"] === window)?.value ?? null;

interface PairRowProps { pair: Pair; long: number | null; short: number | null; chance: number | null; bad: number | null; total: number | null; objective: Objective }

function PairRow({ pair, long, short, chance, bad, total, objective }: PairRowProps) {
  const isFast = (burn: number | null) => burn !== null && burn > pair.burn;
  const isNoAccident = pair.chance === null || (chance !== null && chance < pair.chance);
  const isOn = isFast(long) && isFast(short) && isNoAccident;
  const word = pair.urgency === "page" ? "page" : "ticket";
  return (
    <>
      <div className={classes.what}>
        <span className={classes.windows}>{pair.long} and {pair.short}</span>
        <State state={isOn ? "firing" : "ok"} tone={isOn ? (pair.urgency === "page" ? "bad" : "warn") : "unknown"}>{isOn ? `${word}s` : `no ${word}`}</State>
      </div>
      <div className={classes.bars}>
        {([[pair.long, long], [pair.short, short]] as const).map(([window, burn]) => <Bar key={window} window={window} burn={burn} limit={pair.burn} />)}
      </div>
      <p className={classes.why}>
        {long === null ? "Not measured in this window." : (
          <>
            {bad !== null && total !== null && <><strong>{Math.round(bad).toLocaleString("en")} of {Math.round(total).toLocaleString("en")}</strong> bad in {pair.long}. </>}
            {evidence(pair, chance, bad, objective)}
          </>
        )}
      </p>
    </>
  );
}

/** Whether so many bad events may be chance. */
function evidence(pair: Pair, chance: number | null, bad: number | null, objective: Objective): string {
  if (pair.chance === null) return "Burn rates decide alone here.";
  if (bad !== null && bad < 1.5) return bad < 0.5 ? "Nothing to explain." : "A single one is never evidence.";
  if (chance === null) return "How likely that is by chance is not known.";
  const target = objective.target === null ? "the target" : percentText(objective.target);
  const often = odds(chance);
  return chance < pair.chance
    ? `No accident: were ${target} just met, a bad event would come with so many ${often}.`
    : `May be an accident: were ${target} just met, a bad event comes with so many ${often === "once in 1 times" ? "nearly always" : often}.`;
}

function Bar({ window, burn, limit }: { window: string; burn: number | null; limit: number }) {
  const share = burn === null ? 0 : Math.min(1, burn / (limit * 1.5));
  return (
    <>
      <span>{window}</span>
      <div className={classes.track} role="img" aria-label={`In ${window} it burns ${burnNumber(burn)}, the mark is at ${burnNumber(limit)}`}>
        <div className={`${classes.fill ?? ""} ${burn !== null && burn > limit ? classes.over ?? "" : ""}`} style={{ width: `${share * 100}%` }} />
        <div className={classes.limit} style={{ left: `${100 / 1.5}%` }} />
      </div>
      <b>{burnNumber(burn)}</b>
    </>
  );
}

const SHOWN = ["5m", "1h", "6h"];

/** The burn rates over the page's time, by the rules' own queries: so that the past is there from before the rules were. */
export function BurnHistory({ objective, budget, group }: BurnRatesProps) {
  const range = useRange();
  const rules = (objective as { rules?: { name: string; query: string }[] }).rules ?? [];
  const burning = rules.filter(({ name }) => name === "slo:burn_rate");
  const windowed = SHOWN.flatMap((window) => {
    const rule = burning.find(({ query }) => query.includes(`[${window}]`) || query.includes(`window="${window}"`));
    return rule ? [{ window, query: rule.query }] : [];
  });
  const answers = useRangeQueries(windowed.map(({ query }) => query));
  const frames = answers.map(({ data }) => data);
  const frame = frames.find((one) => one !== undefined);
  const thresholds: ChartThreshold[] = useMemo(() => {
    const pages = pairsOfGroup(group).filter(({ urgency }) => urgency === "page");
    const hour = pages.find(({ long }) => long === "1h");
    return [{ value: 1, tone: "warn", label: "spends it just up" }, ...(hour ? [{ value: hour.burn, tone: "bad" as const, label: `pages in 1h` }] : [])];
  }, [group]);
  const error = answers.find((answer) => answer.error)?.error;
  return (
    <Panel title="Burn rate" hint="how many times as fast as allowed, in windows of 5 min, 1 h and 6 h">
      <Loaded answer={{ data: frame, error, isPending: frame === undefined, refetch: () => answers.forEach((answer) => void answer.refetch()) }} height={220}>
        {(first) => frames.every((one) => !one?.series.some(({ labels }) => isOf(labels, budget.labels))) ? <Empty title="Nothing was counted in this time">Look at another time.</Empty> : (
          <Chart
            label="Burn rate" times={first.times} unit="none" decimals={1} height={200} from={range.fromS} to={range.toS} onZoom={range.zoom} sync="page" thresholds={thresholds} min={0}
            series={windowed.map(({ window }, index) => ({
              name: `in ${window}`, colorIndex: index, width: window === "1h" ? 2 : 1.3, spansGaps: true,
              values: frames[index]?.times.length === first.times.length ? (frames[index].series.find(({ labels }) => isOf(labels, budget.labels))?.values ?? first.times.map(() => null)) : first.times.map(() => null),
            }))}
          />
        )}
      </Loaded>
    </Panel>
  );
}
