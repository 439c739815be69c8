/** What the cursor is over: the time and the values there, the nearest one first to the eye. Plain DOM, as it follows the mouse. */

import type uPlot from "uplot";
import type { ColoredSeries } from "./model";

const ROWS_MAX = 14;

interface TooltipOptions {
  rows: () => readonly ColoredSeries[];
  times: () => readonly number[];
  value: (value: number | null, series: ColoredSeries) => string;
  time: (seconds: number) => string;
  host: HTMLElement;
}

export function tooltipPlugin(options: TooltipOptions): uPlot.Plugin {
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  tip.hidden = true;
  let isOver = false;

  const show = (self: uPlot) => {
    const { idx, left = -10, top = -10 } = self.cursor;
    // Other charts of the page show their line only: one tooltip is enough.
    if (idx === null || idx === undefined || left < 0 || !isOver) {
      tip.hidden = true;
      return;
    }
    const wanted = self.posToVal(top, "left");
    const rows = options.rows().filter((one) => !one.isHidden && !one.isUnlisted).flatMap((one) => {
      const value = one.values[idx] ?? null;
      return value === null ? [] : [{ one, value }];
    });
    rows.sort((a, b) => b.value - a.value);
    const nearest = rows.reduce<(typeof rows)[number] | null>((best, row) => (best === null || Math.abs(row.value - wanted) < Math.abs(best.value - wanted) ? row : best), null);
    const at = nearest ? rows.indexOf(nearest) : 0;
    const first = Math.max(0, Math.min(at - Math.floor(ROWS_MAX / 2), rows.length - ROWS_MAX));
    const head = document.createElement("div");
    head.className = "chart-tip-time";
    head.textContent = options.time(options.times()[idx] ?? 0);
    const lines = rows.slice(first, first + ROWS_MAX).map((row) => {
      const line = document.createElement("div");
      line.className = row === nearest && rows.length > 1 ? "chart-tip-row near" : "chart-tip-row";
      const swatch = document.createElement("i");
      swatch.style.background = row.one.color;
      const name = document.createElement("span");
      name.textContent = row.one.name.length > 120 ? `${row.one.name.slice(0, 120)}…` : row.one.name;
      const value = document.createElement("b");
      value.textContent = options.value(row.one.toldValues ? row.one.toldValues[idx] ?? null : row.value, row.one);
      line.append(swatch, name, value);
      return line;
    });
    const rest = document.createElement("div");
    rest.className = "chart-tip-time";
    rest.textContent = rows.length > ROWS_MAX ? `${rows.length - ROWS_MAX} more` : rows.length === 0 ? "no value" : "";
    tip.replaceChildren(head, ...lines, ...(rest.textContent ? [rest] : []));
    tip.hidden = false;
    // Beside the cursor, on the side where there is room.
    const over = self.over.getBoundingClientRect();
    const host = options.host.getBoundingClientRect();
    const x = over.left - host.left + left;
    const width = tip.offsetWidth;
    const side = x + width + 24 > host.width && x > width + 24 ? x - width - 14 : x + 14;
    const y = Math.min(Math.max(0, top - tip.offsetHeight / 2), Math.max(0, host.height - tip.offsetHeight));
    tip.style.translate = `${Math.max(0, Math.min(side, host.width - width))}px ${y}px`;
  };

  return {
    hooks: {
      ready: [
        (self) => {
          options.host.append(tip);
          self.over.addEventListener("mouseenter", () => { isOver = true; });
          self.over.addEventListener("mouseleave", () => { isOver = false; tip.hidden = true; });
          options.host.addEventListener("focus", () => { isOver = options.host.matches(":focus-visible") || isOver; });
          options.host.addEventListener("blur", () => { isOver = false; tip.hidden = true; });
        },
      ],
      setCursor: [show],
      destroy: [() => tip.remove()],
    },
  };
}
