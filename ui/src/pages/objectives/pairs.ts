/** The pairs of windows on which an objective's alerts look, read from its rules. */

export interface Pair {
  urgency: "page" | "ticket";
  long: string;
  short: string;
  /** How fast both must burn. */
  burn: number;
  /** How unlikely it must be that a bad event comes with so many; null where chance is not asked. */
  chance: number | null;
}

const INSIDE = String.raw`\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\}`;
const TERM = new RegExp(String.raw`slo:(burn_rate|chance)(${INSIDE})\s*([<>])\s*([0-9.e+-]+)`, "g");
const WINDOW = /(?:^|[,{]\s*)window\s*=\s*"([^"]+)"/;

/** Each pair stands in the query as: long window, short window, chance. */
export function pairsOf(query: string, urgency: Pair["urgency"]): Pair[] {
  const pairs: Pair[] = [];
  let open: { window: string; burn: number } | null = null;
  for (const [, metric, inside, , number] of query.matchAll(TERM)) {
    const window = WINDOW.exec(inside ?? "")?.[1];
    if (window === undefined) continue;
    if (metric === "chance") {
      const last = pairs.at(-1);
      if (last?.long === window) last.chance = Number(number);
    } else if (open === null) open = { window, burn: Number(number) };
    else {
      pairs.push({ urgency, long: open.window, short: window, burn: open.burn, chance: null });
      open = null;
    }
  }
  return pairs;
}

/** The other objectives that a composite's rules read: `service/name`. */
export function partsOf(queries: readonly string[], self: { service: string; name: string }): string[] {
  const found = new Set<string>();
  for (const query of queries) {
    for (const [inside] of query.matchAll(new RegExp(INSIDE, "g"))) {
      const name = /\bslo="((?:[^"\\]|\\.)*)"/.exec(inside)?.[1];
      const service = /\bservice="((?:[^"\\]|\\.)*)"/.exec(inside)?.[1];
      if (name !== undefined && service !== undefined && !(name === self.name && service === self.service)) found.add(`${service}/${name}`);
    }
  }
  return [...found];
}
