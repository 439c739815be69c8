//! Which of the things that a probe sends are secrets, and that they are hidden: a target may send them back.

use base64::Engine as _;
use bellwether_outbound::settings::{HeaderSettings, HeaderValue};
use hyper::header::HeaderMap;
use serde_json::{Map, Value};

use crate::recorder::Recorder;

/// Parts of names of headers, metadata and arguments that hold secrets.
const SECRET_PARTS: [&str; 9] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "passphrase",
    "passw",
    "secret",
    "session",
    "token",
];
/// Names that hold such a part and are no secrets.
const HARMLESS: [&str; 5] = [
    ":authority",
    "idempotency-key",
    "sec-websocket-key",
    "x-forwarded-authority",
    "author",
];

/// Whether what stands under a name may be a secret, in any case of its letters. Rather once too often: a text that
/// is hidden without need costs less than a key in a log.
pub(crate) fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !HARMLESS.contains(&name.as_str()) && SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Takes what a request carries of secrets out of all that is shown from now on: each value that `settings` call a
/// secret, and each whose name may be that of one.
pub(crate) fn hide_credentials(
    recorder: &mut Recorder,
    settings: &[HeaderSettings],
    headers: &HeaderMap,
) {
    let is_secret = |name: &str| {
        let mut named = settings
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case(name));
        named.any(|header| {
            let mut values = header.values.iter();
            values.any(|value| matches!(value, HeaderValue::Secret(_)))
        })
    };
    // A name that comes more than once comes with each of its values here.
    for (name, value) in headers {
        if may_be_secret(name.as_str()) || is_secret(name.as_str()) {
            let text = String::from_utf8_lossy(value.as_bytes());
            hide_value(recorder, name.as_str(), &text);
        }
    }
}

fn hide_value(recorder: &mut Recorder, name: &str, text: &str) {
    recorder.hide(text.trim());
    if name.contains("cookie") {
        for pair in text.split(';') {
            let value = pair.split_once('=').map_or(pair, |(_, value)| value);
            recorder.hide(value.trim());
        }
    }
    let Some((scheme, credentials)) = text.trim().split_once(' ') else {
        return;
    };
    let credentials = credentials.trim();
    recorder.hide(credentials);
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(pair) = base64::engine::general_purpose::STANDARD.decode(credentials)
        && let Ok(pair) = String::from_utf8(pair)
        && let Some((_, password)) = pair.split_once(':')
    {
        recorder.hide(password);
    }
}

/// Takes the texts among the arguments of a call out of all that is shown from now on.
pub(crate) fn hide_arguments(recorder: &mut Recorder, arguments: &Map<String, Value>) {
    let mut left: Vec<&Value> = arguments.values().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => recorder.hide(text),
            Value::Array(items) => left.extend(items),
            Value::Object(members) => left.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bellwether_outbound::settings::{Secret, SecretSource};

    use super::*;

    #[test]
    fn every_value_of_a_secret_header_is_hidden() {
        let settings = [HeaderSettings {
            name: "X-Own".to_owned(),
            values: vec![HeaderValue::Secret(SecretSource::Inline(Secret::new("x")))],
        }];
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-own", "hunter1"),
            ("x-own", "hunter2"),
            ("x-api-key", "hunter3"),
            ("cookie", "a=hunter4; b=hunter5"),
            ("authorization", "Basic am9lOmh1bnRlcjY="),
            ("accept", "text/html"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let mut recorder = Recorder::new(Duration::ZERO);
        hide_credentials(&mut recorder, &settings, &headers);
        for number in 1..=6 {
            let text = format!("hunter{number}");
            assert_eq!(recorder.without_secrets(&text), "<secret>", "{text}");
        }
        assert_eq!(recorder.without_secrets("text/html"), "text/html");
    }

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "X-API-Key",
            "apikey",
            "x-auth-token",
            "PASSWORD",
            "client_secret",
        ] {
            assert!(may_be_secret(name), "{name}");
        }
        for name in [
            "Accept",
            "Host",
            "User-Agent",
            "Content-Type",
            "x-request-id",
            "author",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }
}
