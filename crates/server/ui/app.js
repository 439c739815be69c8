// The page: overview, explore, alerts, targets, storage, status. State lives in the hash of the URL.

import { LineChart, color, formatNumber, sparkline, unitOf } from "/assets/chart.js";

const $ = (id) => document.getElementById(id);
const RANGES = [["15m", 900], ["1h", 3600], ["3h", 10800], ["6h", 21600], ["12h", 43200], ["24h", 86400], ["7d", 604800]];
const VIEWS = ["overview", "explore", "alerts", "targets", "storage", "status"];
const REFRESH_MS = 10_000;
const SERIES_DRAWN_MAX = 200;

/* ---------- small tools ---------- */

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

async function ask(path, params, signal) {
  const body = params ? new URLSearchParams(params) : undefined;
  const response = await fetch(path, { method: body ? "POST" : "GET", body, signal, headers: { accept: "application/json" } });
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Error(`the server answered ${response.status} without JSON`);
  }
  if (answer.status === "error") throw new Error(answer.error);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return answer;
}

/** GET with parameters. */
const list = (path, params) => ask(`${path}?${new URLSearchParams(params)}`);

const now = () => Date.now() / 1000;

function quoted(value) { return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`; }

function seriesName(labels) {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([k, v]) => `${/^[a-zA-Z_]\w*$/.test(k) ? k : quoted(k)}=${quoted(v)}`);
  return pairs.length ? `${name}{${pairs.join(", ")}}` : name || "{}";
}

function ago(seconds) {
  const age = Math.max(0, now() - seconds);
  if (age < 90) return `${Math.round(age)} s ago`;
  if (age < 5400) return `${Math.round(age / 60)} min ago`;
  if (age < 172800) return `${Math.round(age / 3600)} h ago`;
  return `${Math.round(age / 86400)} d ago`;
}

/** Evaluates over a range and gives back series of points. */
async function rangeQuery(expression, from, to, points, signal) {
  const step = Math.max(1, Math.ceil((to - from) / points));
  const end = Math.floor(to / step) * step;
  const answer = await ask("/api/v1/query_range", { query: expression, start: end - (to - from), end, step }, signal);
  const series = answer.data.result.map((one) => ({
    labels: one.metric,
    name: seriesName(one.metric),
    points: (one.values ?? one.histograms?.map(([t, h]) => [t, h.count]) ?? []).map(([t, v]) => [t, Number(v === "+Inf" ? Infinity : v === "-Inf" ? -Infinity : v)]),
  }));
  return { series, from: end - (to - from), to: end, step, warnings: [...(answer.warnings ?? []), ...(answer.infos ?? [])] };
}

function segmented(host, items, current, choose) {
  host.replaceChildren(...items.map(([text, value]) => el("button", { type: "button", text, "aria-pressed": String(value === current), onclick: () => choose(value) })));
}

/* ---------- state in the hash ---------- */

function readHash() {
  const [view, query = ""] = location.hash.slice(1).split("?");
  const params = new URLSearchParams(query);
  return { view: VIEWS.includes(view) ? view : null, params };
}

/** Where a bookmark of Prometheus' page leads. */
function fromPath() {
  const search = new URLSearchParams(location.search);
  const expression = search.get("g0.expr") ?? search.get("expr");
  if (expression) return exploreLink(expression, search.get("g0.range_input") ?? "1h", search.get("g0.tab") === "1" ? "table" : "graph");
  const known = { "/targets": "#targets", "/service-discovery": "#targets", "/graph": "#explore", "/query": "#explore", "/explore": "#explore", "/alerts": "#alerts", "/rules": "#alerts", "/status": "#status", "/flags": "#status", "/config": "#status", "/tsdb-status": "#storage" };
  return known[location.pathname] ?? "#overview";
}

function exploreLink(expression, range = "1h", mode = "graph") {
  return `#explore?${new URLSearchParams({ expr: expression, range, mode })}`;
}

function setParams(view, params) {
  const hash = `#${view}?${new URLSearchParams(params)}`;
  if (hash !== location.hash) history.replaceState(null, "", hash);
}

/* ---------- health ---------- */

let lastStatus = null;

async function refreshStatus() {
  try {
    const response = await fetch("/api/bellwether/v1/status");
    lastStatus = await response.json();
    if (!response.ok) throw new Error(lastStatus.error ?? response.status);
    const { state, targets } = lastStatus;
    const down = targets?.down ?? 0;
    $("health").className = `health ${state !== "ready" ? "warn" : down ? "bad" : "good"}`;
    $("health-text").textContent = state !== "ready" ? state : down ? `${down} of ${targets.up + down + targets.unknown} targets down` : targets && targets.up ? `ready, ${targets.up} target${targets.up === 1 ? "" : "s"} up` : "ready";
    $("notice").hidden = true;
  } catch (error) {
    $("health").className = "health bad";
    $("health-text").textContent = "unreachable";
    $("notice").textContent = `The server cannot be reached: ${error.message}. This page tries again every 10 seconds.`;
    $("notice").hidden = false;
  }
  $("clock").textContent = `updated ${new Date().toLocaleTimeString("en", { hour12: false })}`;
}

/* ---------- overview ---------- */

const P95 = (metric, by = "") => `histogram_quantile(0.95, sum by (le${by}) (rate(${metric}_bucket[5m])))`;
const CALLS = "sum by (gen_ai_provider_name) (rate(gen_ai_client_operation_duration_seconds_count[5m]))";
const TTFT = P95("gen_ai_server_time_to_first_token_seconds", ", gen_ai_provider_name");

