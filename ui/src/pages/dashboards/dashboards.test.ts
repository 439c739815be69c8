import { describe, expect, it } from "vitest";
import type { Grid, Panel, Row, Variable } from "@/api/dashboards";
import { withMatchers } from "./adhoc";
import { newDashboard, newVariable, panelDefaults } from "./defaults";
import { csvOf } from "./export";
import { freePlace, layout, settled } from "./layout";
import { roundedStep, stepsFor, type StepWanted } from "./steps";
import type { Chosen } from "./substitute";
import { adHocOf, ALL, applyRegex, chosenOf, parseVariableQuery, resolveVariables, sortOptions } from "./variables";
import { panelYaml } from "./yaml";

const panel = (id: number, x: number, y: number, w: number, h: number, more: Partial<Panel> = {}): Panel => ({ ...panelDefaults("stat"), id, grid: { x, y, w, h }, ...more });
const row = (panels: Panel[], more: Partial<Row> = {}): Row => ({ title: "", collapsed: false, panels, ...more });
const places = (panels: readonly { grid: Grid }[]) => panels.map(({ grid: { x, y, w, h } }) => [x, y, w, h]);
const several = (...values: string[]): Chosen => ({ values, texts: values, isMulti: true });

describe("where panels stand", () => {
  it("a repeated panel pushes down what is below it", () => {
    const dashboard = { ...newDashboard("a"), rows: [row([panel(1, 0, 0, 12, 4, { repeat: { variable: "v", direction: "horizontal", maxPerRow: 2 } }), panel(2, 0, 4, 24, 4)])] };
    const [first] = layout(dashboard, new Map([["v", several("a", "b", "c")]]));
    expect(places(first?.panels ?? [])).toEqual([[0, 0, 12, 4], [12, 0, 12, 4], [0, 4, 12, 4], [0, 8, 24, 4]]);
    expect(first?.panels.map(({ scope }) => scope.get("v")?.values)).toEqual([["a"], ["b"], ["c"], ["a", "b", "c"]]);
  });
  it("rows are repeated", () => {
    const dashboard = { ...newDashboard("a"), rows: [row([panel(1, 0, 0, 12, 4)], { title: "of $v", repeat: { variable: "v", direction: "vertical", maxPerRow: 0 } })] };
    expect(layout(dashboard, new Map([["v", several("a", "b")]])).map(({ scope }) => scope.get("v")?.values)).toEqual([["a"], ["b"]]);
  });
  it("all values are repeated one by one, whatever stands for all of them", () => {
    const dashboard = { ...newDashboard("a"), rows: [row([panel(1, 0, 0, 12, 4, { repeat: { variable: "v", direction: "vertical", maxPerRow: 0 } })])] };
    const all: Chosen = { values: [".*"], texts: ["All"], isMulti: true, raw: ".*", each: [{ value: "a", text: "first" }, { value: "b", text: "b" }] };
    expect(layout(dashboard, new Map([["v", all]]))[0]?.panels.map(({ scope }) => [scope.get("v")?.values, scope.get("v")?.texts])).toEqual([[["a"], ["first"]], [["b"], ["b"]]]);
  });
  it("what would lie on another goes down", () => expect(places(layout({ ...newDashboard("a"), rows: [row([panel(1, 0, 0, 6, 4), panel(2, 0, 3, 6, 3)])] }, new Map())[0]?.panels ?? [])).toEqual([[0, 0, 6, 4], [0, 4, 6, 3]]));
  it("a moved panel pushes others away, and gaps close", () => {
    const moved = settled([panel(1, 0, 0, 12, 4), panel(2, 0, 0, 12, 4)], 1);
    expect(places(moved)).toEqual([[0, 0, 12, 4], [0, 4, 12, 4]]);
    expect(places(settled([panel(1, 0, 9, 12, 4)], 1))).toEqual([[0, 0, 12, 4]]);
  });
  it("the next free place", () => expect(freePlace([panel(1, 0, 0, 12, 4)], 12, 4)).toEqual({ x: 12, y: 0, w: 12, h: 4 }));
});

