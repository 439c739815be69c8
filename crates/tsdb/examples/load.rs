//! Measures the engine by itself: time a sample, bytes a sample, bytes a series, time to open.
//!
//! `cargo run --release -p bellwether-tsdb --example load -- FOLDER SERIES HOURS`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_storage::{
    ManualClock, MetricStore, RealDisk, Samples, Selection, SelectionHints, SeriesKey, Source,
    WriteBatch,
};
use bellwether_tsdb::{Engine, EngineSettings};

const BEGIN_MS: i64 = 1_750_000_000_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 53) as f64
    }
}

struct Series {
    labels: Labels,
    kind: usize,
    rate: f64,
    value: f64,
    offset_ms: i64,
}

impl Series {
    fn advance(&mut self, random: &mut Random) -> f64 {
        match self.kind {
            0..=5 => self.value += (self.rate * 100.0 * (0.5 + random.unit())).floor(),
            6..=11 => {
                if random.unit() < self.rate * 0.15 {
                    self.value += 1.0 + (random.unit() * 3.0).floor();
                }
            }
            12..=15 => {
                let moved = self.value + (random.unit() - 0.5) * self.rate * 2.0;
                self.value = (moved * 100.0).round() / 100.0;
            }
            16 => self.value += self.rate * 5.0 * (0.5 + random.unit()),
            _ => {
                if random.next().is_multiple_of(500) {
                    self.value += 1.0;
                }
            }
        }
        self.value
    }
}

fn make(count: usize, random: &mut Random) -> Vec<Series> {
    (0..count)
        .map(|index| {
            let (target, within) = (index / 1000, index % 1000);
            let pairs = [
                ("__name__", format!("metric_{}", within % 20)),
                ("cluster", "prod-eu-west-1".to_owned()),
                ("container", "gateway".to_owned()),
                ("endpoint", "http-metrics".to_owned()),
                ("handler", format!("/api/v1/resource/{}", within / 20)),
                (
                    "instance",
                    format!("10.12.{}.{}:9090", target / 250, target % 250),
                ),
                ("job", "kubernetes-pods".to_owned()),
                ("le", format!("{}", within % 20)),
                ("namespace", format!("team-{}", target % 7)),
                (
                    "node",
                    format!("ip-10-12-{}-{}.internal", target % 11, target % 13),
                ),
                ("pod", format!("gateway-6c9f7d5b8-{target:05}")),
                ("service", "gateway".to_owned()),
            ];
            Series {
                labels: Labels::from_pairs(pairs),
                kind: within % 20,
                rate: random.unit() * 2.0,
                value: (random.unit() * 100_000.0).floor(),
                offset_ms: (target as i64 * 7_919 + 3_701) % 15_000,
            }
        })
        .collect()
}

fn rss_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .unwrap_or("");
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|e| e.metadata().ok())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .sum()
}

