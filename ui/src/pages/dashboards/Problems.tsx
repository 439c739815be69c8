/** What is wrong with a dashboard, thing by thing, with its place. */

import type { Dashboard, DashboardProblem } from "@/api/dashboards";
import { Panel } from "@/components/Panel";
import { cut } from "@/lib/text";
import classes from "./dashboards.module.css";

/** `rows[0].panels[1]` as people know it: the panel's title. */
function placeOf(path: string, dashboard: Dashboard | undefined): string {
  const found = /^rows\[(\d+)\](?:\.panels\[(\d+)\])?/.exec(path);
  const row = found ? dashboard?.rows[Number(found[1])] : undefined;
  const panel = found?.[2] === undefined ? undefined : row?.panels[Number(found[2])];
  return panel?.title || row?.title || "";
}

export function Problems({ problems, dashboard, title = "It was not saved" }: { problems: readonly DashboardProblem[]; dashboard?: Dashboard; title?: string }) {
  return (
    <Panel title={title} hint={`${problems.length} ${problems.length === 1 ? "thing is" : "things are"} wrong`}>
      <div role="alert"><ul className={classes.problems}>
        {problems.slice(0, 50).map((problem, index) => {
          const place = placeOf(problem.path, dashboard);
          return <li key={index}>{problem.line > 0 && <span className="muted">Line {problem.line}, column {problem.column}: </span>}{place !== "" && <strong className="foreign">{cut(place, 60)}: </strong>}<code className="foreign">{cut(problem.path || "the dashboard", 120)}</code> <span className="foreign">{cut(problem.message, 600)}</span></li>;
        })}
      </ul></div>
    </Panel>
  );
}
