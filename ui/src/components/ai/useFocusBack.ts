/** Gives the focus back to where it was before a drawer was opened over the page. */

import { type FocusEvent, useEffect, useRef } from "react";

/** What is behind the drawer takes the returned properties: out of reach while it is open. */
export function useFocusBack(isOpen: boolean): { inert: boolean; onFocusCapture: (event: FocusEvent) => void } {
  const last = useRef<HTMLElement | null>(null);
  const wasOpen = useRef(false);
  useEffect(() => {
    if (wasOpen.current && !isOpen) last.current?.focus({ preventScroll: true });
    wasOpen.current = isOpen;
  }, [isOpen]);
  return {
    inert: isOpen,
    onFocusCapture: (event) => {
      if (event.target instanceof HTMLElement) last.current = event.target;
    },
  };
}
