/** Which charts say most of an entity, by its kind. */

import { quoted, selector } from "@/lib/labels";
import { splitEntity } from "@/components/map/graph";
import type { Unit } from "@/lib/units";

export interface EntityChart { title: string; unit: Unit; queries: readonly { query: string; legend?: string }[]; isStacked?: boolean }

const CALLS = "gen_ai_client_operation_duration_seconds";
const TOOLS = "gen_ai_execute_tool_duration_seconds";

/** Requests, errors, and how long they take. */
function calls(metric: string, labels: Readonly<Record<string, string>>, window: string, noun: string): EntityChart[] {
  const of = (suffix: string) => selector(`${metric}_${suffix}`, labels);
  const failed = of("count").replace(/\}$/, ',error_type!=""}');
  const quantile = (share: number) => ({ query: `histogram_quantile(${share}, sum by (le) (rate(${of("bucket")}[${window}])))`, legend: `p${share * 100}` });
  return [
    { title: `${noun} by outcome`, unit: "per-second", isStacked: true, queries: [{ query: `sum by (error_type) (rate(${of("count")}[${window}]))` }] },
    { title: "Time", unit: "s", queries: [quantile(0.5), quantile(0.95), quantile(0.99)] },
    { title: "Share that failed", unit: "ratio", queries: [{ query: `(sum(rate(${failed}[${window}])) or vector(0)) / sum(rate(${of("count")}[${window}]))`, legend: "failed" }] },
  ];
}

