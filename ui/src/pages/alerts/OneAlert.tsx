/** One alert: what it says, what it saw when it fired, how it is now, what has happened to it, and what can be done. */

import { useCallback, useMemo, useState } from "react";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ActionIcon, Button, Menu, Tooltip } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconArrowBackUp, IconBellOff, IconBook2, IconChevronDown, IconChevronLeft, IconChevronRight, IconGhost2, IconUserCheck } from "@tabler/icons-react";
import { evidence, takeBack } from "@/api/alertmanager";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { AcknowledgeDialog } from "@/components/alerts/AcknowledgeDialog";
import { NOBODY, rememberedAuthor } from "@/components/alerts/author";
import { matchersOf } from "@/components/alerts/matchers";
import { RuleChart } from "@/components/alerts/RuleChart";
import { SafeText, safeAddress } from "@/components/alerts/SafeText";
import { ruleOf } from "@/components/alerts/rows";
import { severityTone } from "@/components/alerts/severity";
import { SilenceDialog, type SilenceStart } from "@/components/alerts/SilenceDialog";
import { chartSpans, spansOf } from "@/components/alerts/spans";
import { useAlerts, useRules } from "@/components/alerts/useAlerts";
import { type PageKey, usePageKeys } from "@/components/Keys";
import { visible } from "@/components/LabelSet";
import { Page } from "@/components/Page";
import { Empty, Failure, Panel, Waiting } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { State } from "@/components/State";
import { When } from "@/components/When";
import type { Labels } from "@/lib/labels";
import { useNow } from "@/state/range";
import { useTimeFormat } from "@/state/settings";
import { AlertFacts } from "./AlertFacts";
import { AlertsNav } from "./AlertsNav";
import { AlertTimeline } from "./AlertTimeline";
import { EvidencePanel } from "./EvidencePanel";
import { RulePanel } from "./RulePanel";
import classes from "./one.module.css";

/** Annotations that have a place of their own. */
const PLACED = new Set(["summary", "description", "message", "runbook_url", "runbook", "evidence", "dashboard_url"]);