const DEMO_TILES = [
  { name: "Requests", unit: "/s", query: "sum(rate(demo_requests_total[5m]))" },
  { name: "Response time p95", unit: "s", query: P95("demo_request_duration_seconds"), limit: 10 },
  { name: "Time to first token p95", unit: "s", query: P95("gen_ai_server_time_to_first_token_seconds"), limit: 5 },
  { name: "Failed requests", unit: "%", query: 'sum(rate(demo_requests_total{outcome!="ok"}[5m])) / sum(rate(demo_requests_total[5m])) or vector(0)', limit: 0.05 },
  { name: "Queue depth", unit: "", query: "sum(worker_pool_tasks_waiting)" },
  { name: "Workers busy", unit: "%", query: "sum(worker_pool_tasks_running) / sum(worker_pool_workers)", limit: 0.95 },
  { name: "Tokens", unit: "/s", query: "sum(rate(gen_ai_client_inference_usage_input_tokens_total[5m])) + sum(rate(gen_ai_client_inference_usage_output_tokens_total[5m]))" },
  { name: "Cost per hour", unit: "$", query: "sum(rate(gen_ai_client_cost_dollars_total[5m])) * 3600" },
];

const PLAIN_TILES = [
  { name: "Targets up", unit: "", query: "sum(up)", link: "#targets" },
  { name: "Samples scraped", unit: "", query: "sum(scrape_samples_scraped)" },
  { name: "Slowest scrape", unit: "s", query: "max(scrape_duration_seconds)" },
  { name: "Own requests", unit: "/s", query: "sum(rate(bellwether_http_requests_total[5m]))" },
];

const overview = { range: 3600, rangeName: "1h", charts: {} };

function chart(id, options) {
  overview.charts[id] ??= new LineChart($(id), options);
  return overview.charts[id];
}

function tile(spec, data, failed) {
  const points = data?.series[0]?.points ?? [];
  const last = points.at(-1)?.[1];
  const unit = spec.unit === "/s" ? "" : spec.unit;
  const text = formatNumber(last, unit);
  const value = el("div", { class: "value", text });
  if (spec.unit === "/s" && text !== "–") value.append(el("small", { text: "/s" }));
  const over = spec.limit !== undefined && last > spec.limit;
  const node = el("a", { class: over ? "tile bad" : "tile", href: spec.link ?? exploreLink(spec.query, overview.rangeName) }, el("div", { class: "name", text: spec.name }), value);
  if (failed) node.append(el("div", { class: "hint", text: "no answer" }));
  else node.append(sparkline(points));
  return node;
}

async function tiles(specs, from, to) {
  const answers = await Promise.allSettled(specs.map((spec) => rangeQuery(spec.query, from, to, 90)));
  return specs.map((spec, i) => tile(spec, answers[i].value, answers[i].status === "rejected"));
}

async function instant(expression) {
  const answer = await ask("/api/v1/query", { query: expression });
  return answer.data.result;
}

const byLabel = (result, label) => new Map(result.map((one) => [one.metric[label] ?? "", Number(one.value[1])]));

async function renderOverview() {
  segmented($("overview-range"), RANGES.slice(1, 6), overview.range, (seconds) => {
    overview.range = seconds;
    overview.rangeName = RANGES.find(([, s]) => s === seconds)[0];
    setParams("overview", { range: overview.rangeName });
    renderOverview();
  });
  const to = now(), from = to - overview.range;
  const hasDemo = await instant("count(demo_requests_total)").then((r) => r.length > 0, () => false);
  $("overview-sub").textContent = hasDemo ? "A sample AI service, its providers, tools and workers: live, with faults that come and go." : "What is collected here, at a glance.";
  $("demo").hidden = !hasDemo;
  $("plain").hidden = hasDemo;
  $("tiles").replaceChildren(...(await tiles(hasDemo ? DEMO_TILES : PLAIN_TILES, from, to)));
  const draw = async (id, expression, options, label) => {
    const data = await rangeQuery(expression, from, to, 240);
    for (const one of data.series) one.name = label ? one.labels[label] ?? "all" : one.name;
    const host = chart(id, options);
    host.show(data.series, data.from, data.to, data.step, expression);
    inlineLegend($(id), host);
  };
  const work = [renderTargetsShort(), renderLargest()];
  if (hasDemo) {
    $("open-calls").href = exploreLink(CALLS, overview.rangeName);
    $("open-ttft").href = exploreLink(TTFT, overview.rangeName);
    work.push(draw("chart-calls", CALLS, {}, "gen_ai_provider_name"), draw("chart-ttft", TTFT, { unit: "s" }, "gen_ai_provider_name"), renderProviders(), renderTools(), renderFaults());
  } else {
    work.push(draw("chart-up", "sum by (job) (up)", {}, "job"), draw("chart-scraped", "sum by (job) (scrape_samples_scraped)", {}, "job"));
  }
  await Promise.allSettled(work);
}

function inlineLegend(host, lines) {
  host.nextElementSibling?.classList.contains("legend") && host.nextElementSibling.remove();
  const legend = el("div", { class: "legend inline" });
  lines.series.slice(0, 12).forEach((series, index) => {
    const swatch = el("i", { class: "swatch" });
    swatch.style.background = color(index);
    legend.append(el("button", { type: "button", "aria-pressed": String(!lines.hidden.has(index)), onclick: () => { lines.toggle(index); inlineLegend(host, lines); } }, swatch, el("span", { text: series.name })));
  });
  host.after(legend);
}

