//! The envelope of the Prometheus HTTP API, and the one place where errors become status codes.
//!
//! ## Model
//! A success is `{"status":"success","data":…}` with `warnings` and `infos` where there are any; an
//! error is `{"status":"error","errorType":…,"error":…}`.
//!
//! ## Invariants
//! [`ErrorKind`] of the crates below and [`ErrorType`] of the API meet in this file only.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_model::short_to;
use bellwether_storage::{ErrorKind, StorageError};

use crate::json::JsonWriter;

/// Characters of a message. What requests and labels bring into a message is cut where the message
/// is made; this bounds what many of them add up to. Chosen.
const MESSAGE_CHARS_MAX: usize = 8 << 10;

/// The word for a class of errors that clients of the API know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorType {
    Timeout,
    Canceled,
    Execution,
    /// A limit is reached for now.
    Limited,
    BadData,
    Internal,
    /// Switched off. Upstream answers this with 500.
    Disabled,
    /// Not now.
    Unavailable,
    NotFound,
    /// Somebody else was faster.
    Conflict,
    Unauthorized,
    Forbidden,
}

impl ErrorType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Execution | Self::Limited => "execution",
            Self::BadData => "bad_data",
            Self::Internal => "internal",
            Self::Disabled | Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Limited => StatusCode::TOO_MANY_REQUESTS,
            // What nginx made the custom for a client that hung up.
            Self::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Timeout | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal | Self::Disabled => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
        }
    }
}

/// An error of the API.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) error_type: ErrorType,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(error_type: ErrorType, message: impl fmt::Display) -> Self {
        Self {
            error_type,
            message: error_text(&message),
        }
    }

    /// The status code of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.error_type.status()
    }

    pub(crate) fn bad_data(message: impl fmt::Display) -> Self {
        Self::new(ErrorType::BadData, message)
    }

    /// A parameter that cannot be used.
    pub(crate) fn invalid_parameter(name: &str, reason: impl fmt::Display) -> Self {
        Self::bad_data(format_args!("invalid parameter {name:?}: {reason}"))
    }
}

/// A message within bounds.
pub(crate) fn error_text(message: &impl fmt::Display) -> String {
    let message = message.to_string();
    if message.len() > MESSAGE_CHARS_MAX {
        short_to(&message, MESSAGE_CHARS_MAX).to_string()
    } else {
        message
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::new(error_type_of(error.kind()), error)
    }
}

/// What a kind means in the API.
pub(crate) fn error_type_of(kind: ErrorKind) -> ErrorType {
    match kind {
        ErrorKind::Invalid => ErrorType::BadData,
        ErrorKind::NotFound => ErrorType::NotFound,
        ErrorKind::Conflict | ErrorKind::Limit => ErrorType::Execution,
        ErrorKind::Unavailable => ErrorType::Unavailable,
        ErrorKind::Timeout => ErrorType::Timeout,
        ErrorKind::Corrupt | ErrorKind::Internal => ErrorType::Internal,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut json = JsonWriter::with_capacity(128 + self.message.len());
        json.object_begin();
        json.key("status").string("error");
        json.key("errorType").string(self.error_type.as_str());
        json.key("error").string(&self.message);
        json.object_end();
        let mut response = json_response(json.into_bytes());
        *response.status_mut() = self.error_type.status();
        if self.error_type == ErrorType::Limited {
            let seconds = HeaderValue::from_static("30");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if self.error_type == ErrorType::Unauthorized {
            let challenge = HeaderValue::from_static("Basic realm=\"bellwether\", Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What a handler of the API gives back: the data, written, and notes on it.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// JSON of `data`.
    pub(crate) data: Vec<u8>,
    pub(crate) warnings: Vec<String>,
    pub(crate) infos: Vec<String>,
}

impl Answer {
    /// An answer that `write` writes.
    pub(crate) fn write(write: impl FnOnce(&mut JsonWriter)) -> Self {
        let mut json = JsonWriter::with_capacity(1024);
        write(&mut json);
        Self {
            data: json.into_bytes(),
            ..Self::default()
        }
    }

    /// The same with a warning.
    pub(crate) fn warn_if(mut self, holds: bool, warning: &str) -> Self {
        if holds {
            self.warnings.push(warning.to_owned());
        }
        self
    }

    /// The whole envelope.
    pub(crate) fn into_envelope(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 64);
        out.extend_from_slice(b"{\"status\":\"success\",\"data\":");
        out.extend_from_slice(&self.data);
        out.extend_from_slice(&envelope_end(&self.warnings, &self.infos));
        out
    }
}

/// What stands behind the data: notes and the closing brace.
pub(crate) fn envelope_end(warnings: &[String], infos: &[String]) -> Vec<u8> {
    let mut json = JsonWriter::with_capacity(64);
    for (key, notes) in [("warnings", warnings), ("infos", infos)] {
        if !notes.is_empty() {
            json.key(key).strings(notes);
        }
    }
    let notes = json.into_bytes();
    let mut out = Vec::with_capacity(notes.len() + 2);
    if !notes.is_empty() {
        out.push(b',');
        out.extend_from_slice(&notes);
    }
    out.push(b'}');
    out
}

/// Bytes of JSON as a response with status 200.
pub(crate) fn json_response(bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// A short plain text.
pub(crate) fn text_response(status: StatusCode, text: impl Into<String>) -> Response {
    let mut response = text.into().into_response();
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_follow_the_data() {
        let answer = Answer {
            data: b"[]".to_vec(),
            warnings: vec!["w".to_owned()],
            infos: vec!["i".to_owned(), "j".to_owned()],
        };
        let text = String::from_utf8(answer.into_envelope()).unwrap();
        assert_eq!(
            text,
            r#"{"status":"success","data":[],"warnings":["w"],"infos":["i","j"]}"#
        );
        let text = String::from_utf8(
            Answer::write(|json| {
                json.raw("1");
            })
            .into_envelope(),
        );
        assert_eq!(text.unwrap(), r#"{"status":"success","data":1}"#);
    }

    #[test]
    fn codes_are_those_of_upstream() {
        let check = |error_type: ErrorType, word: &str, code: u16| {
            assert_eq!(error_type.as_str(), word);
            assert_eq!(error_type.status().as_u16(), code);
        };
        check(ErrorType::BadData, "bad_data", 400);
        check(ErrorType::Execution, "execution", 422);
        check(ErrorType::Canceled, "canceled", 499);
        check(ErrorType::Timeout, "timeout", 503);
        check(ErrorType::Internal, "internal", 500);
        check(ErrorType::Disabled, "unavailable", 500);
        check(ErrorType::NotFound, "not_found", 404);
    }
}
