/** A query by choosing: the metric, filters of labels, and operations in their order. It follows the text, and the text follows it. */

import { useMemo } from "react";
import { ActionIcon, Autocomplete, Button, Menu, NumberInput, Select, Switch, TagsInput, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowDown, IconArrowUp, IconPlus, IconX } from "@tabler/icons-react";
import { about, allMetadata, allMetricNames, namesOfLabels, valuesOfLabel } from "@/components/query/names";
import { visible } from "@/components/LabelSet";
import { score } from "@/lib/find";
import { type Matcher, type MatchOp, parse, printSelector } from "../promql/ast";
import { explain } from "./explain";
import { AGGREGATIONS, CALLS, firstSteps, fromTree, isRange, MATH, type Model, type Operation, RANGE_FUNCTIONS, toText, WITH_PARAM } from "./model";
import classes from "./Builder.module.css";

const SHOWN_MAX = 80;
const EMPTY: Model = { metric: "", matchers: [], operations: [] };

export function Builder({ text, onChange, letter }: { text: string; onChange: (text: string) => void; letter: string }) {
  const tree = useQuery({ queryKey: ["explore", "parse", text], queryFn: () => parse(text), enabled: text.trim() !== "", retry: false, placeholderData: (old) => old, staleTime: Infinity });
  const model = useMemo(() => (text.trim() === "" ? EMPTY : tree.data ? fromTree(tree.data) : null), [text, tree.data]);
  if (text.trim() !== "" && (tree.error || (tree.data && !model))) {
    return <p className={classes.note}>{tree.error ? "The steps appear again when the text can be read." : "This query is more than a chain of steps: it is changed as text."} <Button size="compact-xs" onClick={() => onChange("")}>Begin anew</Button></p>;
  }
  if (!model) return null;
  return <Steps model={model} letter={letter} change={(next) => onChange(toText(next))} />;
}

function Steps({ model, letter, change }: { model: Model; letter: string; change: (model: Model) => void }) {
  const { operations } = model;
  const setAt = (index: number, one: Operation | null) => change({ ...model, operations: operations.flatMap((old, at) => (at === index ? (one ? [one] : []) : [old])) });
  const move = (index: number, by: number) => {
    const next = [...operations];
    const [one] = next.splice(index, 1);
    if (one) next.splice(index + by, 0, one);
    change({ ...model, operations: next });
  };
  const labels = useQuery({ queryKey: ["explore", "labels", model.metric], queryFn: () => namesOfLabels(printSelector(model.metric, [])), enabled: model.metric !== "", staleTime: 60_000 });
  const names = (labels.data ?? []).filter((name) => name !== "__name__");
  return (
    <div className={classes.builder} role="group" aria-label={`Steps of query ${letter}`}>
      <div className={classes.block}>
        <MetricPicker value={model.metric} onPick={(metric, type) => change({ metric, matchers: [], operations: firstSteps(metric, type) })} />
        <div className={classes.filters}>
          <span className={classes.caption}>Where</span>
          {model.matchers.map((matcher, index) => (
            <Filter key={index} matcher={matcher} metric={model.metric} others={model.matchers.filter((_, at) => at !== index)} names={names} onChange={(next) => change({ ...model, matchers: model.matchers.flatMap((old, at) => (at === index ? (next ? [next] : []) : [old])) })} />
          ))}
          <Button size="compact-sm" leftSection={<IconPlus size={13} />} disabled={model.metric === ""} onClick={() => change({ ...model, matchers: [...model.matchers, { name: names.find((name) => name !== "le" && !model.matchers.some((one) => one.name === name)) ?? "job", type: "=", value: "" }] })}>Filter</Button>
        </div>
      </div>
      <div className={classes.block}>
        <span className={classes.caption}>Then</span>
        <ol className={classes.operations}>
          {operations.map((one, index) => (
            <li key={index} className={classes.operation}>
              <OperationForm one={one} names={names} onChange={(next) => setAt(index, next)} />
              <span className={classes.move}>
                {index > 0 && one.kind !== "range" && operations[index - 1]?.kind !== "range" && <ActionIcon size={22} aria-label="Earlier" onClick={() => move(index, -1)}><IconArrowUp size={13} /></ActionIcon>}
                {index < operations.length - 1 && one.kind !== "range" && <ActionIcon size={22} aria-label="Later" onClick={() => move(index, 1)}><IconArrowDown size={13} /></ActionIcon>}
                <ActionIcon size={22} aria-label="Remove this step" onClick={() => setAt(index, null)}><IconX size={13} /></ActionIcon>
              </span>
            </li>
          ))}
          <li><AddOperation model={model} add={(one) => change({ ...model, operations: one.kind === "range" ? [one, ...operations.filter((old) => old.kind !== "range")] : [...operations, one] })} /></li>
        </ol>
      </div>
      <ol className={classes.words} aria-label="In words">{explain(model).map((sentence, index) => <li key={index} className="foreign">{visible(sentence.slice(0, 400))}</li>)}</ol>
    </div>
  );
}

