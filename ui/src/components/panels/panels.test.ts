import { describe, expect, it } from "vitest";
import type { Calculate, Query, Transformation } from "@/api/dashboards";
import { calculated } from "./calcs";
import { contrast, hexOf } from "./colors";
import { expression, mapped, shown, stepOf } from "./fields";
import { formatUnit } from "./format";
import { aligned, autoNamed, legendText, seriesOf, type Table, tablesOfInstant, tablesOfRange } from "./tables";
import { transformed } from "./transform";

const query = (change: Partial<Query> = {}): Query => ({ refId: "A", expr: "up", legend: "", mode: "range", format: "time_series", minStep: "", stepFactor: 1, hidden: false, exemplars: false, ...change });
const table = (refId: string, columns: Record<string, (number | string | null)[]>): Table => ({ refId, name: refId, columns: Object.entries(columns).map(([name, values]) => ({ name, kind: name === "Time" ? "time" : typeof values.find((value) => value !== null) === "string" ? "string" : "number", values, labels: {} })) });
const out = (tables: readonly Table[]) => tables.map(({ columns }) => Object.fromEntries(columns.map(({ name, values }) => [name, values])));

describe("units", () => {
  it.each([
    [1536, "bytes", undefined, "1.5 KiB"], [999_600, "short", undefined, "1 Mil"], [0.1234, "percentunit", 1, "12.3 %"], [99.5, "percent", undefined, "99.5 %"], [0.0032, "s", undefined, "3.2 ms"], [90, "s", 0, "2 min"],
    [1500, "ms", undefined, "1.5 s"], [12.5, "reqps", 1, "12.5 req/s"], [2500, "reqps", undefined, "2.5 K req/s"], [3.5, "currencyUSD", 2, "$3.50"], [-2048, "binBps", undefined, "−2 KiB/s"], [5, "suffix: cats", undefined, "5 cats"],
    [1, "bool_yes_no", undefined, "Yes"], [3, "widgets", undefined, "3 widgets"], [null, "s", undefined, "–"], [0, "short", undefined, "0"], [1_000_000, "none", undefined, "1 000 000"],
    [0.754, "bps", undefined, "754 mb/s"], [0.5, "decbytes", 0, "500 mB"], [12.345, "none", undefined, "12.3"], [11.35, "none", 1, "11.4"], [-0.001, "none", 1, "0.0"], [7.5e6, "reqps", undefined, "7.5 M req/s"], [3700, "dtdurations", 1, "1 hour, 1 minute"], [-12, "dtdurations", undefined, "12 seconds ago"],
    [3725, "clocks", undefined, "1h:02m:05s:000ms"], [90_061, "dtdhms", undefined, "1 d 01:01:01"], [7.5, "lengthkm", undefined, "7.5 km"], [12, "currency:financial:€:suffix", 2, "12.00€"], [0, "bool:up/down", undefined, "down"], [5, "si:mV", undefined, "5 mV"],
  ] as const)("%s in %s", (value, unit, decimals, want) => expect(formatUnit(value, unit, decimals)).toBe(want));
});

describe("calculations", () => {
  const values = [null, 1, 3, 2, null];
  it.each([["last_not_null", 2], ["last", null], ["first_not_null", 1], ["min", 1], ["max", 3], ["mean", 2], ["sum", 6], ["count", 3], ["range", 2], ["diff", 1], ["p50", 2], ["p90", 3], ["median", 2], ["delta", 2], ["step", -1], ["change_count", 2], ["diff_percent", 100]] as const)("%s", (calc, want) => expect(calculated(calc, values)).toBe(want));
  it("of nothing is nothing", () => expect(calculated("mean", [null])).toBeNull());
});

