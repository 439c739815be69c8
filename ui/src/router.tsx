/** All pages by address. Each is a file of its own that is fetched when it is first looked at. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect, stringifySearchWith } from "@tanstack/react-router";
import { NotFound } from "@/components/NotFound";
import { Broken } from "@/components/Broken";
import { Waiting } from "@/components/Panel";
import { Shell } from "@/components/Shell";

/** What stands in every address: the span of time, and how often it moves on. */
export interface CommonSearch { from?: string | undefined; to?: string | undefined; refresh?: number | undefined }

/** What was written as a text may read as a number, a flag or a list: addresses have no quotation marks. */
const text = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : typeof value === "string" ? value : JSON.stringify(value);

function common(search: Record<string, unknown>): CommonSearch {
  const refresh = Number(search["refresh"]);
  return {
    from: text(search["from"]),
    to: text(search["to"]),
    refresh: search["refresh"] !== undefined && Number.isFinite(refresh) && refresh >= 0 ? refresh : undefined,
  };
}

/** Reads texts, numbers and flags of an address; what is of another kind is as if it were not there. */
export function texts<Name extends string>(...names: readonly Name[]): (search: Record<string, unknown>) => Partial<Record<Name, string>> {
  return (search) => Object.fromEntries(names.flatMap((name) => { const value = text(search[name]); return value === undefined ? [] : [[name, value]]; })) as Partial<Record<Name, string>>;
}

const root = createRootRoute({ component: Shell, validateSearch: common, notFoundComponent: NotFound, errorComponent: Broken });
const route = <Path extends string>(path: Path) => ({ getParentRoute: () => root, path });

/** One query of Explore. */
export interface ExploreQuery { expr: string; hidden?: boolean; legend?: string }
export interface ExploreSearch {
  q?: ExploreQuery[] | undefined;
  view?: "graph" | "table" | "heat" | undefined;
  draw?: "stacked" | "bars" | "points" | undefined;
  /** A logarithmic axis of values. */
  log?: boolean | undefined;
  /** Every query in a chart of its own. */
  apart?: boolean | undefined;
  exemplars?: boolean | undefined;
  /** What is compared: `from,to` in milliseconds, with `low,high` where values are chosen too. */
  diff?: string | undefined;
  /** What it is compared with: `from,to`; else the rest of what is shown. */
  base?: string | undefined;
  /** Which query is compared, by its letter. */
  of?: string | undefined;
  /** Seconds between points; else as many as fit. */
  step?: number | undefined;
  builder?: boolean | undefined;
}

function exploreSearch(search: Record<string, unknown>): ExploreSearch {
  const queries = Array.isArray(search["q"]) ? search["q"] : typeof search["q"] === "string" ? [{ expr: search["q"] }] : [];
  const read = queries.flatMap((one: unknown): ExploreQuery[] => {
    if (typeof one === "string") return [{ expr: one }];
    if (typeof one !== "object" || one === null) return [];
    const { expr, hidden, legend } = one as Record<string, unknown>;
    return typeof expr === "string" ? [{ expr, ...(hidden === true ? { hidden: true } : {}), ...(typeof legend === "string" && legend !== "" ? { legend } : {}) }] : [];
  });
  const { view, draw } = search;
  const step = Number(search["step"]);
  return {
    q: read.length > 0 ? read.slice(0, 12) : undefined,
    view: view === "graph" || view === "table" || view === "heat" ? view : undefined,
    draw: draw === "stacked" || draw === "bars" || draw === "points" ? draw : search["stack"] === true ? "stacked" : undefined,
    log: search["log"] === true || undefined,
    apart: search["apart"] === true || undefined,
    exemplars: search["exemplars"] === true || undefined,
    builder: search["builder"] === true || undefined,
    diff: text(search["diff"]),
    base: text(search["base"]),
    of: text(search["of"]),
    step: Number.isFinite(step) && step > 0 ? step : undefined,
  };
}

const overview = createRoute({ ...route("/"), component: lazyRouteComponent(() => import("@/pages/overview/Overview"), "Overview") });
const explore = createRoute({ ...route("/explore"), validateSearch: exploreSearch, component: lazyRouteComponent(() => import("@/pages/explore/Explore"), "Explore") });
const ai = createRoute({ ...route("/ai"), validateSearch: texts("provider", "model", "tool", "tab", "by", "against"), component: lazyRouteComponent(() => import("@/pages/ai/Ai"), "Ai") });

const alerts = createRoute({ ...route("/alerts"), validateSearch: texts("state", "find", "severity", "label", "group"), component: lazyRouteComponent(() => import("@/pages/alerts/Alerts"), "Alerts") });
const alertTab = createRoute({ ...route("/alerts/$tab"), validateSearch: texts("find", "matchers", "labels", "rule", "group", "id", "state", "kind", "expr", "for", "expr2", "for2", "type", "entity", "value", "targets", "every"), component: lazyRouteComponent(() => import("@/pages/alerts/AlertTab"), "AlertTab") });
const oneAlert = createRoute({ ...route("/alerts/one/$fingerprint"), validateSearch: texts("firing"), component: lazyRouteComponent(() => import("@/pages/alerts/OneAlert"), "OneAlert") });

