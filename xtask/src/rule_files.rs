//! `conformance --rules DIR`: `bellwether check rules` on rule files that other projects publish.
//!
//! ## Model
//! Every YAML file below the folder that has `groups` at its top, or is a manifest of the kind
//! `PrometheusRule`, is checked by our binary and by `promtool`, which gets the groups of a manifest
//! without what stands around them. Both must say the same, and find the same number of rules. A file
//! named `*.bad.yml` must be refused. Templates of charts (a line that begins with `{{`) are passed
//! over and shown.
//!
//! A difference is no failure where its reason is known: [`NEWER`] says by what words of an older
//! `promtool` we know it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::configs::yaml_files;

/// Words of a `promtool` that refuses what later ones take, and what it does not know yet.
const NEWER: &[(&str, &str)] = &[
    ("invalid annotation name", "names in UTF-8, since 3.0"),
    ("invalid label name", "names in UTF-8, since 3.0"),
    ("invalid recording rule name", "names in UTF-8, since 3.0"),
    (
        "unknown function with name",
        "a function of a later version",
    ),
    ("unexpected character: '{'", "names in UTF-8, since 3.0"),
    (
        "field labels not found in type rulefmt.RuleGroup",
        "labels of groups, since 3.0",
    ),
    ("field query_offset not found", "query_offset, since 2.53"),
];

/// What one program says of a file.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Taken, with so many rules.
    Accepted(u64),
    /// Refused, for these reasons.
    Refused(String),
}

impl Verdict {
    fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// What a file is to us.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Groups, or a manifest of Kubernetes; with what `promtool` is to read.
    Rules { for_promtool: String },
    /// What makes such a file, or something else that looks like one.
    Template,
}

/// How two verdicts on a file compare.
#[derive(Debug, PartialEq, Eq)]
enum Comparison {
    Same,
    /// They differ, for a reason that is known.
    Explained(&'static str),
    Wrong(String),
}

/// Sums of one folder.
#[derive(Debug, Default)]
struct Sums {
    file_count: u64,
    rule_count: u64,
    refused_count: u64,
    promtool_refused_count: u64,
    wrong_count: u64,
}

/// Checks all rule files below `folder` with `binary`.
pub(crate) fn run(folder: &Path, binary: &Path) -> Result<()> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for path in yaml_files(folder)? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let shown = relative.display();
        let for_promtool = match kind(&String::from_utf8_lossy(&bytes)) {
            None => continue,
            Some(Kind::Template) => {
                println!("template             {shown}");
                continue;
            }
            Some(Kind::Rules { for_promtool }) => for_promtool,
        };
        let ours = our_verdict(binary, &path)?;
        let theirs = promtool_verdict(&for_promtool)?;
        let comparison = compare(&ours, &theirs, is_bad(relative));
        let collection = relative
            .components()
            .next()
            .map_or_else(String::new, |part| {
                part.as_os_str().to_string_lossy().into_owned()
            });
        let sum = sums.entry(collection).or_default();
        sum.file_count += 1;
        sum.refused_count += u64::from(!ours.is_accepted());
        sum.promtool_refused_count += u64::from(!theirs.is_accepted());
        if let Verdict::Accepted(count) = ours {
            sum.rule_count += count;
        }
        let word = if ours.is_accepted() {
            "accepted"
        } else {
            "refused"
        };
        match comparison {
            Comparison::Same => println!("{word:<9} {:<10} {shown}", "agrees"),
            Comparison::Explained(why) => println!("{word:<9} {:<10} {shown}: {why}", "explained"),
            Comparison::Wrong(what) => {
                sum.wrong_count += 1;
                println!(
                    "{:<9} {:<10} {shown}: {what}",
                    word.to_uppercase(),
                    "DIFFERS"
                );
            }
        }
    }
    summed_up(folder, &sums)
}

fn summed_up(folder: &Path, sums: &BTreeMap<String, Sums>) -> Result<()> {
    if sums.is_empty() {
        bail!("{}: no rule file below it", folder.display());
    }
    println!("second column: whether promtool agrees, which may be older than the file");
    for (collection, sum) in sums {
        println!(
            "{collection}: {} files, {} rules; refused here {}, by promtool {}; not explained {}",
            sum.file_count,
            sum.rule_count,
            sum.refused_count,
            sum.promtool_refused_count,
            sum.wrong_count
        );
    }
    match sums.values().map(|sum| sum.wrong_count).sum::<u64>() {
        0 => Ok(()),
        wrong => bail!("{wrong} rule files are not as they should be"),
    }
}

fn compare(ours: &Verdict, theirs: &Verdict, is_bad: bool) -> Comparison {
    let reason = match theirs {
        Verdict::Refused(why) => NEWER.iter().find(|(words, _)| why.contains(words)),
        Verdict::Accepted(_) => None,
    };
    match (ours, theirs) {
        (Verdict::Refused(_), _) if is_bad => Comparison::Same,
        (Verdict::Refused(_), Verdict::Refused(_)) => Comparison::Same,
        (Verdict::Refused(why), Verdict::Accepted(_)) => {
            Comparison::Wrong(format!("promtool accepts it; here:\n{why}"))
        }
        (Verdict::Accepted(_), Verdict::Refused(why)) => match reason {
            Some((_, reason)) => Comparison::Explained(reason),
            None => Comparison::Wrong(format!("promtool refuses it:\n{why}")),
        },
        (Verdict::Accepted(_), Verdict::Accepted(_)) if is_bad => {
            Comparison::Wrong("accepted, though it is named a bad file".to_owned())
        }
        (Verdict::Accepted(ours), Verdict::Accepted(theirs)) if ours != theirs => {
            Comparison::Wrong(format!("{ours} rules here, {theirs} in promtool"))
        }
        (Verdict::Accepted(_), Verdict::Accepted(_)) => Comparison::Same,
    }
}

