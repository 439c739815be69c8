/** Why so many: the newest decision, spelled out. */

import { Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { type Decided, numbersOf, reasonTone, reasonWord, ruleName, ruleText, type Scaler, signalName, signalValue, whySo } from "./words";
import classes from "./Why.module.css";

export function Why({ scaler, decided }: { scaler: Scaler; decided: Decided }) {
  const wants = numbersOf(decided.wanted).sort(([, a], [, b]) => (b ?? -1) - (a ?? -1));
  const seen = numbersOf(decided.seen);
  const most = Math.max(scaler.max, decided.workers, ...wants.map(([, value]) => value ?? 0), 1);
  const at = (value: number) => `${Math.min(100, (value / most) * 100)}%`;
  return (
    <Panel title="Why so many?" hint={<>decided <When ms={decided.time * 1000} /></>} actions={decided.reason && <State state={decided.reason} tone={reasonTone(decided.reason)}>{reasonWord(decided.reason)}</State>}>
      <div className={classes.head}>
        <span className={classes.count}>{decided.workers} <small>worker{decided.workers === 1 ? "" : "s"} wanted</small></span>
        <span className={classes.beside}>{decided.set !== undefined && <><b>{decided.set}</b> set</>}{decided.ready !== undefined && <>, <b>{decided.ready}</b> ready</>}{decided.workersEach !== undefined && decided.workersEach !== decided.workers && <>, <b>{decided.workersEach}</b> in each process</>}</span>
      </div>
      <div className={classes.sentences}>{whySo(scaler, decided).map((sentence) => <p key={sentence}>{sentence}</p>)}</div>
      {wants.length > 0 && (
        <div>
          <ul className={classes.rules} aria-label="What each rule wants">
            {wants.map(([rule, value], index) => (
              <li key={rule} className={`${classes.rule ?? ""} ${index === 0 && value !== null ? classes.won ?? "" : ""}`} title={ruleText(rule)}>
                <span className={`${classes.name ?? ""} foreign`}>{ruleName(rule)}</span>
                <div className={classes.track} role="img" aria-label={value === null ? `${ruleName(rule)} cannot say` : `${ruleName(rule)} wants ${value.toFixed(1)}, ${decided.workers} are decided`}>
                  {value !== null && <div className={classes.fill} style={{ width: at(value) }} />}
                  <div className={classes.bound} style={{ left: at(scaler.min) }} />
                  <div className={classes.mark} style={{ left: at(decided.workers) }} />
                </div>
                <b>{value === null ? "blind" : value.toFixed(1)}</b>
              </li>
            ))}
          </ul>
          <div className={classes.scale} aria-hidden><span /><span className={classes.ends}><span>0, at least {scaler.min}</span><span>at most {scaler.max}</span></span><span /></div>
        </div>
      )}
      {seen.length > 0 && <div className={classes.seen} aria-label="Signals seen" role="group">{seen.map(([signal, value]) => <span key={signal} className={classes.signal}><span>{signalName(signal)}</span><b>{signalValue(signal, value)}</b></span>)}</div>}
    </Panel>
  );
}
