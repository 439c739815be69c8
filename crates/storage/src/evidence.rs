//! What was frozen of the moment at which an alert fired.
//!
//! ## Model
//! A document of bytes under the alert and the time at which it fired ([`EvidenceKey`]). Whoever
//! gathers evidence says what the bytes mean.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use bellwether_model::{AlertFingerprint, TimeRange};
use parking_lot::Mutex;

use crate::StorageError;

/// One firing of one alert. Sorted by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceKey {
    /// When it fired, ms.
    pub fired_ms: i64,
    /// The alert.
    pub fingerprint: AlertFingerprint,
}

impl EvidenceKey {
    /// Reads what [`fmt::Display`] writes: fingerprint, `-`, milliseconds since 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (fingerprint, fired_ms) = text.split_once('-')?;
        Some(Self {
            fingerprint: AlertFingerprint::parse(fingerprint)?,
            fired_ms: fired_ms.parse().ok()?,
        })
    }
}

impl fmt::Display for EvidenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.fingerprint, self.fired_ms)
    }
}

/// Keeps evidence for as long as the timeline is kept.
pub trait EvidenceStore: Send + Sync + Debug {
    /// Keeps documents. What returned survives the death of the process; of two with the same key the
    /// later counts.
    ///
    /// # Errors
    /// Where the disk fails.
    fn put(&self, documents: &[(EvidenceKey, Vec<u8>)]) -> Result<(), StorageError>;

    /// The document of a firing.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn get(&self, key: EvidenceKey) -> Result<Option<Vec<u8>>, StorageError>;

    /// Firings in a range of time, newest first, at most so many.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn keys(&self, range: TimeRange, limit: usize) -> Result<Vec<EvidenceKey>, StorageError>;
}

/// The slow, obvious [`EvidenceStore`].
#[derive(Debug, Default)]
pub struct MemoryEvidence {
    documents: Mutex<BTreeMap<EvidenceKey, Vec<u8>>>,
}

impl EvidenceStore for MemoryEvidence {
    fn put(&self, documents: &[(EvidenceKey, Vec<u8>)]) -> Result<(), StorageError> {
        self.documents.lock().extend(documents.iter().cloned());
        Ok(())
    }

    fn get(&self, key: EvidenceKey) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.documents.lock().get(&key).cloned())
    }

    fn keys(&self, range: TimeRange, limit: usize) -> Result<Vec<EvidenceKey>, StorageError> {
        let documents = self.documents.lock();
        let keys = documents.keys().rev().copied();
        Ok(keys
            .filter(|key| range.contains(key.fired_ms))
            .take(limit)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_texts_and_back() {
        let key = EvidenceKey {
            fired_ms: 1_700_000_000_123,
            fingerprint: AlertFingerprint(0xab),
        };
        assert_eq!(key.to_string(), "00000000000000ab-1700000000123");
        assert_eq!(EvidenceKey::parse(&key.to_string()), Some(key));
        for wrong in ["", "ab-1", "00000000000000ab", "00000000000000ab-x"] {
            assert_eq!(EvidenceKey::parse(wrong), None, "{wrong}");
        }
    }
}
