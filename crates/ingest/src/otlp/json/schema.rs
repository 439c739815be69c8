//! The messages of OTLP metrics, as far as we read them.

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    /// At most 64.
    pub(super) fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// As in the `.proto` file.
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) is_list: bool,
}

/// What a field holds. Numbers are called as in protobuf, which says how they are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bool,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Fixed64,
    Sfixed64,
    Double,
    /// Bytes in hexadecimal.
    Id,
    /// Bytes in base64.
    Bytes,
    Enum(&'static [(&'static str, i64)]),
    Message(&'static Message),
}

impl Field {
    /// Whether a key of JSON names this field: `start_time_unix_nano` or `startTimeUnixNano`.
    pub(super) fn is_named(&self, key: &str) -> bool {
        key == self.name || self.camel().eq(key.chars())
    }

    /// The name in lowerCamelCase.
    pub(super) fn camel(&self) -> impl Iterator<Item = char> {
        let mut upper = false;
        self.name.chars().filter_map(move |c| {
            if c == '_' {
                upper = true;
                return None;
            }
            Some(if std::mem::take(&mut upper) {
                c.to_ascii_uppercase()
            } else {
                c
            })
        })
    }
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        name,
        number,
        kind,
        is_list: false,
    }
}

const fn list(name: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        name,
        number,
        kind,
        is_list: true,
    }
}

use Kind::{Bool, Bytes, Double, Enum, Fixed64, Id, Int64, Sfixed64, Sint32, Text, Uint32, Uint64};

/// `ExportMetricsServiceRequest`.
pub(super) static REQUEST: Message = Message {
    fields: &[list(
        "resource_metrics",
        1,
        Kind::Message(&RESOURCE_METRICS),
    )],
};

static RESOURCE_METRICS: Message = Message {
    fields: &[
        one("resource", 1, Kind::Message(&RESOURCE)),
        list("scope_metrics", 2, Kind::Message(&SCOPE_METRICS)),
        one("schema_url", 3, Text),
    ],
};

static RESOURCE: Message = Message {
    fields: &[
        list("attributes", 1, Kind::Message(&KEY_VALUE)),
        one("dropped_attributes_count", 2, Uint32),
        list("entity_refs", 3, Kind::Message(&ENTITY_REF)),
    ],
};

static ENTITY_REF: Message = Message {
    fields: &[
        one("schema_url", 1, Text),
        one("type", 2, Text),
        list("id_keys", 3, Text),
        list("description_keys", 4, Text),
    ],
};

static SCOPE_METRICS: Message = Message {
    fields: &[
        one("scope", 1, Kind::Message(&SCOPE)),
        list("metrics", 2, Kind::Message(&METRIC)),
        one("schema_url", 3, Text),
    ],
};

static SCOPE: Message = Message {
    fields: &[
        one("name", 1, Text),
        one("version", 2, Text),
        list("attributes", 3, Kind::Message(&KEY_VALUE)),
        one("dropped_attributes_count", 4, Uint32),
    ],
};

static KEY_VALUE: Message = Message {
    fields: &[
        one("key", 1, Text),
        one("value", 2, Kind::Message(&ANY_VALUE)),
    ],
};

static ANY_VALUE: Message = Message {
    fields: &[
        one("string_value", 1, Text),
        one("bool_value", 2, Bool),
        one("int_value", 3, Int64),
        one("double_value", 4, Double),
        one("array_value", 5, Kind::Message(&ARRAY_VALUE)),
        one("kvlist_value", 6, Kind::Message(&KEY_VALUE_LIST)),
        one("bytes_value", 7, Bytes),
    ],
};

static ARRAY_VALUE: Message = Message {
    fields: &[list("values", 1, Kind::Message(&ANY_VALUE))],
};

static KEY_VALUE_LIST: Message = Message {
    fields: &[list("values", 1, Kind::Message(&KEY_VALUE))],
};

