/** The questions of the pane and their answers: over the range for graphs, at its end for tables. */

import { keepPreviousData, type QueryKey, useQueries, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { type BigFrame, bigInstant, bigRange, type BigInstant } from "@/api/frames";
import { stepFor } from "@/api/prometheus";
import { useRange } from "@/state/range";
import { progress } from "./progress";

export interface Answer<T> {
  data: T | undefined;
  error: Error | null;
  isFetching: boolean;
  /** Whether what is shown is that of an older question. */
  isOld: boolean;
  /** Given up before it came. */
  isCancelled: boolean;
  key: string;
  cancel: () => void;
  retry: () => void;
}

/** As many points as a chart of this width has room for. */
export function pointsFor(widthPx: number): number {
  return Math.max(120, Math.min(1_000, Math.round(widthPx / 2)));
}

const POINTS_HARD_MAX = 11_000;

/** The step that is asked with; a chosen one grows where there would be more points than the server computes. */
export function chosenStep(fromS: number, toS: number, chosen: number | undefined, points: number): number {
  const least = (toS - fromS) / POINTS_HARD_MAX;
  if (chosen !== undefined) return chosen >= least ? chosen : stepFor(fromS, toS, POINTS_HARD_MAX);
  return stepFor(fromS, toS, points, 5);
}

interface Result { data: unknown; error: Error | null; isFetching: boolean; isPlaceholderData: boolean; status: string; refetch: () => unknown }

export function useRangeAnswers(exprs: readonly string[], step: number, enabled: boolean): Answer<BigFrame>[] {
  const { fromS, toS } = useRange();
  const from = Math.floor(fromS / step) * step;
  const to = Math.floor(toS / step) * step;
  const keys = exprs.map((expr): QueryKey => ["explore", "range", expr, from, to, step]);
  const results = useQueries({
    queries: exprs.map((expr, index) => ({
      queryKey: keys[index] ?? [],
      queryFn: ({ signal }: { signal: AbortSignal }) => followed(JSON.stringify(keys[index]), (onProgress) => bigRange(expr, from, to, step, { signal, onProgress })),
      enabled: enabled && expr.trim() !== "",
      placeholderData: keepPreviousData,
      // Comparing large answers value by value would take longer than drawing them.
      structuralSharing: false,
      staleTime: 60_000,
      gcTime: 20_000,
    })),
  });
  return useAnswers<BigFrame>(results, keys, exprs, enabled);
}

export function useInstantAnswers(exprs: readonly string[], enabled: boolean): Answer<BigInstant>[] {
  const { toS } = useRange();
  const time = Math.floor(toS);
  const keys = exprs.map((expr): QueryKey => ["explore", "instant", expr, time]);
  const results = useQueries({
    queries: exprs.map((expr, index) => ({
      queryKey: keys[index] ?? [],
      queryFn: ({ signal }: { signal: AbortSignal }) => followed(JSON.stringify(keys[index]), (onProgress) => bigInstant(expr, time, { signal, onProgress })),
      enabled: enabled && expr.trim() !== "",
      placeholderData: keepPreviousData,
      structuralSharing: false,
      staleTime: 60_000,
      gcTime: 20_000,
    })),
  });
  return useAnswers<BigInstant>(results, keys, exprs, enabled);
}

async function followed<T>(key: string, ask: (onProgress: (bytes: number) => void) => Promise<T>): Promise<T> {
  progress.begin(key);
  try {
    return await ask((bytes) => progress.received(key, bytes));
  } finally {
    progress.end(key);
  }
}

function useAnswers<T>(results: readonly Result[], keys: readonly QueryKey[], exprs: readonly string[], enabled: boolean): Answer<T>[] {
  const client = useQueryClient();
  const cancel = useCallback((queryKey: QueryKey) => void client.cancelQueries({ queryKey, exact: true }), [client]);
  return results.map((result, index) => ({
    data: exprs[index]?.trim() === "" ? undefined : (result.data as T | undefined),
    error: result.error,
    isFetching: result.isFetching,
    isOld: result.isPlaceholderData,
    isCancelled: enabled && exprs[index]?.trim() !== "" && !result.isFetching && !result.error && (result.status === "pending" || result.isPlaceholderData),
    key: JSON.stringify(keys[index]),
    cancel: () => cancel(keys[index] ?? []),
    retry: () => void result.refetch(),
  }));
}
