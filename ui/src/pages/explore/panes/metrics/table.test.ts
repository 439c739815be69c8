import { describe, expect, it } from "vitest";
import { csv, csvField } from "./csv";
import { legendText, seriesNames } from "./naming";
import { columnsOf } from "./TableView";

describe("tables", () => {
  it("tell once what is the same in all rows", () => {
    const stat = (value: string, count: number, isSame: boolean) => ({ value, count, isSame });
    const found = columnsOf([
      { count: 2, labels: new Map([["job", stat("a", 2, true)], ["le", stat("1", 2, false)], ["env", stat("x", 2, true)]]) },
      { count: 1, labels: new Map([["job", stat("a", 1, true)], ["env", stat("y", 1, true)], ["__name__", stat("m", 1, true)]]) },
    ]);
    expect(found.common).toEqual({ job: "a" });
    expect(found.columns).toEqual(["__name__", "env", "le"]);
  });
  it("are no formulas in other programs", () => {
    expect(csvField('=HYPERLINK("x")')).toBe("\"'=HYPERLINK(\"\"x\"\")\"");
    expect(csv(["a", "b"], [["x,y", 1.5], ["line\nbreak", Infinity]])).toBe('a,b\r\n"x,y",1.5\r\n"line\nbreak",+Inf\r\n');
  });
});

describe("names", () => {
  it("follow the legend", () => expect(legendText("{{a}} in {{ b }}{{c}}", { a: "1", b: "2" })).toBe("1 in 2"));
  it("are never the same twice", () => expect(seriesNames([{ labels: { a: "1" }, name: "1" }, { labels: { a: "2" }, name: "2" }], "same", "A · ", "x", new Set())).toEqual(["A · same", "A · same (2)"]));
});
