//! Conditions on labels.

use std::fmt;
use std::sync::Arc;

use crate::regexp::Condition;
use crate::{Labels, RegexpError, utf8_name};

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
    pattern: Option<Arc<Condition>>,
}

/// A conjunction of matchers.
pub type Matchers = Vec<Matcher>;

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
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(Condition::compile(&value)?)),
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
    /// alternation of literals (`a|b|c`, `(a|b)\.c`). For negative operators: the strings that cannot.
    #[must_use]
    pub fn literals(&self) -> Option<&[String]> {
        match (&self.pattern, self.op) {
            (None, _) => Some(std::slice::from_ref(&self.value)),
            (Some(pattern), _) => match &**pattern {
                Condition::OneOf(literals) => Some(literals),
                _ => None,
            },
        }
    }

    /// The literal that every match begins with (for negative operators: every non-match), where
    /// the pattern is of the form `literal.*`.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        match self.pattern.as_deref() {
            Some(Condition::Prefix(prefix)) => Some(prefix),
            _ => None,
        }
    }
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
    fn patterns_of_few_strings_list_them() {
        let check = |pattern: &str, want: Option<&[&str]>| {
            let matcher = Matcher::new("a", MatchOp::Regex, pattern).unwrap();
            let have = matcher.literals().map(<[String]>::to_vec);
            let want = want.map(|want| want.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
            assert_eq!(have, want, "{pattern}");
            for literal in want.iter().flatten() {
                assert!(matcher.matches(literal), "{pattern} on {literal}");
            }
            assert!(
                !matcher.matches("none of them") || want.is_none(),
                "{pattern}"
            );
        };
        check("b|a|b", Some(&["a", "b"]));
        check("(a|b)", Some(&["a", "b"]));
        check("a|", Some(&["", "a"]));
        check("", Some(&[""]));
        check(
            r"10\.0\.0\.1:9100|\Qdb.local\E",
            Some(&["10.0.0.1:9100", "db.local"]),
        );
        check("(a|b)-(c|d)", Some(&["a-c", "a-d", "b-c", "b-d"]));
        check("https?", Some(&["http", "https"]));
        check("a{2|b}", Some(&["a{2", "b}"]));
        check("(?i)a", None);
        check("(?i)1|2", Some(&["1", "2"]));
        check("a.c", None);
        check("a*", None);
        check("[ab]", None);
        check(
            "(a|b|c|d|e|f|g|h)(a|b|c|d|e|f|g|h)(a|b|c|d|e|f|g|h)(a|b)",
            None,
        );
        let prefix = |pattern: &str| {
            let matcher = Matcher::new("a", MatchOp::Regex, pattern).unwrap();
            matcher.prefix().map(str::to_owned)
        };
        assert_eq!(prefix(r"a\.b.*").as_deref(), Some("a.b"));
        assert_eq!(prefix("a(.*)").as_deref(), Some("a"));
        assert_eq!(prefix("(?-s)a.*"), None);
        assert_eq!(prefix("(?i)a.*"), None);
        assert_eq!(prefix("a.+"), None);
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
