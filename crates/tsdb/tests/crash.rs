//! Every fault at every operation of the disk: what was acknowledged is there, once, and nothing
//! else is.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; they fail by panic"
)]

mod support;

use std::sync::Arc;

use bellwether_storage::{
    Disk, Fault, FaultyDisk, MetricStore, SeriesRef, Source, Survives, WriteBatch,
};
use support::{Client, NOW_MS, counter, labels, open, settings};

/// Writes, spills, merges, deletes and closes; goes on after errors as clients do.
fn work(disk: &FaultyDisk) -> Client {
    let mut client = Client::default();
    if let Ok(engine) = open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings()) {
        client.work(&engine);
        drop(engine.close());
    }
    client
}

#[test]
fn every_fault_at_every_operation() {
    let clean = FaultyDisk::new();
    let client = work(&clean);
    assert!(client.acknowledged.len() > 60);
    let operations = clean.operations();
    for fault in [
        Fault::Crash,
        Fault::CrashInWrite,
        Fault::ShortWrite,
        Fault::NoSpace,
        Fault::SyncFails,
    ] {
        for at in 0..operations {
            let disk = FaultyDisk::new();
            disk.plant(at, fault);
            let client = work(&disk);
            for survives in [
                Survives::Everything,
                Survives::Synced,
                Survives::SyncedAndSome,
            ] {
                let what = format!("{fault:?} at {at}, {survives:?}");
                let after = disk.after_crash(survives);
                let engine = open(Arc::new(after) as Arc<dyn Disk>, settings())
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                client.check(&engine, &what);
                // It takes writes again.
                let source = Source::new("after");
                let id = engine.register(&source, None, &labels(99)).unwrap();
                let mut batch = WriteBatch::default();
                batch.push(id, NOW_MS, 1.0);
                engine.write(&source, &batch).unwrap();
            }
        }
    }
}

#[test]
fn after_a_failed_sync_no_write_is_taken_until_the_next_start() {
    let mut poisonings = 0;
    for at in 0..40 {
        let what = format!("sync fails at {at}");
        let disk = FaultyDisk::new();
        let engine = open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings()).unwrap();
        disk.plant(disk.operations() + at, Fault::SyncFails);
        let mut client = Client::default();
        for _ in 0..9 {
            client.write(&engine);
            engine.maintain();
        }
        // What was acknowledged is answered meanwhile, and the client says that no more is.
        client.check(&engine, &what);
        let last = client.errors.last().map(ToString::to_string);
        if last.is_some_and(|text| text.contains("restart to recover")) {
            poisonings += 1;
            assert!(!client.write(&engine), "{what}");
            assert!(counter(&*engine, "bellwether_tsdb_writes_failed_total") > 1.0);
        }
        drop(engine);
        let cut = disk.after_crash(Survives::Synced);
        let engine = open(Arc::new(cut) as Arc<dyn Disk>, settings()).unwrap();
        client.check(&engine, &what);
        let mut next = Client::default();
        assert!(next.write(&engine), "{what}");
    }
    // At other operations the fault is one of space, which the engine outlives.
    assert!(poisonings > 5, "{poisonings}");
}

#[test]
fn memory_is_bounded_and_old_series_go_on() {
    let mut settings = settings();
    settings.memory_limit_bytes = 8 << 20;
    settings.memtable_samples_max = 10_000;
    let engine = open(Arc::new(FaultyDisk::new()) as Arc<dyn Disk>, settings).unwrap();
    let calm = Source::new("calm");
    let old = engine.register(&calm, None, &labels(1)).unwrap();
    let wild = Source::new("wild");
    let mut refused = None;
    let mut last = SeriesRef(0);
    for series in 0..200_000 {
        match engine.register(&wild, None, &labels(series + 10)) {
            Ok(id) => last = id,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let error = refused.expect("the ceiling holds").to_string();
    assert!(
        error.contains("wild") && error.contains("memory"),
        "{error}"
    );
    let mut batch = WriteBatch::default();
    batch.push(old, NOW_MS, 1.0);
    batch.push(last, NOW_MS, 1.0);
    let outcome = engine.write(&calm, &batch).unwrap();
    assert_eq!(outcome.float_count, 2);
    engine.register(&calm, None, &labels(500_000)).unwrap();
    assert!(engine.stats(0).memory_bytes < 8 << 20);
}
