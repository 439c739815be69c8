/** What the pages of health ask, and what they change. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { amAlerts } from "@/api/alertmanager";
import { useNowQuery } from "@/api/hooks";
import { type Got, get, send } from "@/api/own";

export { useEntities } from "@/api/entities";

export type Probe = Got<"/api/bellwether/v1/probes">["probes"][number];
export type Check = NonNullable<Probe["history"]>[number];
export type CheckResult = NonNullable<Probe["last"]>;
export type Phase = CheckResult["phases"][number];
export type Maintenance = Got<"/api/bellwether/v1/maintenance">["maintenance"][number];
export type WholeEntity = Got<"/api/bellwether/v1/entities/{entity}">;

export const useProbes = () => useNowQuery(["probes"], async (signal) => (await get("/api/bellwether/v1/probes", { signal })).probes, { everyMs: 10_000 });
export const useProbe = (probe: string) => useNowQuery(["probes", probe], (signal) => get("/api/bellwether/v1/probes/{probe}", { path: { probe }, signal }), { everyMs: 10_000 });
export const useEntity = (entity: string) => useNowQuery(["entities", entity], (signal) => get("/api/bellwether/v1/entities/{entity}", { path: { entity }, signal }));
export const useMaintenance = () => useNowQuery(["maintenance"], async (signal) => (await get("/api/bellwether/v1/maintenance", { signal })).maintenance);
export const useAlerts = () => useNowQuery(["alerts", "all"], amAlerts);

/** One more look, beside the schedule. */
export function useCheck(probe: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => send("post", "/api/bellwether/v1/probes/{probe}/check", { path: { probe } }),
    onSettled: () => void client.invalidateQueries({ queryKey: ["now", "probes"] }),
  });
}

export interface WantedMaintenance { reason: string; probes: string[]; start?: string; end?: string; duration?: string }

function useMaintenanceChange<T>(change: (wanted: T) => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => void client.invalidateQueries({ predicate: ({ queryKey: [scope, key] }) => scope === "now" && (key === "maintenance" || key === "probes" || key === "alerts") }),
  });
}
export const useBegin = () => useMaintenanceChange((json: WantedMaintenance) => send("post", "/api/bellwether/v1/maintenance", { json }));
export const useEnd = () => useMaintenanceChange((id: number) => send("delete", "/api/bellwether/v1/maintenance/{number}", { path: { number: String(id) } }));

/** Whether a window covers a probe: names, in which a * stands for any characters. */
export function covers(window: Maintenance, probe: string): boolean {
  return window.probes.some((pattern) => new RegExp(`^${pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*")}$`).test(probe));
}
