import { describe, expect, it } from "vitest";
import { dayBlocks, headline, overall, type PublicItem, type PublicStatus, shareText, worksByTime } from "./days";

const DAY = 86_400;
const now = 20_000 * DAY + 3_600;
const item = (more: Partial<PublicItem> = {}): PublicItem => ({ title: "Chat", state: "up", since: null, maintenance: false, days: [], ...more });
const status = (...items: PublicItem[]): PublicStatus => ({ time: now, state: "up", groups: [{ group: "All", items }], maintenance: [] });

describe("days", () => {
  it("without checks are without data, and the last is today", () => {
    const blocks = dayBlocks(item({ days: [{ day: 20_000 * DAY, successShare: 1, checks: 20 }, { day: 19_998 * DAY, successShare: 0.5, checks: 4 }] }), now);
    expect(blocks.length).toBe(90);
    expect(blocks.at(-1)).toMatchObject({ tone: "good" });
    expect(blocks.at(-1)?.label).toContain("so far");
    expect(blocks.at(-2)).toMatchObject({ tone: "none", more: "no data" });
    expect(blocks.at(-3)).toMatchObject({ tone: "bad", bad: 0.5, more: "50 % of 4 checks succeeded" });
    expect(blocks[0]?.tone).toBe("none");
  });

  it("never say 100 % where something failed", () => {
    expect(shareText(0.9999999)).toBe("99.999 %");
    expect(shareText(1)).toBe("100 %");
    expect(shareText(0.7358)).toBe("73.5 %");
  });

  it("are taken together only where there are some", () => {
    expect(overall(item())).toEqual({ share: null, days: 0 });
    expect(overall(item({ days: [{ day: 0, successShare: 1, checks: 30 }, { day: DAY, successShare: 0.5, checks: 10 }] }))).toEqual({ share: 0.875, days: 2 });
  });
});

describe("maintenance", () => {
  it("at the same times stands together", () => {
    const work = (title: string, start: number) => ({ title, group: "All", start, end: start + 60 });
    const lines = worksByTime([work("a", 0), work("b", 30), work("c", 0)]);
    expect(lines.map(({ parts }) => parts.map(({ title }) => title))).toEqual([["a", "c"], ["b"]]);
  });
});

describe("the headline", () => {
  it("is about what strangers notice", () => {
    expect(headline(status(item(), item()))).toBe("Everything works");
    expect(headline(status(item(), item({ title: "Models", state: "down" })))).toBe("Models is not working");
    expect(headline(status(item({ state: "degraded" }), item({ title: "Models", state: "degraded" })))).toBe("Everything is slower than usual");
    expect(headline(status(item(), item({ state: "down", maintenance: true })))).toBe("Everything else works; some parts are being worked on");
    expect(headline({ ...status(), groups: [] })).toBe("Nothing is shown here yet");
  });
});
