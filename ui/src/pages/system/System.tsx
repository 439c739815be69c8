/** The server itself: what it scrapes, what it stores, how it is set up, what it is asked, how it does. */

import { lazy, Suspense, useMemo } from "react";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useNowQuery } from "@/api/hooks";
import { serverStatus } from "@/api/system";
import { Tabs } from "@/components/ai/Tabs";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { NotFound } from "@/components/NotFound";
import { Page } from "@/components/Page";
import { Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";

const TABS = [
  { id: "targets", title: "Targets", says: "What is scraped, and why something is not.", body: lazy(() => import("./Targets").then((page) => ({ default: page.Targets }))) },
  { id: "discovery", title: "Discovery", says: "What each job finds, and what its rules make of it, step by step.", body: lazy(() => import("./Discovery").then((page) => ({ default: page.Discovery }))) },
  { id: "cardinality", title: "Cardinality", says: "Where the series come from, and what makes them many.", body: lazy(() => import("./Cardinality").then((page) => ({ default: page.Cardinality }))) },
  { id: "storage", title: "Storage", says: "What is kept, where, and how much comes in.", body: lazy(() => import("./Storage").then((page) => ({ default: page.Storage }))) },
  { id: "config", title: "Configuration", says: "How this server is set up. Secrets are hidden.", body: lazy(() => import("./Config").then((page) => ({ default: page.Config }))) },
  { id: "queries", title: "Queries", says: "What is asked now, what was asked, and what costs most.", body: lazy(() => import("./Queries").then((page) => ({ default: page.Queries }))) },
  { id: "status", title: "Status", says: "How this server does: its version, its load, its own troubles.", body: lazy(() => import("./Status").then((page) => ({ default: page.Status }))) },
] as const;

export function System() {
  const { tab } = useParams({ from: "/system/$tab" });
  const navigate = useNavigate();
  const status = useNowQuery(["status", "server"], serverStatus);
  const keys = useMemo((): PageKey[] => TABS.map(({ id, title }, index) => ({ key: String(index + 1), says: title, run: () => void navigate({ to: "/system/$tab", params: { tab: id }, search: keepTimes }) })), [navigate]);
  usePageKeys(keys);
  const current = TABS.find(({ id }) => id === tab);
  if (!current) return <NotFound />;
  const down = status.data?.targets?.down ?? 0;
  const Body = current.body;
  return (
    <Page
      title={current.title}
      lead={current.says}
      tabs={<Tabs isBare label="Parts of the system" tabs={TABS.map(({ id, title }) => ({ id, title, ...(id === "targets" && down > 0 ? { alarm: down, alarmText: "down" } : {}) }))} current={current.id} link={(id, props) => <Link key={id} to="/system/$tab" params={{ tab: id }} search={keepTimes} {...props} />} />}
    >
      <Suspense fallback={<Waiting height={400} />}><Body /></Suspense>
    </Page>
  );
}
