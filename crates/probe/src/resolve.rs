//! From a target's text to the address that is probed.

use std::net::IpAddr;
use std::time::Duration;

use crate::module::{AddressChoice, IpProtocol};
use crate::recorder::{DNS_LOOKUP_TIME, Failure, Gauge, IP_ADDR_HASH, IP_PROTOCOL, Recorder};
use crate::target::shown_target;

/// Finds the address to probe, and records how long that took and what was found. `phases` is the
/// duration metric of the prober, if it has one.
pub(crate) async fn choose_address(
    recorder: &mut Recorder,
    host: &str,
    choice: AddressChoice,
    phases: Option<Gauge>,
) -> Result<IpAddr, Failure> {
    for gauge in [IP_PROTOCOL, DNS_LOOKUP_TIME, IP_ADDR_HASH] {
        recorder.set(gauge, 0.0);
    }
    recorder.begin(phases, "resolve");
    let found = lookup(host, choice).await;
    let took: Duration = recorder.end();
    recorder.set(DNS_LOOKUP_TIME, took.as_secs_f64());
    let address = found?;
    recorder.set(IP_PROTOCOL, f64::from(IpProtocol::of(address).number()));
    recorder.set(IP_ADDR_HASH, f64::from(address_hash(address)));
    recorder.note(format!("{host} is {address}"));
    Ok(address)
}

/// Finds the address to probe, as the system resolves names.
pub(crate) async fn lookup(host: &str, choice: AddressChoice) -> Result<IpAddr, Failure> {
    if host.is_empty() {
        return Err(Failure::new("the target names no host"));
    }
    let found = tokio::net::lookup_host((host, 0))
        .await
        .map_err(|error| Failure::new(format!("no address for {host:?}: {error}")))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip().to_canonical()).collect();
    pick(&addresses, choice).ok_or_else(|| {
        let wanted = if choice.fallback {
            String::new()
        } else {
            format!("{} ", choice.preferred)
        };
        Failure::new(format!("{host:?} has no {wanted}address"))
    })
}

/// The first address of the preferred version, else (as blackbox_exporter has it) the last of the
/// other.
fn pick(addresses: &[IpAddr], choice: AddressChoice) -> Option<IpAddr> {
    let preferred = |address: &&IpAddr| IpProtocol::of(**address) == choice.preferred;
    let found = addresses.iter().find(preferred);
    let fallback = || addresses.last().filter(|_| choice.fallback);
    found.or_else(fallback).copied()
}

/// FNV-1a of the bytes of an address.
fn address_hash(address: IpAddr) -> u32 {
    let hash = |bytes: &[u8]| {
        bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
    };
    match address.to_canonical() {
        IpAddr::V4(address) => hash(&address.octets()),
        IpAddr::V6(address) => hash(&address.octets()),
    }
}

/// Parts `host:port`; an IPv6 address stands in brackets.
pub(crate) fn split_host_port(target: &str) -> Result<(&str, u16), Failure> {
    let wrong = |what: &str| Failure::new(format!("target {:?} {what}", shown_target(target)));
    let (host, port) = target
        .rsplit_once(':')
        .ok_or_else(|| wrong("has no port: want host:port"))?;
    let port = port
        .parse()
        .map_err(|_| wrong("has no port from 0 to 65535 after the last colon"))?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(address) => Ok((address, port)),
        None if host.contains(':') => Err(wrong("has an IPv6 address without brackets")),
        None => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_preferred_version_wins_and_the_other_is_the_fallback() {
        let both = addresses(&["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]);
        let only4 = addresses(&["10.0.0.1", "10.0.0.2"]);
        let choice = |preferred, fallback| AddressChoice {
            preferred,
            fallback,
        };
        let text = |addresses: &[IpAddr], choice| pick(addresses, choice).map(|a| a.to_string());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text(&both, choice(IpProtocol::Ip6, true)), some("fd00::1"));
        assert_eq!(text(&both, choice(IpProtocol::Ip4, true)), some("10.0.0.1"));
        assert_eq!(
            text(&only4, choice(IpProtocol::Ip6, true)),
            some("10.0.0.2")
        );
        assert_eq!(text(&only4, choice(IpProtocol::Ip6, false)), None);
        assert_eq!(text(&[], choice(IpProtocol::Ip6, true)), None);
    }

    #[test]
    fn the_hash_is_fnv_1a_of_the_bytes() {
        let four: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(address_hash(four), 0xdaaf_40ed);
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert_eq!(address_hash(mapped), address_hash(four));
    }

    #[test]
    fn targets_are_parted_at_the_last_colon() {
        assert_eq!(split_host_port("a:1").unwrap(), ("a", 1));
        assert_eq!(split_host_port("[::1]:80").unwrap(), ("::1", 80));
        for wrong in ["a", "a:b", "::1:80", "a:70000"] {
            assert!(split_host_port(wrong).is_err(), "{wrong}");
        }
    }
}
