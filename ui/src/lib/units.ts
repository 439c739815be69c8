/** Numbers as people read them, by unit. Units are those of Prometheus' names and Grafana's ids. */

export type Unit =
  | "none" | "short" | "s" | "ms" | "bytes" | "bytes/s" | "bits/s" | "percent" | "ratio" | "per-second" | "dollars" | "tokens" | "count" | "timestamp" | "boolean" | "celsius";

const nothing = "–";

/** Significant digits without exponents up to a million millions. */
function plain(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-9) return value.toExponential(2);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(digits)));
}

function scaled(value: number, base: number, steps: readonly string[], space: string, digits?: number): string {
  let size = Math.abs(value);
  let step = 0;
  while (size >= base && step < steps.length - 1) {
    size /= base;
    step += 1;
  }
  // 999.6 k is 1 M when it is rounded.
  if (step < steps.length - 1 && Number(size.toPrecision(3)) >= base) {
    size /= base;
    step += 1;
  }
  const text = digits === undefined ? plain(size) : size.toFixed(digits);
  const unit = steps[step] ?? "";
  return `${value < 0 ? "−" : ""}${text}${unit === "" ? "" : space + unit}`;
}

const SHORT = ["", "k", "M", "G", "T", "P"];
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const BITS = ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"];

function seconds(value: number, digits?: number): string {
  const size = Math.abs(value);
  const with_ = (scale: number, unit: string) => `${digits === undefined ? plain(value * scale) : (value * scale).toFixed(digits)} ${unit}`;
  if (size === 0) return "0 s";
  if (size < 1e-6) return with_(1e9, "ns");
  if (size < 1e-3) return with_(1e6, "µs");
  if (size < 1) return with_(1e3, "ms");
  if (size < 120) return with_(1, "s");
  if (size < 7200) return with_(1 / 60, "min");
  if (size < 172_800) return with_(1 / 3600, "h");
  return with_(1 / 86_400, "d");
}

/** A value with its unit. `digits`: behind the point, else three significant ones. */
export function formatValue(value: number | null | undefined, unit: Unit = "short", digits?: number): string {
  if (value === null || value === undefined) return nothing;
  if (Number.isNaN(value)) return "NaN";
  if (value === Infinity) return "∞";
  if (value === -Infinity) return "−∞";
  const fixed = (number: number) => (digits === undefined ? plain(number) : number.toFixed(digits));
  switch (unit) {
    case "none": return digits === undefined ? String(Number(value.toPrecision(6))) : value.toFixed(digits);
    case "short": case "tokens": case "count": return scaled(value, 1000, SHORT, unit === "short" ? " " : " ", digits);
    case "s": return seconds(value, digits);
    case "ms": return seconds(value / 1000, digits);
    case "bytes": return scaled(value, 1024, BYTES, " ", digits);
    case "bytes/s": return `${scaled(value, 1024, BYTES, " ", digits)}/s`;
    case "bits/s": return scaled(value, 1000, BITS, " ", digits);
    case "percent": return `${fixed(value)} %`;
    case "ratio": return `${digits === undefined ? plain(value * 100) : (value * 100).toFixed(digits)} %`;
    case "per-second": return `${scaled(value, 1000, SHORT, " ", digits)}/s`;
    case "dollars": return `$${Math.abs(value) >= 1000 ? scaled(value, 1000, SHORT, "", digits) : Math.abs(value) >= 0.01 || value === 0 ? value.toFixed(digits ?? 2) : plain(value, 2)}`;
    case "timestamp": return new Date(value * 1000).toISOString().replace("T", " ").slice(0, 19);
    case "boolean": return value === 0 ? "no" : "yes";
    case "celsius": return `${fixed(value)} °C`;
  }
}

/** What a metric's name says of its unit, after the functions around it: a rate of bytes is bytes a second. */
export function unitOf(expression: string): Unit {
  const text = expression.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const isRate = /\b(rate|irate|deriv)\s*\(/.test(text);
  const isQuantile = /histogram_(quantile|avg|stddev)\s*\(/.test(text);
  const divides = /\)\s*\/\s*(?:on\s*\(|ignoring\s*\(|\(|sum|count|avg|min|max|[a-z_]+\()/i.test(text) || /\}\s*\/\s*[a-z_]/i.test(text);
  const names = [...text.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*(?=\s*[{[)]|\s*$|\s+[-+*/><=])/g)].map(([name]) => name);
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (isQuantile && has(/_seconds(_bucket)?$/)) return "s";
  if (/histogram_fraction\s*\(/.test(text)) return "ratio";
  if (divides && !isQuantile) {
    if (has(/_seconds_sum$/) && has(/_count$/)) return "s";
    if (has(/_ratio$|_total$|_count$|_bytes$|_limit$|_remaining$/)) return "ratio";
    return "short";
  }
  if (has(/_timestamp(_seconds)?$/)) return "timestamp";
  if (has(/_(bytes|bytes_total|size_bytes)$/)) return isRate ? "bytes/s" : "bytes";
  if (isRate) return has(/_seconds_total$|_seconds_sum$/) ? "short" : has(/dollars/) ? "dollars" : "per-second";
  if (/\bcount(_values)?\s*(by|without|\()/.test(text)) return "short";
  if (has(/_seconds(_total)?$/)) return "s";
  if (has(/_(ratio|share)$/)) return "ratio";
  if (has(/_percent$/)) return "percent";
  if (has(/dollars(_total)?$/)) return "dollars";
  if (has(/_celsius$/)) return "celsius";
  return "short";
}
