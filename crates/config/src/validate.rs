//! Checks a tree against its tables: unknown keys, wrong types and values, missing settings.

use bellwether_template::{Functions, Mode, TemplateError, TemplateSet, Time};

use crate::problem::{NamedFile, Problem, Problems};
use crate::schema::{Kind, Section};
use crate::values::{HIDDEN, check_scalar, kind_name, nearest};
use crate::view::{Origin, View};
use crate::yaml::{Entry, Node, NodeValue};

/// What becomes of keys that no table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownKeys {
    /// They are errors.
    Refuse,
    /// They are as good as absent.
    Ignore,
}

/// Checks a whole file against the table of its root.
pub(crate) fn validate(
    root: &Node,
    section: &'static Section,
    origin: &Origin,
    problems: &mut Problems,
) {
    validate_with(root, section, origin, UnknownKeys::Refuse, problems);
}

/// The same, with a say in what becomes of unknown keys.
pub(crate) fn validate_with(
    root: &Node,
    section: &'static Section,
    origin: &Origin,
    unknown: UnknownKeys,
    problems: &mut Problems,
) {
    let mut validator = Validator {
        origin,
        unknown,
        templates: None,
        problems,
    };
    validator.section(root, section);
}

struct Validator<'a> {
    origin: &'a Origin,
    unknown: UnknownKeys,
    /// Made for the first template.
    templates: Option<Functions>,
    problems: &'a mut Problems,
}

