//! What the machine keeps across restarts, as bytes: alerts, silences, what was notified,
//! acknowledgements.
//!
//! ## Format
//! A byte for the version, then fields in the order of the structures: numbers as varints (signed
//! ones zigzag), texts and labels with their length in front.

use bellwether_codec::varint::{Malformed, Reader, put, put_signed, put_string};
use bellwether_model::{Alert, Labels, MatchOp, Matcher};

use crate::acknowledge::Acknowledgement;
use crate::machine::{Held, Intent, Marks};
use crate::notification_log::Notified;
use crate::silence::Silence;

const VERSION: u8 = 1;
/// Bounds what a damaged record can ask for.
const COUNT_MAX: usize = 1 << 24;

/// Something that is kept.
pub(crate) trait Record: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        self.put(&mut out);
        out
    }

    /// # Errors
    /// Where the bytes are no such record.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(reader.malformed("unknown version of a record"));
        }
        Self::read(&mut reader)
    }
}

fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    put(out, labels.as_bytes().len() as u64);
    out.extend_from_slice(labels.as_bytes());
}

fn read_labels(reader: &mut Reader<'_>) -> Result<Labels, Malformed> {
    let len = reader.size(reader.left())?;
    let bytes = reader.take(len)?;
    Labels::from_bytes(bytes).map_err(|_| reader.malformed("labels that are none"))
}

fn put_option(out: &mut Vec<u8>, value: Option<i64>) {
    out.push(u8::from(value.is_some()));
    put_signed(out, value.unwrap_or(0));
}

fn read_option(reader: &mut Reader<'_>) -> Result<Option<i64>, Malformed> {
    let is_there = reader.byte()? != 0;
    let value = reader.signed()?;
    Ok(is_there.then_some(value))
}

impl Record for Alert {
    fn put(&self, out: &mut Vec<u8>) {
        put_labels(out, &self.labels);
        put_labels(out, &self.annotations);
        put_signed(out, self.starts_ms);
        put_option(out, self.ends_ms);
        out.push(u8::from(self.times_out));
        put_signed(out, self.updated_ms);
        put_string(out, &self.generator_url);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            labels: read_labels(reader)?,
            annotations: read_labels(reader)?,
            starts_ms: reader.signed()?,
            ends_ms: read_option(reader)?,
            times_out: reader.byte()? != 0,
            updated_ms: reader.signed()?,
            generator_url: reader.string()?.to_owned(),
        })
    }
}

const FIRING: u8 = 1;
const SILENCED: u8 = 2;
const INHIBITED: u8 = 4;

