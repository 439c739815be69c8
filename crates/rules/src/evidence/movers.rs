//! Which values of a label explain a change.
//!
//! ## Algorithm
//! As in Adtributor (Bhagwan et al., NSDI 2014): the explanatory power of a value is its part of the
//! change of the whole; what makes it worth telling is how much that is above its part of the whole
//! before. A label along which everything grew alike has values that explain just their parts.

/// What one value of a label was and is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) value: String,
    /// For people: the operand for this value.
    pub(crate) shown_before: Option<f64>,
    pub(crate) shown_now: Option<f64>,
    /// What it adds to the whole.
    pub(crate) before: f64,
    pub(crate) now: f64,
}

/// A label's values by what they explain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moved {
    pub(crate) score: f64,
    pub(crate) adds_up: bool,
    /// With each its part of the change.
    pub(crate) parts: Vec<(Part, f64)>,
}

/// Ranks the parts of a whole that went from `before` to `now`. `None`: nothing moved, or there is
/// nothing to tell apart.
pub(crate) fn rank(
    parts: Vec<Part>,
    (before, now): (f64, f64),
    is_additive: bool,
) -> Option<Moved> {
    let change = now - before;
    let is_still =
        !change.is_finite() || change.abs() <= f64::EPSILON * before.abs().max(now.abs());
    if parts.len() < 2 || is_still {
        return None;
    }
    let even = 1.0 / parts.len() as f64;
    let ranked = parts.into_iter().map(|part| {
        let share = (part.now - part.before) / change;
        let expected = if is_additive && before.abs() > 0.0 {
            part.before / before
        } else {
            even
        };
        // No value explains more than the change, though others may have gone the other way.
        let power = share.clamp(-1.0, 1.0) - expected.clamp(-1.0, 1.0);
        (part, share, power)
    });
    in_order(ranked, is_additive)
}

/// Ranks the parts of a whole that was spread otherwise than before, whether or not it has changed: each with how much
/// greater its share is. `None`: there is no whole, or nothing to tell apart.
pub(crate) fn rank_shares(parts: Vec<Part>, (before, now): (f64, f64)) -> Option<Moved> {
    let is_whole = |all: f64| all.is_finite() && all.abs() > 0.0;
    if parts.len() < 2 || !is_whole(now) || !is_whole(before) {
        return None;
    }
    let ranked = parts.into_iter().map(|part| {
        let more = part.now / now - part.before / before;
        (part, more, more)
    });
    in_order(ranked, true)
}

/// Parts with what is told of each and what each is worth telling.
fn in_order(ranked: impl Iterator<Item = (Part, f64, f64)>, adds_up: bool) -> Option<Moved> {
    let mut ranked: Vec<(Part, f64, f64)> =
        ranked.filter(|(_, told, _)| told.is_finite()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.value.cmp(&b.0.value)));
    let score = ranked
        .iter()
        .map(|(.., power)| *power)
        .fold(f64::MIN, f64::max);
    let parts: Vec<_> = ranked
        .into_iter()
        .map(|(part, told, _)| (part, told))
        .collect();
    (parts.len() >= 2).then_some(Moved {
        score,
        adds_up,
        parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(value: &str, before: f64, now: f64) -> Part {
        Part {
            value: value.to_owned(),
            shown_before: Some(before),
            shown_now: Some(now),
            before,
            now,
        }
    }

    fn first(moved: &Moved) -> (&str, f64) {
        let (part, share) = &moved.parts[0];
        (part.value.as_str(), *share)
    }

    #[test]
    fn one_that_grew_alone_is_told_from_all_that_grew_alike() {
        let alone = vec![
            part("a", 10.0, 10.0),
            part("b", 10.0, 90.0),
            part("c", 20.0, 20.0),
        ];
        let alone = rank(alone, (40.0, 120.0), true).unwrap();
        assert_eq!(first(&alone), ("b", 1.0));
        assert!((alone.score - 0.75).abs() < 1e-9, "{}", alone.score);
        let alike = vec![
            part("a", 10.0, 30.0),
            part("b", 10.0, 30.0),
            part("c", 20.0, 60.0),
        ];
        let alike = rank(alike, (40.0, 120.0), true).unwrap();
        assert!(alike.score.abs() < 1e-9, "{}", alike.score);
    }

    #[test]
    fn what_fell_explains_a_fall() {
        let parts = vec![part("a", 50.0, 0.0), part("b", 50.0, 50.0)];
        let moved = rank(parts, (100.0, 50.0), true).unwrap();
        assert_eq!(first(&moved), ("a", 1.0));
    }

    #[test]
    fn what_is_spread_otherwise_is_told_though_the_whole_is_the_same() {
        let parts = vec![part("a", 50.0, 80.0), part("b", 50.0, 20.0)];
        let moved = rank_shares(parts, (100.0, 100.0)).unwrap();
        let (first, more) = first(&moved);
        assert_eq!(first, "a");
        assert!((more - 0.3).abs() < 1e-9 && (moved.score - 0.3).abs() < 1e-9);
        let grown = vec![part("a", 1.0, 10.0), part("b", 3.0, 30.0)];
        let alike = rank_shares(grown, (4.0, 40.0)).unwrap();
        assert!(alike.score.abs() < 1e-9, "{}", alike.score);
        let gone = vec![part("a", 1.0, 0.0), part("b", 3.0, 0.0)];
        assert_eq!(rank_shares(gone, (4.0, 0.0)), None);
    }

    #[test]
    fn nothing_is_said_where_nothing_moved() {
        let parts = vec![part("a", 1.0, 1.0), part("b", 1.0, 1.0)];
        assert_eq!(rank(parts, (2.0, 2.0), true), None);
        assert_eq!(rank(vec![part("a", 1.0, 5.0)], (1.0, 5.0), true), None);
        let parts = vec![part("a", 1.0, 5.0), part("b", 1.0, 1.0)];
        assert_eq!(rank(parts, (f64::NAN, 5.0), false), None);
    }
}
