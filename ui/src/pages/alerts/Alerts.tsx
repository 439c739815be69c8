/** What fires, what is about to, and what is hidden: grouped, the worst first. */

import { useCallback, useMemo, useRef, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button, Select, TextInput, UnstyledButton } from "@mantine/core";
import { IconBellOff, IconBellZ, IconFilterOff, IconSearch, IconShieldCheck, IconUserCheck } from "@tabler/icons-react";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { AcknowledgeDialog } from "@/components/alerts/AcknowledgeDialog";
import { matchersOf, matchersText, parseMatchers } from "@/components/alerts/matchers";
import { ALERT_STATES, type AlertRow, filtered, grouped } from "@/components/alerts/rows";
import { severityRank, severityTone } from "@/components/alerts/severity";
import { SilenceDialog, type SilenceStart } from "@/components/alerts/SilenceDialog";
import { useAlerts } from "@/components/alerts/useAlerts";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { visible } from "@/components/LabelSet";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { Mark, State, type Tone } from "@/components/State";
import { When } from "@/components/When";
import { alertLinkId, type LineActions } from "./AlertLine";
import { AlertList, LINES_FIRST } from "./AlertList";
import { AlertsNav } from "./AlertsNav";
import classes from "./list.module.css";

const toggled = (set: ReadonlySet<string>, key: string) => {
  const next = new Set(set);
  if (!next.delete(key)) next.add(key);
  return next;
};
const GROUPS_FIRST = 30;
const LINES_ALL = 90;
const LINES_FEW = 3;
const LINES_MORE = 50;
const NONE: ReadonlySet<string> = new Set();
const STATE_TONES: Readonly<Record<string, Tone>> = { firing: "bad", acknowledged: "accent", pending: "warn", silenced: "unknown", inhibited: "unknown", muted: "unknown" };
const listOf = (text: string | undefined) => (text ?? "").split(",").filter(Boolean);

