//! Whether a server answers as it should.
//!
//! ## Model
//! One `GET` over HTTP/1.1 on a connection of its own; of the answer the status is read and nothing
//! else. Redirects are not followed: they are an answer.
//!
//! ## Failure
//! 429 is degraded, where it is not expected: the server is there and wants less. Any other status that
//! is not expected is down, as is what is no HTTP.

use std::fmt;

use crate::client::{Client, Target};
use crate::health::Outcome;

const TOO_MANY_REQUESTS: u16 = 429;

/// What to ask and what to expect.
pub(crate) struct Question {
    client: Client,
    request: Vec<u8>,
    /// Empty: 200 to 299.
    statuses: Vec<u16>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The request may have secrets.
        f.debug_struct("Question")
            .field("target", self.client.target())
            .field("statuses", &self.statuses)
            .finish_non_exhaustive()
    }
}

impl Question {
    /// Headers are to be checked by [`is_header`].
    pub(crate) fn new<'a>(
        target: Target,
        statuses: Vec<u16>,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let Target {
            authority, path, ..
        } = &target;
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n");
        request.push_str("user-agent: bellwether-sdk\r\naccept: */*\r\nconnection: close\r\n");
        for (name, value) in headers {
            for part in [name, ": ", value, "\r\n"] {
                request.push_str(part);
            }
        }
        request.push_str("\r\n");
        Self {
            client: Client::new(target),
            request: request.into_bytes(),
            statuses,
        }
    }

    /// Asks.
    pub(crate) async fn look(&self) -> Outcome {
        match self.client.status(&self.request).await {
            Ok(status) => self.judge(status),
            Err(reason) => {
                let Target { host, port, .. } = self.client.target();
                Outcome::Down(format!("{host}:{port}: {reason}"))
            }
        }
    }

    fn judge(&self, status: u16) -> Outcome {
        let is_expected = match self.statuses.is_empty() {
            true => (200..=299).contains(&status),
            false => self.statuses.contains(&status),
        };
        // Without the query, which may be a secret: the reason goes to whoever asks for the health.
        let reason = || format!("{} answers {status}", self.client.target());
        match status {
            _ if is_expected => Outcome::Up,
            TOO_MANY_REQUESTS => Outcome::Degraded(reason()),
            _ => Outcome::Down(reason()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_expected_or_not() {
        let target = Target::parse("http://a:1/x?key=SECRET").unwrap();
        let usual = Question::new(target.clone(), Vec::new(), []);
        assert_eq!(usual.judge(204), Outcome::Up);
        assert_eq!(usual.judge(301), Outcome::down("a:1/x answers 301"));
        assert_eq!(usual.judge(429), Outcome::degraded("a:1/x answers 429"));
        assert!(!format!("{usual:?}").contains("SECRET"));
        let own = Question::new(target, vec![401, 429], []);
        assert_eq!(own.judge(401), Outcome::Up);
        assert_eq!(own.judge(429), Outcome::Up);
        assert_eq!(own.judge(200), Outcome::down("a:1/x answers 200"));
    }
}
