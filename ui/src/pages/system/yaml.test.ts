import { describe, expect, it } from "vitest";
import { linesOf, tokensOf } from "./yaml";

const kinds = (line: string) => tokensOf(line).map(({ kind, text }) => `${kind}:${text.trim()}`).filter((one) => !one.endsWith(":") || one === "mark::");

describe("tokensOf", () => {
  it("tells keys from values", () => expect(kinds("  scrape_interval: 15s")).toEqual(["key:scrape_interval", "mark::", "number:15s"]));
  it("reads lists of maps", () => expect(kinds("- job_name: ai-daemon")).toEqual(["mark:-", "key:job_name", "mark::", "text:ai-daemon"]));
  it("does not take an address for a key", () => expect(kinds("  - 127.0.0.1:9090")).toEqual(["mark:-", "text:127.0.0.1:9090"]));
  it("marks secrets", () => expect(tokensOf("password: <secret>").at(-1)?.kind).toBe("secret"));
  it("keeps every character", () => {
    for (const line of ["  a: \"b: c\" ", "# x", "", "- - a", "\"q k\": [1, 2]", "a:", "http://x:1/y"]) expect(tokensOf(line).map(({ text }) => text).join("")).toBe(line);
  });
});

it("takes a block for text", () => expect(linesOf("a: |\n  b: c\nd: e").map((line) => line[0]?.kind)).toEqual(["key", "text", "key"]));
