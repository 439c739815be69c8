/** Values with Grafana's units. What is no known unit stands behind the number as it is. */

import { spokenDuration } from "@/lib/duration";

const nothing = "–";
const group = (text: string) => text.replace(/\B(?=(\d{3})+(?!\d))/g, " ");

/** Digits behind the point that show three significant ones. */
function number(value: number, decimals: number | undefined): string {
  const size = Math.abs(value);
  if (decimals !== undefined) { const text = value.toFixed(Math.min(Math.max(decimals, 0), 20)); return size >= 1e4 && size < 1e15 ? group(text.split(".")[0] ?? "") + (text.includes(".") ? `.${text.split(".")[1] ?? ""}` : "") : text; }
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-7) return value.toExponential(2);
  if (size >= 1000) return group(String(Math.round(value)));
  return String(Number(value.toPrecision(3)));
}

function scaled(value: number, base: number, steps: readonly string[], start: number, decimals: number | undefined, space = " "): string {
  let size = value;
  let step = start;
  while (Math.abs(size) >= base && step < steps.length - 1) { size /= base; step += 1; }
  while (Math.abs(size) < 1 && size !== 0 && step > start && step > 0) { size *= base; step -= 1; }
  if (step < steps.length - 1 && Number(Math.abs(size).toPrecision(3)) >= base) { size /= base; step += 1; }
  // Whole bytes have no digits behind the point.
  const digits = decimals !== undefined && step === start && Number.isInteger(size) && start === 0 && steps[0] === "B" ? 0 : decimals;
  const unit = steps[step] ?? "";
  return number(size, digits) + (unit === "" ? "" : space + unit);
}

const SHORT = ["", "K", "Mil", "Bil", "Tri", "Quadr", "Quint"];
const SI = ["", "k", "M", "G", "T", "P", "E"];
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const with_ = (steps: readonly string[], unit: string) => steps.map((step) => step + unit);

/** Seconds in the unit that suits their size. */
function seconds(value: number, decimals: number | undefined): string {
  const size = Math.abs(value);
  const [by, unit] = size === 0 ? [1, "s"] : size < 1e-6 ? [1e9, "ns"] : size < 1e-3 ? [1e6, "µs"] : size < 1 ? [1e3, "ms"] : size < 60 ? [1, "s"] : size < 3600 ? [1 / 60, "min"] : size < 86_400 ? [1 / 3600, "h"] : size < 604_800 ? [1 / 86_400, "days"] : size < 31_536_000 ? [1 / 604_800, "weeks"] : [1 / 31_536_000, "years"];
  // Digits that were meant for seconds say nothing of days.
  return `${number(value * by, decimals === 0 && size >= 60 ? 1 : decimals)} ${unit}`;
}

const SCALED: Readonly<Record<string, readonly [base: number, steps: readonly string[], start: number]>> = {
  short: [1000, SHORT, 0],
  bytes: [1024, with_(IEC, "B"), 0], kbytes: [1024, with_(IEC, "B"), 1], mbytes: [1024, with_(IEC, "B"), 2], gbytes: [1024, with_(IEC, "B"), 3], tbytes: [1024, with_(IEC, "B"), 4],
  decbytes: [1000, with_(SI, "B"), 0], deckbytes: [1000, with_(SI, "B"), 1], decmbytes: [1000, with_(SI, "B"), 2], decgbytes: [1000, with_(SI, "B"), 3],
  bits: [1024, with_(IEC, "b"), 0], decbits: [1000, with_(SI, "b"), 0],
  binBps: [1024, with_(IEC, "B/s"), 0], Bps: [1000, with_(SI, "B/s"), 0], binbps: [1024, with_(IEC, "b/s"), 0], bps: [1000, with_(SI, "b/s"), 0],
  KBs: [1000, with_(SI, "B/s"), 1], MBs: [1000, with_(SI, "B/s"), 2], GBs: [1000, with_(SI, "B/s"), 3], KiBs: [1024, with_(IEC, "B/s"), 1], MiBs: [1024, with_(IEC, "B/s"), 2],
  Kbits: [1000, with_(SI, "b/s"), 1], Mbits: [1000, with_(SI, "b/s"), 2], Gbits: [1000, with_(SI, "b/s"), 3], pps: [1000, with_(SI, "p/s"), 0],
  hertz: [1000, with_(SI, "Hz"), 0], watt: [1000, with_(SI, "W"), 0], kwatt: [1000, with_(SI, "W"), 1], volt: [1000, with_(SI, "V"), 0], amp: [1000, with_(SI, "A"), 0], joule: [1000, with_(SI, "J"), 0],
};
const RATES: Readonly<Record<string, string>> = { ops: "ops/s", reqps: "req/s", rps: "reads/s", wps: "writes/s", iops: "io/s", cps: "c/s", eps: "evt/s", mps: "msg/s", recps: "rec/s", opm: "ops/min", rpm: "reads/min", wpm: "writes/min", cpm: "c/min", mpm: "msg/min" };
const TIMES: Readonly<Record<string, number>> = { ns: 1e-9, "µs": 1e-6, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86_400, dtdurations: 1, dtdurationms: 1e-3, clocks: 1, clockms: 1e-3 };
const MONEY: Readonly<Record<string, string>> = { USD: "$", EUR: "€", GBP: "£", JPY: "¥", CHF: "CHF ", INR: "₹", CNY: "¥", KRW: "₩", BTC: "₿" };
const SUFFIXES: Readonly<Record<string, string>> = { celsius: " °C", fahrenheit: " °F", kelvin: " K", humidity: " %H", rotrpm: " rpm", lengthm: " m", dB: " dB", dBm: " dBm", degree: "°", rds: " reads/s", "read/s": " reads/s", "write/s": " writes/s", "io/s": " io/s" };

