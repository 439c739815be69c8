//! Targets from DNS.
//!
//! ## Limits
//! Names are resolved by the servers of `/etc/resolv.conf`, search list included; `/etc/hosts` is
//! not asked, as in Prometheus.

use std::time::Duration;

use bellwether_model::Labels;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::Channel;
use crate::settings::{DnsRecord, TargetGroup};

/// Asks at each interval.
pub(super) async fn run(
    names: &[String],
    record: DnsRecord,
    port: u16,
    refresh: Duration,
    channel: &Channel,
) {
    // The last answer for each name, for when it cannot be resolved.
    let mut known: Vec<Vec<TargetGroup>> = vec![Vec::new(); names.len()];
    loop {
        let mut errors = Vec::new();
        match resolver() {
            Err(error) => errors.push(error),
            Ok(resolver) => {
                for (name, known) in names.iter().zip(&mut known) {
                    match resolve(&resolver, name, record, port).await {
                        Ok(groups) => *known = groups,
                        Err(error) => errors.push(format!("{name}: {error}")),
                    }
                }
            }
        }
        channel.tell(Ok(known.concat())).await;
        if !errors.is_empty() {
            channel.tell(Err(errors.join("; "))).await;
        }
        tokio::time::sleep(refresh).await;
    }
}

/// Made for each round, so that a changed `resolv.conf` is followed and no answer is cached.
fn resolver() -> Result<TokioResolver, String> {
    let builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
    builder.build().map_err(|error| error.to_string())
}

async fn resolve(
    resolver: &TokioResolver,
    name: &str,
    record: DnsRecord,
    port: u16,
) -> Result<Vec<TargetGroup>, String> {
    let record_type = match record {
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::AAAA,
        DnsRecord::Mx => RecordType::MX,
        DnsRecord::Ns => RecordType::NS,
        DnsRecord::Srv => RecordType::SRV,
    };
    let lookup = match resolver.lookup(name, record_type).await {
        Ok(lookup) => lookup,
        // A name that is not there has no targets.
        Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let answers = lookup.answers().iter();
    let groups = answers.filter_map(|answer| group(name, port, &answer.data));
    Ok(groups.collect())
}

/// The target that a record names, with what Prometheus tells of it.
fn group(name: &str, port: u16, record: &RData) -> Option<TargetGroup> {
    let (host, port, meta) = match record {
        RData::A(address) => (address.to_string(), port, Vec::new()),
        RData::AAAA(address) => (format!("[{address}]"), port, Vec::new()),
        RData::MX(mx) => {
            let host = mx.exchange.to_string();
            (
                host.clone(),
                port,
                vec![("__meta_dns_mx_record_target", host)],
            )
        }
        RData::NS(ns) => {
            let host = ns.to_string();
            (
                host.clone(),
                port,
                vec![("__meta_dns_ns_record_target", host)],
            )
        }
        RData::SRV(srv) => {
            let host = srv.target.to_string();
            let meta = vec![
                ("__meta_dns_srv_record_target", host.clone()),
                ("__meta_dns_srv_record_port", srv.port.to_string()),
            ];
            (host, srv.port, meta)
        }
        // Aliases stand beside the addresses that they lead to.
        _ => return None,
    };
    let mut labels = Labels::empty().to_builder();
    labels.set("__meta_dns_name", name);
    for (label, value) in meta {
        labels.set(label, &value);
    }
    Some(TargetGroup {
        targets: vec![format!("{}:{port}", host.trim_end_matches('.'))],
        labels: labels.build(),
    })
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Name;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, SRV};

    use super::*;

    #[test]
    fn records_become_targets() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let check = |record: RData, target: &str, meta: &[(&str, &str)]| {
            let group = group("db.example", 9100, &record).unwrap();
            let mut labels = vec![("__meta_dns_name", "db.example")];
            labels.extend_from_slice(meta);
            assert_eq!(group.targets, [target]);
            assert_eq!(group.labels, Labels::from_pairs(labels));
        };
        check(RData::A(A::new(10, 0, 0, 1)), "10.0.0.1:9100", &[]);
        check(
            RData::AAAA(AAAA::new(0, 0, 0, 0, 0, 0, 0, 1)),
            "[::1]:9100",
            &[],
        );
        check(
            RData::MX(MX::new(10, name("mail.example."))),
            "mail.example:9100",
            &[("__meta_dns_mx_record_target", "mail.example.")],
        );
        check(
            RData::SRV(SRV::new(1, 2, 5432, name("one.db.example."))),
            "one.db.example:5432",
            &[
                ("__meta_dns_srv_record_target", "one.db.example."),
                ("__meta_dns_srv_record_port", "5432"),
            ],
        );
        let alias = RData::CNAME(CNAME(name("other.example.")));
        assert!(group("db.example", 9100, &alias).is_none());
    }
}
