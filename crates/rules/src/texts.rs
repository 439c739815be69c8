//! Labels and annotations of an alerting rule: templates, each read once.

use std::borrow::Cow;

use bellwether_template::functions::prometheus::RULE_VARIABLES;
use bellwether_template::{Functions, Limits, MissingKey, Mode, TemplateError, TemplateSet, Value};

/// Named texts of a rule.
#[derive(Debug)]
pub(crate) struct Texts {
    texts: Vec<Text>,
    /// What templates are called in messages.
    template_name: String,
}

#[derive(Debug)]
struct Text {
    name: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Nothing in it is a template.
    Plain(String),
    Template(Box<TemplateSet>),
}

/// What the texts of a rule depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dependence {
    /// Nothing at all: all texts are plain.
    pub(crate) is_plain: bool,
    /// Perhaps on the time or on other series, beside the element.
    pub(crate) is_of_moment: bool,
}

impl Texts {
    /// Reads texts of a rule.
    ///
    /// # Errors
    /// The name of the first text that is no template, and why.
    pub(crate) fn parse(
        rule: &str,
        pairs: &[(String, String)],
        functions: &Functions,
    ) -> Result<(Self, Dependence), (String, TemplateError)> {
        let template_name = format!("__alert_{rule}");
        let mut dependence = Dependence {
            is_plain: true,
            is_of_moment: false,
        };
        let mut texts = Vec::with_capacity(pairs.len());
        for (name, text) in pairs {
            let source = if text.contains("{{") {
                let mut set = TemplateSet::new(Mode::Text).with_missing_key(MissingKey::Zero);
                set.parse_with(&template_name, text, &RULE_VARIABLES, functions)
                    .map_err(|error| (name.clone(), error))?;
                dependence.is_plain = false;
                // The only functions whose answers change. A word too many costs some time only.
                dependence.is_of_moment |= text.contains("query") || text.contains("now");
                Source::Template(Box::new(set))
            } else {
                Source::Plain(text.clone())
            };
            texts.push(Text {
                name: name.clone(),
                source,
            });
        }
        let texts = Self {
            texts,
            template_name,
        };
        Ok((texts, dependence))
    }

    /// All texts by name, as they are for some data. A template that fails says so in its text.
    pub(crate) fn expand<'a>(
        &'a self,
        data: &Value,
        functions: &Functions,
    ) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        self.texts.iter().map(move |text| {
            let expanded = match &text.source {
                Source::Plain(plain) => Cow::Borrowed(plain.as_str()),
                Source::Template(set) => Cow::Owned(self.execute(set, data, functions)),
            };
            (text.name.as_str(), expanded)
        })
    }

    fn execute(&self, set: &TemplateSet, data: &Value, functions: &Functions) -> String {
        let name = &self.template_name;
        match set.execute(name, data, functions, &Limits::default()) {
            Ok(text) => text,
            Err(error) => {
                let text =
                    format!("<error expanding template: error executing template {name}: {error}>");
                tracing::warn!(template = %name, %error, "the template of an alert failed");
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bellwether_model::Labels;
    use bellwether_template::functions::prometheus::{self, RuleData};

    use super::*;

    #[test]
    fn texts_are_expanded_and_failures_are_text() {
        let library = Arc::new(prometheus::library("http://x/"));
        let pairs = [
            ("plain", "100%"),
            (
                "value",
                "{{ $value }} of {{ $labels.job }} at {{ .ExternalURL }}",
            ),
            ("broken", "{{ $labels.job | query | first | value }}"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
        let (texts, dependence) = Texts::parse("Slow", &pairs, &library).unwrap();
        assert_eq!(
            dependence,
            Dependence {
                is_plain: false,
                is_of_moment: true
            }
        );
        let data = Value::object(RuleData {
            labels: Labels::from_pairs([("job", "api")]),
            external_labels: Labels::empty(),
            external_url: "http://x/".into(),
            value: Value::Float(0.5),
        });
        let functions = prometheus::at(library, 0, |query| Err(format!("no {query}")));
        let expanded: Vec<_> = texts.expand(&data, &functions).collect();
        assert_eq!(expanded[0], ("plain", "100%".into()));
        assert_eq!(expanded[1], ("value", "0.5 of api at http://x/".into()));
        assert!(
            expanded[2]
                .1
                .starts_with("<error expanding template: error executing template __alert_Slow: template: __alert_Slow:1:"),
            "{}", expanded[2].1
        );
        assert!(
            expanded[2].1.ends_with("error calling query: no api>"),
            "{}",
            expanded[2].1
        );
    }

    #[test]
    fn what_is_no_template_is_named() {
        let pairs = [("summary".to_owned(), "{{ $labels.job ".to_owned())];
        let library = prometheus::library("");
        let (name, error) = Texts::parse("Slow", &pairs, &library).unwrap_err();
        assert_eq!(name, "summary");
        assert!(error.to_string().contains("__alert_Slow:1"), "{error}");
        let plain = [("severity".to_owned(), "now".to_owned())];
        let (_, dependence) = Texts::parse("Slow", &plain, &library).unwrap();
        assert!(dependence.is_plain && !dependence.is_of_moment);
    }
}
