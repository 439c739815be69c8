/** Silences alerts: which ones, for how long, who says so and why; with what it would hide now. */

import { type ReactNode, useMemo, useState } from "react";
import { Button, Modal, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconAlertTriangle, IconBellOff } from "@tabler/icons-react";
import { type Matcher, matcherText, previewSilence, type Silence, silence } from "@/api/alertmanager";
import { Failure } from "@/components/Panel";
import { Mark } from "@/components/State";
import { visible } from "@/components/LabelSet";
import { When } from "@/components/When";
import { useTimeFormat } from "@/state/settings";
import { NOBODY, rememberAuthor, rememberedAuthor } from "./author";
import { MatcherFields } from "./MatcherFields";
import { problemOf, takesEmpty } from "./matchers";
import { severityTone } from "./severity";
import { UNTIL_CHOICES, type UntilChoice, untilMs } from "./until";
import { useAlerts } from "./useAlerts";
import classes from "./alerts.module.css";

/** What a silence begins as; `id`: this one is changed, else there will be a new one. */
export interface SilenceStart { matchers: readonly Matcher[]; comment?: string; id?: string; startsAt?: string; endsAt?: string; createdBy?: string }

export const startOf = (old: Silence, isChange: boolean): SilenceStart => ({ matchers: old.matchers, comment: old.comment, createdBy: old.createdBy, ...(isChange ? { id: old.id, startsAt: old.startsAt, endsAt: old.endsAt } : {}) });

interface SilenceDialogProps { start: SilenceStart | null; close: () => void; done?: ((id: string) => void) | undefined }

export function SilenceDialog({ start, close, done }: SilenceDialogProps) {
  return (
    <Modal opened={start !== null} onClose={close} size={640} title={start?.id ? "Change the silence" : "Silence alerts"} closeButtonProps={{ "aria-label": "Close" }}>
      {start && <Form start={start} close={close} done={done} />}
    </Modal>
  );
}

function Form({ start, close, done }: { start: SilenceStart; close: () => void; done: ((id: string) => void) | undefined }) {
  const client = useQueryClient();
  const { zone, full } = useTimeFormat();
  const alerts = useAlerts();
  const [openedMs] = useState(() => Date.now());
  const [matchers, setMatchers] = useState<Matcher[]>(() => (start.matchers.length > 0 ? [...start.matchers] : [{ name: "alertname", value: "", isEqual: true, isRegex: false }]));
  const [choice, setChoice] = useState<UntilChoice>(start.endsAt ? "custom" : "2h");
  const [custom, setCustom] = useState(() => (start.endsAt ? new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" }).format(Date.parse(start.endsAt)) : "8h"));
  const [comment, setComment] = useState(start.comment ?? "");
  const [author, setAuthor] = useState(() => start.createdBy ?? rememberedAuthor());
  const known = useMemo(() => (alerts.data ?? []).map(({ labels }) => labels), [alerts.data]);
  const endMs = untilMs(choice, custom, openedMs, zone);
  const wrongEnd = endMs === null ? "want a duration such as 8h, or a time such as 2026-12-01 09:00" : endMs <= openedMs ? "it has passed already" : null;
  const isReadable = matchers.length > 0 && matchers.every((one) => problemOf(one) === null) && !matchers.every(takesEmpty);
  const sending = useMutation({
    mutationFn: () => silence({
      ...(start.id ? { id: start.id } : {}), matchers, createdBy: author.trim() || NOBODY, comment: comment.trim() || "silenced in the web UI",
      startsAt: start.startsAt && Date.parse(start.startsAt) > Date.now() ? start.startsAt : new Date().toISOString(),
      endsAt: new Date(choice === "custom" ? endMs ?? 0 : untilMs(choice, custom, Date.now(), zone) ?? 0).toISOString(),
    }),
    onSuccess: (id) => {
      rememberAuthor(author);
      void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "now" && ["alerts", "silences", "rules", "timeline"].includes(String(queryKey[1])) });
      close();
      done?.(id);
    },
  });
  const said = sending.error instanceof Error ? sending.error.message : "";
  const place = /matcher (\d+)/.exec(said)?.[1];
  const isAboutEnd = /end time|start time/.test(said);
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); if (isReadable && wrongEnd === null && !sending.isPending) sending.mutate(); }}>
      <MatcherFields matchers={matchers} change={setMatchers} known={known} errors={place === undefined ? {} : { [Number(place)]: said }} />
      <div className="stack tight">
        <span className={classes.legend} id="silence-until">For</span>
        <SegmentedControl aria-labelledby="silence-until" fullWidth data={[...UNTIL_CHOICES]} value={choice} onChange={(value) => setChoice(value)} />
        {choice === "custom" && <TextInput label="Duration or end" description={`8h, 3d, or 2026-12-01 09:00 (${zone})`} value={custom} onChange={(event) => setCustom(event.currentTarget.value)} error={wrongEnd ?? (isAboutEnd ? said : null)} data-autofocus />}
        <span className="muted" aria-live="polite">{endMs !== null && wrongEnd === null ? `until ${full(endMs)}` : " "}</span>
        {choice !== "custom" && isAboutEnd && <span className="bad">{said}</span>}
      </div>
      <div className={classes.pair}>
        <TextInput label="Why" placeholder="deploying, known, being worked on" value={comment} onChange={(event) => setComment(event.currentTarget.value)} {...(choice === "custom" ? {} : { "data-autofocus": true })} />
        <TextInput label="Who" placeholder={NOBODY} autoComplete="name" value={author} onChange={(event) => setAuthor(event.currentTarget.value)} />
      </div>
      <Preview matchers={matchers} isReadable={isReadable} allCount={alerts.data?.filter(({ state }) => state !== "pending").length ?? 0} />
      {said !== "" && place === undefined && !isAboutEnd && <Failure error={sending.error} what="It was not silenced" />}
      <div className={classes.foot}>
        <Button onClick={close}>Cancel</Button>
        <Button type="submit" variant="filled" loading={sending.isPending} disabled={!isReadable || wrongEnd !== null} leftSection={<IconBellOff size={15} />}>{start.id ? "Change" : "Silence"}</Button>
      </div>
    </form>
  );
}

