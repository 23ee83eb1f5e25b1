"""Decodes a page in Prometheus' protobuf format with Google's library and prints it as JSON.

Argument: the folder of the packages. The messages are those of metrics.proto of prometheus/client_model, as far
as classic metrics need them. Printed are `types`, by the family's name, and `samples`, by the series as the text
formats write it: what OpenMetrics says of the same page, but for a counter's or an info's family name.
"""

import json
import math
import sys

sys.path.insert(0, sys.argv[1])

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2  # noqa: E402

FIELD = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "LabelPair": [("name", 1, "string"), ("value", 2, "string")],
    "Gauge": [("value", 1, "double")],
    "Counter": [("value", 1, "double"), ("created_timestamp", 3, ".google.protobuf.Timestamp")],
    "Bucket": [("cumulative_count", 1, "uint64"), ("upper_bound", 2, "double")],
    "Histogram": [
        ("sample_count", 1, "uint64"),
        ("sample_sum", 2, "double"),
        ("bucket", 3, "*Bucket"),
        ("created_timestamp", 15, ".google.protobuf.Timestamp"),
    ],
    "Metric": [
        ("label", 1, "*LabelPair"),
        ("gauge", 2, "Gauge"),
        ("counter", 3, "Counter"),
        ("histogram", 7, "Histogram"),
    ],
    "MetricFamily": [
        ("name", 1, "string"),
        ("help", 2, "string"),
        ("type", 3, "MetricType"),
        ("metric", 4, "*Metric"),
        ("unit", 5, "string"),
    ],
}
TYPES = ["COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM"]


def family_class():
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="io.prometheus.client", syntax="proto2")
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    types = file.enum_type.add(name="MetricType")
    for number, name in enumerate(TYPES):
        types.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            label = FIELD.LABEL_REPEATED if kind.startswith("*") else FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            kind = kind.lstrip("*")
            if kind in ("string", "double", "uint64"):
                added.type = getattr(FIELD, "TYPE_" + kind.upper())
            else:
                added.type = FIELD.TYPE_ENUM if kind == "MetricType" else FIELD.TYPE_MESSAGE
                added.type_name = kind if kind.startswith(".") else ".io.prometheus.client." + kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("io.prometheus.client.MetricFamily"))


def delimited(page):
    """The messages of a page, each after its length."""
    at = 0
    while at < len(page):
        length = shift = 0
        while True:
            byte = page[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if at + length > len(page):
            sys.exit(f"a message of {length} bytes is cut off")
        yield page[at : at + length]
        at += length


def series(name, labels, *more):
    def escape(text):
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    pairs = [f'{key}="{escape(value)}"' for key, value in [*labels, *more]]
    return name + ("{" + ",".join(pairs) + "}" if pairs else "")


def samples(family):
    for metric in family.metric:
        labels = [(pair.name, pair.value) for pair in metric.label]
        name = family.name
        if family.type == TYPES.index("GAUGE"):
            yield series(name, labels), metric.gauge.value
        elif family.type == TYPES.index("COUNTER"):
            yield series(name, labels), metric.counter.value
            if metric.counter.HasField("created_timestamp"):
                at = metric.counter.created_timestamp
                yield series(name.removesuffix("_total") + "_created", labels), at.seconds + at.nanos / 1e9
        else:
            histogram = metric.histogram
            for bucket in histogram.bucket:
                limit = "+Inf" if math.isinf(bucket.upper_bound) else str(bucket.upper_bound)
                yield series(name + "_bucket", labels, ("le", limit)), bucket.cumulative_count
            if histogram.bucket[-1].cumulative_count != histogram.sample_count:
                sys.exit(f"{name}: {histogram.sample_count} is not the last bucket")
            # LivePerson gives no sum.
            if histogram.HasField("sample_sum"):
                yield series(name + "_sum", labels), histogram.sample_sum
                yield series(name + "_count", labels), histogram.sample_count
            if histogram.HasField("created_timestamp"):
                at = histogram.created_timestamp
                yield series(name + "_created", labels), at.seconds + at.nanos / 1e9


Family = family_class()
types, values = {}, {}
for message in delimited(sys.stdin.buffer.read()):
    family = Family.FromString(message)
    if family.name in types or not family.help:
        sys.exit(f"{family.name} comes twice or has no help")
    types[family.name] = [TYPES[family.type], family.unit]
    for key, value in samples(family):
        if key in values:
            sys.exit(f"{key} comes twice")
        values[key] = value
json.dump({"types": types, "samples": values}, sys.stdout)
