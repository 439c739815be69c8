/** Queries that were asked in this browser, newest first. */

const KEY = "bellwether.queries";
const KEPT_MAX = 100;
const LENGTH_MAX = 4_000;

export function pastQueries(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** Puts a query to the front; one that was there already moves there. */
export function remember(query: string): void {
  const text = query.trim();
  if (text === "" || text.length > LENGTH_MAX) return;
  try {
    localStorage.setItem(KEY, JSON.stringify([text, ...pastQueries().filter((one) => one !== text)].slice(0, KEPT_MAX)));
  } catch {
    // Without storage there is no history.
  }
}

export function forgetQueries(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // There was none.
  }
}

/** Steps through the past: what was being written is kept under position −1. */
export class Walk {
  #at = -1;
  #draft = "";
  #list: string[] = [];

  /** The query `by` steps further back, or null where there is none. */
  step(by: 1 | -1, current: string): string | null {
    if (this.#at === -1) {
      this.#draft = current;
      this.#list = pastQueries().filter((one) => one !== current.trim());
    }
    const next = this.#at + by;
    if (next < -1 || next >= this.#list.length) return null;
    this.#at = next;
    return next === -1 ? this.#draft : (this.#list[next] ?? null);
  }

  get isWalking(): boolean {
    return this.#at >= 0;
  }

  stop(): void {
    this.#at = -1;
  }
}
