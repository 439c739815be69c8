//! Licences of what we build with.

use super::Package;
use super::policy::Policy;

/// One line a dependency whose licence the list does not allow. Ours is in the list too, and is not
/// asked for.
pub(super) fn findings(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let allowed: Vec<&str> = policy.licences.iter().map(String::as_str).collect();
    packages
        .iter()
        .filter(|package| !package.is_ours && !is_allowed(&package.licence, &allowed))
        .map(|package| {
            format!(
                "{} has the licence {:?}, which deny.toml does not allow",
                package.title(),
                package.licence
            )
        })
        .collect()
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
        let allowed = ["MIT", "ISC"];
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
