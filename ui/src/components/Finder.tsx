/** `/` finds anything: pages, metrics, entities, alerts, rules, objectives, dashboards, targets. */

import { useEffect, useId, useMemo, useRef, useState } from "react";
import { Modal, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { IconSearch } from "@tabler/icons-react";
import { ask } from "@/api/client";
import { get } from "@/api/own";
import { labelValues, rules as allRules } from "@/api/prometheus";
import type { CommonSearch } from "@/router";
import { score } from "@/lib/find";
import { keepTimes, PLACES } from "./places";
import classes from "./Finder.module.css";

const OPEN_EVENT = "bellwether:open-finder";
export const openFinder = () => void dispatchEvent(new Event(OPEN_EVENT));

interface Found { kind: string; name: string; hint?: string; to: string; params?: Record<string, string>; search?: Record<string, unknown> }

const SHOWN_MAX = 40;

/** All that can be found: asked once when the finder opens. A part that cannot be had is left out. */
async function everything(signal: AbortSignal): Promise<Found[]> {
  const parts = await Promise.allSettled<Found[]>([
    labelValues("__name__", [], undefined, undefined, signal).then((names) => names.map((name) => ({ kind: "Metric", name, to: "/explore", search: { q: [{ expr: name }] } }))),
    get("/api/bellwether/v1/entities", { signal }).then(({ entities }) => entities.map((one) => ({ kind: one.kind, name: one.name, hint: one.state, to: "/health/entities/$entity", params: { entity: one.entity } }))),
    allRules(signal).then((groups) => groups.flatMap((group) => group.rules.map((rule) => ({ kind: rule.type === "alerting" ? "Alert rule" : "Recording rule", name: rule.name, hint: group.name, to: "/alerts/$tab", params: { tab: "rules" }, search: { find: rule.name } })))),
    get("/api/bellwether/v1/objectives", { signal }).then(({ objectives }) => objectives.map((one) => ({ kind: "Objective", name: one.objective, hint: one.verdict, to: "/objectives/$objective", params: { objective: one.objective } }))),
    get("/api/bellwether/v1/probes", { signal }).then((answer) => ((answer as { probes?: { name: string; state: string }[] }).probes ?? []).map((one) => ({ kind: "Probe", name: one.name, hint: one.state, to: "/health/probes/$probe", params: { probe: one.name } }))),
    get("/api/bellwether/v1/scalers", { signal }).then(({ scalers }) => scalers.map((one) => ({ kind: "Scaler", name: one.name, to: "/scaling", search: { scaler: one.name } }))),
    get("/api/bellwether/v1/forecasts", { params: { limit: 1 }, signal }).then(({ forecasts }) => forecasts.map((one) => ({ kind: "Forecast", name: one.name, to: "/forecasts", search: { name: one.name } }))),
    ask<{ data: { dashboards: { uid: string; title: string }[] } }>("/api/bellwether/v1/dashboards", { signal }).then(({ data }) => data.dashboards.map((one) => ({ kind: "Dashboard", name: one.title, to: "/dashboards/$uid", params: { uid: one.uid } }))),
    ask<{ data: { activeTargets: { labels: Record<string, string>; scrapePool: string; health: string }[] } }>("/api/v1/targets", { params: { state: "active" }, signal }).then(({ data }) => data.activeTargets.map((one) => ({ kind: "Target", name: one.labels["instance"] ?? "", hint: `${one.scrapePool}, ${one.health}`, to: "/system/$tab", params: { tab: "targets" }, search: { find: one.labels["instance"] ?? "" } }))),
  ]);
  return parts.flatMap((part) => (part.status === "fulfilled" ? part.value : []));
}

const TABS: readonly Found[] = [
  ...PLACES.map((place): Found => ({ kind: "Page", name: place.name, hint: place.says, to: place.to })),
  ...[["rules", "Alert rules"], ["silences", "Silences"], ["history", "What happened"], ["routes", "Route tester"], ["backtest", "Backtest rules"], ["simulate", "Simulate an alert"]].map(([tab, name]): Found => ({ kind: "Page", name: name ?? "", to: "/alerts/$tab", params: { tab: tab ?? "" } })),
  ...[["targets", "Targets"], ["discovery", "Service discovery"], ["cardinality", "Cardinality"], ["storage", "Storage"], ["config", "Configuration"], ["queries", "Query log"], ["status", "Server status"]].map(([tab, name]): Found => ({ kind: "Page", name: name ?? "", to: "/system/$tab", params: { tab: tab ?? "" } })),
  { kind: "Page", name: "Import a Grafana dashboard", to: "/dashboards/import" },
  { kind: "Page", name: "Public status page", to: "/public" },
];

export function Finder() {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const open = () => setOpen(true);
    addEventListener(OPEN_EVENT, open);
    return () => removeEventListener(OPEN_EVENT, open);
  }, []);
  return (
    <Modal opened={isOpen} onClose={() => setOpen(false)} withCloseButton={false} padding={0} size={620} yOffset="10vh" attributes={{ content: { "aria-label": "Find anything" } }}>
      {isOpen && <Search close={() => setOpen(false)} />}
    </Modal>
  );
}

