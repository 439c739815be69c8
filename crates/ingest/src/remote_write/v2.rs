//! Bodies of remote write 2.0.
//!
//! ## Model
//! The symbols are hashed once per request; the key of a series is the hash of the hashes of its
//! label strings, so that it does not depend on the numbers that symbols have in one request.

use bellwether_codec::protobuf::Cursor;
use bellwether_model::{Exemplar, Labels, METRIC_NAME, Metadata, ShortLabels};
use bellwether_wire::WireError;
use bellwether_wire::histogram::TimedHistogram;
use bellwether_wire::v1::type_from_number;
use bellwether_wire::v2::{ExemplarRefs, MetadataRefs, SeriesSink, decode_series};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;

use crate::pending::{Budget, Pending, Report, SeriesLabels, checked_labels};
use crate::series_key::SeriesHasher;

/// Hashes of metadata that was handed to the store already.
#[derive(Debug, Default)]
pub(super) struct MetadataSeen(FxHashSet<u128>);

/// Families remembered. Chosen: beyond this all is forgotten and handed over once more.
const METADATA_SEEN_MAX: usize = 1 << 17;

/// The symbols of a body, and the label references of its series.
#[derive(Debug, Default)]
pub(super) struct SymbolTable {
    /// Where each symbol stands in the body.
    symbols: Vec<(u32, u32)>,
    hashes: Vec<u128>,
    /// References of all series, one after the other.
    refs: Vec<u32>,
    /// Of each series: behind its last reference, and its metadata.
    series: Vec<(u32, MetadataRefs)>,
    open_refs: Vec<u32>,
    key_bytes: Vec<u8>,
}

struct Sink<'a> {
    pending: &'a mut Pending,
    budget: &'a mut Budget,
    exemplars: Vec<ExemplarRefs>,
    samples: usize,
}

impl SeriesSink for Sink<'_> {
    #[inline]
    fn float(&mut self, time_ms: i64, start_ms: i64, value: f64) -> Result<(), WireError> {
        self.budget.take(1)?;
        self.samples += 1;
        self.pending.push_float_with_start(time_ms, start_ms, value);
        Ok(())
    }

    fn histogram(&mut self, histogram: TimedHistogram) -> Result<(), WireError> {
        self.budget.take_histogram()?;
        self.samples += 1;
        self.pending.push_histogram(histogram);
        Ok(())
    }

    fn exemplar(&mut self, exemplar: ExemplarRefs) -> Result<(), WireError> {
        self.budget.take_histogram()?;
        self.exemplars.push(exemplar);
        Ok(())
    }
}

impl SymbolTable {
    fn clear(&mut self) {
        self.symbols.clear();
        self.hashes.clear();
        self.refs.clear();
        self.series.clear();
    }

    /// Symbols first, wherever they stand: protobuf promises no order.
    fn decode_symbols(
        &mut self,
        message: &[u8],
        budget: &mut Budget,
        hasher: &SeriesHasher,
    ) -> Result<(), WireError> {
        let mut cursor = Cursor::new(message);
        while let Some(field) = cursor.field()? {
            if field.number != 4 {
                cursor.skip(field)?;
                continue;
            }
            budget.take(2)?;
            let symbol = cursor.bytes_of(field)?;
            let end = cursor.position();
            self.symbols.push(((end - symbol.len()) as u32, end as u32));
            self.hashes.push(hasher.key(symbol).0);
        }
        Ok(())
    }