function table(columns, rows) {
  const head = el("tr", {}, ...columns.map((c) => el("th", { class: c.num ? "num" : "", scope: "col", text: c.name })));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, i) => el("td", { class: columns[i].num ? "num" : columns[i].class ?? "" }, ...[cell].flat()))));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
}

async function renderProviders() {
  const P = "gen_ai_provider_name";
  const [unwell, calls, failed, ttft, quota, cost] = await Promise.all([
    instant('max by (probe, state) (health_probe_state{probe=~"provider/.+",state=~"down|degraded"}) == 1').catch(() => []),
    instant(CALLS), instant(`sum by (${P}) (rate(gen_ai_client_operation_duration_seconds_count{error_type!=""}[5m]))`),
    instant(TTFT),
    // Of requests and of tokens: what is used up first counts.
    instant(`min by (${P}) (gen_ai_client_rate_limit_remaining / gen_ai_client_rate_limit_limit)`).catch(() => []),
    instant(`sum by (${P}) (rate(gen_ai_client_cost_dollars_total[5m])) * 3600`).catch(() => []),
  ]);
  const errors = byLabel(failed, P), first = byLabel(ttft, P), left = byLabel(quota, P), money = byLabel(cost, P);
  const isIn = (name, state) => unwell.some((one) => one.metric.probe === `provider/${name}` && one.metric.state === state);
  const rows = calls.map((one) => {
    const name = one.metric[P], rate = Number(one.value[1]), share = (errors.get(name) ?? 0) / rate;
    const state = isIn(name, "down") ? "bad" : isIn(name, "degraded") || share > 0.05 || (first.get(name) ?? 0) > 5 ? "warn" : "good";
    return [[el("i", { class: `dot ${state}` }), name], `${formatNumber(rate)}/s`, el("span", { class: share > 0.05 ? "pill bad" : "pill", text: formatNumber(share, "%") }), formatNumber(first.get(name), "s"), left.has(name) ? formatNumber(left.get(name), "%") : "–", formatNumber(money.get(name), "$")];
  });
  $("providers").replaceChildren(table([{ name: "Provider", class: "nowrap" }, { name: "Calls", num: true }, { name: "Errors", num: true }, { name: "First token p95", num: true }, { name: "Quota left", num: true }, { name: "Per hour", num: true }], rows));
}

async function renderTools() {
  const T = "gen_ai_tool_name";
  const [calls, failed, slow] = await Promise.all([
    instant(`sum by (${T}) (rate(gen_ai_execute_tool_duration_seconds_count[5m]))`),
    instant(`sum by (${T}) (rate(gen_ai_execute_tool_duration_seconds_count{error_type!=""}[5m]))`),
    instant(P95("gen_ai_execute_tool_duration_seconds", `, ${T}`)),
  ]);
  const errors = byLabel(failed, T), p95 = byLabel(slow, T);
  const rows = calls.map((one) => {
    const name = one.metric[T], rate = Number(one.value[1]), share = (errors.get(name) ?? 0) / rate;
    return [[el("i", { class: `dot ${share > 0.1 ? "bad" : share > 0.03 ? "warn" : "good"}` }), name], `${formatNumber(rate)}/s`, el("span", { class: share > 0.1 ? "pill bad" : "pill", text: formatNumber(share, "%") }), formatNumber(p95.get(name), "s")];
  });
  $("tools").replaceChildren(table([{ name: "Tool", class: "nowrap" }, { name: "Calls", num: true }, { name: "Failed", num: true }, { name: "Time p95", num: true }], rows));
}

async function renderFaults() {
  const active = (await instant("demo_fault_active > 0")).map((one) => one.metric);
  $("faults").replaceChildren(...(active.length ? active.map((fault) => el("span", { class: "pill bad", text: (fault.fault ?? fault.kind ?? fault.name ?? "fault").replaceAll("_", " ") + (fault.target ? `: ${fault.target}` : "") })) : [el("span", { class: "pill good", text: "no fault active" })]));
}

async function renderTargetsShort() {
  const { data } = await ask("/api/v1/targets?state=active");
  const targets = [...data.activeTargets].sort((a, b) => Number(a.health === "up") - Number(b.health === "up")).slice(0, 6);
  if (!targets.length) {
    $("targets-short").replaceChildren(el("p", { class: "empty", text: "Nothing is scraped. Add scrape_configs to the configuration, or send data to /api/v1/write or /v1/metrics." }));
    return;
  }
  $("targets-short").replaceChildren(table([{ name: "Job", class: "nowrap" }, { name: "Instance", class: "mono" }, { name: "Last scrape", num: true }, { name: "Took", num: true }], targets.map((t) => [[el("i", { class: `dot ${healthClass(t.health)}`, title: t.health }), t.scrapePool], t.labels.instance ?? t.scrapeUrl, lastScrape(t), formatNumber(t.lastScrapeDuration, "s")])));
}

async function renderLargest() {
  const { data } = await ask("/api/v1/status/tsdb?limit=6");
  $("largest").replaceChildren(bars(data.seriesCountByMetricName, (name) => exploreLink(/^[a-zA-Z_:][\w:]*$/.test(name) ? name : `{${quoted(name)}}`)));
}

function bars(entries, link) {
  const top = Math.max(1, ...entries.map((e) => e.value));
  if (!entries.length) return el("p", { class: "empty", text: "Nothing yet." });
  return el("div", { class: "bars" }, ...entries.map((entry) => {
    const fill = el("i");
    fill.style.width = `${(entry.value / top) * 100}%`;
    const name = link ? el("span", {}, el("a", { href: link(entry.name), text: entry.name, title: entry.name })) : el("span", { text: entry.name, title: entry.name });
    return el("div", { class: "bar-row" }, name, el("span", { text: entry.value.toLocaleString("en") }), el("div", { class: "track" }, fill));
  }));
}

