//! Bits that flip in every kind of file: what is answered is right, what is missing is what the
//! pages of the formats allow, and what was found is counted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests too; they fail by panic"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_storage::{
    Disk, ErrorKind, FaultyDisk, MetricStore, Source, StorageError, Survives, WriteBatch,
};
use bellwether_tsdb::Engine;
use support::{Client, Contents, NOW_MS, contents, counter, damage, deep, labels, open, settings};

type Keys = BTreeSet<(Labels, i64)>;

/// A folder with every kind of file, and what is in it.
struct Folder {
    disk: FaultyDisk,
    whole: Contents,
    /// What was written at any time, deleted or not.
    ever: Contents,
    /// Samples that are in the log only.
    in_log: Keys,
}

fn opened(disk: &FaultyDisk) -> Result<Arc<Engine>, StorageError> {
    open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings())
}

fn folder() -> Folder {
    let disk = FaultyDisk::new();
    let mut client = Client::default();
    let engine = opened(&disk).unwrap();
    client.work(&engine);
    let mut ever = client.tried.clone();
    engine.compact().unwrap();
    for _ in 0..4 {
        client.write(&engine);
    }
    ever.extend(client.tried.clone());
    client.delete(&engine);
    engine.close().unwrap();
    drop(engine);
    let engine = opened(&disk).unwrap();
    let in_blocks = contents(&*engine).0;
    // A series that stands in no block, last in its list, and the last writes.
    let source = Source::new("late");
    let id = engine.register(&source, None, &labels(40)).unwrap();
    let mut batch = WriteBatch::default();
    batch.push(id, NOW_MS - 5, 40.5);
    engine.write(&source, &batch).unwrap();
    for _ in 0..3 {
        client.write(&engine);
    }
    let (whole, failed) = contents(&*engine);
    assert!(failed.is_empty() && damage(&*engine) == 0.0);
    ever.extend(whole.clone());
    let in_log = whole.keys().filter(|key| !in_blocks.contains_key(key));
    Folder {
        in_log: in_log.cloned().collect(),
        disk,
        whole,
        ever,
    }
}

fn kind(path: &Path) -> &str {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.split('-').next().unwrap()
}

/// Samples that no other file has.
fn only_in(folder: &Folder, path: &Path) -> Keys {
    let disk = folder.disk.after_crash(Survives::Everything);
    disk.remove_file(path).unwrap();
    let left = contents(&*opened(&disk).unwrap()).0;
    let gone = folder.whole.keys().filter(|key| !left.contains_key(key));
    gone.cloned().collect()
}

/// Everything that is there is what was written.
fn check_right(folder: &Folder, path: &Path, there: &Contents, what: &str) {
    for (key, value) in there {
        // Deleted samples may be back where tombstones are damaged, and nowhere else.
        let known = if kind(path) == "tombstones" {
            &folder.ever
        } else {
            &folder.whole
        };
        assert_eq!(known.get(key), Some(value), "{what}: {key:?}");
    }
}

