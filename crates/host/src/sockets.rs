//! Sockets and protocols, from `/proc/net/sockstat`, `netstat` and `snmp`.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::{Source, found};

/// Metric name and value of each pair of a line such as `TCP: inuse 5 orphan 0`.
pub(crate) fn parse_sockets(text: &str) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((protocol, rest)) = line.split_once(':') else {
            continue;
        };
        if !is_word(protocol) {
            continue;
        }
        let mut words = rest.split_ascii_whitespace();
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            if let (true, Ok(value)) = (is_word(key), value.parse::<f64>()) {
                out.push((format!("node_sockstat_{protocol}_{key}"), value));
            }
        }
    }
    out
}

pub(crate) fn sockets(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/net/sockstat";
    let mut pairs = found(parse_sockets(&source.read(PATH)?), PATH, "count of sockets")?;
    // Absent where IPv6 is switched off.
    if let Ok(text) = source.read("proc/net/sockstat6") {
        pairs.extend(parse_sockets(&text));
    }
    let page_bytes = rustix::param::page_size() as f64;
    for (name, value) in pairs {
        sink.gauge(&name, "A field of /proc/net/sockstat.", &[], value);
        if name.ends_with("_mem") {
            let name = format!("{name}_bytes");
            sink.gauge(&name, "Bytes of socket buffers.", &[], value * page_bytes);
        }
    }
    Ok(())
}

/// Metric name and value of pairs of lines: names, then values, both after `Protocol:`.
pub(crate) fn parse_protocols(text: &str) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((protocol, names)), Some((_, values))) =
            (names.split_once(':'), values.split_once(':'))
        else {
            continue;
        };
        let pairs = names
            .split_ascii_whitespace()
            .zip(values.split_ascii_whitespace());
        for (name, value) in pairs {
            push_wanted(&mut out, protocol, name, value);
        }
    }
    out
}

/// Metric name and value of lines such as `Ip6InOctets 5`.
pub(crate) fn parse_protocols6(text: &str) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let Some((protocol, field)) = name.split_once('6') else {
            continue;
        };
        push_wanted(&mut out, &format!("{protocol}6"), field, value.trim());
    }
    out
}

fn push_wanted(out: &mut Vec<(String, f64)>, protocol: &str, name: &str, value: &str) {
    if let (true, Ok(value)) = (is_wanted(protocol, name), value.parse::<f64>()) {
        out.push((format!("node_netstat_{protocol}_{name}"), value));
    }
}

/// node_exporter's default choice.
fn is_wanted(protocol: &str, name: &str) -> bool {
    if !is_word(protocol) || !is_word(name) {
        return false;
    }
    if name.ends_with("InErrors") || name.ends_with("InErrs") {
        return true;
    }
    match protocol {
        "Ip" => name == "Forwarding",
        "IpExt" | "Ip6" => matches!(name, "InOctets" | "OutOctets"),
        "Icmp" | "Icmp6" => matches!(name, "InMsgs" | "OutMsgs"),
        "TcpExt" => {
            name.starts_with("Listen")
                || name.starts_with("Syncookies")
                || matches!(
                    name,
                    "TCPSynRetrans" | "TCPTimeouts" | "TCPOFOQueue" | "TCPRcvQDrop"
                )
        }
        "Tcp" => matches!(
            name,
            "ActiveOpens"
                | "InSegs"
                | "OutSegs"
                | "OutRsts"
                | "PassiveOpens"
                | "RetransSegs"
                | "CurrEstab"
        ),
        "Udp" | "Udp6" => matches!(
            name,
            "InDatagrams" | "OutDatagrams" | "NoPorts" | "RcvbufErrors" | "SndbufErrors"
        ),
        _ => false,
    }
}

pub(crate) fn protocols(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const PATH: &str = "proc/net/snmp";
    let mut pairs = found(parse_protocols(&source.read(PATH)?), PATH, "protocol")?;
    pairs.extend(parse_protocols(&source.read("proc/net/netstat")?));
    // Absent where IPv6 is switched off.
    if let Ok(text) = source.read("proc/net/snmp6") {
        pairs.extend(parse_protocols6(&text));
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|a, b| a.0 == b.0);
    for (name, value) in pairs {
        sink.unknown(
            &name,
            "A field of /proc/net/snmp, snmp6 or netstat.",
            &[],
            value,
        );
    }
    Ok(())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}
