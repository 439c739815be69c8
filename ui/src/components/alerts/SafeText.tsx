/** A text that others have written: paragraphs stay, addresses of the web are links, all else is text. */

import { Fragment } from "react";
import { visible } from "@/components/LabelSet";
import classes from "./SafeText.module.css";

const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^]+/gi;
const LENGTH_MAX = 10_000;

/** An address that may be opened: of the web, and nothing else. */
export function safeAddress(text: string): string | null {
  try {
    const address = new URL(text);
    return address.protocol === "http:" || address.protocol === "https:" ? address.href : null;
  } catch {
    return null;
  }
}

export function SafeText({ text }: { text: string }) {
  const shown = text.slice(0, LENGTH_MAX);
  const parts: { text: string; href: string | null }[] = [];
  let at = 0;
  for (const found of shown.matchAll(ADDRESS)) {
    const address = found[0].replace(/[.,;:!?)\]]+$/, "");
    const href = safeAddress(address);
    if (href === null) continue;
    parts.push({ text: shown.slice(at, found.index), href: null }, { text: address, href });
    at = found.index + address.length;
  }
  parts.push({ text: shown.slice(at) + (text.length > LENGTH_MAX ? "…" : ""), href: null });
  return (
    <div className={`${classes.text ?? ""} foreign`}>
      {parts.map((part, index) => (part.href === null ? <Fragment key={index}>{lines(part.text)}</Fragment> : <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">{visible(part.text)}</a>))}
    </div>
  );
}

const lines = (text: string) => text.split("\n").map(visible).join("\n");
