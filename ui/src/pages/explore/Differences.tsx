/** "What is different here?": the labels that set a part of the picture apart from the rest, the most telling first. */

import { useState } from "react";
import { Button, Menu, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowsSplit2, IconFilter, IconFilterOff, IconX } from "@tabler/icons-react";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { visible } from "@/components/LabelSet";
import { spokenDuration } from "@/lib/duration";
import { formatValue, type Unit } from "@/lib/units";
import { useTimeFormat } from "@/state/settings";
import { type Area, type Differences as Found, differences, type LabelDifference, type Span, type ValueShare } from "./differences";
import { parse } from "./promql/ast";
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
    queryFn: async ({ signal }) => differences(await parse(expr), area, shown, base, signal),
    placeholderData: (old) => old,
    structuralSharing: false,
    staleTime: 300_000,
  });
  const hasValues = area.low !== -Infinity || area.high !== Infinity;
  const values = hasValues ? `, ${area.low === -Infinity ? "up to" : formatValue(area.low, unit)}${area.low !== -Infinity && area.high !== Infinity ? " to " : area.high === Infinity ? " and above" : " "}${area.high === Infinity ? "" : formatValue(area.high, unit)}` : "";
  return (
    <Panel
      title="What is different here?"
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
        {(found) => <Ranked found={found} onFilter={onFilter} onSplit={onSplit} />}
      </Loaded>
    </Panel>
  );
}

function Ranked({ found, onFilter, onSplit }: { found: Found; onFilter: DifferencesProps["onFilter"]; onSplit: DifferencesProps["onSplit"] }) {
  if (found.selected === 0) return <Empty title="Nothing was counted here">There are no {found.counted || "values"} of <code className="foreign">{found.metric}</code> in what was chosen. Choose a longer time, or other values.</Empty>;
  if (found.labels.length === 0) return <Empty title="There is nothing to compare">All series have the same labels: {found.same.join(", ") || "none"}.</Empty>;
  const best = found.labels[0];
  const top = best?.values[0];
  return (
    <>
      <div className={classes.top}>
        <span className={classes.key}><span className={`${classes.swatch ?? ""} ${classes.here ?? ""}`} /> chosen: {formatValue(found.selected)} {found.counted}</span>
        <span className={classes.key}><span className={`${classes.swatch ?? ""} ${classes.there ?? ""}`} /> compared with: {formatValue(found.base)}</span>
      </div>
      {best && top && best.score >= TELLING
        ? <p className={classes.explain}><code className="foreign">{best.label}</code> sets it apart most: <strong className="foreign">{nameOf(top.value)}</strong> is {formatValue(top.selectedShare, "ratio")} of what was chosen, and {formatValue(top.baseShare, "ratio")} otherwise.</p>
        : <p className={classes.explain}>No label sets it apart: the values are spread here as they are elsewhere.</p>}
      <div className={classes.labels}>
        {found.labels.map((label) => <Card key={label.label} label={label} onFilter={onFilter} onSplit={onSplit} />)}
      </div>
      {found.same.length > 0 && <p className={classes.same}>The same everywhere: <span className="foreign">{found.same.join(", ")}</span></p>}
    </>
  );
}

const nameOf = (value: string) => (value === "" ? "(not set)" : visible(value.slice(0, 120)));

function Card({ label, onFilter, onSplit }: { label: LabelDifference; onFilter: DifferencesProps["onFilter"]; onSplit: DifferencesProps["onSplit"] }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? label.values : label.values.slice(0, VALUES_SHOWN);
  const most = Math.max(...label.values.map((one) => Math.max(one.selectedShare, one.baseShare)), 1e-9);
  return (
    <section className={classes.card} aria-label={label.label}>
      <header className={classes.head}>
        <h3 className={`${classes.name ?? ""} ellipsis foreign`} title={label.label.slice(0, 300)}>{visible(label.label)}</h3>
        <span className={`${classes.score ?? ""} ${label.score >= TELLING ? classes.strong ?? "" : ""}`}>{label.score >= TELLING ? `${formatValue(label.score, "ratio", 0)} differs` : "the same"}</span>
        <Button size="compact-xs" leftSection={<IconArrowsSplit2 size={12} />} onClick={() => onSplit(label.label)} aria-label={`Split the query by ${label.label}`}>Split</Button>
      </header>
      <ul className={classes.values}>
        {shown.map((one) => <li key={one.value}><Value one={one} most={most} label={label.label} onFilter={onFilter} /></li>)}
      </ul>
      {label.values.length > shown.length && <UnstyledButton className={classes.more} onClick={() => setWhole(true)}>{label.distinct - shown.length} more values</UnstyledButton>}
    </section>
  );
}

function Value({ one, most, label, onFilter }: { one: ValueShare; most: number; label: string; onFilter: DifferencesProps["onFilter"] }) {
  const here = formatValue(one.selectedShare, "ratio", one.selectedShare < 0.1 ? 1 : 0);
  const there = formatValue(one.baseShare, "ratio", one.baseShare < 0.1 ? 1 : 0);
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <UnstyledButton className={classes.value}>
          <span className={`${classes.text ?? ""} foreign`} title={one.value.slice(0, 500)}>{nameOf(one.value)}</span>
          <span className={classes.bars} aria-hidden>
            <span className={`${classes.bar ?? ""} ${classes.here ?? ""}`} style={{ width: `${(one.selectedShare / most) * 100}%` }} />
            <span className={`${classes.bar ?? ""} ${classes.there ?? ""}`} style={{ width: `${(one.baseShare / most) * 100}%` }} />
          </span>
          <span className={classes.shares}>{here} <span>/ {there}</span></span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconFilter size={14} />} onClick={() => onFilter(label, one.value, false)}>Only this value</Menu.Item>
        <Menu.Item leftSection={<IconFilterOff size={14} />} onClick={() => onFilter(label, one.value, true)}>Without this value</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
