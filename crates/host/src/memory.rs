//! Memory, from `/proc/meminfo` and `/proc/vmstat`.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::{Source, found};

/// Metric name and value in bytes, or a plain count where the kernel gives no unit.
pub(crate) fn parse(text: &str) -> Vec<(String, f64)> {
    let parse = |line: &str| {
        let (key, rest) = line.split_once(':')?;
        let mut words = rest.split_ascii_whitespace();
        let value: f64 = words.next()?.parse().ok()?;
        let key: String = key
            .trim_end_matches(')')
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        Some(match words.next() {
            Some("kB") => (format!("node_memory_{key}_bytes"), value * 1024.0),
            _ => (format!("node_memory_{key}"), value),
        })
    };
    text.lines().filter_map(parse).collect()
}

pub(crate) fn collect(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/meminfo";
    for (name, value) in found(parse(&source.read(PATH)?), PATH, "amount of memory")? {
        sink.gauge(&name, "A field of /proc/meminfo.", &[], value);
    }
    Ok(())
}

/// Fields by node_exporter's default `^(oom_kill|pgpg|pswp|pg.*fault).*`.
pub(crate) fn parse_vmstat(text: &str) -> Vec<(String, f64)> {
    let is_wanted = |name: &str| {
        ["oom_kill", "pgpg", "pswp"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || (name.starts_with("pg") && name.contains("fault"))
    };
    let parse = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (is_name && is_wanted(name)).then_some(())?;
        Some((format!("node_vmstat_{name}"), value.trim().parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

pub(crate) fn vmstat(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/vmstat";
    for (name, value) in found(parse_vmstat(&source.read(PATH)?), PATH, "field")? {
        sink.unknown(&name, "A field of /proc/vmstat.", &[], value);
    }
    Ok(())
}
