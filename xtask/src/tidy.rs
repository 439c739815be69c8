//! House rules that a machine can check.
//!
//! ## Invariants
//! - Dependencies between our crates point to lower layers only, and only the binary joins an engine
//!   to what queries it.
//! - Relative links in pages lead somewhere.
//! - A line of Rust is not a bare `matches!(…);`, whose answer would be dropped.
//! - Dependencies are as `deny.toml` says: licences, sources, versions, banned crates.
//! - Changelog fragments have one of the known types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The layer of each crate, as in ARCHITECTURE.md. `None`: beside the layers, never a dependency.
const LAYERS: [(&str, Option<u8>); 35] = [
    ("bellwether-model", Some(1)),
    ("bellwether-codec", Some(1)),
    ("bellwether-storage", Some(1)),
    ("bellwether-telemetry", Some(1)),
    ("bellwether-wire", Some(1)),
    ("bellwether-tsdb", Some(2)),
    ("bellwether-journal", Some(2)),
    ("bellwether-events", Some(2)),
    ("bellwether-clickhouse", Some(2)),
    ("bellwether-promql", Some(3)),
    ("bellwether-template", Some(3)),
    ("bellwether-outbound", Some(3)),
    ("bellwether-forecast", Some(3)),
    ("bellwether-slo", Some(3)),
    ("bellwether-scale", Some(3)),
    ("bellwether-health", Some(3)),
    ("bellwether-dashboards", Some(3)),
    ("bellwether-ai", Some(3)),
    ("bellwether-scrape", Some(4)),
    ("bellwether-ingest", Some(4)),
    ("bellwether-forward", Some(4)),
    ("bellwether-host", Some(4)),
    ("bellwether-notify", Some(4)),
    ("bellwether-rules", Some(4)),
    ("bellwether-probe", Some(4)),
    ("bellwether-entities", Some(4)),
    ("bellwether-sdk", Some(4)),
    ("bellwether-config", Some(5)),
    ("bellwether-server", Some(5)),
    ("bellwether-ui", Some(5)),
    ("bellwether-demo", Some(6)),
    ("bellwether", Some(6)),
    ("bellwether-blackbox", None),
    ("bellwether-bench", None),
    ("bellwether-fuzz", None),
];

/// Edges inside one layer that ARCHITECTURE.md allows.
const SAME_LAYER: [(&str, &str); 10] = [
    ("bellwether-dashboards", "bellwether-promql"),
    ("bellwether-promql", "bellwether-forecast"),
    ("bellwether-promql", "bellwether-slo"),
    ("bellwether-storage", "bellwether-model"),
    ("bellwether-codec", "bellwether-model"),
    ("bellwether-wire", "bellwether-codec"),
    ("bellwether-wire", "bellwether-model"),
    ("bellwether-server", "bellwether-config"),
    ("bellwether-server", "bellwether-ui"),
    ("bellwether", "bellwether-demo"),
];

const CHANGE_TYPES: [&str; 6] = [
    "breaking",
    "feature",
    "enhancement",
    "perf",
    "fix",
    "security",
];

/// Checks all rules and reports every violation.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut findings = layer_findings(&dependencies(root)?);
    findings.extend(crate::deny::findings(root)?);
    for file in tracked_files(root)? {
        let path = root.join(&file);
        let name = file.to_string_lossy();
        if name.ends_with(".md") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {name}"))?;
            findings.extend(link_findings(&path, &name, &text));
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {name}"))?;
            findings.extend(rust_findings(&name, &text));
        }
        if let Some(fragment) = name.strip_prefix("changelog.d/") {
            findings.extend(fragment_finding(fragment));
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    bail!(
        "tidy found {}:\n  {}",
        findings.len(),
        findings.join("\n  ")
    )
}

/// The normal dependencies of our crates on one another.
fn dependencies(root: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let mut edges = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        let all = package["dependencies"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let ours = all
            .iter()
            .filter(|d| d["kind"].is_null() && d["path"].is_string())
            .filter_map(|d| d["name"].as_str().map(str::to_owned))
            .collect();
        edges.insert(name.to_owned(), ours);
    }
    Ok(edges)
}

