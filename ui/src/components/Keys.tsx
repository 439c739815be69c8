/** The keyboard: what each key does, and a table of it under `?`. */

import { useEffect, useRef, useState } from "react";
import { useNavigate } from "@tanstack/react-router";
import { Modal } from "@mantine/core";
import { useRange } from "@/state/range";
import { moved, zoomedOut } from "@/state/time";
import { useSettings } from "@/state/settings";
import { openFinder } from "./Finder";
import { keepTimes, PLACES } from "./places";
import { TIME_PICKER_EVENT } from "./TimePicker";
import classes from "./Keys.module.css";

/** Keys that a page adds while it is there. */
export interface PageKey { key: string; says: string; run: () => void }
const pageKeys = new Set<readonly PageKey[]>();

export function usePageKeys(keys: readonly PageKey[]) {
  useEffect(() => {
    pageKeys.add(keys);
    return () => void pageKeys.delete(keys);
  }, [keys]);
}

const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest(".cm-editor") !== null);

export function Keys() {
  const [isOpen, setOpen] = useState(false);
  const navigate = useNavigate();
  const range = useRange();
  const { shown, set } = useSettings();
  // Outside of the effect: the time goes on between two keys.
  const afterG = useRef(0);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey && event.key.toLowerCase() === "k" || event.metaKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openFinder();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('[role="dialog"]')) return;
      const run = (action: () => void) => { event.preventDefault(); action(); };
      if (Date.now() - afterG.current < 1_200) {
        afterG.current = 0;
        const place = PLACES.find(({ key }) => key === event.key);
        if (place) run(() => void navigate({ to: place.to, search: keepTimes }));
        return;
      }
      const own = [...pageKeys].flat().find(({ key }) => key === event.key);
      if (own) {
        run(own.run);
        return;
      }
      switch (event.key) {
        case "g": afterG.current = Date.now(); break;
        case "/": run(openFinder); break;
        case "?": run(() => setOpen(true)); break;
        case "r": run(range.look); break;
        case "t": run(() => dispatchEvent(new Event(TIME_PICKER_EVENT))); break;
        case "[": run(() => range.setRange(moved(range.text, -1, Date.now()))); break;
        case "]": run(() => range.setRange(moved(range.text, 1, Date.now()))); break;
        case "-": run(() => range.setRange(zoomedOut(range.text, Date.now()))); break;
        case "D": run(() => set({ scheme: shown === "dark" ? "light" : "dark" })); break;
        default:
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [navigate, range, shown, set]);

  const here = [...pageKeys].flat();
  return (
    <Modal opened={isOpen} onClose={() => setOpen(false)} title="Keys" size="lg">
      <div className={classes.columns}>
        <List title="Everywhere" rows={[["/", "find anything (also Ctrl K)"], ["?", "this table"], ["t", "choose the time"], ["[  ]", "earlier, later"], ["-", "twice as long"], ["r", "look again"], ["Shift D", "dark or light"]]} />
        <List title="Go to" rows={PLACES.map(({ key, name }) => [`g ${key}`, name])} />
        {here.length > 0 && <List title="On this page" rows={here.map(({ key, says }) => [key, says])} />}
        <List title="In charts and tables" rows={[["← →", "move the cursor of a chart"], ["drag", "look closer"], ["↑ ↓", "from row to row"], ["Enter", "open a row"]]} />
      </div>
    </Modal>
  );
}

function List({ title, rows }: { title: string; rows: readonly (readonly [string, string])[] }) {
  return (
    <section>
      <h3 className={classes.title}>{title}</h3>
      <dl className={classes.list}>{rows.map(([key, says]) => <div key={key} className={classes.row}><dt>{key.split(" ").filter(Boolean).map((part) => <kbd key={part}>{part}</kbd>)}</dt><dd>{says}</dd></div>)}</dl>
    </section>
  );
}
