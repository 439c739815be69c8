/** One series that is followed: how it is, what it will be, how unusual, and when its limit is reached. */

import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { SegmentedControl } from "@mantine/core";
import { IconAlertTriangle, IconArrowRight } from "@tabler/icons-react";
import { Figure, Figures } from "@/components/Figure";
import { LabelSet } from "@/components/LabelSet";
import { Meter } from "@/components/Meter";
import { Empty, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { TimeTrack } from "@/components/TimeTrack";
import { When } from "@/components/When";
import { parseDurationMs, spokenDuration } from "@/lib/duration";
import { formatValue, type Unit, unitOf } from "@/lib/units";
import { useRange } from "@/state/range";
import { cut } from "@/lib/text";
import { ExhaustionHistory, ForecastChart, ScoreStrip } from "./charts";
import { oneSeries } from "./queries";
import { exhaustionTold, type Item, type Job, levels, modelParts, onceIn, type One, shareWords, standing, STANDING_WORDS } from "./words";
import fore from "./Forecasts.module.css";
import classes from "./SeriesView.module.css";

export function SeriesView({ item }: { item: Item }) {
  const { job, series } = item;
  const range = useRange();
  const unit = unitOf(job.query ?? "");
  const horizons = series?.forecasts ?? [];
  const span = range.toMs - range.fromMs;
  // The farthest that fits beside the time shown, unless another one was chosen.
  const fitting = horizons.filter(({ horizon }) => (parseDurationMs(horizon) ?? 0) <= span).at(-1) ?? horizons[0];
  const [asked, setAsked] = useState<string | null>(null);
  const horizon = horizons.find((one) => one.horizon === asked)?.horizon ?? fitting?.horizon ?? null;
  const to = range.toS + (range.text.to === "now" && horizon !== null ? (parseDurationMs(horizon) ?? 0) / 1000 : 0);
  const how = standing(item);
  const [word, tone] = STANDING_WORDS[how];
  return (
    <>
      <div className={fore.title}>
        <h2 className="foreign">{cut(job.name)}</h2>
        <State state={how} tone={tone}>{word}</State>
        {series && Object.keys(series.labels).length > 0 && <LabelSet labels={series.labels} />}
        {series && <span className="muted">seen <When ms={(series.lastTime ?? 0) * 1000} /></span>}
      </div>
      {job.problem && <p className={fore.problem} role="status"><IconAlertTriangle size={17} aria-hidden /><span className="foreign">{cut(job.problem, 800)}</span></p>}
      {(job.refusedCount ?? 0) > 0 && <p className={fore.problem} role="status"><IconAlertTriangle size={17} aria-hidden /><span>{(job.refusedCount ?? 0).toLocaleString("en")} series of this query are not followed: there are too many. Raise <code>series_max</code>, or ask for fewer.</span></p>}
      {!series ? <Panel><Empty title="No series yet">{job.learnt !== undefined && job.learnt < 1 ? `${Math.round(job.learnt * 100)} % of its history is learnt; it speaks when it has caught up.` : "Its query gives nothing now."}</Empty></Panel> : (
        <>
          <Numbers job={job} series={series} unit={unit} horizon={horizon} />
          <Panel
            title={horizon ? "What came, and what was foretold" : "What came"} hint={horizon ? `foretold ${spokenDuration((parseDurationMs(horizon) ?? 0) / 1000)} before` : undefined}
            actions={horizons.length > 1 && <SegmentedControl value={horizon ?? ""} onChange={setAsked} data={horizons.map((one) => ({ value: one.horizon, label: one.horizon }))} aria-label="How far ahead" />}
          >
            <ForecastChart job={job} series={series} to={to} unit={unit} horizon={horizon} />
          </Panel>
          {series.anomaly && <Panel title="How unusual" hint="from 0 to 1; an alarm is what stays above a half"><ScoreStrip job={job} series={series} to={to} /></Panel>}
          {series.exhaustion && <Panel title={`Time until ${formatValue(series.exhaustion.limit, unit)}`} hint="as it was foretold, over the time shown"><ExhaustionHistory job={job} series={series} to={to} /></Panel>}
          <About job={job} series={series} />
        </>
      )}
    </>
  );
}

function Numbers({ job, series, unit, horizon }: { job: Job; series: One; unit: Unit; horizon: string | null }) {
  const { anomaly, degradation, exhaustion } = series;
  const next = series.forecasts.find((one) => one.horizon === horizon);
  const range = next ? levels(next.quantiles) : null;
  const limit = exhaustion ? formatValue(exhaustion.limit, unit) : "";
  const told = exhaustion ? exhaustionTold(exhaustion, limit) : null;
  const found = exhaustion ? levels(exhaustion.quantilesSeconds) : null;
  return (
    <Figures label="How it is">
      <Figure name="Now" value={formatValue(series.lastValue, unit)}>{exhaustion ? `The limit is ${limit}; ${pace(exhaustion.pacePerHour, unit)}.` : `Looked at every ${spokenDuration(job.intervalSeconds)}.`}</Figure>
      {exhaustion && told && (
        <Figure name="Runs out" value={sentence(told.title)} tone={told.tone}>
          {told.text}
          {exhaustion.medianSeconds !== 0 && found?.low !== null && <TimeTrack low={found?.low ?? null} median={exhaustion.medianSeconds} high={found?.high ?? null} horizon={exhaustion.horizonSeconds} tone={told.tone} label={`${told.title}. ${told.text}`} />}
        </Figure>
      )}
      {next && range && (
        <Figure name={`In ${spokenDuration((parseDurationMs(next.horizon) ?? 0) / 1000)}`} value={formatValue(range.middle, unit)}>
          {formatValue(range.low, unit)} – {formatValue(range.high, unit)}, {shareWords(range)}; {formatValue(next.mean, unit)} is expected.
        </Figure>
      )}
      {anomaly && (
        <Figure name="Anomaly" value={anomaly.alarm ? "Alarm" : anomaly.score > 0.5 ? "Unusual" : "As usual"} tone={anomaly.alarm ? "bad" : anomaly.score > 0.5 ? "warn" : "good"}>
          {anomaly.score > 0.005 ? <>{sentence(cut(anomaly.what, 120))} ({onceIn(anomaly.onceIn)}). Score {anomaly.score.toFixed(2)}.</> : "Nothing is out of the ordinary. Score 0."}
          <div className={classes.meter}><Meter share={anomaly.score} tone={anomaly.score > 0.5 ? "bad" : "info"} label="Score of the last sample" /></div>
          {anomaly.low !== null && anomaly.high !== null && <Expected low={anomaly.low} high={anomaly.high} value={series.lastValue} unit={unit} />}
        </Figure>
      )}
      {degradation && (
        <Figure name={<>Degraded <When ms={degradation.since * 1000} form="for" /></>} tone="warn" value={<span className={classes.arrow}>{formatValue(degradation.before, unit)}<IconArrowRight size={17} aria-label="to" />{formatValue(degradation.after, unit)}</span>}>
          The level has moved, and stays so{degradation.before !== null && degradation.after !== null && degradation.before !== 0 ? `: ${change(degradation.before, degradation.after)}` : ""}. It was seen {spokenDuration(Math.max(0, degradation.seen - degradation.since))} after it began.
        </Figure>
      )}
    </Figures>
  );
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

function change(before: number, after: number): string {
  const ratio = after / before;
  return ratio >= 2 ? `${Number(ratio.toPrecision(2))} times as much` : `${ratio >= 1 ? "+" : "−"}${Math.abs((ratio - 1) * 100).toFixed(0)} %`;
}

function pace(perHour: number | null, unit: Unit): string {
  if (perHour === null) return "how fast it moves is not known";
  if (perHour === 0) return "it does not move";
  return `it moves ${formatValue(Math.abs(perHour), unit)} an hour ${perHour > 0 ? "towards it" : "away from it"}`;
}

/** Where the value lies beside what was expected of it. */
function Expected({ low, high, value, unit }: { low: number; high: number; value: number | null; unit: Unit }) {
  const least = Math.min(low, value ?? low);
  const most = Math.max(high, value ?? high);
  const span = most - least || 1;
  const at = (one: number) => ((one - least) / span) * 92 + 4;
  const words = `Expected ${formatValue(low, unit)} to ${formatValue(high, unit)}`;
  return (
    <>
      <div className={classes.expected} role="img" aria-label={`${words}, came ${formatValue(value, unit)}`}>
        <div className={classes.line} />
        <div className={classes.field} style={{ left: `${at(low)}%`, width: `${at(high) - at(low)}%` }} />
        {value !== null && <div className={classes.dot} style={{ left: `${at(value)}%` }} />}
      </div>
      {words}, came {formatValue(value, unit)}.
    </>
  );
}

function About({ job, series }: { job: Job; series: One }) {
  const found = series.model ? modelParts(series.model) : null;
  const query = job.query ?? "";
  return (
    <Panel title="How it is made" actions={<Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: oneSeries(query, series.labels) }] })}>Open in Explore</Link>}>
      <pre className={`${classes.query ?? ""} foreign`} tabIndex={0} aria-label="The query">{query.trim().slice(0, 8_000)}</pre>
      {found && (
        <ul className={classes.parts} aria-label="Models and how much each counts">
          {found.parts.map((part, index) => (
            <li key={`${part.text} ${index}`} className={classes.part}><b>{Math.round(part.weight * 100)} %</b><Meter share={part.weight} label={part.text} /><span className="foreign">{cut(part.text)}</span></li>
          ))}
          {found.more > 0 && <li className={classes.note}>and {found.more} more that count less. A backtest on the series itself chose them.</li>}
        </ul>
      )}
      {series.provisional && <p className="warn">This is a first guess of a few models, with a wider range: the choice among all of them comes in its turn.</p>}
      <p className={classes.facts}>
        <span>looked at every {spokenDuration(job.intervalSeconds)}</span><span>means of {spokenDuration(job.stepSeconds)}</span>
        {job.learnt !== undefined && <span>{Math.round(job.learnt * 100)} % of its history learnt</span>}
        {job.seriesCount !== undefined && <span>{job.seriesCount.toLocaleString("en")} series</span>}
        {job.lastTurn !== null && <span>last turn <When ms={job.lastTurn * 1000} /></span>}
      </p>
    </Panel>
  );
}
