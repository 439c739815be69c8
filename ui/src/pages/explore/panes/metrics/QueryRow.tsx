/** One query: its letter, its text, what it took and what is wrong with it. */

import { type ReactNode, useEffect, useId, useState } from "react";
import { ActionIcon, Button, Menu, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconCopy, IconDots, IconEye, IconEyeOff, IconSparkles, IconTag, IconTrash, IconWand } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { formatQuery } from "@/api/prometheus";
import { Notes } from "@/components/Panel";
import { placeOf, wordsOf } from "@/components/query/place";
import { QueryEditor } from "@/components/query/QueryEditor";
import { seriesColor } from "@/lib/palette";
import { formatValue } from "@/lib/units";
import { useSettings } from "@/state/settings";
import type { Row } from "../../useExplore";
import { letterOf } from "./letters";
import { useProgress } from "./progress";
import classes from "./QueryRow.module.css";

interface Cost { ms: number; bytes: number; series: number; points: number }
/** What is told of an answer, whatever it was asked for. */
export interface RowAnswer { error: Error | null; isFetching: boolean; isCancelled: boolean; key: string; cost: Cost | undefined; notes: readonly string[]; cancel: () => void; retry: () => void }

interface QueryRowProps {
  row: Row;
  index: number;
  isOnly: boolean;
  answer: RowAnswer | undefined;
  builder: ReactNode;
  onWrite: (draft: string) => void;
  onRun: () => void;
  onChange: (change: { expr?: string; hidden?: boolean; legend?: string }) => void;
  onDuplicate: () => void;
  onRemove: () => void;
  autoFocus: boolean;
}

export function QueryRow({ row, index, isOnly, answer, builder, onWrite, onRun, onChange, onDuplicate, onRemove, autoFocus }: QueryRowProps) {
  const { shown } = useSettings();
  const errorId = useId();
  const [hasLegend, setLegend] = useState(false);
  const [refused, setRefused] = useState<Error | null>(null);
  const letter = letterOf(index);
  const isHidden = row.asked.hidden === true;
  const isWritten = row.draft.trim() !== row.asked.expr;
  const error = isWritten ? refused : (answer?.error ?? refused);
  useEffect(() => setRefused(null), [row.draft]);
  const format = () => {
    formatQuery(row.draft).then(onWrite, (reason: unknown) => setRefused(reason instanceof Error ? reason : new Error(String(reason))));
  };
  const color = seriesColor(index, shown);
  const showsLegend = hasLegend || row.asked.legend !== undefined;
  return (
    <li className={`${classes.row ?? ""} ${isHidden ? classes.hidden ?? "" : ""}`}>
      <div className={classes.line}>
        <Tooltip label={isHidden ? `Show ${letter}` : `Hide ${letter}`}>
          <UnstyledButton className={classes.letter} style={{ color, borderColor: color }} aria-pressed={!isHidden} aria-label={`Query ${letter} is ${isHidden ? "hidden" : "shown"}`} onClick={() => onChange({ hidden: !isHidden })}>{letter}</UnstyledButton>
        </Tooltip>
        <QueryEditor value={row.draft} onChange={onWrite} onRun={onRun} label={`Query ${letter}`} isInvalid={error !== null} describedBy={errorId} autoFocus={autoFocus} placeholder="A metric, or a query in PromQL" />
        <div className={classes.tools}>
          <Tooltip label={isHidden ? "Show" : "Hide"}><ActionIcon size={32} className={classes.wide ?? ""} aria-label={isHidden ? `Show query ${letter}` : `Hide query ${letter}`} onClick={() => onChange({ hidden: !isHidden })}>{isHidden ? <IconEyeOff size={16} /> : <IconEye size={16} />}</ActionIcon></Tooltip>
          <Menu position="bottom-end">
            <Menu.Target><ActionIcon size={32} aria-label={`More for query ${letter}`}><IconDots size={16} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={isHidden ? <IconEye size={15} /> : <IconEyeOff size={15} />} onClick={() => onChange({ hidden: !isHidden })}>{isHidden ? "Show" : "Hide"}</Menu.Item>
              <Menu.Item leftSection={<IconWand size={15} />} disabled={row.draft.trim() === ""} onClick={format}>Format</Menu.Item>
              <Menu.Item leftSection={<IconTag size={15} />} onClick={() => setLegend(true)}>Legend</Menu.Item>
              <Menu.Item leftSection={<IconCopy size={15} />} onClick={onDuplicate}>Duplicate</Menu.Item>
              <Menu.Divider />
              <Menu.Item leftSection={<IconTrash size={15} />} onClick={onRemove} disabled={isOnly && row.draft === ""}>Remove</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
      </div>
      <div className={classes.under}>
        {builder}
        {showsLegend && (
          <TextInput
            className={classes.legend ?? ""} size="xs" aria-label={`Legend of query ${letter}`} leftSection={<IconTag size={13} />} placeholder="Legend, with {{labels}}" defaultValue={row.asked.legend ?? ""} autoFocus={hasLegend}
            onBlur={(event) => onChange({ legend: event.currentTarget.value })}
            onKeyDown={(event) => { if (event.key === "Enter") event.currentTarget.blur(); }}
          />
        )}
        <Wrong id={errorId} error={error} query={row.draft} retry={answer?.retry} />
        {answer && !isHidden && <State answer={answer} isWritten={isWritten} />}
        {answer && !isWritten && <Notes notes={answer.notes} />}
      </div>
    </li>
  );
}