impl Validator<'_> {
    fn error(&mut self, node: &Node, message: impl Into<String>) {
        self.problems
            .error(&self.origin.file, node.position, &node.path, message);
    }

    fn value(&mut self, node: &Node, kind: &Kind) {
        // Nothing written is nothing said, for whole sections as well: Prometheus reads it so.
        if node.is_null() {
            return;
        }
        match kind {
            Kind::Section(section) => self.section(node, section),
            Kind::SectionOrText(section) => {
                if matches!(node.value, NodeValue::Scalar(_)) {
                    self.scalar(node, kind);
                } else {
                    self.section(node, section);
                }
            }
            Kind::Sections(section) => {
                for item in self.list(node, kind) {
                    if item.is_null() {
                        let message = format!("is empty: want a mapping ({})", section.name);
                        self.error(item, message);
                    } else {
                        self.section(item, section);
                    }
                }
            }
            Kind::SectionMapOrText(_) if matches!(node.value, NodeValue::Scalar(_)) => {
                self.scalar(node, kind);
            }
            Kind::SectionMap(section) | Kind::SectionMapOrText(section) => {
                for entry in self.mapping(node, kind) {
                    self.section(&entry.value, section);
                }
            }
            Kind::List(item_kind) => {
                for item in self.list(node, kind) {
                    if item.is_null() {
                        self.error(item, format!("is empty: want {}", kind_name(item_kind)));
                    } else {
                        self.value(item, item_kind);
                    }
                }
            }
            Kind::Headers(value_kind) => {
                for entry in self.mapping(node, kind) {
                    // The text may be a secret that stands where a list is wanted.
                    match (&entry.value.value, value_kind) {
                        (NodeValue::Scalar(_), Kind::List(_)) if !entry.value.is_null() => {
                            let want = kind_name(value_kind);
                            self.error(&entry.value, format!("a text given: want {want}"));
                        }
                        _ => self.value(&entry.value, value_kind),
                    }
                }
            }
            Kind::Map(value_kind) => {
                for entry in self.mapping(node, kind) {
                    self.value(&entry.value, value_kind);
                }
            }
            Kind::Labels => {
                for entry in self.mapping(node, kind) {
                    if entry.key.is_empty() {
                        self.error(
                            &entry.value,
                            "\"\" is not a label name: want a text that is not empty",
                        );
                    }
                    self.value(&entry.value, &Kind::Text);
                }
            }
            Kind::Raw => {}
            _ => self.scalar(node, kind),
        }
    }

    fn scalar(&mut self, node: &Node, kind: &Kind) {
        match check_scalar(kind, node) {
            Err(message) => self.error(node, message),
            Ok(()) => {
                if let (Kind::ReadFile, NodeValue::Scalar(scalar)) = (kind, &node.value)
                    && !scalar.text.is_empty()
                {
                    self.problems.files.push(NamedFile {
                        path: self.origin.join(&scalar.text),
                        origin: Problem {
                            file: self.origin.file.clone(),
                            position: node.position,
                            path: node.path.to_string(),
                            message: String::new(),
                        },
                    });
                }
                if let NodeValue::Scalar(scalar) = &node.value {
                    match kind {
                        Kind::Template => self.template(node, &scalar.text),
                        Kind::SecretUrl(_) | Kind::SecretTemplateUrl
                            if scalar.text.ends_with(HIDDEN) =>
                        {
                            let message =
                                "stands for a URL that was hidden: nothing can be sent to it";
                            let file = &self.origin.file;
                            self.problems
                                .warning(file, node.position, &node.path, message);
                        }
                        Kind::SecretTemplateUrl => self.secret_template(node, &scalar.text),
                        _ => {}
                    }
                }
            }
        }
    }

    /// A template that is wrong makes each notification fail, not the whole of them: that is for
    /// people to know, and no reason to refuse a file that an Alertmanager takes.
    fn template(&mut self, node: &Node, text: &str) {
        if let Err(error) = self.parse_template(text) {
            self.problems.warning(
                &self.origin.file,
                node.position,
                &node.path,
                format!("notifications of this receiver will fail: {error}"),
            );
        }
    }

    /// The text may hold a secret, and so may what the template's error repeats of it.
    fn secret_template(&mut self, node: &Node, text: &str) {
        if let Err(error) = self.parse_template(text) {
            let place = error.position().map_or_else(String::new, |at| {
                format!(" from byte {} of line {}", at.column, at.line)
            });
            self.error(node, format!("is not a template{place}: want balanced {{{{ }}}} around actions and functions of Alertmanager"));
        }
    }

    fn parse_template(&mut self, text: &str) -> Result<(), TemplateError> {
        if !text.contains("{{") {
            return Ok(());
        }
        let functions = self.templates.get_or_insert_with(|| {
            bellwether_template::functions::alertmanager::library(|| Time::from_unix_ms(0))
        });
        TemplateSet::new(Mode::Text).parse("", text, functions)
    }

    fn list<'n>(&mut self, node: &'n Node, kind: &Kind) -> &'n [Node] {
        if let NodeValue::List(items) = &node.value {
            return items;
        }
        self.error(
            node,
            format!("{} given: want {}", node.describe(), kind_name(kind)),
        );
        &[]
    }

    fn mapping<'n>(&mut self, node: &'n Node, kind: &Kind) -> &'n [Entry] {
        if let NodeValue::Mapping(entries) = &node.value {
            return entries;
        }
        self.error(
            node,
            format!("{} given: want {}", node.describe(), kind_name(kind)),
        );
        &[]
    }

    fn section(&mut self, node: &Node, section: &'static Section) {
        let errors_before = self.problems.errors.len();
        let entries: &[Entry] = if node.is_null() {
            &[]
        } else {
            self.mapping(node, &Kind::Section(section))
        };
        if self.problems.errors.len() > errors_before {
            return;
        }
        for entry in entries {
            self.entry(entry, section);
        }
        let view = View::new(Some(node), section, self.origin);
        for field in section.all_fields() {
            let written = node.get(field.key);
            if field.is_required && !view.is_set(field.key) {
                let message = format!(
                    "{} is {}: want {}",
                    field.key,
                    if written.is_some() {
                        "empty"
                    } else {
                        "missing"
                    },
                    kind_name(&field.kind)
                );
                self.error(written.unwrap_or(node), message);
            }
            if let (Some(written), Some(instead)) = (written, field.deprecated) {
                let message = format!("{} is an old setting: {instead}", field.key);
                self.problems
                    .warning(&self.origin.file, written.position, &written.path, message);
            }
            if let (Some(written), Some(why)) = (written.filter(|n| !n.is_null()), field.inert) {
                self.problems
                    .warning(&self.origin.file, written.position, &written.path, why);
            }
        }
        if self.problems.errors.len() == errors_before {
            section.run_checks(&view, self.problems);
        }
    }

    fn entry(&mut self, entry: &Entry, section: &'static Section) {
        if let Some(field) = section.field(&entry.key) {
            self.value(&entry.value, &field.kind);
            return;
        }
        if self.unknown == UnknownKeys::Ignore {
            return;
        }
        let fields = section.all_fields();
        let known = fields.iter().map(|field| field.key);
        let hint = match nearest(&entry.key, known.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None if fields.len() <= 20 => {
                format!("known are {}", known.collect::<Vec<_>>().join(", "))
            }
            None => "all are listed in docs/user/configuration.md".to_owned(),
        };
        self.problems.error(
            &self.origin.file,
            entry.position,
            &entry.value.path,
            format!(
                "unknown key {:?} in {}; {hint}",
                crate::yaml::shortened(&entry.key),
                section.name
            ),
        );
    }
}
