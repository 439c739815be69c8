//! The files of the metrics engine, with anything in them.
//!
//! ## Model
//! A small data folder is written once: a log with samples in it, blocks, a manifest. An input's first
//! byte chooses one of its files, the rest becomes that file's content; then the folder is opened
//! and everything in it is read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use bellwether_model::{
    CounterReset, Histogram, IntHistogram, Labels, METRIC_NAME, Matcher, Span, TimeRange,
};
use bellwether_storage::{
    Disk, FaultyDisk, ManualClock, MetricStore, Samples, Selection, SelectionHints, Source,
    StorageError, Survives, WriteBatch,
};
use bellwether_tsdb::{Engine, EngineSettings, FsyncPolicy};

use crate::seal;

const NOW_MS: i64 = 1_800_000_000_000;

/// The folder, and its files in order of name.
static FOLDER: LazyLock<(FaultyDisk, Vec<PathBuf>)> = LazyLock::new(|| {
    let disk = FaultyDisk::new();
    // A disk without faults cannot fail; were it empty all the same, there would be no files.
    drop(write_folder(&disk));
    let files = disk.files().into_iter().map(|(path, _)| path).collect();
    (disk, files)
});

fn open(disk: &FaultyDisk) -> Result<Arc<Engine>, StorageError> {
    let settings = EngineSettings {
        retention_ms: 0,
        future_max_ms: 0,
        memtable_samples_max: 60,
        block_span_ms: 60_000,
        wal_fsync: FsyncPolicy::Always,
        ..EngineSettings::default()
    };
    let clock = Arc::new(ManualClock::new(NOW_MS));
    Engine::open(
        Arc::new(disk.clone()) as Arc<dyn Disk>,
        Path::new("data"),
        clock,
        settings,
    )
}

fn write_folder(disk: &FaultyDisk) -> Result<(), StorageError> {
    let source = Source::new("fuzz");
    for rest_in_log in [false, true] {
        let engine = open(disk)?;
        for step in 0..20i64 {
            let mut batch = WriteBatch::default();
            let time_ms = NOW_MS - 600_000 + step * 15_000 + i64::from(rest_in_log);
            for series in 0..6i64 {
                let text = series.to_string();
                let labels = [(METRIC_NAME, "m"), ("series", text.as_str())];
                let id = engine.register(&source, None, &Labels::from_pairs(labels))?;
                if series == 5 {
                    let histogram = Histogram::Int(histogram(step));
                    batch
                        .histograms
                        .push((id, time_ms, NOW_MS - 700_000, histogram));
                } else {
                    batch.push(id, time_ms, (step * series) as f64 / 7.0);
                }
            }
            engine.write(&source, &batch)?;
            engine.maintain();
        }
        if rest_in_log {
            let matchers = vec![Matcher::equal("series", "2")];
            engine.delete(
                &[matchers],
                TimeRange::new(NOW_MS - 600_000, NOW_MS - 500_000),
            )?;
        } else {
            engine.close()?;
        }
    }
    Ok(())
}

fn histogram(step: i64) -> IntHistogram {
    IntHistogram {
        counter_reset: CounterReset::Unknown,
        schema: 2,
        zero_threshold: 1e-3,
        zero_count: 1,
        count: 1 + 3 * (step as u64 + 1),
        sum: step as f64,
        positive_spans: vec![Span {
            offset: 1,
            length: 2,
        }],
        positive_deltas: vec![step + 1, step + 1],
        ..IntHistogram::default()
    }
}

/// Each file as it is, behind the byte that chooses it.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (disk, files) = &*FOLDER;
    let whole = |(index, path): (usize, &PathBuf)| {
        let content = disk.read(path).ok()?;
        Some([&[index as u8], &content[..]].concat())
    };
    files.iter().enumerate().filter_map(whole).collect()
}

/// Opens the folder with one file replaced, and reads everything.
pub(crate) fn run(input: &[u8]) {
    let (clean, files) = &*FOLDER;
    let Some((choice, content)) = input.split_first() else {
        return;
    };
    let Some(path) = files.get(usize::from(*choice) % files.len().max(1)) else {
        return;
    };
    read_with(clean, path, content);
    // With checksums that fit, so that what is behind them is reached.
    let mut sealed = content.to_vec();
    if let Ok(original) = clean.read(path) {
        seal::store_file(&original, &mut sealed);
        read_with(clean, path, &sealed);
    }
}

fn read_with(clean: &FaultyDisk, path: &Path, content: &[u8]) {
    let disk = clean.after_crash(Survives::Everything);
    let replaced = disk.create(path).and_then(|mut file| file.append(content));
    assert!(replaced.is_ok(), "a disk without faults takes a file");
    let Ok(engine) = open(&disk) else { return };
    let hints = SelectionHints::default();
    let all = engine.select(&Selection {
        matchers: &[],
        range: TimeRange::ALL,
        hints,
    });
    for series in all.into_iter().flatten() {
        // Damage may be reported; what was read before it stays.
        drop(series.read(TimeRange::ALL, &mut Samples::default()));
    }
    drop(engine.compact());
}
