//! What the text of a scalar means, by the kind of its field.
//!
//! ## Invariants
//! One function for each meaning, used for values and defaults alike. An error says the value and
//! what is allowed; the caller adds place and path.

use bellwether_model::Regexp;
use bellwether_model::relabel::Rule;
use bellwether_model::time::parse_duration;
use url::Url;

use crate::schema::Kind;
use crate::size::parse_size;
use crate::yaml::{Node, NodeValue, shortened};

/// A truth value, with the spellings of YAML 1.1 that Prometheus takes.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    Some(match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "y" | "Y" | "on" | "On" | "ON" => true,
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "n" | "N" | "off" | "Off" | "OFF" => {
            false
        }
        _ => return None,
    })
}

/// A whole number: decimal, hexadecimal (`0x`) or octal (`0o`), `_` between digits allowed.
pub(crate) fn parse_integer(text: &str) -> Option<i64> {
    let compact = text.replace('_', "");
    let (is_negative, digits) = match compact.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, compact.strip_prefix('+').unwrap_or(&compact)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return None;
    }
    let magnitude = if let Some(hex) = digits.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()?
    } else if let Some(octal) = digits.strip_prefix("0o") {
        i128::from_str_radix(octal, 8).ok()?
    } else {
        digits.parse().ok()?
    };
    i64::try_from(if is_negative { -magnitude } else { magnitude }).ok()
}

/// The list of schemes that stands for any URL, even one that cannot be asked.
pub(crate) const ANY_URL: &[&str] = &["*"];

/// A URL that can be asked; with [`ANY_URL`], anything that has the form of one.
pub(crate) fn parse_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let shown = shortened(text);
    let want = if schemes.is_empty() || schemes == ANY_URL {
        "a URL such as http://host:port/path".to_owned()
    } else {
        format!("a URL that begins with {}://", schemes.join(":// or "))
    };
    let url = Url::parse(text)
        .map_err(|error| format!("{shown:?} is not a URL ({error}): want {want}"))?;
    if schemes == ANY_URL {
        return Ok(url);
    }
    if !schemes.is_empty() && !schemes.contains(&url.scheme()) {
        return Err(format!(
            "{shown:?} has the scheme {:?}: want {want}",
            url.scheme()
        ));
    }
    if url.host_str().is_none_or(str::is_empty) && url.scheme() != "unix" {
        return Err(format!("{shown:?} has no host: want {want}"));
    }
    Ok(url)
}

/// The schemes of what is asked over HTTP.
pub(crate) const HTTP: &[&str] = &["http", "https"];

/// What a server shows instead of a secret.
pub(crate) const HIDDEN: &str = "<secret>";

/// Refuses what is no URL without showing it. What stands for a hidden one is taken, so that what a
/// server shows can be read; whoever validates says so.
fn check_secret_url(text: &str, schemes: &[&str]) -> Result<(), String> {
    if text == HIDDEN {
        return Ok(());
    }
    let want = format!("want a URL that begins with {}://", schemes.join(":// or "));
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error}): {want}"))?;
    if !schemes.is_empty() && !schemes.contains(&url.scheme()) {
        return Err(format!("has another scheme: {want}"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(format!("has no host: {want}"));
    }
    Ok(())
}

/// A duration as Go's `time.ParseDuration` reads it, or nanoseconds without a unit, as Go's YAML
/// reader does; in milliseconds, rounded up, so that what is not nothing does not become it.
pub(crate) fn parse_go_duration(text: &str) -> Result<i64, String> {
    let refuse = || {
        Err(format!(
            "{:?} is not a duration: want numbers with units h, m, s, ms, us, ns, such as 1m30s",
            shortened(text)
        ))
    };
    if let Some(ns) = parse_integer(text) {
        return if ns < 0 {
            refuse()
        } else {
            Ok(ns.div_euclid(1_000_000) + i64::from(ns.rem_euclid(1_000_000) > 0))
        };
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return refuse();
    }
    let mut total_ms = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let unit_ms = match unit {
            "ns" => 1e-6,
            "us" | "µs" | "μs" => 1e-3,
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return refuse(),
        };
        let Ok(number) = number.parse::<f64>() else {
            return refuse();
        };
        total_ms += number * unit_ms;
        rest = after;
    }
    // Go holds nanoseconds in 63 bits.
    if total_ms > i64::MAX as f64 / 1e6 {
        return refuse();
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked above to be far below the limit"
    )]
    Ok((total_ms - 1e-7).ceil().max(0.0) as i64)
}

/// Whether a text has the form of a bcrypt hash: `$2y$12$` and 53 characters.
pub(crate) fn is_bcrypt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('$').collect();
    let [before, version, cost, rest] = parts.as_slice() else {
        return false;
    };
    before.is_empty()
        && matches!(*version, "2a" | "2b" | "2x" | "2y")
        && cost.len() == 2
        && cost.parse().is_ok_and(|cost: u8| (4..=31).contains(&cost))
        && rest.len() == 53
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/')
}

