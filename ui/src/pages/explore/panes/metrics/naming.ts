/** What series are called in charts: by their labels, or as the query's legend says. */

import type { Labels } from "@/lib/labels";
import { seriesName } from "@/lib/labels";

/** `{{provider}} in {{region}}` with the labels put in; a label that is not there is nothing. */
export function legendText(format: string, labels: Labels): string {
  return format.replace(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, name: string) => labels[name] ?? "");
}

interface Named { labels: Labels; name: string }

/** One name for each series, none twice: charts tell series apart by them. */
export function seriesNames(all: readonly Named[], legend: string | undefined, prefix: string, expr: string, taken: Set<string>): string[] {
  return all.map((one) => {
    const own = legend ? legendText(legend, one.labels) : all.length === 1 && Object.keys(one.labels).filter((name) => name !== "__name__").length === 0 ? (one.labels["__name__"] ?? expr) : one.name;
    const first = `${prefix}${own || seriesName(one.labels)}`;
    let name = first;
    for (let count = 2; taken.has(name); count += 1) name = `${first} (${count})`;
    taken.add(name);
    return name;
  });
}
