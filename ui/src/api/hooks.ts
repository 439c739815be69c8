/** Questions as hooks: answers are kept, shared, asked anew as time moves on, and cancelled when nobody waits for them. */

import { keepPreviousData, useQueries, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useRange } from "@/state/range";
import { type Frame, type Instant, queryInstant, queryRange, stepFor } from "./prometheus";

export interface RangeOptions {
  /** Points at most; the step follows from it. */
  points?: number;
  /** Seconds; in place of `points`. */
  step?: number;
  enabled?: boolean;
}

/** One query over the page's span of time. */
export function useRangeQuery(query: string, options: RangeOptions = {}): UseQueryResult<Frame> {
  return useQuery(rangeOptions(query, useRange(), options));
}

/** Several queries over the page's span of time, in their order. */
export function useRangeQueries(queries: readonly string[], options: RangeOptions = {}): UseQueryResult<Frame>[] {
  const range = useRange();
  return useQueries({ queries: queries.map((query) => rangeOptions(query, range, options)) });
}

function rangeOptions(query: string, { fromS, toS }: { fromS: number; toS: number }, options: RangeOptions) {
  const step = options.step ?? stepFor(fromS, toS, options.points ?? 240);
  // Times on the grid of the step: a second later is the same question.
  const from = Math.floor(fromS / step) * step;
  const to = Math.floor(toS / step) * step;
  return {
    queryKey: ["range", query, from, to, step] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => queryRange(query, from, to, step, signal),
    enabled: (options.enabled ?? true) && query.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  };
}

/** One query at the end of the page's span of time. */
export function useInstantQuery(query: string, options: { enabled?: boolean; atS?: number } = {}): UseQueryResult<Instant> {
  const { toS } = useRange();
  return useQuery(instantOptions(query, options.atS ?? toS, options.enabled ?? true));
}

export function useInstantQueries(queries: readonly string[]): UseQueryResult<Instant>[] {
  const { toS } = useRange();
  return useQueries({ queries: queries.map((query) => instantOptions(query, toS, true)) });
}

function instantOptions(query: string, atS: number, enabled: boolean) {
  const time = Math.floor(atS);
  return {
    queryKey: ["instant", query, time] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => queryInstant(query, time, signal),
    enabled: enabled && query.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  };
}

/** Something that is as it is now: asked again as the page's clock moves, and when the live stream says that it changed. */
export function useNowQuery<T>(key: readonly unknown[], ask: (signal: AbortSignal) => Promise<T>, options: { everyMs?: number; enabled?: boolean } = {}): UseQueryResult<T> {
  return useQuery({
    queryKey: ["now", ...key],
    queryFn: ({ signal }) => ask(signal),
    refetchInterval: options.everyMs ?? 15_000,
    enabled: options.enabled ?? true,
    placeholderData: keepPreviousData,
    staleTime: 2_000,
  });
}
