/** What decisions about pools say of themselves, in words. */

import type { Scalers } from "@/api/own";
import type { Tone } from "@/components/State";
import { spokenDuration } from "@/lib/duration";
import { cut } from "@/lib/text";
import { formatValue } from "@/lib/units";

export type Scaler = Scalers[number];
export type Decided = NonNullable<Scaler["decided"]>;

/** Numbers of an object whose keys the server chooses; what it does not know is null. */
export function numbersOf(given: object | null | undefined): [string, number | null][] {
  return Object.entries(given ?? {}).flatMap(([name, value]): [string, number | null][] => (typeof value === "number" || value === null ? [[name, value]] : []));
}

/** What each rule looks at. */
const RULES: Readonly<Record<string, [string, string]>> = {
  predicted: ["predicted", "the load that there will be when a new worker is ready, with room for bursts"],
  backlog: ["backlog", "what a new worker would still find waiting"],
  in_flight: ["in flight", "work that runs or waits"],
  utilisation: ["utilisation", "busy places of those that are ready"],
  latency: ["latency", "the wanted response time"],
  tokens: ["tokens", "tokens a second over those of a worker"],
  gpu_cache: ["GPU cache", "memory for keys and values"],
  queue: ["queue", "what waits"],
};
export const ruleName = (rule: string): string => RULES[rule]?.[0] ?? cut(rule.replaceAll("_", " "), 40);
export const ruleText = (rule: string): string => RULES[rule]?.[1] ?? "";

const REASONS: Readonly<Record<string, [string, Tone]>> = {
  rule: ["by a rule", "info"], steady: ["steady", "good"], held: ["held", "warn"], floor: ["floor", "warn"], not_down_blind: ["held, partly blind", "warn"], not_down_yet: ["waits to shrink", "unknown"],
  dead_band: ["too little less", "unknown"], step_up: ["step up limited", "info"], step_down: ["step down limited", "unknown"], min: ["lower bound", "unknown"], max: ["upper bound", "bad"], budget_low: ["budget low", "warn"], idle: ["idle", "unknown"],
};
export const reasonWord = (reason: string): string => REASONS[reason]?.[0] ?? cut(reason.replaceAll("_", " "), 40);
export const reasonTone = (reason: string): Tone => REASONS[reason]?.[1] ?? "unknown";

/** Decisions that were made without some signal. */
const BLIND = new Set(["held", "floor", "not_down_blind"]);
export const isBlind = (reason: string | undefined): boolean => reason !== undefined && BLIND.has(reason);

export interface Said { because: string; seen: string }

/** A decision's sentence, taken apart: what settled it, and what was seen. */
export function said(text: string): Said {
  const rest = text.replace(/^\d+ workers? \(set to \d+, \d+ ready\): /, "");
  const cut = /; (?:wanted|seen): /.exec(rest);
  const because = cut ? rest.slice(0, cut.index) : rest;
  return { because, seen: /; seen: (.*)$/.exec(rest)?.[1] ?? "" };
}

const SIGNALS: Readonly<Record<string, string>> = {
  busy: "busy", waiting: "waiting", offered_load: "offered load", service_time: "time a request", latency_p95: "p95 latency", tokens_per_second: "tokens", gpu_cache_use: "GPU cache", budget_left: "error budget left", in_flight: "in flight", instances: "processes", silent: "silent reporters", workers: "set", ready: "ready",
};
export const signalName = (signal: string): string => SIGNALS[signal] ?? cut(signal.replaceAll("_", " "), 40);

export function signalValue(signal: string, value: number | null): string {
  if (value === null) return "–";
  if (signal === "service_time" || signal === "latency_p95") return formatValue(value, "s");
  if (signal === "gpu_cache_use" || signal === "budget_left") return formatValue(value, "ratio");
  if (signal === "tokens_per_second") return formatValue(value, "per-second");
  return formatValue(value, "short");
}

export const workersText = (count: number): string => `${count.toLocaleString("en")} worker${count === 1 ? "" : "s"}`;

/** Why there are so many, in whole sentences. */
export function whySo(scaler: Scaler, decided: Decided): string[] {
  const { because } = said(decided.text ?? "");
  const wants = numbersOf(decided.wanted).filter((want): want is [string, number] => want[1] !== null).sort(([, a], [, b]) => b - a);
  const most = wants[0];
  const sentences: string[] = [];
  const wanted = most ? Math.ceil(most[1] - 1e-9) : null;
  const lead = most ? `Of ${wants.length === 1 ? "one rule" : `${wants.length} rules`}, ${ruleName(most[0])} wants the most: ${wanted ?? 0}, by ${ruleText(most[0]) || "its signals"}.` : "";
  switch (decided.reason) {
    case "rule": sentences.push(lead); break;
    case "steady": sentences.push(`${lead} That is what there is.`); break;
    case "not_down_yet": sentences.push(`${lead} The pool is larger for now: it shrinks only after fewer were enough for a while, to the most that was wanted in that time.`); break;
    case "dead_band": sentences.push(`${lead} So few fewer are not worth a change.`); break;
    case "step_up": sentences.push(`${lead} It grows in steps, and this is the largest one.`); break;
    case "step_down": sentences.push(`${lead} It shrinks in steps, and this is the largest one.`); break;
    case "min": sentences.push(`${lead} There are never fewer than ${scaler.min}.`); break;
    case "max": sentences.push(`${lead} There are never more than ${scaler.max}.`); break;
    case "budget_low": sentences.push("Little of the error budget is left, so that no worker is taken away."); break;
    case "idle": sentences.push("Nothing was served, waited or came for the time after which the pool may rest."); break;
    case "held": sentences.push("No rule can say anything, since signals are missing: the last decision stands. A signal that is not there is never a zero."); break;
    case "floor": sentences.push("There were no signals for too long: one step to the floor, and none more before they are back."); break;
    case "not_down_blind": sentences.push(`${lead} Some signals are missing, so no worker is taken away.`); break;
    default: if (because) sentences.push(`${because.charAt(0).toUpperCase()}${because.slice(1)}.`);
  }
  if (scaler.startUp > 0) sentences.push(`A new worker takes ${spokenDuration(scaler.startUp)} to start${scaler.slotsPerWorker > 1 ? `, and serves ${scaler.slotsPerWorker} requests at a time` : ""}.`);
  return sentences.map((sentence) => sentence.trim()).filter((sentence) => sentence !== "");
}

export const EXAMPLE = `scaling:
  - name: agents
    signals:
      busy: sum(agent_requests_running)
      waiting: sum(agent_requests_queued)
      workers: kube_deployment_spec_replicas{deployment="agents"}
      ready: kube_deployment_status_replicas_ready{deployment="agents"}
    start_up: 60s
    min: 2
    max: 40
    dry_run: true       # decide and show, tell nobody
    targets:
      keda: { name: agents, namespace: prod }`;