/* ---------- alerts ---------- */

const severityClass = (severity) => ({ critical: "bad", error: "bad", page: "bad", warning: "warn" })[severity] ?? "";
const SEVERITIES = ["critical", "page", "error", "warning", "info"];
const urgency = (labels) => { const at = SEVERITIES.indexOf(labels.severity); return at < 0 ? SEVERITIES.length : at; };

async function activeAlerts() {
  const response = await fetch("/am/api/v2/alerts");
  if (!response.ok) throw new Error(`alerts: the server answered ${response.status}`);
  return response.json();
}

async function refreshAlertCount() {
  try {
    const count = (await activeAlerts()).filter((a) => a.status.state === "active").length;
    $("alert-count").textContent = String(count);
    $("alert-count").hidden = count === 0;
  } catch {
    $("alert-count").hidden = true;
  }
}

async function acknowledge(alert) {
  const by = prompt("Who is on it?", localStorage.getItem("who") ?? "");
  if (!by) return;
  localStorage.setItem("who", by);
  const body = JSON.stringify({ fingerprint: alert.fingerprint, by, comment: "acknowledged on the page" });
  const response = await fetch("/api/bellwether/v1/acknowledgements", { method: "POST", body, headers: { "content-type": "application/json" } });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error ?? `the server answered ${response.status}`);
  await renderAlerts();
}

function alertRow(alert, acknowledged) {
  const { alertname = "(no name)", severity, ...labels } = alert.labels;
  const texts = [el("b", { text: alertname }), el("small", { text: alert.annotations.summary ?? alert.annotations.description ?? "" }), labelChips(labels)];
  const by = acknowledged.get(alert.fingerprint);
  const state = by ? `acknowledged by ${by}` : alert.state;
  const actions = [];
  if (alert.annotations.evidence) actions.push(el("a", { class: "ghost", href: alert.annotations.evidence, text: "Evidence" }));
  if (alert.annotations.runbook_url?.startsWith("http")) actions.push(el("a", { class: "ghost", href: alert.annotations.runbook_url, text: "Runbook" }));
  if (alert.state === "active" && !by) actions.push(el("button", { class: "ghost", type: "button", text: "Acknowledge", onclick: () => acknowledge(alert).catch((error) => { $("notice").textContent = error.message; $("notice").hidden = false; }) }));
  return [el("span", { class: `pill ${severityClass(severity)}`, text: severity ?? "–" }), el("div", { class: "what" }, ...texts, el("div", { class: "actions" }, ...actions)), state, ago(Date.parse(alert.startsAt) / 1000)];
}

async function renderAlerts() {
  const since = now() - 86400;
  const [active, pending, acks, timeline, rules] = await Promise.all([
    activeAlerts(), ask("/api/v1/alerts").then((a) => a.data.alerts.filter((one) => one.state === "pending")),
    ask("/api/bellwether/v1/acknowledgements").then((a) => a.data.acknowledgements),
    list("/api/bellwether/v1/timeline", { start: since, limit: 200 }).then((a) => a.data.rows), ask("/api/v1/rules").then((a) => a.data.groups),
  ]);
  const acknowledged = new Map(acks.map((ack) => [ack.fingerprint, ack.by]));
  const firing = active.map((a) => ({ ...a, state: a.status.state === "suppressed" ? (a.status.silencedBy.length ? "silenced" : "inhibited") : "active" })).sort((a, b) => urgency(a.labels) - urgency(b.labels));
  const waiting = pending.map((a) => ({ ...a, startsAt: a.activeAt }));
  const count = rules.reduce((sum, group) => sum + group.rules.length, 0);
  $("alerts-sub").textContent = count || firing.length ? `${firing.length} firing, ${waiting.length} pending; ${count} rules in ${rules.length} group${rules.length === 1 ? "" : "s"}.` : "No rules are loaded. Name rule files under rule_files in the configuration, or send alerts to /am.";
  const rows = [...firing, ...waiting].slice(0, 500).map((alert) => alertRow(alert, acknowledged));
  $("alerts-active").replaceChildren(rows.length ? table([{ name: "Severity" }, { name: "Alert" }, { name: "State", class: "nowrap" }, { name: "Since", class: "nowrap" }], rows) : el("p", { class: "empty", text: "Nothing fires." }));
  const happened = timeline.slice(0, 50).map((row) => [new Date(row.time * 1000).toLocaleTimeString("en", { hour12: false }), el("span", { class: `pill ${({ firing: "bad", notify_failed: "bad", pending: "warn", resolved: "good", notified: "good" })[row.kind] ?? ""}`, text: row.kind.replaceAll("_", " ") }), el("div", { class: "what" }, el("b", { text: row.labels.alertname ?? "" }), el("small", { text: row.cause ?? "" })), row.receiver ?? ""]);
  $("alerts-timeline").replaceChildren(happened.length ? table([{ name: "Time", class: "nowrap" }, { name: "What" }, { name: "Alert" }, { name: "Receiver", class: "nowrap" }], happened) : el("p", { class: "empty", text: "Nothing yet." }));
  $("alerts-rules").replaceChildren(...rules.slice(0, 100).map(ruleGroup));
  refreshAlertCount();
}

