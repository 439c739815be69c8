//! The state of a scaler as bytes.
//!
//! ## Format
//! A byte for the version, then in the order of [`Kept`] and of the fields of a snapshot: signed varints
//! for times and counts, `f64` as eight little-endian bytes, a byte in front of what may be missing, the
//! length in front of lists. Version 1 ends before [`Snapshot::changed_at_ms`]
//! and [`Kept::each`], which stand last.

use bellwether_codec::varint::{Malformed, Reader, put, put_signed};
use bellwether_scale::Snapshot;

const VERSION: u8 = 2;
/// More entries than any list of a snapshot has.
const ENTRIES_MAX: u64 = 1 << 20;

/// What is kept of a scaler.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    /// When it was decided, ms, and how many workers.
    pub(super) decided: Option<(i64, u32)>,
    /// How many workers each process was to have, where that was known.
    pub(super) each: Option<u32>,
    /// How often that number has changed.
    pub(super) number: u64,
    /// What the scaler has learnt.
    pub(super) snapshot: Snapshot,
}

pub(super) fn to_bytes(kept: &Kept) -> Vec<u8> {
    let mut out = vec![VERSION];
    let snapshot = &kept.snapshot;
    put_pair(&mut out, kept.decided);
    put(&mut out, kept.number);
    put_pair(&mut out, snapshot.decided);
    for time in [
        snapshot.sighted_since_ms,
        snapshot.idle_since_ms,
        snapshot.blind_since_ms,
        snapshot.stepped_at_ms,
    ] {
        put_time(&mut out, time);
    }
    for list in [
        &snapshot.wanted,
        &snapshot.targets_high,
        &snapshot.targets_low,
    ] {
        put(&mut out, list.len() as u64);
        for (time_ms, count) in list {
            put_signed(&mut out, *time_ms);
            put(&mut out, u64::from(*count));
        }
    }
    put_float(&mut out, snapshot.offered.0);
    put(&mut out, u64::from(snapshot.offered.1));
    for value in [snapshot.in_flight_max, snapshot.peak_quantile] {
        out.push(u8::from(value.is_some()));
        put_float(&mut out, value.unwrap_or(0.0));
    }
    out.push(u8::from(snapshot.was_waiting));
    out.push(u8::from(snapshot.is_backlog_confirmed));
    put(&mut out, snapshot.steps.len() as u64);
    for (sample, level) in &snapshot.steps {
        put_float(&mut out, *sample);
        put_float(&mut out, *level);
    }
    put(&mut out, snapshot.peaks.len() as u64);
    for peak in &snapshot.peaks {
        put_float(&mut out, *peak);
    }
    put_time(&mut out, snapshot.changed_at_ms);
    put_time(&mut out, kept.each.map(i64::from));
    out
}

fn put_time(out: &mut Vec<u8>, time_ms: Option<i64>) {
    out.push(u8::from(time_ms.is_some()));
    put_signed(out, time_ms.unwrap_or(0));
}

fn put_pair(out: &mut Vec<u8>, pair: Option<(i64, u32)>) {
    let (time_ms, count) = pair.unwrap_or_default();
    out.push(u8::from(pair.is_some()));
    put_signed(out, time_ms);
    put(out, u64::from(count));
}

fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// What [`to_bytes`] has written.
///
/// # Errors
/// Where the bytes are none of these.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Kept, Malformed> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if !(1..=VERSION).contains(&version) {
        return Err(reader.malformed("unknown version of a scaler"));
    }
    let decided = pair(&mut reader)?;
    let number = reader.varint()?;
    let mut snapshot = Snapshot {
        decided: pair(&mut reader)?,
        sighted_since_ms: time(&mut reader)?,
        idle_since_ms: time(&mut reader)?,
        blind_since_ms: time(&mut reader)?,
        stepped_at_ms: time(&mut reader)?,
        wanted: pairs(&mut reader)?,
        targets_high: pairs(&mut reader)?,
        targets_low: pairs(&mut reader)?,
        ..Snapshot::default()
    };
    snapshot.offered = (float(&mut reader)?, count(&mut reader)?);
    snapshot.in_flight_max = maybe(&mut reader)?;
    snapshot.peak_quantile = maybe(&mut reader)?;
    snapshot.was_waiting = reader.byte()? != 0;
    snapshot.is_backlog_confirmed = reader.byte()? != 0;
    for _ in 0..length(&mut reader)? {
        let step = (float(&mut reader)?, float(&mut reader)?);
        snapshot.steps.push(step);
    }
    for _ in 0..length(&mut reader)? {
        snapshot.peaks.push(float(&mut reader)?);
    }
    let mut each = None;
    if version >= 2 {
        snapshot.changed_at_ms = time(&mut reader)?;
        each = time(&mut reader)?.and_then(|each| u32::try_from(each).ok());
    }
    Ok(Kept {
        decided,
        each,
        number,
        snapshot,
    })
}

fn length(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let length = reader.varint()?;
    match length <= ENTRIES_MAX {
        true => Ok(length),
        false => Err(reader.malformed("too long a list")),
    }
}

fn pairs(reader: &mut Reader<'_>) -> Result<Vec<(i64, u32)>, Malformed> {
    let length = length(reader)?;
    (0..length)
        .map(|_| Ok((reader.signed()?, count(reader)?)))
        .collect()
}

fn pair(reader: &mut Reader<'_>) -> Result<Option<(i64, u32)>, Malformed> {
    let is_there = reader.byte()? != 0;
    let pair = (reader.signed()?, count(reader)?);
    Ok(is_there.then_some(pair))
}

fn time(reader: &mut Reader<'_>) -> Result<Option<i64>, Malformed> {
    let is_there = reader.byte()? != 0;
    let time_ms = reader.signed()?;
    Ok(is_there.then_some(time_ms))
}

fn maybe(reader: &mut Reader<'_>) -> Result<Option<f64>, Malformed> {
    let is_there = reader.byte()? != 0;
    let value = float(reader)?;
    Ok(is_there.then_some(value))
}

fn float(reader: &mut Reader<'_>) -> Result<f64, Malformed> {
    Ok(f64::from_bits(reader.u64()?))
}

fn count(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    let count = reader.varint()?;
    u32::try_from(count).map_err(|_| reader.malformed("count beyond 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_and_damage_is_noticed() {
        let kept = Kept {
            decided: Some((1_795_787_694_055, 7)),
            each: Some(4),
            number: 300,
            snapshot: Snapshot {
                decided: Some((-5, u32::MAX)),
                changed_at_ms: Some(-9),
                sighted_since_ms: Some(1),
                idle_since_ms: None,
                blind_since_ms: Some(i64::MIN),
                wanted: vec![(1, 9), (2, 3)],
                targets_high: vec![(1, 9)],
                targets_low: Vec::new(),
                stepped_at_ms: Some(15_000),
                offered: (3.5, 2),
                in_flight_max: Some(0.8),
                was_waiting: true,
                is_backlog_confirmed: false,
                steps: vec![(1.0, 2.0), (3.0, 4.0)],
                peaks: vec![-0.5, 2.25],
                peak_quantile: None,
            },
        };
        let bytes = to_bytes(&kept);
        assert_eq!(from_bytes(&bytes).unwrap(), kept);
        for end in 0..bytes.len() {
            assert!(from_bytes(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn states_of_the_first_version_are_read() {
        let mut kept = Kept {
            decided: Some((1_795_787_694_055, 7)),
            each: None,
            number: 300,
            snapshot: Snapshot {
                peaks: vec![-0.5],
                ..Snapshot::default()
            },
        };
        let mut bytes = to_bytes(&kept);
        bytes[0] = 1;
        bytes.truncate(bytes.len() - 4);
        assert_eq!(from_bytes(&bytes).unwrap(), kept);
        bytes[0] = 3;
        assert!(from_bytes(&bytes).is_err());
        kept.snapshot.changed_at_ms = Some(1);
        assert_eq!(from_bytes(&to_bytes(&kept)).unwrap(), kept);
    }
}