function Wrong({ id, error, query, retry }: { id: string; error: Error | null; query: string; retry: (() => void) | undefined }) {
  if (!error) return <span id={id} />;
  const isGone = error instanceof ApiError && error.isUnreachable;
  const place = placeOf(error.message, query);
  return (
    <p id={id} className={classes.wrong} role="alert">
      <IconAlertTriangle size={14} aria-hidden />
      <span className="foreign">
        {isGone ? "The server cannot be reached." : place ? <><span className={classes.place}>line {place.line}, character {place.column}</span> {place.text}</> : wordsOf(error.message)}
      </span>
      {place === null && retry && <Button size="compact-xs" onClick={retry}>Try again</Button>}
    </p>
  );
}

/** Shown when a question takes longer than one would notice. */
const NOTICED_MS = 400;

function State({ answer, isWritten }: { answer: RowAnswer; isWritten: boolean }) {
  const running = useProgress(answer.key);
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!answer.isFetching) return undefined;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 200);
    return () => clearInterval(timer);
  }, [answer.isFetching]);
  const elapsed = running ? nowMs - running.began : 0;
  if (answer.isFetching && running && elapsed > NOTICED_MS) {
    return (
      <p className={classes.state}>
        <span className={classes.bar} aria-hidden><span /></span>
        <span role="status">{running.bytes > 0 ? `Receiving, ${formatValue(running.bytes, "bytes")}` : "The server evaluates"}</span>
        <span className="faint">{formatValue(elapsed / 1000, "s", 1)}</span>
        <Button size="compact-xs" onClick={answer.cancel}>Cancel</Button>
      </p>
    );
  }
  if (isWritten) return <p className={classes.state}><IconSparkles size={13} aria-hidden /> Changed: Enter runs it</p>;
  if (answer.isCancelled) return <p className={classes.state}>Cancelled before the answer came. <Button size="compact-xs" onClick={answer.retry}>Run again</Button></p>;
  if (!answer.cost || answer.error) return null;
  const { ms, series, points, bytes } = answer.cost;
  return (
    <p className={classes.state}>
      <span>{series.toLocaleString("en")} series</span><span>{points.toLocaleString("en")} {points === 1 ? "point" : "points"}</span>
      <span>{formatValue(ms / 1000, "s")}</span><span>{formatValue(bytes, "bytes")}</span>
    </p>
  );
}
