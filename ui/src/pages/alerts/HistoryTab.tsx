/** What has happened to all alerts: how much when, and each event in words. */

import { useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button, TextInput } from "@mantine/core";
import { IconHistory, IconSearch } from "@tabler/icons-react";
import { useNowQuery } from "@/api/hooks";
import { get, type TimelineRow } from "@/api/own";
import { stepFor } from "@/api/prometheus";
import { matcherText } from "@/api/alertmanager";
import { parseMatchers } from "@/components/alerts/matchers";
import { shortCause, wordOf } from "@/components/alerts/words";
import { Chart } from "@/components/Chart";
import { LabelSet, visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark } from "@/components/State";
import type { Labels } from "@/lib/labels";
import { useRange } from "@/state/range";
import { useSettings, useTimeFormat } from "@/state/settings";
import { seriesColor } from "@/lib/palette";
import { density, GROUPS, groupOf } from "./history";
import { FilterChip } from "./FilterChip";
import listClasses from "./list.module.css";
import classes from "./history.module.css";

const ROWS_MAX = 5_000;
const PAGE = 150;
const DAY_S = 86_400;

export function HistoryTab() {
  const range = useRange();
  const { shown: scheme } = useSettings();
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const [most, setMost] = useState(PAGE);
  // A day, unless a time was chosen.
  const isDay = search.from === undefined;
  const fromS = isDay ? range.toS - DAY_S : range.fromS;
  const matchers = useMemo(() => parseMatchers(search.matchers ?? ""), [search.matchers]);
  const filter = typeof matchers === "string" ? [] : matchers.map(matcherText);
  const answer = useNowQuery(["timeline", "history", isDay ? "day" : range.text, filter], (signal) => get("/api/bellwether/v1/timeline", { params: { start: Math.floor(fromS), end: Math.ceil(range.toS) + 1, limit: ROWS_MAX, ...(filter.length > 0 ? { filter } : {}) }, signal }));
  const kinds = useMemo(() => (search.kind === undefined ? GROUPS.filter(({ isQuiet }) => !isQuiet).map(({ id }) => id) : search.kind.split(",").filter(Boolean)), [search.kind]);
  const rows = answer.data?.rows;
  const words = useMemo(() => (search.find ?? "").toLowerCase().split(/\s+/).filter(Boolean), [search.find]);
  const found = useMemo(() => (rows ?? []).filter((row) => row.kind !== "notifying" && (words.length === 0 || words.every((word) => textOf(row).includes(word)))), [rows, words]);
  const counts = useMemo(() => {
    const by = new Map<string, number>();
    for (const row of found) by.set(groupOf(row.kind), (by.get(groupOf(row.kind)) ?? 0) + 1);
    return by;
  }, [found]);
  const shown = useMemo(() => found.filter((row) => kinds.includes(groupOf(row.kind))), [found, kinds]);
  const step = stepFor(fromS, range.toS, 96, 15);
  const picture = useMemo(() => density(shown, Math.floor(fromS / step) * step, range.toS, step), [shown, fromS, range.toS, step]);
  const set = (change: Record<string, string | undefined>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const toggle = (id: string) => set({ kind: (kinds.includes(id) ? kinds.filter((one) => one !== id) : [...kinds, id]).join(",") });
  return (
    <>
      <div className={listClasses.bar} role="search" aria-label="Filter history">
        <TextInput className={listClasses.find ?? ""} aria-label="Find in history" placeholder="Find in names, labels and causes" leftSection={<IconSearch size={14} />} value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })} />
        <TextInput className={listClasses.matchers ?? ""} aria-label="Labels as matchers" placeholder='alertname="Down", severity=~"critical|error"' classNames={{ input: "mono" }} value={search.matchers ?? ""} error={typeof matchers === "string" ? matchers : null} onChange={(event) => set({ matchers: event.currentTarget.value || undefined })} />
        <div className={listClasses.chips} role="group" aria-label="Kinds">
          {GROUPS.map(({ id, name, tone }) => <FilterChip key={id} name={name} tone={tone} isOn={kinds.includes(id)} count={counts.get(id) ?? 0} toggle={() => toggle(id)} />)}
        </div>
      </div>
      <Loaded answer={answer} height={420}>
        {(data) => (
          <>
            <Panel title="How much happened" hint={isDay ? "in the last 24 hours" : undefined}>
              <Chart label="Events over time" times={picture.times} height={96} unit="count" from={fromS} to={range.toS} onZoom={range.zoom} legend="none" stacked
                series={GROUPS.filter(({ id }) => kinds.includes(id)).map((group, index) => ({ name: group.name, values: picture.values.get(group.id) ?? [], kind: "bars" as const, color: toneColor(group.id, scheme) ?? seriesColor(index, scheme), fill: 0.85 }))} />
            </Panel>
            <Panel title="Events" hint={`${shown.length}${data.rows.length >= ROWS_MAX ? "; the newest of more" : ""}`} flush>
              {shown.length === 0 ? <Empty title="Nothing happened" icon={<IconHistory size={28} />}>{found.length > 0 ? "The kinds that are chosen are not among what happened." : "Between the times that are looked at there is nothing on record."}</Empty> : <Events rows={shown.slice(0, most)} />}
              {shown.length > most && <Button variant="subtle" m="xs" onClick={() => setMost(most + PAGE)}>Show {Math.min(PAGE, shown.length - most)} more of {shown.length - most}</Button>}
            </Panel>
          </>
        )}
      </Loaded>
    </>
  );
}

