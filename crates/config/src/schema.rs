//! Tables that say which settings there are.
//!
//! ## Model
//! A [`Section`] is a mapping of the configuration: its [`Field`]s, the sections whose fields
//! stand among them ([`Section::includes`], as `basic_auth` stands in a scrape job), and a check
//! of what no single field can say. A field has a [`Kind`], a default and a sentence for people.
//!
//! ## Invariants
//! The tables are the only list of settings: reading, unknown-key errors, the effective
//! configuration, the reference page and the example file all come from them. A default is
//! written as a person would write it in the file; none is the empty text.

use crate::problem::Problems;
use crate::view::View;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in a range, both ends included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number in a range, both ends included.
    Float {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// A duration such as `1h30m`.
    Duration,
    /// A size such as `512MB`.
    Size,
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// The bcrypt hash of a secret, never shown either.
    Hash,
    /// A URL with one of these schemes; none listed: any scheme.
    Url(&'static [&'static str]),
    /// A URL that is never shown; not empty.
    SecretUrl(&'static [&'static str]),
    /// A URL with `http` or `https` that is never shown, or a template that makes one.
    SecretTemplateUrl,
    /// A template of notifications.
    Template,
    /// A duration as Go writes them, such as `1m30s` or `1.5h`.
    GoDuration,
    /// A file that must be there for the setting to work.
    ReadFile,
    /// A file or folder that we write, or that may appear later.
    Path,
    /// What is probed. The password of a URL is never shown.
    Target,
    /// A regular expression, anchored at both ends.
    Regex,
    /// A regular expression that matches anywhere in a text.
    Pattern,
    /// A text, or bytes as `!!binary`.
    Bytes,
    /// The name of a label.
    LabelName,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// Label names and values.
    Labels,
    /// A list.
    List(&'static Kind),
    /// A mapping from any text.
    Map(&'static Kind),
    /// A mapping from names of headers. The value of one whose name may stand for a secret is never
    /// shown.
    Headers(&'static Kind),
    /// A section.
    Section(&'static Section),
    /// A section, or a text in its place.
    SectionOrText(&'static Section),
    /// A list of sections.
    Sections(&'static Section),
    /// A mapping from any text to sections.
    SectionMap(&'static Section),
    /// The same, or a text in its place.
    SectionMapOrText(&'static Section),
    /// A mapping, a list or a scalar that is kept as it is.
    Raw,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is when absent, as it would be written; empty: nothing.
    pub default: &'static str,
    /// A sentence for people.
    pub doc: &'static str,
    /// Whether it must be there and not be empty.
    pub is_required: bool,
    /// What to use instead, where it should no longer be used.
    pub deprecated: Option<&'static str>,
    /// Why it has no effect, where it has none.
    pub inert: Option<&'static str>,
}

impl Field {
    /// A setting that may be absent.
    #[must_use]
    pub const fn new(
        key: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            kind,
            default,
            doc,
            is_required: false,
            deprecated: None,
            inert: None,
        }
    }

    /// A setting that must be there.
    #[must_use]
    pub const fn required(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        let mut field = Self::new(key, kind, "", doc);
        field.is_required = true;
        field
    }

    /// Says what to use instead; `check config` tells.
    #[must_use]
    pub const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }

    /// Says that the setting is understood and has no effect; `check config` tells.
    #[must_use]
    pub const fn inert(mut self, why: &'static str) -> Self {
        self.inert = Some(why);
        self
    }
}

/// Checks what no single field can say. Runs only where every field by itself is right.
pub type Check = fn(&View<'_>, &mut Problems);

/// A mapping of the configuration.
#[derive(Debug)]
pub struct Section {
    /// Its name on the reference page.
    pub name: &'static str,
    /// A sentence for people.
    pub doc: &'static str,
    /// Its fields, in the order they are shown.
    pub fields: &'static [Field],
    /// Sections whose fields stand among these.
    pub includes: &'static [&'static Section],
    /// What no single field can say.
    pub check: Option<Check>,
}

impl Section {
    /// The field of a key, here or in what is included.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        let mut found = self.fields.iter().find(|field| field.key == key);
        for included in self.includes {
            found = found.or_else(|| included.field(key));
        }
        found
    }

    /// Every field, included ones after own ones. An own field replaces an included one of the
    /// same key, which is how a section changes a default.
    #[must_use]
    pub fn all_fields(&self) -> Vec<&'static Field> {
        let mut fields: Vec<&'static Field> = self.fields.iter().collect();
        for included in self.includes {
            for field in included.all_fields() {
                if fields.iter().all(|own| own.key != field.key) {
                    fields.push(field);
                }
            }
        }
        fields
    }

    /// Runs the checks of this section and of what it includes.
    pub(crate) fn run_checks(&self, view: &View<'_>, problems: &mut Problems) {
        for included in self.includes {
            included.run_checks(view, problems);
        }
        if let Some(check) = self.check {
            check(view, problems);
        }
    }
}
