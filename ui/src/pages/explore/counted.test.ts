import { describe, expect, it } from "vitest";
import { amount, type Counted, countedWords, unitOfLevels } from "./counted";

const counted = (change: Partial<Counted>): Counted => ({ measure: "increase", metric: "requests_total", band: null, ...change });
const observed = (band: Counted["band"]) => countedWords(counted({ measure: "observations", metric: "call_duration_seconds", band }));

describe("what was counted", () => {
  it("names the band as it was used", () => {
    expect(observed(null)).toBe("values");
    expect(observed({ low: null, high: null })).toBe("values");
    expect(observed({ low: 1, high: 10 })).toBe("values from 1 s to 10 s");
    expect(observed({ low: null, high: 0.1 })).toBe("values up to 100 ms");
    expect(observed({ low: 10, high: null })).toBe("values above 10 s");
  });
  it("says how much there was, in its unit", () => {
    expect(amount(counted({}), 480, "per-second")).toBe("an increase of 480");
    expect(amount(counted({ metric: "spent_dollars_total" }), 3.2, "dollars")).toBe("an increase of $3.20");
    expect(amount(counted({ metric: "sent_bytes_total" }), 2048, "bytes/s")).toBe("an increase of 2 KiB");
    expect(amount(counted({ measure: "mean", metric: "memory_bytes" }), 1024, "short")).toBe("1 KiB on average");
    expect(amount(counted({ measure: "mean", metric: null }), 0.25, "ratio")).toBe("25 % on average");
    expect(amount(counted({ measure: "points", metric: "memory_bytes" }), 34, "bytes")).toBe("34 times within these values");
    expect(amount(counted({ measure: "mean" }), null, "short")).toBe("– on average");
  });
  it("tells how high something is in the unit of what was asked", () => {
    expect(unitOfLevels(counted({ measure: "points", metric: null }), "ratio")).toBe("ratio");
    expect(unitOfLevels(counted({ measure: "mean", metric: "memory_bytes" }), "short")).toBe("bytes");
  });
});
