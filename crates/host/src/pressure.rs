//! Time lost by waiting for processor, memory and disk, from `/proc/pressure`.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::Source;

/// Seconds that some (`some`) or all (`full`) tasks were stalled.
pub(crate) fn parse(text: &str, line_start: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.split_ascii_whitespace().next() == Some(line_start))?;
    let micros = line
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("total="))?
        .parse::<f64>()
        .ok()?;
    Some(micros / 1e6)
}

pub(crate) fn collect(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const FAMILIES: [(&str, &str, &str, &str); 6] = [
        (
            "cpu",
            "some",
            "node_pressure_cpu_waiting_seconds_total",
            "Seconds some waited for CPU.",
        ),
        (
            "io",
            "some",
            "node_pressure_io_waiting_seconds_total",
            "Seconds some waited for disk.",
        ),
        (
            "io",
            "full",
            "node_pressure_io_stalled_seconds_total",
            "Seconds all waited for disk.",
        ),
        (
            "memory",
            "some",
            "node_pressure_memory_waiting_seconds_total",
            "Seconds some waited for memory.",
        ),
        (
            "memory",
            "full",
            "node_pressure_memory_stalled_seconds_total",
            "Seconds all waited for memory.",
        ),
        (
            "irq",
            "full",
            "node_pressure_irq_stalled_seconds_total",
            "Seconds all waited for interrupts.",
        ),
    ];
    let mut first_error = None;
    let mut found_any = false;
    for (resource, line_start, name, help) in FAMILIES {
        match source.read(&format!("proc/pressure/{resource}")) {
            Ok(text) => {
                if let Some(seconds) = parse(&text, line_start) {
                    found_any = true;
                    sink.counter(name, help, &[], seconds);
                }
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    // Kernels before 6.1 have no `irq`: one resource that is there is enough.
    match first_error {
        Some(error) if !found_any => Err(error),
        _ => Ok(()),
    }
}
