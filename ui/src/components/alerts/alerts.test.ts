import { describe, expect, it } from "vitest";
import { fingerprintOf } from "@/api/alertmanager";
import type { AmAlert } from "@/api/alertmanager";
import type { RuleGroup } from "@/api/prometheus";
import type { Labels } from "@/lib/labels";
import { taken } from "./expression";
import { matchersOf, matchersText, parseMatchers, satisfiesAll, takesEmpty } from "./matchers";
import { alertRows, filtered, grouped } from "./rows";
import { safeAddress } from "./SafeText";
import { spansOf } from "./spans";
import { tomorrowAtNine, untilMs } from "./until";
import { shortCause } from "./words";

describe("expressions are taken apart", () => {
  const cases: [string, string, string | null, number | null][] = [
    ["up == 0", "up", "==", 0],
    ['histogram_quantile(0.95, sum by (le) (rate(x{a="b > c"}[5m]))) > 0.8', 'histogram_quantile(0.95, sum by (le) (rate(x{a="b > c"}[5m])))', ">", 0.8],
    ["(a / b > 0.1) and c > 5", "a / b", ">", 0.1],
    ["a > on (job) group_left (x) b", "a", ">", null],
    ["0.5 < a", "a", ">", 0.5],
    ["a > bool 3", "a", ">", 3],
    ["max without (w) ((a > 3) or (b > 2))", "max without (w) ((a > 3) or (b > 2))", null, null],
    ["(a) + (b) > 2", "(a) + (b)", ">", 2],
    ['{__name__=~"a|b", x!="y"} <= 1e3', '{__name__=~"a|b", x!="y"}', "<=", 1000],
    ["sum_or > 1", "sum_or", ">", 1],
    ["", "", null, null],
  ];
  it.each(cases)("%s", (text, value, operator, threshold) => expect(taken(text)).toMatchObject({ value, operator, threshold }));
});

describe("matchers", () => {
  it("are read and written alike", () => {
    const text = 'a="b", c!="d \\"e\\"", f=~"x|y", g!~".+"';
    const read = parseMatchers(text);
    if (typeof read === "string") throw new Error(read);
    expect(matchersText(read)).toBe(text);
    expect(parseMatchers(`{${text}}`)).toEqual(read);
    expect(parseMatchers("job=api")).toEqual([{ name: "job", value: "api", isRegex: false, isEqual: true }]);
  });
  it("say what is wrong", () => {
    expect(parseMatchers("a")).toMatch(/no matcher/);
    expect(parseMatchers('a=~"("')).toMatch(/no regular expression/);
  });
  it("are satisfied by whole values", () => {
    const read = parseMatchers('a=~"x|y", b!="z"');
    if (typeof read === "string") throw new Error(read);
    expect(satisfiesAll({ a: "x" }, read)).toBe(true);
    expect(satisfiesAll({ a: "xx" }, read)).toBe(false);
    expect(satisfiesAll({ a: "y", b: "z" }, read)).toBe(false);
    expect(takesEmpty({ name: "a", value: ".*", isRegex: true, isEqual: true })).toBe(true);
    expect(takesEmpty({ name: "a", value: "b", isRegex: false, isEqual: true })).toBe(false);
  });
  it("of several alerts find all of them", () => {
    const all: Labels[] = [{ alertname: "A", job: "x.y" }, { alertname: "A", job: "z", extra: "1" }];
    const matchers = matchersOf(all);
    expect(all.every((labels) => satisfiesAll(labels, matchers))).toBe(true);
    expect(matchersText(matchers)).toBe('alertname="A", job=~"x\\\\.y|z"');
  });
});

describe("rows", () => {
  const labels = { alertname: "Down", job: "api", severity: "critical" };
  const pending = { alertname: "Slow", severity: "warning" };
  const alert = (of: Record<string, string>, status: Partial<AmAlert["status"]> = {}): AmAlert => ({ fingerprint: fingerprintOf(of), labels: of, annotations: { summary: "it is" }, startsAt: "2026-11-30T00:00:00Z", endsAt: "", updatedAt: "", receivers: [{ name: "team" }], status: { state: "active", silencedBy: [], inhibitedBy: [], mutedBy: [], ...status } });
  const group: RuleGroup = { name: "g", file: "f", interval: 15, limit: 0, evaluationTime: 0, lastEvaluation: "", rules: [
    { type: "alerting", name: "Slow", query: "a > 1", state: "pending", duration: 60, keepFiringFor: 0, annotations: {}, health: "ok", evaluationTime: 0, lastEvaluation: "", alerts: [{ labels: pending, annotations: {}, state: "pending", activeAt: "2026-11-30T00:00:00Z", value: "2" }] },
  ] };
  it("are of both sources, the worst first, what is hidden last", () => {
    const rows = alertRows([alert({ alertname: "Quiet", severity: "critical" }, { silencedBy: ["1"] }), alert(labels)], [group], [{ fingerprint: fingerprintOf(labels), by: "ada", comment: "", time: 1 }], []);
    expect(rows.map(({ name, state }) => [name, state])).toEqual([["Down", "acknowledged"], ["Slow", "pending"], ["Quiet", "silenced"]]);
    expect(filtered(rows, { find: "api", states: [], severities: [], matchers: [] })).toHaveLength(1);
    expect(filtered(rows, { find: "", states: ["pending"], severities: ["warning"], matchers: [] })).toHaveLength(1);
    expect(grouped(rows, "severity").map(({ key, rows: members }) => [key, members.length])).toEqual([["critical", 2], ["warning", 1]]);
    expect(rows[1]?.value).toBe(2);
  });
  it("have Alertmanager's fingerprint", () => expect(fingerprintOf({ alertname: "ModelAnswersSlow", job: "ai-daemon", severity: "warning" })).toBe("79f3d2be13e71fba"));
});

it("spans follow each other, and the last is open", () => {
  expect(spansOf([{ time: 50, kind: "pending" }, { time: 30, kind: "resolved" }, { time: 20, kind: "firing" }, { time: 10, kind: "pending" }], 60)).toEqual([
    { kind: "pending", from: 10, to: 20, isOpen: false }, { kind: "firing", from: 20, to: 30, isOpen: false }, { kind: "pending", from: 50, to: 60, isOpen: true },
  ]);
});

it("ends of silences are read", () => {
  const now = Date.parse("2026-11-30T22:30:00Z");
  expect(untilMs("2h", "", now, "UTC")).toBe(now + 7_200_000);
  expect(new Date(tomorrowAtNine(now, "Europe/Berlin")).toISOString()).toBe("2026-12-01T08:00:00.000Z");
  expect(untilMs("custom", "2026-12-01 09:00", now, "UTC")).toBe(Date.parse("2026-12-01T09:00:00Z"));
  expect(untilMs("custom", "3d", now, "UTC")).toBe(now + 3 * 86_400_000);
  expect(untilMs("custom", "soon", now, "UTC")).toBeNull();
});

it("addresses of the web alone are links", () => {
  expect(safeAddress("https://a.example/b")).toBe("https://a.example/b");
  expect(safeAddress("javascript:alert(1)")).toBeNull();
  expect(safeAddress("data:text/html,x")).toBeNull();
});

it("causes are shortened", () => expect(shortCause("value 0.0014781761239; rule A of group b in /tmp/x/rules.yml")).toBe("value 0.001478; rule A of group b in rules.yml"));
