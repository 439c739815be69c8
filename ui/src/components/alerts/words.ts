/** What happened to alerts, in words. */

import type { Tone } from "@/components/State";

interface Word { says: string; tone: Tone }

const WORDS: Readonly<Record<string, Word>> = {
  pending: { says: "began to hold", tone: "warn" },
  firing: { says: "fired", tone: "bad" },
  resolved: { says: "resolved", tone: "good" },
  dropped: { says: "went away before it fired", tone: "unknown" },
  silenced: { says: "was silenced", tone: "unknown" },
  unsilenced: { says: "is no longer silenced", tone: "info" },
  inhibited: { says: "was inhibited", tone: "unknown" },
  uninhibited: { says: "is no longer inhibited", tone: "info" },
  muted: { says: "was muted by a time", tone: "unknown" },
  unmuted: { says: "is no longer muted", tone: "info" },
  notifying: { says: "is about to be notified", tone: "info" },
  notified: { says: "was notified", tone: "accent" },
  notify_failed: { says: "could not be notified", tone: "bad" },
  acknowledged: { says: "was acknowledged", tone: "accent" },
  unacknowledged: { says: "is no longer acknowledged", tone: "info" },
  scaled: { says: "was scaled", tone: "info" },
  grouped: { says: "joined a group", tone: "info" },
  told: { says: "was told", tone: "accent" },
};

export const KINDS = ["pending", "firing", "resolved", "dropped", "silenced", "unsilenced", "inhibited", "uninhibited", "muted", "unmuted", "notifying", "notified", "notify_failed", "acknowledged", "unacknowledged", "scaled"] as const;

export const wordOf = (kind: string): Word => WORDS[kind] ?? { says: kind.replaceAll("_", " "), tone: "unknown" };

/** The file of a rule without the folders before it; paths of servers are long and say little. */
export const fileName = (path: string) => path.split("/").at(-1) ?? path;

/** Causes name rules with their whole path: what matters is the file; a time that stands beside it already says nothing. */
export const shortCause = (cause: string) => cause.replace(/^(since|ended at) \d{4}-\d\d-\d\dT\S+Z$/, "").replace(/ in (\/[^\s;,]+)/g, (_, path: string) => ` in ${fileName(path)}`).replace(/\bsilence [0-9a-f]{8}-[0-9a-f-]{27}\b/g, "silence").replace(/\d+\.\d{4,}(?:e[-+]?\d+)?/g, (number) => String(Number(Number(number).toPrecision(4))));
