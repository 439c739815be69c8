//! Conditions on labels.

use std::fmt;
use std::sync::Arc;

use crate::{Labels, Regexp, RegexpError, utf8_name};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`, anchored at both ends.
    NotRegex,
}

impl MatchOp {
    /// The operator as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether a match excludes (`!=`, `!~`).
    #[must_use]
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }
}

/// A condition on one label. A label that is not there counts as the empty string.
#[derive(Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// How to compare.
    pub op: MatchOp,
    /// The string or pattern to compare with.
    pub value: String,
    pattern: Option<Arc<Pattern>>,
}

/// A conjunction of matchers.
pub type Matchers = Vec<Matcher>;

/// A compiled pattern. Alternations of plain strings, by far the most frequent, need no automaton.
enum Pattern {
    /// The pattern is an alternation of literals, sorted for binary search.
    OneOf(Vec<String>),
    /// `.*`
    Anything,
    /// `.+`
    NotEmpty,
    /// `literal.*`
    Prefix(String),
    Regex(Regexp),
}

impl Matcher {
    /// Makes a matcher, compiling its pattern. Patterns are anchored and `.` matches line ends, as
    /// in Prometheus.
    ///
    /// # Errors
    /// Says why the pattern is not a regular expression.
    pub fn new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, RegexpError> {
        let value = value.into();
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(Pattern::compile(&value)?)),
        };
        Ok(Self {
            name: name.into(),
            op,
            value,
            pattern,
        })
    }

    /// A matcher for equality, which cannot fail.
    #[must_use]
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            pattern: None,
        }
    }

    /// Whether a value of the label satisfies the condition.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match (&self.pattern, self.op) {
            (None, MatchOp::NotEqual) => self.value != value,
            (None, _) => self.value == value,
            (Some(pattern), MatchOp::NotRegex) => !pattern.matches(value),
            (Some(pattern), _) => pattern.matches(value),
        }
    }

    /// Whether a label that is missing or empty satisfies the condition.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// Whether the labels satisfy the condition.
    #[must_use]
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }

    /// The strings that alone can match, sorted, where the matcher is an equality or an
    /// alternation of literals (`a|b|c`). For negative operators: the strings that cannot.
    #[must_use]
    pub fn literals(&self) -> Option<&[String]> {
        match (&self.pattern, self.op) {
            (None, _) => Some(std::slice::from_ref(&self.value)),
            (Some(pattern), _) => match &**pattern {
                Pattern::OneOf(literals) => Some(literals),
                _ => None,
            },
        }
    }

    /// The literal that every match begins with (for negative operators: every non-match), where
    /// the pattern is of the form `literal.*`.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        match self.pattern.as_deref() {
            Some(Pattern::Prefix(prefix)) => Some(prefix),
            _ => None,
        }
    }
}

impl Pattern {
    fn compile(pattern: &str) -> Result<Self, RegexpError> {
        if let Some(mut literals) = plain_alternation(pattern) {
            literals.sort_unstable();
            literals.dedup();
            return Ok(Self::OneOf(literals));
        }
        match pattern {
            ".*" => return Ok(Self::Anything),
            ".+" => return Ok(Self::NotEmpty),
            _ => {}
        }
        if let Some(prefix) = pattern.strip_suffix(".*")
            && is_plain(prefix)
        {
            return Ok(Self::Prefix(prefix.to_owned()));
        }
        Regexp::anchored(pattern).map(Self::Regex)
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::OneOf(literals) => match literals.as_slice() {
                [one] => one == value,
                many => many.binary_search_by(|l| l.as_str().cmp(value)).is_ok(),
            },
            Self::Anything => true,
            Self::NotEmpty => !value.is_empty(),
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

fn is_plain(s: &str) -> bool {
    !s.contains([
        '.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '^', '$', '\\', '|',
    ])
}

/// The literals of a pattern such as `a`, `a|b|c` or `(a|b)`, or `None` where it has anything else.
fn plain_alternation(pattern: &str) -> Option<Vec<String>> {
    let inner = pattern
        .strip_prefix("(?:")
        .or_else(|| pattern.strip_prefix('('))
        .and_then(|p| p.strip_suffix(')'))
        .unwrap_or(pattern);
    inner
        .split('|')
        .map(|part| is_plain(part).then(|| part.to_owned()))
        .collect()
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.name == other.name && self.value == other.value
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.op.hash(state);
        self.value.hash(state);
    }
}

/// As written in a selector: `name="value"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = utf8_name::Escaped(&self.value);
        if utf8_name::is_legacy_label_name(&self.name) {
            write!(f, "{}{}\"{value}\"", self.name, self.op.as_str())
        } else {
            write!(
                f,
                "\"{}\"{}\"{value}\"",
                utf8_name::Escaped(&self.name),
                self.op.as_str()
            )
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored() {
        let check = |pattern: &str, value: &str, want: bool| {
            let matcher = Matcher::new("a", MatchOp::Regex, pattern).unwrap();
            assert_eq!(matcher.matches(value), want, "{pattern} on {value:?}");
            let negative = Matcher::new("a", MatchOp::NotRegex, pattern).unwrap();
            assert_eq!(negative.matches(value), !want, "not {pattern} on {value:?}");
        };
        check("a", "a", true);
        check("a", "ab", false);
        check("a|b", "b", true);
        check("(a|b)", "c", false);
        check("a.*", "abc", true);
        check("a.*", "bc", false);
        check(".*", "", true);
        check(".+", "", false);
        check(".+", "\n", true);
        check("a.c", "a\nc", true);
        check("", "", true);
        check("|a", "", true);
        check("(?i)ABC", "abc", true);
        check("x|[0-9]+", "12", true);
        check("x|[0-9]+", "12a", false);
    }

    #[test]
    fn a_bad_pattern_says_why() {
        let error = Matcher::new("a", MatchOp::Regex, "a(b").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"a(b\" is not a regular expression: missing ) for the group (character 2)"
        );
    }
}
