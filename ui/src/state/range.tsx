/** The span of time that all pages look at: in the address, and moving on while it ends now. */

import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { DEFAULT_RANGE, isRelative, type RangeText, resolveRange } from "./time";

/** How often a span that ends now moves on, unless the address says otherwise. */
const REFRESH_S = 15;
/** Choices of the refresh menu, seconds; 0 is never. */
export const REFRESHES = [0, 5, 15, 60, 300] as const;

export interface RangeState {
  text: RangeText;
  fromMs: number;
  toMs: number;
  /** The same in seconds since 1970. */
  fromS: number;
  toS: number;
  /** Seconds between refreshes; 0: none. */
  refresh: number;
  setRange: (range: RangeText) => void;
  setRefresh: (seconds: number) => void;
  /** Looks at these times, as a drag over a chart asks for. */
  zoom: (fromMs: number, toMs: number) => void;
  /** Looks again, now. */
  look: () => void;
}

const Context = createContext<RangeState | null>(null);

export function RangeProvider({ children }: { children: ReactNode }) {
  const found = useSearch({ strict: false });
  const navigate = useNavigate();
  const [nowMs, setNowMs] = useState(() => Date.now());
  const from = found.from ?? DEFAULT_RANGE.from;
  const to = found.to ?? DEFAULT_RANGE.to;
  const refresh = found.refresh ?? REFRESH_S;
  const moves = isRelative({ from, to }) && refresh > 0;

  const look = useCallback(() => setNowMs(Date.now()), []);
  // Another span is looked at as it is now.
  useEffect(() => setNowMs(Date.now()), [from, to]);
  useEffect(() => {
    if (!moves) return undefined;
    const tick = () => {
      if (document.visibilityState === "visible") setNowMs(Date.now());
    };
    const timer = setInterval(tick, refresh * 1000);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [moves, refresh]);

  const change = useCallback(
    (search: { from?: string | undefined; to?: string | undefined; refresh?: number | undefined }) => {
      void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, ...search }) });
    },
    [navigate],
  );
  const setRange = useCallback((range: RangeText) => {
    // A dashboard has a default of its own.
    const isDefault = range.from === DEFAULT_RANGE.from && range.to === DEFAULT_RANGE.to && !location.pathname.startsWith("/dashboards/");
    change(isDefault ? { from: undefined, to: undefined } : { from: range.from, to: range.to });
  }, [change]);
  const setRefresh = useCallback((seconds: number) => change({ refresh: seconds === REFRESH_S && !location.pathname.startsWith("/dashboards/") ? undefined : seconds }), [change]);
  const zoom = useCallback((fromMs: number, toMs: number) => setRange({ from: String(Math.round(fromMs)), to: String(Math.round(toMs)) }), [setRange]);

  const state = useMemo(() => {
    const { fromMs, toMs } = resolveRange({ from, to }, nowMs);
    return { text: { from, to }, fromMs, toMs, fromS: fromMs / 1000, toS: toMs / 1000, refresh, setRange, setRefresh, zoom, look };
  }, [from, to, nowMs, refresh, setRange, setRefresh, zoom, look]);
  return <Context value={state}>{children}</Context>;
}

export function useRange(): RangeState {
  const state = useContext(Context);
  if (!state) throw new Error("useRange stands inside of RangeProvider");
  return state;
}

/** Now, in milliseconds, once a second or as often as said: for `5 min ago`. */
export function useNow(everyMs = 5_000): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}
