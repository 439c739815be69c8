/** What one check found: phase by phase, and step by step. */

import { useState } from "react";
import { UnstyledButton } from "@mantine/core";
import { LabelSet, visible } from "@/components/LabelSet";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { formatValue, unitOf } from "@/lib/units";
import type { CheckResult } from "./asks";
import { Phases } from "./Phases";
import classes from "./Checked.module.css";

export function Checked({ result, withMetrics = false }: { result: CheckResult; withMetrics?: boolean }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className={classes.checked}>
      <p className={classes.head}><State state={result.state} /><span>{formatValue(result.durationSeconds, "s")} of {formatValue(result.timeoutSeconds, "s")}</span><When ms={result.time * 1000} /></p>
      {result.reason && <p className={`${classes.reason ?? ""} foreign`}>{visible(result.reason.slice(0, 2000))}</p>}
      <Phases phases={result.phases} label="Phases of the check" legend height={14} />
      <ol className={classes.log} aria-label="Steps of the check">
        {result.log.slice(0, 200).map((step, index) => <li key={index}><span className={classes.at}>{formatValue(step.seconds, "s")}</span><span className="foreign">{visible(step.text.slice(0, 1000))}</span></li>)}
      </ol>
      {withMetrics && result.metrics.length > 0 && (
        <>
          <UnstyledButton className={classes.toggle} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{isOpen ? "Hide what it measured" : `What it measured (${result.metrics.length})`}</UnstyledButton>
          {isOpen && <ul className={classes.metrics}>{result.metrics.map((metric, index) => <li key={index}><span className="mono foreign">{visible(metric.name)}</span><LabelSet labels={metric.labels} /><b>{formatValue(metric.value, unitOf(metric.name))}</b></li>)}</ul>}
        </>
      )}
    </div>
  );
}