    pub(super) fn decode(
        &mut self,
        message: &[u8],
        items_max: u64,
        hasher: &SeriesHasher,
        pending: &mut Pending,
        report: &mut Report,
    ) -> Result<(), WireError> {
        self.clear();
        let mut budget = Budget::new(items_max);
        self.decode_symbols(message, &mut budget, hasher)?;
        let mut cursor = Cursor::new(message);
        while let Some(field) = cursor.field()? {
            if field.number != 5 {
                cursor.skip(field)?;
                continue;
            }
            budget.take(1)?;
            let series = cursor.bytes_of(field)?;
            let mut refs = std::mem::take(&mut self.open_refs);
            let mut sink = Sink {
                pending: &mut *pending,
                budget: &mut budget,
                exemplars: Vec::new(),
                samples: 0,
            };
            let decoded = decode_series(series, &mut refs, &mut sink);
            let (exemplars, samples) = (sink.exemplars, sink.samples);
            let taken = decoded.map(|metadata| {
                self.take_series(
                    message, hasher, pending, &refs, metadata, exemplars, samples,
                )
            });
            self.open_refs = refs;
            if let Err(reason) = taken? {
                let lost = pending.drop_open_series();
                report.refuse(lost.max(1), || reason);
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all parts of one decoded series")]
    fn take_series(
        &mut self,
        message: &[u8],
        hasher: &SeriesHasher,
        pending: &mut Pending,
        refs: &[u32],
        metadata: MetadataRefs,
        exemplars: Vec<ExemplarRefs>,
        samples: usize,
    ) -> Result<(), String> {
        let in_series =
            |e: WireError| format!("parsing labels for series {}: {e}", ShortRefs(refs));
        if !refs.len().is_multiple_of(2) {
            return Err(in_series(WireError::UnpairedLabel(refs.len())));
        }
        self.key_bytes.clear();
        for reference in refs {
            let hash = self.hashes.get(*reference as usize).ok_or_else(|| {
                in_series(WireError::Symbol {
                    reference: u64::from(*reference),
                    count: self.hashes.len(),
                })
            })?;
            self.key_bytes.extend_from_slice(&hash.to_le_bytes());
        }
        for reference in [metadata.help, metadata.unit] {
            let count = self.hashes.len();
            if reference as usize >= count && reference != 0 {
                let error = WireError::Symbol {
                    reference: u64::from(reference),
                    count,
                };
                return Err(format!(
                    "parsing metadata for series {}: {error}",
                    ShortRefs(refs)
                ));
            }
        }
        for exemplar in exemplars {
            let exemplar = self.exemplar(message, exemplar)?;
            pending.push_exemplar(exemplar);
        }
        if samples == 0 {
            let labels = read_labels(message, &self.symbols, refs).unwrap_or_default();
            return Err(format!(
                "TimeSeries must contain at least one sample or histogram for series {}",
                ShortLabels(&labels)
            ));
        }
        self.refs.extend_from_slice(refs);
        self.series.push((self.refs.len() as u32, metadata));
        pending.end_series(hasher.key(&self.key_bytes));
        Ok(())
    }

    fn exemplar(&self, message: &[u8], exemplar: ExemplarRefs) -> Result<Exemplar, String> {
        let mut pairs = Vec::new();
        for pair in exemplar.labels.chunks(2) {
            let [name, value] = pair else {
                let error = WireError::UnpairedLabel(exemplar.labels.len());
                return Err(format!("parsing labels of an exemplar: {error}"));
            };
            pairs.push((
                read_symbol(message, &self.symbols, *name)?,
                read_symbol(message, &self.symbols, *value)?,
            ));
        }
        Ok(Exemplar {
            labels: Labels::from_pairs(pairs),
            value: exemplar.value,
            timestamp_ms: exemplar.timestamp_ms,
        })
    }

    /// Hands metadata to the store that it was not handed before.
    pub(super) fn metadata(
        &mut self,
        message: &[u8],
        pending: &mut Pending,
        seen: &Mutex<MetadataSeen>,
    ) {
        let name_symbol = (0..self.symbols.len())
            .find(|index| self.bytes_of(message, *index as u32) == METRIC_NAME.as_bytes());
        let Some(name_symbol) = name_symbol else {
            return;
        };
        let mut previous = None;
        for index in 0..self.series.len() {
            let (end, metadata) = self.series[index];
            let start = if index == 0 {
                0
            } else {
                self.series[index - 1].0
            };
            if metadata == MetadataRefs::default() {
                continue;
            }
            let refs = &self.refs[start as usize..end as usize];
            let name = refs
                .chunks_exact(2)
                .find(|pair| pair[0] as usize == name_symbol);
            let Some(&[_, family]) = name else { continue };
            // Series of one family mostly stand together.
            if previous == Some((family, metadata)) {
                continue;
            }
            previous = Some((family, metadata));
            let hash_of = |symbol: u32| self.hashes.get(symbol as usize).copied().unwrap_or(0);
            let key = hash_of(family).wrapping_mul(31)
                ^ hash_of(metadata.help).rotate_left(17)
                ^ hash_of(metadata.unit).rotate_left(71)
                ^ u128::from(metadata.metric_type);
            if !seen.lock().insert(key) {
                continue;
            }
            let text = |symbol: u32| read_symbol(message, &self.symbols, symbol).unwrap_or("");
            let family = text(family);
            let entry = Metadata {
                metric_type: type_from_number(metadata.metric_type),
                unit: text(metadata.unit).to_owned(),
                help: text(metadata.help).to_owned(),
            };
            pending.push_metadata(family_of(family, &entry), entry);
        }
    }

    fn bytes_of<'a>(&self, message: &'a [u8], symbol: u32) -> &'a [u8] {
        let (start, end) = self.symbols.get(symbol as usize).copied().unwrap_or((0, 0));
        message
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    pub(super) fn labels_of<'a>(&'a self, message: &'a [u8]) -> LabelsOf<'a> {
        LabelsOf {
            message,
            table: self,
        }
    }
}

/// The series of a classic histogram or summary carry the metadata of their family.
fn family_of<'a>(name: &'a str, metadata: &Metadata) -> &'a str {
    use bellwether_model::MetricType::{GaugeHistogram, Histogram, Summary};
    let suffixes: &[&str] = match metadata.metric_type {
        Histogram => &["_bucket", "_sum", "_count"],
        GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
        Summary => &["_sum", "_count"],
        _ => &[],
    };
    suffixes
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name)
}

