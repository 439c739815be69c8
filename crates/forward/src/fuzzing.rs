//! What the fuzz targets reach inside of this crate.

use std::path::PathBuf;
use std::sync::Arc;

use bellwether_model::{Exemplar, Labels};
use bellwether_storage::{Disk, FaultyDisk};

use crate::queue::Queue;
use crate::record::RecordBuilder;

const FOLDER: &str = "queue";
const SEGMENT: &str = "queue/00000001.queue";
const POSITION: &str = "queue/position";

/// A segment and a position as the queue writes them.
#[must_use]
pub fn queue_files() -> (Vec<u8>, Vec<u8>) {
    let disk = FaultyDisk::new();
    let mut record = RecordBuilder::default();
    let labels = Labels::from_pairs([("__name__", "a"), ("b", "c")]);
    record.series(7, &labels);
    record.float(7, 1_700_000_000_000, 0, 1.5);
    record.float(7, 1_700_000_015_000, 1_600_000_000_000, f64::NAN);
    record.exemplar(
        7,
        &Exemplar {
            labels: Labels::from_pairs([("trace_id", "x")]),
            value: 1.0,
            timestamp_ms: 1_700_000_000_000,
        },
    );
    // A disk without faults cannot fail; were it empty all the same, the files would be.
    if let Ok(queue) = open(&disk) {
        queue.append(&record);
        let mut reader = queue.reader();
        if let Ok(window) = queue.read(&mut reader, 1)
            && let Some(end) = window.end
        {
            drop(queue.acknowledge(end));
        }
        queue.append(&record);
    }
    let file = |path: &str| {
        disk.read(path.as_ref())
            .map(|b| b.to_vec())
            .unwrap_or_default()
    };
    (file(SEGMENT), file(POSITION))
}

/// Opens a queue that consists of one segment and a position, reads it to its end, and appends.
pub fn read_queue(segment: &[u8], position: &[u8]) {
    let disk = FaultyDisk::new();
    let put = |path: &str, bytes: &[u8]| {
        disk.create(path.as_ref())
            .and_then(|mut file| file.append(bytes))
    };
    if disk.create_folder(FOLDER.as_ref()).is_err()
        || put(SEGMENT, segment).is_err()
        || put(POSITION, position).is_err()
    {
        return;
    }
    let Ok(queue) = open(&disk) else { return };
    let mut reader = queue.reader();
    while queue.has_more(&reader) {
        let Ok(window) = queue.read(&mut reader, 100) else {
            break;
        };
        let _bytes = queue.pending_bytes();
        match window.end {
            Some(end) => drop(queue.acknowledge(end)),
            None => break,
        }
    }
    queue.append(&RecordBuilder::default());
}

fn open(disk: &FaultyDisk) -> std::io::Result<Queue> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Queue::open(disk, PathBuf::from(FOLDER), 1 << 20)
}
