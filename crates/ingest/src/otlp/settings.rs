//! How OTLP metrics are taken in: the `otlp` section of the configuration, as plain values.

use std::collections::BTreeSet;

pub use super::naming::TranslationStrategy;

/// Which resource attributes become labels of every series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// These.
    Listed(BTreeSet<String>),
    /// All but these.
    AllExcept(BTreeSet<String>),
}

impl Default for Promotion {
    fn default() -> Self {
        Self::Listed(BTreeSet::new())
    }
}

impl Promotion {
    pub(super) fn promotes(&self, key: &str) -> bool {
        match self {
            Self::Listed(keys) => keys.contains(key),
            Self::AllExcept(keys) => !keys.contains(key),
        }
    }
}

/// What becomes of metrics that tell differences instead of totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeltaHandling {
    /// They are refused.
    #[default]
    Refuse,
    /// They are summed up (feature `otlp-deltatocumulative`).
    Cumulate,
    /// They are stored as they are, with an unknown type (feature `otlp-native-delta-ingestion`).
    StoreAsIs,
}

/// How OTLP metrics are taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpSettings {
    /// How names are translated.
    pub translation: TranslationStrategy,
    /// Which resource attributes become labels.
    pub promotion: Promotion,
    /// Keep `service.name`, `service.namespace` and `service.instance.id` in `target_info` though
    /// they are in `job` and `instance`.
    pub keep_identifying_resource_attributes: bool,
    /// Store histograms with given bounds as native ones with custom buckets.
    pub convert_histograms_to_nhcb: bool,
    /// Add name, version, schema and attributes of the scope as `otel_scope_*` labels.
    pub promote_scope_metadata: bool,
    /// Put `key` before label names that start with one `_`. Default true, as in Prometheus.
    pub label_name_underscore_sanitization: bool,
    /// Keep runs of `_` in label names. Default true, as in Prometheus.
    pub label_name_preserve_multiple_underscores: bool,
    /// What becomes of differences.
    pub delta: DeltaHandling,
    /// Add `__type__` and `__unit__` labels (feature `type-and-unit-labels`).
    pub type_and_unit_labels: bool,
    /// How long a sample stays visible to queries; `target_info` is written twice as often.
    pub lookback_ms: i64,
}

impl Default for OtlpSettings {
    fn default() -> Self {
        Self {
            translation: TranslationStrategy::default(),
            promotion: Promotion::default(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
            delta: DeltaHandling::default(),
            type_and_unit_labels: false,
            lookback_ms: 300_000,
        }
    }
}
