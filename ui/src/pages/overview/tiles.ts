/** The numbers of a service that are worth a tile: for each the first question whose metrics are there. */

import type { Unit } from "@/lib/units";

export interface Tile { id: string; title: string; unit: Unit; query: string; /** Above it the number is coloured. */ highFrom?: number }

interface Candidate { needs: readonly string[]; query: (window: string) => string; title?: string }
interface Wanted { id: string; title: string; unit: Unit; highFrom?: number; candidates: readonly Candidate[] }

const CALLS = "gen_ai_client_operation_duration_seconds";
const rate = (metric: string, window: string) => `sum(rate(${metric}[${window}]))`;
/** Zero where nothing failed: no series of failures is no failures. */
const share = (failed: string, all: string, window: string) => `(sum(rate(${failed}[${window}])) or vector(0)) / sum(rate(${all}[${window}]))`;
const p95 = (metric: string, window: string) => `histogram_quantile(0.95, sum by (le) (rate(${metric}_bucket[${window}])))`;

const HTTP = "http_server_request_duration_seconds";

const WANTED: readonly Wanted[] = [
  {
    id: "requests", title: "Requests", unit: "per-second",
    candidates: [
      { needs: [`${HTTP}_count`], query: (window) => rate(`${HTTP}_count`, window) },
      { needs: ["http_requests_total"], query: (window) => rate("http_requests_total", window) },
      { needs: ["worker_pool_tasks_total"], query: (window) => rate("worker_pool_tasks_total", window) },
      { needs: [`${CALLS}_count`], title: "Model calls", query: (window) => rate(`${CALLS}_count`, window) },
    ],
  },
  {
    id: "errors", title: "Error share", unit: "ratio", highFrom: 0.05,
    candidates: [
      { needs: [`${HTTP}_count`], query: (window) => share(`${HTTP}_count{http_response_status_code=~"5.."}`, `${HTTP}_count`, window) },
      { needs: ["http_requests_total"], query: (window) => share('http_requests_total{code=~"5.."}', "http_requests_total", window) },
      { needs: [`${CALLS}_count`], title: "Model calls failed", query: (window) => share(`${CALLS}_count{error_type!=""}`, `${CALLS}_count`, window) },
      { needs: ["worker_pool_tasks_total"], query: (window) => share('worker_pool_tasks_total{result="failed"}', "worker_pool_tasks_total", window) },
    ],
  },
  {
    id: "time", title: "Time, p95", unit: "s",
    candidates: [
      { needs: [`${HTTP}_bucket`], query: (window) => p95(HTTP, window) },
      { needs: ["http_request_duration_seconds_bucket"], query: (window) => p95("http_request_duration_seconds", window) },
      { needs: ["worker_pool_task_run_seconds_bucket"], query: (window) => p95("worker_pool_task_run_seconds", window) },
      { needs: [`${CALLS}_bucket`], title: "Model calls, p95", query: (window) => p95(CALLS, window) },
    ],
  },
  {
    id: "first-token", title: "First token, p95", unit: "s",
    candidates: [
      { needs: ["gen_ai_server_time_to_first_token_seconds_bucket"], query: (window) => p95("gen_ai_server_time_to_first_token_seconds", window) },
      { needs: ["gen_ai_client_operation_time_to_first_chunk_seconds_bucket"], query: (window) => p95("gen_ai_client_operation_time_to_first_chunk_seconds", window) },
    ],
  },
  {
    id: "tokens", title: "Tokens", unit: "per-second",
    candidates: [
      { needs: ["gen_ai_client_token_usage_sum"], query: (window) => rate("gen_ai_client_token_usage_sum", window) },
      { needs: ["gen_ai_client_inference_usage_output_tokens_total"], query: (window) => `${rate("gen_ai_client_inference_usage_output_tokens_total", window)} + ${rate("gen_ai_client_inference_usage_input_tokens_total", window)}` },
    ],
  },
  { id: "cost", title: "Cost per hour", unit: "dollars", candidates: [{ needs: ["gen_ai_client_cost_dollars_total"], query: (window) => `${rate("gen_ai_client_cost_dollars_total", window)} * 3600` }] },
  { id: "queue", title: "Queue", unit: "count", candidates: [{ needs: ["worker_pool_tasks_waiting"], query: () => "sum(worker_pool_tasks_waiting)" }] },
  { id: "busy", title: "Workers busy", unit: "ratio", highFrom: 0.95, candidates: [{ needs: ["worker_pool_tasks_running", "worker_pool_workers"], query: () => "sum(worker_pool_tasks_running) / sum(worker_pool_workers)" }] },
];

/** What every server can show of itself and of what it scrapes. */
const GENERIC: readonly Wanted[] = [
  { id: "up", title: "Targets up", unit: "ratio", candidates: [{ needs: ["up"], query: () => "avg(up)" }] },
  { id: "probes", title: "Probes that succeed", unit: "ratio", candidates: [{ needs: ["probe_success"], query: () => "avg(probe_success)" }] },
  { id: "samples", title: "Samples scraped", unit: "count", candidates: [{ needs: ["scrape_samples_scraped"], query: () => "sum(scrape_samples_scraped)" }] },
  { id: "scrape", title: "Slowest scrape", unit: "s", candidates: [{ needs: ["scrape_duration_seconds"], query: () => "max(scrape_duration_seconds)" }] },
  { id: "processors", title: "Processor time", unit: "short", candidates: [{ needs: ["process_cpu_seconds_total"], query: (window) => rate("process_cpu_seconds_total", window) }] },
  { id: "memory", title: "Memory", unit: "bytes", candidates: [{ needs: ["process_resident_memory_bytes"], query: () => "sum(process_resident_memory_bytes)" }] },
];

/** All metrics that tiles may ask for. */
export const TILE_METRICS: readonly string[] = [...new Set([...WANTED, ...GENERIC].flatMap((tile) => tile.candidates.flatMap((one) => one.needs)))];

const TILES = 8;
/** With fewer tiles of a service than this, generic ones stand beside them. */
const ENOUGH = 4;

export function tilesFor(metrics: ReadonlySet<string>, window: string): Tile[] {
  const pick = (wanted: readonly Wanted[]) => wanted.flatMap((tile): Tile[] => {
    const found = tile.candidates.find((one) => one.needs.every((name) => metrics.has(name)));
    return found ? [{ id: tile.id, title: found.title ?? tile.title, unit: tile.unit, query: found.query(window), ...(tile.highFrom === undefined ? {} : { highFrom: tile.highFrom }) }] : [];
  });
  const own = pick(WANTED);
  return (own.length >= ENOUGH ? own : [...own, ...pick(GENERIC)]).slice(0, TILES);
}

/** What it mostly was: the median of what there is. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  return known[Math.floor((known.length - 1) / 2)] ?? null;
}
