import { expect, it } from "vitest";
import { oneSeries, written } from "./queries";

it("one series is taken out of a query", () => {
  expect(oneSeries("up", {})).toBe("up");
  expect(oneSeries("sum by (a) (b) # remark", { a: 'x"$1' })).toBe('(sum by (a) (b) # remark\n) and on (a) label_replace(vector(1), "a", "x\\"$$1", "", "")');
});
it("labels that forecasts use themselves stand aside", () => {
  expect(written("bellwether_forecast", "load", { horizon: "sky" }, { horizon: "1h" })).toBe('bellwether_forecast{forecast="load", exported_horizon="sky", horizon="1h"}');
});
