/** What a person has chosen for this browser: colours, time zone, how times are told. */

import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { useMantineColorScheme } from "@mantine/core";
import type { Scheme } from "@/lib/palette";

export type SchemeChoice = "auto" | "dark" | "light";

export interface Settings {
  scheme: SchemeChoice;
  /** A name of the IANA database, or `local`. */
  timeZone: string;
  /** Whether times are told as `5 min ago` or as they are on a clock. */
  times: "relative" | "absolute";
  /** Whether the navigation is narrow. */
  narrow: boolean;
}

const DEFAULTS: Settings = { scheme: "auto", timeZone: "local", times: "relative", narrow: false };
const KEY = "bellwether.settings";

function isZone(zone: string): boolean {
  if (zone === "local") return true;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function load(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>;
    const settings = { ...DEFAULTS, ...kept };
    return isZone(settings.timeZone) ? settings : { ...settings, timeZone: "local" };
  } catch {
    return DEFAULTS;
  }
}

interface SettingsState extends Settings { set: (change: Partial<Settings>) => void; shown: Scheme }
const Context = createContext<SettingsState | null>(null);

export function SettingsProvider({ children }: { children: ReactNode }) {
  const [settings, setSettings] = useState(load);
  const { setColorScheme } = useMantineColorScheme();
  const [systemIsLight, setSystemIsLight] = useState(() => matchMedia("(prefers-color-scheme: light)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: light)");
    const changed = () => setSystemIsLight(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  const shown: Scheme = settings.scheme === "auto" ? (systemIsLight ? "light" : "dark") : settings.scheme;
  useEffect(() => setColorScheme(shown), [shown, setColorScheme]);
  const set = useCallback((change: Partial<Settings>) => {
    setSettings((old) => {
      const next = { ...old, ...change };
      try {
        localStorage.setItem(KEY, JSON.stringify(next));
      } catch {
        // Without storage the choice holds until the page is closed.
      }
      return next;
    });
  }, []);
  const value = useMemo(() => ({ ...settings, set, shown }), [settings, set, shown]);
  return <Context value={value}>{children}</Context>;
}

export function useSettings(): SettingsState {
  const settings = useContext(Context);
  if (!settings) throw new Error("useSettings stands inside of SettingsProvider");
  return settings;
}

export interface TimeFormat {
  /** `14:03:20`, with the day where it is not today. */
  time: (ms: number) => string;
  /** `30 Nov 2026, 14:03:20`. */
  full: (ms: number) => string;
  /** `30 Nov`. */
  day: (ms: number) => string;
  zone: string;
}

/** How times are written in the chosen zone. */
export function useTimeFormat(): TimeFormat {
  const { timeZone } = useSettings();
  return useMemo(() => timeFormat(timeZone), [timeZone]);
}

export function timeFormat(zone: string): TimeFormat {
  const timeZone = zone === "local" ? undefined : zone;
  const parts = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en-GB", { timeZone, hourCycle: "h23", ...options });
  const clock = parts({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = parts({ day: "numeric", month: "short" });
  const dayAndYear = parts({ day: "numeric", month: "short", year: "numeric" });
  const safe = (format: (ms: number) => string) => (ms: number) => (Number.isFinite(ms) ? format(ms) : "–");
  return {
    time: safe((ms) => (dayAndYear.format(ms) === dayAndYear.format(Date.now()) ? clock.format(ms) : `${day.format(ms)}, ${clock.format(ms).slice(0, 5)}`)),
    full: safe((ms) => `${dayAndYear.format(ms)}, ${clock.format(ms)}`),
    day: safe((ms) => day.format(ms)),
    zone: timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}
