/** Where the focus goes when something closes. */

import { type SyntheticEvent, useEffect } from "react";

/**
 * Gives the focus back to the button of a menu before one of its entries opens a dialogue: else the dialogue would give it
 * back to an entry that is gone.
 */
export function leaveMenu({ currentTarget }: SyntheticEvent<HTMLElement>): void {
  const menu = currentTarget.closest('[role="menu"]');
  document.getElementById(menu?.getAttribute("aria-labelledby") ?? "")?.focus({ preventScroll: true });
}

/** What has had the focus, the newest last. */
const had: HTMLElement[] = [];
const HAD_MAX = 16;

/** Remembers what has the focus. Once for the page. */
export function rememberFocus(): void {
  document.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    const before = had.indexOf(target);
    if (before >= 0) had.splice(before, 1);
    had.push(target);
    if (had.length > HAD_MAX) had.shift();
  });
}

/**
 * For the end of a dialogue. Mantine gives the focus back to what had it when it came to look, which under load is after the dialogue
 * took it: then nothing has it. It goes to what had it last and is still there.
 */
export function recoverFocus(): void {
  // Once the dialogue is out of the page.
  setTimeout(() => {
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    const last = had.findLast((one) => one.isConnected && one.getClientRects().length > 0);
    (last ?? document.getElementById("main"))?.focus({ preventScroll: true });
  }, 50);
}

/** For a dialogue that is only there while it is open, and has no end of its own. */
export function useFocusReturned(isOpen: boolean): void {
  useEffect(() => (isOpen ? recoverFocus : undefined), [isOpen]);
}
