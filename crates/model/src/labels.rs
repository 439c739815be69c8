//! The identity of a series: a sorted set of name-value pairs in one allocation.
//!
//! ## Model
//! [`Labels`] holds `varint(len) name varint(len) value …` in one reference-counted slice, so that
//! a clone costs a counter and an equality test is one comparison of bytes. [`LabelsBuilder`]
//! collects changes and builds a new set.
//!
//! ## Invariants
//! Sorted by name in byte order; no name twice; no empty value; all bytes are valid UTF-8.
//!
//! ## Limits
//! A set of labels is at most 4 GiB, in practice far less: callers bound what they take in.
#![expect(
    unsafe_code,
    reason = "labels are checked once when built, not on each read"
)]

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::short;

/// The label that holds the name of a metric.
pub const METRIC_NAME: &str = "__name__";

/// A sorted set of labels: the identity of a series. Cheap to clone and to compare.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels {
    bytes: Arc<[u8]>,
}

/// Why bytes are not a set of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// The bytes end inside of a label.
    #[error("label bytes are cut off at offset {offset}")]
    Truncated {
        /// Where the label that is cut off begins.
        offset: usize,
    },
    /// A length is written with more bytes than it needs: the same labels would have two identities.
    #[error("label length at offset {offset} has more bytes than it needs")]
    LongLength {
        /// Where the length begins.
        offset: usize,
    },
    /// A name or value is not UTF-8.
    #[error("label bytes at offset {offset} are not valid UTF-8")]
    NotUtf8 {
        /// Where the string begins.
        offset: usize,
    },
    /// Names are not in strictly ascending order.
    #[error("label {:?} is out of order or there twice", short(name))]
    Unsorted {
        /// The first name that is out of place.
        name: String,
    },
    /// A label has an empty value.
    #[error("label {:?} has an empty value", short(name))]
    EmptyValue {
        /// The name of that label.
        name: String,
    },
}

static EMPTY: LazyLock<Labels> = LazyLock::new(|| Labels {
    bytes: Arc::from([]),
});

impl Labels {
    /// The empty set.
    #[must_use]
    pub fn empty() -> Self {
        EMPTY.clone()
    }

    /// Builds a set from pairs in any order. Of a name that occurs twice the last value wins;
    /// pairs with an empty value are left out.
    #[must_use]
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// Builds a set from pairs that are sorted by name, unique and not empty.
    ///
    /// # Errors
    /// [`LabelsError::Unsorted`] or [`LabelsError::EmptyValue`] where that does not hold.
    pub fn from_sorted<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, LabelsError> {
        let mut bytes = Vec::with_capacity(256);
        let mut previous: Option<&str> = None;
        for (name, value) in pairs {
            if previous.is_some_and(|p| p >= name) {
                return Err(LabelsError::Unsorted {
                    name: name.to_owned(),
                });
            }
            if value.is_empty() {
                return Err(LabelsError::EmptyValue {
                    name: name.to_owned(),
                });
            }
            push_str(&mut bytes, name);
            push_str(&mut bytes, value);
            previous = Some(name);
        }
        Ok(Self {
            bytes: Arc::from(bytes),
        })
    }

    /// The encoded form: `varint(len) name varint(len) value …`. Stable, and used on disk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the encoded form back, checking all that [`Labels`] promises.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LabelsError> {
        let mut previous: Option<&str> = None;
        let mut offset = 0;
        while offset < bytes.len() {
            let (name, after_name) = read_checked(bytes, offset)?;
            let (value, after_value) = read_checked(bytes, after_name)?;
            if previous.is_some_and(|p| p >= name) {
                return Err(LabelsError::Unsorted {
                    name: name.to_owned(),
                });
            }
            if value.is_empty() {
                return Err(LabelsError::EmptyValue {
                    name: name.to_owned(),
                });
            }
            previous = Some(name);
            offset = after_value;
        }
        Ok(Self {
            bytes: Arc::from(bytes),
        })
    }

    /// The value of a label, or `None` where the label is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        for (n, v) in self.iter() {
            match n.cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Some(v),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The name of the metric, or the empty string.
    #[must_use]
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// The pairs, sorted by name.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes }
    }

    /// How many labels there are. Linear in their number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The labels for which `keep` holds.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for (name, value) in self.iter() {
            if keep(name) {
                push_str(&mut bytes, name);
                push_str(&mut bytes, value);
            }
        }
        if bytes.len() == self.bytes.len() {
            return self.clone();
        }
        Self {
            bytes: Arc::from(bytes),
        }
    }

    /// Appends the encoded labels for which `keep` holds to `out`: a key for grouping that costs
    /// no allocation. Equal keys mean equal sets, and `Labels::from_bytes` takes them back.
    pub fn project_into(&self, mut keep: impl FnMut(&str) -> bool, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            if keep(name) {
                push_str(out, name);
                push_str(out, value);
            }
        }
    }

    /// The labels without the name of the metric.
    #[must_use]
    pub fn without_name(&self) -> Self {
        self.filter(|name| name != METRIC_NAME)
    }

    /// A builder that starts from these labels.
    #[must_use]
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            pairs: self
                .iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
        }
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

