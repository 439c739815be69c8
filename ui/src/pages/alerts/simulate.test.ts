import { describe, expect, it } from "vitest";
import type { WantedAlert, WantedOutage } from "@/api/trials";
import { addressOf, thoughtOf } from "./simulate";

const ALERT: WantedAlert = { type: "alert", name: "Down", labels: { job: "api", path: "a,\"b\"\n" }, value: 2.5, for: "10m", page: false, fast: true };
const OUTAGE: WantedOutage = { type: "outage", targets: ["api", 'job="a", zone=~"b|c"'], for: "1h", page: false };

describe("simulations in the address", () => {
  it("asks for the same again", () => {
    for (const wanted of [ALERT, OUTAGE, { ...ALERT, labels: {}, value: 1, for: "5m" }, { ...OUTAGE, for: "30m" }]) expect(thoughtOf(addressOf(wanted) ?? {})).toEqual(wanted);
  });

  it("never begins what tells people or takes its time", () => {
    for (const wanted of [{ ...ALERT, fast: false }, { ...ALERT, fast: false, page: true }, { ...OUTAGE, page: true }]) expect(addressOf(wanted)).toBeNull();
  });

  it("only fills the form in where nothing was tried", () => {
    expect(thoughtOf({ rule: "Down", labels: 'job="api"' })).toBeNull();
    expect(thoughtOf({ type: "alert", rule: "Down", id: "7" })).toBeNull();
    expect(thoughtOf({ type: "alert", rule: "Down", labels: "no label" })).toBeNull();
    expect(thoughtOf({ type: "alert", rule: "Down", value: "much" })).toBeNull();
    expect(thoughtOf({ type: "outage" })).toBeNull();
  });
});
