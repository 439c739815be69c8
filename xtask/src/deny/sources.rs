//! Where packages come from.

use super::Package;
use super::policy::{Level, Policy};

pub(super) fn findings(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let refused = |package: &&Package| match &package.source {
        // A folder that is no member of the workspace is in no checkout but one.
        None => !package.is_ours,
        Some(source) => {
            if let Some(git) = source.strip_prefix("git+") {
                // The commit and the branch stand behind the address.
                let address = git.split(['?', '#']).next().unwrap_or(git);
                policy.unknown_git == Level::Deny && !policy.gits.iter().any(|g| g == address)
            } else {
                let address = source
                    .strip_prefix("registry+")
                    .or_else(|| source.strip_prefix("sparse+"))
                    .unwrap_or(source);
                policy.unknown_registry == Level::Deny
                    && !policy.registries.iter().any(|r| r == address)
            }
        }
    };
    packages
        .iter()
        .filter(refused)
        .map(|package| {
            format!(
                "{} comes from {}, which deny.toml does not allow",
                package.title(),
                package
                    .source
                    .as_deref()
                    .unwrap_or("a folder outside of the workspace")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::{BANS, policy};
    use super::*;

    #[test]
    fn only_known_sources_are_taken() {
        let mut policy = policy(BANS);
        let mut check = |source: Option<&str>, is_ours: bool, is_refused: bool| {
            let package = Package {
                name: "a".to_owned(),
                version: "1.0.0".to_owned(),
                source: source.map(str::to_owned),
                is_ours,
                ..Package::default()
            };
            let found = findings(&policy, &[package]);
            assert_eq!(!found.is_empty(), is_refused, "{source:?}: {found:?}");
            policy.gits = vec!["https://example.org/a".to_owned()];
        };
        let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
        check(Some(crates_io), false, false);
        check(Some("registry+https://example.org/index"), false, true);
        check(Some("sparse+https://example.org/index"), false, true);
        check(Some("git+https://example.org/b#0123"), false, true);
        check(
            Some("git+https://example.org/a?branch=x#0123"),
            false,
            false,
        );
        check(None, true, false);
        check(None, false, true);
    }
}
