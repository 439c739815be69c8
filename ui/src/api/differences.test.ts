import { afterEach, describe, expect, it, vi } from "vitest";
import { differences } from "./differences";

afterEach(() => vi.unstubAllGlobals());

async function asked(low: number, high: number): Promise<unknown> {
  const bodies: unknown[] = [];
  vi.stubGlobal("fetch", (_: string, options: { body: string }) => {
    bodies.push(JSON.parse(options.body));
    return Promise.resolve(new Response(JSON.stringify({ status: "success", data: {} })));
  });
  await differences("up", { from: 10, to: 20, low, high }, { from: 0, to: 30, isRest: true });
  return bodies[0];
}

describe("what is asked", () => {
  const baseline = { start: 0, end: 30, rest: true };
  it("has no band where all values are meant", async () => expect(await asked(-Infinity, Infinity)).toEqual({ query: "up", selection: { start: 10, end: 20 }, baseline }));
  it("has the ends that a band has", async () => {
    expect(await asked(1, Infinity)).toEqual({ query: "up", selection: { start: 10, end: 20, low: 1 }, baseline });
    expect(await asked(1, 2)).toEqual({ query: "up", selection: { start: 10, end: 20, low: 1, high: 2 }, baseline });
  });
});
