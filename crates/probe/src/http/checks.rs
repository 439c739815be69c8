//! What the last answer must be like.

use hyper::header::{HeaderMap, LAST_MODIFIED};
use hyper::{StatusCode, Version};
use jiff::fmt::strtime;

use crate::module::{HeaderMatch, HttpSettings};
use crate::recorder::Failure;

type Verdict = Result<(), Failure>;

pub(super) fn status(settings: &HttpSettings, status: StatusCode) -> Verdict {
    let code = status.as_u16();
    let valid = &settings.valid_status_codes;
    if valid.is_empty() {
        if status.is_success() {
            return Ok(());
        }
        return Err(Failure::new(format!("status {code} is not one of 2xx")));
    }
    if valid.contains(&code) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "status {code} is not one of {valid:?}"
    )))
}

pub(super) fn version(settings: &HttpSettings, version: Version) -> Verdict {
    let valid = &settings.valid_http_versions;
    let shown = format!("{version:?}");
    if valid.is_empty() || valid.contains(&shown) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "version {shown} is not one of {valid:?}"
    )))
}

pub(super) fn ssl(settings: &HttpSettings, has_tls: bool) -> Verdict {
    if settings.fail_if_ssl && has_tls {
        return Err(Failure::new("the last answer came over TLS"));
    }
    if settings.fail_if_not_ssl && !has_tls {
        return Err(Failure::new("the last answer did not come over TLS"));
    }
    Ok(())
}

pub(super) fn headers(settings: &HttpSettings, headers: &HeaderMap) -> Verdict {
    for wanted in &settings.fail_if_header_matches {
        if one_matches(wanted, headers)? == Some(true) {
            return Err(header_failure(wanted, "matches"));
        }
    }
    for wanted in &settings.fail_if_header_not_matches {
        if one_matches(wanted, headers)? == Some(false) {
            return Err(header_failure(wanted, "does not match"));
        }
    }
    Ok(())
}

fn header_failure(wanted: &HeaderMatch, does: &str) -> Failure {
    let HeaderMatch {
        header, pattern, ..
    } = wanted;
    Failure::new(format!("header {header:?} {does} {:?}", pattern.text()))
}

/// Whether one value matches; `None` where the header is missing and may be.
fn one_matches(wanted: &HeaderMatch, headers: &HeaderMap) -> Result<Option<bool>, Failure> {
    let mut values = headers.get_all(&wanted.header).iter().peekable();
    if values.peek().is_none() {
        if wanted.allow_missing {
            return Ok(None);
        }
        return Err(Failure::new(format!(
            "header {:?} is missing",
            wanted.header
        )));
    }
    let matches = values.any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        wanted.pattern.is_match(&text)
    });
    Ok(Some(matches))
}

pub(super) fn body(settings: &HttpSettings, body: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(body);
    for pattern in &settings.fail_if_body_matches {
        if pattern.is_match(&text) {
            let reason = format!("the body matches {:?}", pattern.text());
            return Err(Failure::new(reason));
        }
    }
    for pattern in &settings.fail_if_body_not_matches {
        if !pattern.is_match(&text) {
            let reason = format!("the body does not match {:?}", pattern.text());
            return Err(Failure::new(reason));
        }
    }
    Ok(())
}

/// The three ways in which a time may be written in HTTP (RFC 9110, section 5.6.7).
const DATE_FORMATS: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];

pub(super) fn last_modified_seconds(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(LAST_MODIFIED)?.to_str().ok()?;
    DATE_FORMATS.iter().find_map(|format| {
        let time = strtime::parse(format, text).ok()?.to_datetime().ok()?;
        let zoned = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().as_second())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_all_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_MODIFIED, text.parse().unwrap());
            assert_eq!(last_modified_seconds(&headers), Some(784_111_777), "{text}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(last_modified_seconds(&headers), None);
        headers.insert(LAST_MODIFIED, "yesterday".parse().unwrap());
        assert_eq!(last_modified_seconds(&headers), None);
    }
}
