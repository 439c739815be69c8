import { describe, expect, it } from "vitest";
import { pairsOf, partsOf } from "./pairs";

const QUERY = 'max without (window) ((slo:burn_rate{service="a}b",slo="c",window="1h"} > 14.4 and ignoring (window) slo:burn_rate{service="a}b",slo="c",window="5m"} > 14.4 and ignoring (window) slo:chance{service="a}b",slo="c",window="1h"} < 0.015625) or (slo:burn_rate{service="a}b",slo="c",window="6h"} > 6 and ignoring (window) slo:burn_rate{service="a}b",slo="c",window="30m"} > 6))';

describe("pairs of windows", () => {
  it("are read from the rule", () => {
    expect(pairsOf(QUERY, "page")).toEqual([
      { urgency: "page", long: "1h", short: "5m", burn: 14.4, chance: 0.015625 },
      { urgency: "page", long: "6h", short: "30m", burn: 6, chance: null },
    ]);
  });
  it("are none in another query", () => expect(pairsOf("absent_over_time(up[10m])", "page")).toEqual([]));
});

it("parts are the other objectives of a rule", () => {
  expect(partsOf(['sum(slo:bad_events{slo="x",service="s"}) / sum(slo:events{slo="y",service="s"}) + slo:target{slo="me",service="s"}'], { service: "s", name: "me" })).toEqual(["s/x", "s/y"]);
});