const health = createRoute({ ...route("/health"), validateSearch: texts("find", "state", "kind", "tab"), component: lazyRouteComponent(() => import("@/pages/health/Health"), "Health") });
const probe = createRoute({ ...route("/health/probes/$probe"), component: lazyRouteComponent(() => import("@/pages/health/Probe"), "Probe") });
const entity = createRoute({ ...route("/health/entities/$entity"), component: lazyRouteComponent(() => import("@/pages/health/Entity"), "Entity") });

const objectives = createRoute({ ...route("/objectives"), validateSearch: texts("service", "verdict", "find"), component: lazyRouteComponent(() => import("@/pages/objectives/Objectives"), "Objectives") });
const objective = createRoute({ ...route("/objectives/$objective"), validateSearch: texts("budget"), component: lazyRouteComponent(() => import("@/pages/objectives/Objective"), "Objective") });
const forecasts = createRoute({ ...route("/forecasts"), validateSearch: texts("name", "series", "find"), component: lazyRouteComponent(() => import("@/pages/forecasts/Forecasts"), "Forecasts") });
const scaling = createRoute({ ...route("/scaling"), validateSearch: texts("scaler"), component: lazyRouteComponent(() => import("@/pages/scaling/Scaling"), "Scaling") });

const dashboards = createRoute({ ...route("/dashboards"), validateSearch: texts("find", "tag", "source"), component: lazyRouteComponent(() => import("@/pages/dashboards/Dashboards"), "Dashboards") });
const dashboardImport = createRoute({ ...route("/dashboards/import"), component: lazyRouteComponent(() => import("@/pages/dashboards/Import"), "Import") });
const dashboard = createRoute({
  ...route("/dashboards/$uid"),
  // Variables stand in the address as var-NAME, as in Grafana's.
  validateSearch: (search: Record<string, unknown>): Record<`var-${string}`, string | string[]> & { edit?: boolean; panel?: string } => ({
    ...Object.fromEntries(Object.entries(search).filter(([name]) => name.startsWith("var-")).map(([name, value]) => [name, Array.isArray(value) ? value.map(String) : String(value)])),
    ...(search["edit"] === true ? { edit: true } : {}),
    ...(text(search["panel"]) === undefined ? {} : { panel: String(search["panel"]) }),
  }),
  component: lazyRouteComponent(() => import("@/pages/dashboards/Dashboard"), "Dashboard"),
});

const system = createRoute({ ...route("/system"), beforeLoad: () => { throw redirect({ to: "/system/$tab", params: { tab: "targets" } }); } });
const systemTab = createRoute({ ...route("/system/$tab"), validateSearch: texts("find", "state", "job", "target", "show", "chart"), component: lazyRouteComponent(() => import("@/pages/system/System"), "System") });
const publicStatus = createRoute({ ...route("/public"), component: lazyRouteComponent(() => import("@/pages/public/PublicStatus"), "PublicStatus") });

/** Where bookmarks of Prometheus' pages lead. */
const toTab = (path: string, tab: string) => createRoute({ ...route(path), beforeLoad: () => { throw redirect({ to: "/system/$tab", params: { tab } }); } });
const toExplore = (path: string) => createRoute({
  ...route(path),
  beforeLoad: ({ location }) => {
    const search = new URLSearchParams(location.searchStr);
    const q: ExploreQuery[] = [];
    for (let index = 0; search.has(`g${index}.expr`); index += 1) q.push({ expr: search.get(`g${index}.expr`) ?? "" });
    const span = search.get("g0.range_input");
    throw redirect({ to: "/explore", search: { ...(q.length > 0 ? { q } : {}), ...(span ? { from: `now-${span}`, to: "now" } : {}), ...(search.get("g0.tab") === "1" ? { view: "table" as const } : {}) } });
  },
});
const rulesPage = createRoute({ ...route("/rules"), beforeLoad: () => { throw redirect({ to: "/alerts/$tab", params: { tab: "rules" } }); } });

const tree = root.addChildren([
  overview, explore, ai, alerts, alertTab, oneAlert, health, probe, entity, objectives, objective, forecasts, scaling, dashboards, dashboardImport, dashboard, system, systemTab, publicStatus,
  toTab("/targets", "targets"), toTab("/service-discovery", "discovery"), toTab("/status", "status"), toTab("/tsdb-status", "storage"), toTab("/flags", "config"), toTab("/config", "config"),
  toExplore("/graph"), toExplore("/query"), rulesPage,
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  defaultPendingMs: 200,
  defaultPendingComponent: () => <Waiting height={400} />,
  defaultErrorComponent: Broken,
  scrollRestoration: true,
  stringifySearch: stringifySearchWith(JSON.stringify),
});

declare module "@tanstack/react-router" {
  interface Register { router: typeof router }
}
