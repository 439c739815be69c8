/** The routing tree, and the way of one alert through it. */

import { useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Select, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { IconRoute } from "@tabler/icons-react";
import { matcherText } from "@/api/alertmanager";
import { ApiError } from "@/api/client";
import { useNowQuery } from "@/api/hooks";
import { type Routes, routes, testRoute, type Way } from "@/api/routes";
import { useAlerts } from "@/components/alerts/useAlerts";
import { LabelSet, visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, State } from "@/components/State";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { labelsText, parseLabels } from "./labelsText";
import { RouteTree } from "./RouteTree";
import classes from "./routes.module.css";

export function RoutesTab() {
  const answer = useNowQuery(["routes"], routes, { everyMs: 30_000 });
  if (answer.error instanceof ApiError && answer.error.status === 404) return <Panel><Empty title="This server does not tell its routes" icon={<IconRoute size={28} />}>It is an older version. Its routing tree stands in its configuration: see System, Configuration.</Empty></Panel>;
  return <Loaded answer={answer} height={420}>{(data) => <Told data={data} />}</Loaded>;
}

function Told({ data }: { data: Routes }) {
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const alerts = useAlerts();
  const [text, setText] = useState(() => {
    const given = parseLabels(search.labels ?? "");
    return typeof given === "string" ? search.labels ?? "" : labelsText(given);
  });
  const [at, setAt] = useState("");
  const labels = useMemo(() => parseLabels(text), [text]);
  const isAsked = typeof labels !== "string" && Object.keys(labels).length > 0;
  const [asked] = useDebouncedValue(isAsked ? JSON.stringify([labels, at.trim()]) : "", 250);
  const way = useQuery({
    queryKey: ["now", "routes", "test", asked],
    queryFn: ({ signal }) => { const [of, when] = JSON.parse(asked) as [Record<string, string>, string]; return testRoute(of, when, signal); },
    enabled: asked !== "", placeholderData: keepPreviousData, retry: false,
  });
  const said = way.error instanceof Error ? way.error.message : "";
  const isAboutTime = said.startsWith("at");
  const change = (next: string) => {
    setText(next);
    const read = parseLabels(next);
    void navigate({ search: (old) => ({ ...old, labels: typeof read === "string" || Object.keys(read).length === 0 ? undefined : JSON.stringify(read) }), replace: true });
  };
  const found = isAsked && !way.isError ? way.data : undefined;
  const lit = useMemo(() => new Set(found?.taken.flatMap(({ path }) => path) ?? []), [found]);
  const ends = useMemo(() => new Set(found?.taken.map(({ route }) => route) ?? []), [found]);
  return (
    <div className={classes.columns}>
      <div className="stack">
        <Panel title="Where would it go?">
          <Select label="An alert that is now" placeholder={alerts.data?.length === 0 ? "nothing fires" : "pick one"} searchable clearable value={null} data={(alerts.data ?? []).slice(0, 200).map((row) => ({ value: row.fingerprint, label: `${visible(row.name.slice(0, 60))}, ${visible(Object.entries(row.labels).filter(([name]) => name !== "alertname").map(([, value]) => value).join(", ").slice(0, 80))}` }))} onChange={(value) => { const row = alerts.data?.find((one) => one.fingerprint === value); if (row) change(labelsText(row.labels)); }} />
          <Textarea label="Labels" description={'One name="value" a line, or pasted as JSON'} placeholder={'alertname="ProviderDown"\nseverity="critical"'} autosize minRows={4} maxRows={12} spellCheck={false} classNames={{ input: "mono" }} value={text} onChange={(event) => change(event.currentTarget.value)} error={typeof labels === "string" ? labels : said !== "" && !isAboutTime ? said : null} />
          <TextInput label="At" description="Seconds since 1970 or 2026-12-01T03:00:00Z; empty is now" placeholder="now" value={at} onChange={(event) => setAt(event.currentTarget.value)} error={isAboutTime ? said : null} />
        </Panel>
        {found && <Becomes way={found} />}
      </div>
      <div className="stack">
        <Panel title="Routes" hint={found ? "the way of this alert is lit" : `${data.routes.length} ${data.routes.length === 1 ? "route" : "routes"}`}>
          <RouteTree routes={data.routes} lit={lit} ends={ends} isTesting={found !== undefined} />
        </Panel>
        {data.inhibitRules.length > 0 && (
          <Panel title="What inhibits what">
            <ul className={classes.rules}>
              {data.inhibitRules.map((rule, index) => (
                <li key={`${rule.name} ${index}`}>
                  Alerts with <Matchers all={rule.targetMatchers} /> are not told while one with <Matchers all={rule.sourceMatchers} /> fires{rule.equal.length > 0 && <> and has the same <b className="foreign">{visible(rule.equal.join(", ").slice(0, 200))}</b></>}.
                </li>
              ))}
            </ul>
          </Panel>
        )}
        {data.timeIntervals.length > 0 && (
          <Panel title="Named times">
            <ul className={classes.rules}>
              {data.timeIntervals.map((one) => <li key={one.name} className="row wrap"><State state={one.holds ? "active" : "inactive"} tone={one.holds ? "info" : "unknown"}>{one.holds ? "now" : "not now"}</State><b className="foreign">{visible(one.name.slice(0, 80))}</b><span className="muted">{one.intervals.map(intervalText).join("; or ")}</span></li>)}
            </ul>
          </Panel>
        )}
      </div>
    </div>
  );
}

function Matchers({ all }: { all: readonly Parameters<typeof matcherText>[0][] }) {
  return <>{all.map((one, index) => <code key={index} className={`${classes.matcher ?? ""} foreign`}>{visible(matcherText(one).slice(0, 160))}</code>)}</>;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function intervalText(one: Routes["timeIntervals"][number]["intervals"][number]): string {
  const span = (names: readonly string[] | null, base: number) => ({ begin, end }: { begin: number; end: number }) => {
    const name = (value: number) => names?.[value - base] ?? String(value);
    return begin === end ? name(begin) : `${name(begin)} to ${name(end)}`;
  };
  const parts = [
    one.times.map(({ begin, end }) => `${begin} to ${end}`).join(", "),
    one.weekdays.map(span(DAYS, 0)).join(", "),
    one.daysOfMonth.length > 0 ? `days ${one.daysOfMonth.map(span(null, 0)).join(", ")} of the month` : "",
    one.months.map(span(MONTHS, 1)).join(", "),
    one.years.map(span(null, 0)).join(", "),
  ].filter(Boolean);
  return `${parts.length > 0 ? parts.join(", ") : "always"} (${visible(one.location.slice(0, 40))})`;
}

/** What becomes of it, in words. */
function Becomes({ way }: { way: Way }) {
  const isMuted = way.taken.length > 0 && way.taken.every((one) => one.mutedBy.length > 0);
  const why = way.taken.length === 0 ? "no route takes it" : way.silencedBy.length > 0 ? "it is silenced" : way.inhibitedBy.length > 0 ? "it is inhibited" : way.maintenance !== null ? "what it is about is worked on" : isMuted ? "its routes are muted at that time" : "";
  return (
    <Panel title="What becomes of it">
      <p className={`${classes.verdict ?? ""} ${way.notified ? classes.yes ?? "" : classes.no ?? ""}`} role="status">
        <Mark tone={way.notified ? "good" : "warn"} size={12} />
        {way.notified ? <span><b className="foreign">{visible(way.receivers.join(", ").slice(0, 200))}</b> {way.receivers.length === 1 ? "is" : "are"} told.</span> : <span>Nobody is told: {why}.</span>}
      </p>
      {way.silencedBy.map((one) => <p key={one.id} className="foreign">Silenced by <Link to="/alerts/$tab" params={{ tab: "silences" }} search={(old) => ({ ...keepTimes(old), id: one.id })}>{visible(one.createdBy.slice(0, 80))}</Link>: {visible(one.comment.slice(0, 200))}, ends <When ms={one.end * 1000} form="in" />.</p>)}
      {way.inhibitedBy.map((one) => <p key={one.fingerprint} className="foreign">Inhibited by <Link to="/alerts/one/$fingerprint" params={{ fingerprint: one.fingerprint }} search={keepTimes}>{visible((one.labels["alertname"] ?? one.fingerprint).slice(0, 100))}</Link>.</p>)}
      {way.maintenance !== null && <p className="foreign">Maintenance: {visible(way.maintenance.slice(0, 300))}</p>}
      {way.taken.map((one) => (
        <section key={one.route} className={classes.taken}>
          <h3 className="foreign">{visible(one.receiver.slice(0, 120))} <span className="muted">{visible(one.integrations.join(", ").slice(0, 160))}</span></h3>
          <ol className={classes.steps}>
            <li>first told <b>{one.groupWaitSeconds > 0 ? `${spokenDuration(one.groupWaitSeconds)} after it fires` : "at once"}</b></li>
            <li>told of changes of its group <b>every {spokenDuration(one.groupIntervalSeconds)}</b> at most</li>
            <li>reminded <b>every {spokenDuration(one.repeatIntervalSeconds)}</b> while it fires</li>
          </ol>
          <div className="row wrap"><span className="muted">in one message with alerts of the same</span> {Object.keys(one.group).length > 0 ? <LabelSet labels={one.group} /> : <span>nothing: all in one</span>}</div>
          {one.mutedBy.length > 0 && <p className="warn foreign">{one.outsideActive ? "Not active: only in" : "Muted in"} {visible(one.mutedBy.join(", ").slice(0, 200))}</p>}
        </section>
      ))}
    </Panel>
  );
}