describe("answers as tables", () => {
  const frame = { times: [1, 2], step: 1, histograms: [], notes: [], series: [{ labels: { job: "a" }, name: "a", values: [1, null] }, { labels: { job: "b" }, name: "b", values: [3, 4] }] };
  it("a table for each series, called by its legend", () => expect(tablesOfRange(query({ legend: "of {{job}}{{none}}" }), frame, false).map(({ name }) => name)).toEqual(["of a", "of b"]));
  it("steps without a sample are no values", () => expect(out(tablesOfRange(query(), frame, false))).toEqual([{ Time: [1000], Value: [1] }, { Time: [1000, 2000], Value: [3, 4] }]));
  it("graphs find gaps by the times", () => expect(aligned(seriesOf([table("A", { Time: [1, 2, 6], v: [1, 2, 3] })]), 1)).toEqual({ times: [1, 2, 3, 6], values: [[1, 2, null, 3]] }));
  it("names that say all", () => expect(tablesOfRange(query({ legend: "__verbose" }), { ...frame, series: [{ labels: { __name__: "up", job: "a", az: "1" }, name: "", values: [1, 1] }] }, false)[0]?.name).toBe('up{az="1", job="a"}'));
  it("names that Grafana would give", () => {
    const named = (...labels: Record<string, string>[]) => autoNamed(tablesOfRange(query({ legend: "__auto" }), { ...frame, series: labels.map((one) => ({ labels: one, name: "", values: [1, 1] })) }, false)).map(({ columns }) => columns[1]?.legend);
    expect(named({ job: "a" }, { job: "b" })).toEqual(["a", "b"]);
    expect(named({ job: "a", x: "1" }, { job: "b", x: "1" })).toEqual(['{job="a", x="1"}', '{job="b", x="1"}']);
    expect(named({ __name__: "up", job: "a", x: "1" }, { __name__: "up", job: "b", x: "1" })).toEqual(['{job="a"}', '{job="b"}']);
    expect(named({})).toEqual(["up"]);
  });
  it("one table", () => expect(out(tablesOfRange(query({ format: "table" }), frame, true))).toEqual([{ Time: [1000, 1000, 2000], job: ["a", "b", "b"], "Value #A": [1, 3, 4] }]));
  it("moments", () => expect(out(tablesOfInstant(query({ format: "table" }), { type: "vector", notes: [], samples: [{ labels: { x: "1" }, name: "1", value: 5, histogram: null, time: 7 }] }, false))).toEqual([{ Time: [7000], x: ["1"], Value: [5] }]));
  it("legends", () => expect(legendText("{{ a }}-{{b}}", { a: "1" })).toBe("1-"));
  it("different times are on one grid", () => expect(aligned(seriesOf([table("A", { Time: [1, 2], v: [1, 2] }), table("B", { Time: [2, 3], v: [5, 6] })]))).toEqual({ times: [1, 2, 3], values: [[1, 2, null], [null, 5, 6]] }));
});

describe("transformations", () => {
  const run = (tables: Table[], ...steps: Transformation[]) => out(transformed(tables, steps));
  const a = table("A", { host: ["x", "y"], Value: [1, 2] });
  it("organize", () => expect(run([a], { kind: "organize", exclude: [], include: [], rename: { Value: "Used" }, order: ["Value"] })).toEqual([{ Used: [1, 2], host: ["x", "y"] }]));
  it("merge", () => expect(run([table("A", { host: ["x", "y"], "Value #A": [1, 2] }), table("B", { host: ["y", "z"], "Value #B": [3, 4] })], { kind: "merge" })).toEqual([{ host: ["x", "y", "z"], "Value #A": [1, 2, null], "Value #B": [null, 3, 4] }]));
  it("join, with names that are there twice", () => expect(run([table("A", { host: ["x", "y"], d: ["1", "2"], "Value #A": [1, 2] }), table("B", { host: ["y", "z"], d: ["2", "3"], "Value #B": [3, 4] })], { kind: "join", field: "host", mode: "outer" })).toEqual([{ host: ["x", "y", "z"], "d 1": ["1", "2", null], "Value #A": [1, 2, null], "d 2": [null, "2", "3"], "Value #B": [null, 3, 4] }]));
  it("join, inner", () => expect(run([a, table("B", { host: ["y"], w: [9] })], { kind: "join", field: "host", mode: "inner" })).toEqual([{ host: ["y"], Value: [2], w: [9] }]));
  it("fields by expression", () => expect(run([a], { kind: "filter_fields", include: [], includeRegex: "^V", exclude: [], excludeRegex: "", includeVariable: "" })).toEqual([{ Value: [1, 2] }]));
  it("reduce", () => expect(run([a], { kind: "reduce", calcs: ["sum", "max"], keepFields: false, includeTime: false, labelsToFields: false })).toEqual([{ Field: ["Value"], Total: [3], Max: [2] }]));
  it("sort and limit", () => expect(run([a], { kind: "sort", field: "Value", descending: true }, { kind: "limit", rows: 1 })).toEqual([{ host: ["y"], Value: [2] }]));
  it("group", () => expect(run([table("A", { k: ["x", "x", "y"], v: [1, 2, 5] })], { kind: "group_by", by: ["k"], aggregate: [{ field: "v", calcs: ["sum"] }] })).toEqual([{ k: ["x", "y"], "v (sum)": [3, 5] }]));
  const calc = (change: Partial<Calculate>): Transformation => ({ kind: "calculate", mode: "binary", alias: "r", replace: false, left: "a", operator: "/", right: "b", calc: "sum", fields: [], asPercentile: false, window: 0, isCentered: false, ...change });
  it("excludes numbered columns by the name that all had", () => expect(run([table("A", { host: ["x"], Time: [1], "Value #A": [1] }), table("B", { host: ["x"], Time: [1], "Value #B": [2] })], { kind: "join", field: "host", mode: "outer" }, { kind: "organize", exclude: ["Time"], include: [], rename: {}, order: [] })).toEqual([{ host: ["x"], "Value #A": [1], "Value #B": [2] }]));
  it("calculate", () => expect(run([table("A", { a: [6, 4], b: [2, 4] })], calc({}), calc({ mode: "reduce", alias: "s", fields: ["a", "b"] }))).toEqual([{ a: [6, 4], b: [2, 4], r: [3, 1], s: [8, 8] }]));
  it("rows that fit", () => expect(run([a], { kind: "filter_rows", isExclude: false, any: false, conditions: [{ field: "Value", op: "greater", value: "1", to: "" }] })).toEqual([{ host: ["y"], Value: [2] }]));
  it("rename by expression", () => expect(run([a], { kind: "rename", regex: "(.*)alue", replacement: "$1." })).toEqual([{ host: ["x", "y"], "V.": [1, 2] }]));
  it("matrix", () => expect(run([table("A", { r: ["a", "b"], c: ["1", "2"], v: [7, 8] })], { kind: "matrix", column: "c", row: "r", value: "v", empty: "zero" })).toEqual([{ "r\\c": ["a", "b"], "1": [7, 0], "2": [0, 8] }]));
  it("several series are one table before they are calculated with", () => expect(run([table("A", { Time: [1], v: [2] }), table("B", { Time: [1], w: [3] })], calc({ mode: "reduce", alias: "all" }))).toEqual([{ Time: [1], v: [2], w: [3], all: [5] }]));
  it("join, inner, of what has not the field is nothing", () => expect(run([a, table("B", { other: ["y"] })], { kind: "join", field: "host", mode: "inner" })).toEqual([{}]));
  it("reduce, with labels beside names", () => expect(run([{ refId: "A", name: "", columns: [{ name: "Value", kind: "number", values: [5], labels: { job: "x" } }] }], { kind: "reduce", calcs: ["max"], keepFields: false, includeTime: false, labelsToFields: true })).toEqual([{ Field: ["Value"], job: ["x"], Max: [5] }]));
  it("labels to fields", () => expect(run([{ refId: "A", name: "", columns: [{ name: "Time", kind: "time", values: [1], labels: {} }, { name: "Value", kind: "number", values: [5], labels: { job: "x" } }] }], { kind: "labels_to_fields", asRows: false, keep: [], valueLabel: "" })).toEqual([{ Time: [1], job: ["x"], Value: [5] }]));
});

