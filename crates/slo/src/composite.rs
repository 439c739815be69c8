//! Several objectives as one: how a path of services does, or a group of them.
//!
//! ## Model
//! Each part has a share of good events. A request that needs all of them *in series* is good with
//! their product, if they fail apart from one another; a group is as good as its *worst*, or as its
//! *weighted* mean.
//!
//! ## Invariants
//! A part of which nothing is known makes the whole unknown, in series and for the worst: silence is
//! not success. Parts without weight are left out.

/// A share of good events, 0 to 1; `None` if nothing is known.
pub type Ratio = Option<f64>;

/// A request needs all parts. 1 without parts.
#[must_use]
pub fn series(ratios: &[Ratio]) -> Ratio {
    ratios
        .iter()
        .try_fold(1.0, |product, ratio| Some(product * sound(*ratio)?))
}

/// As good as the worst part; `None` without parts.
#[must_use]
pub fn worst(ratios: &[Ratio]) -> Ratio {
    let known: Option<Vec<f64>> = ratios.iter().map(|ratio| sound(*ratio)).collect();
    known?.into_iter().min_by(f64::total_cmp)
}

/// The mean by weights, which are made to sum to 1. `None` if a part with weight is not known, a
/// weight is negative or no number, or none is above 0.
#[must_use]
pub fn weighted(parts: &[(Ratio, f64)]) -> Ratio {
    let (mut sum, mut weights) = (0.0, 0.0);
    for &(ratio, weight) in parts {
        if !(weight.is_finite() && weight >= 0.0) {
            return None;
        }
        if weight > 0.0 {
            sum += weight * sound(ratio)?;
            weights += weight;
        }
    }
    (weights > 0.0 && f64::is_finite(weights)).then(|| sum / weights)
}

/// The target of parts in series, each of which just meets its own: no more can be promised.
#[must_use]
pub fn series_target(targets: &[f64]) -> f64 {
    targets.iter().product()
}

fn sound(ratio: Ratio) -> Ratio {
    ratio.filter(|ratio| (0.0..=1.0).contains(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_a_whole() {
        let parts = [Some(0.99), Some(0.9)];
        assert!((series(&parts).expect("known") - 0.891).abs() < 1e-12);
        assert_eq!(worst(&parts), Some(0.9));
        let mean = weighted(&[(Some(0.99), 2.0), (Some(0.9), 1.0), (None, 0.0)]);
        assert!((mean.expect("known") - 0.96).abs() < 1e-12);
        assert!((series_target(&[0.99, 0.9]) - 0.891).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for unknown in [None, Some(f64::NAN), Some(1.5), Some(-0.1)] {
            assert_eq!(series(&[Some(1.0), unknown]), None);
            assert_eq!(worst(&[Some(1.0), unknown]), None);
            assert_eq!(weighted(&[(Some(1.0), 1.0), (unknown, 1.0)]), None);
        }
        assert_eq!(
            (series(&[]), worst(&[]), weighted(&[])),
            (Some(1.0), None, None)
        );
        assert_eq!(weighted(&[(Some(1.0), f64::NAN)]), None);
        assert_eq!(weighted(&[(Some(1.0), -1.0), (Some(1.0), 2.0)]), None);
        assert_eq!(
            weighted(&[(Some(1.0), f64::MAX), (Some(1.0), f64::MAX)]),
            None
        );
    }
}
