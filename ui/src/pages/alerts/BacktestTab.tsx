/** Tries rules on what is stored: one, two against each other, or those of a text. */

import { useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button, SegmentedControl, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { IconFlask, IconPlayerPlay } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { type Backtest, backtest, type WantedBacktest } from "@/api/trials";
import { useRules } from "@/components/alerts/useAlerts";
import { Empty, Failure, Panel, Waiting } from "@/components/Panel";
import { QueryEditor } from "@/components/query/QueryEditor";
import { visible } from "@/components/LabelSet";
import { durationText, parseDurationMs, spokenDuration } from "@/lib/duration";
import { useRange } from "@/state/range";
import { BacktestResult } from "./BacktestResult";
import { rulesText } from "./backtest";
import classes from "./backtest.module.css";

const YAML_FIRST = `groups:
- name: tried
  interval: 15s
  rules:
  - alert: ModelCallsFail
    expr: sum by (gen_ai_provider_name) (rate(gen_ai_client_operation_duration_seconds_count{error_type!=""}[5m])) > 0.1
    for: 2m
`;

const EVERY = "15s";
type BacktestSearch = Partial<Record<"type" | "expr" | "for" | "expr2" | "for2" | "every" | "group" | "rule", string | undefined>>;
interface Fields { expr: string; wait: string; other: string; otherWait: string; every: string; isCompared: boolean }

const fieldsOf = (search: BacktestSearch): Fields => ({ expr: search.expr ?? "", wait: search.for ?? "1m", other: search.expr2 ?? "", otherWait: search.for2 ?? "1m", every: search.every ?? EVERY, isCompared: search.expr2 !== undefined });
const addressOf = (search: BacktestSearch) => JSON.stringify([search.type, search.expr, search.for, search.expr2, search.for2, search.every, search.group, search.rule]);
const wrongWait = (text: string) => (text.trim() !== "" && parseDurationMs(text.trim()) === null ? "want a duration such as 5m" : null);
const isWhole = ({ expr, wait, other, otherWait, every, isCompared }: Fields) => expr.trim() !== "" && wrongWait(wait) === null && wrongWait(every) === null && (!isCompared || (other.trim() !== "" && wrongWait(otherWait) === null));

export function BacktestTab() {
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const range = useRange();
  const rules = useRules();
  const mode = search.type === "yaml" || search.type === "group" ? search.type : "expression";
  const [fields, setFields] = useState(() => fieldsOf(search));
  const { expr, wait, other, otherWait, every, isCompared } = fields;
  const edit = (change: Partial<Fields>) => setFields((old) => ({ ...old, ...change }));
  const [yaml, setYaml] = useState(YAML_FIRST);
  // Which address the fields and the answer are of.
  const shown = useRef<string | null>(null);
  const set = (change: BacktestSearch, isStep = false) => {
    shown.current = addressOf({ ...search, ...change });
    void navigate({ search: (old) => ({ ...old, ...change }), replace: !isStep, resetScroll: false });
  };

  const loaded = useMemo(() => (rules.data ?? []).flatMap((group) => group.rules.flatMap((rule, index) => (rule.type === "alerting" ? [{ value: `${group.file}\0${group.name}\0${index}`, label: `${rule.name} (${group.name})`, rule, group }] : []))), [rules.data]);
  // The last answer stays while another is computed.
  const [told, setTold] = useState<{ answer: Backtest; exprs: string[] } | null>(null);
  const running = useMutation({
    mutationFn: async ({ wanted, exprs }: { wanted: WantedBacktest; exprs: string[] }) => ({ answer: await backtest(wanted), exprs }),
    onSuccess: setTold,
  });
  const run = (asked: Fields) => {
    if (running.isPending) return;
    const times = { start: Math.floor(range.fromS), end: Math.floor(range.toS) };
    const variants = [{ expr: asked.expr, for: asked.wait }, ...(asked.isCompared ? [{ expr: asked.other, for: asked.otherWait }] : [])];
    running.mutate(mode === "yaml" ? { wanted: { ...times, rules: yaml }, exprs: [] }
      : mode === "group" ? { wanted: { ...times, group: search.group ?? "", ...(search.rule === undefined ? {} : { rule: search.rule }) }, exprs: [] }
      : { wanted: { ...times, rules: rulesText(variants, asked.every.trim() || EVERY) }, exprs: variants.map((one) => one.expr) });
  };
  const isReady = mode === "yaml" ? yaml.trim() !== "" : mode === "group" ? search.group !== undefined : isWhole(fields);
  const tryIt = () => {
    if (!isReady || running.isPending) return;
    if (mode === "expression") set({ expr, for: wait, expr2: isCompared ? other : undefined, for2: isCompared ? otherWait : undefined, every: every.trim() === EVERY ? undefined : every.trim() || undefined }, true);
    run(fields);
  };
  // A link that says what is tried, and the way back to one, are answered at once.
  const latest = useRef(run);
  latest.current = run;
  const address = addressOf(search);
  useEffect(() => {
    if (shown.current === address) return;
    shown.current = address;
    const asked = fieldsOf(search);
    setFields(asked);
    setTold(null);
    running.reset();
    if (mode === "group" ? search.group !== undefined : mode === "expression" && isWhole(asked)) latest.current(asked);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what else changes is no other address
  }, [address]);

  const said = running.error instanceof Error ? running.error.message : "";
  const isMissing = running.error instanceof ApiError && running.error.status === 404 && said.startsWith("404 page");
  const isAboutB = isCompared && /"B"|rule B\b|rules\[1\]|rule 2\b/.test(said);
  const isAboutRules = !isMissing && running.error instanceof ApiError && (running.error.status === 400 || running.error.status === 404);
  return (
    <>
      <Panel title="What is tried" actions={<SegmentedControl aria-label="How the rule is given" data={[{ value: "expression", label: "Expression" }, { value: "group", label: "Loaded group" }, { value: "yaml", label: "YAML" }]} value={mode} onChange={(value) => { running.reset(); setTold(null); set({ type: value === "expression" ? undefined : value, group: undefined, rule: undefined }, true); }} />}>
        <form className="stack" onSubmit={(event) => { event.preventDefault(); tryIt(); }}>
          {mode === "expression" && (
            <>
              <Select label="Begin with a rule" placeholder="none: an expression of your own" searchable clearable value={null} limit={100} data={loaded.map(({ value, label }) => ({ value, label: visible(label.slice(0, 140)) }))} onChange={(value) => { const found = loaded.find((one) => one.value === value); if (found) edit({ expr: found.rule.query, wait: durationText(found.rule.duration * 1000), every: durationText(found.group.interval * 1000) }); }} />
              <VariantFields name={isCompared ? "A" : ""} expr={expr} setExpr={(text) => edit({ expr: text })} wait={wait} setWait={(text) => edit({ wait: text })} wrongWait={wrongWait(wait)} error={isAboutRules && !isAboutB ? said : null} run={tryIt} />
              {isCompared && <VariantFields name="B" expr={other} setExpr={(text) => edit({ other: text })} wait={otherWait} setWait={(text) => edit({ otherWait: text })} wrongWait={wrongWait(otherWait)} error={isAboutRules && isAboutB ? said : null} run={tryIt} />}
              <div className={classes.row}>
                <TextInput label="Evaluated every" w={130} value={every} onChange={(event) => edit({ every: event.currentTarget.value })} error={wrongWait(every)} />
                <Button variant="subtle" onClick={() => edit({ isCompared: !isCompared, ...(!isCompared && other === "" ? { other: expr, otherWait: wait } : {}) })}>{isCompared ? "Try one alone" : "Compare with a variant"}</Button>
              </div>
            </>
          )}
          {mode === "group" && (
            <div className={classes.row}>
              <Select label="Group" searchable w={280} limit={100} value={search.group ?? null} placeholder="pick one" data={[...new Set((rules.data ?? []).map((group) => group.name))].map((name) => ({ value: name, label: visible(name.slice(0, 120)) }))} onChange={(value) => set({ group: value ?? undefined, rule: undefined })} error={isAboutRules ? said : null} />
              <Select label="Rule" searchable clearable w={280} limit={100} placeholder="all of the group" value={search.rule ?? null} data={[...new Set((rules.data ?? []).filter((group) => group.name === search.group).flatMap((group) => group.rules.map((rule) => rule.name)))]} onChange={(value) => set({ rule: value ?? undefined })} />
            </div>
          )}
          {mode === "yaml" && <Textarea label="Rules" description="A rule file, as Prometheus reads it" autosize minRows={8} maxRows={24} spellCheck={false} classNames={{ input: "mono" }} value={yaml} onChange={(event) => setYaml(event.currentTarget.value)} error={isAboutRules ? <span className={classes.said}>{visible(said.slice(0, 800))}</span> : null} />}
          <div className={classes.row}>
            <Button type="submit" variant="filled" disabled={!isReady} loading={running.isPending} leftSection={<IconPlayerPlay size={15} />}>Try it</Button>
            <span className="muted">on {spokenDuration(range.toS - range.fromS)} of what is stored; choose the time at the top right</span>
          </div>
        </form>
      </Panel>
      {running.isError && (isMissing
        ? <Panel><Empty title="This server has no backtests" icon={<IconFlask size={28} />}>It is an older version. <code>bellwether backtest</code> on the command line does the same.</Empty></Panel>
        : !isAboutRules && <Failure error={running.error} what={running.error instanceof ApiError && running.error.status === 429 ? "Another backtest runs" : "It could not be tried"} retry={tryIt} />)}
      {running.isPending && !told && <Panel><Waiting height={220} label="Trying" /></Panel>}
      {told && !running.isError && <BacktestResult answer={told.answer} exprs={told.exprs} />}
      {!told && !running.isError && !running.isPending && <Panel><Empty title="How often would it have fired?" icon={<IconFlask size={28} />}>Give an expression or a rule, choose how far back, and see each time that it would have been pending and fired. Nothing is changed, and nobody is told.</Empty></Panel>}
    </>
  );
}

interface VariantProps { name: string; expr: string; setExpr: (text: string) => void; wait: string; setWait: (text: string) => void; wrongWait: string | null; error: string | null; run: () => void }

function VariantFields({ name, expr, setExpr, wait, setWait, wrongWait, error, run }: VariantProps) {
  const id = `variant-${name || "one"}`;
  return (
    <div className={classes.variant}>
      <div>
        <span className={classes.label}>{name === "" ? "Expression" : `Expression ${name}`}</span>
        <QueryEditor label={name === "" ? "Expression" : `Expression ${name}`} value={expr} onChange={setExpr} onRun={run} withHistory={false} isInvalid={error !== null} describedBy={`${id}-error`} placeholder="rate(errors_total[5m]) > 0.1" />
        <p id={`${id}-error`} className={`${classes.said ?? ""} bad foreign`} role={error === null ? undefined : "alert"}>{error === null ? "" : visible(error.slice(0, 800))}</p>
      </div>
      <TextInput label={name === "" ? "For" : `For, ${name}`} w={110} value={wait} onChange={(event) => setWait(event.currentTarget.value)} error={wrongWait} />
    </div>
  );
}
