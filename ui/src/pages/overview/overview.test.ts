import { describe, expect, it } from "vitest";
import type { Entity, Objectives, TimelineRow } from "@/api/own";
import type { Frame } from "@/api/prometheus";
import { entityChanges, scalingChanges } from "./changes";
import { median, tilesFor } from "./tiles";
import { calmWords, type Part, verdictOf } from "./verdict";

const entity = (id: string, state = "up", more: Partial<Entity> = {}): Entity => ({ entity: id, kind: id.split("/")[0] ?? "", name: id.slice(id.indexOf("/") + 1), state, reason: "", since: 1, dependsOn: [], causedBy: [], sources: [], ...more });
const said = (parts: readonly Part[]) => parts.map((part) => ("sinceMs" in part ? "SINCE" : part.text)).join("");

describe("the verdict", () => {
  it("names the daemon, and what is behind it", () => {
    const verdict = verdictOf([entity("daemon/ai/i", "degraded", { dependsOn: ["provider/polaris"], causedBy: ["provider/polaris"], reason: "provider/polaris is down" }), entity("provider/polaris", "down", { reason: "answered 503" })], [], []);
    expect(verdict.tone).toBe("warn");
    expect(said(verdict.sentence)).toBe("ai has been degraded SINCE, because provider polaris is down: answered 503");
  });

  it("tells the reason where the cause is up by all else, with a way to it", () => {
    const verdict = verdictOf([entity("daemon/ai/i", "degraded", { dependsOn: ["provider/m"], reason: "provider/m is degraded" }), entity("provider/m")], [], []);
    expect(said(verdict.sentence)).toBe("ai has been degraded SINCE: provider/m is degraded");
    expect(verdict.sentence).toContainEqual({ entity: "provider/m", text: "provider/m" });
  });

  it("is not silent about alerts and budgets while all is up", () => {
    const up = [entity("daemon/ai/i"), entity("provider/m")];
    expect(said(verdictOf(up, [], []).sentence)).toBe("All 2 entities are up");
    expect(said(verdictOf(up, [{ severity: "critical", summary: "Disk is full" }], []).sentence)).toBe("All 2 entities are up, but an alert fires: Disk is full");
    const objective = { objective: "a/b", verdict: "exhausted", budgets: [] } as unknown as Objectives[number];
    expect(said(verdictOf(up, [], [objective]).sentence)).toBe("All 2 entities are up, but the budget of a/b is used up");
  });

  it("adds what its sentence does not explain", () => {
    const verdict = verdictOf([entity("daemon/ai/i", "degraded", { reason: "slow" })], [{ severity: "critical", summary: "Disk is full" }, { severity: "critical", summary: "ai is slow", entity: "daemon/ai/i" }], []);
    expect(verdict.also).toBe("Disk is full");
  });

  it("knows nothing where there is nothing", () => expect(verdictOf([], [], []).tone).toBe("unknown"));
});

describe("changes", () => {
  const frame = (series: Frame["series"]): Frame => ({ times: [0, 15, 30, 45], step: 15, series, histograms: [], notes: [] });
  it("of entities are where the state becomes another, not where the series begins", () => {
    const changes = entityChanges(frame([
      { labels: { entity: "tool/a", state: "up" }, name: "", values: [1, 1, null, 1] },
      { labels: { entity: "tool/a", state: "down" }, name: "", values: [null, null, 1, null] },
      { labels: { entity: "tool/b", state: "up" }, name: "", values: [null, null, 1, 1] },
    ]));
    expect(changes.map((change) => [change.timeMs, change.subject, change.words])).toEqual([[30_000, "a", "is down (was up)"], [45_000, "a", "is up again (was down)"]]);
  });

  it("of scaling that follow each other are one", () => {
    const row = (time: number, from: number, to: number) => ({ time, kind: "scaled", fingerprint: "", labels: { scaler: "s" }, detail: { from, to } }) as unknown as TimelineRow;
    const [change, ...rest] = scalingChanges([row(100, 4, 8), row(160, 8, 12), row(200, 12, 6)]);
    expect(rest).toEqual([]);
    expect(`${change?.words ?? ""}, ${change?.more ?? ""}`).toBe("gets 6 workers in place of 4, in 3 steps, between 4 and 12");
  });
});

describe("tiles", () => {
  it("are those whose metrics there are, and generic ones where there are few", () => {
    expect(tilesFor(new Set(["up", "scrape_samples_scraped"]), "5m").map((tile) => tile.id)).toEqual(["up", "samples"]);
    const ai = new Set(["worker_pool_tasks_total", "worker_pool_task_run_seconds_bucket", "worker_pool_tasks_waiting", "gen_ai_client_cost_dollars_total", "up"]);
    expect(tilesFor(ai, "5m").map((tile) => tile.id)).toEqual(["requests", "errors", "time", "cost", "queue"]);
  });
  it("know the median", () => expect(median([null, 3, 1, NaN, 2])).toBe(2));
});

describe("calmWords", () => {
  const objectives = (...verdicts: string[]) => verdicts.map((verdict) => ({ verdict })) as unknown as Objectives;
  it("does not call met what was not counted", () => {
    expect(calmWords(objectives("met", "met"))).toEqual({ tone: "good", text: "2 objectives met" });
    expect(calmWords(objectives("unknown", "met"))).toEqual({ tone: "unknown", text: "1 met, 1 objective not counted yet" });
    expect(calmWords(objectives("unknown", "unknown"))).toEqual({ tone: "unknown", text: "2 objectives not counted yet" });
  });
});
