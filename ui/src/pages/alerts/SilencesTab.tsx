/** Silences: those that hide, those that will, and those that are over. */

import { useEffect, useMemo, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconBellZ, IconCopy, IconPencil, IconPlayerStop, IconSearch } from "@tabler/icons-react";
import { expire, matcherText, type Silence } from "@/api/alertmanager";
import { parseMatchers } from "@/components/alerts/matchers";
import { SilenceDialog, SilenceEnd, type SilenceStart, startOf } from "@/components/alerts/SilenceDialog";
import { useAlerts, useSilences } from "@/components/alerts/useAlerts";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { visible } from "@/components/LabelSet";
import { Empty, Failure, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { FilterChip } from "./FilterChip";
import listClasses from "./list.module.css";
import classes from "./silences.module.css";

const STATES = ["active", "pending", "expired"] as const;
const SHOWN_FIRST = 60;

export function SilencesTab() {
  const answer = useSilences();
  const alerts = useAlerts();
  const client = useQueryClient();
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const [start, setStart] = useState<SilenceStart | null>(null);
  const [isWhole, setWhole] = useState(false);
  const ending = useMutation({
    mutationFn: expire,
    onSettled: () => void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "now" && ["alerts", "silences", "timeline"].includes(String(queryKey[1])) }),
  });
  // A link may bring the matchers of a silence that is to be made.
  useEffect(() => {
    if (search.matchers === undefined) return;
    const read = parseMatchers(search.matchers);
    if (typeof read !== "string") setStart({ matchers: read });
    void navigate({ search: (old) => ({ ...old, matchers: undefined }), replace: true });
  }, [search.matchers, navigate]);
  const keys = useMemo((): PageKey[] => [{ key: "n", says: "new silence", run: () => setStart({ matchers: [] }) }], []);
  usePageKeys(keys);

  const hides = useMemo(() => {
    const counts = new Map<string, number>();
    for (const row of alerts.data ?? []) for (const id of row.silencedBy) counts.set(id, (counts.get(id) ?? 0) + 1);
    return counts;
  }, [alerts.data]);
  const states = (search.state ?? (search.id === undefined ? "active,pending" : "active,pending,expired")).split(",").filter(Boolean);
  const words = (search.find ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const set = (change: Record<string, string | undefined>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  return (
    <>
      <Loaded answer={answer} height={300}>
        {(all) => {
          const shown = all.filter((one) => states.includes(one.status.state) && words.every((word) => `${one.matchers.map(matcherText).join(" ")} ${one.comment} ${one.createdBy} ${one.id}`.toLowerCase().includes(word)))
            .sort((a, b) => Number(b.id === search.id) - Number(a.id === search.id) || STATES.indexOf(a.status.state) - STATES.indexOf(b.status.state) || (a.status.state === "expired" ? Date.parse(b.endsAt) - Date.parse(a.endsAt) : Date.parse(a.endsAt) - Date.parse(b.endsAt)));
          const isPlain = search.state === undefined && words.length === 0;
          const listed = isWhole ? shown : shown.slice(0, SHOWN_FIRST);
          return (
            <>
              <div className={listClasses.bar} role="search" aria-label="Filter silences">
                <TextInput className={listClasses.find ?? ""} aria-label="Find in silences" placeholder="Find in labels, comments and names" leftSection={<IconSearch size={14} />} value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })} />
                <div className={listClasses.chips}>
                  {STATES.map((state) => <FilterChip key={state} name={state} isOn={states.includes(state)} count={all.filter((one) => one.status.state === state).length} tone={state === "active" ? "info" : state === "pending" ? "warn" : "unknown"} toggle={() => set({ state: (states.includes(state) ? states.filter((one) => one !== state) : [...states, state]).join(",") })} />)}
                </div>
                <Button variant="filled" ml="auto" leftSection={<IconBellZ size={15} />} onClick={() => setStart({ matchers: [] })}>New silence</Button>
              </div>
              {ending.isError && <Failure error={ending.error} what="It was not ended" />}
              <Panel flush>
                {listed.length === 0 ? (
                  <Empty title={isPlain ? "Nothing is silenced" : "No silence is like this"} icon={<IconBellZ size={28} />} action={isPlain && <span className="row"><Button onClick={() => setStart({ matchers: [] })}>Silence something</Button>{all.length > 0 && <Button variant="subtle" onClick={() => set({ state: "expired" })}>Show {all.length} that {all.length === 1 ? "is" : "are"} over</Button>}</span>}>
                    {isPlain ? "A silence hides alerts for a while: during a deployment, or while somebody works on what is known." : states.length === 0 ? "No state is chosen." : "The filters leave nothing over."}
                  </Empty>
                ) : <ul className={classes.list}>{listed.map((one) => <Line key={one.id} one={one} count={hides.get(one.id) ?? 0} isMeant={one.id === search.id} isEnding={ending.isPending && ending.variables === one.id} change={() => setStart(startOf(one, one.status.state !== "expired"))} end={() => ending.mutate(one.id)} />)}</ul>}
                {listed.length < shown.length && <Button variant="subtle" m="xs" onClick={() => setWhole(true)}>Show {shown.length - listed.length} more</Button>}
              </Panel>
            </>
          );
        }}
      </Loaded>
      <SilenceDialog start={start} close={() => setStart(null)} />
    </>
  );
}

interface LineProps { one: Silence; count: number; isMeant: boolean; isEnding: boolean; change: () => void; end: () => void }

function Line({ one, count, isMeant, isEnding, change, end }: LineProps) {
  const { state } = one.status;
  const isOver = state === "expired";
  return (
    <li className={classes.line} data-meant={isMeant || undefined} data-over={isOver || undefined}>
      <State state={state} tone={state === "active" ? "info" : state === "pending" ? "warn" : "unknown"} />
      <div className={classes.what}>
        <div className={classes.matchers}>{one.matchers.map((matcher) => <code key={matcherText(matcher)} className={`${classes.matcher ?? ""} foreign`}>{visible(matcherText(matcher).slice(0, 200))}</code>)}</div>
        <span className="muted foreign">{one.comment !== "" && `${visible(one.comment.slice(0, 300))} · `}{visible(one.createdBy.slice(0, 80))}, <When ms={Date.parse(one.updatedAt)} /></span>
      </div>
      <div className={classes.when}>
        <SilenceEnd one={one} />
        {state === "pending" && <span className="muted">begins <When ms={Date.parse(one.startsAt)} form="in" /></span>}
        {state === "active" && <span className="muted">{count === 0 ? "hides nothing now" : `hides ${count} ${count === 1 ? "alert" : "alerts"}`}</span>}
      </div>
      <div className={classes.actions}>
        <Tooltip label={isOver ? "Make it again" : "Change"}><ActionIcon size={32} aria-label={isOver ? "Make it again" : "Change"} onClick={change}>{isOver ? <IconCopy size={16} /> : <IconPencil size={16} />}</ActionIcon></Tooltip>
        {!isOver && <Tooltip label="End it now"><ActionIcon size={32} aria-label="End it now" loading={isEnding} onClick={end}><IconPlayerStop size={16} /></ActionIcon></Tooltip>}
      </div>
    </li>
  );
}
