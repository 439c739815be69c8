/** One stream for everything that changes: what it names is asked for anew, and how the connection is is told. */

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";

/** `live`: changes come by themselves. `polling`: this server has no stream. `lost`: it does not answer. */
export type Connection = "connecting" | "live" | "polling" | "lost";

interface LiveState { connection: Connection; /** Times that a stream began: a restart of the server among them. */ generation: number }
const Context = createContext<LiveState>({ connection: "connecting", generation: 0 });

/** What each kind of event makes old: first words of the keys of questions. */
const TOUCHES: Readonly<Record<string, readonly string[]>> = {
  status: ["status"],
  alerts: ["alerts", "rules", "silences", "status"],
  timeline: ["timeline", "acknowledgements"],
  entities: ["entities", "probes"],
  objectives: ["objectives"],
  scalers: ["scalers"],
  targets: ["targets", "status"],
  reload: ["rules", "config", "dashboards", "objectives", "scalers", "probes", "targets", "status", "routes"],
};

const LIVE_PATH = "/api/bellwether/v1/live";

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [connection, setConnection] = useState<Connection>("connecting");
  const [generation, setGeneration] = useState(0);
  useEffect(() => {
    let source: EventSource | null = null;
    let again: ReturnType<typeof setTimeout> | undefined;
    let hadOne = false;
    let isOver = false;
    const touched = new Set<string>();
    let due: ReturnType<typeof setTimeout> | undefined;
    const touch = (kind: string) => {
      for (const key of TOUCHES[kind] ?? []) touched.add(key);
      // Several events of one moment are one round of questions.
      due ??= setTimeout(() => {
        due = undefined;
        const keys = new Set(touched);
        touched.clear();
        void client.invalidateQueries({ predicate: ({ queryKey: [scope, key] }) => scope === "now" && typeof key === "string" && keys.has(key) });
      }, 150);
    };
    const retry = (afterMs: number) => {
      clearTimeout(again);
      if (!isOver) again = setTimeout(open, afterMs);
    };
    const open = () => {
      source?.close();
      source = new EventSource(LIVE_PATH);
      source.addEventListener("hello", () => {
        setConnection("live");
        setGeneration((old) => old + 1);
        if (hadOne) void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "now" });
        hadOne = true;
      });
      for (const kind of Object.keys(TOUCHES)) source.addEventListener(kind, () => touch(kind));
      source.onerror = () => {
        const isRefused = source?.readyState === EventSource.CLOSED;
        source?.close();
        // Without a stream each question is asked at its interval; whether the server is there, they tell.
        fetch("/-/healthy").then(
          (response) => setConnection(response.ok ? (isRefused ? "polling" : "connecting") : "lost"),
          () => setConnection("lost"),
        );
        retry(isRefused && !hadOne ? 30_000 : 2_000);
      };
    };
    open();
    return () => {
      isOver = true;
      clearTimeout(again);
      clearTimeout(due);
      source?.close();
    };
  }, [client]);
  const state = useMemo(() => ({ connection, generation }), [connection, generation]);
  return <Context value={state}>{children}</Context>;
}

export const useLive = () => useContext(Context);
