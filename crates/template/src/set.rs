//! Named templates that call one another.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::error::TemplateError;
use crate::exec::{self, Program};
use crate::functions::Functions;
use crate::html::{self, Escaped};
use crate::limits::Limits;
use crate::parser;
use crate::quote::quoted;
use crate::tree::{Tree, is_blank};
use crate::value::Value;

/// What templates make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Plain text: values print as they are.
    Text,
    /// HTML: each value is escaped for the place where it stands, as Go's `html/template` does.
    Html,
}

/// What a key gives that is not in a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// Nothing, which prints as `<no value>`.
    #[default]
    Default,
    /// The zero of the map's elements: an empty string in a map of strings, else nothing.
    Zero,
    /// An error.
    Error,
}

/// A variable that a text has from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predefined<'a> {
    /// With its dollar sign: `$labels`.
    pub variable: &'a str,
    /// The field of the data that it holds: `Labels`.
    pub field: &'a str,
}

/// What is known about a page.
type Page = Result<Arc<Escaped>, TemplateError>;

/// Named templates, which can call one another. Later definitions go before earlier ones, so that
/// files change what the defaults define. Clones share the templates that are there.
pub struct TemplateSet {
    mode: Mode,
    missing_key: MissingKey,
    trees: FxHashMap<Box<str>, Arc<Tree>>,
    /// What is known about pages, by the name of the template that makes the page. Worked out at
    /// the first execution, since a template may call others that are parsed after it.
    pages: RwLock<FxHashMap<Box<str>, Page>>,
}

impl TemplateSet {
    /// A set without templates.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            missing_key: MissingKey::default(),
            trees: FxHashMap::default(),
            pages: RwLock::default(),
        }
    }

    /// Sets what a key gives that is not in a map.
    #[must_use]
    pub fn with_missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// What templates make.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What a key gives that is not in a map.
    #[must_use]
    pub fn missing_key(&self) -> MissingKey {
        self.missing_key
    }

    /// Reads a text, and keeps it as the template `name`, with all templates that it defines. A
    /// template that is there already is replaced, unless the new one is blank.
    ///
    /// # Errors
    /// Where the text is no template, or calls a function that neither `functions` nor the language
    /// has. The set stays as it was.
    pub fn parse(
        &mut self,
        name: &str,
        text: &str,
        functions: &Functions,
    ) -> Result<(), TemplateError> {
        self.parse_with(name, text, &[], functions)
    }

    /// Like [`TemplateSet::parse`] for a text that has some variables from the start.
    /// They are not seen in the templates that it defines.
    ///
    /// # Errors
    /// As [`TemplateSet::parse`].
    pub fn parse_with(
        &mut self,
        name: &str,
        text: &str,
        predefined: &[Predefined<'_>],
        functions: &Functions,
    ) -> Result<(), TemplateError> {
        for tree in parser::parse(name, text, predefined, functions)? {
            if !is_blank(&tree.root) || !self.trees.contains_key(&tree.name) {
                self.trees.insert(tree.name.clone(), Arc::new(tree));
            }
        }
        self.pages.get_mut().clear();
        Ok(())
    }

    /// Whether there is a template of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.trees.contains_key(name)
    }

    /// The names of all templates, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.trees.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// The source of a template as it was understood: it parses to the same.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<String> {
        self.tree(name).map(ToString::to_string)
    }

    /// What a template prints with `data` as its dot.
    ///
    /// # Errors
    /// Where there is no such template, it does not fit the data, a function fails, a limit is
    /// reached, or the page cannot be escaped. What was printed so far is dropped.
    pub fn execute(
        &self,
        name: &str,
        data: &Value,
        functions: &Functions,
        limits: &Limits,
    ) -> Result<String, TemplateError> {
        let escaped;
        let (program, tree) = match self.mode {
            Mode::Text => (Program::Text, self.tree(name)),
            Mode::Html => {
                escaped = self.escaped(name)?;
                (Program::Html(&escaped), escaped.tree(name, None))
            }
        };
        let tree = tree.ok_or_else(|| self.not_found(name))?;
        exec::execute(self, program, tree, data, functions, limits)
    }

    /// Whether the page that a template makes can be escaped, whatever its data. Always so for plain
    /// text.
    ///
    /// # Errors
    /// Where there is no such template, or it cannot be escaped.
    pub fn check(&self, name: &str) -> Result<(), TemplateError> {
        match self.mode {
            Mode::Text if self.contains(name) => Ok(()),
            Mode::Text => Err(self.not_found(name)),
            Mode::Html => self.escaped(name).map(drop),
        }
    }

    pub(crate) fn tree(&self, name: &str) -> Option<&Tree> {
        self.trees.get(name).map(|tree| &**tree)
    }

    pub(crate) fn not_found(&self, name: &str) -> TemplateError {
        let known: Vec<String> = self
            .names()
            .into_iter()
            .take(20)
            .map(|name| quoted(name).to_string())
            .collect();
        TemplateError::NotFound {
            name: name.into(),
            known: if known.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            },
        }
    }

    /// The templates of a page, each with what makes its values safe.
    pub(crate) fn escaped(&self, name: &str) -> Page {
        if let Some(known) = self.pages.read().get(name) {
            return known.clone();
        }
        if !self.contains(name) {
            return Err(self.not_found(name));
        }
        let escaped = html::escape(self, name).map(Arc::new);
        self.pages.write().insert(name.into(), escaped.clone());
        escaped
    }
}

impl Clone for TemplateSet {
    fn clone(&self) -> Self {
        Self {
            mode: self.mode,
            missing_key: self.missing_key,
            trees: self.trees.clone(),
            pages: RwLock::new(self.pages.read().clone()),
        }
    }
}

impl fmt::Debug for TemplateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateSet")
            .field("mode", &self.mode)
            .field("missing_key", &self.missing_key)
            .field("names", &self.names())
            .finish()
    }
}
