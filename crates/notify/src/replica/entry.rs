//! An entry of the shared log: something that all replicas must know.
//!
//! ## Model
//! The log is a map from area and key to the last word about it, with the order in which the words
//! came. A word is *removed* by an entry without a value, which stays until it expires, so that
//! replicas that were away learn of it.
//!
//! ## Format
//! Of an entry: area (1), key, value, token, replica, expiry. Of several: one behind the other to the
//! end. Numbers are varints, the expiry a signed one; bytes and texts have their length in front.

use std::collections::BTreeMap;

use bellwether_codec::varint::{Malformed, Reader, put, put_signed, put_string};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// A replica begins to lead: smaller tokens are refused from here on. Nothing but a token.
    Term,
    /// A notification is about to be sent.
    Intent,
    /// What a receiver was told last.
    Notified,
    /// A silence.
    Silence,
    /// An acknowledgement.
    Acknowledgement,
}

impl Area {
    const ALL: [Self; 5] = [
        Self::Term,
        Self::Intent,
        Self::Notified,
        Self::Silence,
        Self::Acknowledgement,
    ];

    /// Its number where it is kept.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Term => 0,
            Self::Intent => 1,
            Self::Notified => 2,
            Self::Silence => 3,
            Self::Acknowledgement => 4,
        }
    }

    /// The area of a number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|area| area.number() == number)
    }

    /// Whether only the holder of the lease may write it. The rest is what people say, on any replica.
    #[must_use]
    pub fn needs_lease(self) -> bool {
        matches!(self, Self::Term | Self::Intent | Self::Notified)
    }
}

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub area: Area,
    /// Which one.
    pub key: Vec<u8>,
    /// The word about it; empty: removed.
    pub value: Vec<u8>,
    /// The fencing token of who writes; 0 where none is needed.
    pub token: u64,
    /// The name of the replica that writes.
    pub by: String,
    /// When it is of no use any more, ms.
    pub expires_ms: i64,
}

impl Entry {
    /// Where it stands in the map.
    #[must_use]
    pub fn place(&self) -> (Area, Vec<u8>) {
        (self.area, self.key.clone())
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.area.number());
        for bytes in [&self.key, &self.value] {
            put(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        put(out, self.token);
        put_string(out, &self.by);
        put_signed(out, self.expires_ms);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let area = Area::of_number(reader.byte()?)
            .ok_or_else(|| reader.malformed("unknown area of an entry"))?;
        let mut bytes = || -> Result<Vec<u8>, Malformed> {
            let len = reader.size(reader.left())?;
            Ok(reader.take(len)?.to_vec())
        };
        let (key, value) = (bytes()?, bytes()?);
        Ok(Self {
            area,
            key,
            value,
            token: reader.varint()?,
            by: reader.string()?.to_owned(),
            expires_ms: reader.signed()?,
        })
    }
}

/// Entries as bytes.
#[must_use]
pub fn put_entries(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        entry.put(&mut out);
    }
    out
}

/// The entries that bytes hold.
///
/// # Errors
/// Where the bytes are something else.
pub fn read_entries(bytes: &[u8]) -> Result<Vec<Entry>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while reader.left() > 0 {
        entries.push(Entry::read(&mut reader)?);
    }
    Ok(entries)
}

/// The last entry of each place, in the order of the places.
pub(super) fn last_of_each(entries: Vec<Entry>) -> Vec<Entry> {
    let mut last: BTreeMap<(Area, Vec<u8>), Entry> = BTreeMap::new();
    for entry in entries {
        last.insert(entry.place(), entry);
    }
    last.into_values().collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn entry(area: Area, key: &str, value: &str, token: u64) -> Entry {
        Entry {
            area,
            key: key.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
            token,
            by: "a".to_owned(),
            expires_ms: i64::MAX,
        }
    }

    #[test]
    fn entries_come_back_and_damage_is_noticed() {
        let entries: Vec<Entry> = Area::ALL
            .into_iter()
            .map(|area| entry(area, "key", "value", 7))
            .collect();
        let bytes = put_entries(&entries);
        assert_eq!(read_entries(&bytes).unwrap(), entries);
        let one = bytes.len() / entries.len();
        for end in (1..bytes.len()).filter(|end| end % one != 0) {
            assert!(read_entries(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut unknown = bytes;
        unknown[0] = 99;
        let error = read_entries(&unknown).unwrap_err();
        assert_eq!(error.what, "unknown area of an entry");
    }
}
