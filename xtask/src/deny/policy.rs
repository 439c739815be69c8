//! Reads `deny.toml`: the part of TOML that it needs, and the settings that the gate follows.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use anyhow::{Context, Result, bail};

/// What to do about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Allow,
    Deny,
}

/// Some versions of a crate, written as cargo-deny does: `name`, `name@1.2.3` for one version,
/// `name:1` or `name:0.2` for those that are compatible with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) name: String,
    /// The version, or its first numbers with a full stop behind them; empty for all.
    version: String,
    /// Why it is listed.
    pub(super) reason: String,
}

/// What the gate follows of `deny.toml`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) licences: Vec<String>,
    pub(super) multiple_versions: Level,
    pub(super) wildcards: Level,
    pub(super) allow_wildcard_paths: bool,
    pub(super) skip: Vec<Spec>,
    pub(super) deny: Vec<Spec>,
    pub(super) unknown_registry: Level,
    pub(super) unknown_git: Level,
    pub(super) registries: Vec<String>,
    pub(super) gits: Vec<String>,
}

/// The registry that is known without being named.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

impl Policy {
    /// Reads the file. A setting that the gate does not follow is an error.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut settings = parse(text)?;
        // Each setting is taken out; what is left is not known.
        let mut take = |key: &str| settings.remove(key);
        if !matches!(take("graph.all-features"), None | Some(Value::Flag(false))) {
            bail!("graph.all-features: want false: the gate looks at default features");
        }
        for left_to_cargo_deny in [
            "advisories.version",
            "advisories.yanked",
            "advisories.ignore",
        ] {
            take(left_to_cargo_deny);
        }
        take("licenses.version");
        let policy = Self {
            licences: texts(take("licenses.allow")).context("licenses.allow")?,
            multiple_versions: level(take("bans.multiple-versions"))
                .context("bans.multiple-versions")?,
            wildcards: level(take("bans.wildcards")).context("bans.wildcards")?,
            allow_wildcard_paths: match take("bans.allow-wildcard-paths") {
                None => false,
                Some(Value::Flag(flag)) => flag,
                Some(other) => bail!("bans.allow-wildcard-paths: {other:?}: want true or false"),
            },
            skip: specs(take("bans.skip")).context("bans.skip")?,
            deny: specs(take("bans.deny")).context("bans.deny")?,
            unknown_registry: level(take("sources.unknown-registry"))
                .context("sources.unknown-registry")?,
            unknown_git: level(take("sources.unknown-git")).context("sources.unknown-git")?,
            registries: match take("sources.allow-registry") {
                None => vec![CRATES_IO.to_owned()],
                given => texts(given).context("sources.allow-registry")?,
            },
            gits: texts(take("sources.allow-git")).context("sources.allow-git")?,
        };
        if let Some(unknown) = settings.keys().next() {
            bail!("{unknown}: the gate does not follow this setting: teach xtask/src/deny to");
        }
        Ok(policy)
    }
}

impl Spec {
    fn new(text: &str, reason: &str) -> Result<Self> {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (name, version) = if let Some((name, version)) = text.split_once('@') {
            (name, version.to_owned())
        } else if let Some((name, start)) = text.split_once(':') {
            let parts: Vec<&str> = start.split('.').collect();
            // Beyond these a prefix and a range of compatible versions differ.
            let is_simple = match parts.as_slice() {
                [major] => *major != "0",
                ["0", minor] => *minor != "0",
                _ => false,
            };
            if !is_simple || !parts.iter().all(|part| is_number(part)) {
                bail!("{text:?}: want NAME, NAME@VERSION, NAME:1 or NAME:0.1");
            }
            (name, format!("{start}."))
        } else {
            (text, String::new())
        };
        Ok(Self {
            name: name.to_owned(),
            version,
            reason: reason.to_owned(),
        })
    }

    pub(super) fn matches(&self, name: &str, version: &str) -> bool {
        self.name == name
            && if self.version.is_empty() || self.version.ends_with('.') {
                version.starts_with(&self.version)
            } else {
                version == self.version
            }
    }

    /// As written.
    pub(super) fn title(&self) -> String {
        match self.version.strip_suffix('.') {
            Some(start) => format!("{}:{start}", self.name),
            None if self.version.is_empty() => self.name.clone(),
            None => format!("{}@{}", self.name, self.version),
        }
    }
}

fn level(value: Option<Value>) -> Result<Level> {
    match value {
        Some(Value::Text(text)) if text == "deny" => Ok(Level::Deny),
        Some(Value::Text(text)) if text == "allow" => Ok(Level::Allow),
        other => bail!("{other:?}: want \"deny\" or \"allow\": nobody reads warnings of a gate"),
    }
}