interface Choice { name: string; type: string; help: string }

function MetricPicker({ value, onPick }: { value: string; onPick: (metric: string, type: string | undefined) => void }) {
  const choices = useQuery({
    queryKey: ["explore", "metrics"],
    queryFn: async (): Promise<Choice[]> => {
      const [names, all] = await Promise.all([allMetricNames(), allMetadata()]);
      return names.map((name) => { const known = about(all, name); return { name, type: known?.type ?? "", help: known?.help ?? "" }; });
    },
    staleTime: 60_000,
  });
  const byName = useMemo(() => new Map((choices.data ?? []).map((one) => [one.name, one])), [choices.data]);
  const data = useMemo(() => [...byName.keys(), ...(value !== "" && !byName.has(value) ? [value] : [])], [byName, value]);
  return (
    <Select
      label="Metric" className={classes.metric ?? ""} searchable placeholder="Search by name or what it says" data={data} value={value === "" ? null : value} limit={SHOWN_MAX} maxDropdownHeight={360}
      nothingFoundMessage="No metric is named or described so." comboboxProps={{ width: "min(640px, 92vw)", position: "bottom-start" }}
      onChange={(name) => name && onPick(name, byName.get(name)?.type)}
      filter={({ options, search }) => {
        const wanted = search.trim().toLowerCase();
        if (wanted === "" || wanted === value) return options.slice(0, SHOWN_MAX);
        const rated = options.flatMap((option) => {
          if (!("value" in option)) return [];
          const one = byName.get(option.value);
          const points = Math.max(score(wanted, option.value), one?.help.toLowerCase().includes(wanted) ? 45 : 0, one?.type === wanted ? 30 : 0);
          return points > 12 ? [{ option, points }] : [];
        });
        return rated.sort((a, b) => b.points - a.points).slice(0, SHOWN_MAX).map(({ option }) => option);
      }}
      renderOption={({ option }) => {
        const one = byName.get(option.value);
        return <span className={classes.choice}><span className={classes.choiceName}><span className="foreign">{option.value}</span><span className={classes.choiceType}>{one?.type}</span></span>{one?.help && <span className={`${classes.choiceHelp ?? ""} foreign`}>{one.help.slice(0, 200)}</span>}</span>;
      }}
    />
  );
}

const OPS: readonly { value: MatchOp; label: string }[] = [{ value: "=", label: "is" }, { value: "!=", label: "is not" }, { value: "=~", label: "is like" }, { value: "!~", label: "is not like" }];

function Filter({ matcher, metric, others, names, onChange }: { matcher: Matcher; metric: string; others: readonly Matcher[]; names: readonly string[]; onChange: (matcher: Matcher | null) => void }) {
  const match = printSelector(metric, others.filter((one) => one.value !== ""));
  const values = useQuery({ queryKey: ["explore", "values", matcher.name, match], queryFn: () => valuesOfLabel(matcher.name, match), staleTime: 60_000 });
  return (
    <span className={classes.filter}>
      <Select aria-label="Label" searchable data={[...new Set([...names, matcher.name])]} value={matcher.name} onChange={(name) => name && onChange({ ...matcher, name, value: "" })} w={170} limit={SHOWN_MAX} />
      <Select aria-label="How it is compared" data={OPS} value={matcher.type} onChange={(type) => type && onChange({ ...matcher, type })} w={96} />
      <Autocomplete aria-label={`Value of ${matcher.name}`} placeholder={matcher.type.includes("~") ? "a pattern: a|b.*" : "a value"} data={[...new Set(values.data ?? [])]} limit={SHOWN_MAX} value={matcher.value} onChange={(value) => onChange({ ...matcher, value })} w={190} />
      <ActionIcon size={28} aria-label={`Remove the filter of ${matcher.name}`} onClick={() => onChange(null)}><IconX size={14} /></ActionIcon>
    </span>
  );
}

