/** Words of YAML by their kind, for colours: a line at a time, as the server writes it. */

export type TokenKind = "key" | "text" | "number" | "flag" | "comment" | "mark" | "secret" | "plain";
export interface Token { kind: TokenKind; text: string }

const scalar = (text: string): Token => {
  const trimmed = text.trim();
  if (trimmed.includes("<secret>")) return { kind: "secret", text };
  if (/^(true|false|yes|no|null|~)$/.test(trimmed)) return { kind: "flag", text };
  if (/^-?\d+(\.\d+)?(ms|[smhdwy%]|[KMGT]i?B)?$/.test(trimmed)) return { kind: "number", text };
  if (/^[|>][-+]?$/.test(trimmed)) return { kind: "mark", text };
  return { kind: "text", text };
};

/** `isBlock`: the line is inside of a text of several lines. */
export function tokensOf(line: string, isBlock = false): Token[] {
  if (isBlock) return [{ kind: "text", text: line }];
  const tokens: Token[] = [];
  let rest = line;
  const take = (pattern: RegExp, kind: TokenKind) => {
    const found = pattern.exec(rest)?.[0];
    if (found === undefined || found === "") return false;
    tokens.push({ kind, text: found });
    rest = rest.slice(found.length);
    return true;
  };
  take(/^\s+/, "plain");
  if (rest.startsWith("#")) return [...tokens, { kind: "comment", text: rest }];
  while (take(/^-(?=\s|$)\s*/, "mark"));
  if (take(/^(?:"(?:[^"\\]|\\.)*"|[^\s:#"'][^:#]*?)(?=\s*:(?:\s|$))/, "key")) take(/^\s*:\s*/, "mark");
  if (rest !== "") tokens.push(scalar(rest));
  return tokens;
}

/** All lines; those of block texts are known by how far they stand in. */
export function linesOf(text: string): Token[][] {
  let blockIndent: number | null = null;
  return text.split("\n").map((line) => {
    const indent = line.length - line.trimStart().length;
    const isBlock = blockIndent !== null && (line.trim() === "" || indent > blockIndent);
    if (!isBlock) blockIndent = /[|>][-+]?\s*$/.test(line) && /(:|-)\s+[|>][-+]?\s*$/.test(line) ? indent : null;
    return tokensOf(line, isBlock);
  });
}
