/** What of two views of a panel is not the same. How numbers are spaced, and zeros at their ends, is nobody's concern. */

import { canonical } from "./answers";
import type { Seen, SeriesSeen, ValueSeen } from "./seen";

export interface Difference { aspect: string; theirs: string; ours: string }

/** Words that say the same. */
const WORDS: readonly (readonly [RegExp, string])[] = [[/(?<=\d)mins?$/, "min"], [/(?<=\d)hours?$/, "h"], [/(?<=\d)(day|week|year)s?$/, "$1"]];

/** A text without typography: minus signs, spaces, separators, zeros behind the point of its number; nothing is nothing. */
export function plain(text: string): string {
  let out = text.replaceAll("−", "-").replace(/\s+/gu, "").replace(/^(-?\d{1,3}(?:,\d{3})+)(?!\d)/, (number) => number.replaceAll(",", "")).replace(/^([^\d.]{0,4}\d+\.\d*?)0+(?![\d.])/, "$1").replace(/^([^\d.]{0,4}\d+)\.(?![\d])/, "$1");
  if (out === "–" || out === "-") out = "";
  for (const [word, to] of WORDS) out = out.replace(word, to);
  return out;
}

const color = (text: string) => (/NaN/.test(text) ? "scale" : text.toLowerCase());

export function differences(theirs: Seen, ours: Seen): Difference[] {
  const found: Difference[] = [];
  const add = (aspect: string, a: unknown, b: unknown) => { const [x, y] = [typeof a === "string" ? a : JSON.stringify(a), typeof b === "string" ? b : JSON.stringify(b)]; if (x !== y) found.push({ aspect, theirs: x ?? "", ours: y ?? "" }); };
  add("title", theirs.title, ours.title);
  const isNew = found.length;
  add("queries", theirs.queries.map(({ isInstant, expr }) => `${isInstant ? "now" : "range"} ${canonical(expr)}`).join("\n"), ours.queries.map(({ isInstant, expr }) => `${isInstant ? "now" : "range"} ${canonical(expr)}`).join("\n"));
  if (found.length === isNew) {
    add("step", theirs.queries.map(({ step, isInstant }) => (isInstant ? 0 : step)), ours.queries.map(({ step, isInstant }) => (isInstant ? 0 : step)));
    if (found.length === isNew) add("times", theirs.queries.map(({ from, to }) => [from, to].map(Math.floor)), ours.queries.map(({ from, to }) => [from, to].map(Math.floor)));
  }
  // Other questions have other answers: these are compared as far as they go.
  if (theirs.series || ours.series) series(theirs, ours, add);
  if (theirs.values && ours.values) values(theirs.values, ours.values, add, theirs.kind, theirs.isColorless === true);
  if (theirs.columns || ours.columns) {
    // A table without rows says nothing on either side.
    if ((theirs.rowCount ?? 0) > 0 || (ours.rowCount ?? 0) > 0) {
      add("columns", theirs.columns ?? [], ours.columns ?? []);
      add("rows", theirs.rowCount ?? 0, ours.rowCount ?? 0);
      add("frames", theirs.frames ?? 0, ours.frames ?? 0);
      pairs(theirs.rows ?? [], ours.rows ?? [], "cells", (cells) => cells.map(plain).join(" | "), add);
      pairs(theirs.colors ?? [], ours.colors ?? [], "cell colours", (cells) => cells.map(color).join(" | "), add);
    }
  }
  return found;
}

type Add = (aspect: string, a: unknown, b: unknown) => void;

/** The first pair that is not the same. */
function pairs<T>(theirs: readonly T[], ours: readonly T[], aspect: string, spelled: (one: T) => string, add: Add): void {
  const at = theirs.findIndex((one, index) => { const other = ours[index]; return other !== undefined && spelled(one) !== spelled(other) && spelled(other) !== "scale"; });
  if (at >= 0) add(aspect, `${spelled(theirs[at]!)}   [${at}]`, `${spelled(ours[at]!)}   [${at}]`);
}

function series(theirs: Seen, ours: Seen, add: Add): void {
  const [a, b] = [theirs.series ?? [], ours.series ?? []];
  add("series", a.length, b.length);
  const look = (seen: Seen) => ({ mode: seen.legend?.mode, placement: seen.legend?.mode === "hidden" ? "" : seen.legend?.placement });
  add("legend", look(theirs), look(ours));
  if (a.length !== b.length) return;
  if (theirs.legend?.mode !== "hidden") add("legend order", theirs.legend?.order, ours.legend?.order);
  pairs(a, b, "names", ({ name }) => name.trim(), add);
  pairs(a, b, "values", ({ text }) => plain(text), add);
  pairs(a, b, "colours", (one) => color(one.color), add);
  pairs(a, b, "listed", ({ isListed }) => String(isListed), add);
  pairs(a, b, "calcs", ({ calcs }) => calcs.map((calc) => { const [name = "", ...rest] = calc.split(": "); return `${name}: ${plain(rest.join(": "))}`; }).join(", "), add);
  for (const key of Object.keys(a[0]?.style ?? {})) pairs(a, b, `style ${key}`, (one: SeriesSeen) => JSON.stringify(one.style[key]), add);
}

function values(theirs: readonly ValueSeen[], ours: readonly ValueSeen[], add: Add, kind: string, isColorless: boolean): void {
  const [a, b] = kind === "heatmap" ? [theirs, ours].map((all) => all.filter(({ text }) => text !== "0").sort((x, y) => Number(x.name.replace("+Inf", "Infinity")) - Number(y.name.replace("+Inf", "Infinity")))) as [ValueSeen[], ValueSeen[]] : [theirs, ours];
  add("values' count", a.length, b.length);
  if (a.length !== b.length) return;
  if (a.length > 1) pairs(a, b, "names", ({ name }) => name.trim(), add);
  pairs(a, b, "values", ({ text }) => plain(text), add);
  if (!isColorless) pairs(a, b, "colours", (one) => color(one.color), add);
  pairs(a, b, "scale", ({ min, max }) => JSON.stringify([min, max]), add);
}
