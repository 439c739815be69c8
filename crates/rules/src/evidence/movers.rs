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
    /// With each its part of the change, or by how much its share is greater.
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
    let mut ranked: Vec<(Part, f64, f64)> =
        ranked.filter(|(_, share, _)| share.is_finite()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.value.cmp(&b.0.value)));
    let score = ranked
        .iter()
        .map(|(.., power)| *power)
        .fold(f64::MIN, f64::max);
    let parts: Vec<_> = ranked
        .into_iter()
        .map(|(part, share, _)| (part, share))
        .collect();
    (parts.len() >= 2).then_some(Moved {
        score,
        adds_up: is_additive,
        parts,
    })
}

/// Ranks the parts of a whole that is spread otherwise than it was, whether or not it has changed: each with how much
/// greater its share is, those first whose share differs most. What was nothing is taken for evenly spread. Of events
/// chance is taken off. `None`: there is no whole, or nothing to tell apart.
pub(crate) fn rank_shares(
    parts: Vec<Part>,
    (before, now): (f64, f64),
    are_events: bool,
) -> Option<Moved> {
    let is_whole = |all: f64| all.is_finite() && all.abs() > 0.0;
    if parts.len() < 2 || !is_whole(now) || !before.is_finite() {
        return None;
    }
    let count = parts.len();
    let mut score = 0.0_f64;
    let even = 1.0 / count as f64;
    let ranked = parts.into_iter().map(|part| {
        let usual = if is_whole(before) {
            part.before / before
        } else {
            even
        };
        let more = part.now / now - usual;
        let by_chance = if are_events {
            let pooled = if is_whole(before) {
                (part.before + part.now) / (before + now)
            } else {
                even
            };
            chance(pooled, (before, now), count)
        } else {
            0.0
        };
        score = score.max(more.abs() - by_chance);
        (part, more)
    });
    let mut parts: Vec<(Part, f64)> = ranked.filter(|(_, more)| more.is_finite()).collect();
    // Two that change places differ alike but for rounding: that which has more now comes first.
    let size = |more: f64| (more.abs() * 1e9).round();
    parts.sort_by(|(a_part, a), (b_part, b)| {
        let by_size = size(*b).total_cmp(&size(*a));
        by_size
            .then_with(|| b.total_cmp(a))
            .then_with(|| a_part.value.cmp(&b_part.value))
    });
    (parts.len() >= 2).then_some(Moved {
        score,
        adds_up: true,
        parts,
    })
}

/// So much the share of a value differs between two draws of one and the same, where `count` values are looked at and the
/// one that differs most is told: for two values the mean of the size of a normal deviate, for more no less than the mean
/// of the greatest size of as many.
fn chance(share: f64, (before, now): (f64, f64), count: usize) -> f64 {
    let of_draw = |events: f64| if events > 0.0 { 1.0 / events } else { 0.0 };
    let spread = share * (1.0 - share) * (of_draw(before) + of_draw(now));
    // The last share is what the others leave.
    let free = count.saturating_sub(1).max(1) as f64;
    (spread.max(0.0) * (std::f64::consts::FRAC_2_PI + 2.0 * free.ln())).sqrt()
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
        let moved = rank_shares(parts, (100.0, 100.0), false).unwrap();
        let (first, more) = first(&moved);
        assert_eq!(first, "a");
        assert!((more - 0.3).abs() < 1e-9 && (moved.score - 0.3).abs() < 1e-9);
        let grown = vec![part("a", 1.0, 10.0), part("b", 3.0, 30.0)];
        let alike = rank_shares(grown, (4.0, 40.0), false).unwrap();
        assert!(alike.score.abs() < 1e-9, "{}", alike.score);
        let gone = vec![part("a", 1.0, 0.0), part("b", 3.0, 0.0)];
        assert_eq!(rank_shares(gone, (4.0, 0.0), false), None);
    }

    #[test]
    fn what_has_fallen_most_is_told_before_those_that_share_what_it_had() {
        let parts = vec![
            part("a", 60.0, 0.0),
            part("b", 20.0, 50.0),
            part("c", 20.0, 50.0),
        ];
        let moved = rank_shares(parts, (100.0, 100.0), false).unwrap();
        assert_eq!(first(&moved), ("a", -0.6));
        assert!((moved.score - 0.6).abs() < 1e-9, "{}", moved.score);
    }

    #[test]
    fn of_two_that_change_places_that_which_has_more_is_told_first() {
        let parts = vec![part("a", 3.0, 1.0), part("b", 10.0, 8.0)];
        let moved = rank_shares(parts, (13.0, 9.0), false).unwrap();
        assert_eq!(first(&moved).0, "b");
    }

    #[test]
    fn where_nothing_was_what_is_new_is_compared_with_an_even_spread() {
        let parts = vec![part("a", 0.0, 90.0), part("b", 0.0, 10.0)];
        let moved = rank_shares(parts, (0.0, 100.0), false).unwrap();
        assert_eq!(first(&moved), ("a", 0.4));
    }

    #[test]
    fn chance_is_taken_off_events() {
        let score = |events: f64, values: usize| {
            // One after the other is twice as frequent in one draw as in the other.
            let turn =
                |index: usize, odd: f64| events * if index % 2 == 1 { odd } else { 3.0 - odd };
            let parts: Vec<Part> = (0..values)
                .map(|at| part(&at.to_string(), turn(at, 1.0), turn(at, 2.0)))
                .collect();
            let total = |of: fn(&Part) -> f64| parts.iter().map(of).sum();
            let totals = (total(|it| it.before), total(|it| it.now));
            rank_shares(parts, totals, true).unwrap().score
        };
        assert!(score(1.0, 2) < 0.1, "{}", score(1.0, 2));
        assert!(score(1_000.0, 2) > 0.3, "{}", score(1_000.0, 2));
        // Among many values one differs much by chance.
        assert!(score(1.0, 40) <= 0.0, "{}", score(1.0, 40));
        let mut single: Vec<Part> = (0..5).map(|at| part(&format!("a{at}"), 1.0, 0.0)).collect();
        single.extend((0..5).map(|at| part(&format!("b{at}"), 0.0, 1.0)));
        let moved = rank_shares(single.clone(), (5.0, 5.0), true).unwrap();
        assert!(moved.score <= 0.0, "{}", moved.score);
        let measured = rank_shares(single, (5.0, 5.0), false).unwrap();
        assert!((measured.score - 0.2).abs() < 1e-9, "{}", measured.score);
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