const SHOWN_MAX = 6;

function Preview({ matchers, isReadable, allCount }: { matchers: readonly Matcher[]; isReadable: boolean; allCount: number }) {
  const [asked] = useDebouncedValue(matchers, 300);
  const answer = useQuery({
    queryKey: ["now", "alerts", "preview", asked.map(matcherText)],
    queryFn: ({ signal }) => previewSilence(asked, signal),
    enabled: isReadable && asked.every((one) => problemOf(one) === null), placeholderData: keepPreviousData, retry: false,
  });
  const total = answer.data?.hiddenCount ?? 0;
  const frame = (tone: "plain" | "warn", children: ReactNode) => <div className={`${classes.preview ?? ""} ${tone === "warn" ? classes.previewWarn ?? "" : ""}`} role="status">{children}</div>;
  if (!isReadable) {
    const isAll = matchers.length > 0 && matchers.every(takesEmpty);
    return frame("warn", <span className="row"><IconAlertTriangle size={15} aria-hidden /> {isAll ? "At least one matcher has to name a value, or everything would be silenced." : matchers.some((one) => one.name !== "" && problemOf(one) !== null) ? "Mend the matcher that is marked." : "Say which alerts are meant."}</span>);
  }
  if (answer.isError) return frame("warn", <span className="foreign">{answer.error.message}</span>);
  if (!answer.data) return frame("plain", <span className="muted">Looking what it would hide</span>);
  const past = answer.data.past === null ? null : <span className="muted">{answer.data.past.firings === 0 ? "Nothing of the last 24 hours would have been hidden." : `Of the last 24 hours it would have hidden ${answer.data.past.firings} ${answer.data.past.firings === 1 ? "firing" : "firings"}.`}</span>;
  if (total === 0) return frame("warn", <><span className="row"><IconAlertTriangle size={15} aria-hidden /> It hides nothing now. It will hide what fires later with these labels.</span>{past}</>);
  const all = answer.data.activeCount ?? allCount;
  const isAll = total >= all && all > 1;
  return frame(isAll ? "warn" : "plain", (
    <>
      <strong className="row">{isAll && <IconAlertTriangle size={15} aria-hidden />}{isAll ? `It hides all ${total} alerts that fire now` : `It hides ${total} ${total === 1 ? "alert" : "alerts"} now`}</strong>
      <ul className={classes.hidden}>
        {answer.data.alerts.slice(0, SHOWN_MAX).map(({ fingerprint, labels }) => (
          <li key={fingerprint} className="row"><Mark tone={severityTone(labels["severity"] ?? "")} size={9} /><span className="foreign ellipsis">{visible((labels["alertname"] ?? "without a name").slice(0, 120))}</span><span className="muted foreign ellipsis">{visible(Object.entries(labels).filter(([name]) => name !== "alertname" && name !== "severity").map(([, value]) => value).join(", ").slice(0, 160))}</span></li>
        ))}
        {total > SHOWN_MAX && <li className="muted">and {total - SHOWN_MAX} more</li>}
      </ul>
      {past}
    </>
  ));
}

/** When a silence ends, or ended. */
export function SilenceEnd({ one }: { one: Silence }) {
  const endsMs = Date.parse(one.endsAt);
  return <span>{one.status.state === "expired" ? <>ended <When ms={endsMs} /></> : <>ends <When ms={endsMs} form="in" /></>}</span>;
}
