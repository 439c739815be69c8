//! What we build with, against `deny.toml`: licences, sources, versions, banned crates.
//!
//! ## Model
//! `deny.toml` is written for cargo-deny and is the one source of these rules. The gate must run on a
//! bare machine, so that what can be told from `cargo metadata` is checked here. Each part checks
//! one section: [`licences`], [`bans`], [`sources`]. `[advisories]`, vulnerabilities and yanked
//! versions, needs a database from the network and is left to `cargo deny check advisories`.
//!
//! ## Invariants
//! A setting that is not followed here is an error, so that nobody relies on it.

mod bans;
mod licences;
mod policy;
mod sources;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use policy::Policy;

/// One line a dependency that breaks a rule.
pub(crate) fn findings(root: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("read deny.toml")?;
    let policy = Policy::read(&text).context("deny.toml")?;
    let metadata = cargo(root, &["metadata", "--format-version=1", "--locked"])?;
    let tree = [
        "tree",
        "--locked",
        "--workspace",
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ];
    let packages = packages(&serde_json::from_str(&metadata)?, &cargo(root, &tree)?)?;
    let mut findings = licences::findings(&policy, &packages);
    findings.extend(bans::findings(&policy, &packages));
    findings.extend(sources::findings(&policy, &packages));
    Ok(findings)
}

/// A package that takes part in a build of ours, on whatever platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    licence: String,
    /// Where it comes from; `None` for a folder.
    source: Option<String>,
    /// Whether it is a member of this workspace.
    is_ours: bool,
    /// Whether it can never be published.
    is_private: bool,
    /// What it asks for: name, requirement, and whether it is a folder.
    requirements: Vec<(String, String, bool)>,
}

impl Package {
    fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// Runs cargo and gives what it prints.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(root)
        .output()
        .with_context(|| format!("cannot run cargo {arguments:?}"))?;
    if !output.status.success() {
        bail!(
            "cargo {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The packages of `cargo metadata` that `cargo tree` has too. The first knows licences and
/// requirements, and also lists optional dependencies that nobody switches on.
fn packages(metadata: &Value, tree: &str) -> Result<Vec<Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members: Vec<String> = list(&metadata["workspace_members"])
        .iter()
        .map(text)
        .collect();
    // `name v1.2.3`, and behind it what kind of package it is.
    let built: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let mut packages = Vec::new();
    for package in list(&metadata["packages"]) {
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        if !built.contains(&(name.as_str(), version.as_str())) {
            continue;
        }
        packages.push(Package {
            name,
            version,
            licence: text(&package["license"]),
            source: package["source"].as_str().map(str::to_owned),
            is_ours: members.contains(&text(&package["id"])),
            is_private: package["publish"].as_array().is_some_and(Vec::is_empty),
            requirements: list(&package["dependencies"])
                .iter()
                .map(|d| (text(&d["name"]), text(&d["req"]), d["path"].is_string()))
                .collect(),
        });
    }
    if packages.len() < built.len() {
        bail!(
            "cargo tree has {} packages, of which cargo metadata knows {}",
            built.len(),
            packages.len()
        );
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_built_counts() {
        let metadata = serde_json::json!({
            "workspace_members": ["ours"],
            "packages": [
                { "id": "ours", "name": "ours", "version": "0.1.0", "source": null, "publish": [],
                  "license": "MIT", "dependencies": [{ "name": "near", "req": "^1", "path": null }] },
                { "id": "near", "name": "near", "version": "1.0.0", "source": "registry+x",
                  "publish": null, "license": null, "dependencies": [] },
                { "id": "optional", "name": "optional", "version": "3.0.0", "source": null,
                  "publish": null, "license": "ISC", "dependencies": [] },
            ],
        });
        let tree = "ours v0.1.0 (/ours)\nnear v1.0.0 (proc-macro)\n\nnear v1.0.0 (*)\n";
        let found = packages(&metadata, tree).unwrap();
        let names: Vec<String> = found.iter().map(Package::title).collect();
        assert_eq!(names, ["ours 0.1.0", "near 1.0.0"]);
        let ours = found.first().unwrap();
        assert!(ours.is_ours && ours.is_private && ours.source.is_none());
        assert_eq!(
            ours.requirements,
            [("near".to_owned(), "^1".to_owned(), false)]
        );
        assert!(packages(&metadata, "far v1.0.0").is_err());
    }
}
