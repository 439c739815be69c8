//! The machine that the daemon pretends to run on: its disk, memory and processor time.
//!
//! The live daemon shares its process with the server that watches it, so that the process's own numbers would
//! tell of that one.

use bellwether_sdk::health::Outcome;

/// Size of the simulated disk.
pub(crate) const DISK_BYTES: f64 = 200e9;
/// Its folders, and what they take at the least.
pub(crate) const DISK_FOLDERS: [(&str, f64); 4] = [
    ("models", 71e9),
    ("cache", 27e9),
    ("logs", 18e9),
    ("traces", 6e9),
];
/// What the disk fault adds at its end: the disk is all but full then.
const DISK_FILLED_BYTES: f64 = 66e9;
/// Processor time of a second, a request and a token. Chosen: some milliseconds for a request.
pub(crate) const CPU_PER_SECOND: f64 = 0.02;
pub(crate) const CPU_PER_REQUEST: f64 = 0.011;
pub(crate) const CPU_PER_TOKEN: f64 = 1.5e-6;

/// Bytes of each folder, `elapsed_s` after the start, when the disk fault is `filled` of its way, 0 to 1.
/// Caches and logs grow until somebody cleans them up; where nobody does, the disk fills.
pub(crate) fn disk_used(elapsed_s: f64, filled: f64) -> [f64; 4] {
    DISK_FOLDERS.map(|(folder, least)| {
        let grown = match folder {
            "cache" => elapsed_s.rem_euclid(21_600.0) * 3.1e5,
            "logs" => elapsed_s.rem_euclid(86_400.0) * 4e4,
            "traces" => DISK_FILLED_BYTES * filled,
            _ => 0.0,
        };
        (least + grown).round()
    })
}

/// What such a disk means.
pub(crate) fn disk_verdict(used: [f64; 4]) -> Outcome {
    let share = used.iter().sum::<f64>() / DISK_BYTES;
    let full = || format!("{:.0} % of the disk are used", share * 100.0);
    match share {
        it if it > 0.9 => Outcome::down(full()),
        it if it > 0.8 => Outcome::degraded(full()),
        _ => Outcome::up(),
    }
}

/// Bytes of memory: a cache fills over five hours and is then emptied; requests and connections take some.
pub(crate) fn resident_bytes(elapsed_s: f64, in_flight: f64, connections: f64) -> f64 {
    let cache_bytes = elapsed_s.rem_euclid(18_000.0) * 9_000.0;
    (88e6 + cache_bytes + in_flight * 1.4e6 + connections * 0.35e6).round()
}

/// File descriptors that are open.
pub(crate) fn open_files(in_flight: f64, connections: f64) -> f64 {
    28.0 + connections + 2.0 * in_flight
}