impl Record for Held {
    fn put(&self, out: &mut Vec<u8>) {
        self.alert.put(out);
        let Marks {
            firing,
            silenced,
            inhibited,
            muted,
        } = &self.marks;
        let bits = [
            (*firing, FIRING),
            (*silenced, SILENCED),
            (*inhibited, INHIBITED),
        ];
        out.push(bits.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum());
        put(out, muted.len() as u64);
        for receiver in muted {
            put_string(out, receiver);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let alert = Alert::read(reader)?;
        let bits = reader.byte()?;
        let mut marks = Marks {
            firing: bits & FIRING != 0,
            silenced: bits & SILENCED != 0,
            inhibited: bits & INHIBITED != 0,
            ..Marks::default()
        };
        for _ in 0..reader.size(COUNT_MAX)? {
            marks.muted.insert(reader.string()?.to_owned());
        }
        Ok(Self { alert, marks })
    }
}

impl Record for Silence {
    fn put(&self, out: &mut Vec<u8>) {
        put_string(out, &self.id);
        put(out, self.matchers.len() as u64);
        for matcher in &self.matchers {
            put_string(out, &matcher.name);
            put_string(out, matcher.op.as_str());
            put_string(out, &matcher.value);
        }
        put_signed(out, self.starts_ms);
        put_signed(out, self.ends_ms);
        put_signed(out, self.updated_ms);
        put_string(out, &self.created_by);
        put_string(out, &self.comment);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let id = reader.string()?.to_owned();
        let count = reader.size(COUNT_MAX)?;
        let mut matchers = Vec::new();
        for _ in 0..count {
            let name = reader.string()?;
            let op = match reader.string()? {
                "=" => MatchOp::Equal,
                "!=" => MatchOp::NotEqual,
                "=~" => MatchOp::Regex,
                "!~" => MatchOp::NotRegex,
                _ => return Err(reader.malformed("unknown operator of a matcher")),
            };
            let value = reader.string()?;
            let matcher = Matcher::new(name, op, value)
                .map_err(|_| reader.malformed("pattern that is no regular expression"))?;
            matchers.push(matcher);
        }
        Ok(Self {
            id,
            matchers,
            starts_ms: reader.signed()?,
            ends_ms: reader.signed()?,
            updated_ms: reader.signed()?,
            created_by: reader.string()?.to_owned(),
            comment: reader.string()?.to_owned(),
        })
    }
}

impl Record for Notified {
    fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, self.time_ms);
        put_signed(out, self.expires_ms);
        put(out, self.token);
        for list in [&self.firing, &self.resolved] {
            put(out, list.len() as u64);
            for fingerprint in list {
                out.extend_from_slice(&fingerprint.to_le_bytes());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut notified = Self {
            time_ms: reader.signed()?,
            expires_ms: reader.signed()?,
            token: reader.varint()?,
            ..Self::default()
        };
        for list in [&mut notified.firing, &mut notified.resolved] {
            for _ in 0..reader.size(COUNT_MAX)? {
                list.insert(reader.u64()?);
            }
        }
        Ok(notified)
    }
}

impl Record for Intent {
    fn put(&self, out: &mut Vec<u8>) {
        put_string(out, &self.by);
        self.notified.put(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            by: reader.string()?.to_owned(),
            notified: Notified::read(reader)?,
        })
    }
}

impl Record for Acknowledgement {
    fn put(&self, out: &mut Vec<u8>) {
        put_labels(out, &self.labels);
        put_string(out, &self.by);
        put_string(out, &self.comment);
        put_signed(out, self.time_ms);
        put_option(out, self.until_ms);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            labels: read_labels(reader)?,
            by: reader.string()?.to_owned(),
            comment: reader.string()?.to_owned(),
            time_ms: reader.signed()?,
            until_ms: read_option(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn comes_back<R: Record + PartialEq + Debug>(record: &R) {
        let bytes = record.to_bytes();
        assert_eq!(&R::from_bytes(&bytes).unwrap(), record);
        for end in 0..bytes.len() {
            assert!(R::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut newer = bytes;
        newer[0] = 9;
        assert!(R::from_bytes(&newer).is_err());
    }

    #[test]
    fn records_come_back_and_damage_is_noticed() {
        let labels = Labels::from_pairs([("alertname", "Slow"), ("host", "ä")]);
        let alert = Alert {
            labels: labels.clone(),
            annotations: Labels::from_pairs([("summary", "two\nlines")]),
            starts_ms: -5,
            ends_ms: Some(1_795_787_694_055),
            times_out: true,
            updated_ms: 7,
            generator_url: "http://x/graph".to_owned(),
        };
        comes_back(&Held {
            alert,
            marks: Marks {
                firing: true,
                inhibited: true,
                muted: ["team".to_owned()].into(),
                ..Marks::default()
            },
        });
        comes_back(&Silence {
            id: "id".to_owned(),
            matchers: vec![
                Matcher::equal("a", "b"),
                Matcher::new("c", MatchOp::NotRegex, "d.*").unwrap(),
            ],
            starts_ms: 1,
            ends_ms: 2,
            updated_ms: 3,
            created_by: "ada".to_owned(),
            comment: "why".to_owned(),
        });
        let notified = Notified {
            time_ms: 5,
            expires_ms: 6,
            token: 7,
            firing: [1, u64::MAX].into_iter().collect(),
            resolved: [3].into_iter().collect(),
        };
        comes_back(&notified);
        comes_back(&Intent {
            by: "a".to_owned(),
            notified,
        });
        comes_back(&Acknowledgement {
            labels,
            by: "ada".to_owned(),
            comment: String::new(),
            time_ms: 9,
            until_ms: None,
        });
    }
}
