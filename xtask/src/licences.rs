//! Licences and sources of everything that we build with, against the list in `deny.toml`.
//!
//! ## Invariants
//! Each dependency has a licence that the list allows, and comes from crates.io.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One line a dependency that breaks a rule.
pub(crate) fn findings(root: &Path) -> Result<Vec<String>> {
    let policy = std::fs::read_to_string(root.join("deny.toml")).context("read deny.toml")?;
    let allowed = allowed_licences(&policy)?;
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--locked"])
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
    let mut findings = Vec::new();
    for package in packages {
        let Some(source) = package["source"].as_str() else {
            continue;
        };
        let name = format!(
            "{} {}",
            package["name"].as_str().unwrap_or_default(),
            package["version"].as_str().unwrap_or_default()
        );
        if source != "registry+https://github.com/rust-lang/crates.io-index" {
            findings.push(format!("{name} comes from {source}, not from crates.io"));
        }
        let licence = package["license"].as_str().unwrap_or("");
        if !is_allowed(licence, &allowed) {
            findings.push(format!(
                "{name} has the licence {licence:?}, which deny.toml does not allow"
            ));
        }
    }
    Ok(findings)
}

/// The strings of `allow = […]` under `[licenses]`.
fn allowed_licences(policy: &str) -> Result<Vec<&str>> {
    let section = policy
        .split("[licenses]")
        .nth(1)
        .context("deny.toml has no [licenses]")?;
    let list = section
        .split("allow = [")
        .nth(1)
        .context("deny.toml has no allow list")?;
    let list = list.split(']').next().unwrap_or_default();
    Ok(list.split('"').skip(1).step_by(2).collect())
}

/// Whether an SPDX expression can be satisfied: all parts of an `AND`, any part of an `OR`. `OR`
/// binds weaker; brackets stand only around alternatives in practice, and the old `/` means `OR`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some((before, rest)) = expression.split_once('(')
        && let Some((inner, after)) = rest.split_once(')')
    {
        let inner_allowed = is_allowed(inner, allowed);
        let outer = [
            before.trim().trim_end_matches("AND"),
            after.trim().trim_start_matches("AND"),
        ];
        let outer_allowed = outer
            .iter()
            .all(|part| part.trim().is_empty() || is_allowed(part.trim(), allowed));
        return inner_allowed && outer_allowed;
    }
    expression.split(" OR ").any(|choice| {
        choice
            .split(" AND ")
            .all(|licence| allowed.contains(&licence.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_understood() {
        let policy = "[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\",\n]\n";
        let allowed = allowed_licences(policy).unwrap();
        assert_eq!(allowed, ["MIT", "ISC"]);
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "MIT AND ISC",
            "(MIT OR GPL-3.0) AND ISC",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0"] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }
}
