/** Where one can go. */

import { IconArrowsMaximize, IconBell, IconChartLine, IconCpu, IconHeartbeat, IconLayoutDashboard, IconMap2, type IconProps, IconSparkles, IconTarget, IconTelescope } from "@tabler/icons-react";
import type { ComponentType } from "react";

export interface Place { to: string; name: string; icon: ComponentType<IconProps>; key: string; says: string }

/** Where one can go, in the order of the navigation. `key` is what is pressed after g. */
export const PLACES: readonly Place[] = [
  { to: "/", name: "Overview", icon: IconMap2, key: "o", says: "how everything is" },
  { to: "/explore", name: "Explore", icon: IconChartLine, key: "e", says: "ask in PromQL" },
  { to: "/ai", name: "AI", icon: IconSparkles, key: "i", says: "providers, models, tools, tokens" },
  { to: "/alerts", name: "Alerts", icon: IconBell, key: "a", says: "what fires, rules, silences" },
  { to: "/health", name: "Health", icon: IconHeartbeat, key: "h", says: "probes, entities, maintenance" },
  { to: "/objectives", name: "Objectives", icon: IconTarget, key: "b", says: "budgets and who spends them" },
  { to: "/forecasts", name: "Forecasts", icon: IconTelescope, key: "f", says: "what will be, and what runs out" },
  { to: "/scaling", name: "Scaling", icon: IconArrowsMaximize, key: "s", says: "pools and why they are so large" },
  { to: "/dashboards", name: "Dashboards", icon: IconLayoutDashboard, key: "d", says: "pictures that are kept" },
  { to: "/system", name: "System", icon: IconCpu, key: "y", says: "targets, storage, configuration" },
];

/** A link to another page looks at the same time. */
export function keepTimes<T extends { from?: string | undefined; to?: string | undefined; refresh?: number | undefined }>(old: T): { from?: string; to?: string; refresh?: number } {
  return { ...(old.from ? { from: old.from } : {}), ...(old.to ? { to: old.to } : {}), ...(old.refresh === undefined ? {} : { refresh: old.refresh }) };
}