describe("variables", () => {
  it.each([
    ["label_values(up, job)", { kind: "label_values", selector: "up", label: "job" }], ["label_values(job)", { kind: "label_values", selector: null, label: "job" }],
    ['label_values(up{a="x,y"}, job)', { kind: "label_values", selector: 'up{a="x,y"}', label: "job" }], ["label_names()", { kind: "label_names", selector: null }], ["metrics(^a)", { kind: "metrics", regex: "^a" }], ["query_result(up)", { kind: "query_result", expr: "up" }], ["up{}", { kind: "series", expr: "up{}" }], ["", null],
  ])("%s", (text, want) => expect(parseVariableQuery(text)).toEqual(want));
  it("takes a part of values", () => {
    expect(applyRegex(["a:1", "b:2", "c"], "/(.*):/")).toEqual([{ value: "a", text: "a" }, { value: "b", text: "b" }]);
    expect(applyRegex(["x 1"], "/(?<text>\\w) (?<value>\\d)/")).toEqual([{ value: "1", text: "x" }]);
  });
  it("sorts", () => expect(sortOptions(["a10", "a9"].map((value) => ({ value, text: "" })), "numerical_desc").map(({ value }) => value)).toEqual(["a10", "a9"]));
  it("all of them", () => {
    const of = (more: Partial<Variable>) => chosenOf({ ...newVariable("v"), includeAll: true, ...more }, [{ value: "a", text: "" }, { value: "b", text: "" }], [ALL]);
    expect(of({}).values).toEqual(["a", "b"]);
    expect(of({ allValue: ".*" }).raw).toBe(".*");
  });
  it("are found one after another, each with what is chosen before it", async () => {
    const asked: string[] = [];
    const dashboard = { ...newDashboard("a"), variables: [{ ...newVariable("job"), query: "label_values(up, job)" }, { ...newVariable("node"), query: 'label_values(up{job="$job"}, node)', multi: true, includeAll: true }] };
    const found = await resolveVariables({ dashboard, picked: { job: ["b"] }, fromMs: 0, toMs: 3_600_000, scrapeS: 15, zone: "UTC", keep: (key) => { asked.push(String(key[1])); return Promise.resolve(asked.length === 1 ? ["a", "b"] : ["n1", "n2"]); } });
    expect(asked).toEqual(["label_values(up, job)", 'label_values(up{job="b"}, node)']);
    expect(found.map(({ picked, chosen }) => [picked, chosen.values])).toEqual([[["b"], ["b"]], [[ALL], ["n1", "n2"]]]);
  });
  it("one that fails leaves the others", async () => {
    const dashboard = { ...newDashboard("a"), variables: [{ ...newVariable("a"), query: "label_values(x)" }, { ...newVariable("b"), kind: "custom" as const, options: [{ value: "1", text: "" }] }] };
    const found = await resolveVariables({ dashboard, picked: {}, fromMs: 0, toMs: 1, scrapeS: 15, zone: "UTC", keep: () => Promise.reject(new Error("no")) });
    expect(found.map(({ error, picked }) => [error, picked])).toEqual([["no", []], [null, ["1"]]]);
  });
});

describe("steps", () => {
  const steps = (more: Partial<StepWanted> = {}) => { const { stepS, rateS } = stepsFor({ spanS: 3600, points: 800, scrapeS: 15, panelLeastS: null, queryLeastS: null, word: null, factor: 1, ...more }); return [stepS, rateS]; };
  it.each([[0.4, 0.5], [1, 1], [4, 5], [12, 10], [13, 15], [44, 30], [46, 60], [108, 120], [216, 300], [4000, 3600], [30_000, 21_600], [40_000, 43_200], [100_000, 86_400], [1e6, 604_800]])("%s s is rounded to %s s", (given, want) => expect(roundedStep(given)).toBe(want));
  it("one a pixel, but not more than are scraped", () => { expect(steps()).toEqual([15, 60]); expect(steps({ spanS: 86_400 })).toEqual([120, 135]); });
  it("a query's own least step stands over the panel's, and makes rates longer", () => { expect(steps({ panelLeastS: 60 })).toEqual([60, 75]); expect(steps({ panelLeastS: 60, queryLeastS: 30 })).toEqual([30, 120]); });
  it("a factor makes steps wider, not what a rate is over", () => expect(steps({ factor: 4 })).toEqual([60, 60]));
  it("a step may be what a rate is over", () => expect(steps({ word: "rate_interval" })).toEqual([60, 60]));
});

describe("filters for all queries", () => {
  it.each([["up", 'up{a="b"}'], ['sum(rate(x{c="d"}[5m])) / y{}', 'sum(rate(x{c="d", a="b"}[5m])) / y{a="b"}']])("%s", (query, want) => expect(withMatchers(query, [{ name: "a", op: "=", value: "b" }])).toBe(want));
  it("stand in the address", () => expect(adHocOf(["a|=~|b|c", "nonsense"])).toEqual([{ name: "a", op: "=~", value: "b|c" }]));
});

it("a panel as code leaves out what is as usual", () => {
  expect(panelYaml({ ...panelDefaults("time_series"), id: 3, title: "Load: now", queries: [{ refId: "A", expr: "up", legend: "{{job}}", mode: "range", format: "time_series", minStep: "", stepFactor: 1, hidden: false, exemplars: false }], field: { unit: "s", fill: 20 } }))
    .toBe(['- title: "Load: now"', "  grid: [0, 0, 12, 8]", "  queries:", "    - ref_id: A", "      expr: up", '      legend: "{{job}}"', "  unit: s", "  fill: 20"].join("\n"));
});

it("CSV has no formulas", () => expect(csvOf([{ refId: "A", name: "", columns: [{ name: "a", kind: "string", values: ["=1+1", 'x"y'], labels: {} }, { name: "n", kind: "number", values: [1, -2], labels: {} }] }])).toBe('a,n\r\n\'=1+1,1\r\n"x""y",-2'));
