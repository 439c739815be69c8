"""Exports metrics with the official OpenTelemetry SDK: otlp.py http|grpc ENDPOINT."""

import sys

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

kind, endpoint = sys.argv[1:3]
if kind == "http":
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(endpoint=endpoint)
else:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=True)

reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
resource = Resource.create(
    {"service.name": f"agent-{kind}", "service.namespace": "shop", "service.instance.id": "one"}
)
views = [View(instrument_name="wait.exponential", aggregation=ExponentialBucketHistogramAggregation())]
provider = MeterProvider(metric_readers=[reader], resource=resource, views=views)
meter = provider.get_meter("interop", "1.0")

meter.create_counter("gen_ai.calls", unit="{call}").add(5, {"gen_ai.request.model": "small"})
meter.create_up_down_counter("sessions.open").add(2)
meter.create_gauge("queue.depth").set(7)
for seconds in (0.01, 0.2, 3.0):
    meter.create_histogram("wait.classic", unit="s").record(seconds)
    meter.create_histogram("wait.exponential", unit="s").record(seconds)

if not provider.force_flush():
    sys.exit("the export failed")
provider.shutdown()