function ruleGroup(group) {
  const rows = group.rules.map((rule) => [el("span", { class: `pill ${rule.health === "err" ? "bad" : ({ firing: "bad", pending: "warn" })[rule.state] ?? "good"}`, text: rule.health === "err" ? "failed" : rule.state ?? "recorded" }), el("div", { class: "what" }, el("b", { text: rule.name }), el("small", {}, el("a", { class: "mono", href: exploreLink(rule.query), text: rule.query }))), rule.lastError ?? "", formatNumber(rule.evaluationTime, "s")]);
  return el("article", { class: "card" }, el("header", {}, el("h2", { text: group.name }), el("span", { class: "sub", text: `every ${formatNumber(group.interval, "s")}` })), el("div", { class: "scroll" }, table([{ name: "State" }, { name: "Rule" }, { name: "Error", class: "error-text" }, { name: "Took", num: true }], rows)));
}

/* ---------- targets ---------- */

const healthClass = (health) => ({ up: "good", down: "bad" })[health] ?? "warn";
const lastScrape = (t) => (t.lastScrape.startsWith("0001") ? "never" : ago(Date.parse(t.lastScrape) / 1000));

function labelChips(labels) {
  return el("div", { class: "labels" }, ...Object.entries(labels).filter(([name]) => name !== "job").map(([name, value]) => el("span", {}, el("i", { text: `${name}=` }), value)));
}

const targetsView = { state: "all", filter: "" };

async function renderTargets() {
  const { data } = await ask("/api/v1/targets");
  const all = data.activeTargets;
  const up = all.filter((t) => t.health === "up").length;
  const dropped = Object.values(data.droppedTargetCounts ?? {}).reduce((a, b) => a + b, 0);
  $("targets-sub").textContent = all.length ? `${up} of ${all.length} up${dropped ? `, ${dropped} dropped by relabelling` : ""}.` : "Nothing is scraped yet.";
  for (const button of $("target-state").children) {
    button.setAttribute("aria-pressed", String(button.dataset.state === targetsView.state));
    button.onclick = () => { targetsView.state = button.dataset.state; renderTargets(); };
  }
  const text = targetsView.filter.toLowerCase();
  const shown = all.filter((t) => (targetsView.state === "all" || (targetsView.state === "up") === (t.health === "up")) && (!text || `${t.scrapePool} ${t.scrapeUrl} ${JSON.stringify(t.labels)}`.toLowerCase().includes(text)));
  const pools = Map.groupBy ? Map.groupBy(shown, (t) => t.scrapePool) : shown.reduce((m, t) => m.set(t.scrapePool, [...(m.get(t.scrapePool) ?? []), t]), new Map());
  const problems = (lastStatus?.targets?.problems ?? []).map((p) => el("p", { class: "error", text: `${p.pool}: ${p.text}` }));
  const cards = [...pools].map(([pool, targets]) => {
    const good = targets.filter((t) => t.health === "up").length;
    const columns = [{ name: "Endpoint", class: "mono" }, { name: "State" }, { name: "Labels" }, { name: "Last scrape", num: true }, { name: "Took", num: true }, { name: "Every", num: true }, { name: "Error", class: "error-text" }];
    const rows = targets.map((t) => [t.scrapeUrl, el("span", { class: `pill ${healthClass(t.health)}`, text: t.health }), labelChips(t.labels), lastScrape(t), formatNumber(t.lastScrapeDuration, "s"), t.scrapeInterval, t.lastError]);
    return el("article", { class: "card pool" }, el("header", {}, el("h2", { text: pool }), el("span", { class: `pill ${good === targets.length ? "good" : "bad"}`, text: `${good} / ${targets.length} up` })), el("div", { class: "scroll" }, table(columns, rows)));
  });
  const empty = cards.length ? [] : [el("article", { class: "card" }, el("p", { class: "empty", text: all.length ? "No target fits the filter." : "Add scrape_configs to the configuration, or send data to /api/v1/write or /v1/metrics." }))];
  $("target-pools").replaceChildren(...problems, ...cards, ...empty);
}

/* ---------- storage ---------- */

async function renderStorage() {
  await refreshStatus();
  const s = lastStatus?.storage;
  if (!s) return;
  const span = s.headMinTime && s.headMaxTime ? s.headMaxTime - s.headMinTime : 0;
  const items = [["Series in the head", s.headSeries.toLocaleString("en")], ["Label pairs", s.headLabelPairs.toLocaleString("en")], ["Span of the head", span ? formatNumber(span, "s") : "–"], ["Blocks on disk", String(s.blocks)], ["Disk", formatNumber(s.diskBytes, "B")], ["Memory", formatNumber(s.memoryBytes, "B"), s.memoryLimitBytes ? `limit ${formatNumber(s.memoryLimitBytes, "B")}` : "no limit"]];
  $("storage-tiles").replaceChildren(...items.map(([name, value, hint]) => el("div", { class: "tile" }, el("div", { class: "name", text: name }), el("div", { class: "value", text: value }), hint ? el("div", { class: "hint", text: hint }) : null)));
  const lists = [["Series by metric", s.seriesByMetric, true], ["Values by label", s.valuesByLabel], ["Series by label pair", s.seriesByPair], ["Series by source", s.seriesBySource]];
  $("storage-lists").replaceChildren(...lists.map(([title, entries, linked]) => el("article", { class: "card" }, el("header", {}, el("h2", { text: title })), bars(entries, linked ? (name) => exploreLink(/^[a-zA-Z_:][\w:]*$/.test(name) ? name : `{${quoted(name)}}`) : null))));
}

/* ---------- status ---------- */

