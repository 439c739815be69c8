//! The data of the benchmarks: series as services expose them, and remote-write requests with them.
//!
//! ## Model
//! Targets expose about a thousand series each: request counters, histogram buckets, gauges that
//! wander with a few decimals, gauges that hardly move. All series of a target share the time of
//! its scrape. Twelve labels a series, as under Kubernetes. Everything follows from the seed.

/// Between two scrapes, ms.
pub(crate) const INTERVAL_MS: i64 = 15_000;
/// Buckets of a histogram.
const BUCKETS: u64 = 6;
/// Series in one target.
const SERIES_PER_TARGET: usize = 1_000;

/// A small generator (xorshift64*): fast, seeded, good enough for test data.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to below `n`.
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[derive(Debug, Clone)]
enum Kind {
    /// Requests: grows by a rate of its own, with noise, sometimes not at all.
    Counter { per_step: u64 },
    /// A bucket of a classic histogram: grows rarely. All buckets of a histogram draw the same
    /// numbers, so that each counts what those below it count, too.
    Bucket { chance: f64, rank: u64 },
    /// A level with two decimals that wanders.
    Walk { step: f64 },
    /// Seconds as floats with all their digits, growing.
    Seconds { per_step: f64 },
    /// Hardly ever changes.
    Constant,
}

/// One series and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Encoded label fields of a remote-write `TimeSeries`.
    labels: Vec<u8>,
    pub(crate) pairs: Vec<(String, String)>,
    kind: Kind,
    value: f64,
    random: Random,
    /// When its target is scraped within the interval, ms.
    offset_ms: i64,
}

impl Series {
    fn advance(&mut self) -> f64 {
        match self.kind {
            Kind::Counter { per_step } => {
                self.value += (per_step / 2 + self.random.below(per_step + 1)) as f64;
            }
            Kind::Bucket { chance, rank } => {
                if self.random.unit() < chance {
                    for _ in 0..1 + self.random.below(3) {
                        self.value += f64::from(u8::from(self.random.below(BUCKETS) <= rank));
                    }
                }
            }
            Kind::Walk { step } => {
                let moved = self.value + (self.random.unit() - 0.5) * step;
                self.value = (moved * 100.0).round() / 100.0;
            }
            Kind::Seconds { per_step } => self.value += per_step * (0.5 + self.random.unit()),
            Kind::Constant => {
                if self.random.below(500) == 0 {
                    self.value += 1.0;
                }
            }
        }
        self.value
    }
}

/// Makes `count` series with twelve labels each.
pub(crate) fn series(count: usize, seed: u64) -> Vec<Series> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|index| one_series(index, None, &mut random))
        .collect()
}

/// As [`series`], with a thirteenth label that makes them other series in each generation.
pub(crate) fn series_of_generation(count: usize, seed: u64, generation: usize) -> Vec<Series> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|index| one_series(index, Some(generation), &mut random))
        .collect()
}

