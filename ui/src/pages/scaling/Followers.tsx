/** Who carries the decisions out, and within which bounds they are made. */

import { IconBox, IconChartDots, IconCode, IconWebhook } from "@tabler/icons-react";
import { LabelSet } from "@/components/LabelSet";
import { Panel } from "@/components/Panel";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { cut } from "@/lib/text";
import { useHasWebhook } from "./queries";
import type { Scaler } from "./words";
import classes from "./Followers.module.css";

export function Followers({ scaler }: { scaler: Scaler }) {
  const hasWebhook = useHasWebhook(scaler.name);
  const { keda, externalMetric, sdk } = scaler.targets;
  const isNobody = !keda && !externalMetric && !sdk && !hasWebhook;
  return (
    <Panel title="Who follows">
      <ul className={classes.list}>
        {keda && <li><IconBox size={17} aria-hidden /><span><strong>KEDA</strong>: the ScaledObject <span className="foreign">{cut(`${keda.namespace}/${keda.name}`)}</span>, by gRPC</span></li>}
        {externalMetric && <li><IconChartDots size={17} aria-hidden /><span><strong>Kubernetes&apos; autoscaler</strong>: the external metric <span className="foreign">{cut(externalMetric.name)}</span>{externalMetric.namespaces.length > 0 && <> in <span className="foreign">{cut(externalMetric.namespaces.join(", "), 200)}</span></>}</span></li>}
        {sdk && <li><IconCode size={17} aria-hidden /><span><strong>Pools of the SDK</strong>, which ask for each new number</span></li>}
        {hasWebhook && <li><IconWebhook size={17} aria-hidden /><span><strong>A webhook</strong> gets a POST for each change</span></li>}
        {isNobody && <li className={classes.off}>{scaler.dryRun ? "Nobody: it is a dry run." : "Nobody that is known here. Name one in targets, or graph and alert on the decision."}</li>}
        {!isNobody && scaler.dryRun && <li className={classes.off}>None of them is told while it is a dry run.</li>}
      </ul>
      <dl className={classes.facts}>
        <dt>At least, at most</dt><dd>{scaler.min} – {scaler.max}</dd>
        <dt>Requests a worker</dt><dd>{scaler.slotsPerWorker}</dd>
        <dt>Time to start one</dt><dd>{spokenDuration(scaler.startUp)}</dd>
        <dt>Decides every</dt><dd>{spokenDuration(scaler.interval)}</dd>
        <dt>Looked</dt><dd><When ms={scaler.turnedAt === null ? null : scaler.turnedAt * 1000} /></dd>
      </dl>
      {Object.keys(scaler.labels).length > 0 && <LabelSet labels={scaler.labels} />}
    </Panel>
  );
}
