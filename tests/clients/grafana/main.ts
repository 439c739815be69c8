/** Compares what Grafana shows of real dashboards with what Bellwether shows of them, panel by panel. */

import fs from "node:fs";
import path from "node:path";
import type { Dashboard } from "@/api/dashboards";
import { layout, type PlacedPanel } from "@/pages/dashboards/layout";
import { parseTime } from "@/state/time";
import { canonical, expect } from "./answers";
import { differences, type Difference } from "./compare";
import * as ours from "./ours";
import * as theirs from "./theirs";
import { calcsTold } from "./calcs";
import { unitsTold } from "./units";
import { resolve, type Range, type Value, type Values } from "./templates";

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON of Grafana has no schema */
interface Finding { severity: string; what: string; why: string }
interface PanelReport { id: number; title: string; plugin: string; verdict: "same" | "approximate" | "lost"; findings: Finding[] }
interface Imported { file: string; dashboard: Dashboard; report: { panels: PanelReport[] } }
interface Outcome { file: string; id: number; title: string; kind: string; verdict: PanelReport["verdict"]; findings: string[]; found: Difference[]; asked: string[] }

/** A moment at which all is asked: no step has it as its multiple. */
const NOW = Date.UTC(2026, 4, 14, 9, 26, 53);
/** Pixels of a dashboard. */
const WIDTH = 1600;

/** What a person could have chosen besides. */
const ADHOC = [{ name: "zone", op: "=", value: "a b" }, { name: "tier", op: "=~", value: "x|y" }];

interface Original { json: any; row: any }

/** All panels with the rows that they are in. */
function originals(dashboard: any): Original[] {
  let row: any = null;
  const of = (panel: any): Original[] => {
    if (panel.type !== "row") return [{ json: panel, row }];
    row = panel;
    return (panel.panels ?? []).flatMap((one: any) => [{ json: one, row: panel }]);
  };
  return [...(dashboard.panels ?? []).flatMap(of), ...(dashboard.rows ?? []).flatMap((one: any) => (one.panels ?? []).map((panel: any) => ({ json: panel, row: one })))];
}

/** The values of a variable one by one, as repeated panels and rows have them. */
function repeated(values: Values, name: string | null | undefined): Values[] {
  const own = name ? values.get(name) : undefined;
  if (!own) return [values];
  const all = own.texts.length === 1 && own.texts[0] === "All" ? own.options : own.values.map((value, index) => ({ value, text: own.texts[index] ?? value }));
  if (all.length === 0) return [values];
  return all.map(({ value, text }) => new Map(values).set(own.name, { ...own, values: [value], texts: [text], all: null, isList: false } satisfies Value));
}

const UNSEEN = new Set(["dashlist", "news", "alertlist", "annolist"]);

/** Each dashboard is looked at twice: as it opens, with several values of variables; and over two days, with those that it has by itself. */
const LOOKS = [{ from: undefined, isSeveral: true }, { from: "now-2d", isSeveral: false }] as const;

async function dashboard(json: any, imported: Imported, look: (typeof LOOKS)[number]): Promise<Outcome[]> {
  const whole = json.dashboard && typeof json.dashboard === "object" ? json.dashboard : json;
  const range: Range = { fromMs: parseTime(look.from ?? whole.time?.from ?? "now-6h", NOW) ?? NOW - 216e5, toMs: parseTime(look.from ? "now" : whole.time?.to ?? "now", NOW, true) ?? NOW };
  const picked: Record<string, string[]> = {};
  const values = await resolve(whole, range, picked, look.isSeveral);
  const adHoc = (whole.templating?.list ?? []).some(({ type }: any) => type === "adhoc") ? ADHOC : [];
  const { board } = await ours.boardOf(imported.dashboard, picked, range, adHoc);
  const placed = layout(imported.dashboard, board.chosen).flatMap(({ panels }) => panels);
  const waiting = imported.dashboard.rows.flatMap((row) => row.panels);
  const outcomes: Outcome[] = [];
  for (const { json: original, row } of originals(whole)) {
    // Some panels show what another one asks; and Grafana names what has no name.
    const source = originals(whole).find(({ json: other }) => other.id === original.targets?.[0]?.panelId && original.targets?.[0]?.panelId !== undefined);
    if (source) original.targets = structuredClone(source.json.targets);
    const names = new Set((original.targets ?? []).map(({ refId }: any) => refId));
    for (const target of original.targets ?? []) if (!target.refId) { target.refId = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].find((letter) => !names.has(letter)); names.add(target.refId); }
    const at = waiting.findIndex(({ id, title }) => id === original.id && title === (original.title ?? ""));
    const own = waiting[at >= 0 ? at : waiting.findIndex(({ title }) => title === (original.title ?? ""))];
    if (!own || UNSEEN.has(original.type)) continue;
    waiting.splice(waiting.indexOf(own), 1);
    const report = imported.report.panels.find(({ id, title }) => id === own.id && title === own.title);
    expect([...new Set([...JSON.stringify(original).matchAll(/\{\{\s*(\w+)\s*\}\}|__field\.labels\.(\w+)/g)].map(([, plain, named]) => plain ?? named ?? ""))].sort());
    const copies: PlacedPanel[] = placed.filter(({ panel }) => panel === own);
    const scopes = repeated(values, row?.repeat).flatMap((scope) => repeated(scope, original.repeat));
    const width = Math.round((original.gridPos?.w ?? (original.span ?? 12) * 2) / 24 * WIDTH / 100) * 100 || 100;
    let found: Difference[] = [];
    let asked: string[] = [];
    try {
      const [copy, scope] = [copies.at(-1), scopes.at(-1)];
      if (copies.length !== scopes.length) found.push({ aspect: "copies", theirs: String(scopes.length), ours: String(copies.length) });
      if (!copy || !scope) found.push({ aspect: "panel", theirs: original.type, ours: "is not there" });
      else if (own.kind === "unsupported") found.push({ aspect: "panel", theirs: original.type, ours: own.reason });
      else {
        const panel = { json: original, values: scope, range, width: Math.max(200, width), adHoc };
        const seen = await theirs.seen(panel);
        asked = seen.queries.map(({ expr }) => expr);
        found = [...found, ...differences(seen, await ours.seen(board, copy, range, panel.width))];
      }
    } catch (error) {
      found.push({ aspect: "failure", theirs: "", ours: error instanceof Error ? error.stack ?? error.message : String(error) });
    }
    outcomes.push({ file: imported.file, id: own.id, title: own.title, kind: original.type, verdict: report?.verdict ?? "lost", findings: (report?.findings ?? []).map(({ severity, what, why }) => `${severity} ${what}: ${why}`), found, asked });
  }
  return outcomes;
}

