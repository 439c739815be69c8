//! Relabelling: rules that rewrite, keep or drop a set of labels.
//!
//! ## Model
//! [`apply`] runs a list of [`Rule`]s over a [`LabelsBuilder`] and says whether the labels are
//! kept; [`explain`] does the same and tells what each rule did, for people who wonder.
//!
//! ## See also
//! <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config>.

use md5::{Digest, Md5};

use crate::{Labels, LabelsBuilder, Regexp, RegexpError};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Write `replacement` to the target label where the regex matches.
    Replace,
    /// Drop the labels unless the regex matches.
    Keep,
    /// Drop the labels if the regex matches.
    Drop,
    /// Drop the labels unless the source equals the target label.
    KeepEqual,
    /// Drop the labels if the source equals the target label.
    DropEqual,
    /// Write the hash of the source, modulo `modulus`, to the target label.
    HashMod,
    /// Copy labels whose names match to the names that `replacement` gives.
    LabelMap,
    /// Remove labels whose names match.
    LabelDrop,
    /// Remove labels whose names do not match.
    LabelKeep,
    /// Write the source in lower case to the target label.
    Lowercase,
    /// Write the source in upper case to the target label.
    Uppercase,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Labels whose values are joined with `separator`.
    pub source_labels: Vec<String>,
    /// What stands between the joined values. Default `;`.
    pub separator: String,
    /// The regex as written. Default `(.*)`.
    pub regex_text: String,
    /// The same, compiled and anchored.
    pub regex: Regexp,
    /// For [`Action::HashMod`].
    pub modulus: u64,
    /// The label to write; may hold `$1` where the action is [`Action::Replace`].
    pub target_label: String,
    /// What to write, with `$1` for groups. Default `$1`.
    pub replacement: String,
    /// What to do.
    pub action: Action,
}

/// Two rules are equal when they were written the same.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.source_labels == other.source_labels
            && self.separator == other.separator
            && self.regex_text == other.regex_text
            && self.modulus == other.modulus
            && self.target_label == other.target_label
            && self.replacement == other.replacement
            && self.action == other.action
    }
}

impl Eq for Rule {}

impl Rule {
    /// Compiles the regex of a rule: anchored, and `.` matches line ends.
    ///
    /// # Errors
    /// Where the text is not a regular expression.
    pub fn compile(regex_text: &str) -> Result<Regexp, RegexpError> {
        Regexp::anchored(regex_text)
    }
}

/// What one rule did to a set of labels, as [`explain`] tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Position of the rule in its list, from 0.
    pub rule: usize,
    /// The labels before the rule.
    pub before: Labels,
    /// The labels after the rule, or `None` where the rule dropped them.
    pub after: Option<Labels>,
}

