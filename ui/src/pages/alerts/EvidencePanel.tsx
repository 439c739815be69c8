/** What there was to be seen when the alert fired, frozen then: it stays as it was, whatever has happened since. */

import { useCallback, useMemo, useState } from "react";
import { Link } from "@tanstack/react-router";
import { Button } from "@mantine/core";
import { type Evidence, type EvidenceOperand, fingerprintOf, float } from "@/api/alertmanager";
import { Chart, type ChartPoint, type ChartSeries } from "@/components/Chart";
import { Expression } from "@/components/alerts/Expression";
import { severityTone } from "@/components/alerts/severity";
import { LabelSet, visible } from "@/components/LabelSet";
import { Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Sparkline } from "@/components/Sparkline";
import { Mark, State } from "@/components/State";
import { When } from "@/components/When";
import { shortNames } from "@/lib/labels";
import { unitOf } from "@/lib/units";
import { useTimeFormat } from "@/state/settings";
import { Movers } from "./Movers";
import classes from "./evidence.module.css";

const CHARTS_FIRST = 2;

export function EvidencePanel({ document }: { document: Evidence }) {
  const format = useTimeFormat();
  const [isWhole, setWhole] = useState(false);
  const { alert, rule, operands, comparisons } = document;
  const pictures = useMemo(() => picturesOf(operands, comparisons), [operands, comparisons]);
  const shown = isWhole ? pictures : pictures.slice(0, CHARTS_FIRST);
  const unitOfOperand = useCallback((operand: number) => unitOf(operands[operand]?.query ?? ""), [operands]);
  const exploreSearch = { q: [{ expr: rule.query.trim() }], from: String(Math.round(alert.activeAt - 3_600_000)), to: String(Math.round(alert.firedAt + 600_000)) };
  const spans = useMemo(() => [{ from: alert.activeAt / 1000, to: alert.firedAt / 1000, tone: "warn" as const, label: "held" }, { from: alert.firedAt / 1000, to: alert.firedAt / 1000, tone: "bad" as const, label: "fired" }], [alert]);
  return (
    <Panel title="Evidence" hint={<>as it was at {format.time(alert.firedAt)}</>} actions={<Link to="/explore" search={exploreSearch}>Open in Explore at that time</Link>}>
      {document.movers.length > 0 && (
        <>
          <h3 className={classes.part}>What moved</h3>
          <Movers movers={document.movers} unitOfOperand={unitOfOperand} />
        </>
      )}
      {pictures.length > 0 && (
        <>
          <h3 className={classes.part}>What the rule saw</h3>
          <div className="grid" style={{ "--column": "340px" } as React.CSSProperties}>
            {shown.map((picture) => <Operand key={picture.index} picture={picture} spans={spans} document={document} />)}
          </div>
          {pictures.length > CHARTS_FIRST && <div><Button size="compact-xs" variant="subtle" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>{isWhole ? "Show fewer" : `Show ${pictures.length - CHARTS_FIRST} more parts of the expression`}</Button></div>}
        </>
      )}
      <Around document={document} />
      {document.gaps.length > 0 && <p className="muted foreign">Not gathered: {document.gaps.map((gap) => visible(gap.slice(0, 200))).join("; ")}</p>}
    </Panel>
  );
}

interface Picture { index: number; operand: EvidenceOperand; operator: string; limit: number | null; against: EvidenceOperand | null }

/** One picture for each operand with lines; a constant that it is compared with is its limit. */
function picturesOf(operands: readonly EvidenceOperand[], comparisons: Evidence["comparisons"]): Picture[] {
  const used = new Set<number>();
  const pictures: Picture[] = [];
  for (const { left, operator, right } of comparisons) {
    const [a, b] = [operands[left], operands[right]];
    if (!a || !b) continue;
    const [index, operand, other] = a.constant === undefined ? [left, a, b] : [right, b, a];
    if (operand.lines.length === 0 || used.has(index)) continue;
    used.add(index);
    if (other.constant === undefined) used.add(index === left ? right : left);
    pictures.push({ index, operand, operator, limit: float(other.constant), against: other.constant === undefined && other.lines.length > 0 ? other : null });
  }
  operands.forEach((operand, index) => {
    if (!used.has(index) && operand.lines.length > 0) pictures.push({ index, operand, operator: "", limit: null, against: null });
  });
  return pictures;
}

