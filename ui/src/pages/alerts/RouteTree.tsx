/** The routing tree, drawn: what each branch takes, who is told there, and the way that is lit. */

import { useMemo } from "react";
import { IconArrowForwardUp, IconBellRinging } from "@tabler/icons-react";
import { matcherText } from "@/api/alertmanager";
import type { Route } from "@/api/routes";
import { LabelSet, visible } from "@/components/LabelSet";
import { State } from "@/components/State";
import { spokenDuration } from "@/lib/duration";
import classes from "./routes.module.css";

interface RouteTreeProps { routes: readonly Route[]; lit: ReadonlySet<number>; ends: ReadonlySet<number>; isTesting: boolean }

export function RouteTree({ routes, lit, ends, isTesting }: RouteTreeProps) {
  const children = useMemo(() => {
    const found = new Map<number, Route[]>();
    for (const route of routes) if (route.parent !== null) found.set(route.parent, [...(found.get(route.parent) ?? []), route]);
    return found;
  }, [routes]);
  const branch = (route: Route) => {
    const below = children.get(route.index) ?? [];
    return (
      <li key={route.index} className={classes.branch} data-lit={lit.has(route.index) || undefined}>
        <Node route={route} isLit={lit.has(route.index)} isEnd={ends.has(route.index)} isDim={isTesting && !lit.has(route.index)} />
        {below.length > 0 && <ul className={classes.below}>{below.map(branch)}</ul>}
      </li>
    );
  };
  const root = routes.find((route) => route.parent === null);
  return <div className="scroll-x" tabIndex={0} role="group" aria-label="Routing tree"><ul className={classes.tree}>{root && branch(root)}</ul></div>;
}

function Node({ route, isLit, isEnd, isDim }: { route: Route; isLit: boolean; isEnd: boolean; isDim: boolean }) {
  const by = route.groupBy[0] === "..." ? "by all labels" : route.groupBy.length > 0 ? `by ${route.groupBy.join(", ")}` : "all in one";
  return (
    <div className={classes.node} data-lit={isLit || undefined} data-end={isEnd || undefined} data-dim={isDim || undefined}>
      <div className={classes.takes}>
        {route.matchers.length === 0 ? <span className="muted">{route.parent === null ? "every alert" : "all that comes here"}</span> : route.matchers.map((one, index) => <code key={index} className={`${classes.matcher ?? ""} foreign`}>{visible(matcherText(one).slice(0, 160))}</code>)}
        {route.continue && <span className={classes.goesOn} title="Routes behind it are tried too"><IconArrowForwardUp size={13} aria-hidden /> goes on</span>}
      </div>
      <div className={classes.receiver}>
        <IconBellRinging size={14} aria-hidden />
        <b className="foreign">{visible(route.receiver.slice(0, 100))}</b>
        {isEnd && <State state="told" tone="accent">told here</State>}
        {route.alerts > 0 && <State state="firing">{route.alerts} now</State>}
        {route.unreachable && <State state="unreachable" tone="warn">never reached</State>}
        {route.mutedBy.length > 0 && <State state="muted" tone="warn">{route.outsideActive ? "not active now" : "muted now"}</State>}
      </div>
      <div className={`${classes.timing ?? ""} foreign`}>
        {visible(by.slice(0, 160))}; waits {spokenDuration(route.groupWaitSeconds)}, changes every {spokenDuration(route.groupIntervalSeconds)}, repeats every {spokenDuration(route.repeatIntervalSeconds)}
        {route.muteTimeIntervals.length > 0 && `; muted in ${visible(route.muteTimeIntervals.join(", ").slice(0, 120))}`}
        {route.activeTimeIntervals.length > 0 && `; active in ${visible(route.activeTimeIntervals.join(", ").slice(0, 120))}`}
      </div>
      {Object.keys(route.labels).length > 0 && <LabelSet labels={route.labels} />}
    </div>
  );
}
