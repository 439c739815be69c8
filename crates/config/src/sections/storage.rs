//! The stores: our own settings, and those that Prometheus has under `storage`.

use std::path::PathBuf;

use bellwether_model::time::parse_duration;

use super::global::ANY_COUNT;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

const NOT_YET_ENGINE: &str = "only the embedded engine is there";

pub(crate) static STORAGE: Section = Section {
    name: "storage",
    doc: "Where data is kept, how long, and how much memory it may take.",
    fields: &[
        Field::new(
            "path",
            Kind::Path,
            "data",
            "Folder of the data; the flag --data wins over it.",
        ),
        Field::new(
            "engine",
            Kind::OneOf(&["embedded"]),
            "embedded",
            NOT_YET_ENGINE,
        ),
        Field::new(
            "memory_limit",
            Kind::Size,
            "0",
            "Ceiling of the process' memory; 0: none. One query may hold a quarter of it (1GiB without a ceiling), all queries together three tenths; when they pass that, or the process nears the ceiling, the query that holds the most is stopped.",
        ),
        Field::new(
            "wal_fsync",
            Kind::Text,
            "1s",
            "What a power cut may cost: always (nothing that was acknowledged), a duration, or never (the system decides).",
        ),
        Field::new(
            "retention",
            Kind::Section(&RETENTION),
            "",
            "How long data is kept.",
        ),
        Field::new("limits", Kind::Section(&LIMITS), "", "What is refused."),
        Field::new(
            "tsdb",
            Kind::Section(&TSDB),
            "",
            "Settings of Prometheus' engine that ours has too.",
        ),
        Field::new(
            "exemplars",
            Kind::Section(&EXEMPLARS),
            "",
            "Storage of exemplars.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let text = view.text("wal_fsync");
        if parse_wal_fsync(text).is_none() {
            view.error_at(
                problems,
                "wal_fsync",
                format!("{text:?} given: want always, never or a duration such as 1s"),
            );
        }
        let own = view.section("retention");
        let theirs = view.section("tsdb").section("retention");
        for (ours_key, their_key) in [("metrics", "time"), ("size", "size")] {
            if own.is_set(ours_key) && theirs.is_set(their_key) {
                theirs.error_at(
                    problems,
                    their_key,
                    format!(
                        "is set together with storage.retention.{ours_key}: keep one of the two"
                    ),
                );
            }
        }
    }),
};

static RETENTION: Section = Section {
    name: "retention",
    doc: "How long data is kept; what comes first counts.",
    fields: &[
        Field::new(
            "metrics",
            Kind::Duration,
            "15d",
            "Age of metrics; 0: no bound.",
        ),
        Field::new("logs", Kind::Duration, "7d", "Age of logs.").inert("logs are not stored yet"),
        Field::new("traces", Kind::Duration, "3d", "Age of traces.")
            .inert("traces are not stored yet"),
        Field::new("size", Kind::Size, "0", "Bytes on disk; 0: no bound."),
    ],
    includes: &[],
    check: None,
};

static LIMITS: Section = Section {
    name: "limits",
    doc: "What the store refuses; 0 means no bound everywhere.",
    fields: &[
        Field::new(
            "series_per_source",
            ANY_COUNT,
            "0",
            "Most series that one source may have in memory.",
        ),
        Field::new(
            "sample_rate_per_source",
            ANY_COUNT,
            "0",
            "Most samples a second that one source may send, over a minute: beyond, nothing is taken from it for as long as it was too fast.",
        ),
        Field::new(
            "labels_per_series",
            ANY_COUNT,
            "128",
            "Most labels of a series.",
        ),
        Field::new(
            "label_name_length",
            ANY_COUNT,
            "1024",
            "Longest label name in bytes.",
        ),
        Field::new(
            "label_value_length",
            ANY_COUNT,
            "16384",
            "Longest label value in bytes.",
        ),
        Field::new(
            "future",
            Kind::Duration,
            "10m",
            "How far ahead of the clock a sample may lie.",
        ),
    ],
    includes: &[],
    check: None,
};

static TSDB: Section = Section {
    name: "tsdb",
    doc: "Settings of Prometheus' engine.",
    fields: &[
        Field::new(
            "out_of_order_time_window",
            Kind::Duration,
            "",
            "How late samples may come in Prometheus.",
        )
        .inert(
            "samples may come out of order anywhere inside of the retention, whatever this says",
        ),
        Field::new(
            "stale_series_compaction_threshold",
            Kind::Float { min: 0.0, max: 1.0 },
            "",
            "Share of stale series that starts a compaction in Prometheus.",
        )
        .inert("has no counterpart in this engine"),
        Field::new(
            "chunk_encoding",
            Kind::Section(&CHUNK_ENCODING),
            "",
            "Encoding of chunks in Prometheus.",
        )
        .inert("has no counterpart in this engine"),
        Field::new(
            "retention",
            Kind::Section(&TSDB_RETENTION),
            "",
            "How long metrics are kept.",
        ),
    ],
    includes: &[],
    check: None,
};

