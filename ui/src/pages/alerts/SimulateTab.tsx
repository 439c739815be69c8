/** Thinks an alert or an outage through: who would be told of what, and when. */

import { useMemo, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button, Checkbox, SegmentedControl, Select, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconAlertTriangle, IconPlayerPlay } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { targets as allTargets } from "@/api/prometheus";
import { endSimulation, type Outage, type Simulation, simulateAlert, simulateOutage, simulation, simulations } from "@/api/trials";
import { useRules } from "@/components/alerts/useAlerts";
import { visible } from "@/components/LabelSet";
import { Empty, Failure, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { parseLabels } from "./labelsText";
import { OutageResult, SimulationResult } from "./SimulationResult";
import classes from "./simulate.module.css";

type Result = { kind: "alert"; report: Simulation } | { kind: "outage"; report: Outage };

export function SimulateTab() {
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const client = useQueryClient();
  const type = search.type === "outage" ? "outage" : "alert";
  const [result, setResult] = useState<Result | null>(null);
  const list = useNowQuery(["simulations"], simulations, { everyMs: 5_000 });
  const known = useQuery({
    queryKey: ["simulation", search.id ?? ""],
    queryFn: ({ signal }) => simulation(search.id ?? "", signal),
    enabled: search.id !== undefined, retry: false,
    refetchInterval: (query) => (query.state.data?.over === false ? 1_000 : false),
  });
  const ending = useMutation({ mutationFn: endSimulation, onSettled: () => { void client.invalidateQueries({ queryKey: ["now", "simulations"] }); void known.refetch(); } });
  const set = (change: Record<string, string | undefined>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const done = (next: Result) => {
    setResult(next);
    set({ id: next.kind === "alert" ? next.report.id : next.report.simulation ?? undefined });
    void client.invalidateQueries({ queryKey: ["now", "simulations"] });
  };
  // A running one is told as it goes; what came at once is there already.
  const alertReport = search.id !== undefined ? known.data ?? (result?.kind === "alert" && result.report.id === search.id ? result.report : undefined) : undefined;
  const isUnavailable = list.error instanceof ApiError && list.error.status === 503;
  if (isUnavailable) return <Panel><Empty title="Nothing to simulate">This server evaluates no rules.</Empty></Panel>;
  return (
    <div className={classes.columns}>
      <div className="stack">
        <Panel title="What happens" actions={<SegmentedControl aria-label="What is simulated" data={[{ value: "alert", label: "An alert" }, { value: "outage", label: "An outage" }]} value={type} onChange={(value) => { setResult(null); set({ type: value === "alert" ? undefined : value, id: undefined }); }} />}>
          {type === "alert" ? <AlertForm rule={search.rule} labels={search.labels} done={(report) => done({ kind: "alert", report })} /> : <OutageForm done={(report) => done({ kind: "outage", report })} />}
        </Panel>
        <Panel title="Simulations">
          {list.isError && !list.data ? <Failure error={list.error} /> : (list.data ?? []).length === 0 ? <p className="muted">None so far.</p> : (
            <ul className={classes.list}>
              {(list.data ?? []).slice(0, 12).map((one) => (
                <li key={one.id} className={classes.item} data-here={one.id === search.id || undefined}>
                  <Button variant="subtle" size="compact-sm" onClick={() => { setResult(null); set({ id: one.id, type: undefined }); }}><span className="foreign">{visible((one.alerts[0]?.labels["alertname"] ?? one.id).slice(0, 60))}{one.alerts.length > 1 ? ` and ${one.alerts.length - 1} more` : ""}</span></Button>
                  <span className="muted"><When ms={one.begun * 1000} /></span>
                  {one.over ? <State state="over" tone="unknown" /> : <State state="runs" tone="info" />}
                  {!one.over && <Button size="compact-xs" loading={ending.isPending && ending.variables === one.id} onClick={() => ending.mutate(one.id)}>End</Button>}
                </li>
              ))}
            </ul>
          )}
          {ending.isError && <Failure error={ending.error} what="It was not ended" />}
        </Panel>
      </div>
      <div className="stack">
        {result?.kind === "outage" ? <OutageResult report={result.report} />
          : alertReport ? <SimulationResult report={alertReport} />
          : known.isError && search.id !== undefined ? <Failure error={known.error} what="That simulation is not there" />
          : <Panel><Empty title="Who would be woken?" icon={<IconPlayerPlay size={28} />}>Say which alert fires, or which targets are down. It goes through the same rules, routes, silences and texts as a real one; nobody is told, unless you say so.</Empty></Panel>}
      </div>
    </div>
  );
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

function AlertForm({ rule, labels: given, done }: { rule: string | undefined; labels: string | undefined; done: (report: Simulation) => void }) {
  const rules = useRules();
  const entities = useNowQuery(["entities"], (signal) => get("/api/bellwether/v1/entities", { signal }));
  const [name, setName] = useState(rule ?? "");
  const [text, setText] = useState(given ?? "");
  const [value, setValue] = useState("1");
  const [hold, setHold] = useState("5m");
  const [pace, setPace] = useState<"fast" | "real">("fast");
  const [pages, setPages] = useState(false);
  const names = useMemo(() => [...new Set((rules.data ?? []).flatMap((group) => group.rules.flatMap((one) => (one.type === "alerting" ? [one.name] : []))))].sort(), [rules.data]);
  const labels = parseLabels(text);
  const number = Number(value);
  const sending = useMutation({ mutationFn: simulateAlert, onSuccess: done });
  const isReady = name !== "" && typeof labels !== "string" && value.trim() !== "" && Number.isFinite(number);
  const entity = typeof labels === "string" ? null : labels["entity"] ?? null;
  return (
    <form className="stack tight" onSubmit={(event) => { event.preventDefault(); if (isReady && typeof labels !== "string") sending.mutate({ type: "alert", name, labels, value: number, for: hold.trim(), page: pace === "real" && pages, fast: pace === "fast" }); }}>
      <Select label="Rule" placeholder="which alert fires" searchable required limit={100} data={names} value={name === "" ? null : name} onChange={(next) => setName(next ?? "")} error={errorOf(sending.error, "name") ?? (/rule/.test(sending.error?.message ?? "") ? sending.error?.message ?? null : null)} />
      <Select label="Of an entity" placeholder="none" searchable clearable limit={100} data={(entities.data?.entities ?? []).map((one) => one.entity)} value={entity} onChange={(next) => { const rest = typeof labels === "string" ? {} : { ...labels }; delete (rest as Record<string, string>)["entity"]; setText([...(next === null ? [] : [`entity="${next}"`]), ...Object.entries(rest).map(([key, one]) => `${key}="${one}"`)].join("\n")); }} />
      <Textarea label="Labels" description={'What the rule would find: one name="value" a line'} autosize minRows={3} maxRows={10} spellCheck={false} classNames={{ input: "mono" }} value={text} onChange={(event) => setText(event.currentTarget.value)} error={typeof labels === "string" ? labels : errorOf(sending.error, "labels")} />
      <div className={classes.pair}>
        <TextInput label="Value" value={value} onChange={(event) => setValue(event.currentTarget.value)} error={Number.isFinite(number) ? errorOf(sending.error, "value") : "want a number"} />
        <TextInput label="Fires for" value={hold} onChange={(event) => setHold(event.currentTarget.value)} error={errorOf(sending.error, "for")} />
      </div>
      <SegmentedControl aria-label="Pace" fullWidth data={[{ value: "fast", label: "All steps at once" }, { value: "real", label: "In real time" }]} value={pace} onChange={(next) => setPace(next)} />
      {pace === "real" && <ReallyTell isOn={pages} set={setPages} error={errorOf(sending.error, "page")} />}
      <Rest error={sending.error !== null && /rule/.test(sending.error.message) ? null : sending.error} fields={["name", "labels", "value", "for", "page"]} />
      <div><Button type="submit" variant="filled" disabled={!isReady} loading={sending.isPending} leftSection={<IconPlayerPlay size={15} />}>Simulate</Button></div>
    </form>
  );
}

function OutageForm({ done }: { done: (report: Outage) => void }) {
  const found = useNowQuery(["targets", "all"], allTargets, { everyMs: 60_000 });
  const [targets, setTargets] = useState<string[]>([]);
  const [hold, setHold] = useState("30m");
  const [pages, setPages] = useState(false);
  const sending = useMutation({ mutationFn: simulateOutage, onSuccess: done });
  const offered = useMemo(() => {
    const all = found.data?.activeTargets ?? [];
    return [...new Set([...all.map((one) => one.labels["job"] ?? ""), ...all.map((one) => `${one.labels["job"] ?? ""}/${one.labels["instance"] ?? ""}`)])].filter((one) => one.length > 1).slice(0, 400);
  }, [found.data]);
  return (
    <form className="stack tight" onSubmit={(event) => { event.preventDefault(); if (targets.length > 0) sending.mutate({ type: "outage", targets, for: hold.trim(), page: pages }); }}>
      <TagsInput label="Targets that are down" description={'JOB, JOB/INSTANCE, or matchers such as job="api"'} placeholder={targets.length === 0 ? "pick or type" : ""} data={offered} splitChars={[]} acceptValueOnBlur value={targets} onChange={setTargets} error={errorOf(sending.error, "targets?")} />
      <TextInput label="For" value={hold} onChange={(event) => setHold(event.currentTarget.value)} error={errorOf(sending.error, "for")} />
      <ReallyTell isOn={pages} set={setPages} error={errorOf(sending.error, "page")} />
      <Rest error={sending.error} fields={["targets?", "for", "page"]} />
      <div><Button type="submit" variant="filled" disabled={targets.length === 0} loading={sending.isPending} leftSection={<IconPlayerPlay size={15} />}>Simulate</Button></div>
    </form>
  );
}
