//! What a receiver answers.

use std::time::Duration;

use crate::client::Answer;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is taken, but for so many records, which the receiver refuses for a reason.
    Taken { refused_count: u64, reason: String },
    /// It is to be sent again, after so long where the receiver says.
    Later {
        after: Option<Duration>,
        reason: String,
    },
    /// The receiver does not want it.
    Refused(String),
}

/// The longest that a receiver may ask to wait. Chosen: longer than that nothing is kept.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

impl Outcome {
    pub(super) fn of(answer: Result<Answer, String>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => {
                return Self::Later {
                    after: None,
                    reason,
                };
            }
        };
        match answer.status {
            200..=299 => {
                let (refused_count, reason) = partial_success(&answer.body).unwrap_or_default();
                Self::Taken {
                    refused_count,
                    reason,
                }
            }
            status @ (429 | 502 | 503 | 504) => {
                let seconds = answer.retry_after.and_then(|it| it.parse().ok());
                Self::Later {
                    after: seconds.map(|it| Duration::from_secs(it).min(RETRY_AFTER_MAX)),
                    reason: format!("the receiver answers {status}"),
                }
            }
            status => Self::Refused(format!("the receiver answers {status}")),
        }
    }
}

/// Reads `partial_success`: how many records were refused, and why. `None`: it is damaged.
fn partial_success(body: &[u8]) -> Option<(u64, String)> {
    let (mut refused_count, mut reason) = (0, String::new());
    let mut outer = body;
    while let Some((field, value)) = next_field(&mut outer)? {
        let (1, Field::Bytes(mut inner)) = (field, value) else {
            continue;
        };
        while let Some((field, value)) = next_field(&mut inner)? {
            match (field, value) {
                (1, Field::Number(count)) => refused_count = count,
                (2, Field::Bytes(text)) => {
                    // Shown to people: the beginning says enough.
                    let text = String::from_utf8_lossy(text);
                    reason = text.chars().take(200).collect();
                }
                _ => {}
            }
        }
    }
    Some((refused_count, reason))
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The next field of a message, which is taken off; `Some(None)` at its end, `None` where it is damaged.
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<Option<(u64, Field<'a>)>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let key = varint(bytes)?;
    let value = match key & 7 {
        0 => Field::Number(varint(bytes)?),
        kind @ (1 | 5) => {
            *bytes = bytes.get(if kind == 1 { 8 } else { 4 }..)?;
            Field::Fixed
        }
        2 => {
            let len = usize::try_from(varint(bytes)?).ok()?;
            let (value, rest) = bytes.split_at_checked(len)?;
            *bytes = rest;
            Field::Bytes(value)
        }
        _ => return None,
    };
    Some(Some((key >> 3, value)))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn outcome(status: u16, retry_after: Option<&str>, body: &[u8]) -> Outcome {
        Outcome::of(Ok(Answer {
            status,
            retry_after: retry_after.map(str::to_owned),
            body: body.to_vec(),
        }))
    }

    #[test]
    fn receivers_take_refuse_or_want_to_be_asked_again() {
        let mut body = Vec::new();
        wire::put_fixed64(&mut body, 7, 1);
        wire::put_message(&mut body, 1, |out| {
            wire::put_varint(out, 1, 300);
            wire::put_bytes(out, 2, b"too old");
        });
        let taken = |refused_count, reason: &str| Outcome::Taken {
            refused_count,
            reason: reason.to_owned(),
        };
        assert_eq!(outcome(200, None, &body), taken(300, "too old"));
        assert_eq!(outcome(202, None, &[]), taken(0, ""));
        // What is damaged says nothing.
        assert_eq!(outcome(200, None, &[0xff; 20]), taken(0, ""));
        let later = |status, after: Option<u64>| Outcome::Later {
            after: after.map(Duration::from_secs),
            reason: format!("the receiver answers {status}"),
        };
        assert_eq!(outcome(429, Some("7"), &[]), later(429, Some(7)));
        assert_eq!(outcome(503, Some("86400"), &[]), later(503, Some(300)));
        assert_eq!(outcome(502, Some("Tue, 1 Dec 2026"), &[]), later(502, None));
        let refused = Outcome::Refused("the receiver answers 400".to_owned());
        assert_eq!(outcome(400, Some("7"), &[]), refused);
    }
}