export function entityCharts(id: string, window: string, selectors: readonly string[]): EntityChart[] {
  const { kind, name } = splitEntity(id);
  const last = name.slice(name.lastIndexOf("/") + 1);
  const before = name.slice(0, Math.max(0, name.lastIndexOf("/")));
  const probes: EntityChart = { title: "Time of its probes", unit: "s", queries: [{ query: `avg by (probe) (avg_over_time(probe_duration_seconds{entity=${quoted(id)}}[${window}]))` }] };
  switch (kind) {
    case "provider": return [
      ...calls(CALLS, { gen_ai_provider_name: name }, window, "Calls"),
      { title: "Time to the first chunk, p95", unit: "s", queries: [{ query: `histogram_quantile(0.95, sum by (le, gen_ai_request_model) (rate(${selector("gen_ai_client_operation_time_to_first_chunk_seconds_bucket", { gen_ai_provider_name: name })}[${window}])))` }] },
      { title: "Quota that is left", unit: "ratio", queries: [{ query: `min by (kind) (${selector("gen_ai_client_rate_limit_remaining", { gen_ai_provider_name: name })}) / min by (kind) (${selector("gen_ai_client_rate_limit_limit", { gen_ai_provider_name: name })})` }] },
      { title: "Cost per hour", unit: "dollars", isStacked: true, queries: [{ query: `sum by (gen_ai_request_model) (rate(${selector("gen_ai_client_cost_dollars_total", { gen_ai_provider_name: name })}[${window}])) * 3600` }] },
      probes,
    ];
    case "model": {
      const labels = { gen_ai_provider_name: before, gen_ai_request_model: last };
      return [
        ...calls(CALLS, labels, window, "Calls"),
        { title: "Time to the first chunk", unit: "s", queries: [0.5, 0.95].map((share) => ({ query: `histogram_quantile(${share}, sum by (le) (rate(${selector("gen_ai_client_operation_time_to_first_chunk_seconds_bucket", labels)}[${window}])))`, legend: `p${share * 100}` })) },
        { title: "Tokens", unit: "per-second", isStacked: true, queries: [{ query: `sum by (gen_ai_token_type) (rate(${selector("gen_ai_client_token_usage_sum", labels)}[${window}]))` }] },
        { title: "Cost per hour", unit: "dollars", queries: [{ query: `sum(rate(${selector("gen_ai_client_cost_dollars_total", labels)}[${window}])) * 3600`, legend: "cost" }] },
      ];
    }
    case "tool": return [...calls(TOOLS, { gen_ai_tool_name: name }, window, "Calls"), { title: "Under way", unit: "count", queries: [{ query: `sum(${selector("gen_ai_execute_tool_in_flight", { gen_ai_tool_name: name })})`, legend: "calls" }] }];
    case "pool": {
      const labels = { pool: last, ...owner(before) };
      const of = (metric: string) => selector(metric, labels);
      return [
        { title: "Tasks", unit: "count", queries: [{ query: `sum(${of("worker_pool_tasks_running")})`, legend: "running" }, { query: `sum(${of("worker_pool_tasks_waiting")})`, legend: "waiting" }, { query: `sum(${of("worker_pool_workers")})`, legend: "workers" }] },
        { title: "Tasks by result", unit: "per-second", isStacked: true, queries: [{ query: `sum by (result) (rate(${of("worker_pool_tasks_total")}[${window}]))` }] },
        { title: "Time that tasks wait, p95", unit: "s", queries: [{ query: `histogram_quantile(0.95, sum by (le) (rate(${of("worker_pool_task_wait_seconds_bucket")}[${window}])))`, legend: "waiting" }] },
        { title: "Time that tasks run, p95", unit: "s", queries: [{ query: `histogram_quantile(0.95, sum by (le) (rate(${of("worker_pool_task_run_seconds_bucket")}[${window}])))`, legend: "running" }] },
      ];
    }
    case "host": {
      const node = `* on (job, instance) group_left () node_uname_info{nodename=${quoted(name)}}`;
      return [
        { title: "Processor, busy share", unit: "ratio", queries: [{ query: `(1 - avg by (job, instance) (rate(node_cpu_seconds_total{mode="idle"}[${window}]))) ${node}`, legend: "busy" }] },
        { title: "Memory in use", unit: "ratio", queries: [{ query: `(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) ${node}`, legend: "used" }] },
        { title: "Disks in use", unit: "ratio", queries: [{ query: `max by (mountpoint) ((1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"} / node_filesystem_size_bytes) ${node})` }] },
        { title: "Load over one minute", unit: "short", queries: [{ query: `node_load1 ${node}`, legend: "load" }] },
      ];
    }
    case "daemon": {
      const labels = owner(name);
      const of = (metric: string) => selector(metric, labels);
      return [
        { title: "Requests by result", unit: "per-second", isStacked: true, queries: [{ query: `sum by (http_response_status_code) (rate(${of("http_server_request_duration_seconds_count")}[${window}])) or sum by (result) (rate(${of("worker_pool_tasks_total")}[${window}]))` }] },
        { title: "Time of requests, p95", unit: "s", queries: [{ query: `histogram_quantile(0.95, sum by (le) (rate(${of("http_server_request_duration_seconds_bucket")}[${window}])) or sum by (le) (rate(${of("worker_pool_task_run_seconds_bucket")}[${window}])))`, legend: "p95" }] },
        { title: "Calls of providers that failed", unit: "ratio", queries: [{ query: `sum by (gen_ai_provider_name) (rate(${of(`${CALLS}_count`).replace(/\}$/, ',error_type!=""}')}[${window}])) / sum by (gen_ai_provider_name) (rate(${of(`${CALLS}_count`)}[${window}]))` }] },
        { title: "Memory", unit: "bytes", queries: [{ query: of("process_resident_memory_bytes"), legend: "resident" }] },
        { title: "Processor seconds a second", unit: "short", queries: [{ query: `rate(${of("process_cpu_seconds_total")}[${window}])`, legend: "processor" }] },
        probes,
      ];
    }
    default: return [probes, ...selectors.slice(0, 1).flatMap((one): EntityChart[] => [{ title: "Answers to scrapes", unit: "short", queries: [{ query: `up${one}` }] }])];
  }
}

/** Of `job/instance`, the labels. */
function owner(name: string): Record<string, string> {
  const at = name.indexOf("/");
  return at < 0 ? { job: name } : { job: name.slice(0, at), instance: name.slice(at + 1) };
}