fn one_series(index: usize, generation: Option<usize>, random: &mut Random) -> Series {
    let target = index / SERIES_PER_TARGET;
    let within = index % SERIES_PER_TARGET;
    // One histogram for each twenty series of a target.
    let histogram = (index / 20) as u64 + 1;
    let (name, kind, extra) = match within % 20 {
        0..=5 => (
            format!("http_requests_{}_total", within % 6),
            Kind::Counter {
                per_step: 1 + random.below(200),
            },
            (
                "code",
                ["200", "204", "301", "400", "404", "500"][within / 20 % 6].to_owned(),
            ),
        ),
        6..=11 => (
            "http_request_duration_seconds_bucket".to_owned(),
            Kind::Bucket {
                chance: Random::new(histogram).unit() * 0.4,
                rank: within as u64 % 20 - 6,
            },
            (
                "le",
                ["0.005", "0.05", "0.25", "1", "5", "+Inf"][within % 20 - 6].to_owned(),
            ),
        ),
        12..=15 => (
            format!("queue_depth_{}", within % 20),
            Kind::Walk {
                step: 0.1 + random.unit() * 4.0,
            },
            ("queue", format!("queue-{}", within / 20 % 10)),
        ),
        16 => (
            "process_cpu_seconds_total".to_owned(),
            Kind::Seconds {
                per_step: random.unit() * 10.0,
            },
            ("mode", "user".to_owned()),
        ),
        _ => (
            format!("config_value_{}", within % 20),
            Kind::Constant,
            ("key", format!("key-{}", within / 20)),
        ),
    };
    let mut pairs = vec![
        ("__name__".to_owned(), name),
        (extra.0.to_owned(), extra.1),
        ("cluster".to_owned(), "prod-eu-west-1".to_owned()),
        ("container".to_owned(), "gateway".to_owned()),
        ("endpoint".to_owned(), "http-metrics".to_owned()),
        (
            "handler".to_owned(),
            format!("/api/v1/resource/{}", within / 20),
        ),
        (
            "instance".to_owned(),
            format!("10.12.{}.{}:9090", target / 250, target % 250),
        ),
        ("job".to_owned(), "kubernetes-pods".to_owned()),
        ("namespace".to_owned(), format!("team-{}", target % 7)),
        (
            "node".to_owned(),
            format!("ip-10-12-{}-{}.internal", target % 11, target % 13),
        ),
        ("pod".to_owned(), format!("gateway-6c9f7d5b8-{target:05}")),
        ("service".to_owned(), "gateway".to_owned()),
    ];
    pairs.extend(generation.map(|number| ("generation".to_owned(), number.to_string())));
    pairs.sort();
    let mut labels = Vec::new();
    for (name, value) in &pairs {
        let mut label = Vec::new();
        bytes_field(&mut label, 1, name.as_bytes());
        bytes_field(&mut label, 2, value.as_bytes());
        bytes_field(&mut labels, 1, &label);
    }
    let mut value = (random.below(100_000) as f64).round();
    let mut seed = random.next();
    if let Kind::Bucket { rank, .. } = kind {
        seed = histogram;
        value = (Random::new(histogram).below(10_000) * (rank + 1)) as f64;
    }
    let offset_ms = (target as i64 * 7_919 + 3_701) % INTERVAL_MS;
    Series {
        labels,
        pairs,
        kind,
        value,
        random: Random::new(seed),
        offset_ms,
    }
}

/// The snappy-compressed remote-write requests of one interval: each series once, `batch` samples
/// a request.
pub(crate) fn requests(series: &mut [Series], begin_ms: i64, batch: usize) -> Vec<Vec<u8>> {
    let mut compressor = snap::raw::Encoder::new();
    let mut requests = Vec::with_capacity(series.len() / batch + 1);
    let mut body = Vec::with_capacity(batch * 512);
    for group in series.chunks_mut(batch) {
        body.clear();
        for one in group {
            let value = one.advance();
            let time_ms = begin_ms + one.offset_ms;
            let mut sample = [0u8; 20];
            sample[0] = 0x09;
            sample[1..9].copy_from_slice(&value.to_le_bytes());
            sample[9] = 0x10;
            let mut length = 10;
            let mut rest = time_ms as u64;
            loop {
                let more = rest >= 0x80;
                sample[length] = (rest & 0x7f) as u8 | if more { 0x80 } else { 0 };
                length += 1;
                rest >>= 7;
                if !more {
                    break;
                }
            }
            let sample = &sample[..length];
            body.push(0x0a);
            varint(&mut body, (one.labels.len() + 2 + sample.len()) as u64);
            body.extend_from_slice(&one.labels);
            bytes_field(&mut body, 2, sample);
        }
        // Fails only for bodies above 4 GiB.
        requests.push(compressor.compress_vec(&body).unwrap_or_default());
    }
    requests
}

fn bytes_field(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// One target's exposition as text, at one scrape.
pub(crate) fn exposition(series: &mut [Series]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(series.len() * 160);
    let mut family = String::new();
    for one in series {
        let value = one.advance();
        let name = one
            .pairs
            .iter()
            .find(|(n, _)| n == "__name__")
            .map_or("", |(_, v)| v.as_str());
        if name != family {
            name.clone_into(&mut family);
            let _infallible = writeln!(text, "# TYPE {name} untyped");
        }
        text.push_str(name);
        let mut open = '{';
        for (label, value) in &one.pairs {
            if !["__name__", "instance", "job"].contains(&label.as_str()) {
                let _infallible = write!(text, "{open}{label}=\"{value}\"");
                open = ',';
            }
        }
        let _infallible = writeln!(text, "}} {value}");
    }
    text
}

/// Series of `count` targets for the scrape suite, sorted so that families stand together.
pub(crate) fn targets(count: usize, seed: u64) -> Vec<Vec<Series>> {
    let mut all = series(count * SERIES_PER_TARGET, seed);
    let mut targets = Vec::new();
    while !all.is_empty() {
        let rest = all.split_off(SERIES_PER_TARGET.min(all.len()));
        all.sort_by(|a, b| a.pairs.cmp(&b.pairs));
        targets.push(std::mem::replace(&mut all, rest));
    }
    targets
}
