import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type BuiltIn, type Chosen, formatted, lookupOf, referencedNames, substitute } from "./substitute";

interface Case { about: string; text: string; want: string; variables: Record<string, { values: string[]; texts?: string[]; multi?: boolean; raw?: string }> }
const cases = JSON.parse(readFileSync(new URL("../../../../crates/dashboards/testdata/macros.json", `file://${import.meta.dirname}/x`), "utf8")) as Case[];
const built: BuiltIn = { fromMs: 1_700_000_000_000, toMs: 1_700_003_600_000, stepS: 15, scrapeS: 15, title: "Orders", zone: "UTC" };

describe("what the server is tested with too", () => {
  it.each(cases.map((one) => [one.about, one] as const))("%s", (_, { text, want, variables }) => {
    const chosen = (name: string): Chosen | undefined => {
      const of = variables[name];
      return of && { values: of.values, texts: of.texts ?? of.values, isMulti: of.multi ?? false, raw: of.raw };
    };
    expect(substitute(text, ({ name, format }) => { const of = chosen(name); return of ? formatted(name, of, format) : null; })).toBe(want);
  });
});

describe("what is built in", () => {
  const put = (text: string, change: Partial<BuiltIn> = {}) => substitute(text, lookupOf(new Map(), { ...built, ...change }, true));
  it("steps and ranges", () => {
    expect(put("rate(a[$__interval]) [[__interval]] $__interval_ms")).toBe("rate(a[15s]) 15s 15000");
    expect(put("$__range ${__range_s} $__range_ms")).toBe("3600s 3600 3600000");
  });
  it("a rate has four scrapes or a step and one", () => {
    expect(put("$__rate_interval")).toBe("60s");
    expect(put("$__rate_interval", { stepS: 300 })).toBe("315s");
  });
  it("ends of the range", () => {
    expect(put("$__from ${__to:date:seconds} ${__from:date}")).toBe("1700000000000 1700003600 2023-11-14T22:13:20.000Z");
  });
  it("a variable stands over what is built in", () => {
    const chosen = new Map([["__interval", { values: ["1h"], texts: ["1h"], isMulti: false }]]);
    expect(substitute("$__interval", lookupOf(chosen, built, true))).toBe("1h");
  });
  it("texts have what people see", () => {
    const chosen = new Map([["v", { values: ["1", "2"], texts: ["one", "two"], isMulti: true }]]);
    expect(substitute("of $v", lookupOf(chosen, built, false))).toBe("of one + two");
  });
});

it("names that a text speaks of", () => expect(referencedNames('up{a="$a", b=~"${b:regex}", c="[[c]]"} $1')).toEqual(["a", "b", "c", "1"]));
