"""Exposes metrics with the official Python client on the address given, for Bellwether to scrape."""

import sys

from prometheus_client import Counter, Gauge, Histogram, Info, Summary, start_http_server

host, port = sys.argv[1].split(":")
REQUESTS = Counter("client_requests", "Requests by path.", ["path"])
REQUESTS.labels("/a").inc(3, exemplar={"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})
REQUESTS.labels('/quote"\\back\n').inc(1)
Gauge("client_temperature_celsius", "A level.").set(-12.5)
Gauge("client_not_a_number", "Nothing known.").set(float("nan"))
LATENCY = Histogram("client_latency_seconds", "Took so long.", buckets=(0.1, 1.0))
for value in (0.05, 0.5, 5.0):
    LATENCY.observe(value)
Summary("client_size_bytes", "That large.").observe(512)
Info("client_build", "What runs.").info({"version": "1.2.3"})

server, thread = start_http_server(int(port), addr=host)
thread.join()