/** By kind: how many are the same, differ as the report tells, and differ though it does not. */
function told(all: readonly Outcome[]): number {
  const kinds = [...new Set(all.map(({ kind }) => kind))].sort((a, b) => all.filter(({ kind }) => kind === b).length - all.filter(({ kind }) => kind === a).length);
  const line = (name: string, of: readonly Outcome[]) => {
    const same = of.filter(({ found }) => found.length === 0).length;
    const said = of.filter(({ found, verdict }) => found.length > 0 && verdict !== "same").length;
    console.log(`${name.padEnd(24)} ${String(of.length).padStart(6)} ${String(same).padStart(6)} ${String(said).padStart(6)} ${String(of.length - same - said).padStart(6)}  ${((100 * same) / of.length).toFixed(1).padStart(5)}%`);
    return same / of.length;
  };
  console.log(`${"kind".padEnd(24)} ${"panels".padStart(6)} ${"same".padStart(6)} ${"told".padStart(6)} ${"untold".padStart(6)}   same%`);
  for (const kind of kinds) line(kind, all.filter((one) => one.kind === kind));
  const share = line(`${new Set(all.map(({ file }) => file)).size} dashboards`, all);
  const aspects = new Map<string, Outcome[]>();
  for (const one of all) for (const aspect of new Set(one.found.map(({ aspect }) => aspect))) aspects.set(aspect, [...(aspects.get(aspect) ?? []), one]);
  console.log("\nwhat differs, in how many panels:");
  for (const [aspect, of] of [...aspects].sort((a, b) => b[1].length - a[1].length)) console.log(`${String(of.length).padStart(6)}  ${aspect}`);
  return share;
}

export async function main(folder: string, importedFile: string, rest: readonly string[]): Promise<number> {
  const [wanted = "", limit = "12"] = rest[0] === "--show" ? rest.slice(1) : [];
  const units = unitsTold();
  const adHoc = { same: 0, all: 0 };
  const all: Outcome[] = [];
  for (const text of fs.readFileSync(importedFile, "utf8").trim().split("\n")) {
    const imported = JSON.parse(text) as Imported;
    const json = fs.readFileSync(path.join(folder, "dashboards", imported.file), "utf8");
    const [first = [], second = []] = [await dashboard(JSON.parse(json), imported, LOOKS[0]), await dashboard(JSON.parse(json), imported, LOOKS[1])];
    for (const { asked } of first) for (const expr of asked) {
      adHoc.all += 1;
      if (canonical(theirs.withAdHoc(expr, ADHOC)) === canonical(ours.withAdHoc(expr, ADHOC))) adHoc.same += 1;
      else if (wanted === "adhoc") console.log(`${expr}\n  theirs ${theirs.withAdHoc(expr, ADHOC)}\n  ours   ${ours.withAdHoc(expr, ADHOC)}`);
    }
    all.push(...first.map((one, index) => ({ ...one, found: [...one.found, ...(second[index]?.found ?? [])] })));
  }
  const share = told(all);
  console.log(`\nvalues in units: ${units.same} of ${units.all} are written the same`);
  const calcs = calcsTold();
  console.log(`calculations: ${calcs.same} of ${calcs.all} come to the same`);
  if (wanted === "calcs") calcs.found.slice(0, Number(limit)).forEach((line) => console.log(line));
  console.log(`ad hoc matchers: ${adHoc.same} of ${adHoc.all} queries have them in the same places`);
  if (wanted === "units") units.found.slice(0, Number(limit)).forEach((line) => console.log(line));
  const differing = all.filter(({ found }) => found.length > 0);
  fs.writeFileSync(path.join(folder, "differences.json"), JSON.stringify(differing, null, 1));
  if (wanted !== "") for (const one of differing.filter(({ found, kind, file }) => kind === wanted || file.includes(wanted) || found.some(({ aspect }) => aspect === wanted)).slice(0, Number(limit))) {
    console.log(`\n${one.file} ${one.id} ${JSON.stringify(one.title)} ${one.kind} (${one.verdict}) ${one.findings.join("; ").slice(0, 300)}`);
    for (const { aspect, theirs: a, ours: b } of one.found) console.log(`  ${aspect}\n    theirs ${a.slice(0, 600)}\n    ours   ${b.slice(0, 600)}`);
  }
  return share >= 0.9 ? 0 : 1;
}
