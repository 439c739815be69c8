/** Reads large answers away from the page: asks, parses, and gives columns of numbers back, which cost nothing to hand over. */

import { type Asked, columns, type FromWorker, type RawAnswer, samples, type ToWorker } from "./frames.shared";

interface Scope { postMessage: (message: FromWorker, transfer?: Transferable[]) => void; onmessage: ((event: MessageEvent<ToWorker>) => void) | null }
const scope = self as unknown as Scope;

const running = new Map<number, AbortController>();
/** So many rows are handed over at once: more would hold the page up. */
const ROWS_AT_ONCE = 400;
const SERIES_AT_ONCE = 200;
const PROGRESS_MS = 100;

scope.onmessage = ({ data }) => {
  if ("abort" in data) {
    running.get(data.id)?.abort();
    return;
  }
  void answer(data);
};

async function answer(asked: Asked): Promise<void> {
  const { id } = asked;
  const control = new AbortController();
  running.set(id, control);
  try {
    const response = await fetch(asked.path, { method: "POST", headers: { accept: "application/json" }, body: new URLSearchParams(asked.form), signal: control.signal });
    const { text, bytes } = await read(response, id);
    let parsed: RawAnswer;
    try {
      parsed = JSON.parse(text) as RawAnswer;
    } catch {
      scope.postMessage({ id, kind: "failed", message: response.ok ? "the answer is not JSON" : text.slice(0, 300) || response.statusText, status: response.ok ? 500 : response.status, errorType: "" });
      return;
    }
    if (!response.ok || parsed.status === "error") {
      scope.postMessage({ id, kind: "failed", message: parsed.error ?? `the server answered ${response.status} ${response.statusText}`, status: response.status, errorType: parsed.errorType ?? "" });
      return;
    }
    if (asked.kind === "range") give(asked, parsed);
    else {
      const rows = samples(parsed);
      for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) scope.postMessage({ id, kind: "samples", samples: rows.slice(from, from + ROWS_AT_ONCE) });
    }
    scope.postMessage({ id, kind: "done", notes: [...(parsed.warnings ?? []), ...(parsed.infos ?? [])], bytes, type: parsed.data?.resultType ?? "" });
  } catch (error) {
    if (control.signal.aborted) return;
    scope.postMessage({ id, kind: "failed", message: error instanceof TypeError ? "the server cannot be reached" : String(error), status: 0, errorType: "unreachable" });
  } finally {
    running.delete(id);
  }
}

function give(asked: Asked, parsed: RawAnswer): void {
  const { series, histograms } = columns(parsed, asked.start, asked.step, asked.count);
  for (let from = 0; from < series.length; from += SERIES_AT_ONCE) {
    const part = series.slice(from, from + SERIES_AT_ONCE);
    scope.postMessage({ id: asked.id, kind: "series", series: part, histograms: [] }, part.map((one) => one.values.buffer));
  }
  for (const one of histograms) {
    scope.postMessage({ id: asked.id, kind: "series", series: [], histograms: [one] }, [one.times.buffer, one.counts.buffer, one.sums.buffer, one.offsets.buffer, one.lows.buffer, one.highs.buffer, one.amounts.buffer]);
  }
}

/** The text, telling how much has come. */
async function read(response: Response, id: number): Promise<{ text: string; bytes: number }> {
  if (!response.body) {
    const text = await response.text();
    return { text, bytes: text.length };
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  let told = performance.now();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    parts.push(decoder.decode(value, { stream: true }));
    if (performance.now() - told > PROGRESS_MS) {
      told = performance.now();
      scope.postMessage({ id, kind: "progress", bytes });
    }
  }
  parts.push(decoder.decode());
  return { text: parts.join(""), bytes };
}