fn layer_findings(edges: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let layers: BTreeMap<&str, Option<u8>> = LAYERS.into_iter().collect();
    let mut findings = Vec::new();
    for (from, targets) in edges.iter().filter(|(from, _)| *from != "xtask") {
        let Some(from_layer) = layers.get(from.as_str()) else {
            findings.push(format!("{from} has no layer in xtask/src/tidy.rs"));
            continue;
        };
        for to in targets {
            let allowed = match (from_layer, layers.get(to.as_str())) {
                (None, Some(Some(_))) => true,
                (Some(from_layer), Some(Some(to_layer))) => {
                    let engine_below_binary = *to_layer == 2 && *from_layer < 6;
                    (to_layer < from_layer && !engine_below_binary)
                        || SAME_LAYER.contains(&(from.as_str(), to.as_str()))
                }
                _ => false,
            };
            if !allowed {
                findings.push(format!(
                    "{from} may not depend on {to}: dependencies point down"
                ));
            }
        }
    }
    findings
}

fn tracked_files(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot run git ls-files")?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(PathBuf::from)
        .filter(|file| root.join(file).is_file())
        .collect())
}

fn link_findings(path: &Path, name: &str, text: &str) -> Vec<String> {
    let folder = path.parent().unwrap_or(path);
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(place) = placeholder(line) {
            findings.push(format!(
                "{name}:{}: {place} was to be filled in",
                number + 1
            ));
        }
        for after in line.split("](").skip(1) {
            let Some((target, _)) = after.split_once(')') else {
                continue;
            };
            let file = target.split('#').next().unwrap_or("");
            let elsewhere = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            if !elsewhere && !folder.join(file).try_exists().unwrap_or(false) {
                findings.push(format!(
                    "{name}:{}: the link to {target} leads nowhere",
                    number + 1
                ));
            }
        }
    }
    findings
}

/// A word such as `EVIDENCE` between two `@`: what stands for a text that is still to come.
fn placeholder(line: &str) -> Option<&str> {
    let line = line.trim();
    let word = line.strip_prefix('@')?.strip_suffix('@')?;
    let is_word = !word.is_empty() && word.bytes().all(|it| it.is_ascii_uppercase());
    is_word.then_some(line)
}

fn rust_findings(name: &str, text: &str) -> Vec<String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            let line = line.trim();
            line.starts_with("matches!(") && line.ends_with(");")
        })
        .map(|(number, _)| format!("{name}:{}: the answer of matches! is dropped", number + 1))
        .collect()
}

fn fragment_finding(fragment: &str) -> Option<String> {
    if fragment == "README.md" {
        return None;
    }
    let mut parts = fragment.rsplit('.');
    let known = parts.next() == Some("md")
        && parts
            .next()
            .is_some_and(|kind| CHANGE_TYPES.contains(&kind))
        && parts.next().is_some();
    (!known).then(|| {
        let types = CHANGE_TYPES.join(", ");
        format!("changelog.d/{fragment}: want <slug>.<type>.md with a type of {types}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str) -> Vec<String> {
        layer_findings(&BTreeMap::from([(from.to_owned(), vec![to.to_owned()])]))
    }

    #[test]
    fn edges_point_down() {
        assert!(edge("bellwether-tsdb", "bellwether-storage").is_empty());
        assert!(edge("bellwether-storage", "bellwether-model").is_empty());
        assert_eq!(edge("bellwether-storage", "bellwether-tsdb").len(), 1);
        assert_eq!(edge("bellwether-promql", "bellwether-tsdb").len(), 1);
        assert_eq!(edge("bellwether-scrape", "bellwether-ingest").len(), 1);
        assert_eq!(edge("bellwether-unknown", "bellwether-model").len(), 1);
    }

    #[test]
    fn rules_find_what_they_are_for() {
        assert_eq!(
            rust_findings("a.rs", "  matches!(a, B);\nlet x = matches!(a, B);").len(),
            1
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there.md"), "").unwrap();
        let page = folder.path().join("page.md");
        let text = "[a](there.md#x) [b](gone.md) [c](https://example.org) [d](#here)";
        assert_eq!(link_findings(&page, "page.md", text).len(), 1);
        assert_eq!(
            link_findings(&page, "page.md", "a\n@EVIDENCE@\n@b@").len(),
            1
        );
        assert!(fragment_finding("x.fix.md").is_none());
        assert!(fragment_finding("x.md").is_some());
    }
}