async function renderStatus() {
  const [build, runtime, flags, config] = await Promise.all(["buildinfo", "runtimeinfo", "flags", "config"].map((page) => ask(`/api/v1/status/${page}`).then((a) => a.data)));
  const facts = { Version: build.bellwetherVersion, "Prometheus API": build.version, Revision: build.revision || "–", Compiler: build.goVersion || "–", Started: `${runtime.startTime} (${ago(Date.parse(runtime.startTime) / 1000)})`, "Configuration loaded": runtime.lastConfigTime.startsWith("0001") ? "–" : runtime.lastConfigTime, "Last reload": runtime.reloadConfigSuccess ? "good" : "failed", Retention: runtime.storageRetention || "–", Threads: String(runtime.goroutineCount), Cores: String(runtime.GOMAXPROCS), Host: runtime.hostname, Folder: runtime.CWD };
  const replica = lastStatus?.replica;
  if (replica) facts.Replica = [replica.leads ? `${replica.name} notifies, with lease token ${replica.token}` : replica.holder && replica.holder !== replica.name ? `${replica.name} waits; ${replica.holder} notifies` : `${replica.name} waits; nobody is known to notify`, replica.leaseError && `lease: ${replica.leaseError}`, replica.logError && `log: ${replica.logError}`].filter(Boolean).join("; ");
  const pairs = (object) => Object.entries(object).flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value === "" ? "–" : value })]);
  $("facts").replaceChildren(...pairs(facts));
  $("flags").replaceChildren(...pairs(flags));
  $("config").textContent = config.yaml;
  $("copy-config").onclick = async () => {
    await navigator.clipboard.writeText(config.yaml);
    $("copy-config").textContent = "Copied";
    setTimeout(() => ($("copy-config").textContent = "Copy"), 1500);
  };
}

/* ---------- explore ---------- */

const explore = { expression: "", range: "1h", end: null, mode: "graph", chart: null, request: null, timer: null };

const rangeSeconds = (name) => {
  const known = RANGES.find(([n]) => n === name);
  if (known) return known[1];
  const match = /^(\d+)([smhdw])$/.exec(name ?? "");
  return match ? Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86400, w: 604800 }[match[2]] : 3600;
};

function grow() {
  const box = $("expr");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

function saveExplore() {
  const params = { expr: explore.expression, range: explore.range, mode: explore.mode };
  if (explore.end) params.end = explore.end;
  setParams("explore", params);
}

function explorePickers() {
  for (const button of $("mode").children) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === explore.mode));
    button.onclick = () => { explore.mode = button.dataset.mode; runExplore(); };
  }
  const known = RANGES.some(([name]) => name === explore.range);
  const items = RANGES.map(([name]) => [name, name]);
  if (!known) items.unshift([`${formatNumber(rangeSeconds(explore.range), "s")}`, explore.range]);
  segmented($("range"), items, explore.range, (name) => { explore.range = name; explore.end = null; runExplore(); });
  $("range").hidden = explore.mode !== "graph";
}

async function runExplore() {
  explorePickers();
  saveExplore();
  explore.request?.abort();
  $("query-error").hidden = true;
  $("query-notes").hidden = true;
  if (!explore.expression.trim()) { showEmpty("Type an expression, or take one of these."); renderExamples(); return; }
  $("examples").replaceChildren();
  const request = (explore.request = new AbortController());
  const started = performance.now();
  $("timing").textContent = "running…";
  try {
    const count = explore.mode === "graph" ? await runGraph(request.signal) : await runTable(request.signal);
    $("timing").textContent = `${count} series in ${formatNumber((performance.now() - started) / 1000, "s")}`;
  } catch (error) {
    if (error.name === "AbortError") return;
    $("timing").textContent = "";
    $("query-error").textContent = error.message;
    $("query-error").hidden = false;
    $("result").hidden = true;
  }
}

function showEmpty(text) {
  $("result").hidden = false;
  for (const id of ["chart-explore", "legend", "table"]) $(id).hidden = true;
  $("empty").textContent = text;
  $("empty").hidden = false;
  $("timing").textContent = "";
}

function showNotes(notes) {
  $("query-notes").replaceChildren(...notes.map((note) => el("li", { text: note })));
  $("query-notes").hidden = notes.length === 0;
}

async function runGraph(signal) {
  const to = explore.end ?? now(), seconds = rangeSeconds(explore.range);
  const points = Math.min(1000, Math.max(200, $("result").clientWidth / 2));
  const data = await rangeQuery(explore.expression, to - seconds, to, points, signal);
  showNotes(data.warnings);
  if (!data.series.length) { showEmpty("The expression has no result in this range."); return 0; }
  $("result").hidden = false;
  $("empty").hidden = true;
  $("table").hidden = true;
  $("chart-explore").hidden = false;
  $("legend").hidden = false;
  explore.chart ??= new LineChart($("chart-explore"), {
    area: true,
    onZoom: (from, until) => {
      explore.range = `${Math.max(60, Math.round(until - from))}s`;
      explore.end = Math.round(until);
      runExplore();
    },
  });
  const drawn = data.series.slice(0, SERIES_DRAWN_MAX);
  explore.chart.options.unit = unitOf(explore.expression);
  explore.chart.hidden.clear();
  explore.chart.show(drawn, data.from, data.to, data.step, explore.expression);
  legend(drawn, data.series.length);
  return data.series.length;
}

