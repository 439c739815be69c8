//! Whether what came is what was expected, and how the difference is shown.

use std::fmt;

use bellwether_model::Labels;

use super::FailureStyle;

/// An alert that fires: labels and annotations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShownAlert(pub(super) Labels, pub(super) Labels);

impl fmt::Display for ShownAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Labels:{}\nAnnotations:{}", self.0, self.1)
    }
}

/// A value of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ShownValue {
    Float(f64),
    /// In the notation of promqltest.
    Histogram(String),
}

/// An element of a query's result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShownSample {
    pub(super) labels: Labels,
    pub(super) value: ShownValue,
}

impl ShownSample {
    pub(super) fn is_like(&self, other: &Self, is_fuzzy: bool) -> bool {
        let same_value = match (&self.value, &other.value) {
            (ShownValue::Float(a), ShownValue::Float(b)) => same_float(*a, *b, is_fuzzy),
            (a, b) => a == b,
        };
        self.labels == other.labels && same_value
    }
}

#[expect(clippy::float_cmp, reason = "equal is what the format asks for")]
fn same_float(a: f64, b: f64, is_fuzzy: bool) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (is_fuzzy && (a.next_down() == b || a.next_up() == b))
}

impl fmt::Display for ShownSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            ShownValue::Float(value) => write!(f, "{} {value}", self.labels),
            ShownValue::Histogram(text) => write!(f, "{} {text}", self.labels),
        }
    }
}

/// What is different, in lines that are indented.
pub(super) fn difference<T: fmt::Display>(
    expected: &[T],
    got: &[T],
    style: FailureStyle,
) -> String {
    let texts = |items: &[T]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (expected, got) = (texts(expected), texts(got));
    let mut lines = Vec::new();
    match style {
        FailureStyle::Whole => {
            whole("exp", &expected, &mut lines);
            whole("got", &got, &mut lines);
        }
        FailureStyle::Difference => {
            lines.push("        diff:".to_owned());
            // Those of both sides that are the same say nothing.
            let mut missing = expected.clone();
            let mut surplus = Vec::new();
            for item in got {
                match missing.iter().position(|other| *other == item) {
                    Some(found) => drop(missing.remove(found)),
                    None => surplus.push(item),
                }
            }
            for (sign, items) in [("-", &missing), ("+", &surplus)] {
                let all = items.iter().flat_map(|item| item.lines());
                lines.extend(all.map(|line| format!("          {sign} {line}")));
            }
        }
    }
    lines.join("\n")
}

fn whole(what: &str, items: &[String], lines: &mut Vec<String>) {
    if items.is_empty() {
        lines.push(format!("        {what}: []"));
        return;
    }
    lines.push(format!("        {what}: ["));
    for (index, item) in items.iter().enumerate() {
        for (number, line) in item.lines().enumerate() {
            let start = if number == 0 {
                format!("{index}:")
            } else {
                "  ".to_owned()
            };
            lines.push(format!("            {start} {line}"));
        }
    }
    lines.push("        ]".to_owned());
}
