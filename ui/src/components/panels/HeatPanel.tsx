/** Buckets over time as a heat map. */

import { useMemo } from "react";
import { Heatmap } from "@/components/Heatmap";
import { spokenDuration } from "@/lib/duration";
import { formatUnit } from "./format";
import { heatOf } from "./heat";
import { None } from "./None";
import type { PanelProps } from "./props";
import { useSize } from "./useSize";
import classes from "./panels.module.css";

export function HeatPanel({ panel, tables, histograms = [], step, fromS, toS, onZoom, sync }: PanelProps) {
  const [ref, size] = useSize<HTMLDivElement>();
  const options = panel.heatmap;
  const found = useMemo(() => heatOf(panel, tables, histograms, step), [panel, tables, histograms, step]);
  const unit = options?.yUnit ?? "";
  const decimals = options?.yDecimals;
  const format = useMemo(() => (value: number) => formatUnit(value, unit || panel.field.unit, decimals), [unit, decimals, panel.field.unit]);
  if (!found || found.cells === 0) return <None>{tables.length > 0 && found === null ? "Rows of a heat map are bounds: a label le, or a legend that is a number." : undefined}</None>;
  return (
    <div ref={ref} className={classes.heat}>
      {size.height > 0 && <Heatmap label={panel.title || "Heat map"} grid={found} format={format} height={size.height} countsOf={`in ${spokenDuration(step)}`} from={fromS} to={toS} onZoom={onZoom} {...(sync === undefined ? {} : { sync })} />}
    </div>
  );
}
