//! What the kernel counts for the whole machine: load, interrupts, processes, files, entropy.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::Source;

/// The three load averages.
pub(crate) fn parse_load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace().map(str::parse::<f64>);
    let mut next = || words.next()?.ok();
    Some([next()?, next()?, next()?])
}

pub(crate) fn load(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/loadavg";
    let Some([one, five, fifteen]) = parse_load(&source.read(PATH)?) else {
        return Err(malformed(PATH, "load averages"));
    };
    sink.gauge("node_load1", "Load average over 1 minute.", &[], one);
    sink.gauge("node_load15", "Load average over 15 minutes.", &[], fifteen);
    sink.gauge("node_load5", "Load average over 5 minutes.", &[], five);
    Ok(())
}

/// The number behind a word at the start of a line.
pub(crate) fn parse_field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next()? != name {
            return None;
        }
        words.next()?.parse().ok()
    })
}

pub(crate) fn stat(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/stat";
    const COUNTERS: [(&str, &str, &str); 3] = [
        ("ctxt", "node_context_switches_total", "Context switches."),
        ("processes", "node_forks_total", "Forks."),
        ("intr", "node_intr_total", "Interrupts served."),
    ];
    const GAUGES: [(&str, &str, &str); 3] = [
        (
            "btime",
            "node_boot_time_seconds",
            "When the machine started, Unix time.",
        ),
        (
            "procs_blocked",
            "node_procs_blocked",
            "Processes that wait for input or output.",
        ),
        (
            "procs_running",
            "node_procs_running",
            "Processes that can run.",
        ),
    ];
    let text = source.read(PATH)?;
    if parse_field(&text, "btime").is_none() {
        return Err(malformed(PATH, "boot time"));
    }
    for (field, name, help) in GAUGES {
        if let Some(value) = parse_field(&text, field) {
            sink.gauge(name, help, &[], value);
        }
    }
    for (field, name, help) in COUNTERS {
        if let Some(value) = parse_field(&text, field) {
            sink.counter(name, help, &[], value);
        }
    }
    Ok(())
}

pub(crate) fn file_descriptors(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/sys/fs/file-nr";
    let text = source.read(PATH)?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<f64>);
    let (Some(Ok(allocated)), Some(_), Some(Ok(maximum))) =
        (numbers.next(), numbers.next(), numbers.next())
    else {
        return Err(malformed(PATH, "counts of open files"));
    };
    sink.gauge(
        "node_filefd_allocated",
        "File descriptors in use.",
        &[],
        allocated,
    );
    sink.gauge(
        "node_filefd_maximum",
        "File descriptors that may be in use.",
        &[],
        maximum,
    );
    Ok(())
}

pub(crate) fn entropy(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    let available = source.read_number("proc/sys/kernel/random/entropy_avail")?;
    let pool = source.read_number("proc/sys/kernel/random/poolsize")?;
    sink.gauge(
        "node_entropy_available_bits",
        "Bits of entropy at hand.",
        &[],
        available,
    );
    sink.gauge(
        "node_entropy_pool_size_bits",
        "Bits of entropy that fit.",
        &[],
        pool,
    );
    Ok(())
}

/// Runnable and all threads, from the fourth word of `/proc/loadavg`, such as `2/345`.
pub(crate) fn parse_threads(text: &str) -> Option<f64> {
    let (_, all) = text.split_ascii_whitespace().nth(3)?.split_once('/')?;
    all.parse().ok()
}

pub(crate) fn threads(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/loadavg";
    let threads =
        parse_threads(&source.read(PATH)?).ok_or_else(|| malformed(PATH, "count of threads"))?;
    let threads_max = source.read_number("proc/sys/kernel/threads-max")?;
    let pids_max = source.read_number("proc/sys/kernel/pid_max")?;
    sink.gauge(
        "node_processes_max_processes",
        "Process ids that there may be.",
        &[],
        pids_max,
    );
    sink.gauge(
        "node_processes_max_threads",
        "Threads that there may be.",
        &[],
        threads_max,
    );
    sink.gauge(
        "node_processes_threads",
        "Threads that there are.",
        &[],
        threads,
    );
    Ok(())
}

fn malformed(path: &str, wanted: &'static str) -> HostError {
    HostError::Malformed {
        path: path.to_owned(),
        wanted,
    }
}