/// Ordered as Prometheus orders series: pair by pair, name before value; a prefix comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `{a="b", c="d"}`, with names that are not plain identifiers in quotes.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            if crate::utf8_name::is_legacy_label_name(name) {
                write!(f, "{name}=\"{}\"", crate::utf8_name::Escaped(value))?;
            } else {
                write!(
                    f,
                    "\"{}\"=\"{}\"",
                    crate::utf8_name::Escaped(name),
                    crate::utf8_name::Escaped(value)
                )?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The pairs of a [`Labels`], sorted by name.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (name, rest) = take_str(self.rest);
        let (value, rest) = take_str(rest);
        self.rest = rest;
        Some((name, value))
    }
}

/// Collects labels in any order and builds a [`Labels`].
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    /// Sorted by name, unique, values not empty.
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Sets a label. An empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        // Callers mostly add in order: test the end before searching.
        let after_last = self
            .pairs
            .last()
            .is_none_or(|(last, _)| last.as_str() < name);
        if after_last {
            if !value.is_empty() {
                self.pairs.push((name.to_owned(), value.to_owned()));
            }
            return self;
        }
        match self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name)) {
            Ok(found) if value.is_empty() => {
                self.pairs.remove(found);
            }
            Ok(found) => value.clone_into(&mut self.pairs[found].1),
            Err(_) if value.is_empty() => {}
            Err(at) => self.pairs.insert(at, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|(n, _)| n != name);
        self
    }

    /// Keeps the labels for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, _)| keep(n));
        self
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .pairs
            .binary_search_by(|(n, _)| n.as_str().cmp(name))
            .ok()?;
        Some(&self.pairs[found].1)
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Builds the set.
    #[must_use]
    pub fn build(&self) -> Labels {
        if self.pairs.is_empty() {
            return Labels::empty();
        }
        let mut bytes =
            Vec::with_capacity(self.pairs.iter().map(|(n, v)| n.len() + v.len() + 4).sum());
        for (name, value) in &self.pairs {
            push_str(&mut bytes, name);
            push_str(&mut bytes, value);
        }
        Labels {
            bytes: Arc::from(bytes),
        }
    }
}

fn push_str(out: &mut Vec<u8>, s: &str) {
    let mut len = s.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(s.as_bytes());
}

/// Reads one string off bytes that a constructor of [`Labels`] has checked.
#[inline]
fn take_str(bytes: &[u8]) -> (&str, &[u8]) {
    let mut len = usize::from(bytes[0]);
    let mut at = 1;
    if len >= 0x80 {
        len &= 0x7f;
        let mut shift = 7;
        loop {
            let byte = bytes[at];
            at += 1;
            len |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
    }
    let (string, rest) = bytes[at..].split_at(len);
    // SAFETY: every constructor writes whole `str`s (`push_str`) or checks them (`from_bytes`).
    (unsafe { std::str::from_utf8_unchecked(string) }, rest)
}

fn read_checked(bytes: &[u8], offset: usize) -> Result<(&str, usize), LabelsError> {
    let truncated = LabelsError::Truncated { offset };
    let mut len = 0usize;
    let mut at = offset;
    let mut shift = 0u32;
    loop {
        let Some(&byte) = bytes.get(at) else {
            return Err(truncated);
        };
        at += 1;
        if shift > 28 {
            return Err(truncated);
        }
        len |= usize::from(byte & 0x7f) << shift;
        if byte == 0 && shift > 0 {
            return Err(LabelsError::LongLength { offset });
        }
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    let Some(string) = at.checked_add(len).and_then(|end| bytes.get(at..end)) else {
        return Err(truncated);
    };
    let string = std::str::from_utf8(string).map_err(|_| LabelsError::NotUtf8 { offset: at })?;
    Ok((string, at + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_sorted_and_drops_empty_values() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("bb"), None);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
    }

    #[test]
    fn long_values_survive_encoding() {
        let long = "x".repeat(100_000);
        let labels = Labels::from_pairs([("a", long.as_str()), ("b", "y")]);
        assert_eq!(labels.get("a"), Some(long.as_str()));
        assert_eq!(Labels::from_bytes(labels.as_bytes()).unwrap(), labels);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let labels = Labels::from_pairs([("abc", "1"), ("def", "2")]);
        let bytes = labels.as_bytes();
        for cut in 1..bytes.len() {
            let whole_pair = cut == bytes.len() / 2;
            assert_eq!(
                Labels::from_bytes(&bytes[..cut]).is_ok(),
                whole_pair,
                "cut at {cut}"
            );
        }
        assert!(matches!(
            Labels::from_bytes(b"\x01b\x011\x01a\x012"),
            Err(LabelsError::Unsorted { .. })
        ));
        assert!(matches!(
            Labels::from_bytes(b"\x01a\x00"),
            Err(LabelsError::EmptyValue { .. })
        ));
        assert!(matches!(
            Labels::from_bytes(b"\x81\x00a\x01b"),
            Err(LabelsError::LongLength { offset: 0 })
        ));
        assert!(matches!(
            Labels::from_bytes(b"\x01\xff\x01a"),
            Err(LabelsError::NotUtf8 { .. })
        ));
    }

    #[test]
    fn order_is_pair_by_pair() {
        let a = Labels::from_pairs([("a", "1")]);
        let ab = Labels::from_pairs([("a", "1"), ("b", "1")]);
        let b = Labels::from_pairs([("a", "2")]);
        assert!(a < ab && ab < b);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(0u8.., 0..64)) {
            if let Ok(labels) = Labels::from_bytes(&bytes) {
                let pairs: Vec<_> = labels.iter().collect();
                proptest::prop_assert_eq!(Labels::from_pairs(pairs), labels);
            }
        }
    }
}
