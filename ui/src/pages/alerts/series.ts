/** Which line of a rule's expression is that of an alert. */

import type { Series } from "@/api/prometheus";
import type { Labels } from "@/lib/labels";

/** The series whose labels all stand in the alert's; those that the rule sets itself may differ. The one with the most labels is the nearest. */
export function seriesOfAlert<S extends Pick<Series, "labels">>(all: readonly S[], labels: Labels, ruleLabels: Labels = {}): S | undefined {
  let best: S | undefined;
  let most = -1;
  for (const one of all) {
    const pairs = Object.entries(one.labels).filter(([name]) => name !== "__name__");
    if (pairs.length <= most || !pairs.every(([name, value]) => labels[name] === value || name in ruleLabels)) continue;
    best = one;
    most = pairs.length;
  }
  return best;
}
