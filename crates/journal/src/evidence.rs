//! Evidence: a document for each firing, in the file of its day.

use std::collections::BTreeSet;

use bellwether_codec::varint::{Malformed, Reader, put_signed};
use bellwether_model::{AlertFingerprint, TimeRange};
use bellwether_storage::record_log::put_record;
use bellwether_storage::{EvidenceKey, StorageError};

use crate::day_files::{Damage, DayFiles, Days};

/// What the files' names begin with.
pub(crate) const KIND: &str = "evidence";
const DOCUMENT: u8 = 1;
/// Bytes of a day. Chosen: some ten thousand documents; a page reads the file of its day.
pub(crate) const DAY_BYTES_MAX: u64 = 128 << 20;
/// The level of compression. Chosen: the documents are small, and few a second.
const LEVEL: i32 = 3;
/// Bytes of a document that is read again. Derived: ten times the largest that is gathered.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

pub(crate) fn append(
    files: &mut DayFiles,
    documents: &[(EvidenceKey, Vec<u8>)],
) -> Result<(), StorageError> {
    files.append(
        documents,
        |(key, _)| key.fired_ms,
        |out, (key, document)| {
            let small = zstd::bulk::compress(document, LEVEL).map_err(|error| {
                StorageError::Unavailable(format!("evidence cannot be compressed: {error}"))
            })?;
            put_record(out, DOCUMENT, |out| {
                put_signed(out, key.fired_ms);
                out.extend_from_slice(&key.fingerprint.0.to_le_bytes());
                out.extend_from_slice(&small);
            });
            Ok(())
        },
    )
}

/// The last document of a firing, and damaged places.
pub(crate) fn get(
    days: &Days,
    wanted: EvidenceKey,
) -> Result<(Option<Vec<u8>>, Damage), StorageError> {
    let mut found = None;
    let damage = days.read(
        &mut found,
        |found, kind, payload| {
            if kind != DOCUMENT {
                return true;
            }
            match read_key(payload) {
                Ok((key, _)) if key != wanted => true,
                Ok((_, small)) => match zstd::bulk::decompress(small, DOCUMENT_BYTES_MAX) {
                    Ok(document) => {
                        *found = Some(document);
                        true
                    }
                    Err(_) => false,
                },
                Err(_) => false,
            }
        },
        |found| found.is_some(),
    )?;
    Ok((found, damage))
}

/// The newest firings of a range, and damaged places.
pub(crate) fn keys(
    days: &Days,
    range: TimeRange,
    limit: usize,
) -> Result<(Vec<EvidenceKey>, Damage), StorageError> {
    let mut found: BTreeSet<EvidenceKey> = BTreeSet::new();
    let damage = days.read(
        &mut found,
        |found, kind, payload| {
            if kind != DOCUMENT {
                return true;
            }
            let Ok((key, _)) = read_key(payload) else {
                return false;
            };
            if range.contains(key.fired_ms) {
                found.insert(key);
            }
            if found.len() > limit {
                found.pop_first();
            }
            true
        },
        |found| found.len() >= limit,
    )?;
    Ok((found.into_iter().rev().collect(), damage))
}

fn read_key(payload: &[u8]) -> Result<(EvidenceKey, &[u8]), Malformed> {
    let mut reader = Reader::new(payload);
    let fired_ms = reader.signed()?;
    let fingerprint = reader.take(8)?;
    let fingerprint = <[u8; 8]>::try_from(fingerprint).map(u64::from_le_bytes);
    let fingerprint = fingerprint.map_err(|_| reader.malformed("a short fingerprint"))?;
    let key = EvidenceKey {
        fired_ms,
        fingerprint: AlertFingerprint(fingerprint),
    };
    let rest = reader.left();
    Ok((key, reader.take(rest)?))
}
