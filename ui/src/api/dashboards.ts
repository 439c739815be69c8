/** Dashboards: those that are kept, and what an import comes to. The model's types are written from the server's own. */

import { ask, askText } from "./client";
import type { Dashboard, Report } from "../../../docs/spec/dashboard";

export type * from "../../../docs/spec/dashboard";

export interface DashboardOrigin {
  source: "file" | "saved";
  file?: string;
  readOnly: boolean;
  /** How often it was saved; 0 for those of files. */
  version: number;
  /** Seconds since 1970. */
  savedAt?: number;
  /** A user, or the name of a token; null where nobody has to say. */
  savedBy?: string | null;
}
export interface DashboardSummary extends DashboardOrigin { uid: string; title: string; description: string; tags: string[]; panelCount: number }
export interface KeptDashboard extends DashboardOrigin { dashboard: Dashboard }
export interface ImportedDashboard { dashboard: Dashboard; report: Report; isForeign: boolean }
/** Something that is wrong with a dashboard, and where. */
export interface DashboardProblem { path: string; line: number; column: number; message: string }

interface Envelope<T> { data: T }
const BASE = "/api/bellwether/v1/dashboards";
const at = (uid: string) => `${BASE}/${encodeURIComponent(uid)}`;

export const dashboards = async (signal?: AbortSignal) => (await ask<Envelope<{ dashboards: DashboardSummary[] }>>(BASE, { signal })).data.dashboards;
export const oneDashboard = async (uid: string, signal?: AbortSignal) => (await ask<Envelope<KeptDashboard>>(at(uid), { signal })).data;
export const dashboardYaml = async (uid: string, signal?: AbortSignal) => askText(`${at(uid)}/yaml`, { signal });
export const saveDashboard = async (dashboard: Dashboard, version: number) => (await ask<Envelope<KeptDashboard>>(at(dashboard.uid), { method: "PUT", params: { version }, json: dashboard })).data;
export const removeDashboard = async (uid: string, version: number) => ask<unknown>(at(uid), { method: "DELETE", params: { version } });
export const importDashboard = async (text: string) => (await ask<Envelope<ImportedDashboard>>(`${BASE}/import`, { method: "POST", text })).data;
