/** Matchers that can be edited: label, operator and value, with what is known of both. */

import { useMemo } from "react";
import { ActionIcon, Autocomplete, Button, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { type Matcher, operatorOf } from "@/api/alertmanager";
import { labelNames, labelValues } from "@/api/prometheus";
import type { Labels } from "@/lib/labels";
import { problemOf } from "./matchers";
import classes from "./alerts.module.css";

const OPERATORS = [{ value: "=", label: "= is" }, { value: "!=", label: "!= is not" }, { value: "=~", label: "=~ matches" }, { value: "!~", label: "!~ does not match" }];
const OFFERED_MAX = 200;

interface MatcherFieldsProps {
  matchers: readonly Matcher[];
  change: (matchers: Matcher[]) => void;
  /** Label sets whose names and values are offered first. */
  known: readonly Labels[];
  /** What the server said is wrong, by place. */
  errors?: Readonly<Record<number, string>>;
}

export function MatcherFields({ matchers, change, known, errors = {} }: MatcherFieldsProps) {
  const names = useQuery({ queryKey: ["label-names", "matchers"], queryFn: ({ signal }) => labelNames([], undefined, undefined, signal), staleTime: 300_000 });
  const offered = useMemo(() => [...new Set([...known.flatMap((labels) => Object.keys(labels)), ...(names.data ?? [])])].filter((name) => name !== "__name__"), [known, names.data]);
  const set = (index: number, part: Partial<Matcher>) => change(matchers.map((one, at) => (at === index ? { ...one, ...part } : one)));
  return (
    <fieldset className={classes.fieldset}>
      <legend className={classes.legend}>Alerts with all of these labels</legend>
      {matchers.map((matcher, index) => (
        <Row key={index} index={index} matcher={matcher} names={offered} known={known} error={errors[index] ?? null} set={(part) => set(index, part)} remove={() => change(matchers.filter((_, at) => at !== index))} />
      ))}
      <div><Button size="compact-xs" variant="subtle" leftSection={<IconPlus size={13} />} onClick={() => change([...matchers, { name: "", value: "", isEqual: true, isRegex: false }])}>Add a matcher</Button></div>
    </fieldset>
  );
}

interface RowProps { index: number; matcher: Matcher; names: readonly string[]; known: readonly Labels[]; error: string | null; set: (part: Partial<Matcher>) => void; remove: () => void }

function Row({ index, matcher, names, known, error, set, remove }: RowProps) {
  const [name] = useDebouncedValue(matcher.name, 250);
  const stored = useQuery({ queryKey: ["label-values", "matchers", name], queryFn: ({ signal }) => labelValues(name, [], undefined, undefined, signal), enabled: /^[a-zA-Z_][\w.]*$/.test(name), staleTime: 60_000, retry: false });
  const values = useMemo(() => [...new Set([...known.map((labels) => labels[name] ?? ""), ...(stored.data ?? [])])].filter((value) => value !== "" && value.length < 500).slice(0, OFFERED_MAX), [known, name, stored.data]);
  const problem = matcher.name === "" && matcher.value === "" ? null : problemOf(matcher);
  return (
    <div className={classes.matcher}>
      <div className={classes.matcherName}><Autocomplete aria-label={`Label ${index + 1}`} placeholder="label" data={[...names]} limit={40} value={matcher.name} onChange={(value) => set({ name: value })} error={problem?.startsWith("a label") ? problem : null} /></div>
      <div className={classes.matcherOperator}><Select aria-label={`Operator ${index + 1}`} data={OPERATORS} value={operatorOf(matcher)} onChange={(value) => set({ isEqual: value?.startsWith("=") ?? true, isRegex: value?.endsWith("~") ?? false })} /></div>
      <div className={classes.matcherValue}><Autocomplete aria-label={`Value ${index + 1}`} placeholder="value" data={values} limit={40} value={matcher.value} onChange={(value) => set({ value })} error={error ?? (problem?.startsWith("a label") ? null : problem)} /></div>
      <ActionIcon aria-label={`Remove matcher ${index + 1}`} onClick={remove} size={30}><IconTrash size={15} /></ActionIcon>
    </div>
  );
}
