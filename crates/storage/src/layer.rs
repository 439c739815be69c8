//! A store around another one.
//!
//! ## Model
//! [`StoreLayer`] passes every call on to an inner store; a layer says only what it does
//! differently. Whoever is a layer is a [`MetricStore`].
//!
//! ## Invariants
//! All methods are passed on, also those that have a default in [`MetricStore`]: a layer never
//! changes by accident what the inner store does better.
//!
//! Layers have methods of the same names in both traits: a module that defines one imports
//! [`StoreLayer`], a module that uses one imports [`MetricStore`].

use std::fmt::Debug;

use bellwether_model::{Labels, Matcher, TimeRange};

use crate::{
    BlockStats, ExemplarSeries, LabelQuery, MetadataEntry, MetricStore, Selection, SeriesHandle,
    SeriesKey, SeriesRef, Source, StorageError, StoreStats, WriteBatch, WriteOutcome,
};

/// See the module's page. Each method does what the one of [`MetricStore`] does.
#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "the methods are those of MetricStore, which documents them"
)]
pub trait StoreLayer: Send + Sync + Debug {
    /// The store that everything goes to.
    fn inner(&self) -> &dyn MetricStore;

    fn key_seed(&self) -> u64 {
        self.inner().key_seed()
    }

    fn resolve(&self, key: SeriesKey) -> Option<SeriesRef> {
        self.inner().resolve(key)
    }

    fn resolve_many(&self, keys: &[SeriesKey], out: &mut Vec<Option<SeriesRef>>) {
        self.inner().resolve_many(keys, out);
    }

    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        self.inner().register(source, key, labels)
    }

    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        self.inner().write(source, batch)
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        self.inner().select(selection)
    }

    fn label_names(&self, query: &LabelQuery<'_>) -> Result<Vec<String>, StorageError> {
        self.inner().label_names(query)
    }

    fn label_values(
        &self,
        name: &str,
        query: &LabelQuery<'_>,
    ) -> Result<Vec<String>, StorageError> {
        self.inner().label_values(name, query)
    }

    fn series(&self, query: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError> {
        self.inner().series(query)
    }

    fn exemplars(&self, query: &LabelQuery<'_>) -> Result<Vec<ExemplarSeries>, StorageError> {
        self.inner().exemplars(query)
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, StorageError> {
        self.inner().metadata(metric)
    }

    fn delete(&self, matcher_sets: &[Vec<Matcher>], range: TimeRange) -> Result<(), StorageError> {
        self.inner().delete(matcher_sets, range)
    }

    fn clean_tombstones(&self) -> Result<(), StorageError> {
        self.inner().clean_tombstones()
    }

    fn compact(&self) -> Result<(), StorageError> {
        self.inner().compact()
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, StorageError> {
        self.inner().snapshot(skip_head)
    }

    fn stats(&self, top: usize) -> StoreStats {
        self.inner().stats(top)
    }

    /// See [`MetricStore::blocks`].
    fn blocks(&self) -> Vec<BlockStats> {
        self.inner().blocks()
    }
}

impl<L: StoreLayer> MetricStore for L {
    fn key_seed(&self) -> u64 {
        StoreLayer::key_seed(self)
    }

    fn resolve(&self, key: SeriesKey) -> Option<SeriesRef> {
        StoreLayer::resolve(self, key)
    }

    fn resolve_many(&self, keys: &[SeriesKey], out: &mut Vec<Option<SeriesRef>>) {
        StoreLayer::resolve_many(self, keys, out);
    }

    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        StoreLayer::register(self, source, key, labels)
    }

    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        StoreLayer::write(self, source, batch)
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        StoreLayer::select(self, selection)
    }

    fn label_names(&self, query: &LabelQuery<'_>) -> Result<Vec<String>, StorageError> {
        StoreLayer::label_names(self, query)
    }

    fn label_values(
        &self,
        name: &str,
        query: &LabelQuery<'_>,
    ) -> Result<Vec<String>, StorageError> {
        StoreLayer::label_values(self, name, query)
    }

    fn series(&self, query: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError> {
        StoreLayer::series(self, query)
    }

    fn exemplars(&self, query: &LabelQuery<'_>) -> Result<Vec<ExemplarSeries>, StorageError> {
        StoreLayer::exemplars(self, query)
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, StorageError> {
        StoreLayer::metadata(self, metric)
    }

    fn delete(&self, matcher_sets: &[Vec<Matcher>], range: TimeRange) -> Result<(), StorageError> {
        StoreLayer::delete(self, matcher_sets, range)
    }

    fn clean_tombstones(&self) -> Result<(), StorageError> {
        StoreLayer::clean_tombstones(self)
    }

    fn compact(&self) -> Result<(), StorageError> {
        StoreLayer::compact(self)
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, StorageError> {
        StoreLayer::snapshot(self, skip_head)
    }

    fn stats(&self, top: usize) -> StoreStats {
        StoreLayer::stats(self, top)
    }

    fn blocks(&self) -> Vec<BlockStats> {
        StoreLayer::blocks(self)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::METRIC_NAME;

    use super::*;
    use crate::{MemoryStore, SelectionHints};

    /// Takes every value twice as large.
    #[derive(Debug, Default)]
    struct Doubled(MemoryStore);

    impl StoreLayer for Doubled {
        fn inner(&self) -> &dyn MetricStore {
            &self.0
        }

        fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
            let mut batch = batch.clone();
            batch.values.iter_mut().for_each(|value| *value *= 2.0);
            self.0.write(source, &batch)
        }
    }

    #[test]
    fn all_but_what_is_overridden_passes_through() {
        let layer = Doubled::default();
        let store: &dyn MetricStore = &layer;
        let (source, key) = (Source::new("test"), SeriesKey(7));
        let labels = Labels::from_pairs([(METRIC_NAME, "a")]);
        let id = store.register(&source, Some(key), &labels).unwrap();
        let mut batch = WriteBatch::default();
        batch.push(id, 1, 21.0);
        store.write(&source, &batch).unwrap();
        assert_eq!(store.key_seed(), layer.0.key_seed());
        let mut found = Vec::new();
        store.resolve_many(&[key, SeriesKey(8)], &mut found);
        assert_eq!(found, [store.resolve(key), None]);
        let range = TimeRange::ALL;
        let selection = Selection {
            matchers: &[],
            range,
            hints: SelectionHints::default(),
        };
        let mut samples = crate::Samples::default();
        store.select(&selection).unwrap()[0]
            .read(range, &mut samples)
            .unwrap();
        assert_eq!(samples.values, [42.0]);
        let query = LabelQuery {
            matcher_sets: &[],
            range,
            limit: 0,
        };
        assert_eq!(store.label_names(&query).unwrap(), [METRIC_NAME]);
        assert_eq!(store.label_values(METRIC_NAME, &query).unwrap(), ["a"]);
        assert_eq!(store.series(&query).unwrap(), [labels]);
        assert_eq!(store.stats(0), layer.0.stats(0));
        store.delete(&[], range).unwrap();
        store.compact().unwrap();
        assert!(store.series(&query).unwrap().is_empty());
    }
}
