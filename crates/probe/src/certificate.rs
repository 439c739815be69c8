//! What the certificates of a server say, in the words of blackbox_exporter's metrics.
//!
//! ## Model
//! [`facts`] reads the leaf and the earliest end of all certificates that a server sent.
//! [`chain_expiry`] looks for paths from the leaf to a trusted authority and says when the last of
//! them ends.
//!
//! ## Limits
//! Paths are found by names: the TLS library has checked the signatures of one path and tells
//! neither which nor its authority's end. A server that sends a certificate which bears the name of an
//! issuer but did not sign may so be shown an end that is earlier than that of the path in use.

use ring::digest;
use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::ToDer as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The longest path that is followed. RFC 5280 sets no bound; OpenSSL's is 100, real ones have 4.
const CHAIN_LENGTH_MAX: usize = 10;
/// How many certificates are looked at in all while paths are searched.
const CHAIN_STEPS_MAX: usize = 1_000;

/// What `probe_ssl_*` say of the certificates of a server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// When the first of them ends, in seconds since the Unix epoch.
    pub(crate) earliest_expiry_seconds: i64,
    pub(crate) fingerprint_sha256: String,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// The DNS names of the leaf, separated by commas.
    pub(crate) alternative_names: String,
    pub(crate) serial_number: String,
}

/// Reads the certificates of a server, the leaf first. `None` where there is no leaf or it cannot be
/// read.
pub(crate) fn facts(presented: &[CertificateDer<'_>]) -> Option<CertificateFacts> {
    let leaf_der = presented.first()?;
    let leaf = parse(leaf_der)?;
    let expiries = presented
        .iter()
        .filter_map(|der| Some(expiry(&parse(der)?)));
    Some(CertificateFacts {
        earliest_expiry_seconds: expiries.min()?,
        fingerprint_sha256: hex(digest::digest(&digest::SHA256, leaf_der).as_ref()),
        subject: name_text(leaf.subject()),
        issuer: name_text(leaf.issuer()),
        alternative_names: dns_names(&leaf),
        serial_number: serial_number(&leaf),
    })
}

/// When the last path from the leaf to one of `authorities` ends that is valid at `now_seconds`: the
/// latest of the earliest ends of its certificates. `None` where there is no such path.
pub(crate) fn chain_expiry(
    presented: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    now_seconds: i64,
) -> Option<i64> {
    let valid = |certificate: &X509Certificate<'_>| {
        let validity = certificate.validity();
        validity.not_before.timestamp() <= now_seconds
            && now_seconds <= validity.not_after.timestamp()
    };
    let parsed = |ders| -> Vec<X509Certificate<'_>> { parse_all(ders, &valid) };
    let leaf = parse(presented.first()?).filter(|leaf| valid(leaf))?;
    let search = Search {
        intermediates: parsed(presented.get(1..)?),
        authorities: parsed(authorities),
    };
    let mut steps = 0;
    search.last_expiry(&leaf, &mut Vec::new(), &mut steps)
}

fn parse_all<'a>(
    ders: &'a [CertificateDer<'a>],
    valid: &dyn Fn(&X509Certificate<'_>) -> bool,
) -> Vec<X509Certificate<'a>> {
    let parsed = ders.iter().filter_map(|der| parse(der));
    parsed.filter(|certificate| valid(certificate)).collect()
}

struct Search<'a> {
    intermediates: Vec<X509Certificate<'a>>,
    authorities: Vec<X509Certificate<'a>>,
}

impl Search<'_> {
    fn last_expiry(
        &self,
        from: &X509Certificate<'_>,
        path: &mut Vec<usize>,
        steps: &mut usize,
    ) -> Option<i64> {
        *steps += 1;
        let own = expiry(from);
        if *steps > CHAIN_STEPS_MAX || path.len() > CHAIN_LENGTH_MAX {
            return None;
        }
        // A certificate may be trusted by itself, which is how self-signed ones are.
        let trusted = self
            .authorities
            .iter()
            .any(|root| root.as_raw() == from.as_raw());
        let mut last = trusted.then_some(own);
        let issued = |issuer: &X509Certificate<'_>| {
            issuer.subject().as_raw() == from.issuer().as_raw() && issuer.as_raw() != from.as_raw()
        };
        for root in self.authorities.iter().filter(|root| issued(root)) {
            last = last.max(Some(own.min(expiry(root))));
        }
        for (index, next) in self.intermediates.iter().enumerate() {
            if !issued(next) || path.contains(&index) {
                continue;
            }
            path.push(index);
            let rest = self.last_expiry(next, path, steps);
            path.pop();
            last = last.max(rest.map(|rest| own.min(rest)));
        }
        last
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate)
}

fn expiry(certificate: &X509Certificate<'_>) -> i64 {
    certificate.validity().not_after.timestamp()
}

