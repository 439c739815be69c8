/** One panel while it is changed: what it asks, how it looks, and what that comes to at once. */

import { useMemo, useState } from "react";
import { Button, Drawer, Modal, SegmentedControl, Select, Switch, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import type { Dashboard, Panel, PanelKind } from "@/api/dashboards";
import type { Board } from "../board";
import { KINDS, optionsOf } from "../defaults";
import { PanelCard } from "../PanelCard";
import { DisplayFields, GraphFields, LegendFields, ValueFields } from "./fields";
import { Mappings, Overrides, ThresholdFields } from "./lists";
import { Queries } from "./Queries";
import { Transformations } from "./Transformations";
import classes from "../dashboards.module.css";

interface PanelEditorProps { panel: Panel; dashboard: Dashboard; board: Board; onClose: () => void; onApply: (panel: Panel) => void }
export type Change = (next: Partial<Panel>) => void;

/** So long after the last key is asked anew. */
const PAUSE_MS = 600;

export function PanelEditor({ panel: first, dashboard, board, onClose, onApply }: PanelEditorProps) {
  const [panel, setPanel] = useState(first);
  const [tab, setTab] = useState<"queries" | "transform">("queries");
  const [queries] = useDebouncedValue(panel.queries, PAUSE_MS);
  const shown = useMemo(() => ({ ...panel, queries }), [panel, queries]);
  const change: Change = (next) => setPanel((old) => ({ ...old, ...next }));
  const asks = panel.kind !== "text" && panel.kind !== "alert_list" && panel.kind !== "unsupported";
  const isChanged = panel !== first;
  const [isAsking, setAsking] = useState(false);
  // What was changed is lost by no key and no click beside it.
  const leave = () => (isChanged ? setAsking(true) : onClose());
  const setKind = (kind: PanelKind) => setPanel((old) => ({ ...optionsOf(kind), ...old, kind, ...(old.queries.length === 0 && kind !== "text" && kind !== "alert_list" ? { queries: [{ refId: "A", expr: "", legend: "", mode: "range" as const, format: "time_series" as const, minStep: "", stepFactor: 1, hidden: false, exemplars: false }] } : {}) }));
  const repeats = dashboard.variables.filter(({ multi, includeAll }) => multi || includeAll).map(({ name }) => name);
  const isGraph = panel.kind === "time_series";
  const hasLegend = isGraph || panel.kind === "bar_chart" || panel.kind === "pie" || panel.kind === "state_timeline" || panel.kind === "status_history";
  return (
    <Drawer opened onClose={leave} closeOnEscape={!isAsking} position="right" size="min(1280px, 100%)" title={`Panel: ${panel.title || first.id}`} styles={{ body: { height: "calc(100% - 60px)", display: "flex", flexDirection: "column", gap: 12 } }}>
      <div className={classes.editor}>
        <div className={classes.preview}>
          <div className={classes.previewPanel}><PanelCard panel={shown} scope={board.chosen} level={3} isAlone /></div>
          {asks && (
            <>
              <SegmentedControl aria-label="Part" data={[{ value: "queries", label: `Queries (${panel.queries.length})` }, { value: "transform", label: `Transformations (${panel.transformations.length})` }]} value={tab} onChange={(value) => setTab(value)} style={{ alignSelf: "flex-start" }} />
              {tab === "queries" ? <Queries panel={panel} change={change} /> : <Transformations panel={panel} change={change} />}
            </>
          )}
          {panel.kind === "text" && <Textarea label="Text, in Markdown" autosize minRows={8} value={panel.text?.content ?? ""} onChange={(event) => change({ text: { mode: panel.text?.mode ?? "markdown", content: event.currentTarget.value } })} />}
          {panel.kind === "alert_list" && panel.alerts && (
            <div className={classes.pair}>
              <TextInput label="Name has" value={panel.alerts.name} onChange={(event) => change({ alerts: panel.alerts && { ...panel.alerts, name: event.currentTarget.value } })} />
              <TextInput label="Labels" placeholder='{severity="page"}' value={panel.alerts.labels} onChange={(event) => change({ alerts: panel.alerts && { ...panel.alerts, labels: event.currentTarget.value } })} />
              <Switch label="Only what fires" checked={panel.alerts.onlyFiring} onChange={(event) => change({ alerts: panel.alerts && { ...panel.alerts, onlyFiring: event.currentTarget.checked } })} />
            </div>
          )}
        </div>
        <div className={classes.settings}>
          <section className={classes.group}>
            <h3>Panel</h3>
            <Select label="Kind" data={panel.kind === "unsupported" ? [{ value: "unsupported", label: "not supported" }, ...KINDS] : [...KINDS]} value={panel.kind} onChange={(kind) => setKind((kind ?? "time_series"))} />
            <TextInput label="Title" value={panel.title} onChange={(event) => change({ title: event.currentTarget.value })} data-autofocus />
            <Textarea label="What it shows" autosize minRows={1} value={panel.description} onChange={(event) => change({ description: event.currentTarget.value })} />
            <div className={classes.pair}>
              {repeats.length > 0 && <Select label="Once for each value of" data={[{ value: "", label: "nothing" }, ...repeats]} value={panel.repeat?.variable ?? ""} onChange={(variable) => setPanel(({ repeat, ...old }) => (variable ? { ...old, repeat: { direction: "horizontal", maxPerRow: 4, ...repeat, variable } } : old))} />}
              <Switch label="Without a background" checked={panel.transparent} onChange={(event) => change({ transparent: event.currentTarget.checked })} />
            </div>
          </section>
          {asks && <DisplayFields panel={panel} change={change} />}
          {asks && <ThresholdFields panel={panel} change={change} isGraph={isGraph} />}
          {isGraph && <GraphFields panel={panel} change={change} />}
          {panel.value && ["stat", "gauge", "bar_gauge", "pie"].includes(panel.kind) && <ValueFields panel={panel} options={panel.value} change={change} />}
          {hasLegend && <LegendFields panel={panel} change={change} />}
          {asks && <Mappings panel={panel} change={change} />}
          {asks && <Overrides panel={panel} change={change} />}
        </div>
      </div>
      <div className="row" style={{ justifyContent: "flex-end" }}>
        <Button onClick={onClose}>{isChanged ? "Drop changes" : "Close"}</Button>
        <Button variant="filled" onClick={() => onApply(panel)}>Apply</Button>
      </div>
      <Modal opened={isAsking} onClose={() => setAsking(false)} title="Drop what you changed?">
        <div className="row wrap"><Button variant="filled" data-autofocus onClick={() => setAsking(false)}>Go on editing</Button><Button color="red" variant="light" onClick={onClose}>Drop changes</Button></div>
      </Modal>
    </Drawer>
  );
}