function OperationForm({ one, names, onChange }: { one: Operation; names: readonly string[]; onChange: (one: Operation) => void }) {
  switch (one.kind) {
    case "range":
      return <><Select aria-label="Function over time" data={[...RANGE_FUNCTIONS]} value={one.fn} onChange={(fn) => fn && onChange({ ...one, fn })} w={158} /><Autocomplete aria-label="Over how long" data={["1m", "5m", "15m", "1h", "6h", "1d"]} defaultValue={one.range} key={one.range} onChange={(range) => { if (isRange(range)) onChange({ ...one, range }); }} w={82} /></>;
    case "aggregate":
      return (
        <>
          <Select aria-label="Aggregation" data={[...AGGREGATIONS]} value={one.op} onChange={(op) => op && onChange({ ...one, op, param: WITH_PARAM.has(op) ? (one.param ?? (op === "quantile" ? "0.95" : "5")) : null })} w={104} />
          {one.param !== null && <NumberInput aria-label="Parameter" value={Number(one.param)} onChange={(value) => { if (value !== "") onChange({ ...one, param: String(value) }); }} w={72} step={one.op === "quantile" ? 0.05 : 1} />}
          <Select aria-label="By or without labels" data={["by", "without"]} value={one.without ? "without" : "by"} onChange={(value) => onChange({ ...one, without: value === "without" })} w={92} />
          <TagsInput aria-label="Labels" placeholder={one.by.length === 0 ? "nothing: one series" : ""} data={[...new Set(names)]} value={one.by} onChange={(by) => onChange({ ...one, by })} miw={180} />
        </>
      );
    case "quantile":
      return <><span className={classes.fixed}>histogram quantile</span><NumberInput aria-label="Quantile" value={Number(one.q)} min={0} max={1} step={0.05} decimalScale={4} onChange={(value) => { if (value !== "") onChange({ ...one, q: String(value) }); }} w={84} /></>;
    case "call":
      return <Select aria-label="Function" data={[...CALLS]} value={one.fn} onChange={(fn) => fn && onChange({ ...one, fn })} w={168} />;
    case "math":
      return (
        <>
          <Select aria-label="Operator" data={[...MATH]} value={one.op} onChange={(op) => op && onChange({ ...one, op })} w={72} />
          <TextInput aria-label="Number" defaultValue={one.value} key={one.value} onBlur={(event) => { const value = event.currentTarget.value.trim(); if (value !== "" && !Number.isNaN(Number(value))) onChange({ ...one, value }); }} onKeyDown={(event) => { if (event.key === "Enter") event.currentTarget.blur(); }} w={92} />
          {/[<>]|[!=]=/.test(one.op) && <Switch label="as 1 or 0" checked={one.bool} onChange={(event) => onChange({ ...one, bool: event.currentTarget.checked })} />}
        </>
      );
  }
}

function AddOperation({ model, add }: { model: Model; add: (one: Operation) => void }) {
  const aggregate = (op: string, by: string[] = [], param: string | null = null): Operation => ({ kind: "aggregate", op, by, without: false, param });
  const groups: readonly (readonly [string, readonly (readonly [string, Operation])[]])[] = [
    ["Over time", [["Rate a second", { kind: "range", fn: "rate", range: "5m" }], ["Increase", { kind: "range", fn: "increase", range: "1h" }], ["Mean over time", { kind: "range", fn: "avg_over_time", range: "5m" }], ["Largest over time", { kind: "range", fn: "max_over_time", range: "5m" }]]],
    ["Over series", [["Sum", aggregate("sum")], ["Mean", aggregate("avg")], ["Largest", aggregate("max")], ["Count", aggregate("count")], ["Five largest", aggregate("topk", [], "5")]]],
    ["Histograms", [["Quantile", { kind: "quantile", q: "0.95" }], ["Mean of the observed values", { kind: "call", fn: "histogram_avg" }], ["How many were observed", { kind: "call", fn: "histogram_count" }]]],
    ["Numbers", [["Multiply", { kind: "math", op: "*", value: "100", bool: false }], ["Divide", { kind: "math", op: "/", value: "60", bool: false }], ["Keep what is more than", { kind: "math", op: ">", value: "0", bool: false }], ["Round", { kind: "call", fn: "round" }]]],
  ];
  return (
    <Menu position="bottom-start">
      <Menu.Target><Button size="compact-sm" leftSection={<IconPlus size={13} />} disabled={model.metric === "" && model.matchers.length === 0}>Step</Button></Menu.Target>
      <Menu.Dropdown className={classes.menu ?? ""}>
        {groups.map(([title, list]) => <div key={title}><Menu.Label>{title}</Menu.Label>{list.map(([name, one]) => <Menu.Item key={name} onClick={() => add(one)}>{name}</Menu.Item>)}</div>)}
      </Menu.Dropdown>
    </Menu>
  );
}
