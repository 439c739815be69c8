/** Blocks on a line of time: wide ones span long, deep ones are dense. The head is the newest. */

import { Tooltip } from "@mantine/core";
import type { Block } from "@/api/system";
import { spokenDuration } from "@/lib/duration";
import { formatValue } from "@/lib/units";
import { useTimeFormat } from "@/state/settings";
import classes from "./System.module.css";

interface BlockLineProps { blocks: readonly Block[]; head: { minTime: number; maxTime: number; series: number } | null }

const TICKS = 5;

/** Blocks that overlap in time stand in lanes of their own. */
export function lanesOf(blocks: readonly Block[]): Block[][] {
  const lanes: Block[][] = [];
  for (const block of [...blocks].sort((a, b) => a.minTime - b.minTime || b.maxTime - a.maxTime)) {
    const lane = lanes.find((one) => (one.at(-1)?.maxTime ?? 0) <= block.minTime);
    if (lane) lane.push(block);
    else lanes.push([block]);
  }
  return lanes;
}

export function BlockLine({ blocks, head }: BlockLineProps) {
  const format = useTimeFormat();
  // What is in blocks already is not drawn as the head's.
  const newest = Math.max(0, ...blocks.map(({ maxTime }) => maxTime));
  const headFrom = head ? Math.max(head.minTime, newest) : 0;
  const from = Math.min(...blocks.map(({ minTime }) => minTime), head ? headFrom || head.minTime : Infinity);
  const to = Math.max(newest, head?.maxTime ?? 0);
  const span = Math.max(to - from, 1);
  const density = (block: Block) => (block.stats.numSamples ?? 0) / Math.max(block.maxTime - block.minTime, 1);
  const densest = Math.max(...blocks.map(density), Number.EPSILON);
  const place = (start: number, end: number) => ({ left: `${((start - from) / span) * 100}%`, width: `max(4px, ${((end - start) / span) * 100}%)` });
  return (
    <div className={classes.blocks}>
      {lanesOf(blocks).map((lane, index) => (
        <ul key={index} className={classes.lane}>
          {lane.map((block) => {
            const text = `${format.full(block.minTime)} to ${format.full(block.maxTime)}, ${spokenDuration((block.maxTime - block.minTime) / 1000)}: ${formatValue(block.stats.numSamples, "count")} samples of ${formatValue(block.stats.numSeries, "count")} series`;
            return <Tooltip key={block.ulid} label={text} multiline maw={360}><li className={classes.block} tabIndex={0} aria-label={text} style={{ ...place(block.minTime, block.maxTime), "--depth": `${Math.round(25 + 60 * (density(block) / densest))}%` } as React.CSSProperties}><span>{formatValue(block.stats.numSamples, "count")}</span></li></Tooltip>;
          })}
          {index === 0 && head && headFrom < head.maxTime && (
            <Tooltip label={`Head, in memory and in the log, from ${format.full(headFrom)}: ${formatValue(head.series, "count")} series`}><li className={`${classes.block ?? ""} ${classes.head ?? ""}`} tabIndex={0} aria-label={`Head from ${format.full(headFrom)}`} style={place(headFrom, head.maxTime)}><span>head</span></li></Tooltip>
          )}
        </ul>
      ))}
      {blocks.length === 0 && head && <ul className={classes.lane}><li className={`${classes.block ?? ""} ${classes.head ?? ""}`} style={place(head.minTime, head.maxTime)}><span>head, {formatValue(head.series, "count")} series</span></li></ul>}
      <div className={classes.axis} aria-hidden>{Array.from({ length: TICKS }, (_, index) => <span key={index}>{format.time(from + (span * index) / (TICKS - 1))}</span>)}</div>
    </div>
  );
}
