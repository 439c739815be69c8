//! Opens a data folder: manifest, blocks, series, log.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bellwether_model::Labels;
use bellwether_storage::{Clock, Disk, DiskEntry, Source, StorageError};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use super::{Counters, Engine, Log, add, fingerprint};
use crate::block::Block;
use crate::error::io_error;
use crate::extras::Extras;
use crate::head::Head;
use crate::keys::Keys;
use crate::manifest::{Manifest, Tombstones, Version, file_number, file_path};
use crate::memtable::HistogramPoint;
use crate::points::PointRef;
use crate::rates::Rates;
use crate::records;
use crate::settings::EngineSettings;
use bellwether_storage::record_log::{RecordWriter, put_record, read_records};

/// A number that nobody can guess, from the seeds of the standard library's hash maps.
fn secret() -> u64 {
    RandomState::new().hash_one(0u8)
}

/// What is read from a folder before there is an engine.
struct Loader<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    settings: &'a EngineSettings,
    counters: Counters,
    now_ms: i64,
}

impl Engine {
    /// Opens the folder at `path`, making it where it is not there, and recovers what was
    /// acknowledged before. Nothing runs by itself until [`Engine::start_background`].
    ///
    /// # Errors
    /// Where another process has the folder, or the disk fails. Damaged files are reported and
    /// put aside; they are no error.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        clock: Arc<dyn Clock>,
        settings: EngineSettings,
    ) -> Result<Arc<Self>, StorageError> {
        let folder = path.to_owned();
        disk.create_folder(&folder)
            .map_err(|e| io_error("create", &folder, e))?;
        let lock_path = folder.join("lock");
        let lock = disk
            .lock(&lock_path)
            .map_err(|e| io_error("lock", &lock_path, e))?;
        let loader = Loader {
            disk: &*disk,
            folder: &folder,
            settings: &settings,
            counters: Counters::default(),
            now_ms: clock.now_ms(),
        };
        let entries = disk
            .list(&folder)
            .map_err(|e| io_error("list", &folder, e))?;
        let (mut manifest, sound) = loader.manifest(&entries)?;
        let mut next_file = manifest.next_file.max(1);
        for kind in ["log", "series", "block", "tombstones"] {
            let numbers = entries
                .iter()
                .filter_map(|e| file_number(stem(&e.name), kind));
            next_file = numbers.map(|n| n + 1).max().unwrap_or(0).max(next_file);
        }
        let version = loader.blocks(&mut manifest)?;
        let mut head = Head::default();
        let whole = loader.series(&manifest, &mut head)?;
        let mut extras = Extras::default();
        let logs = loader.log(&entries, &manifest, &mut head, &mut extras)?;
        extras.keep();
        let mut fresh = || {
            next_file += 1;
            next_file - 1
        };
        let mut must_commit = !sound;
        let series_path = file_path(&folder, "series", manifest.series_file);
        let series = match whole {
            Some(len) => RecordWriter::open(&*disk, &series_path, len)?,
            None => {
                manifest.series_file = fresh();
                must_commit = true;
                let path = file_path(&folder, "series", manifest.series_file);
                write_series(&*disk, &path, &head)?
            }
        };
        let number = fresh();
        manifest.next_file = next_file;
        if must_commit {
            if manifest.log_first == 0 {
                manifest.log_first = logs.first().copied().unwrap_or(number);
            }
            manifest.write(&*disk, &folder)?;
        }
        let counters = loader.counters;
        remove_orphans(&*disk, &folder, &entries, &manifest);
        let engine = Arc::new(Self {
            disk,
            clock,
            folder,
            _lock: lock,
            merging: Mutex::default(),
            spilling: Mutex::default(),
            log: Mutex::new(Log {
                writer: None,
                number,
                series,
                pending_pairs: Vec::new(),
                pending_series: Vec::new(),
                series_stale: false,
                poisoned: None,
                synced_ms: 0,
                buffer: Vec::new(),
                taken: Vec::new(),
                slow: None,
            }),
            head: RwLock::new(head),
            keys: RwLock::new(Keys::default()),
            version: RwLock::new(Arc::new(version)),
            extras: Mutex::new(extras),
            rates: Rates::new(settings.samples_per_second_max),
            next_file: AtomicU64::new(next_file),
            forgotten: AtomicU64::new(0),
            key_seed: secret(),
            seed: manifest.seed,
            commit: Mutex::new(manifest),
            counters,
            threads: Mutex::default(),
            signal: Arc::default(),
            settings,
        });
        Ok(engine)
    }
}

