"""Drives every method of KEDA's external scaler with a client generated from a proto file, as KEDA's own is:
keda.py PROTO ADDRESS NAME NAMESPACE. Prints a JSON object with an entry a method."""

import importlib
import json
import pathlib
import sys
import tempfile

import grpc
from grpc_tools import protoc

proto, address, name, namespace = sys.argv[1:5]
folder = tempfile.mkdtemp()
source = pathlib.Path(proto)
if protoc.main(
    ["protoc", f"-I{source.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}", source.name]
):
    sys.exit("the proto file does not compile")
sys.path.insert(0, folder)
pb = importlib.import_module(f"{source.stem}_pb2")
stub = importlib.import_module(f"{source.stem}_pb2_grpc").ExternalScalerStub(grpc.insecure_channel(address))

ref = pb.ScaledObjectRef(name=name, namespace=namespace, scalerMetadata={"scalerAddress": address})
out = {}


def call(method, ask):
    try:
        out[method] = ask()
    except grpc.RpcError as error:
        out[method] = {"code": error.code().name, "details": error.details()}


def specs(answer):
    return [[spec.metricName, spec.targetSize, spec.targetSizeFloat] for spec in answer.metricSpecs]


def metrics():
    asked = pb.GetMetricsRequest(scaledObjectRef=ref, metricName=specs(stub.GetMetricSpec(ref))[0][0])
    values = stub.GetMetrics(asked).metricValues
    return [[value.metricName, value.metricValue, value.metricValueFloat] for value in values]


call("IsActive", lambda: stub.IsActive(ref, timeout=10).result)
call("GetMetricSpec", lambda: specs(stub.GetMetricSpec(ref, timeout=10)))
call("GetMetrics", metrics)
# What is so now comes at once.
call("StreamIsActive", lambda: next(stub.StreamIsActive(ref, timeout=10)).result)
call("StreamMetricSpec", lambda: specs(next(stub.StreamMetricSpec(ref, timeout=10))))
print(json.dumps(out))
