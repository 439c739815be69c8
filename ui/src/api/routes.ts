/** Where alerts go: the routing tree, and the way of one alert through it. */

import type { Labels } from "@/lib/labels";
import type { Matcher } from "./alertmanager";
import { ask } from "./client";

export interface Route {
  index: number;
  parent: number | null;
  depth: number;
  id: string;
  receiver: string;
  integrations: string[];
  matchers: Matcher[];
  matchersText: string;
  continue: boolean;
  groupBy: string[];
  groupWaitSeconds: number;
  groupIntervalSeconds: number;
  repeatIntervalSeconds: number;
  muteTimeIntervals: string[];
  activeTimeIntervals: string[];
  labels: Labels;
  mutedBy: string[];
  outsideActive: boolean;
  unreachable: boolean;
  alerts: number;
}

interface Span { begin: number; end: number }
export interface NamedTime { name: string; holds: boolean; intervals: { times: { begin: string; end: string }[]; weekdays: Span[]; daysOfMonth: Span[]; months: Span[]; years: Span[]; location: string }[] }
export interface InhibitRule { name: string; sourceMatchers: Matcher[]; targetMatchers: Matcher[]; equal: string[] }
export interface Routes { time: number; routes: Route[]; timeIntervals: NamedTime[]; inhibitRules: InhibitRule[] }

export interface Taken {
  route: number;
  path: number[];
  receiver: string;
  integrations: string[];
  group: Labels;
  groupKey: string;
  groupWaitSeconds: number;
  groupIntervalSeconds: number;
  repeatIntervalSeconds: number;
  mutedBy: string[];
  outsideActive: boolean;
}

export interface Way {
  time: number;
  fingerprint: string;
  labels: Labels;
  receivers: string[];
  taken: Taken[];
  silencedBy: { id: string; createdBy: string; comment: string; start: number; end: number; matchers: Matcher[] }[];
  inhibitedBy: { fingerprint: string; labels: Labels }[];
  maintenance: string | null;
  notified: boolean;
}

export const routes = async (signal?: AbortSignal) => (await ask<{ data: Routes }>("/api/bellwether/v1/routes", { signal })).data;

/** The way of an alert with these labels. `at`: seconds since 1970, or RFC 3339. */
export const testRoute = async (labels: Labels, at?: string | number, signal?: AbortSignal) =>
  (await ask<{ data: Way }>("/api/bellwether/v1/routes/test", { json: { labels, ...(at === undefined || at === "" ? {} : { at }) }, signal })).data;
