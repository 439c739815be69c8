/** What strangers may know: how each part is, and how it was in the last ninety days. */

import { memo, useEffect, useMemo } from "react";
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconMoon, IconSun, IconTool } from "@tabler/icons-react";
import { useNowQuery } from "@/api/hooks";
import { get } from "@/api/own";
import { visible } from "@/components/LabelSet";
import { StateStrip } from "@/components/map/StateStrip";
import { Empty, Loaded } from "@/components/Panel";
import { Mark, type Tone, toneOf } from "@/components/State";
import { When } from "@/components/When";
import { useSettings, useTimeFormat } from "@/state/settings";
import { DAYS, dayBlocks, headline, overall, type PublicItem, type PublicStatus as Status, shareText, STATE_WORDS, worksByTime } from "./days";
import classes from "./PublicStatus.module.css";

export function PublicStatus() {
  const { shown, set } = useSettings();
  const answer = useNowQuery(["public-status"], (signal) => get("/api/bellwether/v1/public-status", { signal }), { everyMs: 60_000 });
  useEffect(() => { document.title = `Status · ${location.hostname}`; }, []);
  return (
    <div className={classes.page}>
      <header className={classes.bar}>
        <img src="/favicon.svg" alt="" width={28} height={28} />
        <h1 className={classes.title}>Status</h1>
        <Tooltip label={shown === "dark" ? "Light colours" : "Dark colours"}><ActionIcon size={40} aria-label={shown === "dark" ? "Light colours" : "Dark colours"} onClick={() => set({ scheme: shown === "dark" ? "light" : "dark" })}>{shown === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />}</ActionIcon></Tooltip>
      </header>
      <main id="main" className={classes.main}>
        <Loaded answer={answer} height={400} what="The status cannot be told now">{(status) => <Whole status={status} />}</Loaded>
      </main>
    </div>
  );
}

function Whole({ status }: { status: Status }) {
  const items = status.groups.flatMap((group) => group.items);
  const tone: Tone = items.length === 0 ? "unknown" : toneOf(status.state);
  return (
    <>
      <section className={classes.verdict} data-tone={tone} aria-label="All in all">
        <Mark tone={tone} size={28} label={STATE_WORDS[status.state] ?? status.state} />
        <div><p className={`${classes.headline ?? ""} foreign`}>{visible(headline(status))}</p><p className={classes.asOf}>looked at <When ms={status.time * 1000} /></p></div>
      </section>
      <Maintenance status={status} />
      {items.length === 0 && <Empty title="No part of this service is public">Probes with <code>public</code> in the configuration are shown here: their title, state and history, and nothing else.</Empty>}
      {status.groups.map((group) => (
        <section key={group.group} className={classes.group} aria-label={group.group}>
          <h2 className={`${classes.groupName ?? ""} foreign`}>{visible(group.group.slice(0, 120))}</h2>
          <ul className={classes.items}>{group.items.map((item, index) => <Item key={`${item.title}-${index}`} item={item} nowS={status.time} />)}</ul>
        </section>
      ))}
      {items.length > 0 && <Legend />}
    </>
  );
}

/** What is worked on now, and what will be. */
function Maintenance({ status }: { status: Status }) {
  const format = useTimeFormat();
  const lines = worksByTime(status.maintenance);
  if (lines.length === 0) return null;
  return (
    <section className={classes.work} aria-label="Maintenance">
      <IconTool size={18} aria-hidden />
      <ul className={classes.works}>
        {lines.map(({ start, end, parts }) => (
          <li key={`${start}-${end}`}>
            <strong>{start <= status.time ? "Being worked on" : "Planned work"}</strong>, {start <= status.time ? <>until <When ms={end * 1000} form="in" /></> : <When ms={start * 1000} form="in" />}: <span className="foreign">{parts.map((part) => (part.group === "" ? visible(part.title) : `${visible(part.title)} (${visible(part.group)})`)).join(", ")}</span>.
            <span className={classes.times}>{format.full(start * 1000)} to {format.full(end * 1000)} ({format.zone})</span>
          </li>
        ))}
        <li className={classes.times}>Interruptions are expected then.</li>
      </ul>
    </section>
  );
}

const Item = memo(function Item({ item, nowS }: { item: PublicItem; nowS: number }) {
  const day = Math.floor(nowS / 86_400);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- blocks change by the day
  const blocks = useMemo(() => dayBlocks(item, nowS), [item, day]);
  const { share, days } = overall(item);
  const tone: Tone = item.maintenance ? "info" : toneOf(item.state);
  return (
    <li className={classes.item}>
      <div className={classes.itemHead}>
        <h3 className={`${classes.itemName ?? ""} foreign`}>{visible(item.title.slice(0, 160))}</h3>
        <span className={classes.state}><Mark tone={tone} size={11} />{item.maintenance ? "Being worked on" : (STATE_WORDS[item.state] ?? item.state)}{!item.maintenance && item.state !== "up" && item.since !== null && <span className={classes.since}><When ms={item.since * 1000} form="for" /></span>}</span>
      </div>
      <StateStrip blocks={blocks} label={`${item.title.slice(0, 160)}: the last ${DAYS} days`} height={34} />
      <div className={classes.scale}><span>{DAYS} days ago</span><span className={classes.share}>{share === null ? "no data yet" : `${shareText(share)} over ${days === 1 ? "the one day" : `${days} days`} with data`}</span><span>today</span></div>
    </li>
  );
});

function Legend() {
  return (
    <ul className={classes.legend} aria-label="What the bars mean">
      <li><i data-tone="good" />all checks succeeded</li>
      <li><i data-tone="warn" />a few failed</li>
      <li><i data-tone="bad" />one in twenty or more failed; red is their share</li>
      <li><i data-tone="none" />no data</li>
      <li>Days begin at midnight UTC.</li>
    </ul>
  );
}
