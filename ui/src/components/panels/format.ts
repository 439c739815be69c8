/** Values with Grafana's units. What is no known unit stands behind the number as it is. */

import { spokenDuration } from "@/lib/duration";
import { BINARY, COUNTED, FIXED, MONEY, SCALED, SECONDS, TIMES } from "./units";

const nothing = "–";
const group = (text: string) => text.replace(/\B(?=(\d{3})+(?!\d))/g, " ");
const DIGITS_MAX = 20;

/** Digits behind the point that show three significant ones, unless said otherwise. */
function number(size: number, decimals: number | undefined): string {
  const digits = decimals ?? (Number.isInteger(size) ? 0 : 2 - Math.floor(Math.log10(size)));
  const places = Math.min(Math.max(digits, 0), DIGITS_MAX);
  // Halves go up, as people count them: 11.35 is 11.4.
  const raised = Math.round(size * 10 ** places);
  const fixed = (Number.isSafeInteger(raised) ? raised / 10 ** places : size).toFixed(places);
  const text = decimals === undefined ? String(Number(fixed)) : fixed;
  if (size < 1e4 || text.includes("e")) return text;
  const [whole = "", part] = text.split(".");
  return group(whole) + (part === undefined ? "" : `.${part}`);
}

function scaled(size: number, base: number, steps: readonly string[], start: number, decimals: number | undefined, space = " "): string {
  const power = size === 0 ? 0 : Math.floor(Math.log10(size) / Math.log10(base) + 1e-12);
  let step = Math.min(Math.max(start + power, 0), steps.length - 1);
  let rest = size / base ** (step - start);
  // 999.6 K is 1 Mil when it is rounded.
  if (step < steps.length - 1 && Number(rest.toPrecision(3)) >= base) { rest /= base; step += 1; }
  // Whole bytes have no digits behind the point.
  const digits = steps[step] === "B" && Number.isInteger(rest) ? 0 : decimals;
  const unit = steps[step] ?? "";
  return number(rest, digits) + (unit === "" ? "" : space + unit);
}

const SHORT = ["", "K", "Mil", "Bil", "Tri", "Quadr", "Quint", "Sext", "Sept"];
const THOUSANDS = ["", "K", "M", "B", "T"];
const SI = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const SI_ONE = SI.indexOf("");
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const with_ = (steps: readonly string[], unit: string) => steps.map((step) => step + unit);
/** `B:2`: the unit, and the power that it begins with. */
const parted = (text: string): [string, number] => { const at = text.indexOf(":"); return at < 0 ? [text, 0] : [text.slice(0, at), Number(text.slice(at + 1))]; };

const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** A moment by a pattern such as `YYYY-MM-DD HH:mm`, on the clock of this computer. */
function patterned(date: Date, pattern: string): string {
  const hour = date.getHours();
  const [month, day] = [MONTHS[date.getMonth()] ?? "", DAYS[date.getDay()] ?? ""];
  const parts: Readonly<Record<string, string>> = {
    YYYY: String(date.getFullYear()), YY: two(date.getFullYear() % 100), MMMM: month, MMM: month.slice(0, 3), MM: two(date.getMonth() + 1), M: String(date.getMonth() + 1), DD: two(date.getDate()), D: String(date.getDate()), dddd: day, ddd: day.slice(0, 3),
    HH: two(hour), H: String(hour), hh: two(hour % 12 || 12), h: String(hour % 12 || 12), mm: two(date.getMinutes()), m: String(date.getMinutes()), ss: two(date.getSeconds()), s: String(date.getSeconds()), SSS: String(date.getMilliseconds()).padStart(3, "0"), A: hour < 12 ? "AM" : "PM", a: hour < 12 ? "am" : "pm",
  };
  return pattern.replace(/\[([^\]]*)\]|YYYY|YY|M{1,4}|DD?|d{3,4}|HH?|hh?|mm?|ss?|SSS|A|a/g, (token, literal: string | undefined) => literal ?? parts[token] ?? token);
}

function moment(ms: number, form: string): string {
  const date = new Date(ms);
  if (!Number.isFinite(date.getTime())) return nothing;
  if (form === "dateTimeFromNow") { const years = Math.round((Date.now() - ms) / 31_556_952_000); return `${years >= 2 ? `${years} years` : spokenDuration((Date.now() - ms) / 1000)} ago`; }
  if (form.startsWith("dateTimeAsIso") || form === "dateTimeAsSystem") return patterned(date, "YYYY-MM-DD HH:mm:ss");
  if (form.startsWith("dateTimeAsUS")) return patterned(date, "MM/DD/YYYY h:mm:ss a");
  if (form.startsWith("dateTime")) return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" }).format(date);
  return patterned(date, form);
}

