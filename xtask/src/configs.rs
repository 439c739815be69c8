//! Public Prometheus configurations, unchanged: `check config` must take those that Prometheus takes.
//!
//! ## Model
//! A configuration that is refused is a failure unless Debian's `promtool check config` refuses it,
//! too: some projects keep files with two jobs of one name, or without the certificates they name.
//!
//! A file is one where its name says so (`prometheus*.yml`) or its text has a top-level
//! `scrape_configs`. Files of rules, of Kubernetes, and templates (`{{`) are none.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{Step, cargo, target_dir};

/// Checks every configuration below a folder and says which are refused.
pub(crate) fn check(folder: &str) -> Result<()> {
    crate::tools::install()?;
    cargo(&["build", "--release", "--package", "bellwether"]).step("release build")?;
    let binary = target_dir()?.join("release/bellwether");
    let mut files = Vec::new();
    collect(Path::new(folder), &mut files).with_context(|| format!("{folder} cannot be read"))?;
    files.sort();
    let mut refused = 0;
    for file in &files {
        let refused_by = |program: &Path| {
            let mut check = Step::new(program);
            !check.args(["check", "config"]).args([file]).succeeds()
        };
        let word = match refused_by(&binary) {
            false => "accepted",
            true if refused_by(Path::new("promtool")) => "refused, by promtool too",
            true => {
                refused += 1;
                "REFUSED"
            }
        };
        println!(
            "{word}: {}",
            file.strip_prefix(folder).unwrap_or(file).display()
        );
    }
    println!("{} passed, {refused} failed", files.len() as u32 - refused);
    if files.is_empty() || refused > 0 {
        bail!("{refused} of {} configurations are refused", files.len());
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() && name != ".git" {
            collect(&path, files)?;
        }
        let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        if kind.is_file() && is_yaml && is_configuration(&std::fs::read(&path)?) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_configuration(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    has("scrape_configs:") && !text.contains("{{") && !has("kind:") && !has("apiVersion:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_told_from_other_files() {
        assert!(is_configuration(
            b"global: {}\nscrape_configs:\n- job_name: a\n"
        ));
        assert!(!is_configuration(b"groups: []\n"));
        assert!(!is_configuration(
            b"kind: ConfigMap\ndata:\n  x: |\n    scrape_configs:\n"
        ));
        assert!(!is_configuration(b"scrape_configs: {{ .Values.jobs }}\n"));
    }
}
