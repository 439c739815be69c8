/** How everything is: within seconds whether it is well, within a minute why not. */

import { useMemo } from "react";
import { IconMap2 } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Objectives } from "@/api/own";
import { Page } from "@/components/Page";
import { Empty, Failure, Loaded, Panel, Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { EntityMap, type Risk } from "@/components/map/EntityMap";
import { useNumbers } from "@/components/map/useNumbers";
import { isAbsent, useEntities, useFiring, useForecasts, useObjectives, useStatus } from "./asks";
import { FirstSteps } from "./FirstSteps";
import { Budgets, Changes, Firing, RunsOut } from "./Sections";
import { Tiles } from "./Tiles";
import { badObjectives } from "./verdict";
import { VerdictPanel } from "./VerdictPanel";

/** Sources of series that are this server's own. */
const OWN_SOURCES: ReadonlySet<string> = new Set(["scrape:bellwether", "scrape:prometheus", "entities", "objectives"]);

export function Overview() {
  const status = useStatus();
  const entities = useEntities();
  const firing = useFiring();
  const objectives = useObjectives();
  const forecasts = useForecasts();
  const kinds = useMemo(() => [...new Set((entities.data ?? []).map((one) => one.kind))], [entities.data]);
  const numbers = useNumbers(kinds);
  const risks = useMemo(() => risksOf(objectives.data ?? []), [objectives.data]);
  const isEmpty = status.data !== undefined && (status.data.storage?.seriesBySource ?? []).every(({ name }) => OWN_SOURCES.has(name));
  const isKnown = (answer: { data: unknown; error: unknown }) => answer.data !== undefined || isAbsent(answer.error);
  const isReady = isKnown(entities) && isKnown(objectives) && (firing.data !== undefined || firing.isError);
  const failed = [entities, firing, objectives].find((answer) => answer.error && !isAbsent(answer.error));
  return (
    <Page title="Overview">
      {failed && <Failure error={failed.error} retry={() => void failed.refetch()} />}
      {isEmpty && <FirstSteps />}
      {isReady
        ? !isEmpty && <VerdictPanel entities={entities.data ?? NONE} alerts={firing.data ?? NONE} objectives={objectives.data ?? NONE} forecasts={forecasts.data ?? NONE} targets={status.data?.targets} />
        : !failed && <Waiting height={96} />}
      <Tiles />
      {!isEmpty && (
        <Panel title="Entities" hint="who depends on whom; traffic of the last five minutes" actions={<Link to="/health" search={(old) => ({ ...keepTimes(old), tab: "entities" })}>As a table</Link>}>
          {isAbsent(entities.error) && !entities.data
            ? <NoEntities />
            : <Loaded answer={entities} height={420}>{(all) => (all.length === 0 ? <NoEntities /> : <EntityMap entities={all} numbers={numbers} risks={risks} />)}</Loaded>}
        </Panel>
      )}
      {(!isEmpty || (firing.data?.length ?? 0) > 0) && <div className="grid">
        <div className="stack">
          <Firing alerts={firing.data ?? NONE} />
          <Budgets objectives={objectives.data ?? NONE} />
          <RunsOut forecasts={forecasts.data ?? NONE} />
        </div>
        <Changes />
      </div>}
    </Page>
  );
}

const NONE: never[] = [];

function NoEntities() {
  return (
    <Empty title="No entities yet" icon={<IconMap2 size={26} />}>
      Daemons, providers, models, tools and pools show up by themselves from probes, scrapes, health checks and calls of models. Targets that are scraped are <Link to="/system/$tab" params={{ tab: "targets" }} search={keepTimes}>here</Link>.
    </Empty>
  );
}

/** The worst budget of each entity: of the one that the objective is about, or of the provider that the budget is of. */
function risksOf(objectives: Objectives): ReadonlyMap<string, Risk> {
  const risks = new Map<string, Risk>();
  for (const objective of badObjectives(objectives)) {
    for (const budget of objective.budgets) {
      const provider = budget.labels["gen_ai_provider_name"];
      const entity = objective.entity ?? (provider === undefined ? null : `provider/${provider}`);
      if (entity === null || (budget.verdict !== "exhausted" && budget.verdict !== "at_risk")) continue;
      const isOut = budget.verdict === "exhausted";
      if (risks.has(entity) && !(isOut && risks.get(entity)?.tone === "warn")) continue;
      risks.set(entity, { tone: isOut ? "bad" : "warn", words: isOut ? "budget used up" : "budget at risk", objective: objective.objective });
    }
  }
  return risks;
}
