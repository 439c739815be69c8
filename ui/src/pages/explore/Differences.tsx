/** "What is different here?": the labels that set a part of the picture apart from the rest, the most telling first. */

import { useState } from "react";
import { Button, Menu, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowsSplit2, IconFilter, IconFilterOff, IconX } from "@tabler/icons-react";
import { type Area, type Differences as Found, differences, type LabelDifference, type Span, type ValueDifference } from "@/api/differences";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { visible } from "@/components/LabelSet";
import { spokenDuration } from "@/lib/duration";
import { formatValue, type Unit } from "@/lib/units";
import { useTimeFormat } from "@/state/settings";
import { amount, countedWords, unitOfCounted, unitOfLevels } from "./counted";
import classes from "./Differences.module.css";

interface DifferencesProps {
  expr: string;
  letter: string;
  unit: Unit;
  area: Area;
  shown: Span;
  base: Span | null;
  onBase: (base: Span | null) => void;
  onFilter: (label: string, value: string, isNot: boolean) => void;
  onSplit: (label: string) => void;
  onClose: () => void;
}

/** Below this a difference is none that one should look at. */
const TELLING = 0.04;
const VALUES_SHOWN = 5;

export function DifferencesPanel({ expr, letter, unit, area, shown, base, onBase, onFilter, onSplit, onClose }: DifferencesProps) {
  const format = useTimeFormat();
  const span = area.to - area.from;
  const before: Span = { from: area.from - span, to: area.from };
  const answer = useQuery({
    queryKey: ["explore", "differences", expr, area, base, base ? null : shown],
    queryFn: ({ signal }) => differences(expr, area, base ? { ...base, isRest: false } : { ...shown, isRest: true }, signal),
    placeholderData: (old) => old,
    structuralSharing: false,
    staleTime: 300_000,
  });
  const hasValues = area.low !== -Infinity || area.high !== Infinity;
  const values = hasValues ? `, ${area.low === -Infinity ? "up to" : formatValue(area.low, unit)}${area.low !== -Infinity && area.high !== Infinity ? " to " : area.high === Infinity ? " and above" : " "}${area.high === Infinity ? "" : formatValue(area.high, unit)}` : "";
  return (
    <Panel
      title="What is different here?"
      notes={answer.data?.notes ?? []}
      hint={`Query ${letter}, ${format.time(area.from * 1000)} to ${format.time(area.to * 1000)} (${spokenDuration(span)})${values}`}
      actions={(
        <>
          <Menu position="bottom-end">
            <Menu.Target><Button size="compact-sm">{base === null ? "Against all else that is shown" : base.to === area.from ? "Against the time before" : `Against ${format.time(base.from * 1000)} to ${format.time(base.to * 1000)}`}</Button></Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>Compare with</Menu.Label>
              <Menu.Item onClick={() => onBase(null)}>All else that is shown</Menu.Item>
              <Menu.Item onClick={() => onBase(before)}>The time before, as long</Menu.Item>
              <Menu.Item onClick={() => onBase({ from: area.from - 86_400, to: area.to - 86_400 })}>The same time, a day earlier</Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Button size="compact-sm" leftSection={<IconX size={13} />} onClick={onClose}>Close</Button>
        </>
      )}
    >
      <Loaded answer={answer} height={180} what="The labels could not be compared">
        {(found) => <Ranked found={found} unit={unit} onFilter={onFilter} onSplit={onSplit} />}
      </Loaded>
    </Panel>
  );
}

interface Shown { unit: Unit; onFilter: DifferencesProps["onFilter"] }

