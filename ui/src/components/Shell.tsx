/** What is around every page: where one can go, how the server is, what time is looked at. */

import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { ActionIcon, Drawer, Indicator, Menu, Tooltip, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDots, IconGauge, IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand, IconMoon, IconSearch, IconSun, IconSunMoon } from "@tabler/icons-react";
import { useNowQuery } from "@/api/hooks";
import { ask } from "@/api/client";
import { LiveProvider, useLive } from "@/api/live";
import { RangeProvider } from "@/state/range";
import { type SchemeChoice, useSettings } from "@/state/settings";
import { Keys } from "./Keys";
import { Finder, openFinder } from "./Finder";
import { keepTimes, type Place, PLACES } from "./places";
import { Mark, type Tone } from "./State";
import { TimePicker } from "./TimePicker";
import classes from "./Shell.module.css";

interface ServerStatus { state: string; version: string; targets?: { up: number; down: number; unknown: number } }

/** What is at the bottom of a phone. */
const ON_PHONES = ["/", "/explore", "/alerts", "/health"];

export function Shell() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  // Strangers see it, whom nothing else is told.
  if (path === "/public") return <RangeProvider><Outlet /></RangeProvider>;
  return (
    <LiveProvider>
      <RangeProvider>
        <Framed path={path} />
      </RangeProvider>
    </LiveProvider>
  );
}

