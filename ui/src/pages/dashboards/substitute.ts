/** What stands in the place of `$name`, `${name:format}` and `[[name]]`. The same rules as crates/dashboards/src/macros.rs. */

import { rateIntervalS } from "./steps";

export interface Chosen {
  /** The values; for all of them, all. */
  values: readonly string[];
  /** What people see of them. */
  texts: readonly string[];
  /** Whether several could be chosen: then a text of PromQL is an alternative of a regular expression. */
  isMulti: boolean;
  /** Where all are chosen: each, for what is repeated. */
  each?: readonly { value: string; text: string }[];
  /** Stands as it is, in place of the values: what the variable has for all of them. */
  raw?: string | undefined;
}

export interface Reference { name: string; field: string; format: string }
export type Lookup = (reference: Reference) => string | null;

const NAME = /^\w+$/;

/** The reference that a text begins with at a place, and where it ends. */
function referenceAt(text: string, at: number): { reference: Reference; end: number } | null {
  if (text.startsWith("${", at)) {
    const close = text.indexOf("}", at);
    if (close < 0) return null;
    const inner = text.slice(at + 2, close);
    const colon = inner.indexOf(":");
    const path = colon < 0 ? inner : inner.slice(0, colon);
    const point = path.indexOf(".");
    const name = point < 0 ? path : path.slice(0, point);
    return NAME.test(name) ? { reference: { name, field: point < 0 ? "" : path.slice(point + 1), format: colon < 0 ? "" : inner.slice(colon + 1) }, end: close + 1 } : null;
  }
  if (text.startsWith("[[", at)) {
    const close = text.indexOf("]]", at);
    if (close < 0) return null;
    const inner = text.slice(at + 2, close);
    const colon = inner.indexOf(":");
    const name = colon < 0 ? inner : inner.slice(0, colon);
    return NAME.test(name) ? { reference: { name, field: "", format: colon < 0 ? "" : inner.slice(colon + 1) }, end: close + 2 } : null;
  }
  if (text[at] !== "$") return null;
  const name = /^\w+/.exec(text.slice(at + 1, at + 201))?.[0];
  return name === undefined ? null : { reference: { name, field: "", format: "" }, end: at + 1 + name.length };
}

/** Puts something in the place of references; those for which `lookup` knows nothing stay. */
export function substitute(text: string, lookup: Lookup): string {
  if (!text.includes("$") && !text.includes("[[")) return text;
  let out = "";
  let at = 0;
  while (at < text.length) {
    const found = text[at] === "$" || text[at] === "[" ? referenceAt(text, at) : null;
    const value = found && lookup(found.reference);
    if (found && value !== null) {
      out += value;
      at = found.end;
    } else {
      out += text[at] ?? "";
      at += 1;
    }
  }
  return out;
}

/** All names that a text speaks of. */
export function referencedNames(text: string): string[] {
  const names: string[] = [];
  for (let at = 0; at < text.length; ) {
    const found = text[at] === "$" || text[at] === "[" ? referenceAt(text, at) : null;
    if (found) names.push(found.reference.name);
    at = found?.end ?? at + 1;
  }
  return names;
}

export const escapedRegex = (value: string) => value.replace(/[\\^$*+?.()|[\]{}/]/g, "\\$&");
export const percentEncoded = (value: string) => encodeURIComponent(value).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

function promql(chosen: Chosen): string {
  if (!chosen.isMulti) return (chosen.values[0] ?? "").replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const escaped = chosen.values.map((value) => escapedRegex(value).replaceAll("\\/", "/").replaceAll("\\", "\\\\").replaceAll('"', '\\"'));
  return escaped.length === 1 ? escaped[0] ?? "" : `(${escaped.join("|")})`;
}

/** A choice in a notation; `format` empty: as PromQL wants it. Any other is `glob`. */
export function formatted(name: string, chosen: Chosen, format: string): string {
  const { values, texts, isMulti, raw } = chosen;
  const notation = format.split(":")[0] ?? "";
  if (raw !== undefined && !["text", "queryparam", "percentencode"].includes(notation)) return raw;
  const only = values.length === 1 ? values[0] ?? "" : null;
  const glob = only ?? `{${values.join(",")}}`;
  const quotes = (quote: string, escape: string) => values.map((value) => quote + value.replaceAll(quote, escape + quote) + quote).join(",");
  switch (notation) {
    case "": return promql(chosen);
    case "raw": case "csv": return values.join(",");
    case "pipe": return values.join("|");
    case "regex": return only !== null ? escapedRegex(only) : `(${values.map(escapedRegex).join("|")})`;
    case "json": return only !== null && !isMulti ? JSON.stringify(only) : JSON.stringify(values);
    case "distributed": return values.map((value, index) => (index === 0 ? value : `${name}=${value}`)).join(",");
    case "doublequote": return quotes('"', "\\");
    case "singlequote": return quotes("'", "\\");
    case "sqlstring": return quotes("'", "'");
    case "percentencode": return percentEncoded(glob);
    case "queryparam": return values.map((value) => `var-${name}=${percentEncoded(value)}`).join("&");
    case "text": return texts.join(" + ");
    case "lucene": return only ?? `(${values.map((value) => `"${value}"`).join(" OR ")})`;
    default: return glob;
  }
}

/** What is built in, for a range and a step. */
export interface BuiltIn { fromMs: number; toMs: number; stepS: number; /** What a rate is over; missing: by step and scrapes. */ rateS?: number; scrapeS: number; title: string; zone: string }

const seconds = (value: number) => (Number.isInteger(value) ? `${value}s` : `${Math.max(1, Math.round(value * 1000))}ms`);

function builtIn({ name, field, format }: Reference, of: BuiltIn): string | null {
  const moment = (ms: number) => (!format.startsWith("date") ? String(Math.round(ms)) : format === "date:seconds" ? String(Math.floor(ms / 1000)) : new Date(ms).toISOString());
  const rate = of.rateS ?? rateIntervalS(of.stepS, of.scrapeS);
  const rangeS = Math.max(1, Math.round((of.toMs - of.fromMs) / 1000));
  switch (name) {
    case "__interval": return seconds(of.stepS);
    case "__interval_ms": return String(Math.round(of.stepS * 1000));
    case "__rate_interval": return seconds(rate);
    case "__rate_interval_ms": return String(Math.round(rate * 1000));
    case "__range": return `${rangeS}s`;
    case "__range_s": return String(rangeS);
    case "__range_ms": return String(Math.round(of.toMs - of.fromMs));
    case "__from": return moment(of.fromMs);
    case "__to": return moment(of.toMs);
    case "__all": return "$__all";
    case "__dashboard": return of.title;
    case "__org": return field === "name" ? "Bellwether" : "1";
    case "__user": return field === "id" ? "0" : "nobody";
    case "__timezone": return of.zone;
    default: return null;
  }
}

/** How texts are put together: as PromQL, or as people read them. */
export function lookupOf(chosen: ReadonlyMap<string, Chosen>, of: BuiltIn, isPromql: boolean): Lookup {
  return (reference) => {
    const own = chosen.get(reference.name);
    if (!own) return builtIn(reference, of);
    return formatted(reference.name, own, reference.format === "" && !isPromql ? "text" : reference.format);
  };
}
