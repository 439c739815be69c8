/** The configuration as it is in force, its flags and features; and reading it anew. */

import { useEffect, useMemo, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ActionIcon, Button, CopyButton, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconCheck, IconChevronDown, IconChevronUp, IconCopy, IconRefresh, IconSearch } from "@tabler/icons-react";
import { useNowQuery } from "@/api/hooks";
import { configText, flags as askFlags, runtimeInfo } from "@/api/prometheus";
import { features as askFeatures, reload } from "@/api/system";
import { visible } from "@/components/LabelSet";
import { Failure, Loaded, Panel } from "@/components/Panel";
import { Mark } from "@/components/State";
import { When } from "@/components/When";
import classes from "./System.module.css";
import { matchesOf, YamlView } from "./YamlView";

export function Config() {
  const text = useNowQuery(["config", "text"], configText, { everyMs: 60_000 });
  const flags = useNowQuery(["config", "flags"], askFlags, { everyMs: 300_000 });
  const features = useNowQuery(["config", "features"], askFeatures, { everyMs: 300_000 });
  return (
    <>
      <ReloadState isAllowed={flags.data?.["web.enable-lifecycle"] === "true"} isKnown={flags.data !== undefined} />
      <Panel title="Configuration in force" hint="with its defaults; secrets are hidden" flush><Loaded answer={text} height={500} what="The configuration could not be read">{(yaml) => <Searched text={yaml} />}</Loaded></Panel>
      <div className="grid">
        <Panel title="Flags" hint="what the server was started with"><Loaded answer={flags} height={200}>{(all) => <dl className={classes.pairs}>{Object.entries(all).sort(([a], [b]) => a.localeCompare(b, "en")).map(([name, value]) => <div key={name}><dt><code>--{name}</code></dt><dd className="foreign">{value === "" ? <span className="faint">not set</span> : visible(value.slice(0, 400))}</dd></div>)}</dl>}</Loaded></Panel>
        <Panel title="Features" hint="what it can do"><Loaded answer={features} height={200}>{(all) => (
          <dl className={classes.pairs}>{Object.entries(all).flatMap(([area, set]) => Object.entries(set).map(([name, isOn]) => <div key={`${area} ${name}`}><dt><span className="muted">{area.replaceAll("_", " ")}</span> {name.replace(`${area}_`, "").replaceAll("_", " ")}</dt><dd>{isOn ? <span className={classes.on}><Mark tone="good" size={9} />on</span> : <span className={classes.on}><Mark tone="unknown" size={9} />off</span>}</dd></div>))}</dl>
        )}</Loaded></Panel>
      </div>
    </>
  );
}

function Searched({ text }: { text: string }) {
  const { find = "" } = useSearch({ from: "/system/$tab" });
  const navigate = useNavigate({ from: "/system/$tab" });
  const [typed, setTyped] = useState(find);
  const write = useDebouncedCallback((next: string) => void navigate({ search: (old) => ({ ...old, find: next === "" ? undefined : next }), replace: true }), 200);
  const matches = useMemo(() => matchesOf(text, find), [text, find]);
  const [at, setAt] = useState(0);
  useEffect(() => setAt(0), [find]);
  const go = (by: number) => setAt((old) => (matches.length === 0 ? 0 : (old + by + matches.length) % matches.length));
  return (
    <>
      <div className={classes.filters}>
        <TextInput className={classes.find ?? ""} label="Find in the configuration" leftSection={<IconSearch size={14} />} value={typed} onChange={(event) => { setTyped(event.currentTarget.value); write(event.currentTarget.value); }} onKeyDown={(event) => { if (event.key === "Enter") go(event.shiftKey ? -1 : 1); }} />
        <div className="row">
          <span className="muted" aria-live="polite">{find.trim() === "" ? `${text.split("\n").length - 1} lines` : matches.length === 0 ? "nothing found" : `${Math.min(at, matches.length - 1) + 1} of ${matches.length} lines`}</span>
          <ActionIcon aria-label="Previous match" disabled={matches.length === 0} onClick={() => go(-1)}><IconChevronUp size={16} /></ActionIcon>
          <ActionIcon aria-label="Next match" disabled={matches.length === 0} onClick={() => go(1)}><IconChevronDown size={16} /></ActionIcon>
          <CopyButton value={text}>{({ copied, copy }) => <Button leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />} onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton>
        </div>
      </div>
      <YamlView text={text} label="Configuration" find={find} at={matches[at]} />
    </>
  );
}

function ReloadState({ isAllowed, isKnown }: { isAllowed: boolean; isKnown: boolean }) {
  const runtime = useNowQuery(["status", "runtime"], runtimeInfo, { everyMs: 15_000 });
  const client = useQueryClient();
  const change = useMutation({ mutationFn: reload, onSettled: () => void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] === "now" }) });
  const isGood = runtime.data?.["reloadConfigSuccess"] !== false;
  const time = runtime.data?.["lastConfigTime"];
  const button = <Button leftSection={<IconRefresh size={15} />} loading={change.isPending} disabled={!isAllowed} onClick={() => change.mutate()}>Read it anew</Button>;
  return (
    <Panel>
      <div className="row between wrap">
        <span className="row"><Mark tone={isGood ? "good" : "bad"} label={isGood ? "good" : "failed"} />{isGood ? <span>Read <When ms={typeof time === "string" ? Date.parse(time) : null} /> without a mistake.</span> : <span className="bad">The last reading failed: the one before it is in force, since <When ms={typeof time === "string" ? Date.parse(time) : null} />.</span>}</span>
        {isKnown && (isAllowed ? button : <span className="row wrap"><span className="muted">Reading it anew from here is off: start with <code>--web.enable-lifecycle</code>, or send the process SIGHUP.</span><Tooltip label="Off on this server"><span>{button}</span></Tooltip></span>)}
      </div>
      {change.isError && <Failure error={change.error} what="The new configuration was not taken" />}
      {change.isSuccess && <p className="good" role="status">It was read anew and is in force.</p>}
    </Panel>
  );
}
