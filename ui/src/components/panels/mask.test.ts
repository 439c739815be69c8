import { expect, it } from "vitest";
import { masked } from "@/components/query/check";

it.each([
  ["rate(a[$__rate_interval])", "rate(a[              1m])"],
  ['up{job="$job"}', 'up{job="xxxx"}'],
  ["histogram_quantile($quantile, x)", "histogram_quantile(        1, x)"],
  ["${metric}_total{}", "xxxxxxxxx_total{}"],
  ['label_replace(up, "a", "$1", "b", "(.*)")', 'label_replace(up, "a", "$1", "b", "(.*)")'],
  ["a offset [[shift]]", "a offset        1m"],
])("variables have a text that can be read, as long as they are: %s", (query, want) => {
  expect(masked(query)).toBe(want);
  expect(masked(query)).toHaveLength(query.length);
});