function legend(drawn, total) {
  const lines = explore.chart;
  const rows = drawn.slice(0, 100).map((series, index) => {
    const swatch = el("i", { class: "swatch" });
    swatch.style.background = color(index);
    const button = el("button", { type: "button", "aria-pressed": String(!lines.hidden.has(index)), title: "Click to show alone, with Ctrl to switch on or off", onclick: (event) => { lines.toggle(index, !(event.ctrlKey || event.metaKey)); legend(drawn, total); } }, swatch, el("span", { text: series.name }), el("span", { text: formatNumber(series.points.at(-1)?.[1], lines.options.unit) }));
    return button;
  });
  if (total > rows.length) rows.push(el("p", { class: "more", text: `${total - rows.length} more series${total > drawn.length ? `, the first ${drawn.length} are drawn` : " are drawn but not listed"}.` }));
  $("legend").replaceChildren(...rows);
}

async function runTable(signal) {
  const params = { query: explore.expression };
  if (explore.end) params.time = explore.end;
  const answer = await ask("/api/v1/query", params, signal);
  const { resultType, result } = answer.data;
  showNotes([...(answer.warnings ?? []), ...(answer.infos ?? [])]);
  const rows = resultType === "vector" ? result.map((one) => [seriesName(one.metric), one.value ? one.value[1] : histogramText(one.histogram[1])])
    : resultType === "matrix" ? result.map((one) => [seriesName(one.metric), (one.values ?? []).map(([t, v]) => `${v} @${t}`).join("\n")])
    : [[resultType, result[1]]];
  if (!rows.length) { showEmpty("The expression has no result at this time."); return 0; }
  $("result").hidden = false;
  $("empty").hidden = true;
  $("chart-explore").hidden = true;
  $("legend").hidden = true;
  $("table").replaceChildren(table([{ name: "Series", class: "mono" }, { name: "Value", num: true }], rows.slice(0, 1000)));
  if (rows.length > 1000) $("table").append(el("p", { class: "more", text: `${rows.length - 1000} more series.` }));
  $("table").hidden = false;
  return rows.length;
}

const histogramText = (h) => `count ${h.count}, sum ${h.sum}, ${h.buckets?.length ?? 0} buckets`;

function renderExamples() {
  const demo = ["sum by (gen_ai_provider_name) (rate(gen_ai_client_operation_duration_seconds_count[5m]))", TTFT, "worker_pool_tasks_waiting", "sum by (outcome) (rate(demo_requests_total[5m]))"];
  const plain = ["up", "scrape_duration_seconds", "topk(5, scrape_samples_scraped)", "rate(bellwether_http_requests_total[5m])"];
  const examples = metricNames.some((name) => name.startsWith("demo_")) ? [...demo, ...plain.slice(0, 1)] : plain;
  $("examples").replaceChildren(...examples.map((text) => el("button", { type: "button", text, onclick: () => { $("expr").value = text; grow(); explore.expression = text; runExplore(); } })));
}

/* ---------- completion ---------- */

let metricNames = [];
let metricHelp = {};
const FUNCTIONS = "abs absent absent_over_time avg avg_over_time bottomk by ceil changes clamp clamp_max clamp_min count count_over_time count_values day_of_week days_in_month delta deriv exp floor group group_left group_right histogram_avg histogram_count histogram_fraction histogram_quantile histogram_sum hour idelta ignoring increase irate label_join label_replace last_over_time ln log10 log2 max max_over_time min min_over_time minute month offset on present_over_time predict_linear quantile quantile_over_time rate resets round scalar sgn sort sort_desc sqrt stddev stddev_over_time stdvar sum sum_over_time time timestamp topk vector without year".split(" ");

async function loadNames() {
  try {
    metricNames = (await ask("/api/v1/label/__name__/values")).data;
    metricHelp = (await ask("/api/v1/metadata?limit_per_metric=1")).data;
  } catch {
    // Completion is a convenience: the page works without it.
  }
}

