/** Alertmanager's API and what ours adds to it: alerts, silences, acknowledgements, evidence. */

import type { Labels } from "@/lib/labels";
import { quoted } from "@/lib/labels";
import { ApiError, ask } from "./client";
import { send } from "./own";

export interface AmAlert {
  fingerprint: string;
  labels: Labels;
  annotations: Labels;
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  generatorURL?: string;
  receivers: { name: string }[];
  status: { state: "active" | "suppressed" | "unprocessed"; silencedBy: string[]; inhibitedBy: string[]; mutedBy: string[] };
}

export const amAlerts = (signal?: AbortSignal) => ask<AmAlert[]>("/am/api/v2/alerts", { signal });

/** `=`, `!=`, `=~`, `!~` as Alertmanager writes them. */
export interface Matcher { name: string; value: string; isRegex: boolean; isEqual: boolean }

export interface Silence {
  id: string;
  matchers: Matcher[];
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  createdBy: string;
  comment: string;
  status: { state: "active" | "pending" | "expired" };
}

export const silences = (signal?: AbortSignal) => ask<Silence[]>("/am/api/v2/silences", { signal });

export interface WantedSilence { id?: string; matchers: Matcher[]; startsAt: string; endsAt: string; createdBy: string; comment: string }

/** Silences, and gives the id; with an `id`, changes that one. */
export const silence = async (wanted: WantedSilence) => (await ask<{ silenceID: string }>("/am/api/v2/silences", { json: wanted })).silenceID;

export const expire = (id: string) => ask<unknown>(`/am/api/v2/silence/${encodeURIComponent(id)}`, { method: "DELETE" });

export const operatorOf = (matcher: Matcher) => (matcher.isEqual ? (matcher.isRegex ? "=~" : "=") : matcher.isRegex ? "!~" : "!=");

export const matcherText = (matcher: Matcher) => `${matcher.name}${operatorOf(matcher)}${quoted(matcher.value)}`;

/** What a silence would hide now, and would have hidden in the last day. */
export interface Hidden { alerts: { fingerprint: string; labels: Labels }[]; hiddenCount: number; activeCount: number | null; warning: string | null; past: { firings: number; byAlertname: { alertname: string; firings: number }[] } | null }

/** Asks what a silence would hide; a server without a preview is asked for the alerts that its matchers find. */
export async function previewSilence(matchers: readonly Matcher[], signal?: AbortSignal): Promise<Hidden> {
  try {
    return (await ask<{ data: Hidden }>("/api/bellwether/v1/silences/preview", { json: { matchers }, signal })).data;
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 405)) throw error;
  }
  const found = await ask<AmAlert[]>("/am/api/v2/alerts", { params: { filter: matchers.map(matcherText) }, signal });
  return { alerts: found, hiddenCount: found.length, activeCount: null, warning: null, past: null };
}

/** Says that somebody is on an alert. `until` in seconds since 1970. */
export const acknowledge = (wanted: { fingerprint: string; by: string; comment?: string; until?: number }) => send("post", "/api/bellwether/v1/acknowledgements", { json: wanted });

export const takeBack = (fingerprint: string, by: string) => send("delete", "/api/bellwether/v1/acknowledgements/{fingerprint}", { path: { fingerprint }, params: { by } });

/** A float, or a text where JSON has no number for it. */
export type Float = number | "NaN" | "+Inf" | "-Inf";

export const float = (value: Float | null | undefined): number | null =>
  value === null || value === undefined ? null : value === "+Inf" ? Infinity : value === "-Inf" ? -Infinity : Number(value);

export type Points = [number, Float][];
export interface EvidenceOperand { query: string; constant?: Float; lines: { labels: Labels; isOwn: boolean; points: Points }[]; leftOut: number }
export interface EvidenceMover { operand: number; label: string; addsUp?: boolean; score: number; values: { value: string; before?: Float | null; now?: Float | null; share: number }[]; leftOut: number }
export interface EvidenceTarget { job: string; instance: string; url: string; health: string; lastError: string; lastScrape: number; lastScrapeSeconds: number; up: Points }
export interface EvidenceEntity { entity: string; state: string; reason?: string; since?: number; causedBy?: string[] }

/** What there was to be seen when an alert fired. Times are milliseconds. */
export interface Evidence {
  id: string;
  alert: { labels: Labels; annotations: Labels; value: Float; activeAt: number; firedAt: number };
  rule: { name: string; group: string; file: string; line: number; query: string; forSeconds: number };
  gatheredAt: number;
  gatheredInSeconds: number;
  operands: EvidenceOperand[];
  comparisons: { left: number; operator: string; right: number }[];
  movers: EvidenceMover[];
  exemplars: { series: Labels; labels: Labels; value: Float; time: number }[];
  neighbours: { labels: Labels; summary: string; startsAt: number; shared: string[] }[];
  targets: EvidenceTarget[];
  entities?: EvidenceEntity[];
  gaps: string[];
}

/** The document of a firing; null while it is being gathered. */
export async function evidence(id: string, signal?: AbortSignal): Promise<Evidence | null> {
  const answer = await ask<Evidence | { status: string }>(`/api/bellwether/v1/evidence/${encodeURIComponent(id)}`, { signal });
  return "operands" in answer ? answer : null;
}

/** The fingerprint of labels, as Alertmanager computes it: FNV-1a of names and values with 0xff behind each. */
export function fingerprintOf(labels: Labels): string {
  const encoder = new TextEncoder();
  let hash = 0xcbf29ce484222325n;
  const add = (byte: number) => { hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n); };
  const bytes = (text: string) => { encoder.encode(text).forEach(add); add(0xff); };
  for (const name of Object.keys(labels).sort()) {
    bytes(name);
    bytes(labels[name] ?? "");
  }
  return hash.toString(16).padStart(16, "0");
}
