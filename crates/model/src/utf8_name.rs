//! Names of metrics and labels: the plain ASCII form of Prometheus 2 and the UTF-8 form of
//! Prometheus 3, and the escaping that carries the one through the other.
//!
//! ## See also
//! The escaping scheme "values" (`U__…`) and its relatives are described in
//! <https://prometheus.io/docs/instrumenting/escaping_schemes/>.

use std::borrow::Cow;
use std::fmt;

/// Whether `name` matches `[a-zA-Z_:][a-zA-Z0-9_:]*`.
#[must_use]
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// How a name that is not a plain identifier is written for a client that takes only those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escaping {
    /// The name as it is.
    #[default]
    AllowUtf8,
    /// Every character that is not allowed becomes `_`.
    Underscores,
    /// `.` becomes `_dot_`, `_` becomes `__`, all else `__`.
    Dots,
    /// `U__` and each such character as `_hex_`; can be taken back.
    Values,
}

impl Escaping {
    /// The scheme by its name in an `Accept` or `Content-Type` header.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "allow-utf-8" => Self::AllowUtf8,
            "underscores" => Self::Underscores,
            "dots" => Self::Dots,
            "values" => Self::Values,
            _ => return None,
        })
    }
}

/// Writes a metric name under a scheme.
#[must_use]
pub fn escape(name: &str, scheme: Escaping) -> Cow<'_, str> {
    let allowed = |i: usize, c: char| {
        c.is_ascii_alphabetic() || c == '_' || c == ':' || (c.is_ascii_digit() && i > 0)
    };
    match scheme {
        Escaping::AllowUtf8 => Cow::Borrowed(name),
        _ if name.is_empty() => Cow::Borrowed(name),
        Escaping::Underscores if is_legacy_metric_name(name) => Cow::Borrowed(name),
        Escaping::Underscores => Cow::Owned(
            name.chars()
                .enumerate()
                .map(|(i, c)| if allowed(i, c) { c } else { '_' })
                .collect(),
        ),
        Escaping::Dots => {
            let mut out = String::with_capacity(name.len() * 2);
            for (i, c) in name.chars().enumerate() {
                match c {
                    '_' => out.push_str("__"),
                    '.' => out.push_str("_dot_"),
                    c if allowed(i, c) => out.push(c),
                    _ => out.push_str("__"),
                }
            }
            Cow::Owned(out)
        }
        Escaping::Values if is_legacy_metric_name(name) => Cow::Borrowed(name),
        Escaping::Values => {
            let mut out = String::from("U__");
            for (i, c) in name.chars().enumerate() {
                match c {
                    '_' => out.push_str("__"),
                    c if allowed(i, c) => out.push(c),
                    c => {
                        use fmt::Write as _;
                        // Writing into a String cannot fail.
                        let _infallible = write!(out, "_{:x}_", u32::from(c));
                    }
                }
            }
            Cow::Owned(out)
        }
    }
}

/// Takes a name back that was written under [`Escaping::Values`]. A name that was not written so,
/// or is damaged, comes back as it is.
#[must_use]
pub fn unescape_values(name: &str) -> Cow<'_, str> {
    let Some(body) = name.strip_prefix("U__") else {
        return Cow::Borrowed(name);
    };
    let mut out = String::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        if c != '_' {
            out.push(c);
            continue;
        }
        let mut code = String::new();
        loop {
            match rest.next() {
                Some('_') => break,
                Some(c) if c.is_ascii_hexdigit() && code.len() < 6 => code.push(c),
                _ => return Cow::Borrowed(name),
            }
        }
        if code.is_empty() {
            out.push('_');
            continue;
        }
        match u32::from_str_radix(&code, 16).ok().and_then(char::from_u32) {
            Some(c) => out.push(c),
            None => return Cow::Borrowed(name),
        }
    }
    Cow::Owned(out)
}

/// A string with `\`, `"` and line ends escaped, to stand between double quotes.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['\\', '"', '\n']) {
            let (plain, tail) = rest.split_at(at);
            f.write_str(plain)?;
            let mut tail_chars = tail.chars();
            match tail_chars.next() {
                Some('\n') => f.write_str("\\n")?,
                Some(c) => write!(f, "\\{c}")?,
                None => {}
            }
            rest = tail_chars.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_escaping_round_trips() {
        for name in [
            "http.server.duration",
            "a b",
            "_x_",
            "größe",
            "1st",
            "plain_name",
            "日本",
        ] {
            let escaped = escape(name, Escaping::Values);
            assert!(is_legacy_metric_name(&escaped), "{escaped}");
            assert_eq!(unescape_values(&escaped), name);
        }
        assert_eq!(escape("http.status", Escaping::Values), "U__http_2e_status");
        assert_eq!(escape("http.status", Escaping::Dots), "http_dot_status");
        assert_eq!(escape("http.status", Escaping::Underscores), "http_status");
    }

    #[test]
    fn damaged_escapes_come_back_as_they_are() {
        for name in ["U___", "U__a_zz_", "U__a_110000_", "U__a_1234567_", "x_2e_"] {
            assert_eq!(unescape_values(name), name);
        }
    }

    #[test]
    fn quotes_are_escaped() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }
}