describe("settings of a field", () => {
  it("later ones stand over earlier ones", () => {
    const panel = { field: { unit: "s" }, overrides: [{ matcher: { by: "regex" as const, value: "/^V/", names: [], isExclude: false, op: "" }, field: { unit: "bytes", displayName: "Used" } }] };
    const [one] = shown(panel, [table("A", { Value: [1] })]);
    expect([one?.name, one?.field.unit]).toEqual(["Used", "bytes"]);
  });
  it("are found by the name that there was before another was given", () => {
    const panel = { field: {}, overrides: [{ matcher: { by: "name" as const, value: "Value #A", names: [], isExclude: false, op: "" }, field: { unit: "s" } }] };
    const renamed = transformed([table("A", { "Value #A": [1] })], [{ kind: "organize", exclude: [], include: [], rename: { "Value #A": "Uptime" }, order: [] }]);
    expect(shown(panel, renamed).map(({ name, field }) => [name, field.unit])).toEqual([["Uptime", "s"]]);
  });
  it("a scale is that of all values", () => expect(shown({ field: { max: 9 }, overrides: [] }, [table("A", { v: [1, 5] }), table("B", { v: [-2] })]).map(({ least, most }) => [least, most])).toEqual([[-2, 9], [-2, 9]]));
  it("names that are there twice stay as they are", () => expect(shown({ field: { displayName: "x" }, overrides: [] }, [table("A", { v: [1] }), table("B", { v: [2] })]).map(({ name }) => name)).toEqual(["x", "x"]));
  it("mappings", () => {
    expect(mapped([{ kind: "value", value: "1", text: "up" }], 1)?.text).toBe("up");
    expect(mapped([{ kind: "range", value: "", from: 2, to: 3, text: "in" }], 2.5)?.text).toBe("in");
    expect(mapped([{ kind: "regex", value: "/^a(.*)/", text: "of $1" }], "abc")?.text).toBe("of bc");
    expect(mapped([{ kind: "special", value: "null", text: "none" }], null)?.text).toBe("none");
  });
  it("steps", () => expect(stepOf({ mode: "percentage", steps: [{ color: "green" }, { value: 50, color: "red" }] }, 6, 0, 10)).toBe("red"));
  it("expressions", () => expect([expression("/A/i")?.test("a"), expression("(")]).toEqual([true, null]));
});

it("colours", () => {
  expect([hexOf("#abc"), hexOf("rgba(1, 2, 255, 0.5)"), hexOf("nonsense")]).toEqual(["#aabbcc", "#0102ff", null]);
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
});