/// Runs rules in order. Says whether the labels are kept; after a drop the rules behind it did
/// not run and `labels` is as it was at the rule that dropped.
#[must_use = "labels that are not kept must be dropped"]
pub fn apply(rules: &[Rule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

/// Runs rules in order and tells what each of them did, up to the one that dropped the labels.
#[must_use]
pub fn explain(rules: &[Rule], labels: &Labels) -> Vec<Step> {
    let mut steps = Vec::with_capacity(rules.len());
    let mut builder = labels.to_builder();
    for (index, rule) in rules.iter().enumerate() {
        let before = builder.build();
        let kept = rule.apply(&mut builder);
        let after = kept.then(|| builder.build());
        steps.push(Step {
            rule: index,
            before,
            after,
        });
        if !kept {
            break;
        }
    }
    steps
}

impl Rule {
    /// Runs this rule alone; `false` means that the labels are dropped.
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        match self.action {
            Action::Keep => return self.regex.is_match(&self.source(labels)),
            Action::Drop => return !self.regex.is_match(&self.source(labels)),
            Action::KeepEqual => return self.source_equals_target(labels),
            Action::DropEqual => return !self.source_equals_target(labels),
            Action::Replace => self.replace(labels),
            Action::HashMod => {
                let bucket = hash(&self.source(labels)) % self.modulus.max(1);
                labels.set(&self.target_label, &bucket.to_string());
            }
            Action::Lowercase => {
                let value = self.source(labels).to_lowercase();
                labels.set(&self.target_label, &value);
            }
            Action::Uppercase => {
                let value = self.source(labels).to_uppercase();
                labels.set(&self.target_label, &value);
            }
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => {
                labels.retain(|name| !self.regex.is_match(name));
            }
            Action::LabelKeep => {
                labels.retain(|name| self.regex.is_match(name));
            }
        }
        true
    }

    /// The values of the source labels, joined.
    fn source(&self, labels: &LabelsBuilder) -> String {
        let mut joined = String::new();
        for (index, name) in self.source_labels.iter().enumerate() {
            if index > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name).unwrap_or(""));
        }
        joined
    }

    fn source_equals_target(&self, labels: &LabelsBuilder) -> bool {
        labels.get(&self.target_label).unwrap_or("") == self.source(labels)
    }

    fn replace(&self, labels: &mut LabelsBuilder) {
        let source = self.source(labels);
        let Some(captures) = self.regex.captures(&source) else {
            return;
        };
        let mut target = String::new();
        captures.expand(&self.target_label, &mut target);
        if target.is_empty() {
            return;
        }
        let mut value = String::new();
        captures.expand(&self.replacement, &mut value);
        // An empty value removes the label.
        labels.set(&target, &value);
    }

    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mut mapped = Vec::new();
        for (name, value) in labels.iter() {
            if let Some(captures) = self.regex.captures(name) {
                let mut target = String::new();
                captures.expand(&self.replacement, &mut target);
                if !target.is_empty() {
                    mapped.push((target, value.to_owned()));
                }
            }
        }
        for (name, value) in mapped {
            labels.set(&name, &value);
        }
    }
}

