import { describe, expect, it } from "vitest";
import type { BacktestedRule } from "@/api/trials";
import type { Labels } from "@/lib/labels";
import { difference, lanesOf, rulesText } from "./backtest";
import { density } from "./history";
import { labelsText, parseLabels } from "./labelsText";
import { seriesOfAlert } from "./series";

describe("pasted labels", () => {
  const want = { alertname: "Down", job: "a b" };
  it.each(['{"alertname": "Down", "job": "a b"}', 'alertname="Down", job="a b"', '{alertname="Down",job="a b"}', "alertname=Down\njob=a b", "alertname: Down\njob: a b", labelsText(want)])("%s", (text) => expect(parseLabels(text)).toEqual(want));
  it("say what is wrong", () => {
    expect(parseLabels("nonsense")).toMatch(/no label/);
    expect(parseLabels('a=~"b"')).toMatch(/one value/);
  });
});

const rule: BacktestedRule = {
  file: "", group: "g", rule: "A", type: "alerting", turns: 10, failedTurns: 0, firstError: null, samples: 0, fired: 2, pendingOnly: 1, firingSeconds: 90, longestSeconds: 60,
  episodes: [
    { labels: { alertname: "A", x: "1" }, start: 0, fired: 10, end: 40, value: 1 }, { labels: { alertname: "A", x: "2" }, start: 5, fired: null, end: 9, value: 1 },
    { labels: { alertname: "A", x: "1" }, start: 50, fired: 50, end: null, value: 1 },
  ],
};

describe("backtests", () => {
  it("have a lane for each series", () => {
    expect(lanesOf(rule, 110)).toMatchObject([
      { name: "1", says: "2×, 90 s", spans: [{ from: 0, to: 10, kind: "pending" }, { from: 10, to: 40, kind: "firing" }, { from: 50, to: 110, kind: "firing" }] },
      { name: "2", says: "never fired", spans: [{ from: 5, to: 9, kind: "pending" }] },
    ]);
  });
  it("are compared in words", () => {
    expect(difference(rule, { ...rule, fired: 1, firingSeconds: 30 })).toBe("B fires 1 time less than A and 60 s shorter in all.");
    expect(difference(rule, rule)).toBe("B fires exactly as often and as long as A.");
  });
  it("ask with rules that are data and no text", () => expect(JSON.parse(rulesText([{ expr: 'a{b="c: d"} > 1', for: "0s" }], "15s"))).toEqual({ groups: [{ name: "backtest", interval: "15s", rules: [{ alert: "A", expr: 'a{b="c: d"} > 1' }] }] }));
});

it("events are counted by their time", () => {
  const { times, values } = density([{ time: 11, kind: "firing" }, { time: 19, kind: "resolved" }, { time: 25, kind: "notified" }, { time: 99, kind: "firing" }], 0, 30, 10);
  expect(times).toEqual([0, 10, 20]);
  expect([values.get("fired"), values.get("told")]).toEqual([[0, 2, 0], [0, 0, 1]]);
});

it("the series of an alert is the one whose labels stand in it", () => {
  const all: { labels: Labels }[] = [{ labels: { job: "a" } }, { labels: { job: "a", instance: "x", severity: "of the series" } }, { labels: { job: "b" } }];
  expect(seriesOfAlert(all, { alertname: "A", job: "a", instance: "x", severity: "critical" }, { severity: "critical" })).toBe(all[1]);
  expect(seriesOfAlert(all, { job: "c" })).toBeUndefined();
});
