//! Versions side by side, requirements without a bound, and crates that we do not want.

use std::collections::BTreeMap;

use super::Package;
use super::policy::{Level, Policy};

pub(super) fn findings(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let mut findings = banned(policy, packages);
    if policy.multiple_versions == Level::Deny {
        findings.extend(duplicates(policy, packages));
    }
    if policy.wildcards == Level::Deny {
        findings.extend(wildcards(policy, packages));
    }
    findings
}

fn banned(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages {
        let is_meant = |spec: &&super::policy::Spec| spec.matches(&package.name, &package.version);
        if let Some(ban) = policy.deny.iter().find(is_meant) {
            findings.push(format!(
                "{} is banned by deny.toml: {}",
                package.title(),
                ban.reason
            ));
        }
    }
    findings
}

/// Crates of which more than one version is left when those to skip are taken away, and entries to
/// skip that are no longer needed.
fn duplicates(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    let mut findings = Vec::new();
    for (name, all) in &versions {
        let is_skipped = |version: &str| policy.skip.iter().any(|s| s.matches(name, version));
        let counted: Vec<&str> = all.iter().copied().filter(|v| !is_skipped(v)).collect();
        if counted.len() > 1 {
            findings.push(format!(
                "{name} is there in the versions {}: bring them together, or skip all but one in deny.toml and say why",
                all.join(", ")
            ));
        }
    }
    for skip in &policy.skip {
        let all = versions
            .get(skip.name.as_str())
            .map_or(&[][..], |v| v.as_slice());
        let is_there = all.iter().any(|version| skip.matches(&skip.name, version));
        if !is_there || all.len() < 2 {
            findings.push(format!(
                "deny.toml skips {}, which is {}: remove the entry",
                skip.title(),
                if is_there { "there once" } else { "not there" }
            ));
        }
    }
    findings
}

/// Requirements that any version fulfils. A folder beside us has its version anyway.
fn wildcards(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages {
        let paths_may = policy.allow_wildcard_paths && package.is_private;
        for (name, requirement, is_path) in &package.requirements {
            if requirement == "*" && !(*is_path && paths_may) {
                findings.push(format!(
                    "{} takes any version of {name}: name one",
                    package.title()
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::{BANS, policy};
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            ..Package::default()
        }
    }

    #[test]
    fn versions_side_by_side_need_a_reason() {
        let packages = [
            package("a", "1.0.0"),
            package("a", "2.0.0"),
            package("b", "1.0.0"),
        ];
        let check = |skip: &str, want: &[&str]| {
            let policy = policy(&format!("{BANS}skip = [{skip}]"));
            assert_eq!(findings(&policy, &packages), want, "{skip}");
        };
        check(
            "",
            &[
                "a is there in the versions 1.0.0, 2.0.0: bring them together, or skip all but one in deny.toml and say why",
            ],
        );
        check("{ crate = \"a:1\", reason = \"r\" }", &[]);
        check("{ crate = \"a@2.0.0\", reason = \"r\" }", &[]);
        check(
            "{ crate = \"a:1\", reason = \"r\" }, { crate = \"b\", reason = \"r\" }, { crate = \"c:1\", reason = \"r\" }",
            &[
                "deny.toml skips b, which is there once: remove the entry",
                "deny.toml skips c:1, which is not there: remove the entry",
            ],
        );
    }

    #[test]
    fn requirements_have_a_bound() {
        let asks = |is_private: bool, is_path: bool| Package {
            is_private,
            requirements: vec![
                ("x".to_owned(), "*".to_owned(), is_path),
                ("y".to_owned(), "^1".to_owned(), false),
            ],
            ..package("a", "1.0.0")
        };
        let refused = ["a 1.0.0 takes any version of x: name one"];
        let strict = policy(BANS);
        let lenient = policy(&format!("{BANS}allow-wildcard-paths = true"));
        assert_eq!(findings(&strict, &[asks(true, true)]), refused);
        assert_eq!(findings(&lenient, &[asks(true, true)]), [""; 0]);
        assert_eq!(findings(&lenient, &[asks(false, true)]), refused);
        assert_eq!(findings(&lenient, &[asks(true, false)]), refused);
    }

    #[test]
    fn banned_crates_are_named_with_the_reason() {
        let policy = policy(&format!(
            "{BANS}deny = [{{ crate = \"a:1\", reason = \"too old\" }}]"
        ));
        assert_eq!(
            findings(&policy, &[package("a", "1.5.0")]),
            ["a 1.5.0 is banned by deny.toml: too old"]
        );
        assert_eq!(findings(&policy, &[package("a", "2.0.0")]), [""; 0]);
    }
}
