/** Providers, models and tools: how they do, what got worse, what it costs. */

import { useId, useMemo } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button, SegmentedControl, Select } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconSparkles } from "@tabler/icons-react";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { Tabs } from "@/components/ai/Tabs";
import { useFocusBack } from "@/components/ai/useFocusBack";
import { absences, type Catalog } from "./catalog";
import { type By, BYS, isWorse } from "./columns";
import { Detail } from "./Detail";
import { ModelCharts, SessionCharts, ToolCharts } from "./OverTime";
import type { Kind, Row } from "./rows";
import { Subjects } from "./Subjects";
import { Tiles } from "./Tiles";
import { type Against, useAlerts, useCatalog, useEntities, useRows, useWindows } from "./useAi";
import classes from "./Ai.module.css";

type Tab = "providers" | "models" | "tools" | "sessions";
const KIND_OF: Readonly<Record<Exclude<Tab, "sessions">, Kind>> = { providers: "provider", models: "model", tools: "tool" };

export function Ai() {
  const catalog = useCatalog();
  return (
    <Page title="AI" lead="Every provider, model and tool that the services call: what fails, what got slower, what it costs.">
      <Loaded answer={catalog} height={500} what="AI series could not be looked up">
        {(known) => (known.calls ?? known.tool ?? known.mcp ?? known.tokenUsage ?? known.sockets) ? <Known catalog={known} /> : <Nothing catalog={known} />}
      </Loaded>
    </Page>
  );
}

function Known({ catalog }: { catalog: Catalog }) {
  const search = useSearch({ from: "/ai" });
  const navigate = useNavigate({ from: "/ai" });
  const tab: Tab = search.tab === "models" || search.tab === "tools" || search.tab === "sessions" ? search.tab : catalog.calls || !(catalog.tool ?? catalog.mcp) ? "providers" : "tools";
  const by: By = BYS.find(([id]) => id === search.by)?.[0] ?? "worst";
  const against: Against = search.against === "span" ? "span" : "hour";
  const windows = useWindows(against);
  const rows = { provider: useRows(catalog, "provider", windows), model: useRows(catalog, "model", windows), tool: useRows(catalog, "tool", windows) };
  const entities = useEntities();
  const alerts = useAlerts();
  const change = (set: Record<string, string | undefined>) => void navigate({ search: (old) => ({ ...old, ...set }) });
  const keys = useMemo((): PageKey[] => (["providers", "models", "tools", "sessions"] as const).map((name, index) => ({ key: String(index + 1), says: name, run: () => void navigate({ search: (old) => ({ ...old, tab: name === "providers" ? undefined : name }) }) })), [navigate]);
  usePageKeys(keys);
  const worse = (all: readonly Row[]) => all.filter((row) => isWorse(row.worst)).length;
  const tabs = (["providers", "models", "tools", "sessions"] as const)
    .filter((name) => name === "sessions" ? catalog.sockets !== undefined : name === "tools" ? (catalog.tool ?? catalog.mcp) !== undefined : catalog.calls !== undefined || catalog.tokenUsage !== undefined)
    .map((name) => ({ id: name, title: name === "providers" ? "Providers" : name === "models" ? "Models" : name === "tools" ? "Tools" : "Sessions", ...(name === "sessions" ? {} : { count: rows[KIND_OF[name]].rows.length, alarm: worse(rows[KIND_OF[name]].rows), alarmText: "worse" }) }));
  const open: { kind: Kind; id: string } | null = search.provider !== undefined ? { kind: "provider", id: search.provider } : search.model !== undefined ? { kind: "model", id: search.model } : search.tool !== undefined ? { kind: "tool", id: search.tool } : null;
  const behind = useFocusBack(open !== null);
  const kind = tab === "sessions" ? null : KIND_OF[tab];
  const bys = kind === "tool" ? BYS.filter(([id]) => id === "worst" || id === "failures" || id === "latency") : BYS.filter(([id]) => (id !== "cost" || catalog.cost) && (id !== "first" || catalog.firstToken));
  return (
    <>
      {/* What is behind the drawer is out of reach while it is open. */}
      <div className="stack" {...behind}>
        <Tiles catalog={catalog} windows={windows} models={rows.model.rows.length > 0 ? rows.model.rows : rows.provider.rows} />
        <Panel flush>
          <Tabs label="What is listed" tabs={tabs} current={tab} link={(id, props) => <Link key={id} to="/ai" search={(old) => ({ ...old, tab: id === "providers" ? undefined : id })} {...props} />} />
          {kind && (
            <>
              <div className={classes.tools} style={{ paddingTop: 12 }}>
                <Choice label="Worst first by" value={bys.some(([id]) => id === by) ? by : "worst"} onChange={(value) => change({ by: value === "worst" ? undefined : value })} data={bys.map(([value, label]) => ({ value, label }))} />
                <Choice label="Compare" value={against} onChange={(value) => change({ against: value === "hour" ? undefined : value })} data={[{ value: "hour", label: "Last 5 min with an hour before" }, { value: "span", label: "Whole time with the one before" }]} />
              </div>
              <Subjects kind={kind} catalog={catalog} answer={rows[kind]} by={bys.some(([id]) => id === by) ? by : "worst"} words={windows.words} entities={entities} chosen={open?.kind === kind ? open.id : undefined} />
            </>
          )}
        </Panel>
        {/* Tables first: the charts below wait for them. */}
        {kind && rows[kind].isPending ? null : tab === "tools" ? <ToolCharts catalog={catalog} /> : tab === "sessions" ? <SessionCharts catalog={catalog} /> : <ModelCharts catalog={catalog} />}
        <Absent catalog={catalog} />
      </div>
      {open && (
        <Detail
          kind={open.kind} id={open.id} row={rows[open.kind].rows.find((row) => row.id === open.id)} isPending={rows[open.kind].isPending} catalog={catalog} words={windows.words}
          entities={entities} alerts={alerts} models={rows.model.rows} close={() => change({ provider: undefined, model: undefined, tool: undefined })}
        />
      )}
    </>
  );
}

/** One of a few: side by side, on phones as a list. */
function Choice({ label, value, onChange, data }: { label: string; value: string; onChange: (value: string) => void; data: { value: string; label: string }[] }) {
  const id = useId();
  const isSmall = useMediaQuery("(max-width: 760px)", matchMedia("(max-width: 760px)").matches);
  return (
    <div className={classes.field}>
      <span id={id}>{label}</span>
      {isSmall ? <Select aria-labelledby={id} value={value} onChange={(next) => onChange(next ?? value)} data={data} /> : <SegmentedControl aria-labelledby={id} value={value} onChange={onChange} data={data} />}
    </div>
  );
}

/** What is not measured, and how it comes to be. */
function Absent({ catalog }: { catalog: Catalog }) {
  const all = absences(catalog);
  if (all.length === 0) return null;
  return (
    <Panel title="Not measured yet">
      <ul className={classes.absent}>
        {all.map((one) => <li key={one.title}><strong>{one.title}</strong><span className="muted">{one.how}</span><code className="faint">{one.wants}</code></li>)}
      </ul>
    </Panel>
  );
}

function Nothing({ catalog }: { catalog: Catalog }) {
  return (
    <>
      <Panel>
        <Empty title="No AI series in this time" icon={<IconSparkles size={28} />} action={<Button component={Link} to="/system/targets">See what is scraped</Button>}>
          Services that call models tell how each call went by OpenTelemetry's GenAI conventions. As soon as one of them is scraped, or sends them to /api/v1/otlp/v1/metrics, this page fills itself.
        </Empty>
      </Panel>
      <Absent catalog={catalog} />
    </>
  );
}
