//! Our own process, from `/proc/self`.

use bellwether_telemetry::Sink;

use crate::kernel::parse_field;
use crate::source::Source;

/// What `/proc/self/stat` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProcessStat {
    user_ticks: f64,
    system_ticks: f64,
    minor_faults: f64,
    major_faults: f64,
    threads: f64,
    start_ticks: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

pub(crate) fn parse_stat(text: &str) -> Option<ProcessStat> {
    // The command's name may itself hold spaces and brackets: fields start after the last one.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Field 3 of proc(5) is the first of `rest`.
    let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
    Some(ProcessStat {
        minor_faults: field(10)?,
        major_faults: field(12)?,
        user_ticks: field(14)?,
        system_ticks: field(15)?,
        threads: field(20)?,
        start_ticks: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

/// The soft limit of a line of `/proc/self/limits`; infinite where there is none.
pub(crate) fn parse_limit(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

/// Pages of `/proc/self/statm` that belong to no file.
pub(crate) fn parse_anonymous_pages(text: &str) -> Option<u64> {
    let mut numbers = text.split_ascii_whitespace().skip(1);
    let mut next = || numbers.next()?.parse::<u64>().ok();
    let (resident, of_files) = (next()?, next()?);
    resident.checked_sub(of_files)
}

pub(crate) fn anonymous_bytes(source: &Source) -> Option<u64> {
    let text = source.read("proc/self/statm").ok()?;
    Some(parse_anonymous_pages(&text)? * rustix::param::page_size() as u64)
}

/// Leaves out what cannot be read: each number stands alone.
pub(crate) fn collect(source: &Source, sink: &mut Sink<'_>) {
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let page_bytes = rustix::param::page_size() as f64;
    let stat = source
        .read("proc/self/stat")
        .ok()
        .and_then(|text| parse_stat(&text));
    let boot = source
        .read("proc/stat")
        .ok()
        .and_then(|text| parse_field(&text, "btime"));
    if let Some(stat) = &stat {
        let cpu = (stat.user_ticks + stat.system_ticks) / ticks_per_second;
        let help = "Processor time of this process, in seconds.";
        sink.counter("process_cpu_seconds_total", help, &[], cpu);
        let help = "Page faults that needed the disk.";
        sink.counter(
            "process_major_page_faults_total",
            help,
            &[],
            stat.major_faults,
        );
        let help = "Page faults that did not need the disk.";
        sink.counter(
            "process_minor_page_faults_total",
            help,
            &[],
            stat.minor_faults,
        );
    }
    if let Ok(limits) = source.read("proc/self/limits") {
        if let Some(files) = parse_limit(&limits, "Max open files") {
            sink.gauge(
                "process_max_fds",
                "File descriptors it may open.",
                &[],
                files,
            );
        }
        if let Some(bytes) = parse_limit(&limits, "Max address space") {
            let help = "Virtual memory it may take, in bytes.";
            sink.gauge("process_virtual_memory_max_bytes", help, &[], bytes);
        }
    }
    if let Ok(descriptors) = source.list("proc/self/fd") {
        let help = "File descriptors it has open.";
        sink.gauge("process_open_fds", help, &[], descriptors.len() as f64);
    }
    let Some(stat) = &stat else { return };
    let resident = stat.resident_pages * page_bytes;
    sink.gauge(
        "process_resident_memory_bytes",
        "Memory it holds, in bytes.",
        &[],
        resident,
    );
    if let Some(boot) = boot {
        let start = boot + stat.start_ticks / ticks_per_second;
        sink.gauge(
            "process_start_time_seconds",
            "When it started, Unix time.",
            &[],
            start,
        );
    }
    sink.gauge("process_threads", "Threads it has.", &[], stat.threads);
    let help = "Virtual memory it has, in bytes.";
    sink.gauge(
        "process_virtual_memory_bytes",
        help,
        &[],
        stat.virtual_bytes,
    );
}