function Ranked({ found, unit, onFilter, onSplit }: Shown & { found: Found; onSplit: DifferencesProps["onSplit"] }) {
  const best = found.labels[0];
  if (found.selection.series === 0 || (!best && !found.selection.value)) {
    return <Empty title="Nothing was counted here">There are no {countedWords(found)} of {found.metric === null ? "this query" : <code className="foreign">{visible(found.metric.slice(0, 120))}</code>} in what was chosen. Choose a longer time, or other values.</Empty>;
  }
  if (!best) return <Empty title="There is nothing to compare">{found.metric === null ? "Nothing of this query has changed, and it has no labels that could say more." : <>All series have the same labels: <span className="foreign">{found.same.map(visible).join(", ") || "none"}</span>.</>}</Empty>;
  const top = best.values[0];
  const levels = unitOfLevels(found, unit);
  return (
    <>
      <div className={classes.top}>
        <span className={classes.key}><span className={`${classes.swatch ?? ""} ${classes.here ?? ""}`} /> chosen: {amount(found, found.selection.value, unit)}</span>
        <span className={classes.key}><span className={`${classes.swatch ?? ""} ${classes.there ?? ""}`} /> compared with: {formatValue(found.baseline.value, unitOfCounted(found, unit))}</span>
      </div>
      {top && isTelling(best)
        ? <p className={classes.explain}><code className="foreign">{visible(best.label)}</code> sets it apart most: <strong className="foreign">{nameOf(top.value)}</strong> is {best.addsUp ? `${formatValue(top.selectionShare, "ratio")} of what was chosen` : `${formatValue(top.selection, levels)} in what was chosen`}, and {(best.addsUp ? top.baselineShare : top.baseline) === null ? "nothing" : best.addsUp ? formatValue(top.baselineShare, "ratio") : formatValue(top.baseline, levels)} otherwise.</p>
        : <p className={classes.explain}>No label sets it apart: {best.addsUp ? "the values are spread here as they are elsewhere" : "all of their values have changed alike, if at all"}.</p>}
      <div className={classes.labels}>
        {found.labels.map((label) => <Card key={label.label} label={label} unit={levels} onFilter={onFilter} onSplit={onSplit} />)}
      </div>
      {found.same.length > 0 && <p className={classes.same}>The same everywhere: <span className="foreign">{found.same.map(visible).join(", ")}</span></p>}
    </>
  );
}

const isTelling = ({ score }: LabelDifference) => (score ?? 0) >= TELLING;
const nameOf = (value: string) => (value === "" ? "(not set)" : visible(value.slice(0, 120)));
/** Shares, or how high each is where they are parts of no whole. */
const pairOf = (one: ValueDifference, addsUp: boolean) => (addsUp ? [one.selectionShare, one.baselineShare] as const : [one.selection, one.baseline] as const);

function Card({ label, unit, onFilter, onSplit }: Shown & { label: LabelDifference; onSplit: DifferencesProps["onSplit"] }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? label.values : label.values.slice(0, VALUES_SHOWN);
  const most = Math.max(...label.values.flatMap((one) => pairOf(one, label.addsUp).map((size) => Math.abs(size ?? 0))), 1e-9);
  const apart = label.addsUp ? `${formatValue(label.score, "ratio", 0)} differs` : "differs";
  const alike = label.addsUp ? "the same" : "all alike";
  const more = (count: number) => (count === 1 ? "1 more value" : `${count} more values`);
  return (
    <section className={classes.card} aria-label={visible(label.label)}>
      <header className={classes.head}>
        <h3 className={`${classes.name ?? ""} ellipsis foreign`} title={label.label.slice(0, 300)}>{visible(label.label)}</h3>
        <span className={`${classes.score ?? ""} ${isTelling(label) ? classes.strong ?? "" : ""}`}>{isTelling(label) ? apart : alike}</span>
        <Button size="compact-xs" leftSection={<IconArrowsSplit2 size={12} />} onClick={() => onSplit(label.label)} aria-label={`Split the query by ${visible(label.label)}`}>Split</Button>
      </header>
      <ul className={classes.values}>
        {shown.map((one) => <li key={one.value}><Value one={one} most={most} label={label} unit={unit} onFilter={onFilter} /></li>)}
      </ul>
      {label.values.length > shown.length && <UnstyledButton className={classes.more} onClick={() => setWhole(true)}>{more(label.values.length + label.leftOut - shown.length)}</UnstyledButton>}
      {label.values.length === shown.length && label.leftOut > 0 && <p className={classes.same}>{more(label.leftOut)} with less of a difference</p>}
    </section>
  );
}

function Value({ one, most, label, unit, onFilter }: Shown & { one: ValueDifference; most: number; label: LabelDifference }) {
  const [here, there] = pairOf(one, label.addsUp);
  const told = (size: number | null) => (label.addsUp ? formatValue(size, "ratio", (size ?? 0) < 0.1 ? 1 : 0) : formatValue(size, unit));
  const width = (size: number | null) => ({ width: `${(Math.abs(size ?? 0) / most) * 100}%` });
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <UnstyledButton className={classes.value}>
          <span className={`${classes.text ?? ""} foreign`} title={one.value.slice(0, 500)}>{nameOf(one.value)}</span>
          <span className={classes.bars} aria-hidden>
            <span className={`${classes.bar ?? ""} ${classes.here ?? ""}`} style={width(here)} />
            <span className={`${classes.bar ?? ""} ${classes.there ?? ""}`} style={width(there)} />
          </span>
          <span className={classes.shares}>{told(here)} <span>/ {told(there)}</span></span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconFilter size={14} />} onClick={() => onFilter(label.label, one.value, false)}>Only this value</Menu.Item>
        <Menu.Item leftSection={<IconFilterOff size={14} />} onClick={() => onFilter(label.label, one.value, true)}>Without this value</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
