//! Results of tests as a JUnit file, which CI systems show.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// A test and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// What it is called.
    pub(crate) name: String,
    /// What went wrong, a line for each; none: nothing.
    pub(crate) failures: Vec<String>,
}

/// The tests of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suite {
    /// What it is called.
    pub(crate) name: String,
    /// Its tests.
    pub(crate) cases: Vec<Case>,
}

/// Writes the file.
pub(crate) fn write(path: &Path, suites: &[Suite]) -> Result<()> {
    std::fs::write(path, document(suites))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn document(suites: &[Suite]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in suites {
        let failed = suite.cases.iter().filter(|case| !case.failures.is_empty());
        // Writing into a String cannot fail.
        let _infallible = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">",
            escaped(&suite.name),
            suite.cases.len(),
            failed.count()
        );
        for case in &suite.cases {
            let name = escaped(&case.name);
            let suite_name = escaped(&suite.name);
            if case.failures.is_empty() {
                let _infallible = writeln!(
                    xml,
                    "    <testcase classname=\"{suite_name}\" name=\"{name}\"/>"
                );
                continue;
            }
            let text = escaped(&case.failures.join("\n"));
            let _infallible = writeln!(
                xml,
                "    <testcase classname=\"{suite_name}\" name=\"{name}\">\n      <failure>{text}</failure>\n    </testcase>"
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// A text between tags or quotes. Characters that XML cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_holds_every_case() {
        let case = |name: &str, failures: &[&str]| Case {
            name: name.to_owned(),
            failures: failures.iter().map(|text| (*text).to_owned()).collect(),
        };
        let suites = [Suite {
            name: "a \"b\"".to_owned(),
            cases: vec![case("x", &[]), case("<y>", &["one & two", "three\u{1}"])],
        }];
        assert_eq!(
            document(&suites),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"a &quot;b&quot;\" tests=\"2\" failures=\"1\">
    <testcase classname=\"a &quot;b&quot;\" name=\"x\"/>
    <testcase classname=\"a &quot;b&quot;\" name=\"&lt;y&gt;\">
      <failure>one &amp; two&#10;three\u{fffd}</failure>
    </testcase>
  </testsuite>
</testsuites>
"
        );
    }
}