static METRIC: Message = Message {
    fields: &[
        one("name", 1, Text),
        one("description", 2, Text),
        one("unit", 3, Text),
        one("gauge", 5, Kind::Message(&GAUGE)),
        one("sum", 7, Kind::Message(&SUM)),
        one("histogram", 9, Kind::Message(&HISTOGRAM)),
        one(
            "exponential_histogram",
            10,
            Kind::Message(&EXPONENTIAL_HISTOGRAM),
        ),
        one("summary", 11, Kind::Message(&SUMMARY)),
        list("metadata", 12, Kind::Message(&KEY_VALUE)),
    ],
};

const TEMPORALITY: Kind = Enum(&[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
]);

static GAUGE: Message = Message {
    fields: &[list("data_points", 1, Kind::Message(&NUMBER_POINT))],
};

static SUM: Message = Message {
    fields: &[
        list("data_points", 1, Kind::Message(&NUMBER_POINT)),
        one("aggregation_temporality", 2, TEMPORALITY),
        one("is_monotonic", 3, Bool),
    ],
};

static HISTOGRAM: Message = Message {
    fields: &[
        list("data_points", 1, Kind::Message(&HISTOGRAM_POINT)),
        one("aggregation_temporality", 2, TEMPORALITY),
    ],
};

static EXPONENTIAL_HISTOGRAM: Message = Message {
    fields: &[
        list("data_points", 1, Kind::Message(&EXPONENTIAL_POINT)),
        one("aggregation_temporality", 2, TEMPORALITY),
    ],
};

static SUMMARY: Message = Message {
    fields: &[list("data_points", 1, Kind::Message(&SUMMARY_POINT))],
};

static NUMBER_POINT: Message = Message {
    fields: &[
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("as_double", 4, Double),
        list("exemplars", 5, Kind::Message(&EXEMPLAR)),
        one("as_int", 6, Sfixed64),
        list("attributes", 7, Kind::Message(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};

static HISTOGRAM_POINT: Message = Message {
    fields: &[
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        list("bucket_counts", 6, Fixed64),
        list("explicit_bounds", 7, Double),
        list("exemplars", 8, Kind::Message(&EXEMPLAR)),
        list("attributes", 9, Kind::Message(&KEY_VALUE)),
        one("flags", 10, Uint32),
        one("min", 11, Double),
        one("max", 12, Double),
    ],
};

static EXPONENTIAL_POINT: Message = Message {
    fields: &[
        list("attributes", 1, Kind::Message(&KEY_VALUE)),
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        one("scale", 6, Sint32),
        one("zero_count", 7, Fixed64),
        one("positive", 8, Kind::Message(&BUCKETS)),
        one("negative", 9, Kind::Message(&BUCKETS)),
        one("flags", 10, Uint32),
        list("exemplars", 11, Kind::Message(&EXEMPLAR)),
        one("min", 12, Double),
        one("max", 13, Double),
        one("zero_threshold", 14, Double),
    ],
};

static BUCKETS: Message = Message {
    fields: &[one("offset", 1, Sint32), list("bucket_counts", 2, Uint64)],
};

static SUMMARY_POINT: Message = Message {
    fields: &[
        one("start_time_unix_nano", 2, Fixed64),
        one("time_unix_nano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        list("quantile_values", 6, Kind::Message(&VALUE_AT_QUANTILE)),
        list("attributes", 7, Kind::Message(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};

static VALUE_AT_QUANTILE: Message = Message {
    fields: &[one("quantile", 1, Double), one("value", 2, Double)],
};

static EXEMPLAR: Message = Message {
    fields: &[
        one("time_unix_nano", 2, Fixed64),
        one("as_double", 3, Double),
        one("span_id", 4, Id),
        one("trace_id", 5, Id),
        one("as_int", 6, Sfixed64),
        list("filtered_attributes", 7, Kind::Message(&KEY_VALUE)),
    ],
};
