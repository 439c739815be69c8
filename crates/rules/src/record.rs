//! Alerts of rules as bytes, so that a restart forgets nothing.
//!
//! ## Format
//! A byte for the version, then: labels and annotations with their length in front, value (f64), state
//! (1), times as signed varints, those that may be missing behind a byte that says whether they are.

use bellwether_codec::varint::{Malformed, Reader, put, put_signed};
use bellwether_model::Labels;

use crate::alerting::{ActiveAlert, AlertState};

const VERSION: u8 = 1;

/// An alert and its labels as bytes.
#[must_use]
pub fn to_bytes(labels: &Labels, alert: &ActiveAlert) -> Vec<u8> {
    let mut out = vec![VERSION];
    for labels in [labels, &alert.annotations] {
        put(&mut out, labels.as_bytes().len() as u64);
        out.extend_from_slice(labels.as_bytes());
    }
    out.extend_from_slice(&alert.value.to_bits().to_le_bytes());
    out.push(match alert.state {
        AlertState::Pending => 0,
        AlertState::Firing => 1,
        AlertState::Resolved => 2,
    });
    put_signed(&mut out, alert.active_at_ms);
    for time in [
        alert.fired_at_ms,
        alert.keep_firing_since_ms,
        alert.resolved_at_ms,
        alert.last_sent_ms,
    ] {
        out.push(u8::from(time.is_some()));
        put_signed(&mut out, time.unwrap_or(0));
    }
    out
}

/// The alert that [`to_bytes`] has written.
///
/// # Errors
/// Where the bytes are none.
pub fn from_bytes(bytes: &[u8]) -> Result<(Labels, ActiveAlert), Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return Err(reader.malformed("unknown version of an alert"));
    }
    let mut labels = || {
        let len = reader.size(reader.left())?;
        Labels::from_bytes(reader.take(len)?).map_err(|_| reader.malformed("labels that are none"))
    };
    let (own, annotations) = (labels()?, labels()?);
    let value = f64::from_bits(reader.u64()?);
    let state = match reader.byte()? {
        0 => AlertState::Pending,
        1 => AlertState::Firing,
        2 => AlertState::Resolved,
        _ => return Err(reader.malformed("unknown state of an alert")),
    };
    let active_at_ms = reader.signed()?;
    let mut time = || {
        let is_there = reader.byte()? != 0;
        let time = reader.signed()?;
        Ok::<_, Malformed>(is_there.then_some(time))
    };
    Ok((
        own,
        ActiveAlert {
            annotations,
            value,
            state,
            active_at_ms,
            fired_at_ms: time()?,
            keep_firing_since_ms: time()?,
            resolved_at_ms: time()?,
            last_sent_ms: time()?,
            settling: None,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_come_back_and_damage_is_noticed() {
        let labels = Labels::from_pairs([("alertname", "Slow"), ("host", "ä")]);
        for state in [
            AlertState::Pending,
            AlertState::Firing,
            AlertState::Resolved,
        ] {
            let alert = ActiveAlert {
                annotations: Labels::from_pairs([("summary", "two\nlines")]),
                value: 0.1,
                state,
                active_at_ms: -7,
                fired_at_ms: Some(1_795_787_694_055),
                keep_firing_since_ms: None,
                resolved_at_ms: Some(0),
                last_sent_ms: None,
                settling: None,
            };
            let bytes = to_bytes(&labels, &alert);
            assert_eq!(from_bytes(&bytes).unwrap(), (labels.clone(), alert));
            for end in 0..bytes.len() {
                assert!(from_bytes(&bytes[..end]).is_err());
            }
        }
    }
}
