//! `check config`, `check rules`, `check notifications`: what is wrong with files, without a server.

use std::fmt::Display;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bellwether_config::{
    CheckOptions, FILES_MAX, RuleLints, RuleOptions, check, check_notifications, check_rules,
    check_rules_text, check_syntax,
};
use bellwether_promql::Features;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::arguments::Output;

/// Files to check.
#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// Check a configuration file and what it names.
    Config {
        /// The file.
        file: PathBuf,
        /// Check the file alone, not those it names: for configurations of other machines.
        #[arg(long)]
        syntax_only: bool,
        #[command(flatten)]
        language: Language,
        /// How to print the answer.
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Check rule files.
    Rules(CheckRules),
    /// Check an alertmanager.yml and the templates that it names.
    Notifications {
        /// The file.
        file: PathBuf,
        /// How to print the answer.
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
}

/// Which PromQL is taken.
#[derive(Debug, Args)]
pub(crate) struct Language {
    /// Features of PromQL that queries may use, as for serve.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    enable_feature: Vec<String>,
}

impl Language {
    /// The features.
    pub(crate) fn features(&self) -> Features {
        let names: Vec<&str> = self.enable_feature.iter().map(String::as_str).collect();
        Features::from_names(&names)
    }
}

/// Flags of `check rules`.
#[derive(Debug, Args)]
pub(crate) struct CheckRules {
    /// Files, and folders whose *.yml, *.yaml and *.rules are meant; standard input if none is given.
    files: Vec<PathBuf>,
    /// What to look for beyond what must be right.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "duplicate-rules"
    )]
    lint: Vec<Lint>,
    /// Exit with code 3 where a lint found something.
    #[arg(long)]
    lint_fatal: bool,
    /// Take keys that no rule has. A server refuses them.
    #[arg(long, alias = "rules.ignore-unknown-fields")]
    ignore_unknown_fields: bool,
    #[command(flatten)]
    language: Language,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// What can be looked for in rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lint {
    /// All of it.
    All,
    /// Rules that are there twice.
    DuplicateRules,
    /// Alerts that name no runbook.
    MissingRunbook,
    /// Nothing.
    None,
}

/// Code of an exit because of lints, as promtool has it.
const LINT: u8 = 3;

/// Checks; exit code 1 where something must be mended.
pub(crate) fn run(command: &Check) -> Result<ExitCode> {
    match command {
        Check::Config {
            file,
            syntax_only,
            language,
            output,
        } => {
            exists(file)?;
            let options = CheckOptions {
                features: language.features(),
                ..CheckOptions::default()
            };
            let report = if *syntax_only {
                check_syntax(file, &options)
            } else {
                check(file, &options)
            };
            print(&report, || report.to_json(), *output)?;
            Ok(code(report.is_ok()))
        }
        Check::Rules(flags) => rules(flags),
        Check::Notifications { file, output } => {
            exists(file)?;
            let report = check_notifications(file);
            print(&report, || report.to_json(), *output)?;
            Ok(code(report.is_ok()))
        }
    }
}

fn rules(flags: &CheckRules) -> Result<ExitCode> {
    let has = |lint: Lint| flags.lint.contains(&lint) || flags.lint.contains(&Lint::All);
    let lints = RuleLints {
        duplicate_rules: has(Lint::DuplicateRules),
        missing_runbook: has(Lint::MissingRunbook),
    };
    let options = RuleOptions {
        features: flags.language.features(),
        ignore_unknown_keys: flags.ignore_unknown_fields,
        ..RuleOptions::default()
    };
    let is_input = flags.files.is_empty() || flags.files == [Path::new("-")];
    let report = if is_input {
        let text = standard_input()?;
        check_rules_text(&text, Path::new("standard input"), &options, lints)
    } else {
        check_rules(&rule_files(&flags.files)?, &options, lints)
    };
    print(&report, || report.to_json(), flags.output)?;
    if report.is_ok() && flags.lint_fatal && !report.lints.is_empty() {
        return Ok(ExitCode::from(LINT));
    }
    Ok(code(report.is_ok()))
}

fn standard_input() -> Result<String> {
    let limit = bellwether_config::yaml::SOURCE_BYTES_MAX as u64;
    let mut text = String::new();
    std::io::stdin()
        .lock()
        // One more than is taken, so that a longer text is refused rather than cut.
        .take(limit + 1)
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(text)
}

/// The files themselves, and those in the folders, in order.
fn rule_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            add_folder(path, &mut files)?;
            if files.len() == before {
                bail!("{}: holds no *.yml, *.yaml or *.rules", path.display());
            }
        } else {
            exists(path)?;
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn add_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let listed = std::fs::read_dir(folder)
        .and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>())
        .with_context(|| format!("cannot list {}", folder.display()))?;
    let mut entries: Vec<(PathBuf, bool)> = Vec::new();
    for entry in listed {
        // A link to a folder may lead back to one above it: it is not followed.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entries.push((entry.path(), is_folder));
    }
    entries.sort();
    for (path, is_folder) in entries {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if is_folder {
            add_folder(&path, files)?;
        } else if matches!(extension, Some("yml" | "yaml" | "rules")) && path.is_file() {
            if files.len() == FILES_MAX {
                bail!("{}: more than {FILES_MAX} files", folder.display());
            }
            files.push(path);
        }
    }
    Ok(())
}

fn exists(file: &Path) -> Result<()> {
    if !file.is_file() {
        bail!("{}: there is no such file", file.display());
    }
    Ok(())
}

fn print(report: &impl Display, json: impl FnOnce() -> Value, output: Output) -> Result<()> {
    match output {
        Output::Text => println!("{}", report.to_string().trim_end()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&json())?),
    }
    Ok(())
}

fn code(is_ok: bool) -> ExitCode {
    if is_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_folders_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("b/c")).unwrap();
        std::fs::create_dir(path("empty")).unwrap();
        for name in ["z.yml", "a.rules", "b/c/x.yaml", "b/readme.md"] {
            std::fs::write(path(name), "").unwrap();
        }
        let found = rule_files(&[path("b/readme.md"), folder.path().to_path_buf()]).unwrap();
        let want = ["b/readme.md", "a.rules", "b/c/x.yaml", "z.yml"].map(path);
        assert_eq!(found, want);
        for (name, want) in [
            ("empty", "holds no *.yml"),
            ("none.yml", "there is no such file"),
        ] {
            let error = rule_files(&[path(name)]).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
