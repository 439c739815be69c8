import { describe, expect, it } from "vitest";
import { readArea, writeArea } from "./selection";

describe("areas in addresses", () => {
  it("come back as they were", () => {
    for (const area of [{ fromMs: 1, toMs: 2, low: -Infinity, high: Infinity }, { fromMs: 1, toMs: 2, low: 0.25, high: Infinity }, { fromMs: 1, toMs: 2, low: -3, high: 4 }]) expect(readArea(writeArea(area))).toEqual(area);
  });
  it("are none where they cannot be read", () => {
    for (const text of [undefined, "", "x", "5,1", "1", "1,NaN"]) expect(readArea(text)).toBeNull();
  });
});
