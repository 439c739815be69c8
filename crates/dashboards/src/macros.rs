//! References to variables in texts: how they are found, and what stands in their place.
//!
//! ## Model
//! `$name`, `${name}`, `${name:format}`, `${name.field}` and `[[name]]`, `[[name:format]]` are a [`Reference`] each. Names that
//! nobody knows stay as they are: `$1` of `label_replace` is none.
//!
//! ## See also
//! `docs/user/dashboards.md`, where the rules are for people; `testdata/macros.json`, which the UI is tested with too.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A reference to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Which.
    pub name: &'a str,
    /// What of it, behind a point; empty: nothing.
    pub field: &'a str,
    /// How it is written; empty: as the place wants it.
    pub format: &'a str,
}

/// Where in PromQL a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// In a text in quotes.
    Text,
    /// In brackets or behind `offset`, where a duration is wanted.
    Duration,
    /// A part of a name: letters stand at one of its sides.
    Name,
    /// Anywhere else.
    Bare,
}

/// Puts something in the place of references; those for which `value` knows nothing stay.
#[must_use]
pub fn substitute<'a>(
    text: &'a str,
    mut value: impl FnMut(&Reference<'_>, Context) -> Option<Cow<'a, str>>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut scan = Scan::default();
    while let Some(c) = rest.chars().next() {
        if let Some((reference, after)) = reference_at(rest) {
            let context = scan.context(&out, after);
            if let Some(value) = value(&reference, context) {
                out.push_str(&value);
                rest = after;
                continue;
            }
        }
        scan.take(c);
        out.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// All references of a text.
#[must_use]
pub fn references(text: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((reference, after)) = reference_at(rest) {
            found.push(reference);
            rest = after;
        } else {
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    found
}

/// The reference that a text begins with, and what follows it.
fn reference_at(text: &str) -> Option<(Reference<'_>, &str)> {
    if let Some(inner) = text.strip_prefix("${") {
        let (inner, after) = inner.split_once('}')?;
        let (path, format) = inner.split_once(':').unwrap_or((inner, ""));
        let (name, field) = path.split_once('.').unwrap_or((path, ""));
        return is_name(name).then_some((
            Reference {
                name,
                field,
                format,
            },
            after,
        ));
    }
    if let Some(inner) = text.strip_prefix("[[") {
        let (inner, after) = inner.split_once("]]")?;
        let (name, format) = inner.split_once(':').unwrap_or((inner, ""));
        let field = "";
        return is_name(name).then_some((
            Reference {
                name,
                field,
                format,
            },
            after,
        ));
    }
    let inner = text.strip_prefix('$')?;
    let end = inner.find(|c| !is_word(c)).unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    let (field, format) = ("", "");
    (!name.is_empty()).then_some((
        Reference {
            name,
            field,
            format,
        },
        after,
    ))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_word)
}

/// Where in PromQL one is.
#[derive(Debug, Default)]
struct Scan {
    quote: Option<char>,
    is_escaped: bool,
    brackets: usize,
}

impl Scan {
    fn take(&mut self, c: char) {
        match self.quote {
            Some(_) if self.is_escaped => self.is_escaped = false,
            Some(quote) if c == '\\' && quote != '`' => self.is_escaped = true,
            Some(quote) if c == quote => self.quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' | '`' => self.quote = Some(c),
                '[' => self.brackets += 1,
                ']' => self.brackets = self.brackets.saturating_sub(1),
                _ => {}
            },
        }
    }

    fn context(&self, before: &str, after: &str) -> Context {
        if self.quote.is_some() {
            return Context::Text;
        }
        let before_word = before.trim_end();
        if self.brackets > 0 || before_word.ends_with("offset") || before_word.ends_with("offset -")
        {
            return Context::Duration;
        }
        let is_joined = |c: Option<char>| c.is_some_and(|c| is_word(c) || c == ':');
        if is_joined(before.chars().next_back()) || is_joined(after.chars().next()) {
            return Context::Name;
        }
        Context::Bare
    }
}

/// What is chosen of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The values; for all of them, all.
    pub values: Vec<String>,
    /// What people see of them.
    pub texts: Vec<String>,
    /// Whether several could be chosen: then a text of PromQL is an alternative of a regular expression.
    pub is_multi: bool,
    /// Stands as it is, in place of the values: what the variable has for all of them.
    pub raw: Option<String>,
}

/// A choice in a notation; `format` empty: as PromQL wants it.
///
/// Notations: `raw`, `regex`, `pipe`, `csv`, `json`, `glob`, `distributed:name` (as `distributed`), `doublequote`, `singlequote`, `sqlstring`,
/// `lucene`, `percentencode`, `queryparam`, `text`, `date` (of `__from` and `__to`). Others are as `glob`, which is what Grafana does.
#[must_use]
pub fn formatted(name: &str, chosen: &Chosen, format: &str) -> String {
    if let Some(raw) = &chosen.raw
        && !matches!(format, "text" | "queryparam" | "percentencode")
    {
        return raw.clone();
    }
    let values = &chosen.values;
    let joined = |by: &str| values.join(by);
    let quoted = |quote: char, escape: &str| {
        let each = values.iter().map(|value| {
            let text = value.replace(quote, &format!("{escape}{quote}"));
            format!("{quote}{text}{quote}")
        });
        each.collect::<Vec<_>>().join(",")
    };
    let (format, _) = format.split_once(':').unwrap_or((format, ""));
    match format {
        "" => promql(chosen),
        "raw" | "csv" => joined(","),
        "pipe" => joined("|"),
        "regex" => {
            let escaped: Vec<String> = values.iter().map(|it| escaped_regex(it)).collect();
            match escaped.as_slice() {
                [one] => one.clone(),
                many => format!("({})", many.join("|")),
            }
        }
        "json" => match values.as_slice() {
            [one] if !chosen.is_multi => serde_json::Value::from(one.as_str()).to_string(),
            many => serde_json::Value::from(many.to_vec()).to_string(),
        },
        "distributed" => {
            let each = values.iter().enumerate().map(|(index, value)| match index {
                0 => value.clone(),
                _ => format!("{name}={value}"),
            });
            each.collect::<Vec<_>>().join(",")
        }
        "doublequote" => quoted('"', "\\"),
        "singlequote" => quoted('\'', "\\"),
        "sqlstring" => quoted('\'', "'"),
        "percentencode" => percent_encoded(&match values.as_slice() {
            [one] => one.clone(),
            many => format!("{{{}}}", many.join(",")),
        }),
        "queryparam" => {
            let each = values.iter();
            let each = each.map(|value| format!("var-{name}={}", percent_encoded(value)));
            each.collect::<Vec<_>>().join("&")
        }
        "text" => chosen.texts.join(" + "),
        "lucene" => match values.as_slice() {
            [one] => one.clone(),
            many => {
                let each: Vec<String> = many.iter().map(|it| format!("\"{it}\"")).collect();
                format!("({})", each.join(" OR "))
            }
        },
        _ => match values.as_slice() {
            [one] => one.clone(),
            many => format!("{{{}}}", many.join(",")),
        },
    }
}

/// As a text of PromQL wants it: one value with its backslashes and quotes escaped; of variables that can have several, escaped as in
/// a regular expression, and several as alternatives in parentheses.
fn promql(chosen: &Chosen) -> String {
    if !chosen.is_multi {
        let value = chosen.values.first().map_or("", String::as_str);
        return value.replace('\\', "\\\\").replace('"', "\\\"");
    }
    let escaped: Vec<String> = chosen
        .values
        .iter()
        .map(|value| {
            // A slash needs no escape here.
            escaped_regex(value)
                .replace("\\/", "/")
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
        })
        .collect();
    match escaped.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    }
}

fn escaped_regex(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(
            c,
            '\\' | '^'
                | '$'
                | '*'
                | '+'
                | '?'
                | '.'
                | '('
                | ')'
                | '|'
                | '['
                | ']'
                | '{'
                | '}'
                | '/'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn percent_encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What stands for a name that is built in, where a query is only looked at: that of a range of an hour in steps of 15 s.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static str> {
    Some(match name {
        "__interval" | "interval_auto" => "15s",
        "__rate_interval" => "1m",
        "__range" => "1h",
        "__interval_ms" => "15000",
        "__range_s" => "3600",
        "__range_ms" => "3600000",
        "__from" => "1700000000000",
        "__to" => "1700003600000",
        "__dashboard" | "__org" | "__user" | "__timezone" | "__name" => "x",
        "__all" => ".*",
        "__timeFilter" | "timeFilter" => "true",
        _ => return None,
    })
}
