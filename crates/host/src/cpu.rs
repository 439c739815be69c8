//! Time of each processor by what it did, from `/proc/stat` and `/proc/schedstat`.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::{Source, found};

const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];

/// What one line `cpu7 …` says, in clock ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CpuTicks {
    cpu: String,
    modes: [f64; MODES.len()],
    /// Part of `user` and of `nice` that went to virtual machines.
    guest: [f64; 2],
}

/// The lines of single processors; fields that old kernels lack are 0.
pub(crate) fn parse(text: &str) -> Vec<CpuTicks> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<CpuTicks> {
    let mut words = line.split_ascii_whitespace();
    let cpu = words.next()?.strip_prefix("cpu")?;
    // The line without a number is the sum over all.
    if cpu.is_empty() || !cpu.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut next = || {
        words
            .next()
            .and_then(|word| word.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    let modes = std::array::from_fn(|_| next());
    let guest = std::array::from_fn(|_| next());
    Some(CpuTicks {
        cpu: cpu.to_owned(),
        modes,
        guest,
    })
}

pub(crate) fn collect(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/stat";
    let cpus = found(parse(&source.read(PATH)?), PATH, "processor")?;
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    for cpu in &cpus {
        for (mode, ticks) in ["user", "nice"].iter().zip(cpu.guest) {
            sink.counter(
                "node_cpu_guest_seconds_total",
                "Seconds a processor spent in guests (virtual machines).",
                &[("cpu", &cpu.cpu), ("mode", mode)],
                ticks / ticks_per_second,
            );
        }
    }
    for cpu in &cpus {
        for (mode, ticks) in MODES.iter().zip(cpu.modes) {
            sink.counter(
                "node_cpu_seconds_total",
                "Seconds a processor spent in each mode.",
                &[("cpu", &cpu.cpu), ("mode", mode)],
                ticks / ticks_per_second,
            );
        }
    }
    Ok(())
}

/// Processor, nanoseconds running, nanoseconds waiting, slices run.
pub(crate) fn parse_schedule(text: &str) -> Vec<(String, [f64; 3])> {
    let parse = |line: &str| {
        let (cpu, rest) = line.strip_prefix("cpu")?.split_once(' ')?;
        let mut fields = rest.split_ascii_whitespace().skip(6).map(str::parse::<f64>);
        let mut next = || fields.next()?.ok();
        Some((cpu.to_owned(), [next()?, next()?, next()?]))
    };
    text.lines().filter_map(parse).collect()
}

pub(crate) fn schedule(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/schedstat";
    const FAMILIES: [(&str, &str, f64); 3] = [
        (
            "node_schedstat_running_seconds_total",
            "Seconds a processor spent running processes.",
            1e9,
        ),
        (
            "node_schedstat_waiting_seconds_total",
            "Seconds processes waited for a processor.",
            1e9,
        ),
        (
            "node_schedstat_timeslices_total",
            "Time slices executed by a processor.",
            1.0,
        ),
    ];
    let cpus = found(parse_schedule(&source.read(PATH)?), PATH, "processor")?;
    for (field, (name, help, divisor)) in FAMILIES.iter().enumerate() {
        for (cpu, fields) in &cpus {
            sink.counter(name, help, &[("cpu", cpu)], fields[field] / divisor);
        }
    }
    Ok(())
}
