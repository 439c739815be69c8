/** The order of rows by what they are sorted by. */

type Key = string | number | null | undefined;

/** So many different texts are sorted as people sort them; more only by their letters, which is much faster. */
const COLLATED_MAX = 2_000;
const collator = new Intl.Collator("en", { numeric: true });

/** Places of texts in their order: each is compared once, however many rows have it. */
function ranks(keys: readonly (string | number | null | undefined)[]): Map<string, number> {
  const texts = [...new Set(keys.filter((key): key is string => typeof key === "string"))];
  texts.sort(texts.length <= COLLATED_MAX ? collator.compare : (a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return new Map(texts.map((text, rank) => [text, rank]));
}

export function orderedRows<Row>(rows: readonly Row[], keys: readonly Key[], isDown: boolean): Row[] {
  const direction = isDown ? -1 : 1;
  const rank = ranks(keys);
  const isMixed = rank.size > 0 && keys.some((key) => typeof key === "number");
  const keyed = rows.map((row, index) => { const key = keys[index]; return { row, index, key: typeof key === "string" && !isMixed ? rank.get(key) : key }; });
  keyed.sort((a, b) => {
    // What has no value stands at the end in both directions.
    const hasA = a.key !== null && a.key !== undefined && !(typeof a.key === "number" && Number.isNaN(a.key));
    const hasB = b.key !== null && b.key !== undefined && !(typeof b.key === "number" && Number.isNaN(b.key));
    if (!hasA || !hasB) return hasA === hasB ? a.index - b.index : hasA ? -1 : 1;
    const compared = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key : collator.compare(String(a.key), String(b.key));
    return compared === 0 ? a.index - b.index : compared * direction;
  });
  return keyed.map(({ row }) => row);
}