function Operand({ picture, spans, document }: { picture: Picture; spans: Parameters<typeof Chart>[0]["spans"]; document: Evidence }) {
  const { operand, against, limit, operator } = picture;
  const { times, series } = useMemo(() => {
    const all = [...operand.lines, ...(against?.lines ?? [])];
    const stamps = [...new Set(all.flatMap(({ points }) => points.map(([ms]) => ms)))].sort((a, b) => a - b);
    const names = shortNames(operand.lines.map(({ labels }) => labels));
    const lines = all.map((line, index): ChartSeries => {
      const at = new Map(line.points);
      const isLimit = index >= operand.lines.length;
      const name = isLimit ? "limit" : names[index] === "{}" || names[index] === undefined ? "value" : names[index];
      return { name: `${name}${isLimit && index > operand.lines.length ? ` ${index - operand.lines.length + 1}` : ""}`, values: stamps.map((ms) => float(at.get(ms))), width: line.isOwn ? 2.2 : 1, isDashed: isLimit, fill: line.isOwn && operand.lines.length === 1 ? 0.1 : 0 };
    });
    return { times: stamps.map((ms) => ms / 1000), series: lines };
  }, [operand, against]);
  const unit = unitOf(operand.query);
  const thresholds = useMemo(() => (limit === null ? [] : [{ value: limit, tone: "bad" as const, label: `${operator} ${limit}` }]), [limit, operator]);
  const points = useMemo((): ChartPoint[] => document.exemplars.flatMap((one) => { const value = float(one.value); return value === null || picture.index !== 0 ? [] : [{ time: one.time / 1000, value, label: Object.entries(one.labels).map(([name, text]) => `${name}=${text}`).join(" ").slice(0, 120) }]; }), [document.exemplars, picture.index]);
  return (
    <div className="stack tight">
      <Expression text={operand.query} lines={2} />
      <Chart label={`What ${document.rule.name} saw, part ${picture.index + 1}`} times={times} series={series} unit={unit} height={170} thresholds={thresholds} spans={spans ?? []} points={points} from={Math.min(times[0] ?? Infinity, document.alert.activeAt / 1000 - 1_800)} to={Math.max(times.at(-1) ?? 0, document.alert.firedAt / 1000)} legend={series.length > 1 ? "list" : "none"} sync="evidence" />
      {operand.leftOut > 0 && <p className="muted">{operand.leftOut} more series were there.</p>}
    </div>
  );
}

/** Targets, entities and other alerts of that moment. */
function Around({ document }: { document: Evidence }) {
  const { targets, neighbours } = document;
  const entities = document.entities ?? [];
  if (targets.length === 0 && neighbours.length === 0 && entities.length === 0) return null;
  return (
    <div className="grid" style={{ "--column": "280px" } as React.CSSProperties}>
      {entities.length > 0 && (
        <section className="stack tight">
          <h3 className={classes.part}>Entities</h3>
          <ul className={classes.list}>
            {entities.map((one) => (
              <li key={one.entity} className={classes.item}>
                <span className="row wrap"><State state={one.state} /><Link to="/health/entities/$entity" params={{ entity: one.entity }} search={keepTimes} className="foreign">{visible(one.entity.slice(0, 120))}</Link></span>
                {one.reason !== undefined && one.reason !== "" && <span className="muted foreign">{visible(one.reason.slice(0, 300))}</span>}
                {(one.causedBy ?? []).length > 0 && <span className="muted foreign">caused by {(one.causedBy ?? []).slice(0, 4).map((cause) => visible(cause.slice(0, 80))).join(", ")}</span>}
              </li>
            ))}
          </ul>
        </section>
      )}
      {neighbours.length > 0 && (
        <section className="stack tight">
          <h3 className={classes.part}>Other alerts that fired then</h3>
          <ul className={classes.list}>
            {neighbours.slice(0, 12).map((one) => {
              const fingerprint = fingerprintOf(one.labels);
              return (
                <li key={fingerprint} className={classes.item}>
                  <span className="row wrap"><Mark tone={severityTone(one.labels["severity"] ?? "")} size={10} /><Link to="/alerts/one/$fingerprint" params={{ fingerprint }} search={keepTimes} className="foreign">{visible((one.labels["alertname"] ?? "without a name").slice(0, 120))}</Link> <span className="muted">since <When ms={one.startsAt} /></span></span>
                  {one.summary !== "" && <span className="muted foreign">{visible(one.summary.slice(0, 200))}</span>}
                  {one.shared.length > 0 && <span className="muted foreign">has the same {one.shared.slice(0, 5).map((name) => visible(name.slice(0, 40))).join(", ")}</span>}
                </li>
              );
            })}
          </ul>
        </section>
      )}
      {targets.length > 0 && (
        <section className="stack tight">
          <h3 className={classes.part}>Targets that it came from</h3>
          <ul className={classes.list}>
            {targets.slice(0, 12).map((one) => (
              <li key={`${one.job} ${one.instance} ${one.url}`} className={classes.item}>
                <span className="row wrap"><State state={one.health} /><LabelSet labels={{ job: one.job, instance: one.instance }} /></span>
                <span className={classes.uptime}><Sparkline values={one.up.map(([, value]) => float(value))} height={18} tone={one.health === "up" ? "good" : "bad"} label="whether it was up, over the hour before" /></span>
                {one.lastError !== "" && <span className="bad foreign">{visible(one.lastError.slice(0, 300))}</span>}
              </li>
            ))}
          </ul>
          {targets.length > 12 && <p className="muted">and {targets.length - 12} more</p>}
        </section>
      )}
    </div>
  );
}
