/** One pool in full: the newest decision, its charts, every change with its reasons, who follows, what it cost. */

import { useState } from "react";
import { IconEyeOff, IconFlask } from "@tabler/icons-react";
import { Figure, Figures } from "@/components/Figure";
import { Empty, Panel } from "@/components/Panel";
import { spokenDuration } from "@/lib/duration";
import { useNow, useRange } from "@/state/range";
import { cut } from "@/lib/text";
import { costOf, type Cost, workerTime } from "./cost";
import { Decisions } from "./Decisions";
import { Followers } from "./Followers";
import { PoolCharts } from "./PoolCharts";
import { type PoolFrames, useChanges, usePoolFrames, valuesOf } from "./queries";
import { Why } from "./Why";
import { isBlind, type Scaler, signalName, workersText } from "./words";
import classes from "./Scaling.module.css";

export function Pool({ scaler }: { scaler: Scaler }) {
  const frames = usePoolFrames(scaler);
  const changes = useChanges(scaler.name);
  const [chosen, setChosen] = useState<number | null>(null);
  const { decided } = scaler;
  return (
    <>
      <Blind scaler={scaler} />
      {scaler.dryRun && <p className={classes.dry}><IconFlask size={18} aria-hidden /><span><strong>This is a dry run.</strong> Decisions are made, kept and shown here; nobody is told of them, and the pool is as large as it decides for itself.</span></p>}
      <div className={classes.top}>
        {decided ? <Why scaler={scaler} decided={decided} /> : <Panel title="Why so many?"><Empty title="Nothing was decided yet">No signal was seen and it is not known how many workers run, so nobody is told anything.</Empty></Panel>}
        <Followers scaler={scaler} />
      </div>
      <PoolCharts scaler={scaler} frames={frames} changes={changes.data ?? []} onChange={setChosen} />
      <CostOf scaler={scaler} frames={frames} />
      <Decisions scaler={scaler} answer={changes} chosen={chosen} />
    </>
  );
}

/** Signals that are not there: what follows from it, calmly. */
function Blind({ scaler }: { scaler: Scaler }) {
  const nowMs = useNow(5_000);
  const { decided, problems, turnedAt, interval } = scaler;
  const blind = isBlind(decided?.reason);
  const late = turnedAt === null ? null : nowMs / 1000 - turnedAt;
  const isLate = late !== null && late > Math.max(60, interval * 4);
  if (!blind && problems.length === 0 && !isLate) return null;
  const count = decided ? workersText(decided.workers) : "the number of workers";
  return (
    <div className={classes.held} role="status">
      <IconEyeOff size={20} aria-hidden />
      <div>
        <p>
          {isLate ? <><strong>It has not looked for {spokenDuration(late)}.</strong> What is shown is the last decision. </> : decided?.reason === "held" ? <><strong>Held at {count}.</strong> No rule can say anything without its signals. </> : decided?.reason === "floor" ? <><strong>At the floor, {count}.</strong> There were no signals for too long. </> : blind ? <><strong>No worker is taken away.</strong> Some signals are missing. </> : <strong>Some signals cannot be read. </strong>}
          A signal that is not there is never taken for a zero.
        </p>
        {problems.length > 0 && <ul>{problems.map((problem) => <li key={problem.signal} className="foreign"><strong>{cut(signalName(problem.signal))}</strong>: {cut(problem.text, 400)}</li>)}</ul>}
      </div>
    </div>
  );
}

function CostOf({ scaler, frames }: { scaler: Scaler; frames: PoolFrames }) {
  const range = useRange();
  const count = frames.workers.data?.times.length ?? 0;
  const desired = frames.desired.data?.times.length === count ? (frames.desired.data.series[0]?.values ?? []) : [];
  const signal = (name: string) => (frames.signals.data?.times.length === count ? (valuesOf(frames.signals.data, "signal", name) ?? []) : []);
  const ready = valuesOf(frames.workers.data, "state", "ready") ?? valuesOf(frames.workers.data, "state", "set") ?? [];
  const cost = costOf(frames.step, scaler.slotsPerWorker, { ready, desired, busy: signal("busy"), waiting: signal("waiting") });
  const span = range.toS - range.fromS;
  const part = cost.measured < span * 0.95 ? `known for ${spokenDuration(cost.measured)} of ${spokenDuration(span)}` : `over ${spokenDuration(span)}`;
  if (cost.measured === 0) return <Panel title="What it cost" hint="over the time shown"><Empty title="Not known for this time">How many workers were ready is kept from when the scaler began.</Empty></Panel>;
  return <CostFigures cost={cost} part={part} isDryRun={scaler.dryRun} />;
}

function CostFigures({ cost, part, isDryRun }: { cost: Cost; part: string; isDryRun: boolean }) {
  const idle = cost.busy > 0 || cost.ready > 0 ? 1 - Math.min(1, cost.busy / Math.max(cost.ready, 1)) : null;
  const saved = cost.ready > 0 ? cost.wanted / cost.ready - 1 : 0;
  return (
    <Figures label={`What it cost, ${part}`}>
      <Figure name="Workers that were there" value={<>{workerTime(cost.ready)} <small>of workers</small></>}>{Math.round(cost.ready).toLocaleString("en")} worker-seconds, {part}; {cost.most} at the most.</Figure>
      <Figure name={isDryRun ? "Had the decisions been followed" : "Workers that were decided"} value={<>{workerTime(cost.wanted)} <small>of workers</small></>} tone={isDryRun && saved < -0.02 ? "good" : undefined}>
        {Math.abs(saved) < 0.005 ? "As many as there were." : `${Math.abs(saved * 100).toFixed(saved > -0.1 && saved < 0.1 ? 1 : 0)} % ${saved < 0 ? "less" : "more"} than there were.`}
      </Figure>
      {idle !== null && <Figure name="Not busy" value={`${Math.round(idle * 100)} %`}>of worker time: room for bursts, and what could be saved at most.</Figure>}
      <Figure name="Short of workers" value={cost.short === 0 ? "Never" : spokenDuration(cost.short)} tone={cost.short > 0 ? "warn" : "good"}>fewer were ready than were decided{isDryRun ? ", which nobody was told" : ""}.</Figure>
      <Figure name="Work had to wait" value={cost.waiting === 0 ? "Never" : spokenDuration(cost.waiting)} tone={cost.waiting > 0 ? "bad" : "good"}>all places were busy, and requests waited.</Figure>
    </Figures>
  );
}
