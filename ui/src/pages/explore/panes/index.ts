/** All kinds of panes, in the order in which they stand on the page. Logs and traces join here. */

import type { PaneKind } from "./model";
import { MetricsPane } from "./metrics/MetricsPane";

export const PANES: readonly PaneKind[] = [{ kind: "metrics", name: "Metrics", Body: MetricsPane }];
