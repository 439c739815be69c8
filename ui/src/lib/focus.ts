/** Where the focus goes when something closes. */

import { type SyntheticEvent, useLayoutEffect, useRef } from "react";

/**
 * Gives the focus back to the button of a menu before one of its entries opens a dialogue: else the dialogue would give it
 * back to an entry that is gone.
 */
export function leaveMenu({ currentTarget }: SyntheticEvent<HTMLElement>): void {
  const menu = currentTarget.closest('[role="menu"]');
  document.getElementById(menu?.getAttribute("aria-labelledby") ?? "")?.focus({ preventScroll: true });
}

/** For a dialogue that is only there while it is open: what had the focus before gets it back, else the page. */
export function useFocusReturned(isOpen: boolean): void {
  const before = useRef<Element | null>(null);
  // Before the dialogue takes the focus, which it does a moment later.
  useLayoutEffect(() => {
    if (!isOpen) return undefined;
    before.current = document.activeElement;
    return () => {
      const { current } = before;
      // What is gone by then, or was never there, cannot have it.
      setTimeout(() => (current instanceof HTMLElement && current.isConnected && current !== document.body ? current : document.getElementById("main"))?.focus({ preventScroll: true }), 0);
    };
  }, [isOpen]);
}
