/** All rules by their groups: how they are, and what each measures. */

import { useMemo, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { TextInput, UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronRight, IconListSearch, IconSearch } from "@tabler/icons-react";
import type { Rule, RuleGroup } from "@/api/prometheus";
import { Expression } from "@/components/alerts/Expression";
import { useRules } from "@/components/alerts/useAlerts";
import { fileName } from "@/components/alerts/words";
import { visible } from "@/components/LabelSet";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { When } from "@/components/When";
import { spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import { FilterChip } from "./FilterChip";
import { RuleDetail } from "./RuleDetail";
import listClasses from "./list.module.css";
import classes from "./rules.module.css";

const RULES_FIRST = 40;
const GROUPS_FIRST = 30;
const STATES = ["firing", "pending", "inactive", "recording", "failing"] as const;

/** An inactive rule is well: nothing of what it watches for is there. */
const stateOf = (rule: Rule): (typeof STATES)[number] => (rule.health !== "ok" && rule.health !== "unknown" ? "failing" : rule.type === "recording" ? "recording" : rule.state);

interface Shown { group: RuleGroup; rules: { rule: Rule; key: string }[] }

export function RulesTab() {
  const answer = useRules();
  const search = useSearch({ from: "/alerts/$tab" });
  const navigate = useNavigate({ from: "/alerts/$tab" });
  const [isWhole, setWhole] = useState(false);
  const states = useMemo(() => (search.state ?? "").split(",").filter(Boolean), [search.state]);
  const words = useMemo(() => (search.find ?? "").toLowerCase().split(/\s+/).filter(Boolean), [search.find]);
  const counts = useMemo(() => {
    const found = new Map<string, number>();
    for (const group of answer.data ?? []) for (const rule of group.rules) found.set(stateOf(rule), (found.get(stateOf(rule)) ?? 0) + 1);
    return found;
  }, [answer.data]);
  const shown = useMemo(() => (answer.data ?? []).flatMap((group): Shown[] => {
    if (search.group !== undefined && group.name !== search.group) return [];
    const rules = group.rules.map((rule, index) => ({ rule, key: `${group.name}/${index}` })).filter(({ rule }) => {
      // Recording rules are many and say little: they are shown when they are asked for.
      if (states.length > 0 ? !states.includes(stateOf(rule)) : rule.type === "recording" && words.length === 0 && search.group === undefined && rule.health === "ok") return false;
      const text = `${rule.name}\n${group.name}\n${rule.query}\n${Object.entries(rule.labels ?? {}).map(([name, value]) => `${name}=${value}`).join("\n")}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    return rules.length === 0 ? [] : [{ group, rules }];
  }), [answer.data, search.group, states, words]);
  const sorted = useMemo(() => [...shown].sort((a, b) => worst(a) - worst(b)), [shown]);
  const set = (change: Record<string, string | undefined>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const toggle = (state: string) => set({ state: (states.includes(state) ? states.filter((one) => one !== state) : [...states, state]).join(",") || undefined });
  return (
    <Loaded answer={answer} height={420}>
      {(groups) => (groups.length === 0 ? (
        <Panel><Empty title="No rules are loaded" icon={<IconListSearch size={28} />}>Name files of rules under <code>rule_files</code> in the configuration, or send groups of rules to <code>/config/v1/rules</code>.</Empty></Panel>
      ) : (
        <>
          <div className={listClasses.bar} role="search" aria-label="Filter rules">
            <TextInput className={listClasses.find ?? ""} aria-label="Find in rules" placeholder="Find in names, expressions and labels" leftSection={<IconSearch size={14} />} value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })} />
            <div className={listClasses.chips}>
              {STATES.filter((state) => counts.has(state)).map((state) => <FilterChip key={state} name={state} isOn={states.includes(state)} count={counts.get(state)} tone={state === "firing" || state === "failing" ? "bad" : state === "pending" ? "warn" : state === "inactive" ? "good" : "info"} toggle={() => toggle(state)} />)}
              {search.group !== undefined && <FilterChip name={`only ${visible(search.group.slice(0, 60))}`} isOn toggle={() => set({ group: undefined })} />}
            </div>
          </div>
          {sorted.length === 0 && <Panel><Empty title="No rule is like this">The filters leave nothing over.</Empty></Panel>}
          <div className={listClasses.groups}>
            {(isWhole ? sorted : sorted.slice(0, GROUPS_FIRST)).map(({ group, rules }) => <Group key={`${group.file}\0${group.name}`} group={group} rules={rules} open={search.rule} setOpen={(key) => set({ rule: key })} />)}
          </div>
          {!isWhole && sorted.length > GROUPS_FIRST && <UnstyledButton className={listClasses.more} onClick={() => setWhole(true)}>Show {sorted.length - GROUPS_FIRST} more groups</UnstyledButton>}
        </>
      ))}
    </Loaded>
  );
}

const RANKS: Readonly<Record<string, number>> = { failing: 0, firing: 1, pending: 2 };
const worst = ({ rules }: Shown) => Math.min(...rules.map(({ rule }) => RANKS[stateOf(rule)] ?? 3));

function Group({ group, rules, open, setOpen }: { group: RuleGroup; rules: Shown["rules"]; open: string | undefined; setOpen: (key: string | undefined) => void }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? rules : rules.slice(0, RULES_FIRST);
  const isSlow = group.evaluationTime > group.interval * 0.5;
  return (
    <section className={listClasses.group} aria-label={group.name}>
      <div className={classes.head}>
        <h2 className={`${classes.title ?? ""} foreign`}>{visible(group.name.slice(0, 160))}</h2>
        <span className="muted foreign" title={group.file.slice(0, 500)}>{visible(fileName(group.file).slice(0, 80))}</span>
        <span className={`${classes.facts ?? ""} muted`}>every {spokenDuration(group.interval)}, looked <When ms={Date.parse(group.lastEvaluation)} />, <span className={isSlow ? "warn" : ""}>in {formatValue(group.evaluationTime, "s")}{isSlow ? ": more than half of its interval" : ""}</span></span>
      </div>
      <ul className={classes.rules}>
        {shown.map(({ rule, key }) => {
          const isOpen = open === key;
          const state = stateOf(rule);
          const alertCount = rule.type === "alerting" ? rule.alerts.length : 0;
          return (
            <li key={key} className={classes.rule} data-open={isOpen || undefined}>
              <UnstyledButton className={classes.line} aria-expanded={isOpen} onClick={() => setOpen(isOpen ? undefined : key)}>
                {isOpen ? <IconChevronDown size={15} aria-hidden /> : <IconChevronRight size={15} aria-hidden />}
                <span className={`${classes.name ?? ""} foreign`}>{visible(rule.name.slice(0, 160))}{rule.labels?.["severity"] === undefined ? null : <span className={classes.severity}>{visible(rule.labels["severity"].slice(0, 24))}</span>}</span>
                <span className={classes.state}><State state={state} tone={state === "inactive" ? "good" : state === "failing" || state === "firing" ? "bad" : state === "pending" ? "warn" : "info"}>{state === "failing" ? "failing" : state}{alertCount > 0 ? ` ${alertCount}` : ""}</State></span>
                <span className={classes.query}><Expression text={rule.query.slice(0, 400)} lines={1} /></span>
                <span className={`${classes.took ?? ""} muted`}>{formatValue(rule.evaluationTime, "s")}</span>
              </UnstyledButton>
              {rule.lastError !== undefined && rule.lastError !== "" && !isOpen && <p className={`${classes.error ?? ""} bad foreign`}>{visible(rule.lastError.slice(0, 300))}</p>}
              {isOpen && <RuleDetail rule={rule} group={group} />}
            </li>
          );
        })}
      </ul>
      {shown.length < rules.length && <UnstyledButton className={listClasses.more} onClick={() => setWhole(true)}>Show {rules.length - shown.length} more</UnstyledButton>}
    </section>
  );
}
