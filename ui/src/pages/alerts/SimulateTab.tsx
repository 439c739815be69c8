/** Thinks an alert or an outage through: who would be told of what, and when. What is thought through is in the address. */

import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button, SegmentedControl } from "@mantine/core";
import { keepPreviousData, skipToken, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconPlayerPlay } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { useNowQuery } from "@/api/hooks";
import { endSimulation, type Outage, type Simulation, simulateAlert, simulateOutage, simulation, simulations, type WantedAlert, type WantedOutage } from "@/api/trials";
import { visible } from "@/components/LabelSet";
import { Empty, Failure, Panel, Waiting } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { AlertForm, OutageForm } from "./SimulateForms";
import { OutageResult, SimulationResult } from "./SimulationResult";
import { addressOf, fieldsOf, type SimulateSearch, thoughtOf } from "./simulate";
import classes from "./simulate.module.css";

type Result = { type: "alert"; report: Simulation } | { type: "outage"; report: Outage };

const NOTHING: SimulateSearch = { type: undefined, rule: undefined, labels: undefined, value: undefined, for: undefined, targets: undefined, id: undefined };

/** Carries out what is asked for. */
const simulate = async (wanted: WantedAlert | WantedOutage): Promise<Result> =>
  wanted.type === "alert" ? { type: "alert", report: await simulateAlert(wanted) } : { type: "outage", report: await simulateOutage(wanted) };

export function SimulateTab() {
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const client = useQueryClient();
  const type = search.type === "outage" ? "outage" : "alert";
  const list = useNowQuery(["simulations"], simulations, { everyMs: 5_000 });
  const known = useQuery({
    queryKey: ["simulation", search.id ?? ""],
    queryFn: ({ signal }) => simulation(search.id ?? "", signal),
    enabled: search.id !== undefined, retry: false,
    refetchInterval: (query) => (query.state.data?.over === false ? 1_000 : false),
  });
  const ending = useMutation({ mutationFn: endSimulation, onSettled: () => { void client.invalidateQueries({ queryKey: ["now", "simulations"] }); void known.refetch(); } });
  const set = (change: SimulateSearch) => void navigate({ search: (old) => ({ ...old, ...NOTHING, ...change }), resetScroll: false });

  // Nothing changes by a thought: whoever opens the address has it thought through once more.
  const thought = thoughtOf(search);
  const thinking = useQuery<Result>({
    queryKey: ["thought", thought],
    queryFn: thought === null ? skipToken : () => simulate(thought),
    // The server thinks one through at a time: behind that of somebody else, it is asked again.
    retry: (tries, error) => tries < 10 && error instanceof ApiError && error.status === 429, retryDelay: 1_000,
    staleTime: Infinity, placeholderData: keepPreviousData,
  });
  // What is really told happens once: only its answer has an address.
  const telling = useMutation({
    mutationFn: simulate,
    onSuccess: (done, wanted) => {
      void client.invalidateQueries({ queryKey: ["now", "simulations"] });
      const id = done.type === "alert" ? done.report.id : done.report.simulation;
      if (id !== null) set({ ...fieldsOf(wanted), id });
    },
  });
  const run = (wanted: WantedAlert | WantedOutage) => {
    telling.reset();
    const address = addressOf(wanted);
    if (address === null) telling.mutate(wanted);
    else if (JSON.stringify(wanted) === JSON.stringify(thought)) void thinking.refetch();
    else set(address);
  };

  const error = telling.error ?? (thought === null ? null : thinking.error);
  const isPending = telling.isPending || (thought !== null && thinking.isFetching);
  const told = telling.data;
  const result: Result | undefined = thought !== null ? (thinking.isError ? undefined : thinking.data)
    : search.id === undefined ? undefined
    : told?.type === "outage" && told.report.simulation === search.id ? told
    : known.data ? { type: "alert", report: known.data } : told?.type === "alert" && told.report.id === search.id ? told : undefined;
  const isUnavailable = list.error instanceof ApiError && list.error.status === 503;
  if (isUnavailable) return <Panel><Empty title="Nothing to simulate">This server evaluates no rules.</Empty></Panel>;
  return (
    <div className={classes.columns}>
      <div className="stack">
        <Panel title="What happens" actions={<SegmentedControl aria-label="What is simulated" data={[{ value: "alert", label: "An alert" }, { value: "outage", label: "An outage" }]} value={type} onChange={(value) => { telling.reset(); set({ type: value === "alert" ? undefined : value }); }} />}>
          {type === "alert" ? <AlertForm search={search} run={run} error={error} isPending={isPending} /> : <OutageForm search={search} run={run} error={error} isPending={isPending} />}
        </Panel>
        <Panel title="Simulations in real time">
          {list.isError && !list.data ? <Failure error={list.error} /> : (list.data ?? []).length === 0 ? <p className="muted">None so far.</p> : (
            <ul className={classes.list}>
              {(list.data ?? []).slice(0, 12).map((one) => (
                <li key={one.id} className={classes.item} data-here={one.id === search.id || undefined}>
                  <Button variant="subtle" size="compact-sm" onClick={() => set({ rule: search.rule, labels: search.labels, value: search.value, for: type === "alert" ? search.for : undefined, id: one.id })}><span className="foreign">{visible((one.alerts[0]?.labels["alertname"] ?? one.id).slice(0, 60))}{one.alerts.length > 1 ? ` and ${one.alerts.length - 1} more` : ""}</span></Button>
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
        {result?.type === "outage" ? <OutageResult report={result.report} />
          : result ? <SimulationResult report={result.report} />
          : known.isError && search.id !== undefined ? <Failure error={known.error} what="That simulation is not there" />
          : isPending ? <Panel><Waiting height={220} label="Simulating" /></Panel>
          : <Panel><Empty title="Who would be woken?" icon={<IconPlayerPlay size={28} />}>Say which alert fires, or which targets are down. It goes through the same rules, routes, silences and texts as a real one; nobody is told, unless you say so.</Empty></Panel>}
      </div>
    </div>
  );
}
