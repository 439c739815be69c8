/** YAML with colours and line numbers; only the lines that are seen are drawn. What is looked for is marked. */

import { type ReactNode, useEffect, useMemo, useRef } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { visible } from "@/components/LabelSet";
import { linesOf, type Token } from "./yaml";
import classes from "./Yaml.module.css";

const LINE_HEIGHT = 20;

interface YamlViewProps { text: string; label: string; height?: number; find?: string; /** Line that is shown, of those that match. */ at?: number | undefined }

/** Numbers of the lines that hold a text. */
export function matchesOf(text: string, find: string): number[] {
  const wanted = find.trim().toLowerCase();
  if (wanted === "") return [];
  return text.split("\n").flatMap((line, index) => (line.toLowerCase().includes(wanted) ? [index] : []));
}

export function YamlView({ text, label, height = 600, find = "", at }: YamlViewProps) {
  const lines = useMemo(() => linesOf(text.replace(/\n$/, "")), [text]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => LINE_HEIGHT, overscan: 30 });
  useEffect(() => {
    if (at !== undefined) virtual.scrollToIndex(at, { align: "center" });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only another line is another place
  }, [at, find]);
  const longest = useMemo(() => Math.max(...text.split("\n").map((line) => line.length), 1), [text]);
  return (
    <div ref={scroller} className={classes.scroller} style={{ height: Math.min(height, lines.length * LINE_HEIGHT + 24) }} tabIndex={0} role="region" aria-label={label}>
      <div className={classes.lines} style={{ height: virtual.getTotalSize(), minWidth: `calc(${Math.min(longest, 2_000)}ch + 64px)` }}>
        {virtual.getVirtualItems().map(({ index, start }) => (
          <div key={index} className={classes.line} data-current={index === at || undefined} style={{ transform: `translateY(${start}px)` }}>
            <span className={classes.place} aria-hidden>{index + 1}</span>
            <code>{(lines[index] ?? []).map((token, place) => <span key={place} className={classes[token.kind]}>{marked(token, find)}</span>)}</code>
          </div>
        ))}
      </div>
    </div>
  );
}

/** A word with what is looked for in it marked. */
function marked(token: Token, find: string): ReactNode {
  const wanted = find.trim().toLowerCase();
  const text = visible(token.text);
  if (wanted === "") return text;
  const lower = text.toLowerCase();
  const parts: ReactNode[] = [];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    from = at + wanted.length;
  }
  return parts.length === 0 ? text : [...parts, text.slice(from)];
}