/// The text without the value of a secret, for messages about it.
fn given(kind: &Kind, node: &Node) -> String {
    match kind {
        Kind::Secret | Kind::Hash | Kind::SecretUrl(_) | Kind::SecretTemplateUrl
            if matches!(node.value, NodeValue::Scalar(_)) =>
        {
            "a text".to_owned()
        }
        _ => node.describe(),
    }
}

/// What a kind takes, for messages and for the reference page.
pub(crate) fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Integer { min, max } => match (*min, *max) {
            (i64::MIN, i64::MAX) => "a whole number".to_owned(),
            (min, i64::MAX) => format!("a whole number, at least {min}"),
            (i64::MIN, max) => format!("a whole number, at most {max}"),
            (min, max) => format!("a whole number from {min} to {max}"),
        },
        Kind::Float { min, max } => {
            if min.is_finite() && max.is_finite() {
                format!("a number from {min} to {max}")
            } else if min.is_finite() {
                format!("a number, at least {min}")
            } else {
                "a number".to_owned()
            }
        }
        Kind::Duration => "a duration such as 1h30m".to_owned(),
        Kind::Size => "a size such as 512MB".to_owned(),
        Kind::Text => "a text".to_owned(),
        Kind::Secret => "a secret text".to_owned(),
        Kind::Hash => "a bcrypt hash".to_owned(),
        Kind::Url([] | ["*"]) => "a URL".to_owned(),
        Kind::Url(schemes) => format!("a URL ({})", schemes.join(", ")),
        Kind::SecretUrl([]) => "a secret URL".to_owned(),
        Kind::SecretUrl(schemes) => format!("a secret URL ({})", schemes.join(", ")),
        Kind::SecretTemplateUrl => "a secret URL (http, https) or template".to_owned(),
        Kind::Template => "a template".to_owned(),
        Kind::GoDuration => "a duration such as 1m30s".to_owned(),
        Kind::ReadFile => "a file that is there".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Target => "a target".to_owned(),
        Kind::Regex => "a regular expression".to_owned(),
        Kind::Pattern => "a regular expression that matches anywhere".to_owned(),
        Kind::Bytes => "a text, or bytes as !!binary".to_owned(),
        Kind::LabelName => "a label name".to_owned(),
        Kind::OneOf(allowed) | Kind::OneOfAnyCase(allowed) => {
            let named: Vec<&str> = allowed.iter().copied().filter(|a| !a.is_empty()).collect();
            format!("one of {}", named.join(", "))
        }
        Kind::Labels => "a mapping of label names to values".to_owned(),
        Kind::List(item) => format!("a list; each item {}", kind_name(item)),
        Kind::Map(value) => format!("a mapping; each value {}", kind_name(value)),
        Kind::Headers(value) => format!("a mapping of headers; each value {}", kind_name(value)),
        Kind::Section(section) => format!("a mapping: {}", section.name),
        Kind::SectionOrText(section) => format!("a text or a mapping: {}", section.name),
        Kind::Sections(section) => format!("a list of mappings: {}", section.name),
        Kind::SectionMap(section) => format!("a mapping of mappings: {}", section.name),
        Kind::SectionMapOrText(section) => {
            format!("a text or a mapping of mappings: {}", section.name)
        }
        Kind::Raw => "a mapping or a list".to_owned(),
    }
}

