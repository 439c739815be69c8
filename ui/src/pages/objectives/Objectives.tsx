/** All objectives by service, the worst first: what is left of each budget, for how long, and how fast it goes. */

import { useMemo, useRef } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Select, TextInput } from "@mantine/core";
import { IconSearch, IconTarget } from "@tabler/icons-react";
import { useRangeQuery } from "@/api/hooks";
import type { Objective } from "@/api/own";
import { usePageKeys } from "@/components/Keys";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { keepTimes } from "@/components/places";
import { Mark, toneOf } from "@/components/State";
import { durationText } from "@/lib/duration";
import { score } from "@/lib/find";
import { cut } from "@/lib/text";
import { stepFor } from "@/api/prometheus";
import { useRange } from "@/state/range";
import { ObjectiveRow } from "./ObjectiveRow";
import { byNames, useObjectives } from "./queries";
import { groupText, VERDICT_WORDS, verdictRank } from "./words";
import classes from "./Objectives.module.css";

const EXAMPLE = `slos:
  - name: answers
    service: chat
    objective: 99.5%
    window: 30d
    indicator:
      ratio:
        bad: requests_total{outcome!="ok"}
        total: requests_total
    spent_by: [workload]`;

/** Services with their objectives, the worst first. */
export function byService(all: readonly Objective[]): { service: string; objectives: Objective[] }[] {
  const services = new Map<string, Objective[]>();
  for (const one of all) services.set(one.service, [...(services.get(one.service) ?? []), one]);
  const least = (one: Objective) => Math.min(...one.budgets.map(({ left }) => left ?? 2), 2);
  const compare = (a: Objective, b: Objective) => verdictRank(a.verdict) - verdictRank(b.verdict) || least(a) - least(b) || a.name.localeCompare(b.name, "en");
  return [...services].map(([service, objectives]) => ({ service, objectives: [...objectives].sort(compare) })).sort((a, b) => {
    const [one, other] = [a.objectives[0], b.objectives[0]];
    return (one && other ? compare(one, other) : 0) || a.service.localeCompare(b.service, "en");
  });
}

export function Objectives() {
  const search = useSearch({ from: "/objectives" });
  const navigate = useNavigate();
  const answer = useObjectives();
  const range = useRange();
  const find = useRef<HTMLInputElement>(null);
  usePageKeys(useMemo(() => [{ key: "f", says: "find an objective", run: () => find.current?.focus() }], []));
  const set = (change: Partial<typeof search>) => void navigate({ to: "/objectives", search: (old) => ({ ...old, ...change }), replace: true });

  // When each budget was spent, in one question for all.
  const groups = useMemo(() => [...new Set(["service", "slo", ...(answer.data ?? []).flatMap(({ budgets }) => budgets.flatMap(({ labels }) => Object.keys(labels)))])], [answer.data]);
  const step = stepFor(range.fromS, range.toS, 60, 60);
  const spent = useRangeQuery(`sum by (${byNames(groups)}) (sum_over_time(slo:bad_events[${durationText(step * 1000)}]))`, { step, enabled: (answer.data?.length ?? 0) > 0 });

  const all = answer.data;
  const wanted = useMemo(() => (all ?? []).filter((one) =>
    (search.service === undefined || one.service === search.service)
    && (search.verdict === undefined || one.verdict === search.verdict)
    && (!search.find || score(search.find, `${one.service} ${one.name} ${one.description} ${one.budgets.map(({ labels }) => groupText(labels)).join(" ")}`) > 0)), [all, search.service, search.verdict, search.find]);
  const counts = useMemo(() => {
    const found = new Map<string, number>(["exhausted", "at_risk", "unknown", "met"].map((verdict) => [verdict, 0]));
    for (const { verdict } of all ?? []) found.set(verdict, (found.get(verdict) ?? 0) + 1);
    return [...found];
  }, [all]);
  const services = useMemo(() => [...new Set((all ?? []).map(({ service }) => service))].sort(), [all]);

  return (
    <Page
      title="Objectives" lead="What each service has promised, how many hours of its error budget are left, and who spends it."
      tabs={all && all.length > 0 && (
        <div className={classes.filters}>
          <div className={classes.verdicts} role="group" aria-label="By verdict">
            {counts.map(([verdict, count]) => {
              const isChosen = search.verdict === verdict;
              return (
                <Link key={verdict} to="/objectives" search={(old) => ({ ...old, verdict: isChosen ? undefined : verdict })} className={`${classes.verdict ?? ""} ${isChosen ? classes.chosen ?? "" : ""}`} aria-current={isChosen || undefined}>
                  <Mark tone={toneOf(verdict)} size={10} />{VERDICT_WORDS[verdict] ?? verdict}<b>{count}</b>
                </Link>
              );
            })}
          </div>
          {services.length > 1 && <Select aria-label="Service" placeholder="All services" data={services.map((service) => ({ value: service, label: cut(service, 60) }))} value={search.service ?? null} onChange={(service) => set({ service: service ?? undefined })} clearable w={170} />}
          <TextInput ref={find} className={classes.find} aria-label="Find an objective (f)" placeholder="Find an objective" leftSection={<IconSearch size={14} aria-hidden />} value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })} />
        </div>
      )}
    >
      <Loaded answer={answer} height={400} what="The objectives cannot be read">
        {(objectives) => {
          if (objectives.length === 0) {
            return (
              <Panel>
                <Empty title="No objectives yet" icon={<IconTarget size={30} />}>
                  An objective is a promise: so large a share of a service&apos;s events is good, over a period. Put one into <code>bellwether.yml</code> and reload; what is stored already counts at once.
                  <pre className={classes.yaml}>{EXAMPLE}</pre>
                </Empty>
              </Panel>
            );
          }
          if (wanted.length === 0) return <Panel><Empty title="None is so" action={<Link to="/objectives" search={keepTimes}>Show all {objectives.length}</Link>}>No objective fits what is chosen above.</Empty></Panel>;
          return byService(wanted).map(({ service, objectives: own }) => (
            <Panel key={service} title={<span className="foreign">{cut(service)}</span>} hint={`${own.length} objective${own.length === 1 ? "" : "s"}`} flush>
              <div className={classes.service}>
                <div className={classes.heads} aria-hidden><span>Objective</span><span>Left of the budget</span><span>Pace</span><span>Hours left</span><span>Spent in the time shown</span></div>
                {own.map((objective) => <ObjectiveRow key={objective.objective} objective={objective} spent={spent.data} nowS={range.toS} />)}
              </div>
            </Panel>
          ));
        }}
      </Loaded>
    </Page>
  );
}
