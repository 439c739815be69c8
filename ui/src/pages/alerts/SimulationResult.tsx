/** How a simulation went: step by step over time, with the texts that would be sent. */

import { useMemo } from "react";
import { Mark, State } from "@/components/State";
import type { Outage, Simulation, SimulationStep } from "@/api/trials";
import { shortCause, wordOf } from "@/components/alerts/words";
import { Figure, Figures } from "@/components/Figure";
import { LabelSet, visible } from "@/components/LabelSet";
import { Empty, Panel } from "@/components/Panel";
import { spokenDuration } from "@/lib/duration";
import classes from "./simulate.module.css";

const TARGETS_MAX = 40;

export function SimulationResult({ report }: { report: Simulation }) {
  const steps = report.steps ?? [];
  const told = new Set(steps.filter((step) => step.receiver !== "" && step.kind.startsWith("notif")).map((step) => step.receiver));
  return (
    <>
      <Panel title="What would happen" hint={report.page ? "people are really told" : "nobody is really told"} actions={report.over ? <State state="over" tone="unknown" /> : <State state="runs" tone="info" />}>
        <p className={classes.verdict} role="status">{told.size > 0 ? <><b className="foreign">{[...told].map((one) => visible(one.slice(0, 80))).join(", ")}</b> {told.size === 1 ? "is" : "are"} told.</> : report.over ? "Nobody is told." : "Nobody is told so far."}</p>
        {report.alerts.map((alert, index) => <div key={index} className="row wrap"><LabelSet labels={alert.labels} most={12} />{alert.for > 0 && <span className="muted">its rule waits {spokenDuration(alert.for)}</span>}</div>)}
        <Steps steps={steps} isOver={report.over} />
      </Panel>
    </>
  );
}

export function OutageResult({ report }: { report: Outage }) {
  const told = report.targets.filter((one) => one.told).length;
  const first = useMemo(() => Math.min(...report.alerts.map((one) => one.told_after ?? Infinity)), [report]);
  return (
    <>
      <Panel title="What the outage would cause" hint={`down for ${spokenDuration(report.duration)}`}>
        <Figures label="The outage in numbers">
          <Figure name="Targets down" value={report.targets.length} />
          <Figure name="Noticed" value={`${told} of ${report.targets.length}`} tone={told === report.targets.length ? "good" : "bad"}>somebody is told of them</Figure>
          <Figure name="First told" value={Number.isFinite(first) ? `after ${spokenDuration(first)}` : "nobody"} tone={Number.isFinite(first) ? undefined : "bad"} />
          <Figure name="Alerts" value={report.alerts.length}>{`${report.anyway} are active anyway`}</Figure>
        </Figures>
        {report.failed.map((one) => <p key={one.rule} className="bad foreign">{visible(one.rule.slice(0, 100))} would fail: {visible(one.error.slice(0, 300))}</p>)}
        {report.lost.length > 0 && <div className="stack tight"><h3 className={classes.part}>Alerts that would no longer fire</h3>{report.lost.slice(0, 20).map((labels, index) => <LabelSet key={index} labels={labels} />)}</div>}
      </Panel>
      <Panel title="Alerts" flush>
        {report.alerts.length === 0 ? <Empty title="No rule would notice it">No alert follows from these targets being down. A rule on <code>up == 0</code> would.</Empty> : (
          <ul className={classes.alerts}>
            {report.alerts.map((one, index) => (
              <li key={index} className={classes.alert}>
                <div><b className="foreign">{visible((one.labels["alertname"] ?? "").slice(0, 120))}</b> <LabelSet labels={one.labels} without={["alertname"]} most={5} /></div>
                <span className="muted">holds after {spokenDuration(one.active_after)}, {one.fired_after === null ? "does not fire in that time" : `fires after ${spokenDuration(one.fired_after)}`}, {one.told_after === null ? <b className="warn">nobody is told</b> : `told after ${spokenDuration(one.told_after)}`}</span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <Panel title="Targets" flush>
        <ul className={classes.alerts}>
          {report.targets.slice(0, TARGETS_MAX).map((one, index) => <li key={index} className={classes.alert}><div className="row wrap"><State state={one.told ? "noticed" : "unnoticed"} tone={one.told ? "good" : "bad"} /><LabelSet labels={one.labels} most={5} /></div><span className="muted foreign">{one.alerts.length === 0 ? "no alert is of it" : visible([...new Set(one.alerts)].join(", ").slice(0, 200))}</span></li>)}
        </ul>
        {report.targets.length > TARGETS_MAX && <p className="muted">and {report.targets.length - TARGETS_MAX} more</p>}
      </Panel>
      <Panel title="Step by step"><Steps steps={report.steps} isOver /></Panel>
    </>
  );
}

function Steps({ steps, isOver }: { steps: readonly SimulationStep[]; isOver: boolean }) {
  if (steps.length === 0) return <p className="muted">{isOver ? "Nothing happened." : "Nothing has happened yet; the first steps come within seconds."}</p>;
  return (
    <ol className={classes.steps}>
      {steps.slice(0, 400).map((step, index) => {
        const word = wordOf(step.kind);
        const texts = Object.entries(step.texts).filter(([, text]) => text !== "");
        return (
          <li key={index} className={classes.step}>
            <span className={classes.after}>{step.after < 0.5 ? "at once" : `+${spokenDuration(step.after)}`}</span>
            <span className={classes.dot}><Mark tone={word.tone} size={10} /></span>
            <div className={classes.text}>
              <span><b className="foreign">{visible((step.labels["alertname"] ?? "the group").slice(0, 120))}</b> {word.says}{step.receiver === "" ? "" : <>{step.kind === "grouped" ? " of " : " to "}<b className="foreign">{visible(step.receiver.slice(0, 100))}</b></>}</span>
              {shortCause(step.text) !== "" && <span className="muted foreign">{visible(shortCause(step.text).slice(0, 400))}</span>}
              {texts.length > 0 && (
                <details>
                  <summary>What is sent</summary>
                  <dl className={classes.texts}>{texts.map(([name, text]) => <div key={name}><dt className="muted foreign">{visible(name.slice(0, 60))}</dt><dd className="foreign">{text.slice(0, 4000).split("\n").map(visible).join("\n")}</dd></div>)}</dl>
                </details>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
