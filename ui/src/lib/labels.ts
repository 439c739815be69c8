/** Labels as PromQL writes them. */

export type Labels = Readonly<Record<string, string>>;

const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** A text between quotation marks, with all that PromQL wants escaped. */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\0", "\\x00")}"`;
}

export function labelName(name: string): string {
  return PLAIN_NAME.test(name) ? name : quoted(name);
}

/** `name{a="b"}`; `{}` where there is nothing. */
export function seriesName(labels: Labels): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, value]) => `${labelName(key)}=${quoted(value)}`);
  if (name !== "" && !PLAIN_METRIC.test(name)) return `{${[quoted(name), ...pairs].join(", ")}}`;
  return pairs.length > 0 ? `${name}{${pairs.join(", ")}}` : name || "{}";
}

/** A selector of exactly these labels: without some, with others that take their place. */
export function selector(metric: string, labels: Labels = {}): string {
  return seriesName({ __name__: metric, ...labels });
}

/** Names by what sets series apart: labels that are the same everywhere are left out. */
export function shortNames(all: readonly Labels[]): string[] {
  const first = all[0];
  if (first === undefined) return [];
  const names = [...new Set(all.flatMap((labels) => Object.keys(labels)))];
  const differing = names.filter((name) => all.some((labels) => labels[name] !== first[name]));
  if (differing.length === 0) return all.map((labels) => seriesName(labels));
  if (differing.length === 1) return all.map((labels) => labels[differing[0] ?? ""] ?? "—");
  return all.map((labels) => differing.filter((name) => labels[name] !== undefined).map((name) => (name === "__name__" ? labels[name] : `${name}=${labels[name] ?? ""}`)).join(", "));
}

/** Identity of a series, for keys. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
