//! The journal against the slow, obvious stores, on a sound disk and on one that fails.

use super::*;
use bellwether_model::{Labels, TimeRange};
use bellwether_storage::{
    Fault, FaultyDisk, MemoryStateStore, MemoryTimeline, Survives, TimelineKind,
};
use proptest::prelude::*;

const FOLDER: &str = "data/journal";
const DAY_MS: i64 = 86_400_000;

fn open(disk: &FaultyDisk) -> Result<Journal, StorageError> {
    Journal::open(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        SyncPolicy::Always,
    )
}

/// One whose file of state is rewritten every few changes.
fn open_small(disk: &FaultyDisk) -> Result<Journal, StorageError> {
    let disk = Arc::new(disk.clone());
    Journal::open_with(disk, Path::new(FOLDER), SyncPolicy::Always, (200, 200))
}

fn put(key: &str, value: &str) -> StateChange {
    StateChange::Put {
        key: key.as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
    }
}

fn remove(key: &str) -> StateChange {
    StateChange::Remove {
        key: key.as_bytes().to_vec(),
    }
}

fn row(time_ms: i64, kind: TimelineKind, host: &str) -> TimelineRow {
    TimelineRow {
        time_ms,
        kind,
        labels: Labels::from_pairs([("alertname", "A"), ("host", host)]),
        cause: format!("because of {host}"),
        receiver: String::new(),
        group: "{}:{}".to_owned(),
        detail: "{}".to_owned(),
    }
}

#[test]
fn entries_are_there_after_a_restart() {
    let disk = FaultyDisk::new();
    let journal = open(&disk).unwrap();
    journal
        .change("a", &[put("k", "1"), put("l", "2")])
        .unwrap();
    journal.change("a", &[put("k", "3"), remove("l")]).unwrap();
    journal.change("b", &[put("k", "other")]).unwrap();
    let journal = open(&disk).unwrap();
    let entries = journal.entries("a").unwrap();
    assert_eq!(entries, [(b"k".to_vec(), b"3".to_vec())].into());
    assert_eq!(journal.entries("b").unwrap().len(), 1);
    assert!(journal.entries("none").unwrap().is_empty());
}

#[test]
fn a_file_that_is_mostly_dead_is_rewritten() {
    let disk = FaultyDisk::new();
    let journal = open(&disk).unwrap();
    let value = "x".repeat(10_000);
    for round in 0..500 {
        journal
            .change("a", &[put(&format!("k{}", round % 10), &value)])
            .unwrap();
    }
    let bytes: usize = disk.files().iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes < 2 << 20, "{bytes}");
    assert_eq!(open(&disk).unwrap().entries("a").unwrap().len(), 10);
    assert_eq!(disk.files().len(), 1);
}

