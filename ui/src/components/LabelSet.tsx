/** Labels as chips. What they hold comes from others and may be anything: it is shown as text, cut where it is long. */

import { Tooltip, UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { Labels } from "@/lib/labels";
import classes from "./LabelSet.module.css";

const SHOWN_LENGTH_MAX = 80;

interface LabelSetProps {
  labels: Labels;
  /** Labels that are not shown. */
  without?: readonly string[];
  /** How many are shown before "3 more". */
  most?: number;
  onPick?: (name: string, value: string) => void;
}

export function LabelSet({ labels, without = [], most = 8, onPick }: LabelSetProps) {
  const [isWhole, setWhole] = useState(false);
  const all = Object.entries(labels).filter(([name]) => !without.includes(name));
  const shown = isWhole ? all : all.slice(0, most);
  return (
    <span className={classes.set}>
      {shown.map(([name, value]) => <Label key={name} name={name} value={value} onPick={onPick} />)}
      {all.length > shown.length && <UnstyledButton className={classes.more} onClick={() => setWhole(true)}>{all.length - shown.length} more</UnstyledButton>}
    </span>
  );
}

function Label({ name, value, onPick }: { name: string; value: string; onPick: LabelSetProps["onPick"] }) {
  const isLong = value.length > SHOWN_LENGTH_MAX;
  const content = (
    <>
      <span className={classes.name}>{visible(name.length > SHOWN_LENGTH_MAX ? `${name.slice(0, SHOWN_LENGTH_MAX)}…` : name)}</span>
      <span className={classes.value}>{visible(isLong ? `${value.slice(0, SHOWN_LENGTH_MAX)}…` : value)}</span>
    </>
  );
  const chip = onPick
    ? <UnstyledButton className={`${classes.label ?? ""} ${classes.pick ?? ""}`} onClick={() => onPick(name, value)} title="Filter by it">{content}</UnstyledButton>
    : <span className={classes.label}>{content}</span>;
  return isLong ? <Tooltip label={visible(value.slice(0, 2000))} multiline maw={560} classNames={{ tooltip: "foreign" }}>{chip}</Tooltip> : chip;
}

/** Control characters, and those that turn the direction of text, made visible. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f]/g, (one) => String.fromCodePoint(0x2400 + (one === "\u007f" ? 0x21 : one.charCodeAt(0)))).replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (one) => `⟨${one.charCodeAt(0).toString(16)}⟩`);
}
