/** The state of Explore: all of it stands in the address, so that a link shows the same. What is being written stands beside it until it is run. */

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ExploreQuery, ExploreSearch } from "@/router";
import { useRange } from "@/state/range";
import { QUERIES_MAX } from "./panes/metrics/letters";

/** A query on the page: what was asked, and what stands in its editor. */
export interface Row { id: number; asked: ExploreQuery; draft: string }

export interface Explore {
  search: ExploreSearch;
  rows: readonly Row[];
  set: (change: Partial<ExploreSearch>, options?: { replace?: boolean }) => void;
  write: (id: number, draft: string) => void;
  /** Asks all that is written. */
  run: () => void;
  add: (expr?: string) => void;
  duplicate: (id: number) => void;
  remove: (id: number) => void;
  change: (id: number, change: Partial<ExploreQuery>) => void;
  /** Asks these, in place of all. */
  replace: (queries: readonly ExploreQuery[]) => void;
  /** How often the same was asked again. */
  asks: number;
}

let nextId = 1;
const rowOf = (asked: ExploreQuery, old?: Row): Row => ({ id: old?.id ?? nextId++, asked, draft: old !== undefined && old.asked.expr === asked.expr && old.draft !== "" ? old.draft : asked.expr });
const EMPTY: readonly ExploreQuery[] = [{ expr: "" }];

export function useExplore(): Explore {
  const search = useSearch({ from: "/explore" });
  const navigate = useNavigate({ from: "/explore" });
  const range = useRange();
  const asked = search.q ?? EMPTY;
  const text = JSON.stringify(asked);
  const [rows, setRows] = useState<readonly Row[]>(() => asked.map((one) => rowOf(one)));
  const [asks, setAsks] = useState(0);
  const latest = useRef({ rows, text });
  latest.current.rows = rows;
  // The address was changed by something else: a link, going back.
  useEffect(() => {
    if (latest.current.text === text) return;
    latest.current.text = text;
    setRows((old) => (JSON.parse(text) as ExploreQuery[]).map((one, index) => rowOf(one, old[index])));
  }, [text]);

  const set = useCallback((change: Partial<ExploreSearch>, options: { replace?: boolean } = {}) => {
    void navigate({ search: (old) => ({ ...old, ...change }), replace: options.replace ?? false });
  }, [navigate]);
  const put = useCallback((next: readonly Row[], change: Partial<ExploreSearch> = {}) => {
    const list = next.length > 0 ? next : [rowOf({ expr: "" })];
    setRows(list);
    const q = list.map((row) => row.asked);
    const isEmpty = q.every((one) => one.expr === "") && q.length === 1;
    latest.current.text = JSON.stringify(isEmpty ? EMPTY : q);
    set({ q: isEmpty ? undefined : q, ...change });
  }, [set]);
  const look = range.look;

  return useMemo((): Explore => ({
    search, rows, asks, set,
    write: (id, draft) => setRows((old) => old.map((row) => (row.id === id && row.draft !== draft ? { ...row, draft } : row))),
    run: () => {
      const next = latest.current.rows.map((row) => ({ ...row, asked: { ...row.asked, expr: row.draft.trim() } }));
      const isSame = next.every((row, index) => row.asked.expr === latest.current.rows[index]?.asked.expr);
      if (isSame) {
        look();
        setAsks((old) => old + 1);
      } else put(next);
    },
    add: (expr = "") => {
      if (latest.current.rows.length < QUERIES_MAX) put([...latest.current.rows, rowOf({ expr })]);
    },
    duplicate: (id) => {
      const { rows: now } = latest.current;
      const at = now.findIndex((row) => row.id === id);
      const row = now[at];
      if (row && now.length < QUERIES_MAX) put([...now.slice(0, at + 1), rowOf({ ...row.asked, expr: row.draft.trim() }), ...now.slice(at + 1)]);
    },
    remove: (id) => put(latest.current.rows.filter((row) => row.id !== id)),
    change: (id, change) => put(latest.current.rows.map((row) => (row.id === id ? { ...row, asked: { ...row.asked, ...change }, draft: change.expr ?? row.draft } : row))),
    replace: (queries) => put(queries.slice(0, QUERIES_MAX).map((one, index) => ({ ...rowOf(one, latest.current.rows[index]), draft: one.expr })), { diff: undefined, base: undefined }),
  }), [search, rows, asks, set, put, look]);
}
