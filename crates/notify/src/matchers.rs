//! Matchers as people write them: in routes, inhibition rules, silences and filters.
//!
//! ## Model
//! Two ways of reading are in use. The newer one knows any UTF-8 name, in quotes where it holds
//! anything special; the classic one knows plain names, and values that may hold nearly anything
//! without quotes. A text is read in the newer way; where that fails, or where the classic way reads
//! something else, the classic reading counts: what was written years ago means what it meant.
//!
//! ## Limits
//! [`BYTES_MAX`] bytes and [`MATCHERS_MAX`] matchers in one text.

use bellwether_model::go_quote::unescaped;
use bellwether_model::{MatchOp, Matcher, short};

/// Bytes of one text of matchers. Chosen: people write some hundred.
pub(crate) const BYTES_MAX: usize = 64 << 10;
/// Matchers in one text. Chosen likewise.
pub(crate) const MATCHERS_MAX: usize = 1_000;

/// Why a text is no list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset} of matchers {text:?}")]
pub struct MatchersError {
    /// The text, or its beginning.
    pub text: String,
    /// Where reading failed.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads a list of matchers, with or without braces around it.
///
/// # Errors
/// Where neither way of reading takes it; says what the newer one met.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatchersError> {
    if text.len() > BYTES_MAX {
        let reason = format!("{} bytes are more than {BYTES_MAX}", text.len());
        return Err(error(text, 0, &reason));
    }
    match (Parser::new(text).list(), classic(text)) {
        (_, Ok(classic)) => Ok(classic),
        (newer, Err(_)) => newer,
    }
}

/// Reads one matcher, without braces around it.
///
/// # Errors
/// Where it is none, or several.
pub fn parse_matcher(text: &str) -> Result<Matcher, MatchersError> {
    if text.len() > BYTES_MAX {
        let reason = format!("{} bytes are more than {BYTES_MAX}", text.len());
        return Err(error(text, 0, &reason));
    }
    if text.starts_with('{') || text.ends_with('}') {
        return Err(error(text, 0, "unexpected brace around a single matcher"));
    }
    let newer =
        Parser::new(text)
            .list()
            .and_then(|mut matchers| match (matchers.pop(), matchers.len()) {
                (Some(matcher), 0) => Ok(matcher),
                (None, _) => Err(error(text, 0, "no matcher")),
                (Some(_), more) => Err(error(text, 0, &format!("{} matchers, not one", more + 1))),
            });
    match (newer, classic_matcher(text)) {
        (_, Ok(classic)) => Ok(classic),
        (newer, Err(_)) => newer,
    }
}

fn error(text: &str, offset: usize, reason: &str) -> MatchersError {
    MatchersError {
        text: short(text).to_string(),
        offset,
        reason: reason.to_owned(),
    }
}

/// The newer way.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

const RESERVED: &str = "{}!=~,\\\"'`";

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn fail<T>(&self, reason: &str) -> Result<T, MatchersError> {
        Err(error(self.text, self.at, reason))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn list(mut self) -> Result<Vec<Matcher>, MatchersError> {
        let mut matchers = Vec::new();
        let braces = self.take("{");
        loop {
            self.space();
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with('}') {
                break;
            }
            if matchers.len() >= MATCHERS_MAX {
                return self.fail(&format!("more than {MATCHERS_MAX} matchers"));
            }
            matchers.push(self.matcher()?);
            if !self.take(",") {
                break;
            }
        }
        if self.take("}") != braces {
            return self.fail(if braces { "expected }" } else { "unexpected }" });
        }
        self.space();
        if !self.rest().is_empty() {
            return self.fail("expected a comma or the end");
        }
        Ok(matchers)
    }

    fn matcher(&mut self) -> Result<Matcher, MatchersError> {
        let begin = self.at;
        let name = self.word("a label name")?;
        if name.is_empty() {
            self.at = begin;
            return self.fail("a label name must not be empty");
        }
        let op = if self.take("=~") {
            MatchOp::Regex
        } else if self.take("!~") {
            MatchOp::NotRegex
        } else if self.take("!=") {
            MatchOp::NotEqual
        } else if self.take("=") {
            MatchOp::Equal
        } else {
            return self.fail("expected one of =, !=, =~ and !~");
        };
        let value = self.word("a value")?;
        Matcher::new(name, op, value).map_err(|e| error(self.text, begin, &e.to_string()))
    }

    fn word(&mut self, what: &str) -> Result<String, MatchersError> {
        self.space();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || RESERVED.contains(c))
            .unwrap_or(rest.len());
        if end == 0 {
            return self.fail(&format!("expected {what}"));
        }
        let (word, _) = rest.split_at(end);
        self.at += end;
        Ok(word.to_owned())
    }

    /// A word in double quotes with the escapes of Go.
    fn quoted(&mut self) -> Result<String, MatchersError> {
        let inner = self.rest().strip_prefix('"').unwrap_or_default();
        let mut escaped = false;
        let end = inner.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let Some((inner, _)) = end.and_then(|end| inner.split_at_checked(end)) else {
            return self.fail("quotes that are not closed");
        };
        let Ok(bytes) = unescaped(inner, '"') else {
            return self.fail("escape or line end that cannot stand between quotes");
        };
        let Ok(word) = String::from_utf8(bytes) else {
            return self.fail("escapes that make no UTF-8");
        };
        self.at += inner.len() + 2;
        Ok(word)
    }
}

