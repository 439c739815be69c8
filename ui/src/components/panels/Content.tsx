/** What a panel shows, by its kind. */

import { lazy, memo, Suspense } from "react";
import { IconPuzzleOff } from "@tabler/icons-react";
import { Empty, Waiting } from "@/components/Panel";
import { cut } from "@/lib/text";
import { None } from "./None";
import type { PanelProps } from "./props";
import { TimeSeries } from "./TimeSeries";
import { Gauge, BarGauge, Stat } from "./Values";
import { useSize } from "./useSize";
import classes from "./panels.module.css";

const GridPanel = lazy(() => import("./Grid").then((panel) => ({ default: panel.GridPanel })));
const HeatPanel = lazy(() => import("./HeatPanel").then((panel) => ({ default: panel.HeatPanel })));
const BarChart = lazy(() => import("./Bars").then((panel) => ({ default: panel.BarChart })));
const HistogramPanel = lazy(() => import("./Bars").then((panel) => ({ default: panel.HistogramPanel })));
const Pie = lazy(() => import("./Pie").then((panel) => ({ default: panel.Pie })));
const States = lazy(() => import("./States").then((panel) => ({ default: panel.States })));
const Markdown = lazy(() => import("./Markdown").then((panel) => ({ default: panel.Markdown })));
const AlertListPanel = lazy(() => import("./Alerts").then((panel) => ({ default: panel.AlertListPanel })));

export const Content = memo(function Content(props: Omit<PanelProps, "width" | "height">) {
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  return (
    <div ref={ref} className={classes.body}>
      {width > 0 && <Suspense fallback={<Waiting height={40} />}><Kind {...props} width={width} height={height} /></Suspense>}
    </div>
  );
});

function Kind(props: PanelProps) {
  const { panel, tables, histograms = [], why } = props;
  switch (panel.kind) {
    case "text": return <Markdown text={panel.text?.content ?? ""} kind={panel.text?.mode ?? "markdown"} />;
    case "alert_list": return <AlertListPanel {...props} />;
    case "unsupported": return <Empty icon={<IconPuzzleOff size={22} />} title="This panel could not be carried over">{cut(panel.reason || "Its kind is not known here.", 400)}</Empty>;
    default: break;
  }
  if (panel.queries.length === 0) return <None>It has no queries. Edit it to ask something.</None>;
  if (tables.length === 0 && histograms.length === 0 && (panel.kind !== "stat" || panel.field.noValue === undefined)) return panel.kind === "time_series" && panel.field.noValue ? <None>{panel.field.noValue}</None> : <None>{why}</None>;
  switch (panel.kind) {
    case "time_series": return <TimeSeries {...props} />;
    case "stat": return <Stat {...props} />;
    case "gauge": return <Gauge {...props} />;
    case "bar_gauge": return <BarGauge {...props} />;
    case "table": return <GridPanel {...props} />;
    case "heatmap": return <HeatPanel {...props} />;
    case "bar_chart": return <BarChart {...props} />;
    case "histogram": return <HistogramPanel {...props} />;
    case "pie": return <Pie {...props} />;
    case "state_timeline": case "status_history": return <States {...props} />;
  }
}
