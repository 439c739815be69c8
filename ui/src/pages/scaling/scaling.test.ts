import { describe, expect, it } from "vitest";
import { costOf, workerTime } from "./cost";
import { numbersOf, said, type Scaler, whySo } from "./words";

describe("a decision's sentence", () => {
  const text = "63 workers (set to 56, 56 ready): 58 would do now, the recent past wanted more or is too short; wanted: predicted 57.5, backlog 35.7; seen: busy slots 45, waiting requests 0";
  it("is taken apart", () => {
    expect(said(text)).toEqual({ because: "58 would do now, the recent past wanted more or is too short", seen: "busy slots 45, waiting requests 0" });
    expect(said("1 worker (set to 1, 1 ready): the lower bound").because).toBe("the lower bound");
    expect(said("something else")).toEqual({ because: "something else", seen: "" });
  });
});

describe("why so many", () => {
  const scaler = { name: "a", labels: {}, dryRun: false, min: 2, max: 8, slotsPerWorker: 1, interval: 15, startUp: 30, turnedAt: 0, decided: null, problems: [], targets: { keda: null, externalMetric: null, sdk: false } } satisfies Scaler;
  const decided = (reason: string) => ({ number: 1, workers: 5, time: 0, reason, text: "", wanted: { backlog: 3.1, predicted: 4.2 } as object as Record<string, never> });
  it("names the rule that wants the most, rounded up", () => expect(whySo(scaler, decided("rule"))[0]).toContain("predicted wants the most: 5"));
  it("says that a missing signal is no zero", () => expect(whySo(scaler, decided("held"))[0]).toContain("never a zero"));
  it("names the bound", () => expect(whySo(scaler, decided("max"))[0]).toContain("never more than 8"));
});

it("unknown wants stay unknown", () => expect(numbersOf({ a: 1, b: null, c: "x" })).toEqual([["a", 1], ["b", null]]));

it("cost is counted where it is known", () => {
  const cost = costOf(10, 2, { ready: [2, null, 4], desired: [3, 3, 4], busy: [4, 4, 2], waiting: [1, 1, 0] });
  expect(cost).toEqual({ measured: 20, ready: 60, wanted: 70, busy: 30, short: 10, waiting: 10, most: 4 });
  expect(workerTime(12_345)).toBe("3.43 h");
});
