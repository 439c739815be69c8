/** What is about the dashboard as a whole. */

import { useState } from "react";
import { Button, Drawer, Select, TagsInput, Textarea, TextInput } from "@mantine/core";
import { type KeptDashboard, removeDashboard } from "@/api/dashboards";
import { Failure } from "@/components/Panel";
import type { Draft } from "./useDraft";

interface SettingsProps { isOpen: boolean; close: () => void; draft: Draft; kept: KeptDashboard | null; onRemoved: () => void }

export function Settings({ isOpen, close, draft, kept, onRemoved }: SettingsProps) {
  const { dashboard, change } = draft;
  const [isSure, setSure] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const shut = () => {
    setSure(false);
    setFailure(null);
    close();
  };
  const remove = async () => {
    if (!kept) return;
    try {
      await removeDashboard(kept.dashboard.uid, kept.version);
      onRemoved();
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Drawer opened={isOpen} onClose={shut} title="Settings of this dashboard" position="right" size="md">
      <div className="stack">
        <TextInput label="Title" value={dashboard.title} onChange={(event) => { const title = event.currentTarget.value; change((old) => ({ ...old, title })); }} error={dashboard.title.trim() === "" ? "needs a title" : undefined} data-autofocus />
        <Textarea label="What it is for" autosize minRows={2} value={dashboard.description} onChange={(event) => { const description = event.currentTarget.value; change((old) => ({ ...old, description })); }} />
        <TagsInput label="Tags" value={dashboard.tags} onChange={(tags) => change((old) => ({ ...old, tags }))} />
        <div className="row" style={{ alignItems: "flex-end" }}>
          <TextInput label="Opens with the time from" value={dashboard.time.from} onChange={(event) => { const from = event.currentTarget.value; change((old) => ({ ...old, time: { ...old.time, from } })); }} />
          <TextInput label="to" value={dashboard.time.to} onChange={(event) => { const to = event.currentTarget.value; change((old) => ({ ...old, time: { ...old.time, to } })); }} />
        </div>
        <Select label="Refreshes" data={[{ value: "", label: "not by itself" }, ...["5s", "15s", "30s", "1m", "5m"].map((value) => ({ value, label: `every ${value}` }))]} value={dashboard.refresh} onChange={(refresh) => change((old) => ({ ...old, refresh: refresh ?? "" }))} />
        <Select label="The pointer in one panel shows in the others" data={[{ value: "line", label: "as a line" }, { value: "none", label: "nothing" }]} value={dashboard.crosshair === "none" ? "none" : "line"} onChange={(crosshair) => change((old) => ({ ...old, crosshair: crosshair === "none" ? "none" : "line" }))} />
        {kept && (
          <div className="stack tight">
            {failure !== null && <Failure error={failure} what="It was not removed" />}
            {isSure ? <div className="row"><Button color="red" variant="filled" onClick={() => void remove()}>Remove it for good</Button><Button onClick={() => setSure(false)}>Keep it</Button></div> : <Button color="red" variant="light" onClick={() => setSure(true)}>Remove this dashboard</Button>}
          </div>
        )}
      </div>
    </Drawer>
  );
}
