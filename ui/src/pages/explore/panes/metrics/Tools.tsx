/** How answers are shown: the view, how lines are drawn, and what is compared. */

import { Button, Popover, SegmentedControl, Select, Switch, Tooltip } from "@mantine/core";
import { IconAdjustments, IconChartLine, IconGridDots, IconTable, IconZoomQuestion } from "@tabler/icons-react";
import { durationText } from "@/lib/duration";
import type { ExploreSearch } from "@/router";
import classes from "./MetricsPane.module.css";

const STEPS = [5, 15, 30, 60, 300, 900, 3600] as const;

interface ToolsProps { search: ExploreSearch; set: (change: Partial<ExploreSearch>) => void; isChoosing: boolean; onChoosing: (isChoosing: boolean) => void }

export function Tools({ search, set, isChoosing, onChoosing }: ToolsProps) {
  const view = search.view ?? "graph";
  return (
    <div className={classes.tools}>
      {view !== "table" && (
        <Tooltip label="Then drag over a time, or over an area of values" disabled={isChoosing}>
          <Button variant={isChoosing ? "filled" : "default"} aria-pressed={isChoosing} leftSection={<IconZoomQuestion size={15} />} onClick={() => onChoosing(!isChoosing)}>What is different here?</Button>
        </Tooltip>
      )}
      <Popover position="bottom-end" width={250} shadow="md" trapFocus returnFocus>
        <Popover.Target><Button leftSection={<IconAdjustments size={14} />}>Options</Button></Popover.Target>
        <Popover.Dropdown p={4}>
          <div className={classes.options}>
            <Select label="Drawn as" data={[{ value: "lines", label: "Lines" }, { value: "stacked", label: "Stacked areas" }, { value: "bars", label: "Bars" }, { value: "points", label: "Points" }]} value={search.draw ?? "lines"} onChange={(value) => set({ draw: value === "lines" || value === null ? undefined : value })} comboboxProps={{ withinPortal: false }} />
            <Select label="A point every" data={[{ value: "0", label: "As many as fit" }, ...STEPS.map((seconds) => ({ value: String(seconds), label: durationText(seconds * 1000) }))]} value={String(search.step ?? 0)} onChange={(value) => set({ step: Number(value) || undefined })} comboboxProps={{ withinPortal: false }} />
            <Switch label="Logarithmic axis" checked={search.log ?? false} onChange={(event) => set({ log: event.currentTarget.checked || undefined })} />
            <Switch label="Each query in its own chart" checked={search.apart ?? false} onChange={(event) => set({ apart: event.currentTarget.checked || undefined })} />
            <Switch label="Exemplars" checked={search.exemplars ?? false} onChange={(event) => set({ exemplars: event.currentTarget.checked || undefined })} />
          </div>
        </Popover.Dropdown>
      </Popover>
      <SegmentedControl
        aria-label="View" value={view} onChange={(value) => set({ view: value === "graph" ? undefined : value })}
        data={[
          { value: "graph" as const, label: <span className={classes.tab}><IconChartLine size={14} aria-hidden /><span>Graph</span></span> },
          { value: "table" as const, label: <span className={classes.tab}><IconTable size={14} aria-hidden /><span>Table</span></span> },
          { value: "heat" as const, label: <span className={classes.tab}><IconGridDots size={14} aria-hidden /><span>Heat map</span></span> },
        ]}
      />
    </div>
  );
}
