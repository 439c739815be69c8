//! `conformance --configs DIR`: `bellwether check config` on configurations that other projects use.
//!
//! ## Model
//! Every file below the folder that is named `prometheus*.yml`, or has `scrape_configs` at its top,
//! is checked for what stands in it; the files that it names belong to other machines. A file named
//! `*.bad.yml` is a test of upstream and must be refused, for itself or for a file it names. What
//! has no section of Prometheus at its top (a manifest of Kubernetes, say) and what is a template
//! (`{{`) is passed over and shown.
//!
//! Where `promtool` is installed, what it says is shown beside each file. A configuration that it
//! refuses, too, may be refused: some projects keep two jobs of one name, or a dialect. What it
//! refuses and we accept is no failure, since it may be older than the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Sections at the top of a configuration of Prometheus.
const SECTIONS: [&str; 12] = [
    "global",
    "scrape_configs",
    "scrape_config_files",
    "rule_files",
    "alerting",
    "remote_write",
    "remote_read",
    "storage",
    "tracing",
    "otlp",
    "runtime",
    "native_histograms",
];
/// Folders that hold no configurations and very many files.
const PASSED_OVER: [&str; 3] = [".git", "node_modules", "target"];

/// What a file is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Must be accepted.
    Good,
    /// Must be refused, as its name says.
    Bad,
    /// Named like a configuration, and none.
    Other,
}

/// Checks all configurations below `folder` with `binary`.
pub(crate) fn run(folder: &Path, binary: &Path) -> Result<()> {
    let mut files = Vec::new();
    for path in yaml_files(folder)? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(kind) = kind(&name, &String::from_utf8_lossy(&bytes)) {
            files.push((path, kind));
        }
    }
    if files.is_empty() {
        bail!("{}: no configuration below it", folder.display());
    }
    let has_promtool = Command::new("promtool")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let (mut wrong, mut checked) = (0, 0);
    for (path, kind) in &files {
        let shown = path.strip_prefix(folder).unwrap_or(path).display();
        if *kind == Kind::Other {
            println!("no config            {shown}");
            continue;
        }
        checked += 1;
        let mut command = Command::new(binary);
        command.args(["check", "config"]).arg(path);
        if *kind == Kind::Good {
            command.arg("--syntax-only");
        }
        let output = command
            .output()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let accepted = output.status.success();
        let promtool = has_promtool.then(|| promtool_accepts(path, *kind));
        let is_right = match kind {
            Kind::Bad => !accepted,
            _ => accepted || promtool == Some(false),
        };
        wrong += usize::from(!is_right);
        let word = match (accepted, is_right) {
            (true, true) => "accepted",
            (true, false) => "ACCEPTED",
            (false, true) => "refused",
            (false, false) => "REFUSED",
        };
        let promtool = match promtool {
            None => "",
            Some(other) if other == accepted => "agrees",
            Some(true) => "accepts",
            Some(false) => "refuses",
        };
        println!("{word:<9} {promtool:<10} {shown}");
        if *kind == Kind::Good && !accepted {
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = text.lines().filter(|line| line.starts_with("error: "));
            errors.for_each(|line| println!("          {line}"));
        }
    }
    println!("{checked} configurations, {wrong} not as they should be");
    if has_promtool {
        println!("second column: what promtool says, which may be older than the file");
    }
    if wrong > 0 {
        bail!("{wrong} of {checked} configurations are not as they should be");
    }
    Ok(())
}

fn promtool_accepts(path: &Path, kind: Kind) -> bool {
    let mut command = Command::new("promtool");
    command.args(["check", "config"]).arg(path);
    if kind == Kind::Good {
        command.arg("--syntax-only");
    }
    command.output().is_ok_and(|output| output.status.success())
}

/// The YAML files below a folder, in order.
pub(crate) fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Links are not followed: they may lead outside or round in circles.
        let file_type = entry.file_type()?;
        if file_type.is_dir() && !PASSED_OVER.contains(&name.as_str()) {
            collect(&entry.path(), files)?;
        }
        let is_yaml = [".yml", ".yaml"]
            .iter()
            .any(|ending| name.ends_with(ending));
        if file_type.is_file() && is_yaml {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// What a YAML file is; nothing where it is not named like a configuration and does not scrape.
fn kind(name: &str, text: &str) -> Option<Kind> {
    let stem = name
        .strip_suffix(".yml")
        .or_else(|| name.strip_suffix(".yaml"))?;
    let has = |section: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix(section))
            .any(|rest| rest.trim_start().starts_with(':'))
    };
    if !stem.starts_with("prometheus") && !has("scrape_configs") {
        return None;
    }
    let is_config =
        SECTIONS.iter().any(|section| has(section)) && !has("apiVersion") && !text.contains("{{");
    Some(match is_config {
        false => Kind::Other,
        true if stem.ends_with(".bad") => Kind::Bad,
        true => Kind::Good,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_told_by_name_and_sections() {
        let scrape = "# a comment\nscrape_configs:\n- job_name: a\n";
        let cases = [
            ("prometheus.yml", "global: {}\n", Some(Kind::Good)),
            ("prometheus-prod.yaml", scrape, Some(Kind::Good)),
            ("scrape.yml", scrape, Some(Kind::Good)),
            ("labels.bad.yml", scrape, Some(Kind::Bad)),
            (
                "prometheus.yml",
                "apiVersion: v1\nglobal: {}\n",
                Some(Kind::Other),
            ),
            ("prometheus-rules.yml", "groups: []\n", Some(Kind::Other)),
            (
                "jobs.yml",
                "scrape_configs: {{ .Values.jobs }}\n",
                Some(Kind::Other),
            ),
            ("values.yml", "x:\n  scrape_configs: []\n", None),
            ("prometheus.json", scrape, None),
        ];
        for (name, text, want) in cases {
            assert_eq!(kind(name, text), want, "{name}");
        }
    }

    #[test]
    fn folders_are_searched_but_not_those_of_tools() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "scrape_configs: []\n").unwrap();
        };
        write("a/b/x.yml");
        write("node_modules/y.yml");
        write("a/readme.md");
        let files = yaml_files(folder.path()).unwrap();
        assert_eq!(files, [folder.path().join("a/b/x.yml")]);
    }
}