export function Alerts() {
  const answer = useAlerts();
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate({ from: "/alerts" });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(NONE);
  const [current, setCurrent] = useState<string | null>(null);
  const [closed, setClosed] = useState<ReadonlySet<string>>(NONE);
  const [opened, setOpened] = useState<ReadonlyMap<string, number>>(new Map());
  const [groupsMost, setGroupsMost] = useState(GROUPS_FIRST);
  const [silencing, setSilencing] = useState<SilenceStart | null>(null);
  const [acknowledging, setAcknowledging] = useState<readonly AlertRow[] | null>(null);

  const label = search.group ?? "alertname";
  const rows = answer.data;
  const matchers = useMemo(() => parseMatchers(search.label ?? ""), [search.label]);
  const shown = useMemo(() => filtered(rows ?? [], { find: search.find ?? "", states: listOf(search.state), severities: listOf(search.severity), matchers: typeof matchers === "string" ? [] : matchers }), [rows, search.find, search.state, search.severity, matchers]);
  const groups = useMemo(() => grouped(shown, label === "none" ? "" : label), [shown, label]);
  // A storm of alerts is shown by its groups, with a few lines of each: a page of thousands of lines helps nobody.
  const first = useMemo(() => (groups.length > 1 && groups.reduce((sum, group) => sum + Math.min(group.rows.length, LINES_FIRST), 0) > LINES_ALL ? LINES_FEW : LINES_FIRST), [groups]);
  const pictured = useMemo(() => groups.slice(0, groupsMost).map((group) => ({ ...group, shown: closed.has(group.key) && label !== "none" ? [] : group.rows.slice(0, opened.get(group.key) ?? first) })), [groups, groupsMost, closed, opened, first, label]);
  const visibleRows = useMemo(() => pictured.flatMap((group) => group.shown), [pictured]);
  const names = useMemo(() => new Map((rows ?? []).map((row) => [row.fingerprint, row.name])), [rows]);
  const selected = useMemo(() => shown.filter((row) => chosen.has(row.fingerprint)), [shown, chosen]);

  const set = useCallback((change: Partial<Record<"find" | "state" | "severity" | "label" | "group", string | undefined>>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true }), [navigate]);
  const actions = useMemo((): LineActions => ({
    toggle: (row) => setChosen((old) => toggled(old, row.fingerprint)),
    focus: (row) => setCurrent(row.fingerprint),
    acknowledge: (row) => setAcknowledging([row]),
    silence: (row) => setSilencing({ matchers: matchersOf([row.labels]) }),
    pick: (name, value) => void navigate({ search: (old) => {
      const now = parseMatchers(old.label ?? "");
      const rest = typeof now === "string" ? [] : now.filter((one) => one.name !== name);
      return { ...old, label: matchersText([...rest, { name, value, isEqual: true, isRegex: false }]) };
    } }),
    nameOf: (fingerprint) => names.get(fingerprint),
  }), [navigate, names]);

  const state = useRef({ visibleRows, current, selected });
  state.current = { visibleRows, current, selected };
  const keys = useMemo((): PageKey[] => {
    const move = (step: 1 | -1) => () => {
      const { visibleRows: all, current: at } = state.current;
      const index = all.findIndex((row) => row.fingerprint === at);
      const next = all[index < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, index + step))];
      if (!next) return;
      setCurrent(next.fingerprint);
      const link = document.getElementById(alertLinkId(next.fingerprint));
      link?.focus();
      link?.closest("li")?.scrollIntoView({ block: "nearest" });
    };
    const meant = () => (state.current.selected.length > 0 ? state.current.selected : state.current.visibleRows.filter((row) => row.fingerprint === state.current.current));
    return [
      { key: "j", says: "next alert (Enter opens it)", run: move(1) },
      { key: "k", says: "alert before", run: move(-1) },
      { key: "x", says: "select", run: () => { const at = state.current.current; if (at !== null) setChosen((old) => toggled(old, at)); } },
      { key: "a", says: "acknowledge", run: () => { const them = meant().filter((row) => row.state !== "pending"); if (them.length > 0) setAcknowledging(them); } },
      { key: "s", says: "silence", run: () => { const them = meant(); if (them.length > 0) setSilencing({ matchers: matchersOf(them.map((row) => row.labels)) }); } },
      { key: "Escape", says: "select nothing", run: () => setChosen(NONE) },
    ];
  }, []);
  usePageKeys(keys);

  const firing = rows?.filter((row) => row.state === "firing").length ?? 0;
  const labelNames = useMemo(() => [...new Set(["alertname", "severity", "entity", "job", "instance", ...(rows ?? []).flatMap((row) => Object.keys(row.labels))])].slice(0, 60), [rows]);
  const isFiltered = Boolean(search.find ?? search.state ?? search.severity ?? search.label);
  return (
    <Page title="Alerts" badge={rows && <State state={firing > 0 ? "firing" : "ok"}>{firing > 0 ? `${firing} firing` : "nothing fires"}</State>} controls={<Button leftSection={<IconBellZ size={15} />} onClick={() => setSilencing({ matchers: [] })}>New silence</Button>} tabs={<AlertsNav />}>
      <Loaded answer={answer} height={420}>
        {(all) => (all.length === 0 ? <Nothing ruleCount={answer.ruleCount} /> : (
          <>
            <div className={classes.bar} role="search" aria-label="Filter alerts">
              <TextInput className={classes.find ?? ""} aria-label="Find in alerts" placeholder="Find in names, labels and texts" leftSection={<IconSearch size={14} />} value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })} />
              <Matchers text={search.label ?? ""} set={(text) => set({ label: text || undefined })} />
              <Select aria-label="Group by" w={168} data={[...labelNames.map((name) => ({ value: name, label: `By ${name}` })), { value: "none", label: "Not grouped" }]} searchable value={label} onChange={(value) => set({ group: value === "alertname" || value === null ? undefined : value })} />
            </div>
            <Chips rows={all} states={listOf(search.state)} severities={listOf(search.severity)} set={set} />
            {groups.length > 0
              ? <AlertList groups={pictured} label={label === "none" ? "" : label} chosen={chosen} current={current} actions={actions} closed={closed} setClosed={(key) => setClosed((old) => toggled(old, key))} open={(key) => setOpened((old) => new Map([...old, [key, (old.get(key) ?? first) + LINES_MORE]]))} />
              : <Panel><Empty title="No alert is like this" icon={<IconFilterOff size={26} />} action={isFiltered && <Button onClick={() => set({ find: undefined, state: undefined, severity: undefined, label: undefined })}>Show all {all.length}</Button>}>The filters leave nothing over.</Empty></Panel>}
            {groups.length > pictured.length && <Button onClick={() => setGroupsMost(groupsMost + GROUPS_FIRST)}>Show {Math.min(GROUPS_FIRST, groups.length - pictured.length)} more groups of {groups.length - pictured.length}</Button>}
          </>
        ))}
      </Loaded>
      {selected.length > 0 && (
        <div className={classes.bulk} role="toolbar" aria-label="What was selected">
          <span><b>{selected.length}</b> selected</span>
          <Button leftSection={<IconUserCheck size={15} />} disabled={selected.every((row) => row.state === "pending")} onClick={() => setAcknowledging(selected.filter((row) => row.state !== "pending"))}>Acknowledge</Button>
          <Button leftSection={<IconBellOff size={15} />} onClick={() => setSilencing({ matchers: matchersOf(selected.map((row) => row.labels)) })}>Silence</Button>
          <Button variant="subtle" color="gray" onClick={() => setChosen(NONE)}>Clear</Button>
        </div>
      )}
      <SilenceDialog start={silencing} close={() => setSilencing(null)} done={() => setChosen(NONE)} />
      <AcknowledgeDialog alerts={acknowledging} close={() => setAcknowledging(null)} done={() => setChosen(NONE)} />
    </Page>
  );
}

