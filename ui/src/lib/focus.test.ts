import { afterEach, describe, expect, it, vi } from "vitest";
import { recoverFocus, rememberFocus } from "./focus";

rememberFocus();
afterEach(() => { document.body.replaceChildren(); vi.useRealTimers(); });

const button = () => {
  const one = document.createElement("button");
  // Nothing is laid out here.
  one.getClientRects = () => [new DOMRect(0, 0, 1, 1)] as unknown as DOMRectList;
  document.body.append(one);
  return one;
};

describe("the focus", () => {
  it("goes to what had it last and is still there", () => {
    vi.useFakeTimers();
    const [first, opener, inside] = [button(), button(), button()];
    for (const one of [first, opener, inside]) one.focus();
    inside.remove();
    recoverFocus();
    vi.runAllTimers();
    expect(document.activeElement).toBe(opener);
  });

  it("stays where it is", () => {
    vi.useFakeTimers();
    const [opener, other] = [button(), button()];
    opener.focus();
    other.focus();
    recoverFocus();
    vi.runAllTimers();
    expect(document.activeElement).toBe(other);
  });
});
