/** Markdown, and HTML without scripts, styles and frames, as React elements: nothing of it is put into the page as it is. */

import { createElement, Fragment, type ReactNode, useMemo } from "react";
import { visible } from "@/components/LabelSet";
import { addressOf } from "./address";
import classes from "./panels.module.css";

const LENGTH_MAX = 100_000;

function Anchor({ href, children }: { href: string; children: ReactNode }) {
  const address = addressOf(href);
  return address === null ? <>{children}</> : <a href={address} {...(address.startsWith("/") ? {} : { target: "_blank", rel: "noopener noreferrer nofollow" })}>{children}</a>;
}

/** Words in a line: code, bold, italic, links. */
function inline(text: string, depth = 0): ReactNode {
  if (depth > 4) return visible(text);
  const pattern = /(`+)([^`]+)\1|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|!?\[([^\]]*)\]\(([^)\s]+)(?:\s+"[^"]*")?\)|(https?:\/\/[^\s<>)"']+)/g;
  const out: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > at) out.push(visible(text.slice(at, found.index)));
    const [whole, , code, bold, bolder, italic, slanted, name, href, bare] = found;
    const key = found.index;
    if (code !== undefined) out.push(<code key={key}>{visible(code)}</code>);
    else if (bold !== undefined || bolder !== undefined) out.push(<strong key={key}>{inline(bold ?? bolder ?? "", depth + 1)}</strong>);
    else if (italic !== undefined || slanted !== undefined) out.push(<em key={key}>{inline(italic ?? slanted ?? "", depth + 1)}</em>);
    else if (href !== undefined) out.push(<Anchor key={key} href={href}>{inline(name === undefined || name === "" ? href : name, depth + 1)}</Anchor>);
    else if (bare !== undefined) out.push(<Anchor key={key} href={bare}>{visible(bare)}</Anchor>);
    at = found.index + whole.length;
  }
  if (at < text.length) out.push(visible(text.slice(at)));
  return out;
}

function blocks(text: string): ReactNode[] {
  const lines = text.replaceAll("\r", "").split("\n");
  const out: ReactNode[] = [];
  let at = 0;
  const take = (fits: (line: string) => boolean) => { const from = at; while (at < lines.length && fits(lines[at] ?? "")) at += 1; return lines.slice(from, at); };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const key = at;
    if (line.trim() === "") { at += 1; continue; }
    if (/^\s*(```|~~~)/.test(line)) {
      at += 1;
      const code = take((one) => !/^\s*(```|~~~)/.test(one));
      at += 1;
      out.push(<pre key={key} tabIndex={0}><code>{code.map(visible).join("\n")}</code></pre>);
      continue;
    }
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (heading) { at += 1; out.push(<p key={key} className={classes[`h${Math.min(3, heading[1]?.length ?? 1)}`]}>{inline(heading[2] ?? "")}</p>); continue; }
    if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) { at += 1; out.push(<hr key={key} />); continue; }
    if (/^\s*>/.test(line)) { out.push(<blockquote key={key}>{blocks(take((one) => /^\s*>/.test(one)).map((one) => one.replace(/^\s*> ?/, "")).join("\n"))}</blockquote>); continue; }
    const item = /^\s*([-*+]|\d+[.)])\s+/;
    if (item.test(line)) {
      const isOrdered = /^\s*\d/.test(line);
      const items: string[] = [];
      for (const one of take((each) => item.test(each) || (each.trim() !== "" && /^\s+/.test(each)))) { if (item.test(one)) items.push(one.replace(item, "")); else items.push(`${items.pop() ?? ""} ${one.trim()}`); }
      out.push(createElement(isOrdered ? "ol" : "ul", { key }, items.map((one, index) => <li key={index}>{inline(one)}</li>)));
      continue;
    }
    if (line.includes("|") && /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(lines[at + 1] ?? "")) {
      const rows = take((one) => one.includes("|")).map((one) => one.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim()));
      out.push(<table key={key}><thead><tr>{(rows[0] ?? []).map((cell, index) => <th key={index}>{inline(cell)}</th>)}</tr></thead><tbody>{rows.slice(2).map((row, index) => <tr key={index}>{row.map((cell, place) => <td key={place}>{inline(cell)}</td>)}</tr>)}</tbody></table>);
      continue;
    }
    const words = take((one) => one.trim() !== "" && !/^(#{1,6}\s|\s*(```|~~~|>))/.test(one) && (one === line || !item.test(one)));
    // Pieces of HTML in Markdown are read as HTML.
    if (/<\/?[a-z][^>]*>/i.test(words.join("\n"))) out.push(<Fragment key={key}>{fromHtml(words.join("\n"), true)}</Fragment>);
    else out.push(<p key={key}>{words.map((one, index) => <Fragment key={index}>{index > 0 && (/ {2}$/.test(words[index - 1] ?? "") ? <br /> : " ")}{inline(one.trim())}</Fragment>)}</p>);
  }
  return out;
}

const KEPT = new Set(["P", "DIV", "SPAN", "B", "STRONG", "I", "EM", "U", "S", "CODE", "PRE", "UL", "OL", "LI", "BR", "HR", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "BLOCKQUOTE", "SMALL", "SUB", "SUP", "CENTER"]);
const DROPPED = new Set(["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "FORM", "INPUT", "BUTTON", "TEXTAREA", "SELECT", "TEMPLATE", "NOSCRIPT", "SVG", "MATH", "IMG", "VIDEO", "AUDIO", "LINK", "META", "BASE"]);
const VOID = new Set(["BR", "HR"]);

/** The document that is made here is never shown and runs nothing; only words and the elements above are taken from it. */
function fromHtml(html: string, isMarkdown = false): ReactNode[] {
  const read = new DOMParser().parseFromString(html, "text/html");
  const walk = (node: Node, key: number, depth: number): ReactNode => {
    if (node.nodeType === Node.TEXT_NODE) {
      const words = (node.textContent ?? "").replaceAll("\n", " ");
      return isMarkdown && node.parentElement?.tagName !== "CODE" ? inline(words) : visible(words);
    }
    if (!(node instanceof Element) || depth > 40) return null;
    const tag = node.tagName.toUpperCase();
    if (DROPPED.has(tag)) return null;
    const inner = VOID.has(tag) ? undefined : [...node.childNodes].map((child, index) => <Fragment key={index}>{walk(child, index, depth + 1)}</Fragment>);
    const heading = /^H([1-6])$/.exec(tag);
    if (heading) return <p key={key} className={classes[`h${Math.min(3, Number(heading[1]))}`]}>{inner}</p>;
    if (tag === "A") return <Anchor key={key} href={node.getAttribute("href") ?? ""}>{inner}</Anchor>;
    if (!KEPT.has(tag)) return <Fragment key={key}>{inner}</Fragment>;
    return createElement(tag === "CENTER" ? "div" : tag === "P" ? "div" : tag.toLowerCase(), { key }, inner);
  };
  return [...read.body.childNodes].map((child, index) => <Fragment key={index}>{walk(child, index, 0)}</Fragment>);
}

export function Markdown({ text, kind = "markdown" }: { text: string; kind?: "markdown" | "html" | "code" }) {
  const shown = text.slice(0, LENGTH_MAX);
  const content = useMemo(() => (kind === "html" ? fromHtml(shown) : kind === "code" ? [<pre key="code" tabIndex={0}><code>{shown}</code></pre>] : blocks(shown)), [shown, kind]);
  return <div className={`${classes.text ?? ""} foreign`}>{content}</div>;
}