/** Matchers are taken when they can be read; until then it says what is wrong. */
function Matchers({ text, set }: { text: string; set: (text: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? text;
  const read = parseMatchers(shown);
  return (
    <TextInput
      className={classes.matchers ?? ""} aria-label="Labels as matchers" placeholder='job="api", zone=~"a|b"' classNames={{ input: "mono" }}
      value={shown} error={typed !== null && typeof read === "string" ? read : null}
      onChange={(event) => { const next = event.currentTarget.value; setTyped(next); if (typeof parseMatchers(next) !== "string") set(next); }}
      onBlur={() => { if (typeof read !== "string") setTyped(null); }}
    />
  );
}

interface ChipsProps { rows: readonly AlertRow[]; states: readonly string[]; severities: readonly string[]; set: (change: { state?: string | undefined; severity?: string | undefined }) => void }

function Chips({ rows, states, severities, set }: ChipsProps) {
  const count = (of: (row: AlertRow) => string) => {
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(of(row), (counts.get(of(row)) ?? 0) + 1);
    return counts;
  };
  const byState = count((row) => row.state);
  const bySeverity = count((row) => (row.severity === "" ? "none" : row.severity));
  const swap = (list: readonly string[], value: string) => [...toggled(new Set(list), value)].join(",") || undefined;
  const chip = (value: string, tone: Tone, isOn: boolean, number: number, run: () => void) => (
    <UnstyledButton key={value} className={classes.chip} aria-pressed={isOn} onClick={run}><Mark tone={tone} size={9} /><span className="foreign">{visible(value.slice(0, 30))}</span><b>{number}</b></UnstyledButton>
  );
  return (
    <div className={classes.chips} role="group" aria-label="States and severities">
      {ALERT_STATES.filter((state) => byState.has(state) || states.includes(state) || state === "firing").map((state) => chip(state, STATE_TONES[state] ?? "unknown", states.includes(state), byState.get(state) ?? 0, () => set({ state: swap(states, state) })))}
      <span className={classes.gap} aria-hidden />
      {[...new Set([...bySeverity.keys(), ...severities])].sort((a, b) => severityRank(a) - severityRank(b)).slice(0, 8).map((severity) => chip(severity, severityTone(severity), severities.includes(severity), bySeverity.get(severity) ?? 0, () => set({ severity: swap(severities, severity) })))}
    </div>
  );
}

function Nothing({ ruleCount }: { ruleCount: number }) {
  const last = useNowQuery(["timeline", "last firing"], (signal) => get("/api/bellwether/v1/timeline", { params: { kind: "firing", start: 0, limit: 1 }, signal }));
  const row = last.data?.rows[0];
  return (
    <Panel>
      <Empty title="Nothing fires" icon={<IconShieldCheck size={34} />}>
        {ruleCount === 0 ? "No alerting rule is loaded: nothing would be noticed. Name files of rules under rule_files in the configuration." : `${ruleCount} alerting ${ruleCount === 1 ? "rule watches" : "rules watch"}.`}
        {ruleCount > 0 && <>{" "}{row ? <>The last that fired was <b className="foreign">{visible(((row.labels as Record<string, string>)["alertname"] ?? "").slice(0, 100))}</b>, <When ms={row.time * 1000} />.</> : "Nothing has fired so far."}</>}
      </Empty>
    </Panel>
  );
}