/** Series of the palette that look like their tones. */
function toneColor(id: string, scheme: "dark" | "light"): string | undefined {
  const index = { fired: 3, told: 0, hidden: 9, people: 4, scaled: 2 }[id];
  return index === undefined ? undefined : seriesColor(index, scheme);
}

const textOf = (row: TimelineRow) => `${wordOf(row.kind).says}\n${Object.entries(row.labels).map(([name, value]) => `${name}=${value}`).join("\n")}\n${row.cause ?? ""}\n${row.receiver ?? ""}`.toLowerCase();

function Events({ rows }: { rows: readonly TimelineRow[] }) {
  const format = useTimeFormat();
  let day = "";
  return (
    <ol className={classes.events}>
      {rows.map((row, index) => {
        const word = wordOf(row.kind);
        const labels = row.labels as Labels;
        const today = format.day(row.time * 1000);
        const isNew = today !== day;
        day = today;
        const isScaled = row.kind === "scaled";
        const name = isScaled ? labels["scaler"] ?? "" : labels["alertname"] ?? "without a name";
        const cause = shortCause(row.cause ?? "");
        return (
          <li key={`${row.time} ${row.kind} ${row.fingerprint} ${index}`} className={classes.event}>
            {isNew && <div className={classes.day}>{today}</div>}
            <time className={classes.time} dateTime={new Date(row.time * 1000).toISOString()} title={format.full(row.time * 1000)}>{clock(format.full(row.time * 1000))}</time>
            <span className={classes.dot}><Mark tone={word.tone} size={10} /></span>
            <div className={classes.what}>
              <span>
                {isScaled
                  ? <Link to="/scaling" search={(old) => ({ ...keepTimes(old), scaler: name })} className="foreign">{visible(name.slice(0, 120))}</Link>
                  : <Link to="/alerts/one/$fingerprint" params={{ fingerprint: row.fingerprint }} search={keepTimes} className={`${classes.name ?? ""} foreign`}>{visible(name.slice(0, 120))}</Link>}
                {" "}{word.says}{row.receiver !== undefined && row.receiver !== "" ? <>{" to "}<b className="foreign">{visible(row.receiver.slice(0, 80))}</b></> : null}
              </span>
              {cause !== "" && <span className={`${classes.cause ?? ""} foreign`}>{visible(cause.slice(0, 300))}</span>}
            </div>
            <div className={classes.labels}><LabelSet labels={labels} without={labels["entity"] === undefined ? ["alertname", "scaler", "severity"] : ["alertname", "severity", "kind", "state"]} most={3} /></div>
          </li>
        );
      })}
    </ol>
  );
}

const clock = (full: string) => full.split(", ").at(-1) ?? full;
