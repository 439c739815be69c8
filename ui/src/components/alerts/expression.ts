/** A rule's expression taken apart: what it measures, and the limit that it is held against. */

export interface Taken {
  /** What is measured. */
  value: string;
  operator: ">" | ">=" | "<" | "<=" | "==" | "!=" | null;
  /** The limit as an expression; null where there is no comparison. */
  limit: string | null;
  /** The limit as a number, where it is one. */
  threshold: number | null;
}

const COMPARISONS = [">=", "<=", "==", "!=", ">", "<"] as const;
type Comparison = (typeof COMPARISONS)[number];
const TURNED: Readonly<Record<Comparison, Comparison>> = { ">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!=" };

interface Found { at: number; text: string }

/** Places outside of all brackets, quotation marks and comments at which `pattern` stands. */
function outside(text: string, find: (rest: string, before: string) => string | null): Found[] {
  const found: Found[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const one = text[at] ?? "";
    if (one === '"' || one === "'" || one === "`") {
      for (at += 1; at < text.length && text[at] !== one; at += 1) if (text[at] === "\\" && one !== "`") at += 1;
    } else if (one === "#") {
      while (at < text.length && text[at] !== "\n") at += 1;
    } else if ("([{".includes(one)) depth += 1;
    else if (")]}".includes(one)) depth -= 1;
    else if (depth === 0) {
      const hit = find(text.slice(at, at + 16), text[at - 1] ?? "");
      if (hit !== null) {
        found.push({ at, text: hit });
        at += hit.length - 1;
      }
    }
  }
  return found;
}

/** Without brackets that are around all of it. */
function bare(expression: string): string {
  let text = expression.trim();
  while (text.startsWith("(") && text.endsWith(")") && closesAtEnd(text)) text = text.slice(1, -1).trim();
  return text;
}

function closesAtEnd(text: string): boolean {
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const one = text[at] ?? "";
    if (quote !== "") {
      if (one === "\\" && quote !== "`") at += 1;
      else if (one === quote) quote = "";
    } else if (one === '"' || one === "'" || one === "`") quote = one;
    else if (one === "(") depth += 1;
    else if (one === ")") {
      depth -= 1;
      if (depth === 0 && at < text.length - 1) return false;
    }
  }
  return true;
}

const isWord = (one: string) => /[a-zA-Z0-9_:]/.test(one);
const setOperator = (rest: string, before: string) => (isWord(before) ? null : (/^(and|or|unless)\b(?!\s*:)/i.exec(rest)?.[0] ?? null));
const comparison = (rest: string) => COMPARISONS.find((one) => rest.startsWith(one)) ?? null;

const NUMBER = /^[-+]?(\d[\d_]*(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
const asNumber = (text: string) => (NUMBER.test(text) ? Number(text.replaceAll("_", "")) : null);

/** The first condition of an expression: behind `and`, `or` and `unless` stands what only chooses. */
export function taken(expression: string): Taken {
  let text = bare(expression);
  const set = outside(text, setOperator)[0];
  if (set) text = bare(text.slice(0, set.at));
  const found = outside(text, comparison).at(-1);
  if (!found) return { value: text, operator: null, limit: null, threshold: null };
  const left = bare(text.slice(0, found.at));
  const right = bare(text.slice(found.at + found.text.length).replace(/^\s*bool\b/i, "").replace(/^\s*(on|ignoring)\s*\([^)]*\)/i, "").replace(/^\s*group_(left|right)\s*(\([^)]*\))?/i, ""));
  const operator = found.text as Comparison;
  if (left === "" || right === "") return { value: text, operator: null, limit: null, threshold: null };
  const threshold = asNumber(right);
  const leftNumber = asNumber(left);
  // `0.8 < x` is read as `x > 0.8`.
  if (leftNumber !== null && threshold === null) return { value: right, operator: TURNED[operator], limit: left, threshold: leftNumber };
  return { value: left, operator, limit: right, threshold };
}