const PARTS: readonly (readonly [number, string])[] = [[31_536_000, "year"], [2_592_000, "month"], [604_800, "week"], [86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"], [0.001, "millisecond"]];
/** `1 hour, 2 minutes`: the largest part, and as many more as digits are wanted. */
function duration(seconds: number, decimals = 0): string {
  const told: string[] = [];
  let rest = seconds;
  for (const [size, word] of PARTS) {
    if (told.length > decimals) break;
    if (told.length === 0 && rest / size < 1) continue;
    const count = Math.floor(rest / size + 1e-9);
    told.push(`${count} ${word}${count === 1 ? "" : "s"}`);
    rest -= count * size;
  }
  return told.join(", ");
}

/** `1h:02m:03s:004ms`; digits are how many parts stand behind the first. */
function clock(seconds: number, decimals: number | undefined): string {
  const ms = Math.floor(seconds * 1000 + 1e-6);
  const last = `${String(ms % 1000).padStart(3, "0")}ms`;
  const all = [`${two((ms / 60_000) % 60)}m`, `${two((ms / 1000) % 60)}s`, last];
  if (ms >= 3_600_000) return [`${Math.floor(ms / 3_600_000)}h`, ...all].slice(0, (decimals ?? 3) + 1).join(":");
  if (ms >= 60_000) return all.slice(0, (decimals ?? 2) + 1).join(":");
  return ms >= 1000 ? all.slice(1, decimals === 0 ? 2 : 3).join(":") : last;
}

const hms = (seconds: number) => `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;

function time(size: number, unit: string, decimals: number | undefined): string {
  if (size === 0) return `0 ${TIMES[unit]?.find(([, by]) => by === 1)?.[2] ?? unit}`;
  const [, by, word] = TIMES[unit]?.find(([below]) => size < below) ?? [0, 1, unit];
  return `${number(size / by, decimals)} ${word}`;
}

function money(size: number, name: string, decimals: number | undefined): string {
  const financial = /^financial:([^:]*)(?::(suffix))?$/.exec(name);
  if (financial) {
    const text = size.toLocaleString("en", { minimumFractionDigits: decimals ?? 0, maximumFractionDigits: decimals ?? 1 });
    return financial[2] ? text + (financial[1] ?? "") : (financial[1] ?? "") + text;
  }
  const known = MONEY.get(name) ?? name;
  const [sign, isBehind] = known.endsWith(".") ? [known.slice(0, -1), true] : [known, false];
  const text = scaled(size, 1000, THOUSANDS, 0, decimals, "");
  return isBehind ? `${text} ${sign}` : sign + text;
}

/** A value with its unit; `decimals`: digits behind the point, else three significant ones. */
export function formatUnit(value: number | null | undefined, unit = "", decimals?: number): string {
  if (value === null || value === undefined) return nothing;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = positive(Math.abs(value), value, unit, decimals);
  return value < 0 && !SAID.test(unit) && /[1-9]/.test(text) ? `−${text}` : text;
}
/** Moments have no sign, and durations say "ago". */
const SAID = /^(dateTime|time:|bool|dtd|dth|string)/;

/** Units with a word before a colon. */
function ownUnit(size: number, value: number, kind: string, rest: string, decimals: number | undefined): string | null {
  switch (kind) {
    case "time": return moment(value, rest);
    case "suffix": return `${number(size, decimals)}${rest}`;
    case "prefix": return `${rest}${number(size, decimals)}`;
    case "currency": return money(size, rest, decimals);
    case "count": return `${scaled(size, 1000, THOUSANDS, 0, decimals)} ${rest}`;
    case "bool": { const [yes = "", no = "-"] = rest.split("/"); return size === 0 ? no : yes; }
    case "si": {
      const power = SI.indexOf(rest.charAt(0).replace("μ", "µ")) - SI_ONE;
      const isPrefix = power > -SI_ONE - 1 && power !== 0 && rest.length > 0;
      return scaled(size, 1000, with_(SI, isPrefix ? rest.slice(1) : rest), SI_ONE + (isPrefix ? power : 0), decimals);
    }
    default: return null;
  }
}

function positive(size: number, value: number, unit: string, decimals: number | undefined): string {
  const colon = unit.indexOf(":");
  const own = colon > 0 ? ownUnit(size, value, unit.slice(0, colon), unit.slice(colon + 1), decimals) : null;
  if (own !== null) return own;
  const ago = value < 0 ? " ago" : "";
  switch (unit) {
    case "pressurepsi": return scaled(size, 1000, [" psi", " ksi", " Mpsi"], 0, decimals, "");
    case "": case "none": return number(size, decimals);
    case "string": return String(value);
    case "short": return scaled(size, 1000, SHORT, 0, decimals);
    case "percent": return `${number(size, decimals)} %`;
    case "percentunit": return `${number(size * 100, decimals)} %`;
    case "sci": return size.toExponential(decimals);
    case "locale": return size.toLocaleString(undefined, decimals === undefined ? {} : { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    case "hex": case "hex0x": return (unit === "hex" ? "" : "0x") + Number(number(size, decimals).replaceAll(" ", "")).toString(16).toUpperCase();
    case "bool": return size === 0 ? "False" : "True";
    case "bool_yes_no": return size === 0 ? "No" : "Yes";
    case "bool_on_off": return size === 0 ? "Off" : "On";
    case "dtdurations": case "dtdurationms": return size === 0 ? `0 ${unit === "dtdurations" ? "seconds" : "milliseconds"}` : duration(size * (SECONDS[unit] ?? 1), decimals) + ago;
    case "clocks": case "clockms": return clock(size * (SECONDS[unit] ?? 1), decimals);
    case "dthms": return hms(size) + ago;
    case "dtdhms": return (size >= 86_400 ? `${Math.floor(size / 86_400)} d ` : "") + hms(size % 86_400) + ago;
    case "timeticks": return time(size / 100, "s", decimals);
    case "us": return time(size, "µs", decimals);
    default: break;
  }
  if (unit in TIMES) return time(size, unit, decimals);
  const counted = COUNTED.get(unit);
  if (counted !== undefined) { return `${scaled(size, 1000, THOUSANDS, 0, decimals)} ${counted}`; }
  const binary = BINARY.get(unit);
  if (binary !== undefined) { const [name, power] = parted(binary); return scaled(size, 1024, with_(IEC, name), power, decimals); }
  const si = SCALED.get(unit);
  if (si !== undefined) { const [name, power] = parted(si); return scaled(size, 1000, with_(SI, name), SI_ONE + power, decimals); }
  if (unit.startsWith("currency")) return money(size, unit.slice(8), decimals);
  if (unit.startsWith("dateTime")) return moment(value, unit);
  const fixed = FIXED.get(unit) ?? unit;
  return `${number(size, decimals)}${fixed.startsWith("°") && fixed.length === 1 ? "" : " "}${fixed}`;
}

/** What the editor offers. */
export const UNITS: readonly { group: string; items: readonly { value: string; label: string }[] }[] = [
  { group: "Numbers", items: [["short", "short (K, Mil)"], ["none", "none"], ["percent", "percent, 0–100"], ["percentunit", "percent, 0.0–1.0"], ["sci", "scientific"], ["locale", "with separators"], ["bool_yes_no", "yes or no"], ["bool_on_off", "on or off"]] },
  { group: "Bytes and bits", items: [["bytes", "bytes (1024)"], ["decbytes", "bytes (1000)"], ["bits", "bits (1024)"], ["decbits", "bits (1000)"], ["Bps", "bytes a second (1000)"], ["binBps", "bytes a second (1024)"], ["bps", "bits a second"], ["pps", "packets a second"]] },
  { group: "Rates", items: [["reqps", "requests a second"], ["ops", "operations a second"], ["rps", "reads a second"], ["wps", "writes a second"], ["iops", "io a second"], ["eps", "events a second"], ["cps", "counts a second"], ["opm", "operations a minute"]] },
  { group: "Time", items: [["s", "seconds"], ["ms", "milliseconds"], ["µs", "microseconds"], ["ns", "nanoseconds"], ["m", "minutes"], ["h", "hours"], ["d", "days"], ["dateTimeAsIso", "date and time"], ["dateTimeFromNow", "how long ago"]] },
  { group: "Money and heat", items: [["currencyUSD", "dollars"], ["currencyEUR", "euros"], ["currencyGBP", "pounds"], ["celsius", "°C"], ["watt", "watts"], ["hertz", "hertz"]] },
].map(({ group: name, items }) => ({ group: name, items: items.map(([value = "", label = ""]) => ({ value, label })) }));
