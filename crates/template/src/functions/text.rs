//! Texts: cases and regular expressions.

use std::fmt::Write as _;

use parking_lot::Mutex;
use regex::{Captures, Regex, RegexBuilder};
use rustc_hash::FxHashMap;

use crate::arguments::Arguments;
use crate::quote::fits_back_quotes;

/// Capital letters, one for one: what has no single capital stays.
pub(super) fn upper(text: &str) -> String {
    text.chars().map(|c| single(c, c.to_uppercase())).collect()
}

/// Small letters, one for one.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(|c| single(c, c.to_lowercase())).collect()
}

fn single(c: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(changed), None) => changed,
        _ => c,
    }
}

/// What becomes of the letters of a word behind the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Kept,
    Lower,
}

/// Each word with a capital letter. A word goes on over apostrophes and points between letters.
pub(super) fn title(text: &str, rest: Rest) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    let mut after_joint = false;
    for c in text.chars() {
        let is_joint = matches!(c, '\'' | '.' | ':' | '\u{b7}' | '\u{2018}' | '\u{2019}');
        if after_joint && is_joint {
            in_word = false;
        }
        after_joint = is_joint;
        if c.is_lowercase() || c.is_uppercase() {
            match (in_word, rest) {
                (false, _) => out.extend(titled(c)),
                (true, Rest::Kept) => out.push(c),
                (true, Rest::Lower) => out.extend(c.to_lowercase()),
            }
            in_word = true;
        } else {
            out.push(c);
            if !is_joint && !c.is_alphanumeric() && c != '_' {
                in_word = false;
            }
        }
    }
    out
}

/// A letter at the beginning of a word. One that is two letters has a form with one capital.
fn titled(c: char) -> impl Iterator<Item = char> {
    let mut upper = c.to_uppercase();
    let first = upper.next().unwrap_or(c);
    let more: String = upper.flat_map(char::to_lowercase).collect();
    std::iter::once(first).chain(more.chars().collect::<Vec<_>>())
}

/// Regular expressions that were compiled before: templates mostly use the same few.
#[derive(Debug, Default)]
pub(super) struct Regexes {
    compiled: Mutex<FxHashMap<Box<str>, Regex>>,
}

/// Most that are kept. Chosen: more than any set of templates has that does not compute them.
const KEPT_MAX: usize = 64;

/// What compiling an expression counts. Chosen: some milliseconds in the worst case, so that a
/// template with computed expressions does not hold a thread for long.
const COMPILE_STEPS: u64 = 2_000;

impl Regexes {
    fn get(&self, pattern: &str, text: &str, arguments: &Arguments<'_>) -> Result<Regex, String> {
        // The worst case of a search: each character is compared with all of the pattern.
        let comparisons = text.len().saturating_mul(pattern.len());
        arguments.spend(comparisons as u64 / 4096);
        if let Some(regex) = self.compiled.lock().get(pattern) {
            return Ok(regex.clone());
        }
        arguments.spend(COMPILE_STEPS);
        let regex = compile(pattern)?;
        let mut compiled = self.compiled.lock();
        if compiled.len() >= KEPT_MAX {
            compiled.clear();
        }
        compiled.insert(pattern.into(), regex.clone());
        Ok(regex)
    }

    /// Whether a text has a part that matches.
    pub(super) fn is_match(
        &self,
        pattern: &str,
        text: &str,
        arguments: &Arguments<'_>,
    ) -> Result<bool, String> {
        Ok(self.get(pattern, text, arguments)?.is_match(text))
    }

    /// The text with all that matches replaced; `$1` and `${name}` stand for groups.
    pub(super) fn replace_all(
        &self,
        pattern: &str,
        replacement: &str,
        text: &str,
        arguments: &Arguments<'_>,
    ) -> Result<String, String> {
        let regex = self.get(pattern, text, arguments)?;
        let pieces = pieces(replacement, &regex);
        arguments.build(|out| {
            let mut from = 0;
            for captures in regex.captures_iter(text) {
                let Some(whole) = captures.get(0) else {
                    continue;
                };
                out.write_str(text.get(from..whole.start()).unwrap_or(""))?;
                for piece in &pieces {
                    out.write_str(piece.text(&captures))?;
                }
                from = whole.end();
            }
            out.write_str(text.get(from..).unwrap_or(""))
        })
    }
}

/// A part of a replacement.
enum Piece<'a> {
    Text(&'a str),
    Group(usize),
}

impl<'a> Piece<'a> {
    fn text<'t: 'a>(&'a self, captures: &'a Captures<'t>) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Group(index) => captures.get(*index).map_or("", |group| group.as_str()),
        }
    }
}

fn pieces<'a>(replacement: &'a str, regex: &Regex) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut rest = replacement;
    while let Some((before, behind)) = rest.split_once('$') {
        pieces.push(Piece::Text(before));
        if let Some(behind) = behind.strip_prefix('$') {
            pieces.push(Piece::Text("$"));
            rest = behind;
            continue;
        }
        rest = match reference(behind) {
            Some((name, behind)) => {
                let number = name
                    .parse()
                    .ok()
                    .filter(|_| name == "0" || !name.starts_with('0'));
                let by_name = || regex.capture_names().position(|known| known == Some(name));
                // A group that is not there is empty.
                pieces.extend(number.or_else(by_name).map(Piece::Group));
                behind
            }
            None => {
                pieces.push(Piece::Text("$"));
                behind
            }
        };
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The name of a group behind its dollar sign, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let in_braces = text.strip_prefix('{');
    let name_on = in_braces.unwrap_or(text);
    let end = name_on
        .find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(name_on.len());
    let (name, behind) = name_on.split_at(end);
    if name.is_empty() {
        return None;
    }
    match in_braces {
        Some(_) => Some((name, behind.strip_prefix('}')?)),
        None => Some((name, behind)),
    }
}

/// The one place where a pattern becomes an automaton.
fn compile(pattern: &str) -> Result<Regex, String> {
    // Chosen: large enough for any real pattern.
    const SIZE_MAX: usize = 1 << 20;
    RegexBuilder::new(pattern)
        .size_limit(SIZE_MAX)
        .dfa_size_limit(SIZE_MAX)
        .build()
        .map_err(|error| {
            let message = error.to_string();
            let line = message.lines().last().unwrap_or("").trim();
            let reason = line.strip_prefix("error: ").unwrap_or(line);
            match fits_back_quotes(pattern) {
                true => format!("error parsing regexp: {reason}: `{pattern}`"),
                false => format!("error parsing regexp: {reason}: {pattern:?}"),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_get_capitals() {
        assert_eq!(title("aa bb CC", Rest::Kept), "Aa Bb CC");
        assert_eq!(title("aa bb CC", Rest::Lower), "Aa Bb Cc");
        assert_eq!(
            title("it's foo_bar a.b x-y 3rd", Rest::Kept),
            "It's Foo_bar A.b X-Y 3Rd"
        );
        assert_eq!(title("a..b ßa élan", Rest::Kept), "A..B Ssa Élan");
        assert_eq!(upper("aß é"), "Aß É");
        assert_eq!(lower("AİÉ"), "aİé");
    }
}
