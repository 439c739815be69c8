"""Prints a captured metrics request as the official protobuf library writes JSON: otlp_json.py STYLE FILE.

STYLE is `standard` (lowerCamelCase, enums by number, which is what OTLP asks for) or `proto` (names as in the .proto
files, enums by name). No request here has exemplars, whose ids OTLP writes in another way than the library.
"""

import sys

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

style, file = sys.argv[1:3]
request = ExportMetricsServiceRequest()
with open(file, "rb") as body:
    request.ParseFromString(body.read())
is_proto = style == "proto"
print(MessageToJson(request, preserving_proto_field_name=is_proto, use_integers_for_enums=not is_proto))
