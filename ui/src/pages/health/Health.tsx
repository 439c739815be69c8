/** Everything that has health: probes, entities, and what is worked on. */

import { useMemo } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { usePageKeys } from "@/components/Keys";
import { Page } from "@/components/Page";
import { keepTimes } from "@/components/places";
import { Mark, toneOf } from "@/components/State";
import { useEntities, useMaintenance, useProbes } from "./asks";
import { EntitiesTab } from "./EntitiesTab";
import { MaintenanceTab } from "./MaintenanceTab";
import { ProbesTab } from "./ProbesTab";
import classes from "./Health.module.css";

const TABS = [["probes", "Probes"], ["entities", "Entities"], ["maintenance", "Maintenance"]] as const;
type Tab = (typeof TABS)[number][0];

export function Health() {
  const search = useSearch({ from: "/health" });
  const navigate = useNavigate({ from: "/health" });
  const tab: Tab = TABS.find(([id]) => id === search.tab)?.[0] ?? "probes";
  const probes = useProbes();
  const entities = useEntities();
  const maintenance = useMaintenance();
  const keys = useMemo(() => TABS.map(([id, name], index) => ({ key: String(index + 1), says: name, run: () => void navigate({ search: (old) => ({ ...keepTimes(old), tab: id }) }) })), [navigate]);
  usePageKeys(keys);
  const now = Date.now() / 1000;
  const counts: Record<Tab, number | undefined> = { probes: probes.data?.length, entities: entities.data?.length, maintenance: maintenance.data?.length };
  const bad: Record<Tab, string | null> = { probes: worst(probes.data), entities: worst(entities.data), maintenance: maintenance.data?.some((one) => one.start <= now && now < one.end) ? "maintenance" : null };
  return (
    <Page
      title="Health"
      lead="What is probed from outside, what is known of every part, and what is being worked on."
      tabs={
        <nav className={classes.tabs} aria-label="Parts of this page">
          {TABS.map(([id, name]) => {
            const state = bad[id];
            return (
              <Link key={id} to="/health" search={(old) => ({ ...keepTimes(old), tab: id })} className={classes.tab} data-active={id === tab || undefined} aria-current={id === tab ? "page" : undefined}>
                {name}{counts[id] !== undefined && <span className={classes.count}>{counts[id]}</span>}{state !== null && <Mark tone={toneOf(state)} size={9} label={state} />}
              </Link>
            );
          })}
        </nav>
      }
    >
      {tab === "probes" ? <ProbesTab probes={probes} find={search.find ?? ""} states={search.state ?? ""} /> : tab === "entities" ? <EntitiesTab entities={entities} search={search} /> : <MaintenanceTab maintenance={maintenance} probes={probes.data ?? []} />}
    </Page>
  );
}

function worst(all: readonly { state: string }[] | undefined): string | null {
  return (["down", "degraded"] as const).find((state) => all?.some((one) => one.state === state)) ?? null;
}