fn texts(value: Option<Value>) -> Result<Vec<String>> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let Value::List(values) = value else {
        bail!("{value:?}: want a list of texts");
    };
    let texts = values.into_iter().map(|value| match value {
        Value::Text(text) => Ok(text),
        other => bail!("{other:?}: want a text"),
    });
    texts.collect()
}

/// A list of `{ crate = "…", reason = "…" }`. Whoever makes an exception says why.
fn specs(value: Option<Value>) -> Result<Vec<Spec>> {
    let values = match value {
        None => return Ok(Vec::new()),
        Some(Value::List(values)) => values,
        Some(other) => bail!("{other:?}: want a list"),
    };
    let specs = values.into_iter().map(|value| {
        let Value::Table(mut table) = value else {
            bail!("{value:?}: want {{ crate = \"…\", reason = \"…\" }}");
        };
        match (table.remove("crate"), table.remove("reason")) {
            (Some(Value::Text(spec)), Some(Value::Text(reason))) if table.is_empty() => {
                Spec::new(&spec, &reason)
            }
            _ => bail!("an entry: want {{ crate = \"…\", reason = \"…\" }} and nothing else"),
        }
    });
    specs.collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Flag(bool),
    Number(i64),
    List(Vec<Value>),
    Table(BTreeMap<String, Value>),
}

/// Settings by `section.key`. Strings have no escapes, tables no headers of arrays: TOML that goes
/// beyond is refused with its line.
fn parse(text: &str) -> Result<BTreeMap<String, Value>> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        line: 1,
    };
    let mut settings = BTreeMap::new();
    let mut section = String::new();
    reader
        .document(&mut section, &mut settings)
        .with_context(|| format!("line {}", reader.line))?;
    Ok(settings)
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
}

