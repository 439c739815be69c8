//! Every fault at every operation of the disk: what was acknowledged is there, once, and nothing
//! else is.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; they fail by panic"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{Labels, TimeRange};
use bellwether_storage::{
    Disk, Fault, FaultyDisk, MetricStore, SeriesRef, Source, Survives, WriteBatch,
};
use bellwether_tsdb::Engine;
use support::{NOW_MS, dump, labels, open, settings};

/// Samples by series and time: acknowledged, or only tried.
#[derive(Debug, Default)]
struct Written {
    acknowledged: BTreeMap<(Labels, i64), f64>,
    tried: BTreeMap<(Labels, i64), f64>,
}

/// Writes, spills, merges and closes; goes on after errors as clients do.
fn work(disk: &FaultyDisk) -> Written {
    let mut written = Written::default();
    let Ok(engine) = open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings()) else {
        return written;
    };
    let source = Source::new("test");
    for round in 0..14i64 {
        let mut batch = WriteBatch::default();
        let mut rows = Vec::new();
        for series in 0..8usize {
            if round as usize * 2 < series {
                continue;
            }
            let labels = labels(series);
            let Ok(id) = engine.register(&source, None, &labels) else {
                continue;
            };
            let time_ms = NOW_MS - 1_000_000 + round * 15_000 + series as i64;
            let value = (round * 10 + series as i64) as f64 / 4.0;
            batch.push(id, time_ms, value);
            rows.push((labels, time_ms, value));
        }
        // Clients repeat what was not acknowledged.
        for _ in 0..2 {
            let result = engine.write(&source, &batch);
            for (labels, time_ms, value) in &rows {
                written.tried.insert((labels.clone(), *time_ms), *value);
            }
            if let Ok(outcome) = result {
                assert_eq!(outcome.rejected_count, 0, "{outcome:?}");
                for (labels, time_ms, value) in &rows {
                    written
                        .acknowledged
                        .insert((labels.clone(), *time_ms), *value);
                }
                break;
            }
        }
        if round % 5 == 4 {
            engine.maintain();
        }
        if round == 9 {
            // An error is fine; the next look decides.
            drop(engine.compact());
        }
    }
    drop(engine.close());
    written
}

fn check(engine: &Engine, written: &Written, what: &str) {
    let found = dump(engine, TimeRange::ALL).unwrap();
    let mut there: BTreeMap<(Labels, i64), f64> = BTreeMap::new();
    for (labels, rows) in found {
        for (time_ms, _, bits) in rows {
            let value = f64::from_bits(u64::from_str_radix(&bits, 16).unwrap());
            there.insert((labels.clone(), time_ms), value);
        }
    }
    for (key, value) in &written.acknowledged {
        assert_eq!(
            there.get(key),
            Some(value),
            "{what}: {key:?} was acknowledged"
        );
    }
    for (key, value) in &there {
        assert_eq!(
            written.tried.get(key),
            Some(value),
            "{what}: {key:?} was never written"
        );
    }
}

#[test]
fn every_fault_at_every_operation() {
    let clean = FaultyDisk::new();
    let written = work(&clean);
    assert!(written.acknowledged.len() > 60);
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
            let written = work(&disk);
            for survives in [
                Survives::Everything,
                Survives::Synced,
                Survives::SyncedAndSome,
            ] {
                let what = format!("{fault:?} at {at}, {survives:?}");
                let after = disk.after_crash(survives);
                let engine = open(Arc::new(after) as Arc<dyn Disk>, settings())
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                check(&engine, &written, &what);
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
fn after_a_failed_sync_no_write_is_taken() {
    let disk = FaultyDisk::new();
    let engine = open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings()).unwrap();
    let source = Source::new("test");
    let id = engine.register(&source, None, &labels(0)).unwrap();
    let mut batch = WriteBatch::default();
    batch.push(id, NOW_MS, 1.0);
    engine.write(&source, &batch).unwrap();
    // Append, sync of the series, sync of the log: the last one fails.
    disk.plant(disk.operations() + 1, Fault::SyncFails);
    batch.times_ms[0] += 1;
    assert!(engine.write(&source, &batch).is_err());
    batch.times_ms[0] += 1;
    let error = engine.write(&source, &batch).unwrap_err();
    assert!(error.to_string().contains("restart"), "{error}");
}

#[test]
fn flipped_bits_never_give_a_wrong_answer() {
    let clean = FaultyDisk::new();
    let written = work(&clean);
    // Closed cleanly: the samples are in blocks; a second engine leaves some in the log.
    let engine = open(Arc::new(clean.clone()) as Arc<dyn Disk>, settings()).unwrap();
    let source = Source::new("test");
    let id = engine.register(&source, None, &labels(3)).unwrap();
    let mut batch = WriteBatch::default();
    batch.push(id, NOW_MS, 5.0);
    engine.write(&source, &batch).unwrap();
    drop(engine);
    let (mut tried, mut answered) = (0, 0);
    for (path, len) in clean.files() {
        let step = (len * 8 / 300).max(1);
        for bit in (0..len * 8).step_by(step) {
            let disk = clean.after_crash(Survives::Everything);
            disk.flip_bit(&path, bit as u64);
            tried += 1;
            let Ok(engine) = open(Arc::new(disk) as Arc<dyn Disk>, settings()) else {
                continue;
            };
            let Ok(found) = dump(&*engine, TimeRange::ALL) else {
                continue;
            };
            answered += usize::from(!found.is_empty());
            for (labels, rows) in found {
                for (time_ms, _, bits) in rows {
                    let value = f64::from_bits(u64::from_str_radix(&bits, 16).unwrap());
                    let known = written.tried.get(&(labels.clone(), time_ms)) == Some(&value);
                    let last = time_ms == NOW_MS && value == 5.0;
                    assert!(
                        known || last,
                        "{path:?} bit {bit}: {labels} {time_ms} {value}"
                    );
                }
            }
        }
        for cut in (0..len).step_by((len / 50).max(1)) {
            let disk = clean.after_crash(Survives::Everything);
            disk.cut(&path, cut);
            if let Ok(engine) = open(Arc::new(disk) as Arc<dyn Disk>, settings()) {
                drop(dump(&*engine, TimeRange::ALL));
            }
        }
    }
    // Silence is no right answer either: one damaged place leaves the rest readable as a rule.
    assert!(
        answered * 2 > tried,
        "{answered} of {tried} damaged folders gave an answer"
    );
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
