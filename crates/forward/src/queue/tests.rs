use bellwether_storage::{Fault, FaultyDisk, Survives};

use super::*;

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name)])
}

fn open(disk: &Arc<FaultyDisk>, bytes_max: u64) -> Queue {
    let disk: Arc<dyn Disk> = Arc::<FaultyDisk>::clone(disk);
    Queue::open(disk, PathBuf::from("/q"), bytes_max).unwrap()
}

/// Appends one record with a float of each series.
fn append(queue: &Queue, names: &[&str], time_ms: i64) -> bool {
    let mut record = RecordBuilder::default();
    for (id, name) in names.iter().enumerate() {
        record.series(id as u32, &labels(name));
        record.float(id as u32, time_ms, 0, time_ms as f64);
    }
    queue.append(&record)
}

fn times(window: &Window) -> Vec<i64> {
    window
        .series
        .iter()
        .flat_map(|series| series.floats.iter().map(|float| float.0))
        .collect()
}

#[test]
fn what_is_appended_is_read_once_and_in_order() {
    let disk = Arc::new(FaultyDisk::new());
    let queue = open(&disk, u64::MAX);
    let mut reader = queue.reader();
    assert!(!queue.has_more(&reader));
    for time_ms in 0..10 {
        assert!(append(&queue, &["a", "b"], time_ms));
    }
    assert_eq!(queue.unread_samples(), 20);
    let first = queue.read(&mut reader, 6).unwrap();
    assert_eq!((first.samples, times(&first)), (6, vec![0, 1, 2, 0, 1, 2]));
    queue.acknowledge(first.end.unwrap()).unwrap();
    // Read but not acknowledged: comes again after a restart, in full and from there on.
    let second = queue.read(&mut reader, 4).unwrap();
    assert_eq!(times(&second), [3, 4, 3, 4]);
    drop(queue);
    let queue = open(&disk, u64::MAX);
    let mut reader = queue.reader();
    append(&queue, &["b"], 10);
    let rest = queue.read(&mut reader, 100).unwrap();
    assert_eq!(times(&rest), [3, 4, 5, 6, 7, 8, 9, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(rest.series.len(), 2);
    queue.acknowledge(rest.end.unwrap()).unwrap();
    assert_eq!(queue.pending_bytes(), 0);
    // The first segment is done and gone.
    let segments = disk.files().into_iter().filter(|(path, _)| {
        path.extension()
            .is_some_and(|extension| extension == "queue")
    });
    assert_eq!(segments.count(), 1);
}

#[test]
fn a_full_queue_drops_the_oldest() {
    let disk = Arc::new(FaultyDisk::new());
    let mut queues = Vec::new();
    for process in 0..4 {
        let queue = open(&disk, 200);
        for time_ms in 0..4 {
            append(&queue, &["a"], process * 10 + time_ms);
        }
        queues.push(queue.losses().overflow_samples);
    }
    let queue = open(&disk, 200);
    let mut reader = queue.reader();
    let window = queue.read(&mut reader, 100).unwrap();
    assert_eq!(times(&window).last(), Some(&33));
    let dropped: u64 = queues.iter().sum();
    assert!(dropped > 0);
    assert_eq!(window.samples + dropped, 16);
}

#[test]
fn damage_is_counted_and_passed_over() {
    let disk = Arc::new(FaultyDisk::new());
    let queue = open(&disk, u64::MAX);
    append(&queue, &["a"], 1);
    append(&queue, &["a"], 2);
    drop(queue);
    let queue = open(&disk, u64::MAX);
    append(&queue, &["a"], 3);
    drop(queue);
    // A bit in the second record of the first segment.
    let first = Path::new("/q/00000001.queue");
    let length = disk
        .files()
        .iter()
        .find(|(path, _)| path == first)
        .unwrap()
        .1;
    disk.flip_bit(first, length as u64 * 8 - 1);
    let queue = open(&disk, u64::MAX);
    let mut reader = queue.reader();
    assert_eq!(times(&queue.read(&mut reader, 100).unwrap()), [1, 3]);
    assert_eq!(queue.losses().damages, 1);
    // A position that is damaged means: from the start.
    queue
        .acknowledge(Position {
            segment: 1,
            offset: 20,
        })
        .unwrap();
    disk.flip_bit(Path::new("/q/position"), 100);
    let queue = open(&disk, u64::MAX);
    assert_eq!(
        queue.reader().at,
        Position {
            segment: 1,
            offset: HEADER_BYTES
        }
    );
}

#[test]
fn a_failing_disk_loses_only_what_it_says() {
    for case in 0..24 {
        let operation = case / 2;
        let fault = if case % 2 == 0 {
            Fault::NoSpace
        } else {
            Fault::ShortWrite
        };
        let disk = Arc::new(FaultyDisk::new());
        let queue = open(&disk, u64::MAX);
        disk.plant(disk.operations() + operation, fault);
        let mut written = Vec::new();
        for time_ms in 0..5 {
            if append(&queue, &["a"], time_ms) {
                written.push(time_ms);
            }
        }
        let lost = queue.losses().unwritten_samples;
        assert_eq!(written.len() as u64 + lost, 5, "operation {operation}");
        let mut reader = queue.reader();
        assert_eq!(
            times(&queue.read(&mut reader, 100).unwrap()),
            written,
            "{operation}"
        );
        // After the death of the process the same is there.
        let disk = Arc::new(disk.after_crash(Survives::Everything));
        let queue = open(&disk, u64::MAX);
        let mut reader = queue.reader();
        assert_eq!(
            times(&queue.read(&mut reader, 100).unwrap()),
            written,
            "{operation}"
        );
    }
}

#[test]
fn a_full_disk_leaves_nothing_behind_and_is_outlived() {
    for (operation, fault) in (0..8).flat_map(|at| [(at, Fault::Full), (at, Fault::FullForNames)]) {
        let what = format!("{fault:?} at {operation}");
        let disk = Arc::new(FaultyDisk::new());
        let queue = open(&disk, u64::MAX);
        disk.plant(disk.operations() + operation, fault);
        let mut written: Vec<i64> = (0..40)
            .filter(|&time_ms| append(&queue, &["a"], time_ms))
            .collect();
        assert!(disk.files().len() <= 1, "{what}: {:?}", disk.files());
        let lost = queue.losses().unwritten_samples;
        assert_eq!(written.len() as u64 + lost, 40, "{what}");
        disk.limit_space(None);
        assert!(append(&queue, &["a"], 40), "{what}");
        written.push(40);
        let window = queue.read(&mut queue.reader(), 100).unwrap();
        assert_eq!(times(&window), written, "{what}");
        queue.acknowledge(window.end.unwrap()).unwrap();
    }
}

#[test]
fn flipped_bits_cost_samples_and_never_change_them() {
    let clean = Arc::new(FaultyDisk::new());
    for process in 0..2 {
        let queue = open(&clean, u64::MAX);
        for time_ms in 0..3 {
            append(&queue, &["a", "b"], process * 10 + time_ms);
        }
        let window = queue.read(&mut queue.reader(), 1).unwrap();
        queue.acknowledge(window.end.unwrap()).unwrap();
    }
    let read = |disk: &Arc<FaultyDisk>| {
        let queue = open(disk, u64::MAX);
        let window = queue.read(&mut queue.reader(), 100).unwrap();
        (window, queue.losses().damages)
    };
    let (whole, damages) = read(&clean);
    assert_eq!((times(&whole).len(), damages), (8, 0));
    for (path, len) in clean.files() {
        for bit in 0..len as u64 * 8 {
            let what = format!("{} bit {bit}", path.display());
            let disk = Arc::new(clean.after_crash(Survives::Everything));
            disk.flip_bit(&path, bit);
            let (window, damages) = read(&disk);
            for series in &window.series {
                for &(time_ms, start_ms, value) in &series.floats {
                    let known = [0, 1, 2, 10, 11, 12].contains(&time_ms);
                    assert!(known && start_ms == 0 && value == time_ms as f64, "{what}");
                }
            }
            // A damaged position means that samples are sent again.
            let again = path.ends_with("position") && window.samples == 12;
            assert!(
                again || damages > 0,
                "{what}: nothing is said of the damage"
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn random_segments_never_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        framed in proptest::prelude::any::<bool>(),
    ) {
        let disk = Arc::new(FaultyDisk::new());
        let mut content = MAGIC.to_vec();
        if framed {
            content.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            content.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        }
        content.extend_from_slice(&bytes);
        disk.create_folder(Path::new("/q")).unwrap();
        disk.create(Path::new("/q/00000001.queue")).unwrap().append(&content).unwrap();
        let queue = open(&disk, u64::MAX);
        let mut reader = queue.reader();
        let window = queue.read(&mut reader, u64::MAX).unwrap();
        proptest::prop_assert!(window.samples <= 300);
    }
}