function moment(ms: number, form: string): string {
  const date = new Date(ms);
  if (!Number.isFinite(date.getTime())) return nothing;
  if (form === "dateTimeFromNow") return `${spokenDuration((Date.now() - ms) / 1000)} ago`;
  if (form === "dateTimeAsIso" || form === "iso") return date.toISOString().slice(0, 19).replace("T", " ");
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" }).format(date);
}

/** A value with its unit; `decimals`: digits behind the point, else three significant ones. */
export function formatUnit(value: number | null | undefined, unit = "", decimals?: number): string {
  if (value === null || value === undefined) return nothing;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = positive(Math.abs(value), value, unit, decimals);
  return value < 0 && !text.startsWith("−") && !text.startsWith("-") ? `−${text}` : text.replace(/^-/, "−");
}

function positive(size: number, value: number, unit: string, decimals: number | undefined): string {
  const scale = SCALED[unit];
  if (scale) return scaled(size, scale[0], scale[1], scale[2], decimals);
  const rate = RATES[unit];
  if (rate !== undefined) return scaled(size, 1000, with_(["", "K", "M", "G"], ` ${rate}`), 0, decimals, "").replace(/(\d)([KMG] )/, "$1 $2");
  const time = TIMES[unit];
  if (time !== undefined) return unit.startsWith("clock") ? clock(size * time) : seconds(size * time, decimals);
  if (unit.startsWith("currency")) {
    const name = unit.startsWith("currency:") ? unit.slice(9) : unit.slice(8);
    const sign = MONEY[name] ?? `${name} `;
    return sign + (size >= 10_000 ? scaled(size, 1000, ["", "K", "M", "B"], 0, decimals, "") : decimals === undefined && size >= 0.01 ? size.toFixed(2) : number(size, decimals));
  }
  if (unit.startsWith("time:")) return moment(value, unit.slice(5));
  if (unit.startsWith("suffix:")) return `${number(size, decimals)}${unit.slice(7)}`;
  if (unit.startsWith("prefix:")) return `${unit.slice(7)}${number(size, decimals)}`;
  if (unit.startsWith("si:")) return scaled(size, 1000, with_(SI, unit.slice(3)), 0, decimals);
  if (unit.startsWith("count:")) return `${scaled(size, 1000, SHORT, 0, decimals)} ${unit.slice(6)}`;
  switch (unit) {
    case "": case "none": return size >= 1e5 && Number.isInteger(size) ? group(String(size)) : decimals === undefined ? (size === 0 ? "0" : size < 1e-7 || size >= 1e15 ? size.toExponential(2) : String(Number(size.toPrecision(4)))) : number(size, decimals);
    case "percent": return `${number(size, decimals)} %`;
    case "percentunit": return `${number(size * 100, decimals)} %`;
    case "sci": return size.toExponential(decimals ?? 2);
    case "locale": return size.toLocaleString(undefined, decimals === undefined ? {} : { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    case "hex": return Math.round(size).toString(16).toUpperCase();
    case "hex0x": return `0x${Math.round(size).toString(16).toUpperCase()}`;
    case "bool": return size === 0 ? "false" : "true";
    case "bool_yes_no": return size === 0 ? "No" : "Yes";
    case "bool_on_off": return size === 0 ? "Off" : "On";
    case "string": return String(value);
    default: break;
  }
  if (unit.startsWith("dateTime")) return moment(value, unit);
  const suffix = SUFFIXES[unit];
  return suffix === undefined ? `${number(size, decimals)} ${unit}` : `${number(size, decimals)}${suffix}`;
}

function clock(size: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${two(size / 3600)}:${two((size / 60) % 60)}:${two(size % 60)}`;
}

/** What the editor offers. */
export const UNITS: readonly { group: string; items: readonly { value: string; label: string }[] }[] = [
  { group: "Numbers", items: [["short", "short (K, Mil)"], ["none", "none"], ["percent", "percent, 0–100"], ["percentunit", "percent, 0.0–1.0"], ["sci", "scientific"], ["locale", "with separators"], ["bool_yes_no", "yes or no"], ["bool_on_off", "on or off"]] },
  { group: "Bytes and bits", items: [["bytes", "bytes (1024)"], ["decbytes", "bytes (1000)"], ["bits", "bits (1024)"], ["decbits", "bits (1000)"], ["Bps", "bytes a second (1000)"], ["binBps", "bytes a second (1024)"], ["bps", "bits a second"], ["pps", "packets a second"]] },
  { group: "Rates", items: [["reqps", "requests a second"], ["ops", "operations a second"], ["rps", "reads a second"], ["wps", "writes a second"], ["iops", "io a second"], ["eps", "events a second"], ["cps", "counts a second"], ["opm", "operations a minute"]] },
  { group: "Time", items: [["s", "seconds"], ["ms", "milliseconds"], ["µs", "microseconds"], ["ns", "nanoseconds"], ["m", "minutes"], ["h", "hours"], ["d", "days"], ["dateTimeAsIso", "date and time"], ["dateTimeFromNow", "how long ago"]] },
  { group: "Money and heat", items: [["currencyUSD", "dollars"], ["currencyEUR", "euros"], ["currencyGBP", "pounds"], ["celsius", "°C"], ["watt", "watts"], ["hertz", "hertz"]] },
].map(({ group: name, items }) => ({ group: name, items: items.map(([value = "", label = ""]) => ({ value, label })) }));
