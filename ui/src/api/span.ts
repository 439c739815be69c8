/** Questions over times that are not those of the page: a budget's period, the future of a forecast. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { type Frame, queryRange, stepFor } from "./prometheus";

/** One query from a time to another, on times that are whole multiples of its step. */
export function useSpanQuery(query: string, fromS: number, toS: number, options: { points?: number; step?: number; enabled?: boolean } = {}): UseQueryResult<Frame> {
  const step = options.step ?? stepFor(fromS, toS, options.points ?? 240);
  const from = Math.floor(fromS / step) * step;
  const to = Math.floor(toS / step) * step;
  return useQuery({
    queryKey: ["range", query, from, to, step],
    queryFn: ({ signal }) => queryRange(query, from, to, step, signal),
    enabled: (options.enabled ?? true) && query !== "" && to > from,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}