/** What stands before the caret: the kind of thing that is being typed. */
function context(text, caret) {
  const before = text.slice(0, caret);
  const brace = before.lastIndexOf("{");
  const inside = brace > before.lastIndexOf("}");
  const grouping = /\b(?:by|without|on|ignoring)\s*\(([^)]*)$/.exec(before);
  if (inside) {
    const metric = /([a-zA-Z_:][\w:]*)\s*\{[^{}]*$/.exec(before)?.[1];
    const value = /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/.exec(before);
    if (value) return { kind: "value", metric, label: value[1], word: value[2] };
    const label = /(?:[{,]\s*)([a-zA-Z_]\w*)?$/.exec(before);
    return label ? { kind: "label", metric, word: label[1] ?? "" } : null;
  }
  if (grouping) return { kind: "label", metric: /([a-zA-Z_:][\w:]*)\s*[[{]/.exec(text.slice(caret))?.[1], word: /(\w*)$/.exec(before)[1] };
  if (/"[^"]*$/.test(before.replace(/"[^"]*"/g, "")) || /\[[^\]]*$/.test(before)) return null;
  const word = /([a-zA-Z_:][\w:]*)$/.exec(before)?.[1];
  return word ? { kind: "name", word } : null;
}

function rank(candidates, word, limit = 40) {
  const lower = word.toLowerCase();
  const scored = [];
  for (const text of candidates) {
    const at = text.toLowerCase().indexOf(lower);
    if (at >= 0 && text !== word) scored.push([at === 0 ? 0 : /[_:.]/.test(text[at - 1]) ? 1 : 2, text]);
  }
  return scored.sort((a, b) => a[0] - b[0] || a[1].length - b[1].length || a[1].localeCompare(b[1])).slice(0, limit).map(([, text]) => text);
}

const completion = { items: [], at: 0, word: "", kind: "", turn: 0 };

async function suggest() {
  const box = $("expr");
  const turn = ++completion.turn;
  const where = context(box.value, box.selectionStart);
  if (!where) return closeSuggestions();
  const selector = where.metric ? { "match[]": where.metric } : {};
  let found = [];
  try {
    if (where.kind === "name") found = [...rank(metricNames, where.word).map((text) => [text, metricHelp[text]?.[0]?.type ?? ""]), ...rank(FUNCTIONS, where.word, 10).map((text) => [text, "function"])];
    else if (where.kind === "label") found = rank((await list("/api/v1/labels", selector)).data.filter((n) => n !== "__name__"), where.word).map((text) => [text, "label"]);
    else found = rank((await list(`/api/v1/label/${where.label}/values`, selector)).data, where.word).map((text) => [text, ""]);
  } catch {
    found = [];
  }
  if (turn !== completion.turn) return;
  if (where.kind === "name" && where.word.length < 2 && !found.length) return closeSuggestions();
  Object.assign(completion, { items: found, at: 0, word: where.word, kind: where.kind });
  drawSuggestions();
}

function drawSuggestions() {
  const host = $("suggestions");
  if (!completion.items.length) return closeSuggestions();
  host.replaceChildren(...completion.items.map(([text, hint], index) => el("li", { role: "option", id: `suggestion-${index}`, "aria-selected": String(index === completion.at), onpointerdown: (event) => { event.preventDefault(); completion.at = index; take(); } }, text, el("span", { text: hint }))));
  host.hidden = false;
  $("expr").setAttribute("aria-expanded", "true");
  $("expr").setAttribute("aria-activedescendant", `suggestion-${completion.at}`);
  host.children[completion.at]?.scrollIntoView({ block: "nearest" });
}

function closeSuggestions() {
  completion.turn += 1;
  completion.items = [];
  $("suggestions").hidden = true;
  $("expr").setAttribute("aria-expanded", "false");
  $("expr").removeAttribute("aria-activedescendant");
}

function take() {
  const box = $("expr"), [text] = completion.items[completion.at];
  const start = box.selectionStart - completion.word.length;
  box.setRangeText(text, start, box.selectionStart, "end");
  closeSuggestions();
  grow();
}

function queryKeys(event) {
  const open = !$("suggestions").hidden;
  if (open && ["ArrowDown", "ArrowUp"].includes(event.key)) {
    event.preventDefault();
    const n = completion.items.length;
    completion.at = (completion.at + (event.key === "ArrowDown" ? 1 : n - 1)) % n;
    drawSuggestions();
  } else if (open && (event.key === "Tab" || (event.key === "Enter" && !event.ctrlKey && !event.metaKey))) {
    event.preventDefault();
    take();
  } else if (open && event.key === "Escape") closeSuggestions();
  else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    $("query-form").requestSubmit();
  }
}

/* ---------- wiring ---------- */

const RENDER = { overview: renderOverview, explore: runExplore, alerts: renderAlerts, targets: renderTargets, storage: renderStorage, status: renderStatus };
let view = null;

async function show() {
  const read = readHash();
  if (!read.view) { location.replace(fromPath()); return; }
  view = read.view;
  for (const name of VIEWS) $(`view-${name}`).hidden = name !== view;
  for (const link of $("nav").children) link.dataset.view === view ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  if (view === "explore") {
    explore.expression = read.params.get("expr") ?? explore.expression;
    explore.range = read.params.get("range") ?? explore.range;
    explore.mode = read.params.get("mode") === "table" ? "table" : "graph";
    explore.end = Number(read.params.get("end")) || null;
    $("expr").value = explore.expression;
    grow();
  }
  if (view === "overview" && read.params.get("range")) {
    overview.rangeName = read.params.get("range");
    overview.range = rangeSeconds(overview.rangeName);
  }
  await render();
}

async function render() {
  try {
    await RENDER[view]();
  } catch (error) {
    $("notice").textContent = error.message;
    $("notice").hidden = false;
  }
}

function theme() {
  const stored = localStorage.getItem("theme");
  if (stored) document.documentElement.dataset.theme = stored;
  $("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).getPropertyValue("--bg").trim() === "#0e1116";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", dark ? "light" : "dark");
    render();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
}

$("query-form").addEventListener("submit", (event) => {
  event.preventDefault();
  closeSuggestions();
  explore.expression = $("expr").value;
  explore.end = null;
  runExplore();
});
$("expr").addEventListener("input", () => { grow(); suggest(); });
$("expr").addEventListener("keydown", queryKeys);
$("expr").addEventListener("blur", closeSuggestions);
$("format").addEventListener("click", async () => {
  try {
    $("expr").value = (await ask("/api/v1/format_query", { query: $("expr").value })).data;
    grow();
  } catch (error) {
    $("query-error").textContent = error.message;
    $("query-error").hidden = false;
  }
});
$("live").addEventListener("change", () => { if ($("live").checked) { explore.end = null; runExplore(); } });
$("target-filter").addEventListener("input", (event) => { targetsView.filter = event.target.value; renderTargets(); });
addEventListener("hashchange", show);

theme();
await refreshStatus();
refreshAlertCount();
await Promise.all([loadNames().then(() => view === "explore" && !explore.expression && renderExamples()), show()]);

setInterval(async () => {
  if (document.hidden) return;
  await refreshStatus();
  if (view !== "alerts") refreshAlertCount();
  if (view === "overview" || view === "alerts" || view === "targets" || view === "storage" || (view === "explore" && $("live").checked)) await render();
}, REFRESH_MS);
setInterval(() => { if (!document.hidden) loadNames(); }, 60_000);