/// Hexadecimal, without the zero byte that keeps a number positive in DER.
fn serial_number(certificate: &X509Certificate<'_>) -> String {
    let bytes = certificate.raw_serial();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    hex(bytes.get(zeros..).unwrap_or_default())
}

fn dns_names(certificate: &X509Certificate<'_>) -> String {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return String::new();
    };
    let names = extension.value.general_names.iter();
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    names.collect::<Vec<_>>().join(",")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The attributes that have short names, in the order in which a name is written.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.6", "C"),
];

/// A name as Go writes it: known attributes in a fixed order whatever that of the certificate,
/// several of one kind joined by `+`, then the unknown ones, the last first.
fn name_text(name: &X509Name<'_>) -> String {
    let attributes: Vec<(String, &AttributeTypeAndValue<'_>)> = name
        .iter_attributes()
        .map(|attribute| (attribute.attr_type().to_id_string(), attribute))
        .collect();
    let mut parts = Vec::new();
    for (oid, short) in ATTRIBUTES {
        let values = attributes.iter().filter(|(own, _)| own == oid);
        // Only the last of several common names and serial numbers is kept.
        let single = matches!(short, "CN" | "SERIALNUMBER");
        let texts: Vec<String> = values
            .map(|(_, value)| format!("{short}={}", escaped(&value_text(value))))
            .collect();
        let skipped = if single {
            texts.len().saturating_sub(1)
        } else {
            0
        };
        if !texts.is_empty() {
            parts.push(texts[skipped..].join("+"));
        }
    }
    let known = |oid: &str| ATTRIBUTES.iter().any(|(own, _)| *own == oid);
    let unknown = attributes.iter().rev().filter(|(oid, _)| !known(oid));
    parts.extend(unknown.map(|(oid, value)| {
        let der = value.attr_value().to_der_vec().unwrap_or_default();
        format!("{oid}=#{}", hex(&der))
    }));
    parts.join(",")
}

fn value_text(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}

/// RFC 2253, section 2.4.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        let escape = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => index == 0 || index == last,
            '#' => index == 0,
            _ => false,
        };
        if escape {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
    };

    use super::*;

    const DAY: i64 = 86_400;

    struct Made {
        der: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    fn make(name: &str, year: i32, issuer: Option<&Made>) -> Made {
        let mut params = CertificateParams::new(vec![format!("{name}.test")]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Bell, Wether");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = match issuer {
            None => params.self_signed(&key),
            Some(issuer) => params.signed_by(&key, &issuer.issuer),
        }
        .unwrap();
        Made {
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn seconds(year: i32) -> i64 {
        date_time_ymd(year, 1, 1).unix_timestamp()
    }

    #[test]
    fn the_chain_ends_with_its_first_certificate_and_the_last_chain_counts() {
        let root = make("root", 2040, None);
        let middle = make("middle", 2031, Some(&root));
        let longer = make("middle", 2035, Some(&root));
        let leaf = make("leaf", 2033, Some(&middle));
        let now = seconds(2026);
        let chain = |presented: &[&Made], roots: &[&Made], now| {
            let ders =
                |made: &[&Made]| made.iter().map(|made| made.der.clone()).collect::<Vec<_>>();
            chain_expiry(&ders(presented), &ders(roots), now)
        };
        assert_eq!(chain(&[&leaf, &middle], &[&root], now), Some(seconds(2031)));
        // Of two ways the later one counts, bounded by the leaf.
        let both = [&leaf, &middle, &longer];
        assert_eq!(chain(&both, &[&root], now), Some(seconds(2033)));
        assert_eq!(chain(&[&leaf], &[&root], now), None);
        assert_eq!(chain(&[&root], &[&root], now), Some(seconds(2040)));
        assert_eq!(chain(&[&leaf, &middle], &[&root], seconds(2032)), None);
        assert_eq!(chain(&[], &[&root], now), None);
        let all = [leaf.der.clone(), middle.der.clone()];
        let facts = facts(&all).unwrap();
        assert_eq!(facts.earliest_expiry_seconds, seconds(2031));
        assert!(facts.earliest_expiry_seconds % DAY == 0);
    }

    #[test]
    fn names_are_written_as_go_writes_them() {
        let root = make("a root", 2040, None);
        let facts = facts(&[root.der]).unwrap();
        assert_eq!(facts.subject, "CN=a root,O=Bell\\, Wether");
        assert_eq!(facts.issuer, facts.subject);
        assert_eq!(facts.alternative_names, "a root.test");
        assert_eq!(facts.fingerprint_sha256.len(), 64);
        assert!(!facts.serial_number.starts_with("00"));
    }

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        assert_eq!(facts(&[CertificateDer::from(vec![1, 2, 3])]), None);
        assert_eq!(facts(&[]), None);
    }
}
