/** The span of time that is looked at, how often it moves on, and in which zone times are told. */

import { useEffect, useMemo, useState } from "react";
import { ActionIcon, Button, Divider, Menu, Popover, Select, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronLeft, IconChevronRight, IconClock, IconRefresh, IconZoomOut } from "@tabler/icons-react";
import { durationText } from "@/lib/duration";
import { REFRESHES, useRange } from "@/state/range";
import { useSettings, useTimeFormat } from "@/state/settings";
import { isRelative, moved, parseTime, PRESETS, rangeText, zoomedOut } from "@/state/time";
import classes from "./TimePicker.module.css";

export const TIME_PICKER_EVENT = "bellwether:open-times";

export function TimePicker() {
  const range = useRange();
  const format = useTimeFormat();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const open = () => setOpen(true);
    addEventListener(TIME_PICKER_EVENT, open);
    return () => removeEventListener(TIME_PICKER_EVENT, open);
  }, []);
  const now = Date.now();
  const pace = isRelative(range.text) && range.refresh > 0 ? durationText(range.refresh * 1000) : "off";
  return (
    <div className={classes.picker} role="group" aria-label="Time">
      <Tooltip label="Earlier"><ActionIcon className={classes.wide} aria-label="Earlier" onClick={() => range.setRange(moved(range.text, -1, Date.now()))}><IconChevronLeft size={16} /></ActionIcon></Tooltip>
      <Popover opened={isOpen} onChange={setOpen} position="bottom-end" shadow="md" trapFocus returnFocus width={420}>
        <Popover.Target>
          <Button leftSection={<IconClock size={15} />} rightSection={<IconChevronDown size={13} />} onClick={() => setOpen((open) => !open)} aria-haspopup="dialog" aria-expanded={isOpen} data-testid="time-range">
            {rangeText(range.text, format.time, now)}
          </Button>
        </Popover.Target>
        <Popover.Dropdown p={0} aria-label="Choose the time"><Choices close={() => setOpen(false)} /></Popover.Dropdown>
      </Popover>
      <Tooltip label="Later"><ActionIcon className={classes.wide} aria-label="Later" disabled={range.text.to === "now"} onClick={() => range.setRange(moved(range.text, 1, Date.now()))}><IconChevronRight size={16} /></ActionIcon></Tooltip>
      <Tooltip label="Twice as long"><ActionIcon className={classes.wide} aria-label="Twice as long" onClick={() => range.setRange(zoomedOut(range.text, Date.now()))}><IconZoomOut size={16} /></ActionIcon></Tooltip>
      <Button.Group>
        <Tooltip label="Look again (r)"><Button px={8} aria-label="Look again" onClick={range.look}><IconRefresh size={15} /></Button></Tooltip>
        <Menu position="bottom-end">
          <Menu.Target><Button px={8} className={classes.wide} aria-label={`${pace}: how often it refreshes`}>{pace}</Button></Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>Refresh</Menu.Label>
            {REFRESHES.map((seconds) => (
              <Menu.Item key={seconds} onClick={() => range.setRefresh(seconds)} fw={range.refresh === seconds ? 650 : 400}>{seconds === 0 ? "Off" : `Every ${durationText(seconds * 1000)}`}</Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </Button.Group>
    </div>
  );
}

function Choices({ close }: { close: () => void }) {
  const range = useRange();
  const { timeZone, set } = useSettings();
  const format = useTimeFormat();
  const isPreset = range.text.to === "now" && range.text.from.startsWith("now-");
  const [from, setFrom] = useState(isPreset ? range.text.from : localText(range.fromMs, format.zone));
  const [to, setTo] = useState(range.text.to === "now" ? "now" : localText(range.toMs, format.zone));
  const zones = useMemo(() => ["local", "UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")], []);
  const fromMs = readLocal(from, format.zone);
  const toMs = readLocal(to, format.zone);
  const problem = (text: string, ms: number | null) => (ms === null ? `${text === "" ? "empty" : "not a time"}: now-6h, 2026-11-30 14:00 or 1764511200000` : null);
  const turned = fromMs !== null && toMs !== null && fromMs >= toMs ? "must be before the end" : null;
  const apply = () => {
    if (fromMs === null || toMs === null || turned) return;
    const text = (written: string, ms: number) => (written.trim().startsWith("now") ? written.trim() : String(ms));
    range.setRange({ from: text(from, fromMs), to: text(to, toMs) });
    close();
  };
  return (
    <div className={classes.choices}>
      <div className={classes.presets}>
        {PRESETS.map(([name, span]) => (
          <UnstyledButton key={span} className={`${classes.preset ?? ""} ${range.text.from === `now-${span}` && range.text.to === "now" ? classes.current ?? "" : ""}`} onClick={() => { range.setRange({ from: `now-${span}`, to: "now" }); close(); }}>{name}</UnstyledButton>
        ))}
      </div>
      <form className={classes.form} onSubmit={(event) => { event.preventDefault(); apply(); }}>
        <TextInput label="From" value={from} onChange={(event) => setFrom(event.currentTarget.value)} error={problem(from, fromMs) ?? turned} data-autofocus />
        <TextInput label="To" value={to} onChange={(event) => setTo(event.currentTarget.value)} error={problem(to, toMs)} />
        <Button type="submit" variant="filled" disabled={fromMs === null || toMs === null || turned !== null}>Apply</Button>
        <Divider />
        <Select label="Time zone" searchable limit={60} data={zones.map((zone) => ({ value: zone, label: zone === "local" ? `This computer (${Intl.DateTimeFormat().resolvedOptions().timeZone})` : zone }))} value={timeZone} onChange={(zone) => set({ timeZone: zone ?? "local" })} comboboxProps={{ withinPortal: false }} />
      </form>
    </div>
  );
}

/** `2026-11-30 14:03:20` in a zone. */
function localText(ms: number, zone: string): string {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  return parts.format(ms);
}

/** A text that may be a clock's time in the zone. */
function readLocal(text: string, zone: string): number | null {
  const trimmed = text.trim();
  const clock = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}:\d{2}(?::\d{2})?))?$/.exec(trimmed);
  if (!clock) return parseTime(trimmed, Date.now());
  const asUtc = Date.parse(`${clock[1] ?? ""}T${(clock[2] ?? "00:00").padStart(5, "0")}Z`);
  if (Number.isNaN(asUtc)) return null;
  // The zone's offset at about that time, twice, as it may change in between.
  const offset = (ms: number) => Date.parse(`${localText(ms, zone).replace(" ", "T")}Z`) - Math.floor(ms / 1000) * 1000;
  const first = asUtc - offset(asUtc);
  return asUtc - offset(first);
}
