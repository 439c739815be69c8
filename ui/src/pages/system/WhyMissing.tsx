/** Why something is not scraped: it was found and dropped, at which rule; or no job has found it. */

import { useMemo } from "react";
import { Link } from "@tanstack/react-router";
import { useQueries } from "@tanstack/react-query";
import { IconZoomQuestion } from "@tabler/icons-react";
import type { DroppedTarget, Targets } from "@/api/prometheus";
import { relabelSteps } from "@/api/system";
import { visible } from "@/components/LabelSet";
import { Empty, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark } from "@/components/State";
import { labelsKey } from "@/lib/labels";
import { dropReason, holds, ruleText } from "./relabel";
import classes from "./System.module.css";

const SHOWN_MAX = 25;

interface WhyMissingProps { all: Targets; find: string; job: string | undefined; scraped: number }

const poolOf = (target: DroppedTarget) => target.scrapePool ?? target.discoveredLabels["job"] ?? "";

export function WhyMissing({ all, find, job, scraped }: WhyMissingProps) {
  const found = useMemo(() => all.droppedTargets.filter((target) => (!job || poolOf(target) === job) && holds(find, target.discoveredLabels, poolOf(target))), [all.droppedTargets, find, job]);
  const shown = found.slice(0, SHOWN_MAX);
  const answers = useQueries({
    queries: shown.map((target) => ({
      queryKey: ["relabel", poolOf(target), labelsKey(target.discoveredLabels)],
      queryFn: ({ signal }: { signal: AbortSignal }) => relabelSteps(poolOf(target), target.discoveredLabels, signal),
      staleTime: 60_000,
    })),
  });
  const counted = Object.values(all.droppedTargetCounts ?? {}).reduce((sum, count) => sum + count, 0);
  const unkept = Math.max(0, counted - all.droppedTargets.length);
  if (find === "" && counted === 0 && all.droppedTargets.length === 0) return null;
  return (
    <Panel title={find === "" ? "Found, but not scraped" : "Why it may be missing"} hint={`${found.length} dropped by relabelling rules${find === "" ? "" : " match"}`}>
      {found.length === 0 ? (
        <Empty title={scraped > 0 ? `It is not missing: ${scraped} scraped ${scraped === 1 ? "target matches" : "targets match"}` : "No job has found anything like it"} icon={<IconZoomQuestion size={26} />}>
          {scraped > 0 ? "Nothing that rules dropped matches as well." : <>So no rule can have dropped it. Look at what each job finds under <Link to="/system/$tab" params={{ tab: "discovery" }} search={keepTimes}>Discovery</Link>, and whether its service discovery covers it under <Link to="/system/$tab" params={{ tab: "config" }} search={(old) => ({ ...keepTimes(old), find: "_sd_configs" })}>Configuration</Link>.</>}
        </Empty>
      ) : (
        <ul className={classes.dropped}>
          {shown.map((target, index) => {
            const steps = answers[index];
            const reason = steps?.data ? dropReason(target.discoveredLabels, steps.data) : null;
            const address = target.discoveredLabels["__address__"] ?? "";
            return (
              <li key={`${poolOf(target)} ${labelsKey(target.discoveredLabels)}`}>
                <span className={classes.troubleHead}>
                  <Mark tone="unknown" label="dropped" />
                  <Link to="/system/$tab" params={{ tab: "discovery" }} search={(old) => ({ ...keepTimes(old), job: poolOf(target), target: address })} className="foreign">{visible(address.slice(0, 200)) || "without an address"}</Link>
                  <span className="muted">{visible(poolOf(target).slice(0, 80))}</span>
                </span>
                <span className={classes.why}>
                  {steps?.error ? <span className="bad foreign">{steps.error.message}</span> : !steps?.data ? <span className="faint">asking which rule</span> : reason === null ? "Its rules keep it now: it was dropped by rules that have changed since, or no address was left." : (
                    <>Rule {reason.number} <code className="foreign">{visible(ruleText(reason.rule).slice(0, 300))}</code>{reason.input !== null && <>, and it was <code className="foreign">{reason.input === "" ? "empty" : visible(reason.input.slice(0, 200))}</code></>}</>
                  )}
                </span>
              </li>
            );
          })}
          {found.length > shown.length && <li className="muted">{found.length - shown.length} more: narrow the search above.</li>}
        </ul>
      )}
      {unkept > 0 && <p className="muted">{unkept} more dropped targets are counted, but not kept by the server (keep_dropped_targets).</p>}
    </Panel>
  );
}