#[test]
fn rows_are_found_by_day_and_retired_by_day() {
    let disk = FaultyDisk::new();
    let journal = open(&disk).unwrap();
    let rows: Vec<TimelineRow> = (0..10)
        .map(|day| row(day * DAY_MS + 5, TimelineKind::Firing, &day.to_string()))
        .collect();
    journal.append(&rows).unwrap();
    let journal = open(&disk).unwrap();
    let days = |journal: &Journal, range: Option<TimeRange>| -> Vec<i64> {
        let query = TimelineQuery {
            range,
            ..TimelineQuery::default()
        };
        let rows = journal.query(&query).unwrap();
        rows.iter().map(|row| row.time_ms / DAY_MS).collect()
    };
    assert_eq!(days(&journal, None), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    let some = TimeRange::new(3 * DAY_MS, 5 * DAY_MS);
    assert_eq!(days(&journal, Some(some)), [4, 3]);
    journal.retire(8 * DAY_MS + 7).unwrap();
    assert_eq!(days(&journal, None), [9, 8]);
    journal
        .append(&[row(8 * DAY_MS + 6, TimelineKind::Resolved, "8")])
        .unwrap();
    assert_eq!(days(&journal, None), [9, 8, 8]);
}

#[test]
fn flipped_bits_cost_what_they_hit_and_are_counted() {
    let clean = FaultyDisk::new();
    let journal = open(&clean).unwrap();
    for number in 0..4 {
        journal
            .change("a", &[put(&format!("k{number}"), "value")])
            .unwrap();
        journal
            .append(&[row(number, TimelineKind::Firing, "h")])
            .unwrap();
    }
    drop(journal);
    for (path, bytes) in clean.files() {
        for bit in 0..bytes as u64 * 8 {
            let disk = clean.after_crash(Survives::Everything);
            disk.flip_bit(&path, bit);
            let journal = open(&disk).unwrap();
            let entries = journal.entries("a").unwrap();
            for (key, value) in &entries {
                assert!(key.starts_with(b"k") && value == b"value");
            }
            let rows = journal.query(&TimelineQuery::default()).unwrap();
            for found in &rows {
                assert_eq!(found, &row(found.time_ms, TimelineKind::Firing, "h"));
            }
            // At most one record is lost, or the tail behind a torn one.
            assert!(
                entries.len() >= 3 && rows.len() >= 3,
                "{} {bit}",
                path.display()
            );
        }
    }
}

#[test]
fn state_goes_on_in_a_new_file_after_a_failed_sync() {
    let disk = FaultyDisk::new();
    let journal = open(&disk).unwrap();
    journal.change("a", &[put("k", "1")]).unwrap();
    disk.plant(disk.operations() + 1, Fault::SyncFails);
    assert!(journal.change("a", &[put("k", "2")]).is_err());
    journal.change("a", &[put("l", "3")]).unwrap();
    let journal = open(&disk.after_crash(Survives::Synced)).unwrap();
    let entries = journal.entries("a").unwrap();
    assert_eq!(entries.get(b"l".as_slice()), Some(&b"3".to_vec()));
    assert!(entries.contains_key(b"k".as_slice()));
}

#[test]
fn a_file_that_was_only_begun_is_begun_again() {
    for len in 0..16 {
        let disk = FaultyDisk::new();
        drop(open(&disk).unwrap());
        let (path, _) = disk.files().pop().unwrap();
        disk.cut(&path, len);
        open(&disk).unwrap().change("a", &[put("k", "1")]).unwrap();
        let journal = open(&disk).unwrap();
        assert_eq!(journal.entries("a").unwrap().len(), 1, "{len}");
        assert_eq!(journal.damaged(), 0);
    }
}

#[test]
fn questions_are_bounded_and_damage_counts_once() {
    let disk = FaultyDisk::new();
    let journal = open(&disk).unwrap();
    let rows: Vec<TimelineRow> = (0..5_000)
        .map(|number| row(number, TimelineKind::Firing, "h"))
        .collect();
    journal.append(&rows).unwrap();
    let query = TimelineQuery {
        limit: 2,
        ..TimelineQuery::default()
    };
    let newest = journal.query(&query).unwrap();
    let times: Vec<i64> = newest.iter().map(|row| row.time_ms).collect();
    assert_eq!(times, [4_999, 4_998]);
    let timeline = disk
        .files()
        .into_iter()
        .find(|(path, _)| path.to_string_lossy().contains("timeline"));
    disk.flip_bit(&timeline.unwrap().0, 30 * 8);
    for _ in 0..2 {
        let all = journal.query(&TimelineQuery::default()).unwrap();
        assert_eq!(all.len(), 4_999);
    }
    assert_eq!(journal.damaged(), 1);
}

/// Changes and rows; gives what was acknowledged, and what was tried and not acknowledged.
fn work(disk: &FaultyDisk) -> (MemoryStateStore, MemoryTimeline, Vec<String>) {
    let (state, timeline) = (MemoryStateStore::default(), MemoryTimeline::default());
    let mut unsure = Vec::new();
    let Ok(journal) = open_small(disk) else {
        return (state, timeline, unsure);
    };
    for number in 0..12 {
        let key = format!("k{number}");
        let changes = [put(&key, "x"), put(&format!("{key}-twin"), "y")];
        if journal.change("a", &changes).is_ok() {
            state.change("a", &changes).unwrap();
        } else {
            unsure.push(key.clone());
        }
        let rows = [row(number * DAY_MS / 3, TimelineKind::Firing, &key)];
        if journal.append(&rows).is_ok() {
            timeline.append(&rows).unwrap();
        }
    }
    (state, timeline, unsure)
}

#[test]
fn every_fault_at_every_operation() {
    let clean = FaultyDisk::new();
    let _all = work(&clean);
    for fault in [
        Fault::Crash,
        Fault::CrashInWrite,
        Fault::ShortWrite,
        Fault::NoSpace,
        Fault::SyncFails,
        Fault::FullForNames,
    ] {
        for at in 0..clean.operations() {
            let disk = FaultyDisk::new();
            disk.plant(at, fault);
            let (state, timeline, unsure) = work(&disk);
            for survives in [
                Survives::Everything,
                Survives::Synced,
                Survives::SyncedAndSome,
            ] {
                let what = format!("{fault:?} at {at}, {survives:?}");
                let journal = open_small(&disk.after_crash(survives)).unwrap();
                let entries = journal.entries("a").unwrap();
                for (key, value) in state.entries("a").unwrap() {
                    assert_eq!(entries.get(&key), Some(&value), "{what}");
                }
                // What was not acknowledged is there whole or not at all.
                for key in &unsure {
                    let twin = format!("{key}-twin").into_bytes();
                    assert_eq!(
                        entries.contains_key(key.as_bytes()),
                        entries.contains_key(&twin),
                        "{what}"
                    );
                }
                let rows = journal.query(&TimelineQuery::default()).unwrap();
                for wanted in timeline.query(&TimelineQuery::default()).unwrap() {
                    assert!(rows.contains(&wanted), "{what}");
                }
                // It takes more.
                journal.change("a", &[put("after", "z")]).unwrap();
                let last = row(1, TimelineKind::Resolved, "after");
                journal.append(std::slice::from_ref(&last)).unwrap();
                assert!(
                    journal
                        .query(&TimelineQuery::default())
                        .unwrap()
                        .contains(&last)
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_journal_answers_as_the_obvious_stores_do(
        actions in prop::collection::vec((0u8..4, 0i64..6, 0i64..4 * DAY_MS), 1..60),
        limit in 0usize..6,
        range in (0i64..4 * DAY_MS, 0i64..4 * DAY_MS),
    ) {
        let disk = FaultyDisk::new();
        let mut journal = open(&disk).unwrap();
        let (state, timeline) = (MemoryStateStore::default(), MemoryTimeline::default());
        for (action, number, time_ms) in actions {
            let key = format!("k{number}");
            match action {
                0 => {
                    let change = [put(&key, &time_ms.to_string())];
                    journal.change("a", &change).unwrap();
                    state.change("a", &change).unwrap();
                }
                1 => {
                    journal.change("a", &[remove(&key)]).unwrap();
                    state.change("a", &[remove(&key)]).unwrap();
                }
                2 => {
                    let rows = [row(time_ms, TimelineKind::Firing, &key), row(time_ms, TimelineKind::Resolved, &key)];
                    journal.append(&rows).unwrap();
                    timeline.append(&rows).unwrap();
                }
                _ => journal = open(&disk).unwrap(),
            }
        }
        prop_assert_eq!(journal.entries("a").unwrap(), state.entries("a").unwrap());
        let query = TimelineQuery {
            range: Some(TimeRange::new(range.0.min(range.1), range.0.max(range.1))),
            limit,
            ..TimelineQuery::default()
        };
        prop_assert_eq!(journal.query(&query).unwrap(), timeline.query(&query).unwrap());
    }
}

#[test]
fn evidence_of_a_day_has_a_bound_and_another_day_has_its_own() {
    let disk = FaultyDisk::new();
    let journal = open_small(&disk).unwrap();
    let put = |fired_ms| {
        let key = EvidenceKey {
            fired_ms,
            fingerprint: bellwether_model::AlertFingerprint(1),
        };
        journal.put(&[(key, b"a document of some bytes".to_vec())])
    };
    let taken = (0..10).take_while(|ms| put(*ms).is_ok()).count();
    assert!((1..10).contains(&taken), "{taken}");
    let error = put(20).unwrap_err().to_string();
    assert!(error.contains("evidence of this day has"), "{error}");
    put(DAY_MS).unwrap();
    let keys = journal.keys(TimeRange::new(0, DAY_MS - 1), 20).unwrap();
    assert_eq!(keys.len(), taken);
}

#[test]
fn evidence_is_there_after_a_restart_and_a_half_document_never() {
    let key = |fired_ms, alert| EvidenceKey {
        fired_ms,
        fingerprint: bellwether_model::AlertFingerprint(alert),
    };
    let documents: Vec<(EvidenceKey, Vec<u8>)> = vec![
        (key(DAY_MS - 1, 1), b"one".to_vec()),
        (key(DAY_MS, 2), vec![7; 100_000]),
        (key(DAY_MS, 3), b"three".to_vec()),
    ];
    let whole = TimeRange::new(0, 10 * DAY_MS);
    let disk = FaultyDisk::new();
    let journal = open(&disk).unwrap();
    journal.put(&documents).unwrap();
    let again = (key(DAY_MS, 3), b"three again".to_vec());
    journal.put(std::slice::from_ref(&again)).unwrap();
    drop(journal);
    let journal = open(&disk).unwrap();
    assert_eq!(journal.get(key(DAY_MS - 1, 1)).unwrap().unwrap(), b"one");
    assert_eq!(journal.get(key(DAY_MS, 2)).unwrap().unwrap(), [7; 100_000]);
    assert_eq!(journal.get(again.0).unwrap().unwrap(), again.1);
    assert_eq!(journal.get(key(DAY_MS, 1)).unwrap(), None);
    let all = [key(DAY_MS, 3), key(DAY_MS, 2), key(DAY_MS - 1, 1)];
    assert_eq!(journal.keys(whole, 10).unwrap(), all);
    assert_eq!(journal.keys(whole, 1).unwrap(), all[..1]);
    let early = TimeRange::new(0, DAY_MS - 1);
    assert_eq!(journal.keys(early, 10).unwrap(), all[2..]);

    // A write that fails leaves no half of a document, and takes nothing that was there.
    for fault in [Fault::CrashInWrite, Fault::ShortWrite, Fault::NoSpace] {
        for failing in 1.. {
            let disk = FaultyDisk::new();
            let journal = open(&disk).unwrap();
            journal.put(&documents[..1]).unwrap();
            disk.plant(disk.operations() + failing, fault);
            let kept = journal.put(&documents[1..]);
            drop(journal);
            if kept.is_ok() {
                break;
            }
            let journal = open(&disk.after_crash(Survives::SyncedAndSome)).unwrap();
            assert_eq!(journal.get(documents[0].0).unwrap().unwrap(), b"one");
            for (key, document) in &documents[1..] {
                if let Some(found) = journal.get(*key).unwrap() {
                    assert_eq!(&found, document);
                }
            }
        }
    }

    journal.retire(DAY_MS).unwrap();
    assert_eq!(journal.get(documents[0].0).unwrap(), None);
    assert_eq!(journal.keys(whole, 10).unwrap(), all[..2]);
}