fn our_verdict(binary: &Path, file: &Path) -> Result<Verdict> {
    let output = Command::new(binary)
        .args(["check", "rules", "--output", "json"])
        .arg(file)
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{} on {}: {said}", binary.display(), file.display())
    })?;
    if output.status.success() {
        let count = report["rules"].as_u64();
        return Ok(Verdict::Accepted(
            count.context("the report counts no rules")?,
        ));
    }
    let errors = report["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("          {error}"))
        .collect();
    Ok(Verdict::Refused(lines.join("\n")))
}

fn promtool_verdict(text: &str) -> Result<Verdict> {
    let mut file = tempfile::Builder::new().suffix(".yml").tempfile()?;
    file.write_all(text.as_bytes())?;
    let output = Command::new("promtool")
        .args(["check", "rules", "--lint=none"])
        .arg(file.path())
        .output()
        .context("cannot run promtool, which is in Debian's package prometheus")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<String> = errors
            .lines()
            .map(|line| format!("          {line}"))
            .collect();
        return Ok(Verdict::Refused(lines.join("\n")));
    }
    let count = said
        .split_once("SUCCESS: ")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    Ok(Verdict::Accepted(
        count.context("promtool counts no rules")?,
    ))
}

fn is_bad(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.ends_with(".bad")
}

/// What a YAML file is; nothing where it has no groups of rules.
fn kind(text: &str) -> Option<Kind> {
    let has = |key: &str| {
        text.lines()
            .map(|line| line.trim_matches('"'))
            .filter_map(|line| line.strip_prefix(key))
            .any(|rest| rest.trim_start_matches('"').starts_with(':'))
    };
    let is_rule = text
        .lines()
        .any(|line| line.trim_end() == "kind: PrometheusRule");
    if !is_rule && !has("groups") {
        return None;
    }
    if text.lines().any(|line| line.starts_with("{{")) {
        return Some(Kind::Template);
    }
    let for_promtool = if is_rule {
        groups_of_manifests(text)
    } else {
        text.to_owned()
    };
    Some(Kind::Rules { for_promtool })
}

/// The lists below `groups` in the `spec` of manifests, as they are written by generators: by
/// indentation, since reading them as we do would compare us with ourselves.
fn groups_of_manifests(text: &str) -> String {
    let mut out = "groups:\n".to_owned();
    let (mut is_rule, mut is_spec, mut is_groups) = (false, false, false);
    for line in text.lines() {
        let is_top = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-');
        if line.starts_with("---") {
            is_rule = false;
        }
        is_rule |= line.trim_end() == "kind: PrometheusRule";
        if is_top {
            is_spec = is_rule && line.trim_end() == "spec:";
            is_groups = false;
        } else if is_spec && line.trim() == "groups:" {
            is_groups = true;
        } else if is_groups && !line.trim_start().starts_with("partial_response_strategy:") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_files_are_told_by_their_text() {
        let plain = "# a comment\ngroups:\n- name: a\n";
        let manifest = "apiVersion: v1\nkind: PrometheusRule\nspec:\n  groups:\n  - name: a\n    partial_response_strategy: warn\n    rules: []\nstatus: {}\n---\nkind: Service\nspec:\n  groups:\n  - x\n";
        let cases = [
            (plain, Some(plain)),
            ("\"groups\":\n- a\n", Some("\"groups\":\n- a\n")),
            (manifest, Some("groups:\n  - name: a\n    rules: []\n")),
            ("rule_files: [x]\ntests: []\n", None),
        ];
        for (text, want) in cases {
            let want = want.map(|text| Kind::Rules {
                for_promtool: text.to_owned(),
            });
            assert_eq!(kind(text), want, "{text}");
        }
        assert_eq!(kind("{{- if .x }}\ngroups: []\n"), Some(Kind::Template));
    }

    #[test]
    fn differences_need_a_reason() {
        let accepted = Verdict::Accepted;
        let refused = |why: &str| Verdict::Refused(why.to_owned());
        assert_eq!(compare(&accepted(3), &accepted(3), false), Comparison::Same);
        assert_eq!(
            compare(&refused("a"), &refused("b"), false),
            Comparison::Same
        );
        assert_eq!(compare(&refused("a"), &accepted(1), true), Comparison::Same);
        let older = refused("… field query_offset not found in type …");
        assert_eq!(
            compare(&accepted(1), &older, false),
            Comparison::Explained("query_offset, since 2.53")
        );
        for (ours, theirs, is_bad) in [
            (accepted(3), accepted(4), false),
            (accepted(3), refused("for no reason"), false),
            (refused("a"), accepted(3), false),
            (accepted(3), refused("a"), true),
            (accepted(3), accepted(3), true),
        ] {
            let comparison = compare(&ours, &theirs, is_bad);
            assert!(matches!(comparison, Comparison::Wrong(_)), "{comparison:?}");
        }
    }
}