function Framed({ path }: { path: string }) {
  const { narrow, set } = useSettings();
  const [isMore, more] = useDisclosure(false);
  const alerts = useFiringCount();
  const isAt = (to: string) => (to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`));
  const link = (place: Place) => (
    <Tooltip key={place.to} label={place.name} position="right" disabled={!narrow} openDelay={100}>
      <Link to={place.to} className={classes.link} data-active={isAt(place.to) || undefined} aria-current={isAt(place.to) ? "page" : undefined} search={keepTimes} onClick={more.close}>
        <place.icon size={18} stroke={1.7} aria-hidden />
        <span className={classes.name}>{place.name}</span>
        {place.to === "/alerts" && alerts > 0 && <span className={classes.count} aria-label={`${alerts} firing`}>{alerts}</span>}
      </Link>
    </Tooltip>
  );
  return (
    <div className={classes.shell} data-narrow={narrow || undefined}>
      <a className={classes.skip} href="#main">Skip to content</a>
      <aside className={classes.side}>
        <Link to="/" className={classes.brand} search={keepTimes} aria-label="Bellwether: overview"><img src="/favicon.svg" alt="" width={26} height={26} /><span className={classes.name}>Bellwether</span></Link>
        <nav className={classes.nav} aria-label="Pages">{PLACES.map(link)}</nav>
        <div className={classes.foot}>
          <ServerState isNarrow={narrow} />
          <Tooltip label={narrow ? "Wide navigation" : "Narrow navigation"} position="right">
            <ActionIcon aria-label={narrow ? "Wide navigation" : "Narrow navigation"} onClick={() => set({ narrow: !narrow })}>{narrow ? <IconLayoutSidebarLeftExpand size={17} /> : <IconLayoutSidebarLeftCollapse size={17} />}</ActionIcon>
          </Tooltip>
        </div>
      </aside>
      <div className={classes.main}>
        <header className={classes.bar}>
          <Link to="/" className={classes.brandSmall} search={keepTimes} aria-label="Bellwether: overview"><img src="/favicon.svg" alt="" width={26} height={26} /></Link>
          <UnstyledButton className={classes.search} onClick={openFinder} aria-keyshortcuts="/" aria-label="Find anything (/)"><IconSearch size={15} aria-hidden /><span>Find anything</span><kbd>/</kbd></UnstyledButton>
          <div className={classes.barEnd}>
            <TimePicker />
            <SchemeMenu />
          </div>
        </header>
        <Lost />
        <main id="main" tabIndex={-1} className={classes.content}><Outlet /></main>
      </div>
      <nav className={classes.bottom} aria-label="Pages, on phones">
        {PLACES.filter((place) => ON_PHONES.includes(place.to)).map((place) => (
          <Link key={place.to} to={place.to} className={classes.tab} data-active={isAt(place.to) || undefined} aria-current={isAt(place.to) ? "page" : undefined} search={keepTimes}>
            <Indicator disabled={place.to !== "/alerts" || alerts === 0} label={alerts} size={15} color="red"><place.icon size={21} stroke={1.7} aria-hidden /></Indicator>
            <span>{place.name}</span>
          </Link>
        ))}
        <UnstyledButton className={classes.tab} onClick={more.open} aria-haspopup="dialog"><IconDots size={21} aria-hidden /><span>More</span></UnstyledButton>
      </nav>
      <Drawer opened={isMore} onClose={more.close} position="bottom" size="auto" title="Pages"><nav className={classes.moreList} aria-label="All pages">{PLACES.map(link)}</nav><ServerState isNarrow={false} /></Drawer>
      <Finder />
      <Keys />
    </div>
  );
}

function useFiringCount(): number {
  const answer = useNowQuery(["alerts", "firing"], (signal) => ask<unknown[]>("/am/api/v2/alerts", { params: { silenced: false, inhibited: false, active: true }, signal }));
  return answer.data?.length ?? 0;
}

function ServerState({ isNarrow }: { isNarrow: boolean }) {
  const { connection } = useLive();
  const status = useNowQuery(["status"], (signal) => ask<ServerStatus>("/api/bellwether/v1/status", { signal }));
  const isLost = connection === "lost" || status.isError;
  const down = status.data?.targets?.down ?? 0;
  const state = status.data?.state ?? "";
  const tone: Tone = isLost ? "bad" : state !== "ready" ? "unknown" : down > 0 ? "warn" : "good";
  const words = isLost ? "No connection" : state === "" ? "Connecting" : state !== "ready" ? state : down > 0 ? `${down} target${down === 1 ? "" : "s"} down` : connection === "live" ? "Live" : "Ready";
  return (
    <Tooltip label={`${words}. Bellwether ${status.data?.version ?? ""}`} position="right">
      <Link to="/system/$tab" params={{ tab: down > 0 ? "targets" : "status" }} className={classes.server} aria-label={`Server: ${words}`}>
        <Mark tone={tone} size={10} />{!isNarrow && <span className={classes.name}>{words}</span>}
      </Link>
    </Tooltip>
  );
}

function Lost() {
  const { connection } = useLive();
  if (connection !== "lost") return null;
  return <div className={classes.lost} role="alert">The server cannot be reached. What is shown is what was last known; it is asked again by itself.</div>;
}

function SchemeMenu() {
  const { scheme, set, times } = useSettings();
  const icons = { auto: <IconSunMoon size={17} />, dark: <IconMoon size={17} />, light: <IconSun size={17} /> };
  const names: Record<SchemeChoice, string> = { auto: "As the system", dark: "Dark", light: "Light" };
  return (
    <Menu position="bottom-end" width={190}>
      <Menu.Target><Tooltip label="Look"><ActionIcon aria-label="Look: colours and times">{icons[scheme]}</ActionIcon></Tooltip></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Colours</Menu.Label>
        {(Object.keys(names) as SchemeChoice[]).map((name) => <Menu.Item key={name} leftSection={icons[name]} fw={scheme === name ? 650 : 400} onClick={() => set({ scheme: name })}>{names[name]}</Menu.Item>)}
        <Menu.Label>Times</Menu.Label>
        <Menu.Item leftSection={<IconGauge size={17} />} fw={times === "relative" ? 650 : 400} onClick={() => set({ times: "relative" })}>5 min ago</Menu.Item>
        <Menu.Item leftSection={<IconGauge size={17} />} fw={times === "absolute" ? 650 : 400} onClick={() => set({ times: "absolute" })}>On the clock</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