export function OneAlert() {
  const { fingerprint } = useParams({ from: "/alerts/one/$fingerprint" });
  const { firing } = useSearch({ from: "/alerts/one/$fingerprint" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const format = useTimeFormat();
  const nowMs = useNow(15_000);
  const alerts = useAlerts();
  const rules = useRules();
  const timeline = useNowQuery(["timeline", "alert", fingerprint], (signal) => get("/api/bellwether/v1/timeline", { params: { fingerprint, start: 0, limit: 500 }, signal }));
  const firings = useNowQuery(["timeline", "evidence"], (signal) => get("/api/bellwether/v1/evidence", { params: { start: 0, limit: 10_000 }, signal }), { everyMs: 30_000 });
  const [silencing, setSilencing] = useState<SilenceStart | null>(null);
  const [acknowledging, setAcknowledging] = useState(false);

  const row = alerts.data?.find((one) => one.fingerprint === fingerprint);
  const happened = timeline.data?.rows;
  const own = useMemo(() => (firings.data?.evidence ?? []).filter((one) => one.fingerprint === fingerprint), [firings.data, fingerprint]);
  const wanted = own.find(({ id }) => id === firing) ?? own[0];
  const document = useQuery({
    queryKey: ["evidence", wanted?.id ?? ""],
    queryFn: ({ signal }) => evidence(wanted?.id ?? "", signal),
    enabled: wanted !== undefined,
    refetchInterval: (query) => (query.state.data === null ? 1_500 : false),
    staleTime: Infinity,
  });
  const frozen = document.data ?? null;

  const labels: Labels | undefined = row?.labels ?? frozen?.alert.labels ?? (happened?.[0]?.labels);
  const annotations = row?.annotations ?? frozen?.alert.annotations ?? {};
  const name = labels?.["alertname"] ?? "";
  const source = useMemo(() => row?.source ?? (labels ? ruleOf(labels, rules.data ?? []) : null), [row, rules.data, labels]);
  const query = source?.rule.query ?? frozen?.rule.query ?? "";
  const ruleLabels = source?.rule.labels;
  const isOwn = useCallback((series: Labels) => Object.entries(series).every(([key, value]) => key === "__name__" || labels?.[key] === value || (ruleLabels !== undefined && key in ruleLabels)), [labels, ruleLabels]);
  const spans = useMemo(() => spansOf(happened ?? [], nowMs / 1000), [happened, nowMs]);
  const marks = useMemo(() => chartSpans(spans), [spans]);
  const evidenceIds = useMemo(() => new Set(own.map(({ id }) => id)), [own]);

  const all = alerts.data;
  const at = all?.findIndex((one) => one.fingerprint === fingerprint) ?? -1;
  const before = at > 0 ? all?.[at - 1] : undefined;
  const after = at >= 0 ? all?.[at + 1] : at < 0 ? all?.[0] : undefined;
  const go = useCallback((to: string | undefined) => { if (to !== undefined) void navigate({ to: "/alerts/one/$fingerprint", params: { fingerprint: to }, search: keepTimes }); }, [navigate]);

  const back = useMutation({
    mutationFn: () => takeBack(fingerprint, rememberedAuthor() || NOBODY),
    onSettled: () => void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "now" && ["acknowledgements", "alerts", "timeline"].includes(String(queryKey[1])) }),
  });
  const ack = row?.acknowledgement ?? null;
  const canAcknowledge = row !== undefined && row.state !== "pending";
  const { mutate: mutateBack } = back;
  const silenceIt = useCallback(() => { if (labels) setSilencing({ matchers: matchersOf([labels]) }); }, [labels]);
  const keys = useMemo((): PageKey[] => [
    { key: "j", says: "next alert", run: () => go(after?.fingerprint) },
    { key: "k", says: "alert before", run: () => go(before?.fingerprint) },
    { key: "a", says: ack ? "take the acknowledgement back" : "acknowledge", run: () => { if (ack) mutateBack(); else if (canAcknowledge) setAcknowledging(true); } },
    { key: "s", says: "silence", run: silenceIt },
    { key: "u", says: "up to all alerts", run: () => void navigate({ to: "/alerts", search: keepTimes }) },
  ], [after, before, go, ack, canAcknowledge, mutateBack, silenceIt, navigate]);
  usePageKeys(keys);

  const isWaiting = alerts.isPending || (timeline.isPending && row === undefined);
  if (!labels) {
    return (
      <Page title="Alert" tabs={<AlertsNav />}>
        {alerts.error && !alerts.data ? <Failure error={alerts.error} retry={alerts.refetch} /> : isWaiting || firings.isPending || document.isLoading ? <Waiting height={400} /> : (
          <Panel><Empty title="There is no such alert" icon={<IconGhost2 size={30} />} action={<Button component={Link} to="/alerts">All alerts</Button>}>Nothing on record has the fingerprint <code className="foreign">{visible(fingerprint.slice(0, 60))}</code>. What has been kept too long ago is forgotten.</Empty></Panel>
        )}
      </Page>
    );
  }

  const severity = labels["severity"] ?? "";
  const state = row?.state ?? "resolved";
  const summary = annotations["summary"] ?? annotations["message"] ?? "";
  const description = annotations["description"] ?? "";
  const runbook = safeAddress(annotations["runbook_url"] ?? annotations["runbook"] ?? "");
  const dashboard = safeAddress(annotations["dashboard_url"] ?? "");
  const others = Object.entries(annotations).filter(([key]) => !PLACED.has(key));
  const lastSpan = spans.filter((span) => span.kind === "firing").at(-1);
  const title = name === "" ? "Alert without a name" : visible(name.slice(0, 200));
  return (
    <Page
      title={title}
      lead={<span className="foreign">{visible(summary.slice(0, 400))}</span>}
      badge={<>
        <State state={state} tone={state === "acknowledged" ? "accent" : state === "firing" ? severityTone(severity) : state === "resolved" ? "good" : state === "pending" ? "warn" : "unknown"} />
        {severity !== "" && <span className={`${severityTone(severity)} foreign`}><b>{visible(severity.slice(0, 30))}</b></span>}
        <span className="muted">{row ? <When ms={row.sinceMs} form="for" /> : lastSpan ? <>fired <When ms={lastSpan.from * 1000} /></> : null}</span>
      </>}
      controls={<>
        <ActionIcon.Group>
          <Tooltip label="Alert before (k)"><ActionIcon variant="default" size={30} aria-label="Alert before" disabled={!before} onClick={() => go(before?.fingerprint)}><IconChevronLeft size={16} /></ActionIcon></Tooltip>
          <Tooltip label="Next alert (j)"><ActionIcon variant="default" size={30} aria-label="Next alert" disabled={!after} onClick={() => go(after?.fingerprint)}><IconChevronRight size={16} /></ActionIcon></Tooltip>
        </ActionIcon.Group>
        {ack
          ? <Button loading={back.isPending} leftSection={<IconArrowBackUp size={15} />} onClick={() => back.mutate()}>Take back</Button>
          : <Button disabled={!canAcknowledge} leftSection={<IconUserCheck size={15} />} onClick={() => setAcknowledging(true)}>Acknowledge</Button>}
        <Button variant="filled" leftSection={<IconBellOff size={15} />} onClick={silenceIt}>Silence</Button>
      </>}
      tabs={<AlertsNav />}
    >
      {back.isError && <Failure error={back.error} what="It was not taken back" />}
      <div className={classes.columns}>
        <div className="stack">
          <Panel title="Now" hint="what its rule measures, and when it was pending and fired" actions={query !== "" && <Link to="/explore" search={(old) => ({ ...keepTimes(old), q: [{ expr: query.trim() }] })}>Open in Explore</Link>}>
            {query === "" ? <Empty title="Its rule is not known any more" /> : <RuleChart query={query} name={title} spans={marks} isOwn={isOwn} />}
          </Panel>
          {own.length > 1 && (
            <div className="row">
              <Menu position="bottom-start">
                <Menu.Target><Button size="compact-sm" rightSection={<IconChevronDown size={13} />}>Fired {wanted ? format.time(wanted.time * 1000) : ""}</Button></Menu.Target>
                <Menu.Dropdown>
                  <Menu.Label>Its firings</Menu.Label>
                  {own.slice(0, 20).map((one) => <Menu.Item key={one.id} fw={one.id === wanted?.id ? 650 : 400} onClick={() => void navigate({ to: ".", search: (old) => ({ ...old, firing: one.id }), resetScroll: false })}>{format.full(one.time * 1000)}</Menu.Item>)}
                </Menu.Dropdown>
              </Menu>
              <span className="muted">{own.length} firings have evidence</span>
            </div>
          )}
          {wanted === undefined
            ? firings.data && <Panel title="Evidence"><Empty title={row?.state === "pending" ? "It has not fired yet" : "No evidence of this alert"}>Evidence is gathered at the moment in which an alert of a rule of this server fires, and kept.</Empty></Panel>
            : document.isError ? <Panel title="Evidence"><Failure error={document.error} retry={() => void document.refetch()} /></Panel>
            : frozen ? <EvidencePanel document={frozen} />
            : <Panel title="Evidence"><Waiting height={260} label="Being gathered" /></Panel>}
        </div>
        <div className="stack">
          <Panel title="About">
            {(runbook ?? dashboard) !== null && (
              <div className="row wrap">
                {runbook !== null && <Button component="a" href={runbook} target="_blank" rel="noopener noreferrer nofollow" leftSection={<IconBook2 size={15} />}>Runbook</Button>}
                {dashboard !== null && <Button component="a" href={dashboard} target="_blank" rel="noopener noreferrer nofollow">Dashboard</Button>}
              </div>
            )}
            {description !== "" && <SafeText text={description} />}
            {others.map(([key, value]) => <div key={key}><div className="muted foreign">{visible(key.slice(0, 80))}</div><SafeText text={value} /></div>)}
            <AlertFacts row={row} labels={labels} nameOf={(one) => all?.find((other) => other.fingerprint === one)?.name} />
          </Panel>
          <Panel title="What happened">
            {timeline.isError && !happened ? <Failure error={timeline.error} /> : happened ? <AlertTimeline rows={happened} evidenceIds={evidenceIds} /> : <Waiting />}
          </Panel>
          <RulePanel source={source} frozen={frozen} />
        </div>
      </div>
      <SilenceDialog start={silencing} close={() => setSilencing(null)} />
      <AcknowledgeDialog alerts={acknowledging && row ? [row] : null} close={() => setAcknowledging(false)} />
    </Page>
  );
}
