// Line charts on a canvas, and sparklines. Draws only what it is given; fetches nothing.

const LIGHT = ["#b8620f", "#1f6fb2", "#2a8a5c", "#a63a86", "#6a57c4", "#b33b3b", "#5b7f1d", "#0f8a94", "#8a6d1a", "#52606f"];
const DARK = ["#f5b83d", "#5aa9e6", "#4ecb8f", "#e07bc4", "#a08bf2", "#ff8a80", "#a9cf5a", "#45c8d2", "#d8b974", "#9aa7b6"];

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The colour of the n-th series. */
export function color(index) {
  const palette = isDark() ? DARK : LIGHT;
  return palette[index % palette.length];
}

const SI = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A number for people: at most four digits that matter, with a unit. */
export function formatNumber(value, unit = "") {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  if (unit === "s") {
    if (size === 0) return "0 s";
    if (size < 1e-3) return `${trim(value * 1e6)} µs`;
    if (size < 1) return `${trim(value * 1e3)} ms`;
    if (size < 120) return `${trim(value)} s`;
    if (size < 7200) return `${trim(value / 60)} min`;
    return `${trim(value / 3600)} h`;
  }
  if (unit === "B") {
    let scaled = value, at = 0;
    while (Math.abs(scaled) >= 1024 && at < 5) { scaled /= 1024; at += 1; }
    return `${trim(scaled)} ${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][at]}`;
  }
  if (unit === "%") return `${size >= 0.1 ? trim(value * 100) : Number((value * 100).toFixed(1))} %`;
  if (unit === "$") return `$${size >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2)}`;
  for (const [factor, letter] of SI) if (size >= factor * (letter === "k" ? 10 : 1)) return trim(value / factor) + letter + suffix(unit);
  if (size !== 0 && size < 1e-3) return value.toExponential(2) + suffix(unit);
  return trim(value) + suffix(unit);
}

const suffix = (unit) => (unit ? ` ${unit}` : "");

