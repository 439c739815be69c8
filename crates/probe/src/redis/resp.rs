//! The protocol of Redis, version 2: what a probe needs of it.
//!
//! ## Limits
//! A line has at most [`LINE_BYTES_MAX`] bytes, a bulk string [`BULK_BYTES_MAX`]. Arrays are not read:
//! no command of a probe is answered with one.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::connection::Connection;

/// Chosen: lines are statuses and errors.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Chosen: a section of `INFO` has some hundred bytes.
const BULK_BYTES_MAX: usize = 1 << 20;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Status(String),
    Error(String),
    Integer(String),
    /// None is the null string.
    Bulk(Option<String>),
}

/// A connection that commands are sent over.
pub(super) struct Resp {
    connection: Connection,
    buffer: Vec<u8>,
}

impl Resp {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            buffer: Vec::new(),
        }
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// What is wrong with the connection or the answer.
    pub(super) async fn ask(&mut self, command: &[&str]) -> Result<Answer, String> {
        let written = self.connection.write_all(&encoded(command)).await;
        let flushed = match written {
            Ok(()) => self.connection.flush().await,
            Err(error) => Err(error),
        };
        // A server that is full says so and closes: what it said is read before anything else.
        match (self.answer().await, flushed) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Err(error)) => Err(format!("cannot send: {error}")),
            (Err(error), Ok(())) => Err(error),
        }
    }

    async fn answer(&mut self) -> Result<Answer, String> {
        loop {
            if let Some((answer, length)) = decoded(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(answer);
            }
            let mut piece = [0; 4096];
            let count = self.connection.read(&mut piece).await;
            match count.map_err(|error| format!("cannot read: {error}"))? {
                0 => return Err("the server closed the connection".to_owned()),
                count => self
                    .buffer
                    .extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
        }
    }
}

fn encoded(command: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

/// The answer at the beginning of what was read, and its length in bytes; none where it is not whole.
pub(super) fn decoded(bytes: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        let is_nonsense = bytes.first().is_some_and(|first| !b"+-:$".contains(first));
        if is_nonsense || bytes.len() > LINE_BYTES_MAX {
            return Err(not_redis(bytes));
        }
        return Ok(None);
    };
    let (line, rest) = bytes.split_at(end);
    let rest = rest.get(2..).unwrap_or_default();
    let Some((kind, text)) = line.split_first() else {
        return Err(not_redis(bytes));
    };
    let text = String::from_utf8_lossy(text).into_owned();
    let after_line = end + 2;
    let answer = match kind {
        b'+' => Answer::Status(text),
        b'-' => Answer::Error(text),
        b':' => Answer::Integer(text),
        b'$' if text == "-1" => Answer::Bulk(None),
        b'$' => {
            let length = text.parse::<usize>().map_err(|_| not_redis(bytes))?;
            if length > BULK_BYTES_MAX {
                return Err(format!(
                    "an answer has {length} bytes, more than {BULK_BYTES_MAX}"
                ));
            }
            let Some(bulk) = rest.get(..length + 2) else {
                return Ok(None);
            };
            let bulk = bulk.get(..length).unwrap_or_default();
            let bulk = String::from_utf8_lossy(bulk).into_owned();
            return Ok(Some((Answer::Bulk(Some(bulk)), after_line + length + 2)));
        }
        _ => return Err(not_redis(bytes)),
    };
    Ok(Some((answer, after_line)))
}

fn not_redis(bytes: &[u8]) -> String {
    let shown = bytes.get(..40).unwrap_or(bytes).escape_ascii();
    format!("the answer is none of Redis: \"{shown}\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_are_read_once_they_are_whole() {
        let read = |text: &str| decoded(text.as_bytes());
        let status = Answer::Status("PONG".to_owned());
        assert_eq!(read("+PONG\r\n+"), Ok(Some((status, 7))));
        let bulk = Answer::Bulk(Some("a\r\nb".to_owned()));
        assert_eq!(read("$4\r\na\r\nb\r\n"), Ok(Some((bulk, 10))));
        assert_eq!(read("$-1\r\n"), Ok(Some((Answer::Bulk(None), 5))));
        for part in ["", "+PONG", "+PONG\r", "$4\r\na\r\nb", "$4\r\na\r\nb\r"] {
            assert_eq!(read(part), Ok(None), "{part:?}");
        }
        for wrong in ["HTTP/1.1", "*1\r\n", "\r\n", "$x\r\n", "$2000000\r\n"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        assert!(decoded(&vec![b'+'; LINE_BYTES_MAX + 1]).is_err());
        assert_eq!(
            encoded(&["AUTH", "é"]),
            "*2\r\n$4\r\nAUTH\r\n$2\r\né\r\n".as_bytes()
        );
    }

    proptest! {
        #[test]
        fn odd_answers_are_no_trouble(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(Some((_, length))) = decoded(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
