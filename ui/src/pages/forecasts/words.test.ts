import { describe, expect, it } from "vitest";
import { accuracy, exhaustionTold, type Item, itemsOf, type Job, levels, modelParts, onceIn, type One } from "./words";

const series = (change: Partial<One>): One => ({ labels: {}, lastTime: 0, lastValue: 1, model: null, provisional: false, forecasts: [], anomaly: null, degradation: null, exhaustion: null, ...change });
const job = (name: string, own: One[]): Job => ({ name, intervalSeconds: 15, stepSeconds: 60, lastTurn: 0, problem: null, series: own });
const exhaustion = (median: number | null, low: number | null, high: number | null, probability = 1) => ({ limit: 0.9, medianSeconds: median, quantilesSeconds: { "0.1": low, "0.5": median, "0.9": high } as object as Record<string, never>, probability, horizonSeconds: 2_592_000, pacePerHour: 0 });

describe("what runs out", () => {
  it("has a range, an open range, or none", () => {
    expect(exhaustionTold(exhaustion(4769, 944, 17_164), "90 %").title).toBe("in 16 min – 4 h 46 min");
    expect(exhaustionTold(exhaustion(0, 0, 0), "90 %").title).toBe("Reached");
    expect(exhaustionTold(exhaustion(null, null, null, 0.08), "90 %").text).toContain("92 % sure");
    expect(exhaustionTold(exhaustion(null, 3600, null, 0.2), "90 %").title).toBe("from 1 h on");
  });
});

it("alarms come first, then what runs out soonest", () => {
  const alarm = { score: 1, alarm: true, what: "", onceIn: 1, expected: 1, low: 1, high: 1, outside: 0 };
  const order = itemsOf([job("calm", [series({})]), job("later", [series({ exhaustion: exhaustion(900, 1, 1) })]), job("soon", [series({ exhaustion: exhaustion(60, 1, 1) })]), job("alarm", [series({ anomaly: alarm })]), job("new", [])]);
  expect(order.map((item: Item) => item.job.name)).toEqual(["alarm", "soon", "later", "calm", "new"]);
});

describe("models", () => {
  it("are told by their parts", () => {
    const { parts, more } = modelParts("0.47 log kriging() + 0.29 last value + 0.15 log mstl(60)+ar(60) + 13 more");
    expect(more).toBe(13);
    expect(parts.map(({ weight }) => weight)).toEqual([0.47, 0.29, 0.15]);
    expect(parts[0]?.text).toBe("the best linear guess (kriging), on logarithms");
    expect(modelParts("1.00 log direct(60)+ar of errors").parts[0]?.text).toBe("a regression for each horizon, season of 60 steps, on logarithms, its last errors carried on");
    expect(parts[2]?.text).toContain("season of 60 steps is taken off");
  });
});

it("quantiles are sorted by level", () => expect(levels({ "0.9": 3, "0.1": 1, "0.5": 2 })).toMatchObject({ low: 1, middle: 2, high: 3, lowLevel: "0.1" }));
it("rarity is told", () => expect(onceIn(17.3)).toBe("seen once in 17 samples"));
it("accuracy counts what was foretold only", () => expect(accuracy([1, 5, null, 2], [0, 0, 0, null], [1, 2, 1, 1], [2, 2, 2, 2])).toEqual({ count: 2, inside: 0.5, off: 3 }));