/// The last eight bytes of the MD5 sum, big end first: users split targets between servers by it,
/// so it must agree with what other servers compute.
fn hash(text: &str) -> u64 {
    let digest = Md5::digest(text.as_bytes());
    digest
        .iter()
        .skip(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: Action) -> Rule {
        Rule {
            source_labels: Vec::new(),
            separator: ";".to_owned(),
            regex_text: "(.*)".to_owned(),
            regex: Rule::compile("(.*)").unwrap(),
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".to_owned(),
            action,
        }
    }

    fn with(action: Action, sources: &[&str], regex: &str, target: &str, to: &str) -> Rule {
        Rule {
            source_labels: sources.iter().map(|s| (*s).to_owned()).collect(),
            regex_text: regex.to_owned(),
            regex: Rule::compile(regex).unwrap(),
            target_label: target.to_owned(),
            replacement: to.to_owned(),
            ..rule(action)
        }
    }

    #[track_caller]
    fn check(rules: &[Rule], before: &[(&str, &str)], after: Option<&[(&str, &str)]>) {
        let before = Labels::from_pairs(before.iter().copied());
        let mut builder = before.to_builder();
        let kept = apply(rules, &mut builder).then(|| builder.build());
        assert_eq!(
            kept,
            after.map(|pairs| Labels::from_pairs(pairs.iter().copied()))
        );
        let explained = explain(rules, &before);
        let last = explained
            .last()
            .map_or(Some(before), |step| step.after.clone());
        assert_eq!(last, kept);
    }

    #[test]
    fn replace_writes_groups_and_leaves_alone_what_does_not_match() {
        use Action::Replace;
        let before = [("a", "foo"), ("b", "bar")];
        check(
            &[with(Replace, &["a"], "f(.*)", "d", "ch${1}-ch$1")],
            &before,
            Some(&[("a", "foo"), ("b", "bar"), ("d", "choo-choo")]),
        );
        check(
            &[with(Replace, &["a", "b"], ".*o;b(.).*", "c", "$1")],
            &before,
            Some(&[("a", "foo"), ("b", "bar"), ("c", "a")]),
        );
        check(
            &[with(Replace, &["a"], "oo", "d", "x")],
            &before,
            Some(&before),
        );
        check(
            &[with(Replace, &["a"], "(f).*", "x_$1", "v")],
            &[("a", "foo")],
            Some(&[("a", "foo"), ("x_f", "v")]),
        );
        check(
            &[with(Replace, &["a"], "f|o", "d", "x")],
            &[("a", "fo")],
            Some(&[("a", "fo")]),
        );
    }

    #[test]
    fn an_empty_replacement_removes_and_an_empty_target_does_nothing() {
        use Action::Replace;
        check(
            &[with(Replace, &["a"], ".*", "b", "")],
            &[("a", "1"), ("b", "2")],
            Some(&[("a", "1")]),
        );
        check(
            &[with(Replace, &["a"], "x(y?)", "$1", "z")],
            &[("a", "x")],
            Some(&[("a", "x")]),
        );
        check(
            &[with(Replace, &[], "(.*)", "new", "v")],
            &[],
            Some(&[("new", "v")]),
        );
    }

    #[test]
    fn keep_and_drop_match_whole_values() {
        let before = [("a", "foo"), ("b", "bar")];
        check(
            &[with(Action::Drop, &["a"], "fo", "", "$1")],
            &before,
            Some(&before),
        );
        check(
            &[with(Action::Drop, &["a"], "fo+", "", "$1")],
            &before,
            None,
        );
        check(&[with(Action::Keep, &["a"], "fo", "", "$1")], &before, None);
        check(
            &[with(Action::Keep, &["a", "b"], "foo;bar", "", "$1")],
            &before,
            Some(&before),
        );
        check(
            &[with(Action::Keep, &["none"], "", "", "$1")],
            &before,
            Some(&before),
        );
    }

    #[test]
    fn equality_compares_source_and_target() {
        let before = [("port", "80"), ("want", "80"), ("other", "81")];
        check(
            &[with(Action::KeepEqual, &["port"], "(.*)", "want", "$1")],
            &before,
            Some(&before),
        );
        check(
            &[with(Action::KeepEqual, &["port"], "(.*)", "other", "$1")],
            &before,
            None,
        );
        check(
            &[with(Action::DropEqual, &["port"], "(.*)", "want", "$1")],
            &before,
            None,
        );
        check(
            &[with(Action::DropEqual, &["port"], "(.*)", "other", "$1")],
            &before,
            Some(&before),
        );
    }

    #[test]
    fn hashmod_agrees_with_md5_of_other_servers() {
        // Expected values come from `md5sum`.
        let mut hashmod = with(Action::HashMod, &["c"], "(.*)", "d", "$1");
        hashmod.modulus = 1000;
        check(
            &[hashmod],
            &[("c", "baz")],
            Some(&[("c", "baz"), ("d", "976")]),
        );
        assert_eq!(hash("bar"), 0x5b56_f652_4f2d_51f2);
    }

    #[test]
    fn labels_are_mapped_dropped_and_kept_by_name() {
        let before = [("a", "foo"), ("b1", "bar"), ("b2", "baz")];
        check(
            &[with(Action::LabelMap, &[], "(b.*)", "", "bar_${1}")],
            &before,
            Some(&[
                ("a", "foo"),
                ("b1", "bar"),
                ("b2", "baz"),
                ("bar_b1", "bar"),
                ("bar_b2", "baz"),
            ]),
        );
        check(
            &[with(Action::LabelMap, &[], "b1", "", "a")],
            &before,
            Some(&[("a", "bar"), ("b1", "bar"), ("b2", "baz")]),
        );
        check(
            &[with(Action::LabelDrop, &[], "b.", "", "$1")],
            &before,
            Some(&[("a", "foo")]),
        );
        check(
            &[with(Action::LabelKeep, &[], "b.", "", "$1")],
            &before,
            Some(&[("b1", "bar"), ("b2", "baz")]),
        );
    }

    #[test]
    fn case_is_changed() {
        let lower = with(Action::Lowercase, &["foo"], "(.*)", "foo_lower", "$1");
        let upper = with(Action::Uppercase, &["foo"], "(.*)", "foo_upper", "$1");
        check(
            &[lower, upper],
            &[("foo", "bAr123Foo")],
            Some(&[
                ("foo", "bAr123Foo"),
                ("foo_lower", "bar123foo"),
                ("foo_upper", "BAR123FOO"),
            ]),
        );
    }
}
