import { expect, it } from "vitest";
import { fanOf } from "./fan";

const quantiles = (low: number, middle: number, high: number) => ({ "0.1": low, "0.5": middle, "0.9": high }) as object as Record<string, never>;
const series = { lastTime: 100, lastValue: 10, forecasts: [{ horizon: "20s", mean: 0, quantiles: quantiles(0, 10, 20) }, { horizon: "1h", mean: 0, quantiles: quantiles(1, 2, 3) }] };

it("goes straight from the last value to each horizon", () => {
  const fan = fanOf(series, 20, [90, 110, 120, 140], 10);
  expect(fan?.low).toEqual([null, 5, 0, null]);
  expect(fan?.high).toEqual([null, 15, 20, null]);
});
it("is none without a horizon that is near enough", () => expect(fanOf(series, 10, [110], 10)).toBeNull());
