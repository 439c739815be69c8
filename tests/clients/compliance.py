"""Compares Bellwether with Debian's Prometheus on the queries of prometheus/compliance.

compliance.py BELLWETHER QUERIES.yml: makes the demo service's series, loads the same OpenMetrics
text into both, runs every expanded query over the same range, prints each difference and
`N passed, N failed`. The queries come from a checkout outside of this repository.
"""

import itertools
import json
import math
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

VARIANTS = {
    "range": ["1s", "15s", "1m", "5m", "15m", "1h"],
    "offset": ["1m", "5m", "10m"],
    "simpleAggrOp": ["sum", "avg", "max", "min", "count", "stddev", "stdvar"],
    "simpleTimeAggrOp": ["sum", "avg", "max", "min", "count", "stddev", "stdvar", "absent", "last"],
    "topBottomOp": ["topk", "bottomk"],
    "quantile": ["-0.5", "0.1", "0.5", "0.75", "0.95", "0.90", "0.99", "1", "1.5"],
    "arithBinOp": ["+", "-", "*", "/", "%", "^"],
    "compBinOp": ["==", "!=", "<", ">", "<=", ">="],
    "binOp": ["+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">="],
    "simpleMathFunc": ["abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "round"],
    "extrapolatedRateFunc": ["delta", "rate", "increase"],
    "clampFunc": ["clamp_min", "clamp_max"],
    "instantRateFunc": ["idelta", "irate"],
    "dateFunc": ["day_of_month", "day_of_week", "days_in_month", "hour", "minute", "month", "year"],
    "smoothingFactor": ["0.1", "0.5", "0.8"],
    "trendFactor": ["0.1", "0.5", "0.8"],
}
# Documented changes of Prometheus 3 that make a case answer otherwise than in 2.42: what the query
# holds, and the change.
CHANGED_IN_3 = {
    '"~invalid"': "any UTF-8 text is a label name (migration guide, UTF-8 names)",
}
STEP_S = 5
HOURS = 4
BOUNDS = [0.0001, 0.00015, 0.000225, 0.00034, 0.0005, 0.00076, 0.0011, 0.0017, 0.0026, 0.004, 0.006, 0.009, 0.013, 0.02]


def expand(case):
    names = case.get("variant_args") or []
    for values in itertools.product(*(VARIANTS[name] for name in names)):
        query = case["query"]
        for name, value in zip(names, values):
            query = query.replace("{{.%s}}" % name, value)
        yield query, case.get("should_fail", False), case.get("skip_comparison", False)


def families(rng):
    """Series of three instances of the demo service: family, type, and a function of the step."""
    for port in (10000, 10001, 10002):
        base = {"instance": f"demo.promlabs.com:{port}", "job": "demo"}
        for mode in ("idle", "user", "system"):
            yield "demo_cpu_usage_seconds_total", "counter", {**base, "mode": mode}, "grow", rng.random()
        for kind in ("used", "free", "buffers", "cached"):
            yield "demo_memory_usage_bytes", "gauge", {**base, "type": kind}, "walk", 1e6
        yield "demo_disk_usage_bytes", "gauge", base, "up", 1e5
        yield "demo_disk_total_bytes", "gauge", base, "flat", 2.6e11
        yield "demo_num_cpus", "gauge", base, "flat", 4
        yield "demo_batch_last_success_timestamp_seconds", "gauge", base, "clock", 300
        yield "demo_intermittent_metric", "gauge", base, "gaps", 1
        for method, path, status in (("GET", "/api/foo", "200"), ("POST", "/api/bar", "200"), ("GET", "/api/bar", "500")):
            labels = {**base, "method": method, "path": path, "status": status}
            yield "demo_api_request_duration_seconds", "histogram", labels, "histogram", 3 + rng.random() * 20
            yield "demo_api_http_requests_in_progress", "gauge", {**base, "path": path, "method": method}, "walk", 3


def openmetrics(end):
    rng = random.Random(5)
    steps = range(int(HOURS * 3600 / STEP_S))
    by_family = {}
    for name, kind, labels, shape, size in families(rng):
        lines = by_family.setdefault((name, kind), {})
        text = ",".join(f'{k}="{v}"' for k, v in labels.items())
        value, counts, total = size, [0] * (len(BOUNDS) + 1), 0.0
        out = {}
        for step in steps:
            t = end - HOURS * 3600 + step * STEP_S + 1.7
            if shape == "grow":
                value += size * rng.random()
            elif shape == "walk":
                value += (rng.random() - 0.5) * size
            elif shape == "up":
                value += size * rng.random()
            elif shape == "clock":
                value = t - t % size
            elif shape == "gaps" and (step // 60) % 3 == 1:
                continue
            if shape == "histogram":
                for _ in range(int(rng.random() * size)):
                    x = abs(rng.gauss(0.001, 0.002))
                    total += x
                    counts[next((i for i, b in enumerate(BOUNDS) if x <= b), len(BOUNDS))] += 1
                run = 0
                for bound, count in zip(BOUNDS + [math.inf], counts):
                    run += count
                    le = "+Inf" if bound == math.inf else repr(float(bound))
                    out.setdefault(f'{name}_bucket{{{text},le="{le}"}}', []).append((run, t))
                out.setdefault(f"{name}_count{{{text}}}", []).append((run, t))
                out.setdefault(f"{name}_sum{{{text}}}", []).append((total, t))
            else:
                out.setdefault(f"{name}{{{text}}}", []).append((value, t))
        lines.update(out)
    for series in by_family.values():
        # Without types, so that the series of a histogram may come one after the other, whole.
        for key, points in series.items():
            for value, t in points:
                yield f"{key} {value!r} {t:.3f}\n"
    yield "# EOF\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(url):
    for _ in range(300):
        try:
            if urllib.request.urlopen(f"{url}/-/ready").status == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    sys.exit(f"{url} is not ready")


def ask(url, query, start, end, step):
    form = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step}).encode()
    try:
        return json.load(urllib.request.urlopen(f"{url}/api/v1/query_range", form))
    except urllib.error.HTTPError as error:
        return json.loads(error.read())


def as_map(answer):
    return {json.dumps(s["metric"], sort_keys=True): s["values"] for s in answer["data"]["result"]}


def close(a, b):
    a, b = float(a), float(b)
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-5 * max(abs(a), abs(b), 1e-300)


def difference(ours, theirs):
    if ours["status"] != theirs["status"]:
        return f"{ours['status']} ({ours.get('error')}), not {theirs['status']} ({theirs.get('error')})"
    if ours["status"] == "error":
        return None
    a, b = as_map(ours), as_map(theirs)
    if a.keys() != b.keys():
        return f"series differ: only ours {sorted(a.keys() - b.keys())[:2]}, only theirs {sorted(b.keys() - a.keys())[:2]}"
    for key in b:
        if len(a[key]) != len(b[key]):
            return f"{key}: {len(a[key])} points, not {len(b[key])}"
        for (ta, va), (tb, vb) in zip(a[key], b[key]):
            if ta != tb or not close(va, vb):
                return f"{key} at {tb}: {va} at {ta}, not {vb}"
    return None


def main():
    binary, queries = sys.argv[1:3]
    cases = [one for case in yaml.safe_load(open(queries))["test_cases"] for one in expand(case)]
    folder = pathlib.Path(tempfile.mkdtemp())
    end = int(time.time()) - 600
    text = folder / "data.om"
    with open(text, "w") as out:
        out.writelines(openmetrics(end))
    (folder / "empty.yml").write_text("scrape_configs: []\n")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "prom")],
                   check=True, stdout=subprocess.DEVNULL)
    ports = free_port(), free_port()
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    log = open(folder / "log", "w")
    servers = [
        subprocess.Popen([binary, "serve", "--config", str(folder / "empty.yml"), "--data", str(folder / "ours"),
                          "--listen", f"127.0.0.1:{ports[0]}"], stdout=log, stderr=log),
        subprocess.Popen(["prometheus", f"--config.file={folder}/empty.yml", f"--storage.tsdb.path={folder}/prom",
                          f"--web.listen-address=127.0.0.1:{ports[1]}", "--enable-feature=promql-at-modifier"],
                         stdout=log, stderr=log),
    ]
    try:
        for url in urls:
            wait(url)
        subprocess.run([binary, "import", "--url", urls[0], str(text)], check=True)
        passed, failed, changed = 0, 0, 0
        for query, should_fail, skip in cases:
            ours, theirs = (ask(url, query, end - 7200.0, end - 600.0, 10) for url in urls)
            problem = None if skip else difference(ours, theirs)
            if should_fail and ours["status"] != "error":
                problem = "it must fail and does not"
            change = next((why for part, why in CHANGED_IN_3.items() if part in query), None)
            if problem and change and ours["status"] == "success" and (should_fail or theirs["status"] == "error"):
                changed += 1
                print(f"{query}\n    {problem}: changed in Prometheus 3: {change}")
            elif problem:
                failed += 1
                print(f"{query}\n    {problem}")
            else:
                passed += 1
        print(f"{changed} differ by a documented change of Prometheus 3")
        print(f"{passed} passed, {failed} failed")
        return 1 if failed else 0
    finally:
        for server in servers:
            server.kill()
            server.wait()


sys.exit(main())