function trim(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/** The unit that the name of a metric promises. */
export function unitOf(expression) {
  if (/\b(rate|irate|increase|deriv|count)\b/.test(expression) && !/_seconds(_bucket|_sum)?\b/.test(expression)) return "";
  if (/_seconds(_bucket)?\b/.test(expression)) return "s";
  if (/_bytes\b/.test(expression)) return "B";
  if (/_ratio\b/.test(expression)) return "%";
  return "";
}

function niceStep(span, count) {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  for (const factor of [1, 2, 2.5, 5, 10]) if (raw <= factor * power) return factor * power;
  return 10 * power;
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

function timeTicks(from, to, count) {
  const raw = (to - from) / count;
  const step = TIME_STEPS.find((s) => s >= raw) ?? TIME_STEPS.at(-1);
  const offset = new Date(from * 1000).getTimezoneOffset() * 60;
  const ticks = [];
  for (let t = Math.ceil((from - offset) / step) * step + offset; t <= to; t += step) ticks.push(t);
  return { ticks, step };
}

function timeText(time, step) {
  const date = new Date(time * 1000);
  const two = (n) => String(n).padStart(2, "0");
  if (step >= 86400 || (date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0)) {
    return date.toLocaleDateString("en", { month: "short", day: "numeric" });
  }
  const text = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return step < 60 ? `${text}:${two(date.getSeconds())}` : text;
}

/** A chart of lines with a crosshair, values under it, and zoom by dragging. */
export class LineChart {
  constructor(host, options = {}) {
    this.host = host;
    this.options = { unit: "", onZoom: null, area: false, ...options };
    this.series = [];
    this.hidden = new Set();
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    host.replaceChildren(this.canvas, this.tip);
    this.hover = null;
    this.drag = null;
    this.canvas.addEventListener("pointermove", (e) => this.moved(e));
    this.canvas.addEventListener("pointerleave", () => { this.hover = null; this.tip.hidden = true; this.draw(); });
    this.canvas.addEventListener("pointerdown", (e) => {
      if (!this.options.onZoom || e.button !== 0 || e.pointerType === "touch") return;
      this.drag = { from: this.timeAt(e), to: this.timeAt(e) };
      this.canvas.setPointerCapture(e.pointerId);
    });
    this.canvas.addEventListener("pointerup", () => this.released());
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** Shows series: `{ name, points: [[seconds, value], …] }` over a range of seconds. */
  show(series, from, to, step, label = "") {
    Object.assign(this, { series, from, to, step });
    this.canvas.setAttribute("aria-label", `${label || "Line chart"}: ${series.length} series. Use the arrow keys to read values.`);
    this.draw();
  }

  toggle(index, alone) {
    const all = this.series.map((_, i) => i);
    if (alone) {
      const only = this.hidden.size === all.length - 1 && !this.hidden.has(index);
      this.hidden = new Set(only ? [] : all.filter((i) => i !== index));
    } else if (!this.hidden.delete(index)) this.hidden.add(index);
    this.draw();
  }

  visible() { return this.series.map((s, i) => ({ ...s, index: i })).filter((s) => !this.hidden.has(s.index)); }

  timeAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    return this.from + ((x - this.left) / (this.right - this.left)) * (this.to - this.from);
  }

  moved(event) {
    if (!this.series.length) return;
    const time = Math.min(this.to, Math.max(this.from, this.timeAt(event)));
    if (this.drag) this.drag.to = time;
    const box = this.canvas.getBoundingClientRect();
    this.hover = { time, y: event.clientY - box.top };
    this.draw();
  }

  released() {
    const drag = this.drag;
    this.drag = null;
    if (drag && Math.abs(drag.to - drag.from) > (this.to - this.from) / 100) {
      this.options.onZoom(Math.min(drag.from, drag.to), Math.max(drag.from, drag.to));
    }
    this.draw();
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !this.series.length) return;
    event.preventDefault();
    const start = this.hover ? this.hover.time : (this.from + this.to) / 2;
    this.hover = { time: Math.min(this.to, Math.max(this.from, start + by * (this.step || 60) * (event.shiftKey ? 10 : 1))), y: null };
    this.draw();
  }

  draw() {
    const width = this.host.clientWidth, height = this.host.clientHeight;
    if (!width || !height || this.from === undefined) return;
    const ratio = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const c = this.canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    const css = getComputedStyle(document.documentElement);
    const ink = { grid: css.getPropertyValue("--grid"), faint: css.getPropertyValue("--faint"), line: css.getPropertyValue("--line-strong"), accent: css.getPropertyValue("--accent"), panel: css.getPropertyValue("--panel") };
    c.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
    const shown = this.visible();
    let low = Infinity, high = -Infinity;
    for (const s of shown) for (const [, v] of s.points) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
    if (low === Infinity) { low = 0; high = 1; }
    if (low >= 0 && low < high * 0.6) low = 0;
    if (low === high) { const pad = Math.abs(low) * 0.1 || 1; high += pad; low = low === 0 ? 0 : low - pad; }
    const step = niceStep(high - low, Math.max(2, Math.floor(height / 56)));
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
    const marks = [];
    for (let v = low; v <= high + step / 2; v += step) marks.push(Math.abs(v) < step / 1e6 ? 0 : v);
    const texts = marks.map((v) => formatNumber(v, this.options.unit));
    this.left = Math.ceil(Math.max(...texts.map((t) => c.measureText(t).width))) + 10;
    this.right = width - 8;
    const top = 8, bottom = height - 22;
    const x = (t) => this.left + ((t - this.from) / (this.to - this.from)) * (this.right - this.left);
    const y = (v) => bottom - ((v - low) / (high - low)) * (bottom - top);
    c.lineWidth = 1;
    c.textBaseline = "middle";
    c.textAlign = "right";
    marks.forEach((v, i) => {
      const at = Math.round(y(v)) + 0.5;
      c.strokeStyle = ink.grid;
      c.beginPath(); c.moveTo(this.left, at); c.lineTo(this.right, at); c.stroke();
      c.fillStyle = ink.faint;
      c.fillText(texts[i], this.left - 7, at);
    });
    const { ticks, step: tickStep } = timeTicks(this.from, this.to, Math.max(2, width / 110));
    c.textAlign = "center";
    for (const t of ticks) {
      const text = timeText(t, tickStep);
      const half = c.measureText(text).width / 2;
      c.fillText(text, Math.min(this.right - half, Math.max(this.left + half, x(t))), height - 8);
    }
    const gap = (this.step || 60) * 1.6;
    c.lineJoin = "round";
    for (const s of shown) {
      c.strokeStyle = color(s.index);
      c.lineWidth = shown.length > 30 ? 1 : 1.7;
      c.beginPath();
      let previous = null;
      for (const [t, v] of s.points) {
        if (!Number.isFinite(v)) { previous = null; continue; }
        if (previous === null || t - previous > gap) {
          // A point without neighbours would be invisible as a line.
          c.moveTo(x(t) - 0.8, y(v)); c.lineTo(x(t), y(v));
        } else c.lineTo(x(t), y(v));
        previous = t;
      }
      c.stroke();
      if (this.options.area && shown.length <= 3 && s.points.length > 1) {
        c.globalAlpha = 0.09;
        c.fillStyle = color(s.index);
        c.lineTo(x(s.points.at(-1)[0]), bottom); c.lineTo(x(s.points[0][0]), bottom);
        c.fill();
        c.globalAlpha = 1;
      }
    }
    if (this.drag) {
      c.globalAlpha = 0.15;
      c.fillStyle = ink.accent;
      c.fillRect(x(this.drag.from), top, x(this.drag.to) - x(this.drag.from), bottom - top);
      c.globalAlpha = 1;
    }
    this.point(c, x, y, shown, ink, top, bottom);
  }

  point(c, x, y, shown, ink, top, bottom) {
    if (!this.hover) { this.tip.hidden = true; return; }
    let time = null;
    const rows = [];
    for (const s of shown) {
      const p = nearest(s.points, this.hover.time);
      if (!p || Math.abs(p[0] - this.hover.time) > (this.step || 60) * 2) continue;
      if (time === null || Math.abs(p[0] - this.hover.time) < Math.abs(time - this.hover.time)) time = p[0];
      rows.push({ s, value: p[1] });
    }
    if (time === null) { this.tip.hidden = true; return; }
    const at = Math.round(x(time)) + 0.5;
    c.strokeStyle = ink.line;
    c.lineWidth = 1;
    c.beginPath(); c.moveTo(at, top); c.lineTo(at, bottom); c.stroke();
    for (const { s, value } of rows.slice(0, 60)) {
      if (!Number.isFinite(value)) continue;
      c.beginPath(); c.arc(at, y(value), 3.4, 0, 7); c.fillStyle = color(s.index); c.fill();
      c.strokeStyle = ink.panel; c.lineWidth = 1.4; c.stroke();
    }
    const near = this.hover.y === null ? null : rows.reduce((best, row) => (!best || Math.abs(y(row.value) - this.hover.y) < Math.abs(y(best.value) - this.hover.y) ? row : best), null);
    rows.sort((a, b) => b.value - a.value);
    let shownRows = rows.slice(0, 10);
    if (near && !shownRows.includes(near)) shownRows = [...rows.slice(0, 9), near];
    const when = document.createElement("div");
    when.className = "when";
    when.textContent = new Date(time * 1000).toLocaleString("en", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    this.tip.replaceChildren(when, ...shownRows.map(({ s, value }) => {
      const row = document.createElement("div");
      row.className = near && near.s === s && rows.length > 1 ? "row near" : "row";
      const swatch = document.createElement("i");
      swatch.className = "swatch";
      swatch.style.background = color(s.index);
      const name = document.createElement("span");
      name.textContent = s.name;
      const number = document.createElement("b");
      number.textContent = formatNumber(value, this.options.unit);
      row.append(swatch, name, number);
      return row;
    }));
    if (rows.length > shownRows.length) {
      const more = document.createElement("div");
      more.className = "when";
      more.textContent = `and ${rows.length - shownRows.length} more`;
      this.tip.append(more);
    }
    this.tip.hidden = false;
    const width = this.tip.offsetWidth, room = this.host.clientWidth;
    this.tip.style.left = `${at + 14 + width > room ? Math.max(0, at - width - 14) : at + 14}px`;
    this.tip.style.top = `${Math.max(0, Math.min((this.hover.y ?? 20) - 20, this.host.clientHeight - this.tip.offsetHeight))}px`;
  }
}

function nearest(points, time) {
  let low = 0, high = points.length - 1;
  if (high < 0) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < time) low = middle + 1; else high = middle;
  }
  const before = points[low - 1];
  return before && time - before[0] < points[low][0] - time ? before : points[low];
}

const SVG = "http://www.w3.org/2000/svg";

/** A line without axes. */
export function sparkline(points) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const finite = points.filter(([, v]) => Number.isFinite(v));
  if (finite.length < 2) return svg;
  const from = finite[0][0], to = finite.at(-1)[0];
  let low = Math.min(...finite.map((p) => p[1])), high = Math.max(...finite.map((p) => p[1]));
  if (low > 0 && low < high * 0.7) low = 0;
  if (high === low) { high += 1; low -= 1; }
  const at = ([t, v]) => `${(((t - from) / (to - from)) * 100).toFixed(2)},${(27 - ((v - low) / (high - low)) * 24).toFixed(2)}`;
  const path = finite.map(at).join(" L");
  for (const [name, d] of [["fill", `M${path} L100,30 L0,30 Z`], ["line", `M${path}`]]) {
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("class", name);
    shape.setAttribute("d", d);
    svg.append(shape);
  }
  return svg;
}
