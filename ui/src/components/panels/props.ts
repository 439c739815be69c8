/** What every kind of panel is given. */

import type { Panel } from "@/api/dashboards";
import type { HistogramSeries } from "@/api/prometheus";
import type { Table } from "./tables";

export interface PanelProps {
  panel: Panel;
  /** Answers, after all transformations. */
  tables: readonly Table[];
  histograms?: readonly HistogramSeries[] | undefined;
  /** Seconds between the points of answers over a range. */
  step: number;
  fromS: number;
  toS: number;
  /** What of the page it has, in pixels. */
  width: number;
  height: number;
  onZoom?: ((fromMs: number, toMs: number) => void) | undefined;
  /** Marks of charts share their cursor under this name. */
  sync?: string | undefined;
  /** Why there may be nothing, where it is known. */
  why?: string | undefined;
  /** Puts variables into the links of values. */
  put: (text: string) => string;
}
