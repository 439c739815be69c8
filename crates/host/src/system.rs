//! What system this is, and what time it thinks it is.

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::Source;

pub(crate) fn time(now_ms: i64, sink: &mut Sink<'_>) {
    let seconds = now_ms as f64 / 1e3;
    sink.gauge(
        "node_time_seconds",
        "The system's time, Unix time.",
        &[],
        seconds,
    );
}

pub(crate) fn uname(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    let read = |file: &str| {
        let text = source.read(&format!("proc/sys/kernel/{file}"))?;
        Ok::<_, HostError>(text.trim().to_owned())
    };
    let (nodename, release) = (read("hostname")?, read("osrelease")?);
    let (sysname, version) = (read("ostype")?, read("version")?);
    let domainname = read("domainname").unwrap_or_default();
    let labels = [
        ("domainname", domainname.as_str()),
        ("machine", std::env::consts::ARCH),
        ("nodename", nodename.as_str()),
        ("release", release.as_str()),
        ("sysname", sysname.as_str()),
        ("version", version.as_str()),
    ];
    sink.gauge(
        "node_uname_info",
        "What `uname` says; always 1.",
        &labels,
        1.0,
    );
    Ok(())
}

/// The value of a key of `os-release`, without its quotes.
pub(crate) fn parse_os(text: &str, key: &str) -> String {
    let value = text.lines().find_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        (name == key).then_some(value)
    });
    let value = value.unwrap_or("").trim();
    let unquoted = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    unquoted.unwrap_or(value).to_owned()
}

pub(crate) fn os(source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
    const KEYS: [&str; 12] = [
        "BUILD_ID",
        "ID",
        "ID_LIKE",
        "IMAGE_ID",
        "IMAGE_VERSION",
        "NAME",
        "PRETTY_NAME",
        "VARIANT",
        "VARIANT_ID",
        "VERSION",
        "VERSION_CODENAME",
        "VERSION_ID",
    ];
    let text = source
        .read("etc/os-release")
        .or_else(|_| source.read("usr/lib/os-release"))?;
    let labels: Vec<(String, String)> = KEYS
        .iter()
        .map(|key| (key.to_ascii_lowercase(), parse_os(&text, key)))
        .collect();
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    sink.gauge(
        "node_os_info",
        "The operating system; always 1.",
        &labels,
        1.0,
    );
    // Two parts make a number that can be compared: `12.5`, but not `12.5.1`.
    let version = parse_os(&text, "VERSION_ID");
    let parts: Vec<&str> = version.split('.').take(2).collect();
    if let Ok(number) = parts.join(".").parse::<f64>() {
        let values = ["ID", "ID_LIKE", "NAME"].map(|key| parse_os(&text, key));
        let labels: Vec<(&str, &str)> = ["id", "id_like", "name"]
            .into_iter()
            .zip(values.iter().map(String::as_str))
            .collect();
        let help = "Major and minor version of the operating system.";
        sink.gauge("node_os_version", help, &labels, number);
    }
    Ok(())
}