/// The classic way: plain names; values with or without quotes, in which only `\"`, `\\` and `\n` are
/// escapes.
fn classic(text: &str) -> Result<Vec<Matcher>, String> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let parts = split_outside_quotes(inner);
    if parts.len() > MATCHERS_MAX {
        return Err("too many".to_owned());
    }
    parts.into_iter().map(classic_matcher).collect()
}

/// Parts between commas outside of quotes. A backslash takes a quote's meaning away, and nothing
/// else's; an empty last part is none.
fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            ',' => {}
            '"' if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    let last = text.get(begin..).unwrap_or_default().trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

fn classic_matcher(text: &str) -> Result<Matcher, String> {
    let text = text.trim_matches(is_classic_space);
    let plain = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("no name".to_owned());
    }
    let rest = rest.trim_start_matches(is_classic_space);
    let (op, value) = [
        ("=~", MatchOp::Regex),
        ("!~", MatchOp::NotRegex),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ]
    .into_iter()
    .find_map(|(sign, op)| {
        let value = rest.strip_prefix(sign)?;
        Some((op, value.trim_start_matches(is_classic_space)))
    })
    .ok_or_else(|| "no operator".to_owned())?;
    classic_value(value)
        .and_then(|value| Matcher::new(name, op, value).map_err(|error| error.to_string()))
}

/// What `\s` is in the pattern by which the classic way was defined.
fn is_classic_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn classic_value(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('"');
    let mut closed = inner.is_none();
    let mut rest = inner.unwrap_or(text).chars().peekable();
    let mut out = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                // An escape that is none stands for itself.
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            '"' if !closed && rest.peek().is_none() => closed = true,
            '"' => return Err("a quote inside of the value".to_owned()),
            c => out.push(c),
        }
    }
    if closed {
        Ok(out)
    } else {
        Err("quotes that are not closed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse_matchers(text) {
            Ok(matchers) => matchers
                .iter()
                .map(|m| format!("{}{}{:?}", m.name, m.op.as_str(), m.value))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("! {} at {}", error.reason, error.offset),
        }
    }

    #[test]
    fn lists_are_read() {
        let check = |text: &str, want: &str| assert_eq!(read(text), want, "{text}");
        check("", "");
        check("{}", "");
        check("foo=bar", r#"foo="bar""#);
        check("foo = bar", r#"foo="bar""#);
        check("{foo=bar}", r#"foo="bar""#);
        check("{foo=bar,}", r#"foo="bar""#);
        check(
            r#"{foo!="bar", baz=~"a|b" ,x!~".*"}"#,
            r#"foo!="bar" baz=~"a|b" x!~".*""#,
        );
        check(r#"foo="a,b",c=d"#, r#"foo="a,b" c="d""#);
        check(r#"foo="""#, r#"foo="""#);
        check("foo=🙂", r#"foo="🙂""#);
        check(r#"{"föo bar"="b"}"#, r#"föo bar="b""#);
        check(r#"foo="a\"b\\c\nd""#, r#"foo="a\"b\\c\nd""#);
        check(r#"foo="\u00e4""#, r#"foo="\\u00e4""#);
        check(r#""foo"="\u00e4""#, r#"foo="ä""#);
    }

    #[test]
    fn what_was_written_long_ago_means_what_it_meant() {
        let check = |text: &str, want: &str| assert_eq!(read(text), want, "{text}");
        // Only the classic way takes these.
        check("foo=bar baz", r#"foo="bar baz""#);
        check(r"foo=~\d+", r#"foo=~"\\d+""#);
        check("foo=", r#"foo="""#);
        check("foo=~a=b", r#"foo=~"a=b""#);
        // The two read different things: the classic reading counts.
        check(r#"foo="\t""#, r#"foo="\\t""#);
        // A comma separates, whatever stands before it, and only the last part may be empty.
        check(r"foo=a\,bar=b", r#"foo="a\\" bar="b""#);
        check(r"foo=a\b,", r#"foo="a\\b""#);
        assert!(read(r"foo=a\b,,bar=c").starts_with("! "));
    }

    #[test]
    fn nonsense_is_refused_where_it_stands() {
        let check = |text: &str, want: &str| assert_eq!(read(text), want, "{text}");
        check("{foo=bar", r#"foo="bar""#);
        check("=bar", "! expected a label name at 0");
        check("foo", "! expected one of =, !=, =~ and !~ at 3");
        check(r#""foo""#, "! expected one of =, !=, =~ and !~ at 5");
        check(r#"foo="bar"#, "! quotes that are not closed at 4");
        check(r#"foo="a"b"#, "! expected a comma or the end at 7");
        check(r#"{"a b"="c" d}"#, "! expected } at 11");
        assert!(read("foo=~(").starts_with("! "));
        let error = parse_matchers(&"a=b,".repeat(BYTES_MAX)).unwrap_err();
        assert!(error.text.len() <= 200 && error.reason.contains("more than 65536"));
        assert!(read(&"a=b,".repeat(MATCHERS_MAX + 1)).contains("more than 1000 matchers"));
    }

    #[test]
    fn one_is_one() {
        assert_eq!(parse_matcher("a=b").unwrap(), Matcher::equal("a", "b"));
        assert_eq!(
            parse_matcher(r#""a"=b,c=d"#).unwrap_err().reason,
            "2 matchers, not one"
        );
        assert_eq!(parse_matcher("").unwrap_err().reason, "no matcher");
        let braces = "unexpected brace around a single matcher";
        assert_eq!(parse_matcher("{a=b}").unwrap_err().reason, braces);
        // One matcher may hold commas in the classic way.
        assert_eq!(
            parse_matcher("a=b c,d").unwrap(),
            Matcher::equal("a", "b c,d")
        );
    }
}
