//! Texts: cases and regular expressions.

use std::fmt::Write as _;

use bellwether_model::Regexp;
use parking_lot::Mutex;
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
    compiled: Mutex<FxHashMap<Box<str>, Regexp>>,
}

/// Most that are kept. Chosen: more than any set of templates has that does not compute them.
const KEPT_MAX: usize = 64;

/// What compiling an expression counts. Chosen: some milliseconds in the worst case, so that a
/// template with computed expressions does not hold a thread for long.
const COMPILE_STEPS: u64 = 2_000;

impl Regexes {
    fn get(&self, pattern: &str, text: &str, arguments: &Arguments<'_>) -> Result<Regexp, String> {
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
        // Each match may have been looked for to the end of the text.
        let cost = 1 + (text.len() / 32) as u64;
        arguments.build(|out| {
            let mut from = 0;
            for captures in regex.captures_iter(text) {
                if !arguments.spend(cost) {
                    break;
                }
                let whole = captures.range();
                out.write_str(text.get(from..whole.start).unwrap_or(""))?;
                captures.expand_into(replacement, out)?;
                from = whole.end;
            }
            out.write_str(text.get(from..).unwrap_or(""))
        })
    }
}

/// The one place where a pattern becomes an automaton.
fn compile(pattern: &str) -> Result<Regexp, String> {
    Regexp::unanchored(pattern).map_err(|error| match fits_back_quotes(pattern) {
        true => format!("error parsing regexp: {}: `{pattern}`", error.reason),
        false => format!("error parsing regexp: {}: {pattern:?}", error.reason),
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
