import { describe, expect, it } from "vitest";
import { burnNumber, burnText, hoursTold, odds, percentText, periodPace, periodText, type Budget } from "./words";

const rolling = { rollingSeconds: 86_400 };
const budget = (change: Partial<Budget>): Budget => ({ labels: {}, verdict: "met", start: 0, end: 100, bad: 0, total: 0, allowed: 1, left: 0.5, goodRatio: 1, burnRateHour: 0, burnRateDay: 0, unmeasuredShare: 0, hoursLeft: null, spentBy: [], problem: null, ...change });

describe("hours that are left", () => {
  it("says nothing is left, and how it comes back", () => {
    expect(hoursTold(budget({ left: -0.2 }), rolling, "ratio")).toMatchObject({ title: "Nothing left", tone: "bad" });
    expect(hoursTold(budget({ left: 0 }), { calendar: "month", count: 1 }, "ratio").text).toContain("next period");
  });
  it("tells a range, an open range, and none within the horizon", () => {
    const hours = { low: 3, median: 5, high: 9, probability: 1, horizon: 720 };
    expect(hoursTold(budget({ hoursLeft: hours }), rolling, "ratio").title).toBe("3 h – 9 h");
    expect(hoursTold(budget({ hoursLeft: { ...hours, median: null, high: null, probability: 0.35 } }), rolling, "ratio").text).toContain("65 % sure that it lasts 30 d");
    expect(hoursTold(budget({ hoursLeft: { ...hours, low: null, median: null, high: null, probability: 0.08 } }), rolling, "ratio").text).toBe("Not within 30 d, 92 % sure.");
  });
  it("does not know what is not known", () => expect(hoursTold(budget({}), rolling, "ratio").title).toBe("Not known"));
});

describe("paces", () => {
  it("are told as multiples", () => {
    expect(burnNumber(3.24)).toBe("3.2×");
    expect(burnText(3.24)).toBe("3.2 times as fast as allowed");
    expect(burnText(0.34)).toBe("34 % of what is allowed");
    expect(burnText(null)).toBe("not known");
  });
  it("of a period count what of it is gone", () => {
    expect(periodPace(budget({ left: 0.5 }), 25)).toBeCloseTo(2);
    expect(periodPace(budget({ left: -0.5 }), 1_000)).toBeCloseTo(1.5);
  });
});

it("shares have the digits that they have", () => {
  expect(percentText(0.9995)).toBe("99.95 %");
  expect(percentText(-0.1976, 1)).toBe("−19.8 %");
});
it("periods are told", () => {
  expect(periodText({ rollingSeconds: 2_592_000 })).toBe("the last 30 days");
  expect(periodText({ calendar: "day", count: 1, timeZone: "UTC" })).toBe("each day of the calendar");
});
it("chances are odds", () => expect(odds(1 / 64)).toBe("once in 64 times"));
