/** What is foreseen: every series that is followed, what alarms or runs out first at the top, one of them in full. */

import { useMemo, useRef } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { TextInput } from "@mantine/core";
import { IconArrowLeft, IconSearch, IconTelescope } from "@tabler/icons-react";
import { usePageKeys } from "@/components/Keys";
import { Page } from "@/components/Page";
import { Empty, Loaded, Panel } from "@/components/Panel";
import { State } from "@/components/State";
import { parseDurationMs, spokenDuration } from "@/lib/duration";
import { score } from "@/lib/find";
import { formatValue, unitOf } from "@/lib/units";
import { cut } from "@/lib/text";
import { PathView } from "./PathView";
import { useForecasts } from "./queries";
import { SeriesView } from "./SeriesView";
import { EXAMPLE, exhaustionTold, groupText, type Item, itemsOf, levels, standing, STANDING_WORDS } from "./words";
import classes from "./Forecasts.module.css";

export function Forecasts() {
  const search = useSearch({ from: "/forecasts" });
  const navigate = useNavigate();
  const answer = useForecasts();
  const find = useRef<HTMLInputElement>(null);
  const items = useMemo(() => itemsOf(answer.data ?? []), [answer.data]);
  const shown = useMemo(() => items.filter(({ job, series }) => !search.find || score(search.find, `${job.name} ${series ? groupText(series.labels) : ""}`) > 0), [items, search.find]);
  const named = items.filter(({ job }) => job.name === search.name);
  const chosen = named.find(({ series }) => search.series === undefined || (series && groupText(series.labels) === search.series)) ?? (search.name === undefined ? shown[0] ?? items[0] : undefined);
  const isGone = search.name !== undefined && chosen === undefined;

  const step = (by: number) => {
    const at = shown.findIndex(({ key }) => key === chosen?.key);
    const next = shown[Math.min(shown.length - 1, Math.max(0, at + by))];
    if (next) void navigate({ to: "/forecasts", search: (old) => ({ ...old, ...place(next) }), replace: true });
  };
  const keep = useRef(step);
  keep.current = step;
  usePageKeys(useMemo(() => [
    { key: "f", says: "find a forecast", run: () => find.current?.focus() },
    { key: "j", says: "next forecast", run: () => keep.current(1) },
    { key: "k", says: "forecast before", run: () => keep.current(-1) },
  ], []));

  return (
    <Page title="Forecasts" lead="What will be, what is unusual, what runs out when, and which stage makes requests slow.">
      <Loaded answer={answer} height={500} what="The forecasts cannot be read">
        {(jobs) => jobs.length === 0 ? (
          <Panel>
            <Empty title="Nothing is forecast yet" icon={<IconTelescope size={30} />}>
              A forecast follows the series of a query: what they will be, how unusual they are, when they reach a limit. Put one into <code>bellwether.yml</code> and reload; it learns from what is stored.
              <pre className={classes.yaml}>{EXAMPLE}</pre>
            </Empty>
          </Panel>
        ) : (
          <div className={`${classes.split ?? ""} ${search.name === undefined ? classes.isClosed ?? "" : classes.isOpen ?? ""}`}>
            <aside className={classes.side} aria-label="Forecasts">
              <Panel title="Followed" hint={`${items.length} series and paths`} flush>
                <div className={classes.find}>
                  <TextInput ref={find} aria-label="Find a forecast (f)" placeholder="Find a forecast" leftSection={<IconSearch size={14} aria-hidden />} value={search.find ?? ""} onChange={(event) => { const text = event.currentTarget.value; void navigate({ to: "/forecasts", search: (old) => ({ ...old, find: text || undefined }), replace: true }); }} />
                </div>
                {shown.length === 0 ? <Empty title="None is called so" /> : <ul className={classes.list}>{shown.map((item) => <li key={item.key}><ItemLink item={item} isChosen={item.key === chosen?.key} /></li>)}</ul>}
              </Panel>
            </aside>
            <div className={`stack ${classes.detail ?? ""}`}>
              <Link to="/forecasts" search={(old) => ({ ...old, name: undefined, series: undefined })} className={classes.back}><IconArrowLeft size={16} aria-hidden />All forecasts</Link>
              {isGone && <Panel><Empty title="This is not followed now">It may have ended, or was taken out of the configuration. Choose another one.</Empty></Panel>}
              {chosen && (chosen.job.bottleneck === undefined ? <SeriesView key={chosen.key} item={chosen} /> : <PathView key={chosen.key} job={chosen.job} />)}
            </div>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

const place = ({ job, series }: Item) => ({ name: job.name, series: series && Object.keys(series.labels).length > 0 ? groupText(series.labels) : undefined });

function ItemLink({ item, isChosen }: { item: Item; isChosen: boolean }) {
  const how = standing(item);
  const [word, tone] = STANDING_WORDS[how];
  const group = item.series ? groupText(item.series.labels) : "";
  return (
    <Link to="/forecasts" search={(old) => ({ ...old, ...place(item) })} className={`${classes.item ?? ""} ${isChosen ? classes.chosen ?? "" : ""}`} aria-current={isChosen || undefined}>
      <span className={`${classes.job ?? ""} foreign`}>{cut(item.job.name)}</span>
      <State state={how} tone={tone}>{how === "out" && item.series?.exhaustion?.medianSeconds === 0 ? "Reached" : word}</State>
      {group !== "" && <span className={`${classes.series ?? ""} foreign`}>{cut(group, 120)}</span>}
      <span className={classes.brief}>{brief(item)}</span>
    </Link>
  );
}

/** One line: what it is now, and what it will be. */
function brief({ job, series }: Item): string {
  if (job.problem) return cut(job.problem, 120);
  if (job.bottleneck) {
    const first = job.bottleneck.stages[0];
    const seconds = `${formatValue(job.bottleneck.secondsBefore, "s")} → ${formatValue(job.bottleneck.secondsAfter, "s")} a request`;
    return first && first.share > 0.05 && standing({ key: job.name, job, series }) === "slower" ? `${seconds}; ${cut(first.stage)} most` : seconds;
  }
  if (!series) return job.learnt !== undefined && job.learnt < 1 ? `${Math.round(job.learnt * 100)} % of its history is learnt` : "no series yet";
  const unit = unitOf(job.query ?? "");
  const now = formatValue(series.lastValue, unit);
  if (series.exhaustion && series.exhaustion.medianSeconds !== null) {
    const told = exhaustionTold(series.exhaustion, formatValue(series.exhaustion.limit, unit));
    return `${now} now; ${formatValue(series.exhaustion.limit, unit)} ${told.title === "Reached" ? "is passed" : told.title.toLowerCase()}`;
  }
  const next = series.forecasts[0];
  const range = next ? levels(next.quantiles) : null;
  return range ? `${now} now; ${formatValue(range.low, unit)} – ${formatValue(range.high, unit)} in ${spokenDuration((parseDurationMs(next?.horizon ?? "") ?? 0) / 1000)}` : `${now} now`;
}
