import { describe, expect, it } from "vitest";
import { durationChange, factorText, failureChange, worst } from "./compare";

describe("failureChange", () => {
  it("is sure of a rise in many calls", () => {
    const change = failureChange({ now: 80, before: 8 }, { now: 1000, before: 1000 });
    expect(change.factor).toBeCloseTo(10);
    expect(change.isSure).toBe(true);
    expect(change.score).toBeGreaterThan(2);
  });
  it("is not sure of one failure in few calls", () => {
    const change = failureChange({ now: 1, before: 0 }, { now: 10, before: 10 });
    expect(change.factor).toBe(Infinity);
    expect(change.isSure).toBe(false);
    expect(change.score).toBeLessThan(1.5);
  });
  it("says nothing of what did not run before", () => expect(failureChange({ now: 1, before: null }, { now: 10, before: null }).factor).toBeNull());
  it("says the same where nothing failed", () => expect(failureChange({ now: 0, before: 0 }, { now: 10, before: 10 }).factor).toBe(1));
});

describe("worst", () => {
  const many = { now: 100, before: 100 };
  it("is what got worse most", () => {
    const found = worst([durationChange("latency", { now: 4, before: 1 }, many), durationChange("firstToken", { now: 3, before: 1 }, many)]);
    expect(found?.aspect).toBe("latency");
  });
  it("leaves out what cannot be told", () => expect(worst([durationChange("latency", { now: Number.NaN, before: 1 }, many)])).toBeNull());
  it("gives few calls little weight", () => {
    const found = worst([durationChange("latency", { now: 8, before: 1 }, { now: 3, before: 100 }), durationChange("firstToken", { now: 2, before: 1 }, many)]);
    expect(found?.aspect).toBe("firstToken");
  });
});

describe("factorText", () => {
  it.each([[1.04, "same"], [2.04, "×2.0"], [34.4, "×34"], [0.5, "×0.50"], [0.01, "×<0.1"], [Infinity, "new"], [0, "none now"], [null, "–"]] as const)("%s", (factor, text) => expect(factorText(factor)).toBe(text));
});
