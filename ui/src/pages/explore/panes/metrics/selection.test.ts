import { describe, expect, it } from "vitest";
import { hasValuesToCompare, readArea, writeArea } from "./selection";

describe("areas in addresses", () => {
  it("come back as they were", () => {
    for (const area of [{ fromMs: 1, toMs: 2, low: -Infinity, high: Infinity }, { fromMs: 1, toMs: 2, low: 0.25, high: Infinity }, { fromMs: 1, toMs: 2, low: -3, high: 4 }]) expect(readArea(writeArea(area))).toEqual(area);
  });
  it("are none where they cannot be read", () => {
    for (const text of [undefined, "", "x", "5,1", "1", "1,NaN"]) expect(readArea(text)).toBeNull();
  });
});

describe("values of a graph", () => {
  it("are compared where they are measured ones", () => {
    for (const expr of ["memory_bytes", 'queue_seconds{of="calls_total"}', "histogram_quantile(0.9, sum by (le) (rate(call_seconds_bucket[5m])))"]) expect(hasValuesToCompare(expr)).toBe(true);
    for (const expr of ["calls_total", 'calls_total{code="500"}', "sum(call_seconds_count)", "sum(rate(sent_bytes[5m]))"]) expect(hasValuesToCompare(expr)).toBe(false);
  });
});
