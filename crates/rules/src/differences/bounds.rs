//! The bounds of a classic histogram's buckets that are nearest to a band of values: between them nothing is known.

use super::Band;

/// Above the last bound by this part a band has no upper end. Chosen: a heat map draws the last bucket about so high.
const ABOVE_LAST: f64 = 1.2;

/// The band between bounds that is nearest to another one; a band within one bucket becomes that bucket. `bounds` are
/// finite and ascend.
pub(super) fn nearest(bounds: &[f64], wanted: Band) -> Band {
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return Band::ALL;
    };
    // The lowest bucket begins where nobody says.
    let lowest = if *first > 0.0 { first / 2.0 } else { *first };
    let is_open_below = wanted.low <= lowest;
    let is_open_above = wanted.high >= (last * ABOVE_LAST).max(*last);
    let near = |value: f64| {
        let ordered = |a: &&f64, b: &&f64| distance(**a, value).total_cmp(&distance(**b, value));
        bounds.iter().min_by(ordered).copied().unwrap_or(value)
    };
    let found = Band {
        low: if is_open_below {
            f64::NEG_INFINITY
        } else {
            near(wanted.low)
        },
        high: if is_open_above {
            f64::INFINITY
        } else {
            near(wanted.high)
        },
    };
    if found.low < found.high {
        return found;
    }
    let middle = if wanted.low > 0.0 {
        (wanted.low * wanted.high).sqrt()
    } else {
        f64::midpoint(wanted.low, wanted.high)
    };
    let at = bounds.partition_point(|bound| *bound < middle);
    let below = at.checked_sub(1).and_then(|below| bounds.get(below));
    Band {
        low: below.copied().unwrap_or(f64::NEG_INFINITY),
        high: bounds.get(at).copied().unwrap_or(f64::INFINITY),
    }
}

/// Buckets mostly grow by a factor.
fn distance(bound: f64, value: f64) -> f64 {
    if bound > 0.0 && value > 0.0 {
        (bound / value).ln().abs()
    } else {
        (bound - value).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_moved_to_bounds() {
        let (below, above) = (f64::NEG_INFINITY, f64::INFINITY);
        for (bounds, wanted, want) in [
            (&[0.1, 1.0, 10.0][..], (0.9, 9.0), (1.0, 10.0)),
            (&[0.1, 1.0, 10.0], (0.01, 0.2), (below, 0.1)),
            // A band within one bucket is that bucket.
            (&[0.1, 1.0, 10.0], (2.0, 3.0), (1.0, 10.0)),
            (&[0.1, 1.0, 10.0], (5.0, 500.0), (10.0, above)),
            (&[0.1, 1.0, 10.0], (20.0, 30.0), (10.0, above)),
            (&[0.1, 1.0, 10.0], (0.01, 0.02), (below, 0.1)),
            (&[0.1, 1.0, 10.0], (below, above), (below, above)),
            (&[-5.0, 0.0, 5.0], (-1.0, 4.0), (0.0, 5.0)),
            (&[-9.0, -5.0], (-8.0, -1.0), (-9.0, above)),
            (&[], (1.0, 2.0), (below, above)),
        ] {
            let (low, high) = wanted;
            let found = nearest(bounds, Band { low, high });
            assert_eq!((found.low, found.high), want, "{bounds:?} {wanted:?}");
        }
    }
}