impl MetadataSeen {
    /// Whether the hash is new.
    fn insert(&mut self, key: u128) -> bool {
        if self.0.len() >= METADATA_SEEN_MAX {
            self.0.clear();
        }
        self.0.insert(key)
    }
}

fn read_symbol<'a>(
    message: &'a [u8],
    symbols: &[(u32, u32)],
    reference: u32,
) -> Result<&'a str, String> {
    let (start, end) = symbols.get(reference as usize).copied().ok_or_else(|| {
        WireError::Symbol {
            reference: u64::from(reference),
            count: symbols.len(),
        }
        .to_string()
    })?;
    let bytes = message
        .get(start as usize..end as usize)
        .unwrap_or_default();
    std::str::from_utf8(bytes).map_err(|_| format!("symbol {reference} is not valid UTF-8"))
}

fn read_labels(message: &[u8], symbols: &[(u32, u32)], refs: &[u32]) -> Result<Labels, String> {
    let mut pairs = Vec::with_capacity(16);
    for pair in refs.chunks_exact(2) {
        pairs.push((
            read_symbol(message, symbols, pair[0])?,
            read_symbol(message, symbols, pair[1])?,
        ));
    }
    checked_labels(&mut pairs)
}

/// Reads labels of series of a body.
pub(super) struct LabelsOf<'a> {
    message: &'a [u8],
    table: &'a SymbolTable,
}

impl SeriesLabels for LabelsOf<'_> {
    fn labels(&self, series_index: usize) -> Result<Labels, String> {
        let (end, _) = self.table.series[series_index];
        let start = if series_index == 0 {
            0
        } else {
            self.table.series[series_index - 1].0
        };
        let refs = &self.table.refs[start as usize..end as usize];
        read_labels(self.message, &self.table.symbols, refs)
    }
}

/// References of a series as an error shows them: the first of many.
struct ShortRefs<'a>(&'a [u32]);

impl std::fmt::Display for ShortRefs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const REFS_MAX: usize = 16;
        match self.0.get(..REFS_MAX) {
            Some(first) if first.len() < self.0.len() => {
                write!(f, "{first:?}… ({} references)", self.0.len())
            }
            _ => write!(f, "{:?}", self.0),
        }
    }
}
