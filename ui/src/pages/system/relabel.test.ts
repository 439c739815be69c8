import { describe, expect, it } from "vitest";
import { changesOf, dropReason, explained, holds, ruleText } from "./relabel";

const keep = { source_labels: ["env"], separator: ";", regex: "prod", action: "keep", replacement: "$1" };
const set = { regex: "(.*)", target_label: "team", replacement: "core", action: "replace", separator: ";" };

describe("explained", () => {
  const found = { __address__: "a:1", env: "dev" };
  it("tells what each rule changed and where it ended", () => {
    const steps = explained(found, [{ rule: set, output: { ...found, team: "core" }, keep: true }, { rule: keep, output: {}, keep: false }, { rule: set, output: {}, keep: false }]);
    expect(steps.map(({ fate }) => fate)).toEqual(["kept", "dropped", "unreached"]);
    expect(steps[0]?.changes).toEqual([{ name: "team", kind: "added", before: undefined, after: "core" }]);
    expect(steps[1]?.input).toBe("dev");
  });
  it("gives the number of the rule that dropped it", () => expect(dropReason(found, [{ rule: set, output: found, keep: true }, { rule: keep, output: {}, keep: false }])?.number).toBe(2));
  it("gives nothing for what was kept", () => expect(dropReason(found, [{ rule: set, output: found, keep: true }])).toBeNull());
});

it("changes are added, changed and removed", () => expect(changesOf({ a: "1", b: "2" }, { b: "3", c: "4" }).map(({ name, kind }) => `${name} ${kind}`)).toEqual(["a removed", "b changed", "c added"]));
it("rules read as sentences", () => expect(ruleText(keep)).toBe("keeps targets whose env matches prod"));
it("all words are to be found", () => {
  expect(holds("dev a:1", { env: "dev" }, "http://a:1/")).toBe(true);
  expect(holds("env=prod", { env: "dev" })).toBe(false);
});
