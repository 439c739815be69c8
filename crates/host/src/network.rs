//! Network interfaces: traffic from `/proc/net/dev`, state from `/sys/class/net`, neighbours and
//! queues from `/proc/net`.

use std::collections::BTreeMap;

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::{Source, found};

/// In the order of the file's columns.
const COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

/// Interface and the values of its columns.
pub(crate) fn parse(text: &str) -> Vec<(String, [f64; COLUMNS.len()])> {
    let parse = |line: &str| {
        let (device, rest) = line.rsplit_once(':')?;
        let mut words = rest.split_ascii_whitespace();
        let mut values = [0.0; COLUMNS.len()];
        for value in &mut values {
            *value = words.next()?.parse().ok()?;
        }
        Some((device.trim().to_owned(), values))
    };
    text.lines().filter_map(parse).collect()
}

pub(crate) fn traffic(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/net/dev";
    let devices = found(parse(&source.read(PATH)?), PATH, "interface")?;
    for (column, field) in COLUMNS.iter().enumerate() {
        let name = format!("node_network_{field}_total");
        for (device, values) in &devices {
            sink.counter(
                &name,
                "A column of /proc/net/dev.",
                &[("device", device)],
                values[column],
            );
        }
    }
    Ok(())
}

/// File below `/sys/class/net/<interface>`, metric, help, factor. Those with `_total` are counters.
const PROPERTIES: [(&str, &str, &str, f64); 12] = [
    (
        "carrier",
        "node_network_carrier",
        "Whether the cable is connected.",
        1.0,
    ),
    (
        "carrier_changes",
        "node_network_carrier_changes_total",
        "Changes of the carrier.",
        1.0,
    ),
    (
        "carrier_down_count",
        "node_network_carrier_down_changes_total",
        "Losses of the carrier.",
        1.0,
    ),
    (
        "carrier_up_count",
        "node_network_carrier_up_changes_total",
        "Gains of the carrier.",
        1.0,
    ),
    (
        "dormant",
        "node_network_dormant",
        "Whether the interface is up but waits.",
        1.0,
    ),
    (
        "flags",
        "node_network_flags",
        "Flags of the interface.",
        1.0,
    ),
    (
        "ifindex",
        "node_network_iface_id",
        "Number of the interface.",
        1.0,
    ),
    (
        "iflink",
        "node_network_iface_link",
        "Number of the interface below this one.",
        1.0,
    ),
    (
        "mtu",
        "node_network_mtu_bytes",
        "Bytes of the largest packet.",
        1.0,
    ),
    // The kernel says megabits per second.
    (
        "speed",
        "node_network_speed_bytes",
        "Bytes per second.",
        1e6 / 8.0,
    ),
    (
        "tx_queue_len",
        "node_network_transmit_queue_length",
        "Packets that may wait.",
        1.0,
    ),
    (
        "type",
        "node_network_protocol_type",
        "Number of the hardware's type.",
        1.0,
    ),
];

/// Decimal, or hexadecimal after `0x`. Less than nothing means that the kernel does not know.
pub(crate) fn parse_property(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16)
            .ok()
            .map(|number| number as f64),
        None => text.parse::<f64>().ok().filter(|number| *number >= 0.0),
    }
}

pub(crate) fn interfaces(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "sys/class/net";
    let devices = found(source.list(PATH)?, PATH, "interface")?;
    let read = |device: &str, file: &str| source.read(&format!("{PATH}/{device}/{file}")).ok();
    for (file, name, help, factor) in PROPERTIES {
        for device in &devices {
            let Some(value) = read(device, file).and_then(|text| parse_property(&text)) else {
                continue;
            };
            if name.ends_with("_total") {
                sink.counter(name, help, &[("device", device)], value * factor);
            } else {
                sink.gauge(name, help, &[("device", device)], value * factor);
            }
        }
    }
    for device in &devices {
        let field = |file| read(device, file).unwrap_or_default().trim().to_owned();
        let fields = ["address", "broadcast", "duplex", "ifalias", "operstate"];
        let values = fields.map(|file| (file, field(file)));
        let mut labels: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        labels.push(("device", device));
        let help = "State of an interface; always 1.";
        sink.gauge("node_network_info", help, &labels, 1.0);
    }
    for device in &devices {
        let up = read(device, "operstate").is_some_and(|state| state.trim() == "up");
        let help = "Whether the interface is up.";
        sink.gauge(
            "node_network_up",
            help,
            &[("device", device)],
            f64::from(u8::from(up)),
        );
    }
    Ok(())
}

/// Entries of the ARP table by interface, sorted.
pub(crate) fn parse_arp(text: &str) -> BTreeMap<String, u64> {
    let mut entries = BTreeMap::new();
    for line in text.lines().skip(1) {
        if let Some(device) = line.split_ascii_whitespace().nth(5) {
            *entries.entry(device.to_owned()).or_insert(0) += 1;
        }
    }
    entries
}

pub(crate) fn arp(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    for (device, entries) in parse_arp(&source.read("proc/net/arp")?) {
        let help = "Entries of the ARP table.";
        sink.gauge(
            "node_arp_entries",
            help,
            &[("device", &device)],
            entries as f64,
        );
    }
    Ok(())
}

/// Packets processed, packets dropped, and times that a round ended too early, for each processor.
pub(crate) fn parse_softnet(text: &str) -> Vec<[f64; 3]> {
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let mut next = || u32::from_str_radix(words.next()?, 16).ok().map(f64::from);
        Some([next()?, next()?, next()?])
    };
    text.lines().filter_map(parse).collect()
}

pub(crate) fn softnet(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/net/softnet_stat";
    const FAMILIES: [(&str, &str, usize); 3] = [
        ("node_softnet_dropped_total", "Packets dropped.", 1),
        ("node_softnet_processed_total", "Packets processed.", 0),
        (
            "node_softnet_times_squeezed_total",
            "Rounds that ended with packets left.",
            2,
        ),
    ];
    let processors = found(parse_softnet(&source.read(PATH)?), PATH, "processor")?;
    for (name, help, field) in FAMILIES {
        for (cpu, fields) in processors.iter().enumerate() {
            sink.counter(name, help, &[("cpu", &cpu.to_string())], fields[field]);
        }
    }
    Ok(())
}

pub(crate) fn connection_tracking(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    let entries = source.read_number("proc/sys/net/netfilter/nf_conntrack_count")?;
    let limit = source.read_number("proc/sys/net/netfilter/nf_conntrack_max")?;
    sink.gauge(
        "node_nf_conntrack_entries",
        "Connections that are tracked.",
        &[],
        entries,
    );
    let help = "Connections that may be tracked.";
    sink.gauge("node_nf_conntrack_entries_limit", help, &[], limit);
    Ok(())
}
