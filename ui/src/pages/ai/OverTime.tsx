/** Charts of all calls over time, below the tables. */

import { useMemo } from "react";
import { durationText } from "@/lib/duration";
import { useRange } from "@/state/range";
import { stepFor } from "@/api/prometheus";
import type { Catalog } from "./catalog";
import { counterRate, gauge, headroom, heatOf, quantileOf, rateOf, tokenRate } from "./queries";
import { ExploreLink } from "@/components/ai/ExploreLink";
import { namedBy, TimeChart } from "@/components/ai/TimeChart";

/** How far each rate of a chart looks back: two minutes, or a step where that is longer. */
export function usePace(points = 240): { text: string } {
  const { fromS, toS } = useRange();
  const seconds = Math.max(120, stepFor(fromS, toS, points));
  return useMemo(() => ({ text: durationText(seconds * 1000) }), [seconds]);
}

export function ModelCharts({ catalog }: { catalog: Catalog }) {
  const pace = usePace();
  const { provider, model, error } = catalog.dimensions;
  const { calls, firstToken, cost } = catalog;
  const shapes = useMemo(() => ({ provider: namedBy(provider, "unnamed"), model: namedBy(model, "unnamed"), error: namedBy(error) }), [provider, model, error]);
  const input = tokenRate(catalog, "input", { by: [model] }, pace);
  const output = tokenRate(catalog, "output", { by: [model] }, pace);
  const room = headroom(catalog, { by: [provider] }, null);
  return (
    <div className="grid">
      {calls && <TimeChart title="Calls by provider" query={rateOf(calls, { by: [provider] }, pace)} unit="per-second" stacked shape={shapes.provider} more={<ExploreLink query={heatOf(calls, {}, pace)} view="heat" label="Heat map of durations">Heat map</ExploreLink>} />}
      {calls && <TimeChart title="Failures by type" query={rateOf(calls, { by: [error], isNamed: true }, pace)} unit="per-second" stacked shape={shapes.error} />}
      {calls && <TimeChart title="Duration by provider" hint="p95" query={quantileOf(0.95, calls, { by: [provider] }, pace)} unit="s" shape={shapes.provider} />}
      {firstToken && <TimeChart title="First token by provider" hint="p95" query={quantileOf(0.95, firstToken, { by: [provider] }, pace)} unit="s" shape={shapes.provider} />}
      {input && <TimeChart title="Tokens read by model" hint="a second" query={input} unit="tokens" stacked shape={shapes.model} />}
      {output && <TimeChart title="Tokens written by model" hint="a second" query={output} unit="tokens" stacked shape={shapes.model} />}
      {cost && <TimeChart title="Cost by model" hint="an hour" query={`${counterRate(cost, { by: [model] }, pace)} * 3600`} unit="dollars" stacked shape={shapes.model} />}
      {room && <TimeChart title="Rate limit left by provider" hint="the tightest of its limits" query={room} unit="ratio" max={1} shape={shapes.provider} />}
    </div>
  );
}

export function ToolCharts({ catalog }: { catalog: Catalog }) {
  const pace = usePace();
  const { tool, method, error } = catalog.dimensions;
  const shapes = useMemo(() => ({ tool: namedBy(tool, "unnamed"), method: namedBy(method, "unnamed") }), [tool, method]);
  const called = catalog.tool;
  return (
    <div className="grid">
      {called && <TimeChart title="Calls by tool" query={rateOf(called, { by: [tool] }, pace)} unit="per-second" stacked shape={shapes.tool} more={<ExploreLink query={heatOf(called, {}, pace)} view="heat" label="Heat map of durations of tools">Heat map</ExploreLink>} />}
      {called && <TimeChart title="Duration by tool" hint="p95" query={quantileOf(0.95, called, { by: [tool] }, pace)} unit="s" shape={shapes.tool} />}
      {called && <TimeChart title="Failures by tool" query={rateOf(called, { by: [tool], having: error }, pace)} unit="per-second" stacked shape={shapes.tool} />}
      {catalog.mcp && <TimeChart title="MCP operations by method" query={rateOf(catalog.mcp, { by: [method] }, pace)} unit="per-second" stacked shape={shapes.method} />}
      {catalog.mcp && <TimeChart title="MCP duration by method" hint="p95" query={quantileOf(0.95, catalog.mcp, { by: [method] }, pace)} unit="s" shape={shapes.method} />}
    </div>
  );
}

export function SessionCharts({ catalog }: { catalog: Catalog }) {
  const pace = usePace();
  const { sockets, socketMessages, socketBytes, roundTrip, session } = catalog;
  const direction = useMemo(() => namedBy("direction", "messages"), []);
  const whole = useMemo(() => namedBy("", "p95"), []);
  return (
    <div className="grid">
      {sockets && <TimeChart title="Open sockets" query={gauge("sum", sockets, { by: ["job", "instance"] })} unit="count" />}
      {roundTrip && <TimeChart title="Round trip" hint="p95 of a ping and its answer" query={quantileOf(0.95, roundTrip, { by: [] }, pace)} unit="s" shape={whole} />}
      {socketMessages && <TimeChart title="Messages" query={counterRate(socketMessages, { by: ["direction"] }, pace)} unit="per-second" shape={direction} />}
      {socketBytes && <TimeChart title="Bytes" query={counterRate(socketBytes, { by: ["direction"] }, pace)} unit="bytes/s" shape={direction} />}
      {session && <TimeChart title="How long sessions last" hint="p95 of those that ended" query={quantileOf(0.95, session, { by: [] }, pace)} unit="s" shape={whole} more={<ExploreLink query={heatOf(session, {}, pace)} view="heat" label="Heat map of sessions">Heat map</ExploreLink>} />}
      {session && <TimeChart title="Sessions that ended" hint="by how they were closed" query={rateOf(session, { by: ["code"] }, pace)} unit="per-second" stacked />}
    </div>
  );
}
