/** Where in a query the server found something wrong: it says so as `1:18: parse error: …`. */

export interface Place { from: number; to: number; text: string; line: number; column: number }

const PLACED = /^(?:invalid parameter "query": )?(\d+):(\d+): (?:parse error: )?([\s\S]*)$/;

/** The place and the words, or null where a message has no place. */
export function placeOf(message: string, query: string): Place | null {
  const found = PLACED.exec(message);
  if (!found) return null;
  const line = Number(found[1]);
  const column = Number(found[2]);
  const lines = query.split("\n");
  if (line < 1 || line > lines.length) return null;
  let start = 0;
  for (let index = 0; index < line - 1; index += 1) start += (lines[index] ?? "").length + 1;
  const from = Math.min(start + byteToUnit(lines[line - 1] ?? "", column - 1), query.length);
  // The whole word, so that it is seen; what ended too early is marked at its last character.
  const word = /^[a-zA-Z0-9_:.]+|^[^\s]/.exec(query.slice(from));
  const to = from + (word?.[0].length ?? 0);
  return { from: to > from ? from : Math.max(0, from - 1), to: Math.max(to, from), text: found[3] ?? "", line, column };
}

/** Columns are counted in characters; a character beyond the first plane is two units of a text here. */
function byteToUnit(line: string, characters: number): number {
  let units = 0;
  let count = 0;
  for (const one of line) {
    if (count >= characters) return units;
    units += one.length;
    count += 1;
  }
  return units;
}

/** The message without what only programs need. */
export function wordsOf(message: string): string {
  return message.replace(/^invalid parameter "query": /, "").replace(/^\d+:\d+: /, "").replace(/^parse error: /, "");
}
