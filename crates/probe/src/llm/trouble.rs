//! Why a provider gave no good answer: the class, which has an owner, and the reason, for people.

use bellwether_ai::ErrorClass;
use hyper::StatusCode;
use serde_json::Value;

use super::stream::error_of;
use crate::api::{Broken, BrokenAt, excerpt};
use crate::recorder::{Failure, Gauge, Recorder};

pub(super) const ERROR: Gauge = Gauge::new(
    "probe_llm_error",
    "What went wrong, by the class that says whose fault it is.",
);

/// A class and a reason.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) class: &'static str,
    pub(super) failure: Failure,
    /// Whether the provider has certainly counted nothing.
    pub(super) is_free: bool,
}

/// No token came in time.
pub(super) const TIMEOUT_FIRST_TOKEN: &str = "timeout_first_token";
/// The next token did not come in time.
pub(super) const TIMEOUT_BETWEEN_TOKENS: &str = "timeout_between_tokens";
/// No connection in time.
pub(super) const TIMEOUT_CONNECT: &str = "timeout_connect";
/// Nobody listens.
const REFUSED: &str = "refused";
/// The answer makes no sense.
const BAD_ANSWER: &str = "bad_answer";

impl Trouble {
    pub(super) fn new(class: &'static str, reason: impl Into<String>) -> Self {
        Self {
            class,
            failure: Failure::new(reason),
            is_free: false,
        }
    }

    pub(super) fn bad_answer(reason: impl Into<String>) -> Self {
        Self::new(BAD_ANSWER, reason)
    }

    pub(super) fn truncated(reason: impl Into<String>) -> Self {
        Self::new(ErrorClass::StreamTruncated.as_str(), reason)
    }

    /// Where an error is told in a stream that began well.
    pub(super) fn told(kind: &str, text: &str) -> Self {
        // Without a status of its own, an error is the provider's unless its type says otherwise.
        let status = match kind {
            _ if kind.contains("rate_limit") => 429,
            _ if kind.contains("authentication") || kind.contains("permission") => 401,
            _ if kind.contains("invalid_request") => 400,
            _ => 500,
        };
        let class = ErrorClass::of_http(status, Some(kind)).unwrap_or(ErrorClass::Server);
        let reason = format!("the stream ends with an error: {}", shown(kind, text));
        Self::new(class.as_str(), reason)
    }

    /// The answer's status says that it is none.
    pub(super) fn of_status(status: StatusCode, body: &[u8]) -> Self {
        let told = serde_json::from_slice::<Value>(body).ok();
        let told = told.as_ref().and_then(error_of);
        let kind = told.as_ref().map(|(kind, _)| kind.as_str());
        let class = match ErrorClass::of_http(status.as_u16(), kind) {
            Some(class) => class.as_str(),
            None => BAD_ANSWER,
        };
        let what = match &told {
            Some((kind, text)) => shown(kind, text),
            None => excerpt(&String::from_utf8_lossy(body)),
        };
        let separator = if what.is_empty() { "" } else { ": " };
        Self {
            is_free: true,
            ..Self::new(class, format!("answered {status}{separator}{what}"))
        }
    }

    /// With what was asked for before the reason.
    pub(super) fn within(mut self, what: &str) -> Self {
        self.failure = self.failure.within(what);
        self
    }

    /// Shows the class.
    pub(super) fn record(self, recorder: &mut Recorder) -> Failure {
        recorder.set_labelled(ERROR, &[("class", self.class)], 1.0);
        self.failure
    }
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        let (class, is_free) = match broken.at {
            BrokenAt::Refused => (REFUSED, true),
            BrokenAt::Connecting => (ErrorClass::Network.as_str(), true),
            BrokenAt::Talking => (ErrorClass::Network.as_str(), false),
            BrokenAt::Settings => ("settings", true),
        };
        Self {
            class,
            failure: broken.failure,
            is_free,
        }
    }
}

fn shown(kind: &str, text: &str) -> String {
    let text = excerpt(text);
    match (kind.is_empty(), text.is_empty()) {
        (true, _) => text,
        (false, true) => kind.to_owned(),
        (false, false) => format!("{text} ({kind})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_say_more_than_statuses() {
        let check = |status: u16, body: &str, class: &str, reason: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let trouble = Trouble::of_status(status, body.as_bytes());
            assert_eq!((trouble.class, trouble.failure.text()), (class, reason));
        };
        check(
            429,
            r#"{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
            "rate_limited",
            "answered 429 Too Many Requests: Slow down (requests rate_limit_exceeded)",
        );
        check(
            429,
            r#"{"error":{"message":"Pay","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            "quota_exhausted",
            "answered 429 Too Many Requests: Pay (insufficient_quota insufficient_quota)",
        );
        check(
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            "overloaded",
            "answered 529 <unknown status code>: Overloaded (overloaded_error)",
        );
        check(
            503,
            "busy\n now",
            "overloaded",
            "answered 503 Service Unavailable: busy now",
        );
        check(401, "", "auth", "answered 401 Unauthorized");
        check(302, "", "bad_answer", "answered 302 Found");
    }

    #[test]
    fn errors_in_a_stream_have_classes_too() {
        let class = |kind: &str| Trouble::told(kind, "x").class;
        assert_eq!(class("overloaded_error"), "overloaded");
        assert_eq!(class("rate_limit_error"), "rate_limited");
        assert_eq!(class("api_error"), "server");
        assert_eq!(class("invalid_request_error"), "bad_request");
        assert_eq!(class(""), "server");
    }
}