/// A file's name without the ending of one that is not finished.
fn stem(name: &str) -> &str {
    name.strip_suffix(".tmp").unwrap_or(name)
}

/// Removes files that are of no use any more. What cannot be removed stays until the next start.
fn remove_orphans(disk: &dyn Disk, folder: &Path, entries: &[DiskEntry], manifest: &Manifest) {
    for entry in entries.iter().filter(|e| !e.is_folder) {
        let name = entry.name.as_str();
        let block = file_number(name, "block").is_some_and(|n| !manifest.blocks.contains(&n));
        let log = file_number(name, "log").is_some_and(|n| n < manifest.log_first);
        let series = file_number(name, "series").is_some_and(|n| n != manifest.series_file);
        let tombstones =
            file_number(name, "tombstones").is_some_and(|n| n != manifest.tombstones_file);
        if block || log || series || tombstones || name.ends_with(".tmp") {
            let path = folder.join(name);
            if let Err(error) = disk.remove_file(&path) {
                tracing::warn!(%error, file = name, "file that is of no use cannot be removed");
            }
        }
    }
}

/// Writes the list of all series of a head to a new file. Where that fails none is left.
pub(super) fn write_series(
    disk: &dyn Disk,
    path: &Path,
    head: &Head,
) -> Result<RecordWriter, StorageError> {
    let mut writer = RecordWriter::create(disk, path)?;
    let written = fill_series(&mut writer, head);
    if let Err(error) = written {
        drop(writer);
        // What cannot be removed is removed at the next start.
        drop(disk.remove_file(path));
        return Err(error);
    }
    Ok(writer)
}

fn fill_series(writer: &mut RecordWriter, head: &Head) -> Result<(), StorageError> {
    const PER_RECORD: usize = 4_096;
    let mut buffer = Vec::new();
    let pairs: Vec<u32> = (0..head.pair_count() as u32).collect();
    for group in pairs.chunks(PER_RECORD) {
        buffer.clear();
        put_record(&mut buffer, records::PAIRS, |out| {
            for &pair in group {
                let (name, value) = head.pair_text(pair);
                records::put_pair(out, pair, name, value);
            }
        });
        writer.append(&buffer)?;
    }
    let mut ids = head.ids().peekable();
    while ids.peek().is_some() {
        buffer.clear();
        put_record(&mut buffer, records::SERIES, |out| {
            for id in ids.by_ref().take(PER_RECORD) {
                records::put_series(out, id, head.source_of(id), head.pairs_of(id));
            }
        });
        writer.append(&buffer)?;
    }
    writer.sync()
}