fn check_flip(folder: &Folder, path: &Path, own: &Keys, bit: u64) {
    let what = format!("{} bit {bit}", path.display());
    let disk = folder.disk.after_crash(Survives::Everything);
    disk.flip_bit(path, bit);
    let engine = opened(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (there, failed) = contents(&*engine);
    check_right(folder, path, &there, &what);
    let missing: Keys = folder
        .whole
        .keys()
        .filter(|key| !there.contains_key(key))
        .cloned()
        .collect();
    for (_, error) in &failed {
        let text = error.to_string();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {text}");
        assert!(text.contains(name), "{what}: {text}");
    }
    let counted = damage(&*engine);
    if counted == 0.0 && failed.is_empty() {
        assert_eq!(there, folder.whole, "{what}: nothing is said of the damage");
    }
    let aside = counter(&*engine, "bellwether_tsdb_blocks_damaged_total");
    match kind(path) {
        "log" => {
            // One record is one write.
            let writes: BTreeSet<i64> = missing.iter().map(|(_, t)| round(*t)).collect();
            assert!(writes.len() <= 1, "{what}: {missing:?}");
            assert!(missing.is_subset(&folder.in_log), "{what}: {missing:?}");
        }
        "series" => assert!(missing.is_subset(&folder.in_log), "{what}: {missing:?}"),
        "block" if aside > 0.0 => {
            assert_eq!(&missing, own, "{what}");
            let moved = Path::new("data/damaged").join(path.file_name().unwrap());
            assert!(disk.read(&moved).is_ok(), "{what}");
        }
        "block" => {
            let silent = |(of, _): &&(Labels, i64)| failed.iter().all(|(labels, _)| labels != of);
            assert_eq!(missing.iter().find(silent), None, "{what}");
        }
        "manifest" => {
            assert!(missing.is_empty(), "{what}: {missing:?}");
            let rebuilt = counter(&*engine, "bellwether_tsdb_manifest_rebuilt_total");
            assert_eq!(rebuilt, 1.0, "{what}");
        }
        _ => assert!(missing.is_empty(), "{what}: {missing:?}"),
    }
    if !failed.is_empty() {
        // A merge leaves the chunk out and says so.
        engine.compact().unwrap();
        let (there, failed) = contents(&*engine);
        assert!(failed.is_empty(), "{what}: {failed:?}");
        check_right(folder, path, &there, &what);
        let lost = |key: &&(Labels, i64)| !there.contains_key(*key) && !own.contains(*key);
        assert_eq!(folder.whole.keys().find(lost), None, "{what}");
        let left_out = counter(&*engine, "bellwether_tsdb_chunks_damaged_total");
        assert!(left_out > 0.0, "{what}");
    }
    // It goes on, and what is new never takes the place of what was lost.
    let source = Source::new("after");
    let mut batch = WriteBatch::default();
    for series in [98, 99] {
        let id = engine.register(&source, None, &labels(series)).unwrap();
        batch.push(id, NOW_MS, 1.0);
    }
    engine.write(&source, &batch).unwrap();
    drop(engine);
    let engine = opened(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (mut there, _) = contents(&*engine);
    for series in [98, 99] {
        assert!(there.remove(&(labels(series), NOW_MS)).is_some(), "{what}");
    }
    check_right(folder, path, &there, &what);
}

/// The write that a sample came with.
fn round(time_ms: i64) -> i64 {
    (time_ms - NOW_MS + 1_000_000) / 15_000
}

/// Bits to flip: all of them, or those of the ends and a spread of the rest.
fn bits(len: usize, spread: usize) -> Vec<u64> {
    let all = len * 8;
    if deep() {
        return (0..all as u64).collect();
    }
    // Bits of a byte take turns, so that every one is met.
    let turn = |byte: usize| (byte * 8 + (byte * 5 + byte / 8) % 8) as u64;
    let ends = 20.min(len);
    let mut bits: BTreeSet<u64> = (0..ends).chain(len - ends..len).map(turn).collect();
    bits.extend((0..len).step_by((len / spread).max(1)).map(turn));
    bits.into_iter().collect()
}

#[test]
fn flipped_bits_never_give_a_wrong_answer() {
    let folder = folder();
    let files: Vec<(PathBuf, usize)> = folder.disk.files();
    for wanted in ["log", "series", "block", "manifest", "tombstones"] {
        let found = files.iter().filter(|(path, _)| kind(path) == wanted);
        let found: Vec<_> = found.collect();
        assert!(!found.is_empty(), "no {wanted} in {files:?}");
        for (path, len) in &found {
            let own = if wanted == "block" {
                only_in(&folder, path)
            } else {
                Keys::new()
            };
            for bit in bits(*len, 240 / found.len()) {
                check_flip(&folder, path, &own, bit);
            }
        }
    }
}

#[test]
fn files_that_are_cut_never_give_a_wrong_answer() {
    let folder = folder();
    for (path, len) in folder.disk.files() {
        let step = if deep() { 1 } else { (len / 40).max(1) };
        for cut in (0..len).step_by(step) {
            let what = format!("{} cut to {cut}", path.display());
            let disk = folder.disk.after_crash(Survives::Everything);
            disk.cut(&path, cut);
            let engine = opened(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
            let (there, failed) = contents(&*engine);
            assert!(failed.is_empty(), "{what}: {failed:?}");
            check_right(&folder, &path, &there, &what);
            if !matches!(kind(&path), "log" | "series") {
                let told = there == folder.whole || damage(&*engine) > 0.0;
                assert!(told, "{what}: nothing is said of the damage");
            }
        }
    }
}