function Search({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text, 60);
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const answer = useQuery({ queryKey: ["now", "finder"], queryFn: ({ signal }) => everything(signal), staleTime: 20_000, placeholderData: keepPreviousData });
  const found = useMemo(() => {
    const all = [...TABS, ...(answer.data ?? [])];
    if (wanted.trim() === "") return TABS.slice(0, PLACES.length);
    const rated = all.flatMap((one) => {
      const points = score(wanted, one.name) + (one.kind === "Page" ? 6 : one.kind === "Metric" ? -4 : 0);
      return score(wanted, one.name) > 0 ? [{ one, points }] : [];
    });
    rated.sort((a, b) => b.points - a.points || a.one.name.length - b.one.name.length);
    const best = rated.slice(0, SHOWN_MAX).map(({ one }) => one);
    // What reads like a query can be asked.
    if (/[({[]/.test(wanted)) best.unshift({ kind: "Query", name: wanted.trim(), hint: "ask in Explore", to: "/explore", search: { q: [{ expr: wanted.trim() }] } });
    return best;
  }, [wanted, answer.data]);
  useEffect(() => setAt(0), [found]);
  useEffect(() => {
    // Its answer is a promise in newer browsers, which an effect may not return.
    list.current?.querySelector(`[data-at="${at}"]`)?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const go = (one: Found | undefined) => {
    if (!one) return;
    close();
    void navigate({ to: one.to, params: one.params ?? {}, search: (old: CommonSearch) => ({ ...keepTimes(old), ...one.search }) } as never);
  };
  return (
    <div>
      <TextInput
        data-autofocus
        size="md"
        variant="unstyled"
        className={classes.input ?? ""}
        leftSection={<IconSearch size={17} />}
        placeholder="A page, metric, entity, alert, objective, target, or a query"
        aria-label="Find anything"
        role="combobox"
        aria-expanded={found.length > 0}
        aria-controls={listId}
        aria-activedescendant={found[at] ? `${listId}-${at}` : undefined}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            setAt((old) => (found.length === 0 ? 0 : (old + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length));
          }
          if (event.key === "Enter") go(found[at]);
        }}
      />
      <div ref={list} id={listId} role="listbox" aria-label="Found" className={classes.list} hidden={found.length === 0}>
        {found.map((one, index) => (
          <UnstyledButton key={`${one.kind} ${one.name} ${one.to} ${index}`} id={`${listId}-${index}`} data-at={index} role="option" aria-selected={index === at} tabIndex={-1} className={classes.row} onClick={() => go(one)} onMouseMove={() => setAt(index)}>
            <span className={`${classes.name ?? ""} foreign`}>{one.name}</span>
            {one.hint && <span className={`${classes.hint ?? ""} foreign`}>{one.hint}</span>}
            <span className={classes.kind}>{one.kind}</span>
          </UnstyledButton>
        ))}
      </div>
      {found.length === 0 && <p className={classes.none} role="status">{answer.isPending ? "Looking…" : "Nothing is named so."}</p>}
    </div>
  );
}
