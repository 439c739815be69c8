//! Upstream's own unit tests of rules, run by our binary from a checkout that is not ours.
//!
//! ## Model
//! The table is that of upstream's tests of `promtool test rules`: a file, flags, and whether it
//! passes. Files that pass upstream with a feature of the language that is always on here are in it
//! once. Of each passing file with a value to change, a mutant is run, too, which has to fail; so is
//! the example of upstream's documentation.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Files of `cmd/promtool/testdata`, flags, and whether they pass.
const TABLE: &[(&str, &[&str], bool)] = &[
    ("unittest.yml", &[], true),
    ("long-period.yml", &[], true),
    ("bad-input-series.yml", &[], false),
    ("bad-promql.yml", &[], false),
    ("bad-rules-syntax-test.yml", &[], false),
    ("bad-rules-error-test.yml", &[], false),
    ("failing.yml", &[], false),
    ("at-modifier-test.yml", &[], true),
    ("negative-offset-test.yml", &[], true),
    ("no-test-group-interval.yml", &[], true),
    ("start-time-test.yml", &[], true),
    ("rules_run.yml", &[], false),
    (
        "rules_run.yml",
        &["--run", "correct", "--run", "wrong"],
        false,
    ),
    ("rules_run.yml", &["--run", "correct"], true),
    ("rules_run.yml", &["--run", "wrong"], false),
    (
        "rules_run_extrafields.yml",
        &["--ignore-unknown-fields"],
        true,
    ),
    ("rules_run_no_fuzzy.yml", &[], false),
    ("rules_run_fuzzy.yml", &["--run", "correct"], true),
    ("rules_run_fuzzy.yml", &["--run", "wrong"], false),
];

/// Passing files, a text in them, and what makes another test of it.
const MUTANTS: &[(&str, &str, &str)] = &[
    ("unittest.yml", "value: 60", "value: 61"),
    ("unittest.yml", "count:4 sum:5.6", "count:4 sum:5.7"),
    ("unittest.yml", "severity: page", "severity: mail"),
    ("long-period.yml", "value: 9218880000", "value: 9218880001"),
    (
        "no-test-group-interval.yml",
        "eval_time: 59s",
        "eval_time: 1m",
    ),
    (
        "start-time-test.yml",
        "value: 1704067500",
        "value: 1704067501",
    ),
];

/// Runs all of it.
pub(crate) fn run(upstream: &Path, binary: &Path) -> Result<()> {
    let folder = upstream.join("cmd/promtool/testdata");
    let mut wrong = Vec::new();
    for (file, flags, passes) in TABLE {
        if passed(binary, &folder.join(file), flags)? != *passes {
            wrong.push(format!("{file} {flags:?}: want passed = {passes}"));
        }
    }
    for (file, old, new) in MUTANTS {
        let source = read(&folder.join(file))?;
        if !source.contains(old) {
            bail!("{file} has no {old:?} any more: choose another mutant");
        }
        // Beside the others, which it names.
        let scratch = copy_of(&folder)?;
        let mutant = scratch.path().join(file);
        std::fs::write(&mutant, source.replacen(old, new, 1))?;
        if passed(binary, &mutant, &[])? {
            wrong.push(format!("{file} passes with {new:?} for {old:?}"));
        }
    }
    wrong.extend(example(upstream, binary)?);
    if !wrong.is_empty() {
        bail!("unit tests of rules:\n{}", wrong.join("\n"));
    }
    let count = TABLE.len() + MUTANTS.len() + 2;
    println!("{count} verdicts on unit tests of rules are those of upstream");
    Ok(())
}

/// The example of the documentation: as it stands, and with one value changed.
fn example(upstream: &Path, binary: &Path) -> Result<Option<String>> {
    let page = read(&upstream.join("docs/configuration/unit_testing_rules.md"))?;
    let block = |title: &str| {
        let after = page.split(title).nth(1)?;
        let block = after.split("```yaml\n").nth(1)?;
        block.split("```").next().map(str::to_owned)
    };
    let (Some(tests), Some(rules)) = (block("### `test.yml`"), block("### `alerts.yml`")) else {
        bail!("unit_testing_rules.md has no example any more");
    };
    let scratch = tempfile::tempdir()?;
    std::fs::write(scratch.path().join("alerts.yml"), rules)?;
    let file = scratch.path().join("test.yml");
    std::fs::write(&file, &tests)?;
    if !passed(binary, &file, &[])? {
        return Ok(Some("the example of the documentation fails".to_owned()));
    }
    std::fs::write(&file, tests.replace("value: 50", "value: 51"))?;
    let mutant_passes = passed(binary, &file, &[])?;
    Ok(mutant_passes.then(|| "a mutant of the documentation's example passes".to_owned()))
}

/// A copy of the YAML files of a folder.
fn copy_of(folder: &Path) -> Result<tempfile::TempDir> {
    let scratch = tempfile::tempdir()?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|e| e == "yml"))
        {
            std::fs::copy(&path, scratch.path().join(name))?;
        }
    }
    Ok(scratch)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn passed(binary: &Path, file: &Path, flags: &[&str]) -> Result<bool> {
    let status = Command::new(binary)
        .args(["test", "rules"])
        .arg(file)
        .args(flags)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        other => bail!(
            "{} on {}: exit code {other:?}",
            binary.display(),
            file.display()
        ),
    }
}