impl Loader<'_> {
    /// The manifest, and whether it was there and sound. Without one it is made from the files
    /// that are there.
    fn manifest(&self, entries: &[DiskEntry]) -> Result<(Manifest, bool), StorageError> {
        let path = Manifest::path(self.folder);
        if entries.iter().any(|e| e.name == "manifest") {
            let bytes = self
                .disk
                .read(&path)
                .map_err(|e| io_error("read", &path, e))?;
            match Manifest::read(&bytes, &path) {
                Ok(manifest) => return Ok((manifest, true)),
                Err(error) => {
                    tracing::error!(%error, "damaged manifest is rebuilt from the files that are there");
                    add(&self.counters.manifest_rebuilt, 1);
                }
            }
        }
        let greatest = |kind: &str| {
            let numbers = entries.iter().filter_map(|e| file_number(&e.name, kind));
            numbers.max().unwrap_or(0)
        };
        let blocks: Vec<u64> = entries
            .iter()
            .filter_map(|e| file_number(&e.name, "block"))
            .collect();
        let mut seed = None;
        for &number in &blocks {
            let path = file_path(self.folder, "block", number);
            if let Ok(block) = Block::open(self.disk, &path, number) {
                seed.get_or_insert(block.facts().seed);
            }
        }
        let manifest = Manifest {
            next_file: 1,
            series_file: greatest("series"),
            log_first: 0,
            tombstones_file: greatest("tombstones"),
            seed: seed.unwrap_or_else(secret),
            blocks,
        };
        Ok((manifest, false))
    }

    /// Opens the blocks; puts aside those that are damaged.
    fn blocks(&self, manifest: &mut Manifest) -> Result<Version, StorageError> {
        let mut blocks = Vec::new();
        for number in manifest.blocks.clone() {
            let path = file_path(self.folder, "block", number);
            match Block::open(self.disk, &path, number) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error @ StorageError::Corrupt { .. }) => {
                    tracing::error!(%error, "damaged block is put aside; its samples are missing");
                    add(&self.counters.blocks_damaged, 1);
                    self.put_aside(&path)?;
                    manifest.blocks.retain(|&n| n != number);
                }
                Err(StorageError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    tracing::error!(file = %path.display(), "block is missing");
                    add(&self.counters.blocks_damaged, 1);
                    manifest.blocks.retain(|&n| n != number);
                }
                Err(error) => return Err(error),
            }
        }
        let mut tombstones = Tombstones::default();
        if manifest.tombstones_file != 0 {
            let path = file_path(self.folder, "tombstones", manifest.tombstones_file);
            let damaged = match Tombstones::read(self.disk, &path) {
                Ok((found, damaged)) => {
                    tombstones = found;
                    damaged
                }
                Err(error) => {
                    tracing::error!(%error, "tombstones cannot be read");
                    1
                }
            };
            if damaged > 0 {
                tracing::error!(damaged, "damaged tombstones: deleted samples may be back");
                add(&self.counters.tombstones_damaged, damaged);
            }
        }
        Ok(Version::new(blocks, Arc::new(tombstones)))
    }

    fn put_aside(&self, path: &Path) -> Result<(), StorageError> {
        let aside = self.folder.join("damaged");
        self.disk
            .create_folder(&aside)
            .map_err(|e| io_error("create", &aside, e))?;
        let to = aside.join(path.file_name().unwrap_or_default());
        self.disk
            .rename(path, &to)
            .map_err(|e| io_error("rename", path, e))
    }

    /// Reads the list of series. Gives its length where it can be appended to.
    fn series(&self, manifest: &Manifest, head: &mut Head) -> Result<Option<u64>, StorageError> {
        let path = file_path(self.folder, "series", manifest.series_file);
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", &path, error)),
        };
        let mut pairs: FxHashMap<u32, (&str, &str)> = FxHashMap::default();
        let mut payloads = Vec::new();
        let mut malformed = 0;
        // Payloads are parts of `bytes`, which outlives them; records say only where they are.
        let report = read_records(&bytes, |kind, payload| {
            let begin = payload.as_ptr() as usize - bytes.as_ptr() as usize;
            payloads.push((kind, begin..begin + payload.len()));
        });
        let mut texts: Vec<&str> = Vec::new();
        for (kind, range) in payloads {
            let payload = bytes.get(range).unwrap_or_default();
            let read = match kind {
                records::PAIRS => records::read_pairs(payload, |pair, name, value| {
                    pairs.insert(pair, (name, value));
                }),
                records::SERIES => records::read_series(payload, |id, source, ids| {
                    texts.clear();
                    for pair in ids {
                        let Some((name, value)) = pairs.get(pair) else {
                            malformed += 1;
                            return;
                        };
                        texts.extend([*name, *value]);
                    }
                    let labels = texts.chunks_exact(2).map(|pair| (pair[0], pair[1]));
                    let Ok(labels) = Labels::from_sorted(labels) else {
                        malformed += 1;
                        return;
                    };
                    if labels.is_empty() || head.slot(id).is_some() {
                        malformed += 1;
                        return;
                    }
                    let print = fingerprint(&labels, manifest.seed);
                    let source = head.source_id(&Source::new(source));
                    head.insert(id, print, &mut labels.iter(), source, |_, _, _| {});
                }),
                _ => Ok(()),
            };
            malformed += u64::from(read.is_err());
        }
        let damaged = malformed + report.damaged + u64::from(report.no_header);
        if damaged > 0 {
            tracing::error!(damaged, file = %path.display(), "damaged records in the list of series");
            add(&self.counters.log_damaged, damaged);
        }
        add(&self.counters.log_torn, u64::from(report.torn_bytes > 0));
        // New pairs will be numbered as the head does: the file must do the same.
        let numbered_alike = pairs.len() == head.pair_count()
            && pairs.iter().all(|(&pair, text)| {
                (pair as usize) < head.pair_count() && head.pair_text(pair) == *text
            });
        // One without a byte has not even a header.
        let whole = damaged == 0 && report.torn_bytes == 0 && !bytes.is_empty();
        let usable = whole && numbered_alike;
        Ok(usable.then_some(bytes.len() as u64))
    }

    /// Reads the log into the memtable. Gives the numbers of its files.
    fn log(
        &self,
        entries: &[DiskEntry],
        manifest: &Manifest,
        head: &mut Head,
        extras: &mut Extras,
    ) -> Result<Vec<u64>, StorageError> {
        let numbers = entries.iter().filter_map(|e| file_number(&e.name, "log"));
        let mut numbers: Vec<u64> = numbers.filter(|&n| n >= manifest.log_first).collect();
        numbers.sort_unstable();
        let mut unknown: BTreeMap<u32, u64> = BTreeMap::new();
        for &number in &numbers {
            let path = file_path(self.folder, "log", number);
            let bytes = self
                .disk
                .read(&path)
                .map_err(|e| io_error("read", &path, e))?;
            let mut malformed = 0;
            let report = read_records(&bytes, |kind, payload| {
                let read = match kind {
                    records::FLOATS | records::FLOATS_WITH_STARTS => records::read_floats(
                        payload,
                        kind == records::FLOATS_WITH_STARTS,
                        |id, time_ms, start_ms, value| {
                            if !self.replay_float(head, id, time_ms, start_ms, value) {
                                *unknown.entry(id).or_default() += 1;
                            }
                        },
                    ),
                    records::HISTOGRAMS => {
                        records::read_histogram_points(payload, |id, time_ms, start_ms, h| {
                            let Some(slot) = head.slot(id) else {
                                *unknown.entry(id).or_default() += 1;
                                return;
                            };
                            let last = slot.last;
                            let point = PointRef::Histogram(&h);
                            if head.memtable.compare(id, last, time_ms, point).is_none() {
                                let point = HistogramPoint {
                                    time_ms,
                                    start_ms,
                                    histogram: h,
                                };
                                head.memtable.push_histogram(id, point, self.now_ms);
                            }
                        })
                    }
                    records::EXEMPLARS => records::read_exemplars(payload, |labels, exemplar| {
                        // One that is there already, or older, is refused as it was then.
                        let max = self.settings.exemplars_max;
                        let _refused = extras.add_exemplar(&labels, &exemplar, max);
                    }),
                    records::METADATA => records::read_metadata(payload, |metric, metadata| {
                        extras.add_metadata(metric, &metadata, self.settings.metadata_max);
                    }),
                    _ => Ok(()),
                };
                malformed += u64::from(read.is_err());
            });
            let damaged = malformed + report.damaged + u64::from(report.no_header);
            if damaged > 0 {
                tracing::error!(damaged, file = %path.display(), "damaged records in the log are skipped");
                add(&self.counters.log_damaged, damaged);
            }
            if report.torn_bytes > 0 {
                tracing::warn!(
                    bytes = report.torn_bytes,
                    file = %path.display(),
                    "record at the end of the log was cut off"
                );
                add(&self.counters.log_torn, 1);
            }
        }
        let lost: u64 = unknown.values().sum();
        if lost > 0 {
            tracing::error!(
                samples = lost,
                series = unknown.len(),
                "samples of series that are not known"
            );
            add(&self.counters.log_unknown_series, lost);
        }
        // Their numbers must not go to others while the log still names them.
        if let Some(&greatest) = unknown.keys().next_back() {
            head.next_id = head.next_id.max(greatest.saturating_add(1));
        }
        Ok(numbers)
    }

    fn replay_float(
        &self,
        head: &mut Head,
        id: u32,
        time_ms: i64,
        start_ms: i64,
        value: f64,
    ) -> bool {
        let Some((slot, memtable)) = head.slot_and_memtable(id) else {
            return false;
        };
        // A write that failed half-way and was repeated stands in the log twice.
        if memtable
            .newest(slot.last)
            .is_some_and(|newest| time_ms <= newest)
            && memtable
                .compare(id, slot.last, time_ms, PointRef::Float(value))
                .is_some()
        {
            return true;
        }
        memtable.push(&mut slot.last, time_ms, value, self.now_ms);
        if start_ms != 0 {
            memtable.set_start(id, time_ms, start_ms);
        }
        true
    }
}