impl Reader<'_> {
    fn document(
        &mut self,
        section: &mut String,
        settings: &mut BTreeMap<String, Value>,
    ) -> Result<()> {
        loop {
            self.skip_blank();
            match self.rest.peek() {
                None => return Ok(()),
                Some('[') => {
                    self.next();
                    *section = self.word()?;
                    self.expect(']')?;
                }
                Some(_) => {
                    let (key, value) = self.pair()?;
                    let key = format!("{section}.{key}");
                    if settings.insert(key.clone(), value).is_some() {
                        bail!("{key} is there twice");
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next();
        self.line += usize::from(c == Some('\n'));
        c
    }

    /// Goes over white space, line ends and comments.
    fn skip_blank(&mut self) {
        while let Some(&c) = self.rest.peek() {
            if c == '#' {
                while self.rest.next_if(|c| *c != '\n').is_some() {}
            } else if !c.is_whitespace() {
                return;
            } else {
                self.next();
            }
        }
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        self.skip_blank();
        match self.next() {
            Some(c) if c == wanted => Ok(()),
            found => bail!("want {wanted:?}, found {found:?}"),
        }
    }

    fn word(&mut self) -> Result<String> {
        let mut word = String::new();
        let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        while let Some(c) = self.rest.next_if(is_part) {
            word.push(c);
        }
        if word.is_empty() {
            bail!("want a word, found {:?}", self.rest.peek());
        }
        Ok(word)
    }

    fn pair(&mut self) -> Result<(String, Value)> {
        let key = self.word()?;
        self.expect('=')?;
        Ok((key, self.value()?))
    }

    fn value(&mut self) -> Result<Value> {
        self.skip_blank();
        match self.rest.peek() {
            Some('"') => {
                self.next();
                let mut text = String::new();
                loop {
                    match self.next() {
                        Some('"') => return Ok(Value::Text(text)),
                        Some(c) if c != '\\' && c != '\n' => text.push(c),
                        found => bail!("{found:?} inside of a text"),
                    }
                }
            }
            Some('[') => {
                self.next();
                let mut values = Vec::new();
                while !self.ends(']')? {
                    values.push(self.value()?);
                    self.comma(']')?;
                }
                Ok(Value::List(values))
            }
            Some('{') => {
                self.next();
                let mut table = BTreeMap::new();
                while !self.ends('}')? {
                    let (key, value) = self.pair()?;
                    table.insert(key, value);
                    self.comma('}')?;
                }
                Ok(Value::Table(table))
            }
            _ => match self.word()?.as_str() {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                word => Ok(Value::Number(
                    word.parse()
                        .with_context(|| format!("{word:?} is no value"))?,
                )),
            },
        }
    }

    /// Goes over the closing bracket if it comes next.
    fn ends(&mut self, close: char) -> Result<bool> {
        self.skip_blank();
        if self.rest.peek().is_none() {
            bail!("the file ends before {close:?}");
        }
        Ok(self.rest.next_if_eq(&close).is_some())
    }

    /// A comma, which the last element may leave out.
    fn comma(&mut self, close: char) -> Result<()> {
        self.skip_blank();
        if self.rest.peek() == Some(&close) {
            return Ok(());
        }
        self.expect(',')
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A policy of a few lines of `[bans]` and the usual of the others.
    pub(in crate::deny) fn policy(bans: &str) -> Policy {
        let text = format!(
            "[licenses]\nallow = [\"MIT\", \"ISC\"]\n[sources]\nunknown-registry = \"deny\"\nunknown-git = \"deny\"\n[bans]\n{bans}"
        );
        Policy::read(&text).unwrap()
    }

    pub(in crate::deny) const BANS: &str = "multiple-versions = \"deny\"\nwildcards = \"deny\"\n";

    #[test]
    fn our_file_is_followed() {
        let text = include_str!("../../../deny.toml");
        let policy = Policy::read(text).unwrap();
        assert!(policy.licences.contains(&"Apache-2.0".to_owned()));
        assert_eq!(policy.registries, [CRATES_IO]);
    }

    #[test]
    fn lists_comments_and_tables_are_read() {
        let policy = policy(
            "multiple-versions = \"deny\" # a comment\nwildcards=\"allow\"\nallow-wildcard-paths = true\n\
             skip = [\n  # another\n  { crate = \"a@1.2.3\", reason = \"r\" },\n  {crate=\"b:0.2\",reason=\"s\"}\n]\n\
             deny = []\n",
        );
        assert_eq!(policy.licences, ["MIT", "ISC"]);
        assert_eq!(policy.wildcards, Level::Allow);
        assert!(policy.allow_wildcard_paths);
        let titles: Vec<String> = policy.skip.iter().map(Spec::title).collect();
        assert_eq!(titles, ["a@1.2.3", "b:0.2"]);
        assert_eq!(policy.skip[1].reason, "s");
    }

    #[test]
    fn what_is_not_followed_or_not_understood_is_an_error() {
        let rest = "[licenses]\nallow = []\n[sources]\nunknown-registry = \"deny\"\nunknown-git = \"deny\"\n";
        for (bans, want) in [
            (
                "",
                "bans.multiple-versions: None: want \"deny\" or \"allow\"",
            ),
            ("multiple-versions = \"warn\"", "want \"deny\" or \"allow\""),
            (
                "multiple-versions = \"deny\"\nwildcards = \"deny\"\nhighlight = \"all\"",
                "bans.highlight: the gate does not follow this setting",
            ),
            ("skip = [\"a\"]", "want { crate = \"…\", reason = \"…\" }"),
            (
                "skip = [{ crate = \"a\" }]",
                "want { crate = \"…\", reason = \"…\" }",
            ),
            (
                "skip = [{ crate = \"a:0.0\", reason = \"\" }]",
                "want NAME, NAME@VERSION",
            ),
            (
                "skip = [{ crate = \"a:>1\", reason = \"\" }]",
                "want NAME, NAME@VERSION",
            ),
            ("skip = [", "line 9: the file ends before ']'"),
            ("skip = \"a", "inside of a text"),
            ("skip 1", "want '=', found Some('1')"),
            ("a = 1\na = 2", "bans.a is there twice"),
            ("[[skip]]", "want a word"),
        ] {
            let bans = if bans.contains("skip") {
                format!("multiple-versions = \"deny\"\nwildcards = \"deny\"\n{bans}")
            } else {
                bans.to_owned()
            };
            let error = format!(
                "{:#}",
                Policy::read(&format!("{rest}[bans]\n{bans}")).unwrap_err()
            );
            assert!(error.contains(want), "{bans}: {error}");
        }
        let error = Policy::read("[graph]\nall-features = true\n").unwrap_err();
        assert!(error.to_string().contains("all-features"), "{error}");
    }

    #[test]
    fn specs_match_versions() {
        let matches = |spec: &str, version: &str| {
            let spec = Spec::new(spec, "").unwrap();
            assert_eq!(spec.name, "a");
            spec.matches("a", version)
        };
        assert!(matches("a", "1.0.0"));
        assert!(matches("a@1.0.0", "1.0.0") && !matches("a@1.0.0", "1.0.1"));
        assert!(matches("a:1", "1.9.0") && !matches("a:1", "10.0.0"));
        assert!(matches("a:0.2", "0.2.7") && !matches("a:0.2", "0.20.0"));
        assert!(!Spec::new("a", "").unwrap().matches("b", "1.0.0"));
    }
}
