/** Simulations in the address: what it asks for, and how what is asked for is written there. */

import type { WantedAlert, WantedOutage } from "@/api/trials";
import { labelsText, parseLabels } from "./labelsText";

/** `type` says that it was tried, or which form is shown; without it, the rest only fills the form in. */
export interface SimulateSearch { type?: string | undefined; rule?: string | undefined; labels?: string | undefined; value?: string | undefined; for?: string | undefined; targets?: string | undefined; id?: string | undefined }

export const VALUE = "1";
export const ALERT_FOR = "5m";
export const OUTAGE_FOR = "30m";

/** One a line: their matchers have commas. */
export const targetsOf = (search: SimulateSearch) => (search.targets ?? "").split("\n").filter((one) => one !== "");

/** What an address asks for, where it is only a thought: nobody is told. */
export function thoughtOf(search: SimulateSearch): WantedAlert | WantedOutage | null {
  if (search.id !== undefined) return null;
  if (search.type === "outage") {
    const targets = targetsOf(search);
    return targets.length === 0 ? null : { type: "outage", targets, for: search.for ?? OUTAGE_FOR, page: false };
  }
  const labels = parseLabels(search.labels ?? "");
  const value = Number(search.value ?? VALUE);
  if (search.type !== "alert" || search.rule === undefined || typeof labels === "string" || !Number.isFinite(value)) return null;
  return { type: "alert", name: search.rule, labels, value, for: search.for ?? ALERT_FOR, page: false, fast: true };
}

/** The fields of a form as they stand in the address. */
export function fieldsOf(wanted: WantedAlert | WantedOutage): SimulateSearch {
  if (wanted.type === "outage") return { type: "outage", targets: wanted.targets.join("\n"), for: wanted.for === OUTAGE_FOR ? undefined : wanted.for };
  return { type: "alert", rule: wanted.name, labels: labelsText(wanted.labels) || undefined, value: String(wanted.value) === VALUE ? undefined : String(wanted.value), for: wanted.for === ALERT_FOR ? undefined : wanted.for };
}

/** Where a thought stands; null for what takes its time or really tells people, which no address may begin. */
export const addressOf = (wanted: WantedAlert | WantedOutage) => (wanted.page || (wanted.type === "alert" && !wanted.fast) ? null : fieldsOf(wanted));
