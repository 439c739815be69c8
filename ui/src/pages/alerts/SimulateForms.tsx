/** What is simulated: the forms of an alert and of an outage. */

import { useMemo, useState } from "react";
import { Button, Checkbox, SegmentedControl, Select, TagsInput, Textarea, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconPlayerPlay } from "@tabler/icons-react";
import { useEntities } from "@/api/entities";
import { useNowQuery } from "@/api/hooks";
import { targets as allTargets } from "@/api/prometheus";
import type { WantedAlert, WantedOutage } from "@/api/trials";
import { useRules } from "@/components/alerts/useAlerts";
import { Failure } from "@/components/Panel";
import { parseLabels } from "./labelsText";
import { ALERT_FOR, OUTAGE_FOR, type SimulateSearch, targetsOf, VALUE } from "./simulate";
import classes from "./simulate.module.css";

interface FormProps<Wanted> { search: SimulateSearch; run: (wanted: Wanted) => void; error: unknown; isPending: boolean }

/** What the fields hold; another address fills them anew. */
function useFields<Fields extends object>(given: Fields): [Fields, (change: Partial<Fields>) => void] {
  const text = JSON.stringify(given);
  const [held, setHeld] = useState({ text, fields: given });
  const fields = held.text === text ? held.fields : given;
  if (held.text !== text) setHeld({ text, fields: given });
  return [fields, (change) => setHeld((old) => ({ ...old, fields: { ...old.fields, ...change } }))];
}

/** Errors of the server begin with the name of the field. */
const errorOf = (error: unknown, field: string): string | null => {
  const said = error instanceof Error ? error.message : "";
  return new RegExp(`^${field}\\b`).test(said) ? said : null;
};

function Rest({ error, fields }: { error: unknown; fields: readonly string[] }) {
  return error === null || fields.some((field) => errorOf(error, field) !== null) ? null : <Failure error={error} what="It was not simulated" />;
}

function ReallyTell({ isOn, set, error }: { isOn: boolean; set: (isOn: boolean) => void; error: string | null }) {
  return (
    <>
      <Checkbox label="Really tell people" description="Everybody who would be told is told, now, with a word that it is a simulation" checked={isOn} onChange={(event) => set(event.currentTarget.checked)} error={error} />
      {isOn && <p className={classes.warning} role="alert"><IconAlertTriangle size={15} aria-hidden /> Pagers ring.</p>}
    </>
  );
}

export function AlertForm({ search, run, error, isPending }: FormProps<WantedAlert>) {
  const rules = useRules();
  const entities = useEntities();
  const [{ name, text, value, hold }, set] = useFields({ name: search.rule ?? "", text: search.labels ?? "", value: search.value ?? VALUE, hold: search.for ?? ALERT_FOR });
  const [pace, setPace] = useState<"fast" | "real">("fast");
  const [pages, setPages] = useState(false);
  const names = useMemo(() => [...new Set((rules.data ?? []).flatMap((group) => group.rules.flatMap((one) => (one.type === "alerting" ? [one.name] : []))))].sort(), [rules.data]);
  const labels = parseLabels(text);
  const number = Number(value);
  const isReady = name !== "" && typeof labels !== "string" && value.trim() !== "" && Number.isFinite(number);
  const isOfRule = error instanceof Error && /rule/.test(error.message);
  const entity = typeof labels === "string" ? null : labels["entity"] ?? null;
  return (
    <form className="stack tight" onSubmit={(event) => { event.preventDefault(); if (isReady && typeof labels !== "string") run({ type: "alert", name, labels, value: number, for: hold.trim(), page: pace === "real" && pages, fast: pace === "fast" }); }}>
      <Select label="Rule" placeholder="which alert fires" searchable required limit={100} data={names} value={name === "" ? null : name} onChange={(next) => set({ name: next ?? "" })} error={errorOf(error, "name") ?? (isOfRule ? error.message : null)} />
      <Select label="Of an entity" placeholder="none" searchable clearable limit={100} data={(entities.data ?? []).map((one) => one.entity)} value={entity} onChange={(next) => { const rest = typeof labels === "string" ? {} : { ...labels }; delete (rest as Record<string, string>)["entity"]; set({ text: [...(next === null ? [] : [`entity="${next}"`]), ...Object.entries(rest).map(([key, one]) => `${key}="${one}"`)].join("\n") }); }} />
      <Textarea label="Labels" description={'What the rule would find: one name="value" a line'} autosize minRows={3} maxRows={10} spellCheck={false} classNames={{ input: "mono" }} value={text} onChange={(event) => set({ text: event.currentTarget.value })} error={typeof labels === "string" ? labels : errorOf(error, "labels")} />
      <div className={classes.pair}>
        <TextInput label="Value" value={value} onChange={(event) => set({ value: event.currentTarget.value })} error={Number.isFinite(number) ? errorOf(error, "value") : "want a number"} />
        <TextInput label="Fires for" value={hold} onChange={(event) => set({ hold: event.currentTarget.value })} error={errorOf(error, "for")} />
      </div>
      <SegmentedControl aria-label="Pace" fullWidth data={[{ value: "fast", label: "All steps at once" }, { value: "real", label: "In real time" }]} value={pace} onChange={(next) => setPace(next)} />
      {pace === "real" && <ReallyTell isOn={pages} set={setPages} error={errorOf(error, "page")} />}
      <Rest error={isOfRule ? null : error} fields={["name", "labels", "value", "for", "page"]} />
      <div><Button type="submit" variant="filled" disabled={!isReady} loading={isPending} leftSection={<IconPlayerPlay size={15} />}>Simulate</Button></div>
    </form>
  );
}

export function OutageForm({ search, run, error, isPending }: FormProps<WantedOutage>) {
  const found = useNowQuery(["targets", "all"], allTargets, { everyMs: 60_000 });
  const [{ targets, hold }, set] = useFields({ targets: targetsOf(search), hold: search.for ?? OUTAGE_FOR });
  const [pages, setPages] = useState(false);
  const offered = useMemo(() => {
    const all = found.data?.activeTargets ?? [];
    return [...new Set([...all.map((one) => one.labels["job"] ?? ""), ...all.map((one) => `${one.labels["job"] ?? ""}/${one.labels["instance"] ?? ""}`)])].filter((one) => one.length > 1).slice(0, 400);
  }, [found.data]);
  return (
    <form className="stack tight" onSubmit={(event) => { event.preventDefault(); if (targets.length > 0) run({ type: "outage", targets, for: hold.trim(), page: pages }); }}>
      <TagsInput label="Targets that are down" description={'JOB, JOB/INSTANCE, or matchers such as job="api"'} placeholder={targets.length === 0 ? "pick or type" : ""} data={offered} splitChars={[]} acceptValueOnBlur value={targets} onChange={(next) => set({ targets: next })} error={errorOf(error, "targets?")} />
      <TextInput label="For" value={hold} onChange={(event) => set({ hold: event.currentTarget.value })} error={errorOf(error, "for")} />
      <ReallyTell isOn={pages} set={setPages} error={errorOf(error, "page")} />
      <Rest error={error} fields={["targets?", "for", "page"]} />
      <div><Button type="submit" variant="filled" disabled={targets.length === 0} loading={isPending} leftSection={<IconPlayerPlay size={15} />}>Simulate</Button></div>
    </form>
  );
}
