/** The parts of Alerts beside the list: each is fetched when it is first looked at. */

import { type ComponentType, lazy, type ReactNode, Suspense } from "react";
import { Link, useParams } from "@tanstack/react-router";
import { Button } from "@mantine/core";
import { Page } from "@/components/Page";
import { Empty, Panel, Waiting } from "@/components/Panel";
import { AlertsNav } from "./AlertsNav";

interface Tab { title: string; lead: string; content: ComponentType }

const TABS: Readonly<Record<string, Tab>> = {
  rules: { title: "Rules", lead: "What is watched, how each rule is, and what it measures.", content: lazy(async () => ({ default: (await import("./RulesTab")).RulesTab })) },
  silences: { title: "Silences", lead: "What nobody is told of, until when, and why.", content: lazy(async () => ({ default: (await import("./SilencesTab")).SilencesTab })) },
  history: { title: "History", lead: "What has happened to alerts: fired, notified, acknowledged, silenced, resolved.", content: lazy(async () => ({ default: (await import("./HistoryTab")).HistoryTab })) },
  routes: { title: "Routes", lead: "Who is told of which alert, and when.", content: lazy(async () => ({ default: (await import("./RoutesTab")).RoutesTab })) },
  backtest: { title: "Backtest", lead: "What a rule would have done over what is stored.", content: lazy(async () => ({ default: (await import("./BacktestTab")).BacktestTab })) },
  simulate: { title: "Simulate", lead: "Who would be told of an alert or an outage, step by step. Nobody is, unless you say so.", content: lazy(async () => ({ default: (await import("./SimulateTab")).SimulateTab })) },
};

export function AlertTab() {
  const { tab } = useParams({ from: "/alerts/$tab" });
  const found = TABS[tab];
  const frame = (title: string, lead: string, children: ReactNode) => <Page title={title} lead={lead} tabs={<AlertsNav />}>{children}</Page>;
  if (!found) return frame("Alerts", "", <Panel><Empty title="There is no such part of Alerts" action={<Button component={Link} to="/alerts">All alerts</Button>} /></Panel>);
  return frame(found.title, found.lead, <Suspense fallback={<Waiting height={400} />}><found.content /></Suspense>);
}
