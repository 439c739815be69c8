//! Traffic of block devices, from `/proc/diskstats`.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::{Source, found};

/// The kernel counts sectors of this size whatever the device's own is.
const SECTOR_BYTES: f64 = 512.0;
const MILLISECONDS: f64 = 1e-3;

/// Name, help, factor; in the order of the file's fields. The ninth is the only gauge.
const FAMILIES: [(&str, &str, f64); 17] = [
    ("node_disk_reads_completed_total", "Reads completed.", 1.0),
    ("node_disk_reads_merged_total", "Reads merged.", 1.0),
    ("node_disk_read_bytes_total", "Bytes read.", SECTOR_BYTES),
    (
        "node_disk_read_time_seconds_total",
        "Seconds spent by all reads.",
        MILLISECONDS,
    ),
    ("node_disk_writes_completed_total", "Writes completed.", 1.0),
    ("node_disk_writes_merged_total", "Writes merged.", 1.0),
    (
        "node_disk_written_bytes_total",
        "Bytes written.",
        SECTOR_BYTES,
    ),
    (
        "node_disk_write_time_seconds_total",
        "Seconds spent by all writes.",
        MILLISECONDS,
    ),
    ("node_disk_io_now", "Reads and writes in progress.", 1.0),
    (
        "node_disk_io_time_seconds_total",
        "Seconds with anything in progress.",
        MILLISECONDS,
    ),
    (
        "node_disk_io_time_weighted_seconds_total",
        "Seconds in progress, weighted by how many were.",
        MILLISECONDS,
    ),
    (
        "node_disk_discards_completed_total",
        "Discards completed.",
        1.0,
    ),
    ("node_disk_discards_merged_total", "Discards merged.", 1.0),
    (
        "node_disk_discarded_sectors_total",
        "Sectors discarded.",
        1.0,
    ),
    (
        "node_disk_discard_time_seconds_total",
        "Seconds spent by all discards.",
        MILLISECONDS,
    ),
    ("node_disk_flush_requests_total", "Flushes completed.", 1.0),
    (
        "node_disk_flush_requests_time_seconds_total",
        "Seconds spent by all flushes.",
        MILLISECONDS,
    ),
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DiskLine {
    major: String,
    minor: String,
    device: String,
    /// As many as the kernel knows: 11, 15 or 17.
    fields: Vec<f64>,
}

/// Devices but for those that [`is_ignored`].
pub(crate) fn parse(text: &str) -> Vec<DiskLine> {
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (major, minor, device) = (words.next()?, words.next()?, words.next()?);
        let fields: Vec<f64> = words
            .take(FAMILIES.len())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        // Partitions of kernels before 2.6.25 have four fields of another meaning.
        (fields.len() >= 11 && !is_ignored(device)).then(|| DiskLine {
            major: major.to_owned(),
            minor: minor.to_owned(),
            device: device.to_owned(),
            fields,
        })
    };
    text.lines().filter_map(parse).collect()
}

/// Partitions and devices in memory, by node_exporter's default
/// `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`.
pub(crate) fn is_ignored(device: &str) -> bool {
    let front = device.trim_end_matches(|c: char| c.is_ascii_digit());
    if front.len() == device.len() {
        return false;
    }
    if ["ram", "zram", "loop", "fd"].contains(&front) {
        return true;
    }
    let is_disk_letter =
        |letter: &str| letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase());
    if ["hd", "sd", "vd", "xvd"]
        .iter()
        .any(|prefix| front.strip_prefix(prefix).is_some_and(is_disk_letter))
    {
        return true;
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    front
        .strip_prefix("nvme")
        .and_then(|rest| rest.strip_suffix('p'))
        .and_then(|rest| rest.split_once('n'))
        .is_some_and(|(controller, namespace)| is_number(controller) && is_number(namespace))
}

pub(crate) fn collect(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/diskstats";
    let disks = found(parse(&source.read(PATH)?), PATH, "device")?;
    for disk in &disks {
        let labels = [
            ("device", disk.device.as_str()),
            ("major", disk.major.as_str()),
            ("minor", disk.minor.as_str()),
        ];
        sink.gauge("node_disk_info", "Numbers of a block device.", &labels, 1.0);
    }
    for (field, (name, help, factor)) in FAMILIES.iter().enumerate() {
        for disk in &disks {
            let Some(value) = disk.fields.get(field) else {
                continue;
            };
            let labels = [("device", disk.device.as_str())];
            if name.ends_with("_total") {
                sink.counter(name, help, &labels, value * factor);
            } else {
                sink.gauge(name, help, &labels, value * factor);
            }
        }
    }
    Ok(())
}