/// Checks a scalar that is not null against a kind that takes scalars.
pub(crate) fn check_scalar(kind: &Kind, node: &Node) -> Result<(), String> {
    let NodeValue::Scalar(scalar) = &node.value else {
        return Err(format!(
            "{} given: want {}",
            given(kind, node),
            kind_name(kind)
        ));
    };
    if scalar.bytes.is_some() && !matches!(kind, Kind::Bytes) {
        let want = kind_name(kind);
        let given = given(kind, node);
        return Err(format!("{given} is not valid UTF-8: want {want}"));
    }
    let text = &*scalar.text;
    let refuse = || {
        let hint = if scalar.is_plain
            || !matches!(kind, Kind::Bool | Kind::Integer { .. } | Kind::Float { .. })
        {
            ""
        } else {
            ", without quotes"
        };
        Err(format!(
            "{} given: want {}{hint}",
            node.describe(),
            kind_name(kind)
        ))
    };
    match kind {
        Kind::Bool => match parse_bool(text) {
            Some(_) if scalar.is_plain => Ok(()),
            _ => refuse(),
        },
        Kind::Integer { min, max } => match parse_integer(text) {
            Some(number) if scalar.is_plain && *min <= number && number <= *max => Ok(()),
            _ => refuse(),
        },
        Kind::Float { min, max } => match text.replace('_', "").parse::<f64>() {
            Ok(number) if scalar.is_plain && *min <= number && number <= *max => Ok(()),
            _ => refuse(),
        },
        Kind::Duration => parse_duration(text).map(drop).map_err(|e| e.to_string()),
        Kind::Size => parse_size(text).map(drop).map_err(|e| e.to_string()),
        Kind::Hash if is_bcrypt(text) => Ok(()),
        Kind::Hash => Err(
            "is not a bcrypt hash: want what `htpasswd -nBC 12 NAME` prints after the colon"
                .to_owned(),
        ),
        // An empty URL is an absent one, as in Go.
        Kind::Url(_) if text.is_empty() => Ok(()),
        Kind::Url(schemes) => parse_url(text, schemes).map(drop),
        Kind::SecretUrl(schemes) => check_secret_url(text, schemes),
        // Whether it is a template is looked at where templates are.
        Kind::SecretTemplateUrl if text.is_empty() || text.contains("{{") => Ok(()),
        Kind::SecretTemplateUrl => check_secret_url(text, HTTP),
        Kind::GoDuration => parse_go_duration(text).map(drop),
        Kind::Regex => Rule::compile(text).map(drop).map_err(|error| {
            let reason = error.reason;
            format!(
                "{:?} is not a regular expression: {reason}",
                shortened(text)
            )
        }),
        Kind::Pattern => Regexp::unanchored(text).map(drop).map_err(|error| {
            let reason = error.reason;
            format!(
                "{:?} is not a regular expression: {reason}",
                shortened(text)
            )
        }),
        Kind::LabelName if text.is_empty() => {
            Err("\"\" is not a label name: want a text that is not empty".to_owned())
        }
        Kind::OneOf(allowed) if allowed.contains(&text) => Ok(()),
        Kind::OneOfAnyCase(allowed) if allowed.iter().any(|a| a.eq_ignore_ascii_case(text)) => {
            Ok(())
        }
        Kind::OneOf(allowed) | Kind::OneOfAnyCase(allowed) => {
            let hint = nearest(text, allowed.iter().copied())
                .map(|near| format!("; did you mean {near}?"))
                .unwrap_or_default();
            Err(format!(
                "{} given: want {}{hint}",
                node.describe(),
                kind_name(kind)
            ))
        }
        Kind::Text
        | Kind::Template
        | Kind::Bytes
        | Kind::Target
        | Kind::SectionOrText(_)
        | Kind::SectionMapOrText(_)
        | Kind::Secret
        | Kind::ReadFile
        | Kind::Path
        | Kind::LabelName
        | Kind::Raw => Ok(()),
        Kind::Labels
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Headers(_)
        | Kind::Section(_)
        | Kind::Sections(_)
        | Kind::SectionMap(_) => refuse(),
    }
}

/// The candidate that a text was most likely meant to be, where one is near enough.
pub(crate) fn nearest<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const CHARS_MAX: usize = 64;
    if text.chars().count() > CHARS_MAX {
        return None;
    }
    let wanted = text.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&wanted, &candidate.to_ascii_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read() {
        let check = |text: &str, want: Option<i64>| assert_eq!(parse_integer(text), want, "{text}");
        check("42", Some(42));
        check("-1", Some(-1));
        check("1_000", Some(1000));
        check("0x1F", Some(31));
        check("0o17", Some(15));
        check("9223372036854775807", Some(i64::MAX));
        check("9223372036854775808", None);
        check("", None);
        check("-", None);
        check("1.5", None);
        check("--1", None);
        check("0x-1", None);
    }

    #[test]
    fn durations_of_go_are_read() {
        let check = |text: &str, want: Option<i64>| {
            assert_eq!(parse_go_duration(text).ok(), want, "{text}");
        };
        check("1m30s", Some(90_000));
        check("1.5h", Some(5_400_000));
        check(".5s", Some(500));
        check("0", Some(0));
        check("0s", Some(0));
        check("1500us", Some(2));
        check("1ns", Some(1));
        check("100ms", Some(100));
        check("5000000", Some(5));
        check("30s1m", Some(90_000));
        for text in [
            "",
            "s",
            "1",
            "1d",
            "-1s",
            "1s ",
            "1..5s",
            ".s",
            "300000000h",
            "1sm",
        ] {
            check(text, if text == "1" { Some(1) } else { None });
        }
    }

    #[test]
    fn secret_urls_are_not_shown() {
        for text in ["hunter2", "ftp://hunter2/", "http://", "", "http:hunter2 x"] {
            let node = Node::text(text);
            let error = check_scalar(&Kind::SecretUrl(HTTP), &node).unwrap_err();
            assert!(
                error.contains("want a URL that begins with http:// or https://"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(check_scalar(&Kind::SecretUrl(HTTP), &Node::text("https://a/hunter2")).is_ok());
        assert!(check_scalar(&Kind::SecretTemplateUrl, &Node::text("{{ .x }}")).is_ok());
        assert!(check_scalar(&Kind::SecretTemplateUrl, &Node::text("hunter2")).is_err());
    }

    #[test]
    fn the_nearest_word_is_found() {
        let words = ["replace", "keep", "drop", "hashmod"];
        assert_eq!(nearest("replce", words), Some("replace"));
        assert_eq!(nearest("Keep", words), Some("keep"));
        assert_eq!(nearest("xyzzy", words), None);
    }

    #[test]
    fn hashes_are_told_apart() {
        assert!(is_bcrypt(
            "$2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby"
        ));
        assert!(!is_bcrypt("hunter2"));
        assert!(!is_bcrypt(
            "$2y$99$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby"
        ));
        assert!(!is_bcrypt("$2y$12$short"));
    }
}
