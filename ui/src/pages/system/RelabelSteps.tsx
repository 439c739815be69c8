/** What each rule of a job made of the labels that were discovered, one under the other. */

import { useQuery } from "@tanstack/react-query";
import { relabelSteps } from "@/api/system";
import { LabelSet, visible } from "@/components/LabelSet";
import { Loaded } from "@/components/Panel";
import { Mark } from "@/components/State";
import { type Labels, labelsKey } from "@/lib/labels";
import { explained, type LabelChange, ruleText } from "./relabel";
import classes from "./System.module.css";

interface RelabelStepsProps { pool: string; discovered: Labels; /** Labels that its series have; null where it is not scraped. */ final: Labels | null }

export function RelabelSteps({ pool, discovered, final }: RelabelStepsProps) {
  const answer = useQuery({ queryKey: ["relabel", pool, labelsKey(discovered)], queryFn: ({ signal }) => relabelSteps(pool, discovered, signal), staleTime: 60_000 });
  return (
    <Loaded answer={answer} height={160} what="The steps could not be told">
      {(steps) => (
        <ol className={classes.steps}>
          <li className={classes.step}>
            <span className={classes.stepTitle}>Discovered</span>
            <LabelSet labels={discovered} most={40} />
          </li>
          {explained(discovered, steps).map((step, index) => (
            <li key={index} className={classes.step} data-fate={step.fate}>
              <span className={classes.stepTitle}>{step.fate === "dropped" && <Mark tone="bad" label="dropped here" />}Rule {index + 1} <code className="foreign">{visible(ruleText(step.rule).slice(0, 400))}</code></span>
              {step.input !== null && <span className={classes.stepText}>it looked at <code className="foreign">{step.input === "" ? "nothing" : visible(step.input.slice(0, 200))}</code></span>}
              {step.fate === "dropped" ? <span className="bad">Dropped here: it is not scraped.</span> : step.fate === "unreached" ? <span className="faint">Not reached.</span> : step.changes.length === 0 ? <span className="faint">{/^(keep|drop)/.test(step.rule.action) ? "It stays." : "Changed nothing."}</span> : <ul className={classes.changes}>{step.changes.map((change) => <Changed key={change.name} change={change} />)}</ul>}
            </li>
          ))}
          {steps.length === 0 && <li className={classes.step}><span className="muted">This job has no relabelling rules: all that it finds is scraped as it is.</span></li>}
          {final && <li className={classes.step} data-fate="final"><span className={classes.stepTitle}><Mark tone="good" label="scraped" />Scraped with</span><LabelSet labels={final} most={40} /></li>}
        </ol>
      )}
    </Loaded>
  );
}

function Changed({ change: { name, kind, before, after } }: { change: LabelChange }) {
  const cut = (text: string | undefined) => visible((text ?? "").slice(0, 200));
  return (
    <li data-kind={kind}>
      <span className={classes.sign} aria-label={kind}>{kind === "added" ? "+" : kind === "removed" ? "−" : "~"}</span>
      <code className="foreign"><b>{visible(name)}</b> {kind !== "added" && <del>{cut(before)}</del>}{kind === "changed" && " → "}{kind !== "removed" && <ins>{cut(after)}</ins>}</code>
    </li>
  );
}