static CHUNK_ENCODING: Section = Section {
    name: "chunk_encoding",
    doc: "Encoding of chunks in Prometheus.",
    fields: &[Field::new(
        "floats",
        Kind::OneOf(&["xor", "xor2", ""]),
        "",
        "Encoding of floats.",
    )],
    includes: &[],
    check: None,
};

static TSDB_RETENTION: Section = Section {
    name: "tsdb.retention",
    doc: "The same as storage.retention, by the names of Prometheus.",
    fields: &[
        Field::new("time", Kind::Duration, "", "Age of metrics."),
        Field::new("size", Kind::Size, "", "Bytes on disk."),
        Field::new(
            "percentage",
            Kind::Float {
                min: 0.0,
                max: 100.0,
            },
            "",
            "Share of the disk in percent; 0: no bound.",
        )
        .inert("retention by share of the disk is not carried out; use storage.retention.size"),
    ],
    includes: &[],
    check: None,
};

static EXEMPLARS: Section = Section {
    name: "exemplars",
    doc: "Storage of exemplars.",
    fields: &[Field::new(
        "max_exemplars",
        Kind::Integer {
            min: i64::MIN,
            max: i64::MAX,
        },
        "100000",
        "Most exemplars that are kept; 0 or less: none.",
    )],
    includes: &[],
    check: None,
};

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalFsync {
    /// Nothing that was acknowledged.
    Always,
    /// What came in this time.
    EveryMs(i64),
    /// What the system had not written by itself.
    Never,
}

fn parse_wal_fsync(text: &str) -> Option<WalFsync> {
    match text {
        "always" => Some(WalFsync::Always),
        "never" => Some(WalFsync::Never),
        _ => match parse_duration(text) {
            Ok(0) => Some(WalFsync::Always),
            Ok(ms) => Some(WalFsync::EveryMs(ms)),
            Err(_) => None,
        },
    }
}

/// The stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// Folder of the data as it is written, joined with the configuration's folder; none where
    /// the file does not say.
    pub path: Option<PathBuf>,
    /// Ceiling of the process' memory in bytes; 0: none.
    pub memory_bytes_max: u64,
    /// What a power cut may cost.
    pub wal_fsync: WalFsync,
    /// Age of metrics; none where the file does not say, so that a flag or the default of 15
    /// days counts; 0: no bound.
    pub metrics_retention_ms: Option<i64>,
    /// Age of logs.
    pub logs_retention_ms: i64,
    /// Age of traces.
    pub traces_retention_ms: i64,
    /// Bytes on disk; none where the file does not say; 0: no bound.
    pub retention_bytes: Option<u64>,
    /// Most exemplars that are kept; 0: none.
    pub exemplars_max: u64,
    /// What is refused.
    pub limits: StorageLimits,
}

/// What the store refuses; 0 means no bound everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// Most series that one source may have in memory.
    pub series_per_source_max: u64,
    /// Most samples a second that one source may send.
    pub samples_per_second_max: u64,
    /// Most labels of a series.
    pub labels_max: usize,
    /// Longest label name in bytes.
    pub label_name_bytes_max: usize,
    /// Longest label value in bytes.
    pub label_value_bytes_max: usize,
    /// How far ahead of the clock a sample may lie.
    pub future_max_ms: i64,
}

/// Decodes the section.
pub(crate) fn decode_storage(view: &View<'_>) -> StorageSettings {
    let own = view.section("retention");
    let theirs = view.section("tsdb").section("retention");
    let limits = view.section("limits");
    let written_ms = |view: &View<'_>, key: &str| view.is_set(key).then(|| view.duration_ms(key));
    let written_bytes = |view: &View<'_>, key: &str| view.is_set(key).then(|| view.size_bytes(key));
    StorageSettings {
        path: view.is_set("path").then(|| view.path_of("path")).flatten(),
        memory_bytes_max: view.size_bytes("memory_limit"),
        wal_fsync: parse_wal_fsync(view.text("wal_fsync")).unwrap_or(WalFsync::EveryMs(1000)),
        metrics_retention_ms: written_ms(&own, "metrics").or_else(|| written_ms(&theirs, "time")),
        logs_retention_ms: own.duration_ms("logs"),
        traces_retention_ms: own.duration_ms("traces"),
        retention_bytes: written_bytes(&own, "size").or_else(|| written_bytes(&theirs, "size")),
        exemplars_max: view.section("exemplars").count("max_exemplars"),
        limits: StorageLimits {
            series_per_source_max: limits.count("series_per_source"),
            samples_per_second_max: limits.count("sample_rate_per_source"),
            labels_max: limits.length("labels_per_series"),
            label_name_bytes_max: limits.length("label_name_length"),
            label_value_bytes_max: limits.length("label_value_length"),
            future_max_ms: limits.duration_ms("future"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fsync_policies_are_read() {
        assert_eq!(parse_wal_fsync("always"), Some(WalFsync::Always));
        assert_eq!(parse_wal_fsync("never"), Some(WalFsync::Never));
        assert_eq!(parse_wal_fsync("250ms"), Some(WalFsync::EveryMs(250)));
        assert_eq!(parse_wal_fsync("0s"), Some(WalFsync::Always));
        assert_eq!(parse_wal_fsync("sometimes"), None);
    }
}