/// Registers and writes two million series and says where the ceiling stopped it.
fn flood(engine: &Arc<Engine>, source: &Source, before_kib: u64) {
    engine.start_background().unwrap();
    let mut batch = WriteBatch::default();
    let (mut taken, mut refused) = (0u64, None);
    for index in 0..2_000_000u64 {
        let labels = Labels::from_pairs([
            ("__name__", format!("flood_{}", index % 100)),
            ("id", format!("{index:016x}")),
            ("instance", format!("10.0.0.{}:9090", index % 250)),
            ("job", "flood".to_owned()),
            ("pod", format!("flood-{}", index / 50)),
        ]);
        let key = Some(SeriesKey(
            u128::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060),
        ));
        match engine.register(source, key, &labels) {
            Ok(id) => {
                taken += 1;
                batch.push(id, BEGIN_MS, index as f64);
            }
            Err(error) => refused = Some(error.to_string()),
        }
        if batch.sample_count() >= 2_000 {
            engine.write(source, &batch).unwrap();
            batch.clear();
        }
    }
    let (now, peak) = (rss_kib("VmRSS"), rss_kib("VmHWM"));
    println!(
        "flood: {taken} series taken, {} MiB at the start",
        before_kib >> 10
    );
    println!("RSS {} MiB, peak {} MiB", now >> 10, peak >> 10);
    engine.compact().unwrap();
    println!("after compaction: peak {} MiB", rss_kib("VmHWM") >> 10);
    println!("refused: {refused:?}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = Path::new(arguments.get(1).map_or("/tmp/load", String::as_str));
    let count: usize = arguments.get(2).map_or(20_000, |n| n.parse().unwrap());
    let hours: f64 = arguments.get(3).map_or(6.0, |n| n.parse().unwrap());
    let steps = (hours * 240.0) as i64;
    let mut random = Random(42);
    let mut series = make(count, &mut random);
    let before = rss_kib("VmRSS");
    let clock = Arc::new(ManualClock::new(BEGIN_MS + steps * 15_000));
    let settings = EngineSettings {
        memory_limit_bytes: 512 << 20,
        ..EngineSettings::default()
    };
    let open = || {
        let disk = Arc::new(RealDisk);
        Engine::open(disk, folder, Arc::clone(&clock) as _, settings.clone()).unwrap()
    };
    let engine = open();
    let source = Source::new("load");
    if arguments.get(4).is_some_and(|word| word == "flood") {
        flood(&engine, &source, before);
        return;
    }
    let keys: Vec<SeriesKey> = (0..count as u128)
        .map(|i| SeriesKey((i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))
        .collect();
    let began = Instant::now();
    for (one, &key) in series.iter().zip(&keys) {
        engine.register(&source, Some(key), &one.labels).unwrap();
    }
    println!(
        "register: {:.0} ns/series",
        began.elapsed().as_nanos() as f64 / count as f64
    );
    engine.start_background().unwrap();
    let (mut writing, mut resolving) = (0u128, 0u128);
    let mut batch = WriteBatch::default();
    let mut resolved = Vec::new();
    let mut folder_peak = 0;
    let all = Instant::now();
    for step in 0..steps {
        for (group, keys) in series.chunks_mut(2_000).zip(keys.chunks(2_000)) {
            batch.clear();
            resolved.clear();
            let t = Instant::now();
            engine.resolve_many(keys, &mut resolved);
            resolving += t.elapsed().as_nanos();
            for (one, id) in group.iter_mut().zip(&resolved) {
                let value = one.advance(&mut random);
                batch.push(id.unwrap(), BEGIN_MS + step * 15_000 + one.offset_ms, value);
            }
            let t = Instant::now();
            let outcome = engine.write(&source, &batch).unwrap();
            writing += t.elapsed().as_nanos();
            assert_eq!(outcome.rejected_count, 0);
        }
        if step % 100 == 0 {
            folder_peak = folder_peak.max(folder_bytes(folder));
        }
    }
    let samples = (count as i64 * steps) as f64;
    println!(
        "resolve {:.1} ns/sample, write {:.1} ns/sample, wall {:.1} ns/sample",
        resolving as f64 / samples,
        writing as f64 / samples,
        all.elapsed().as_nanos() as f64 / samples
    );
    println!(
        "memory: {:.0} B/series now, {:.0} B/series peak; accounted {}",
        (rss_kib("VmRSS").saturating_sub(before) * 1024) as f64 / count as f64,
        (rss_kib("VmHWM").saturating_sub(before) * 1024) as f64 / count as f64,
        engine.stats(0).memory_bytes,
    );
    println!(
        "folder: {:.3} B/sample now, {:.3} peak",
        folder_bytes(folder) as f64 / samples,
        folder_peak as f64 / samples
    );
    let matchers = [Matcher::equal("__name__", "metric_3")];
    for (text, matchers, hours) in [
        ("one name, 1 h", &matchers[..], 1),
        ("one name, all", &matchers[..], 10_000),
        ("all series, 1 h", &[][..], 1),
        ("one name, 1 h", &matchers[..], 1),
        ("one name, all", &matchers[..], 10_000),
        ("all series, 1 h", &[][..], 1),
    ] {
        let end_ms = BEGIN_MS + steps * 15_000;
        let range = TimeRange::new(end_ms - hours * 3_600_000, end_ms);
        let t = Instant::now();
        let handles = engine
            .select(&Selection {
                matchers,
                range,
                hints: SelectionHints::default(),
            })
            .unwrap();
        let selected = t.elapsed();
        let mut read = 0;
        let mut columns = Samples::default();
        let t = Instant::now();
        for handle in &handles {
            columns.clear();
            handle.read(range, &mut columns).unwrap();
            read += columns.len();
        }
        println!(
            "read {text}: {} series in {selected:?}, {read} samples in {:?} ({:.1} ns each)",
            handles.len(),
            t.elapsed(),
            t.elapsed().as_nanos() as f64 / read as f64
        );
    }
    engine.stop_background();
    drop(engine);
    // Everything is dropped without closing: as after the death of the process.
    let t = Instant::now();
    let engine = open();
    println!("open: {:?}", t.elapsed());
    let t = Instant::now();
    engine.compact().unwrap();
    println!(
        "compact: {:?}, folder {:.3} B/sample",
        t.elapsed(),
        folder_bytes(folder) as f64 / samples
    );
}
