/** What went wrong inside of the server in this time: every counter of failures, refusals and damage that rose. */

import { useMemo } from "react";
import { useInstantQuery } from "@/api/hooks";
import { metadata } from "@/api/prometheus";
import { useQuery } from "@tanstack/react-query";
import { ExploreLink } from "@/components/ai/ExploreLink";
import { LabelSet, visible } from "@/components/LabelSet";
import { Loaded, Panel } from "@/components/Panel";
import { Mark } from "@/components/State";
import { durationText } from "@/lib/duration";
import { labelsKey, quoted, selector } from "@/lib/labels";
import { formatValue } from "@/lib/units";
import { useRange } from "@/state/range";
import classes from "./System.module.css";

const PATTERN = "(bellwether|prometheus|alertmanager)_.*(fail|damaged|refused|missed|rejected|torn|panics|unknown_series|limited|stopped|dropped).*_total";
const WITHOUT = ["__name__", "job", "instance"];

export function Troubles({ job }: { job: string }) {
  const { fromS, toS } = useRange();
  const query = `{__name__=~${quoted(PATTERN)}, job=${quoted(job)}}`;
  const now = useInstantQuery(query, { atS: Math.floor(toS / 15) * 15 });
  const before = useInstantQuery(query, { atS: Math.floor(fromS / 15) * 15 });
  const help = useQuery({ queryKey: ["metadata"], queryFn: ({ signal }) => metadata(signal), staleTime: 600_000 });
  const rows = useMemo(() => {
    const old = new Map((before.data?.samples ?? []).map(({ labels, value }) => [labelsKey(labels), value ?? 0]));
    return (now.data?.samples ?? []).flatMap(({ labels, value }) => {
      if (value === null) return [];
      const was = old.get(labelsKey(labels)) ?? 0;
      // A counter that fell began anew with a restart.
      const rose = value >= was ? value - was : value;
      return rose > 0 ? [{ labels, rose }] : [];
    }).sort((a, b) => b.rose - a.rose);
  }, [now.data, before.data]);
  return (
    <Panel title="Troubles in this time" hint="counters of failures and refusals that rose">
      <Loaded answer={now} height={60}>
        {() => rows.length === 0 ? <p className={classes.on}><Mark tone="good" />None of {now.data?.samples.length ?? 0} such counters rose.</p> : (
          <ul className={classes.running}>
            {rows.slice(0, 30).map(({ labels, rose }) => {
              const name = labels["__name__"] ?? "";
              return (
                <li key={labelsKey(labels)}>
                  <Mark tone="warn" label="rose" />
                  <span className={classes.twoLines}><span className="row wrap"><code className="foreign">{visible(name)}</code><LabelSet labels={labels} without={WITHOUT} most={4} /></span><span className="muted">{help.data?.[name]?.[0]?.help}</span></span>
                  <span className={classes.runningEnd}><b>+{formatValue(rose, "count")}</b><ExploreLink query={`increase(${selector(name, Object.fromEntries(Object.entries(labels).filter(([label]) => label !== "__name__")))}[${durationText(300_000)}])`} label={`Explore ${name}`} /></span>
                </li>
              );
            })}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}
