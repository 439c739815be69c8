/** What the server tells of itself: targets and their relabelling, storage, configuration, its queries. */

import type { Labels } from "@/lib/labels";
import { ApiError, ask, askText } from "./client";
import type { NameCount } from "./prometheus";

interface Envelope<T> { data: T }
const data = async <T>(path: string, params: Readonly<Record<string, string | number | undefined>>, signal?: AbortSignal) => (await ask<Envelope<T>>(path, { params, signal })).data;

export interface RelabelRule { source_labels?: string[]; separator?: string; regex?: string; modulus?: number; target_label?: string; replacement?: string; action: string }
/** Labels after a rule; `keep` is false from the rule on that dropped the target. */
export interface RelabelStep { rule: RelabelRule; output: Labels; keep: boolean }

/** What each rule of a job makes of labels, one after the other. */
export const relabelSteps = async (pool: string, labels: Labels, signal?: AbortSignal) =>
  (await ask<Envelope<{ steps: RelabelStep[] }>>("/api/v1/targets/relabel_steps", { params: { scrapePool: pool, labels: JSON.stringify(labels) }, signal })).data.steps;

export const scrapePools = async (signal?: AbortSignal) => (await data<{ scrapePools: string[] }>("/api/v1/scrape_pools", {}, signal)).scrapePools;
export const poolConfig = async (pool: string, signal?: AbortSignal) => (await data<{ yaml: string }>("/api/v1/scrape_pools/config", { scrapePool: pool }, signal)).yaml;

export interface Block { ulid: string; minTime: number; maxTime: number; stats: { numSamples?: number; numSeries?: number; numChunks?: number; numBytes?: number }; compaction?: { level?: number } }
export const blocks = async (signal?: AbortSignal) => (await data<{ blocks: Block[] | null }>("/api/v1/status/tsdb/blocks", {}, signal)).blocks ?? [];
export const walReplay = (signal?: AbortSignal) => data<{ min: number; max: number; current: number }>("/api/v1/status/walreplay", {}, signal);
export const features = (signal?: AbortSignal) => data<Record<string, Record<string, boolean>>>("/api/v1/features", {}, signal);

export interface Notification { text: string; date: string; active: boolean }
export const notifications = (signal?: AbortSignal) => data<Notification[]>("/api/v1/notifications", {}, signal);

export interface ServerStatus {
  state: string;
  version: string;
  revision?: string;
  /** Seconds since 1970. */
  startedAt?: number;
  targets?: { up: number; down: number; unknown: number };
  storage?: {
    headSeries: number; headLabelPairs: number; headChunks: number; headMinTime: number; headMaxTime: number; blocks: number; diskBytes: number; memoryBytes: number; memoryLimitBytes: number;
    seriesByMetric: NameCount[]; valuesByLabel: NameCount[]; seriesByPair: NameCount[]; seriesBySource?: NameCount[];
  };
}
export const serverStatus = async (signal?: AbortSignal): Promise<ServerStatus> => {
  const answer = await ask<ServerStatus | Envelope<ServerStatus>>("/api/bellwether/v1/status", { signal });
  return "data" in answer ? answer.data : answer;
};

/** Changes something that answers with text or nothing; what went wrong may still be told as JSON. */
async function change(path: string, method: "POST" | "DELETE"): Promise<void> {
  try {
    await askText(path, { method });
  } catch (error) {
    if (!(error instanceof ApiError) || !error.message.startsWith("{")) throw error;
    let words = error.message;
    try {
      const told = JSON.parse(words) as { error?: unknown };
      if (typeof told.error === "string") words = told.error;
    } catch {
      // Cut or not JSON after all: it is shown as it came.
    }
    throw new ApiError(words, error.status);
  }
}

/** Reads the configuration anew; throws what is wrong with it. */
export const reload = () => change("/-/reload", "POST");

interface AskedQuery {
  id: number;
  text: string;
  /** Seconds since 1970. */
  started: number;
  kind: "instant" | "range";
  start: number;
  end: number;
  step: number | null;
  address: string | null;
  user: string | null;
  seconds: number;
}
export interface RunningQuery extends AskedQuery { state: "waiting" | "running" }
export interface FinishedQuery extends AskedQuery { queueSeconds: number; evalSeconds: number; samples: number; series: number; results: number; error: { type: string; text: string } | null }
export interface QueryTally { text: string; count: number; errors: number; samples: number; totalSeconds: number; maxSeconds: number; last: number }
export interface QueryLog { running: RunningQuery[]; finished: FinishedQuery[]; heaviest: QueryTally[] }

export const queryLog = async (signal?: AbortSignal): Promise<QueryLog> => {
  const answer = await ask<QueryLog | Envelope<QueryLog>>("/api/bellwether/v1/queries", { params: { limit: 200, heaviest: 50 }, signal });
  return "data" in answer ? answer.data : answer;
};
export const cancelQuery = (id: number) => change(`/api/bellwether/v1/queries/${id}`, "DELETE");
