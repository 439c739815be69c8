/** An expression in PromQL with its parts told apart; for reading. */

import { Fragment, memo } from "react";
import { visible } from "@/components/LabelSet";
import classes from "./Expression.module.css";

const TOKEN = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(#[^\n]*)|\b(and|or|unless|by|without|on|ignoring|group_left|group_right|offset|bool|start|end)\b|([a-zA-Z_][a-zA-Z0-9_]*)(?=\s*\()|([a-zA-Z_:][a-zA-Z0-9_:.]*)(?=\s*(?:=~|!~|!=|=(?!=)))|\b(\d+(?:\.\d+)?(?:e[+-]?\d+)?(?:ms|[smhdwy])?(?:\d+(?:ms|[smhdwy]))*)\b|(>=|<=|==|!=|=~|!~|[-+*/%^><=])/gi;
const NAMES = ["text", "comment", "word", "call", "label", "number", "operator"] as const;
const LENGTH_MAX = 6_000;

export const Expression = memo(function Expression({ text, lines }: { text: string; lines?: number }) {
  const shown = text.trim().slice(0, LENGTH_MAX);
  const parts: { kind: (typeof NAMES)[number] | null; text: string }[] = [];
  let at = 0;
  for (const found of shown.matchAll(TOKEN)) {
    if (found.index > at) parts.push({ kind: null, text: shown.slice(at, found.index) });
    parts.push({ kind: NAMES[found.slice(1).findIndex((group: string | undefined) => group !== undefined)] ?? null, text: found[0] });
    at = found.index + found[0].length;
  }
  parts.push({ kind: null, text: shown.slice(at) + (text.length > LENGTH_MAX ? "…" : "") });
  return (
    <code className={`${classes.expression ?? ""} foreign`} style={lines === undefined ? undefined : { WebkitLineClamp: lines, display: "-webkit-box" }}>
      {parts.map((part, index) => (part.kind === null ? <Fragment key={index}>{clean(part.text)}</Fragment> : <span key={index} className={classes[part.kind]}>{clean(part.text)}</span>))}
    </code>
  );
});

/** Lines stay lines. */
const clean = (text: string) => text.split("\n").map(visible).join("\n");
