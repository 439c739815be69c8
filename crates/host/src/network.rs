//! Network interfaces: traffic from `/proc/net/dev`, state from `/sys/class/net`.

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

pub(crate) fn interfaces(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "sys/class/net";
    let devices = found(source.list(PATH)?, PATH, "interface")?;
    let read = |device: &str, file: &str| {
        let text = source.read(&format!("{PATH}/{device}/{file}")).ok()?;
        Some(text.trim().to_owned())
    };
    let number = |device: &str, file: &str| read(device, file)?.parse::<f64>().ok();
    let gauges: [(&str, &str, &str, f64); 3] = [
        (
            "node_network_carrier",
            "Whether the cable is connected.",
            "carrier",
            1.0,
        ),
        (
            "node_network_mtu_bytes",
            "Bytes of the largest packet.",
            "mtu",
            1.0,
        ),
        // The kernel says megabits per second, and -1 where it does not know.
        (
            "node_network_speed_bytes",
            "Bytes per second.",
            "speed",
            1e6 / 8.0,
        ),
    ];
    for (name, help, file, factor) in gauges {
        for device in &devices {
            if let Some(value) = number(device, file).filter(|value| *value >= 0.0) {
                sink.gauge(name, help, &[("device", device)], value * factor);
            }
        }
    }
    for device in &devices {
        let field = |file| read(device, file).unwrap_or_default();
        let (address, operstate, duplex) = (field("address"), field("operstate"), field("duplex"));
        let labels = [
            ("address", address.as_str()),
            ("device", device.as_str()),
            ("duplex", duplex.as_str()),
            ("operstate", operstate.as_str()),
        ];
        let help = "State of an interface; always 1.";
        sink.gauge("node_network_info", help, &labels, 1.0);
    }
    for device in &devices {
        let up = read(device, "operstate").is_some_and(|state| state == "up");
        sink.gauge(
            "node_network_up",
            "Whether the interface is up.",
            &[("device", device)],
            f64::from(u8::from(up)),
        );
    }
    Ok(())
}
