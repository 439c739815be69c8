//! Regular expressions in the dialect of Go (RE2), which is what `prometheus.yml`, rule files and
//! PromQL are written in.
//!
//! ## Model
//! [`Regexp`] is a compiled pattern. A pattern is parsed by the rules of Go's `regexp/syntax` and
//! printed in those of the `regex` crate: the two agree on most patterns, and read some differently
//! (`\d`, `[a&&b]`, `[[a]]`, `(?x)`), so that handing text through would select the wrong series
//! without a word. Every element is printed with its own flags, so no flag leaks into the next one.
//!
//! ## Invariants
//! A pattern means what it means in Prometheus: `\d`, `\s`, `\w`, `\b` and `[[:alpha:]]` are ASCII,
//! `.` matches line ends, classes know no set operations. Translation happens once, at compile time.
//!
//! ## Limits
//! Repetitions multiply to at most 1,000 copies, as in Go. Groups and repetitions nest at most 100
//! levels deep (1,000 in Go; measured for the stack of a worker thread), and a compiled pattern takes
//! at most 16 MiB.
//!
//! ## See also
//! <https://github.com/google/re2/wiki/Syntax>, <https://pkg.go.dev/regexp/syntax>.

mod class;
mod condition;
mod parse;
mod print;
mod template;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub(crate) use condition::Condition;

use crate::short;

/// Memory of a compiled pattern. Chosen: a class of all letters, repeated a thousand times, is
/// refused; no pattern that a person writes comes near.
const COMPILED_BYTES_MAX: usize = 16 << 20;

/// What the printed pattern may nest. Each of our levels prints as at most four of theirs.
const PRINTED_DEPTH_MAX: u32 = 4 * parse::DEPTH_MAX + 8;

/// A text that is not a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{:?} is not a regular expression: {reason}", short(pattern))]
pub struct RegexpError {
    /// The pattern as given.
    pub pattern: String,
    /// What is wrong with it and at which character, counted from 1; one line.
    pub reason: String,
}

/// A compiled pattern. Cloning shares it.
#[derive(Clone)]
pub struct Regexp {
    regex: regex::Regex,
    /// Names of the groups by number; group 0 is the whole match. Empty for a group without a name.
    names: Arc<[String]>,
}

impl Regexp {
    /// Compiles a pattern as Prometheus does for matchers, relabelling and `label_replace`:
    /// anchored at both ends, and `.` matches line ends.
    ///
    /// # Errors
    /// Says what is wrong with the pattern, and where.
    pub fn anchored(pattern: &str) -> Result<Self, RegexpError> {
        Self::build(pattern, parse_pattern(pattern)?)
    }

    /// Compiles a pattern as Go's `regexp.Compile` does, which may match any part of a text; `.`
    /// does not match line ends.
    ///
    /// # Errors
    /// Says what is wrong with the pattern, and where.
    pub fn unanchored(pattern: &str) -> Result<Self, RegexpError> {
        let parsed = parse::parse(pattern, false).map_err(|reason| RegexpError {
            pattern: pattern.to_owned(),
            reason,
        })?;
        Self::compile(pattern, &print::unanchored(&parsed.node), parsed.names)
    }

    fn build(pattern: &str, parsed: parse::Parsed) -> Result<Self, RegexpError> {
        Self::compile(pattern, &print::anchored(&parsed.node), parsed.names)
    }

    fn compile(pattern: &str, printed: &str, names: Vec<String>) -> Result<Self, RegexpError> {
        let regex = regex::RegexBuilder::new(printed)
            .size_limit(COMPILED_BYTES_MAX)
            .nest_limit(PRINTED_DEPTH_MAX)
            .build()
            .map_err(|error| RegexpError {
                pattern: pattern.to_owned(),
                reason: refusal(&error),
            })?;
        Ok(Self {
            regex,
            names: names.into(),
        })
    }

    /// Whether the pattern matches: the whole text, or a part of it where it is unanchored.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The groups of a match, the first one where there are several.
    #[must_use]
    pub fn captures<'t>(&'t self, text: &'t str) -> Option<Captures<'t>> {
        Some(Captures {
            groups: self.regex.captures(text)?,
            names: &self.names,
        })
    }

    /// The groups of all matches that do not overlap, from the front.
    pub fn captures_iter<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
        self.regex.captures_iter(text).map(|groups| Captures {
            groups,
            names: &self.names,
        })
    }
}

fn parse_pattern(pattern: &str) -> Result<parse::Parsed, RegexpError> {
    parse::parse(pattern, true).map_err(|reason| RegexpError {
        pattern: pattern.to_owned(),
        reason,
    })
}

/// Our parser has checked the syntax, so what the engine still refuses is the size.
fn refusal(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(bytes) => {
            format!("compiled it takes more than {} MiB", bytes >> 20)
        }
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

impl fmt::Debug for Regexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As compiled: whoever debugs wants to see the translation.
        f.debug_tuple("Regexp").field(&self.regex.as_str()).finish()
    }
}

/// Two are the same where what they are compiled from is.
impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.names == other.names
    }
}

impl Eq for Regexp {}

/// What the groups of a pattern matched.
#[derive(Debug)]
pub struct Captures<'t> {
    groups: regex::Captures<'t>,
    names: &'t [String],
}

impl Captures<'_> {
    /// What a group matched, by number; `None` for a group that took no part or is not there.
    #[must_use]
    pub fn get(&self, group: usize) -> Option<&str> {
        self.groups.get(group).map(|found| found.as_str())
    }

    /// Where in the text the match stands, in bytes.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.groups.get_match().range()
    }

    /// What the first group of that name that took part matched. Names may repeat, as in Go.
    fn named(&self, name: &str) -> Option<&str> {
        let mut groups = self.names.iter().enumerate();
        groups.find_map(|(group, own)| (own == name).then(|| self.get(group)).flatten())
    }

    /// Appends a template with `$1`, `${1}`, `$name` and `${name}` filled in and `$$` as `$`, as
    /// Go's `Regexp.Expand` does: a name is as long as it can be (`$1x` is the group named `1x`), a
    /// group that is not there is empty, and a `$` that begins no reference stays.
    pub fn expand(&self, template: &str, out: &mut String) {
        // A string takes everything.
        self.expand_into(template, out).ok();
    }

    /// The same into something that may not take everything.
    ///
    /// # Errors
    /// Where `out` takes no more.
    pub fn expand_into(&self, template: &str, out: &mut impl fmt::Write) -> fmt::Result {
        template::expand(self, template, out)
    }
}
