//! An alert as it travels: from a rule or from outside to the groups and receivers.
//!
//! ## Model
//! Labels are an alert's identity; an [`AlertFingerprint`] is their hash, the same number that an
//! Alertmanager shows. Annotations are for people and may change. An alert is firing until
//! `ends_ms`; whoever sends it moves that end ahead again and again, so that an alert whose sender
//! is gone ends by itself.

use std::fmt;

use crate::{Labels, Severity};

/// The label that names an alert.
pub const ALERT_NAME: &str = "alertname";

/// The hash of an alert's labels: FNV-1a of names and values, each followed by the byte 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertFingerprint(pub u64);

impl AlertFingerprint {
    /// The fingerprint of a set of labels.
    #[must_use]
    pub fn of(labels: &Labels) -> Self {
        let mut hash = Fnv::default();
        for (name, value) in labels {
            hash.add(name.as_bytes());
            hash.add(&[255]);
            hash.add(value.as_bytes());
            hash.add(&[255]);
        }
        Self(hash.0)
    }

    /// Reads the sixteen hexadecimal digits that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| u64::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }
}

impl fmt::Display for AlertFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// 64-bit FNV-1a.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its identity.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// Since when it fires, ms.
    pub starts_ms: i64,
    /// When it ends or ended, ms; `None`: nobody has said.
    pub ends_ms: Option<i64>,
    /// Whether that end is only what is taken where nobody says one.
    pub times_out: bool,
    /// When it was last heard of, ms.
    pub updated_ms: i64,
    /// Where the rule can be looked at, or empty.
    pub generator_url: String,
}

impl Alert {
    /// The value of the label `alertname`, or nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get(ALERT_NAME).unwrap_or("")
    }

    /// The fingerprint of its labels.
    #[must_use]
    pub fn fingerprint(&self) -> AlertFingerprint {
        AlertFingerprint::of(&self.labels)
    }

    /// Whether it has ended at a time. An end at that very time counts.
    #[must_use]
    pub fn is_resolved(&self, now_ms: i64) -> bool {
        self.ends_ms.is_some_and(|ends_ms| ends_ms <= now_ms)
    }

    /// How bad it is, where its label `severity` is one of our four words.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.labels.get("severity").and_then(Severity::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        let of = |pairs: &[(&str, &str)]| {
            AlertFingerprint::of(&Labels::from_pairs(pairs.iter().copied())).to_string()
        };
        // The first is the offset basis of FNV-1a; the second was worked out by hand from its
        // definition over "a", 255, "b", 255.
        assert_eq!(of(&[]), "cbf29ce484222325");
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for byte in [b'a', 255, b'b', 255] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        assert_eq!(of(&[("a", "b")]), format!("{hash:016x}"));
        assert_eq!(
            AlertFingerprint::parse("cbf29ce484222325"),
            Some(AlertFingerprint(0xcbf2_9ce4_8422_2325))
        );
        assert_eq!(AlertFingerprint::parse("+bf29ce484222325"), None);
    }

    #[test]
    fn an_end_at_that_very_time_counts() {
        let alert = Alert {
            labels: Labels::from_pairs([("alertname", "Slow"), ("severity", "critical")]),
            annotations: Labels::empty(),
            starts_ms: 1_000,
            ends_ms: Some(5_000),
            times_out: false,
            updated_ms: 1_000,
            generator_url: String::new(),
        };
        assert!(!alert.is_resolved(4_999));
        assert!(alert.is_resolved(5_000));
        assert_eq!(alert.name(), "Slow");
        assert_eq!(alert.severity(), Some(Severity::Critical));
    }
}
