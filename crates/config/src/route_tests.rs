//! Cases for a routing tree, for `bellwether test routes`.

use std::path::{Path, PathBuf};

use bellwether_model::{Labels, short};
use jiff::Timestamp;

use crate::config::{errors_of, origin_of, parse, read_file};
use crate::problem::{ConfigErrors, Problems};
use crate::schema::{Field, Kind, Section};
use crate::view::View;

pub(crate) static ROUTE_TESTS: Section = Section {
    name: "route test file",
    doc: "Cases for `bellwether test routes`.",
    fields: &[
        Field::new(
            "config",
            Kind::Path,
            "",
            "The configuration with the routing tree: an `alertmanager.yml`, or a configuration with `notifications`. The flag `--config` goes before it.",
        ),
        Field::new("tests", Kind::Sections(&CASE), "", "The cases."),
    ],
    includes: &[],
    check: None,
};

static CASE: Section = Section {
    name: "route test",
    doc: "An alert, and who is to be told of it.",
    fields: &[
        Field::new(
            "name",
            Kind::Text,
            "",
            "What the case is called; its labels where absent.",
        ),
        Field::new("labels", Kind::Labels, "", "The alert's labels."),
        Field::new("at", Kind::Text, "", "When, as RFC 3339: for `muted`."),
        Field::new(
            "receivers",
            Kind::List(&Kind::Text),
            "",
            "The receivers of all routes that the alert takes, in any order.",
        ),
        Field::new(
            "muted",
            Kind::Bool,
            "",
            "Whether time intervals keep each of these routes from sending at that time, or none.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.is_set("at") && time_ms(view.text("at")).is_none() {
            let message = format!(
                "{:?} is not a time: want RFC 3339 such as 2026-11-27T10:00:00Z",
                short(view.text("at"))
            );
            view.error_at(problems, "at", message);
        }
        if view.is_set("muted") && !view.is_set("at") {
            view.error_at(problems, "muted", "depends on the time: set at, too");
        }
        if !view.is_written("receivers") && !view.is_set("muted") {
            view.error(
                problems,
                "receivers is missing: want receivers, muted or both",
            );
        }
    }),
};

fn time_ms(text: &str) -> Option<i64> {
    let timestamp: Timestamp = text.parse().ok()?;
    Some(timestamp.as_millisecond())
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTest {
    /// What it is called.
    pub name: String,
    /// Where it begins in its file.
    pub line: usize,
    /// The alert's labels.
    pub labels: Labels,
    /// When, ms since 1970; none: no matter.
    pub at_ms: Option<i64>,
    /// The receivers of all routes that the alert takes, sorted; none: no matter.
    pub receivers: Option<Vec<String>>,
    /// Whether each of the routes is muted, or none of them; none: no matter.
    pub muted: Option<bool>,
}

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTests {
    /// The configuration with the routing tree, joined with the file's folder.
    pub config: Option<PathBuf>,
    /// The cases.
    pub tests: Vec<RouteTest>,
}

/// Loads a file of cases.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_route_tests(path: &Path) -> Result<RouteTests, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    let origin = origin_of(path);
    let mut problems = Problems::default();
    match parse(&source, &origin, &ROUTE_TESTS, &mut problems) {
        Some(root) if problems.errors.is_empty() => {
            let view = View::new(Some(&root), &ROUTE_TESTS, &origin);
            Ok(RouteTests {
                config: view.path_of("config"),
                tests: view.sections("tests").iter().map(decode_case).collect(),
            })
        }
        _ => Err(errors_of(problems)),
    }
}

fn decode_case(view: &View<'_>) -> RouteTest {
    let labels = Labels::from_pairs(view.text_map("labels"));
    RouteTest {
        name: view
            .optional_text("name")
            .unwrap_or_else(|| labels.to_string()),
        line: view.position().line,
        labels,
        at_ms: time_ms(view.text("at")),
        receivers: view.is_written("receivers").then(|| {
            let mut receivers = view.texts("receivers");
            receivers.sort();
            receivers
        }),
        muted: view.is_set("muted").then(|| view.bool("muted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(source: &str) -> Result<RouteTests, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yml");
        std::fs::write(&file, source).unwrap();
        load_route_tests(&file).map_err(|errors| {
            errors
                .to_string()
                .replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn cases_are_read() {
        let loaded = load(
            "config: /etc/am.yml
tests:
- {labels: {b: c, a: 1}, receivers: [z, y]}
- {name: night, at: '1970-01-01T01:00:00+01:00', muted: yes}
",
        )
        .unwrap();
        assert_eq!(loaded.config, Some(PathBuf::from("/etc/am.yml")));
        let [first, second] = loaded.tests.as_slice() else {
            panic!("{:?}", loaded.tests)
        };
        assert_eq!(first.name, "{a=\"1\", b=\"c\"}");
        assert_eq!(first.receivers, Some(vec!["y".to_owned(), "z".to_owned()]));
        assert_eq!((first.line, first.at_ms, first.muted), (3, None, None));
        assert_eq!((second.at_ms, second.muted), (Some(0), Some(true)));
        assert_eq!(second.receivers, None);
    }

    #[test]
    fn wrong_cases_are_refused() {
        for (source, want) in [
            (
                "tests: [{labels: {a: b}}]",
                "t.yml:1:9: tests[0]: receivers is missing",
            ),
            ("tests: [{muted: yes}]", "set at, too"),
            (
                "tests: [{at: noon, receivers: []}]",
                "\"noon\" is not a time",
            ),
            ("tests: [{receiver: a}]", "did you mean receivers?"),
        ] {
            let error = load(source).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
