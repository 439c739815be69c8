/** Key numbers of entities: which question each kind asks, and whose series an answer's are. */

import type { Labels } from "@/lib/labels";
import type { Frame } from "@/api/prometheus";
import type { Unit } from "@/lib/units";

/** One number of an entity over time. */
export interface EntityNumber { name: string; unit: Unit; values: readonly (number | null)[]; last: number | null; /** Above it is bad enough to be coloured. */ isHigh: boolean }
export type EntityNumbers = ReadonlyMap<string, readonly EntityNumber[]>;

export interface NumberQuestion {
  name: string;
  unit: Unit;
  /** Kinds that it is about: it is asked only where there are some. */
  kinds: readonly string[];
  query: (window: string) => string;
  /** `kind/name` of a series. */
  entityOf: (labels: Labels) => string | null;
  highFrom?: number;
}

const joined = (kind: string, ...parts: readonly (string | undefined)[]) => (parts.every((part) => part !== undefined && part !== "") ? `${kind}/${parts.join("/")}` : null);
const provider = (labels: Labels) => joined("provider", labels["gen_ai_provider_name"]);
const model = (labels: Labels) => joined("model", labels["gen_ai_provider_name"], labels["gen_ai_request_model"]);
const tool = (labels: Labels) => joined("tool", labels["gen_ai_tool_name"]);
const pool = (labels: Labels) => joined("pool", labels["job"], labels["instance"], labels["pool"]);
const daemon = (labels: Labels) => joined("daemon", labels["job"], labels["instance"]);
const host = (labels: Labels) => joined("host", labels["nodename"]);

const CALLS = "gen_ai_client_operation_duration_seconds";
const TOOLS = "gen_ai_execute_tool_duration_seconds";

function calls(metric: string, by: string, kind: string, entityOf: NumberQuestion["entityOf"]): NumberQuestion[] {
  return [
    { name: "calls", unit: "per-second", kinds: [kind], entityOf, query: (window) => `sum by (${by}) (rate(${metric}_count[${window}]))` },
    { name: "failed", unit: "ratio", kinds: [kind], entityOf, highFrom: 0.05, query: (window) => `sum by (${by}) (rate(${metric}_count{error_type!=""}[${window}])) / sum by (${by}) (rate(${metric}_count[${window}]))` },
    { name: "p95", unit: "s", kinds: [kind], entityOf, query: (window) => `histogram_quantile(0.95, sum by (${by}, le) (rate(${metric}_bucket[${window}])))` },
  ];
}

export const QUESTIONS: readonly NumberQuestion[] = [
  ...calls(CALLS, "gen_ai_provider_name", "provider", provider),
  ...calls(CALLS, "gen_ai_provider_name, gen_ai_request_model", "model", model),
  ...calls(TOOLS, "gen_ai_tool_name", "tool", tool),
  { name: "running", unit: "count", kinds: ["pool"], entityOf: pool, query: () => "sum by (job, instance, pool) (worker_pool_tasks_running)" },
  { name: "waiting", unit: "count", kinds: ["pool"], entityOf: pool, query: () => "sum by (job, instance, pool) (worker_pool_tasks_waiting)" },
  { name: "workers", unit: "count", kinds: ["pool"], entityOf: pool, query: () => "sum by (job, instance, pool) (worker_pool_workers)" },
  {
    name: "requests", unit: "per-second", kinds: ["daemon"], entityOf: daemon,
    query: (window) => `sum by (job, instance) (rate(http_server_request_duration_seconds_count[${window}])) or sum by (job, instance) (rate(worker_pool_tasks_total[${window}])) or sum by (job, instance) (rate(${CALLS}_count[${window}]))`,
  },
  { name: "memory", unit: "bytes", kinds: ["daemon"], entityOf: daemon, query: () => "sum by (job, instance) (process_resident_memory_bytes)" },
  { name: "processor", unit: "ratio", kinds: ["host"], entityOf: host, highFrom: 0.9, query: (window) => `max by (nodename) ((1 - avg by (job, instance) (rate(node_cpu_seconds_total{mode="idle"}[${window}]))) * on (job, instance) group_left (nodename) node_uname_info)` },
  { name: "disk", unit: "ratio", kinds: ["host"], entityOf: host, highFrom: 0.9, query: () => 'max by (nodename) ((1 - min by (job, instance) (node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"} / node_filesystem_size_bytes)) * on (job, instance) group_left (nodename) node_uname_info)' },
  { name: "answers in", unit: "s", kinds: ["database", "service"], entityOf: (labels) => labels["entity"] ?? null, query: () => 'max by (entity) (probe_duration_seconds{entity=~"(database|service)/.+"})' },
];

/** A rate's window: five minutes, or a step where that is longer. */
export const rateWindow = (stepS: number) => `${Math.max(300, Math.round(stepS))}s`;

/** Joins answers with the entities that they are of. Questions without an answer are left out. */
export function numbersOf(asked: readonly NumberQuestion[], answers: readonly (Frame | undefined)[]): EntityNumbers {
  const numbers = new Map<string, EntityNumber[]>();
  asked.forEach((question, index) => {
    for (const series of answers[index]?.series ?? []) {
      const id = question.entityOf(series.labels);
      if (id === null) continue;
      const last = newest(series.values);
      const own = numbers.get(id) ?? [];
      own.push({ name: question.name, unit: question.unit, values: series.values, last, isHigh: question.highFrom !== undefined && last !== null && last >= question.highFrom });
      numbers.set(id, own);
    }
  });
  return numbers;
}

/** The last value, where it is not old: within the last three steps. */
export function newest(values: readonly (number | null)[]): number | null {
  for (let index = values.length - 1; index >= Math.max(0, values.length - 3); index -= 1) {
    const value = values[index] ?? null;
    if (value !== null && !Number.isNaN(value)) return value;
  }
  return null;
}
