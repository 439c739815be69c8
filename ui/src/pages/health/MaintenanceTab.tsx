/** What is worked on, what is planned, and a form that begins it. */

import { useState } from "react";
import { Button, Select, TagsInput, TextInput } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { IconTool } from "@tabler/icons-react";
import { visible } from "@/components/LabelSet";
import { Empty, Failure, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { useNow } from "@/state/range";
import { useTimeFormat } from "@/state/settings";
import { covers, type Maintenance, type Probe, useBegin, useEnd } from "./asks";
import classes from "./MaintenanceTab.module.css";

export function MaintenanceTab({ maintenance, probes }: { maintenance: UseQueryResult<Maintenance[]>; probes: readonly Probe[] }) {
  return (
    <div className={classes.columns}>
      <Panel title="Maintenance" hint="probes go on; their alerts are held back" flush>
        <Loaded answer={maintenance} height={200}>
          {(all) => all.length === 0
            ? <Empty title="Nothing is worked on" icon={<IconTool size={26} />}>While a maintenance lasts, nobody is woken by alerts of its probes. Begin one beside this, or plan it; recurring ones stand under <code>maintenance</code> in the configuration.</Empty>
            : <ul className={classes.list}>{[...all].sort((a, b) => a.start - b.start).map((one, index) => <Window key={one.id ?? `configured-${index}`} window={one} probes={probes} />)}</ul>}
        </Loaded>
      </Panel>
      <Begin probes={probes} />
    </div>
  );
}

export function Window({ window: one, probes }: { window: Maintenance; probes: readonly Probe[] }) {
  const nowMs = useNow();
  const format = useTimeFormat();
  const end = useEnd();
  const [isAsked, setAsked] = useState(false);
  const isNow = one.start * 1000 <= nowMs && nowMs < one.end * 1000;
  const covered = probes.filter((probe) => covers(one, probe.name));
  return (
    <li className={classes.window}>
      <div className={classes.head}>
        <State state={isNow ? "active" : "planned"} tone={isNow ? "info" : "unknown"}>{isNow ? "under way" : "planned"}</State>
        <strong className="foreign">{visible(one.reason.slice(0, 300))}</strong>
        <span className={classes.when}>{isNow ? <>ends <When ms={one.end * 1000} form="in" /></> : <>begins <When ms={one.start * 1000} form="in" /></>}</span>
      </div>
      <p className={classes.times}>{format.full(one.start * 1000)} to {format.full(one.end * 1000)}{one.everySeconds === null ? "" : `, again every ${spokenDuration(one.everySeconds)}`}{one.id === null ? ", from the configuration" : ""}</p>
      <p className={classes.probes}>{covered.length === 0 ? <span className="foreign">{visible(one.probes.join(", "))}</span> : covered.map((probe) => <Link key={probe.name} to="/health/probes/$probe" params={{ probe: probe.name }} search={keepTimes}>{visible(probe.name)}</Link>)}</p>
      {end.isError && <Failure error={end.error} what="It could not be ended" />}
      {one.id !== null && (
        <div className={classes.end}>
          {isAsked && <span className="muted">Alerts of {covered.length === 1 ? "this probe" : "these probes"} are told again at once.</span>}
          {isAsked && <Button onClick={() => setAsked(false)}>Keep it</Button>}
          <Button variant={isAsked ? "filled" : "default"} loading={end.isPending} onClick={() => (isAsked ? end.mutate(one.id ?? 0) : setAsked(true))}>{isAsked ? "End it now" : isNow ? "End" : "Call off"}</Button>
        </div>
      )}
    </li>
  );
}

const DURATIONS = [["15m", "15 minutes"], ["30m", "30 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["4h", "4 hours"], ["1d", "1 day"], ["", "until a time"]] as const;

function Begin({ probes }: { probes: readonly Probe[] }) {
  const begin = useBegin();
  const [reason, setReason] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const [start, setStart] = useState("");
  const [duration, setDuration] = useState("1h");
  const [end, setEnd] = useState("");
  const [done, setDone] = useState("");
  const entities = [...new Set(probes.map((probe) => probe.entity))].sort();
  // An entity stands for all of its probes.
  const names = [...new Set(chosen.flatMap((one) => (entities.includes(one) ? probes.filter((probe) => probe.entity === one).map((probe) => probe.name) : [one])))];
  const isComplete = reason.trim() !== "" && names.length > 0 && (duration !== "" || end !== "");
  const submit = () => {
    const iso = (local: string) => new Date(local).toISOString();
    begin.mutate(
      { reason: reason.trim(), probes: names, ...(start === "" ? {} : { start: iso(start) }), ...(duration === "" ? { end: iso(end) } : { duration }) },
      { onSuccess: () => { setDone(start === "" ? "It is begun." : "It is planned."); setReason(""); setChosen([]); setStart(""); setEnd(""); } },
    );
  };
  return (
    <Panel title={start === "" ? "Begin a maintenance" : "Plan a maintenance"}>
      <form className={classes.form} onSubmit={(event) => { event.preventDefault(); if (isComplete) submit(); }}>
        <TextInput label="What is worked on" required value={reason} onChange={(event) => setReason(event.target.value)} placeholder="Database is moved" />
        <TagsInput
          label="Probes and entities" description="An entity stands for all its probes; a * for any characters" required value={chosen} onChange={setChosen} placeholder={chosen.length === 0 ? "daemon-ready, provider-*" : ""} size="xs"
          data={[{ group: "Entities", items: entities }, { group: "Probes", items: probes.map((probe) => probe.name) }]} maxDropdownHeight={280}
        />
        {chosen.length > 0 && <p className={classes.covers}>Covers {names.slice(0, 12).map((name) => visible(name)).join(", ")}{names.length > 12 ? ` and ${names.length - 12} more` : ""}</p>}
        <div className={classes.pair}>
          <TextInput type="datetime-local" label="Begins" description="Empty: now" value={start} onChange={(event) => setStart(event.target.value)} />
          <Select label="Lasts" description="A week at most" data={DURATIONS.map(([value, label]) => ({ value: value === "" ? "until" : value, label }))} value={duration === "" ? "until" : duration} onChange={(value) => setDuration(value === "until" ? "" : (value ?? "1h"))} />
        </div>
        {duration === "" && <TextInput type="datetime-local" label="Ends" required value={end} onChange={(event) => setEnd(event.target.value)} />}
        {begin.isError && <Failure error={begin.error} what="It could not be begun" />}
        <p className="good" role="status">{begin.isSuccess && done}</p>
        <Button type="submit" variant="filled" size="sm" disabled={!isComplete} loading={begin.isPending}>{start === "" ? "Begin" : "Plan"}</Button>
      </form>
    </Panel>
  );
}
