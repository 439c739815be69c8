//! Who spent the budget: which values of a label the bad events came with.
//!
//! ## Model
//! Events are split by the values of a label. A [`Contribution`] says which part of the bad events
//! had a value, and how many more that is than its part of all events would have had at the target:
//! a large customer spends much without being worse than others.

use crate::budget::Counts;

/// What events with one value of a label spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution<K> {
    /// The value.
    pub key: K,
    /// Its events.
    pub counts: Counts,
    /// Its part of all bad events, 0 to 1.
    pub bad_share: f64,
    /// Its part of all events, 0 to 1.
    pub total_share: f64,
    /// How many times faster than allowed it spends its own part of the budget.
    pub burn: f64,
    /// Bad events beyond its own part of the budget; below 0 if it left some.
    pub excess: f64,
}

/// Ranks who spent most first; of equals the one with fewer events, then in the order given.
/// Counts that are negative or no numbers are taken for 0.
#[must_use]
pub fn contributions<K>(
    counts: impl IntoIterator<Item = (K, Counts)>,
    target: f64,
) -> Vec<Contribution<K>> {
    let sound = |value: f64| {
        if value.is_finite() {
            value.max(0.0)
        } else {
            0.0
        }
    };
    let counts: Vec<(K, Counts)> = counts
        .into_iter()
        .map(|(key, it)| {
            let total = sound(it.total);
            let bad = sound(it.bad).min(total);
            (key, Counts { bad, total })
        })
        .collect();
    let all = counts
        .iter()
        .fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts));
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let mut ranked: Vec<Contribution<K>> = counts
        .into_iter()
        .map(|(key, counts)| Contribution {
            key,
            counts,
            bad_share: share(counts.bad, all.bad),
            total_share: share(counts.total, all.total),
            burn: counts.burn(target).unwrap_or(0.0),
            excess: counts.bad - (1.0 - target) * counts.total,
        })
        .collect();
    ranked.sort_by(|a, b| {
        let by_bad = b.counts.bad.total_cmp(&a.counts.bad);
        by_bad.then(a.counts.total.total_cmp(&b.counts.total))
    });
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_spent_most_stands_first() {
        let counts = |bad, total| Counts { bad, total };
        let ranked = contributions(
            [
                ("large", counts(20.0, 9_000.0)),
                ("broken", counts(20.0, 500.0)),
                ("fine", counts(0.0, 500.0)),
                ("odd", counts(f64::NAN, -5.0)),
            ],
            0.99,
        );
        let keys: Vec<&str> = ranked.iter().map(|it| it.key).collect();
        assert_eq!(keys, ["broken", "large", "odd", "fine"]);
        let broken = &ranked[0];
        assert!((broken.bad_share - 0.5).abs() < 1e-9 && (broken.total_share - 0.05).abs() < 1e-9);
        assert!((broken.burn - 4.0).abs() < 1e-9 && (broken.excess - 15.0).abs() < 1e-9);
        assert!((ranked[1].excess + 70.0).abs() < 1e-9);
        let none: Vec<Contribution<()>> = contributions([], 0.9);
        assert_eq!(none, []);
    }
}
