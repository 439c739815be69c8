import { describe, expect, it } from "vitest";
import { logSplits } from "./logSplits";

describe("marks of a logarithmic axis", () => {
  it("are whole parts of powers of ten", () => {
    expect(logSplits(0.5, 20)).toEqual([0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20]);
  });
  it("end wherever the axis begins", () => {
    expect(logSplits(9.54e-6, 2e-5)).toEqual([1e-5, 2e-5]);
    for (let low = 1e-12; low < 1e3; low *= 1.37) {
      const splits = logSplits(low, low * 1e6);
      expect(splits.length).toBeLessThanOrEqual(55);
      expect(splits.length).toBeGreaterThanOrEqual(53);
      expect([...splits].sort((a, b) => a - b)).toEqual(splits);
    }
  });
  it("are powers where there are many", () => {
    expect(logSplits(1e-99, 1)).toHaveLength(100);
    expect(logSplits(5e-324, 1e308).length).toBeLessThan(640);
  });
  it("are none of an axis that cannot be", () => {
    for (const [low, high] of [[0, 1], [-1, 1], [2, 1], [NaN, 1], [1, NaN], [1, Infinity]] as const) expect(logSplits(low, high)).toEqual([]);
  });
});
