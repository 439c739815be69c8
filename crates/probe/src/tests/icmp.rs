//! `icmp`.

use super::kit::{IP4, probe};
use crate::Prober;
use crate::module::IcmpSettings;

/// The loopback's longest packet is 65,536 bytes, so nothing is ever split there: this shows that
/// the option is taken.
#[tokio::test]
async fn splitting_can_be_forbidden() {
    let settings = IcmpSettings {
        address: IP4,
        dont_fragment: true,
        ..IcmpSettings::default()
    };
    let result = probe(Prober::Icmp(settings), "127.0.0.1").await;
    if let Some(reason) = &result.reason {
        assert!(reason.starts_with("no socket for ICMP: "), "{reason}");
    }
}

#[tokio::test]
async fn the_loopback_replies_where_the_system_permits_to_ask() {
    let settings = IcmpSettings {
        address: IP4,
        payload_bytes: Some(100),
        ..IcmpSettings::default()
    };
    let result = probe(Prober::Icmp(settings), "127.0.0.1").await;
    match &result.reason {
        None => assert_eq!(result.phases.last().unwrap().name, "rtt"),
        Some(reason) => assert!(reason.starts_with("no socket for ICMP: "), "{reason}"),
    }
}
