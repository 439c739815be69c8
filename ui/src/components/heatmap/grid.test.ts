import { describe, expect, it } from "vitest";
import { cellAt, classicGrid, nativeGrid } from "./grid";

const times = [60, 120];

describe("classic histograms", () => {
  const grid = classicGrid([
    { labels: { le: "+Inf" }, values: [10, 4] },
    { labels: { le: "0.1" }, values: [3, null] },
    { labels: { le: "1" }, values: [8, 4] },
  ], times, 60);
  it("holds what is between two bounds", () => {
    expect([...grid.amounts]).toEqual([3, 5, 2, 4]);
    expect([...grid.lows]).toEqual([0, 0.1, 1, 0.1]);
    expect([...grid.highs]).toEqual([0.1, 1, Infinity, 1]);
    expect([...grid.offsets]).toEqual([0, 3, 4]);
    expect(grid.most).toBe(5);
    expect(grid.hasInfinite).toBe(true);
  });
  it("adds up series of the same bound", () => {
    const two = classicGrid([{ labels: { le: "1", a: "x" }, values: [1, 1] }, { labels: { le: "1", a: "y" }, values: [2, 3] }], times, 60);
    expect([...two.amounts]).toEqual([3, 4]);
  });
  it("is not less than nothing where a bucket falls", () => {
    const falls = classicGrid([{ labels: { le: "1" }, values: [5] }, { labels: { le: "2" }, values: [4.9] }, { labels: { le: "3" }, values: [6] }], [60], 60);
    expect([...falls.amounts]).toEqual([5, 1]);
  });
  it("finds a cell by time and value", () => {
    const ends = (cell: number): [number, number] => [grid.lows[cell] ?? 0, grid.highs[cell] ?? 0];
    expect(cellAt(grid, 30, 0.5, ends)).toMatchObject({ column: 0, amount: 5, total: 10 });
    expect(cellAt(grid, 90, 5, ends)).toMatchObject({ column: 1, cell: -1, total: 4 });
    expect(cellAt(grid, 500, 5, ends)).toBeNull();
  });
});

describe("native histograms", () => {
  const one = (amounts: number[]) => ({ labels: {}, name: "", times: Float64Array.of(60), counts: Float64Array.of(3), sums: Float64Array.of(1), offsets: Uint32Array.of(0, 2), lows: Float64Array.of(0.5, 1), highs: Float64Array.of(1, 2), amounts: Float64Array.from(amounts) });
  it("keeps the bounds", () => {
    const grid = nativeGrid([one([1, 2])], times, 60);
    expect([...grid.highs]).toEqual([1, 2]);
    expect([...grid.offsets]).toEqual([0, 2, 2]);
  });
  it("adds up several", () => {
    expect([...nativeGrid([one([1, 2]), one([3, 4])], times, 60).amounts]).toEqual([4, 6]);
  });
});
