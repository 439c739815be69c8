//! A disk that is full for long: writes are refused, reads go on, nothing that was acknowledged is
//! lost, and when there is room again the engine goes on by itself.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests too; they fail by panic"
)]

mod support;

use std::io;
use std::sync::Arc;

use bellwether_storage::{
    Disk, Fault, FaultyDisk, MetricStore, Source, StorageError, Survives, WriteBatch,
};
use bellwether_tsdb::Engine;
use support::{Client, NOW_MS, counter, damage, deep, labels, open, settings};

/// Rounds that the client and the engine go on trying for.
const LONG: usize = 6;

fn opened(disk: &FaultyDisk) -> Result<Arc<Engine>, StorageError> {
    open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings())
}

/// The error says that there is no room, and that trying again may help.
fn is_clear(error: &StorageError) -> bool {
    let full = matches!(error, StorageError::Io { source, .. }
        if source.kind() == io::ErrorKind::StorageFull);
    full && error.retry() && error.to_string().contains("data")
}

/// Number and bytes of the files of a store, without its snapshots.
fn size(disk: &FaultyDisk) -> (usize, usize) {
    let files = disk.files().into_iter();
    let own = files.filter(|(path, _)| !path.starts_with("data/snapshots"));
    own.fold((0, 0), |(count, bytes), (_, len)| (count + 1, bytes + len))
}

fn full_from(fault: Fault, at: u64) {
    let what = format!("{fault:?} from {at} on");
    let disk = FaultyDisk::new();
    disk.plant(at, fault);
    let mut client = Client::default();
    let engine = opened(&disk).unwrap_or_else(|error| {
        assert!(is_clear(&error), "{what}: {error}");
        disk.limit_space(None);
        opened(&disk).unwrap_or_else(|error| panic!("{what}: {error}"))
    });
    client.work(&engine);
    // Nothing grows while the client and the engine go on trying.
    client.write(&engine);
    engine.maintain();
    let (files, bytes) = size(&disk);
    let memory = engine.stats(0).memory_bytes;
    let full = !client.errors.is_empty();
    for _ in 0..LONG {
        let taken = client.write(&engine);
        assert!(!(full && taken), "{what}");
        engine.maintain();
        drop(engine.snapshot(false));
    }
    if full {
        let now = size(&disk);
        assert!(
            now.0 <= files && now.1 <= bytes,
            "{what}: {:?}",
            disk.files()
        );
        let grown = engine.stats(0).memory_bytes;
        assert!(grown <= memory, "{what}: {memory} to {grown} bytes");
        assert!(counter(&*engine, "bellwether_tsdb_writes_failed_total") >= LONG as f64 * 2.0);
    }
    for error in &client.errors {
        assert!(is_clear(error), "{what}: {error}");
    }
    client.check(&engine, &what);

    // A restart while the disk is full answers, or says what is wrong; neither costs anything.
    let copy = disk.after_crash(Survives::Everything);
    copy.fill(fault);
    match opened(&copy) {
        Ok(engine) => {
            client.check(&engine, &what);
            engine.maintain();
            drop(engine.close());
        }
        Err(error) => assert!(is_clear(&error), "{what}: {error}"),
    }
    copy.limit_space(None);
    let again = opened(&copy).unwrap_or_else(|error| panic!("{what}: {error}"));
    client.check(&again, &what);
    assert_eq!(damage(&*again), 0.0, "{what}");

    // Room returns.
    disk.limit_space(None);
    engine.maintain();
    let errors = client.errors.len();
    client.work(&engine);
    assert_eq!(client.errors.len(), errors, "{what}: {:?}", client.errors);
    client.check(&engine, &what);
    engine.close().unwrap();
    assert!(size(&disk).0 <= 12, "{what}: {:?}", disk.files());
    for survives in [Survives::Everything, Survives::Synced] {
        let after = opened(&disk.after_crash(survives)).unwrap();
        client.check(&after, &what);
        assert_eq!(damage(&*after), 0.0, "{what}");
    }
}

#[test]
fn a_full_disk_is_outlived_from_every_operation_on() {
    let clean = FaultyDisk::new();
    let engine = opened(&clean).unwrap();
    Client::default().work(&engine);
    let step = if deep() { 1 } else { 2 };
    for (offset, fault) in [Fault::Full, Fault::FullForNames].into_iter().enumerate() {
        for at in (offset as u64 % step..clean.operations()).step_by(step as usize) {
            full_from(fault, at);
        }
    }
}

#[test]
fn what_is_refused_leaves_no_memory_behind() {
    let disk = FaultyDisk::new();
    let mut settings = settings();
    settings.memtable_samples_max = 1_000_000;
    let engine = open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings).unwrap();
    let source = Source::new("test");
    let mut batch = WriteBatch::default();
    for series in 0..5_000 {
        let id = engine.register(&source, None, &labels(series)).unwrap();
        batch.push_with_start(id, NOW_MS, NOW_MS - 1, 1.0);
    }
    // As many as fit: what comes next needs another piece of memory for each series.
    for round in 0..8 {
        batch.times_ms.fill(NOW_MS + round);
        engine.write(&source, &batch).unwrap();
    }
    disk.fill(Fault::Full);
    let before = engine.stats(0).memory_bytes;
    for round in 8..12 {
        batch.times_ms.fill(NOW_MS + round);
        let error = engine.write(&source, &batch).unwrap_err();
        assert!(is_clear(&error), "{error}");
    }
    assert_eq!(engine.stats(0).memory_bytes, before);
    // New series wait for the disk in memory only so far.
    let refused = (5_000..200_000).find_map(|n| engine.register(&source, None, &labels(n)).err());
    let error = refused.expect("series that cannot be written do not pile up");
    assert!(is_clear(&error), "{error}");
    disk.limit_space(None);
    engine.write(&source, &batch).unwrap();
    assert!(counter(&*engine, "bellwether_tsdb_series_refused_total") > 0.0);
}
