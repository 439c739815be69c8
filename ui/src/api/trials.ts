/** What would be: rules tried on what is stored, and alerts and outages that are only thought. */

import type { Labels } from "@/lib/labels";
import { ask } from "./client";

export interface Episode { labels: Labels; start: number; fired: number | null; end: number | null; value: number | null }

export interface BacktestedRule {
  file: string;
  group: string;
  rule: string;
  type: "alerting" | "recording";
  turns: number;
  failedTurns: number;
  firstError: string | null;
  samples: number;
  fired: number;
  pendingOnly: number;
  firingSeconds: number;
  longestSeconds: number;
  episodes: Episode[];
}
export interface Backtest { start: number; end: number; evaluations: number; rules: BacktestedRule[] }

export type WantedBacktest = { start: number; end: number } & ({ rules: string } | { group: string; file?: string; rule?: string });

export const backtest = async (wanted: WantedBacktest, signal?: AbortSignal) => (await ask<{ data: Backtest }>("/api/bellwether/v1/backtests", { json: wanted, signal })).data;

export interface SimulatedAlert { labels: Labels; annotations: Labels; group: string; file: string; for: number }
export interface SimulationStep { time: number; after: number; kind: string; labels: Labels; text: string; receiver: string; texts: Labels }
export interface Simulation { id: string; begun: number; page: boolean; over: boolean; alerts: SimulatedAlert[]; steps?: SimulationStep[] }
export interface Outage {
  begun: number;
  duration: number;
  targets: { labels: Labels; alerts: string[]; told: boolean }[];
  alerts: (SimulatedAlert & { active_after: number; fired_after: number | null; told_after: number | null })[];
  anyway: number;
  lost: Labels[];
  failed: { rule: string; error: string }[];
  steps: SimulationStep[];
  simulation: string | null;
}

export interface WantedAlert { type: "alert"; name: string; labels: Labels; value: number; for: string; page: boolean; fast: boolean }
export interface WantedOutage { type: "outage"; targets: string[]; for: string; page: boolean }

const PATH = "/api/bellwether/v1/simulations";
export const simulateAlert = async (wanted: WantedAlert) => (await ask<{ data: Simulation }>(PATH, { json: wanted })).data;
export const simulateOutage = async (wanted: WantedOutage) => (await ask<{ data: Outage }>(PATH, { json: wanted })).data;
export const simulations = async (signal?: AbortSignal) => (await ask<{ data: { simulations: Simulation[] } }>(PATH, { signal })).data.simulations;
export const simulation = async (id: string, signal?: AbortSignal) => (await ask<{ data: Simulation }>(`${PATH}/${encodeURIComponent(id)}`, { signal })).data;
export const endSimulation = async (id: string) => (await ask<{ data: Simulation }>(`${PATH}/${encodeURIComponent(id)}`, { method: "DELETE" })).data;
