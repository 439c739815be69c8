/** What became of tried rules: how often and how long each fired, and when, series by series. */

import { useMemo } from "react";
import { Lanes } from "@/components/alerts/Lanes";
import { Expression } from "@/components/alerts/Expression";
import { RuleChart } from "@/components/alerts/RuleChart";
import { DataTable, type Column } from "@/components/DataTable";
import { Figure, Figures } from "@/components/Figure";
import { LabelSet, visible } from "@/components/LabelSet";
import { Empty, Panel } from "@/components/Panel";
import type { Backtest, BacktestedRule, Episode } from "@/api/trials";
import { spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import { useTimeFormat } from "@/state/settings";
import { alertingRules, difference, lanesOf } from "./backtest";
import classes from "./backtest.module.css";

export function BacktestResult({ answer, exprs }: { answer: Backtest; exprs: readonly string[] }) {
  const rules = alertingRules(answer);
  const [a, b] = rules;
  const isCompared = exprs.length === 2 && a !== undefined && b !== undefined;
  const recorded = answer.rules.filter(({ type }) => type === "recording");
  return (
    <>
      {isCompared && <p className={classes.difference} role="status">{difference(a, b)}</p>}
      <div className={isCompared ? "grid stretch" : "stack"} style={isCompared ? { "--column": "460px" } as React.CSSProperties : undefined}>
        {rules.map((rule, index) => <One key={`${rule.group}\0${rule.rule}\0${index}`} rule={rule} answer={answer} expr={exprs[index]} title={exprs.length === 0 ? visible(rule.rule.slice(0, 120)) : isCompared ? `Variant ${rule.rule}` : "What would have been"} />)}
      </div>
      {recorded.length > 0 && (
        <Panel title="Recorded">
          <ul className={classes.recorded}>{recorded.map((rule, index) => <li key={`${rule.rule} ${index}`} className="foreign"><b>{visible(rule.rule.slice(0, 160))}</b>: {formatValue(rule.samples, "count")} samples in {rule.turns} turns{rule.firstError === null ? "" : <span className="bad">, {rule.failedTurns} failed: {visible(rule.firstError.slice(0, 300))}</span>}</li>)}</ul>
        </Panel>
      )}
      {answer.rules.length === 0 && <Panel><Empty title="There was no rule in it" /></Panel>}
    </>
  );
}

function One({ rule, answer, expr, title }: { rule: BacktestedRule; answer: Backtest; expr: string | undefined; title: string }) {
  const format = useTimeFormat();
  const lanes = useMemo(() => lanesOf(rule, answer.end), [rule, answer.end]);
  const spans = useMemo(() => (lanes.length > 6 ? [] : lanes.flatMap((lane) => lane.spans.map((one) => ({ from: one.from, to: one.to, tone: one.kind === "firing" ? "bad" as const : "warn" as const, label: one.kind })))), [lanes]);
  const common = useMemo(() => ["alertname", ...Object.keys(rule.episodes[0]?.labels ?? {}).filter((name) => lanes.length > 1 && rule.episodes.every((one) => one.labels[name] === rule.episodes[0]?.labels[name]))], [rule.episodes, lanes.length]);
  const columns = useMemo((): Column<Episode>[] => [
    { id: "start", title: "Held from", width: "116px", sort: (one) => one.start, cell: (one) => format.time(one.start * 1000) },
    { id: "fired", title: "Fired", width: "116px", sort: (one) => one.fired, cell: (one) => (one.fired === null ? <span className="muted">not long enough</span> : format.time(one.fired * 1000)) },
    { id: "long", title: "For", width: "104px", align: "right", sort: (one) => (one.fired === null ? null : (one.end ?? answer.end) - one.fired), cell: (one) => (one.fired === null ? "–" : `${spokenDuration((one.end ?? answer.end) - one.fired)}${one.end === null ? ", still" : ""}`) },
    { id: "value", title: "Value", width: "76px", align: "right", sort: (one) => one.value, cell: (one) => formatValue(one.value) },
    { id: "labels", title: "Labels", width: "minmax(120px, 1fr)", isMinor: true, cell: (one) => <LabelSet labels={one.labels} without={common} most={2} /> },
  ], [format, answer.end, common]);
  return (
    <Panel title={title} hint={`${format.time(answer.start * 1000)} to ${format.time(answer.end * 1000)}, ${rule.turns} turns`}>
      {expr !== undefined && <Expression text={expr} lines={3} />}
      <Figures label={`${title}: in numbers`}>
        <Figure name="Fired" value={rule.fired === 0 ? "never" : `${rule.fired}×`} tone={rule.fired > 0 ? "bad" : "good"}>{rule.pendingOnly > 0 ? `and ${rule.pendingOnly}× held too shortly` : "nothing held too shortly"}</Figure>
        <Figure name="Firing in all" value={rule.firingSeconds > 0 ? spokenDuration(rule.firingSeconds) : "–"}>{answer.end > answer.start ? `${formatValue(rule.firingSeconds / (answer.end - answer.start), "ratio")} of the time` : ""}</Figure>
        <Figure name="Longest" value={rule.longestSeconds > 0 ? spokenDuration(rule.longestSeconds) : "–"}/>
        <Figure name="Series" value={lanes.length}>held at some time</Figure>
      </Figures>
      {rule.firstError !== null && <p className="bad foreign">{rule.failedTurns} of {rule.turns} turns failed: {visible(rule.firstError.slice(0, 400))}</p>}
      {expr !== undefined && <RuleChart query={expr} name={title} spans={spans} height={200} />}
      {lanes.length > 0 && <Lanes lanes={lanes} from={answer.start} to={answer.end} label={`${title}: when each series was pending and fired`} />}
      {rule.episodes.length > 0 && <DataTable label={`${title}: each time`} rows={rule.episodes} columns={columns} rowKey={(one, index) => `${one.start} ${index}`} sorted={{ by: "start", down: true }} height={320} />}
      {rule.episodes.length === 0 && <Empty title="It would not have fired">In that time its condition never held.</Empty>}
    </Panel>
  );
}
