//! Exact bounds of a share that was observed in few trials.
//!
//! ## Model
//! `bad` of `count` independent trials were bad. [`tail`] says how likely so many are at a given
//! share, [`bounds`] which shares are compatible with them: the interval of Clopper and Pearson.
//! Wilson's is shorter on average, but it covers less than it says when the share is small and the
//! trials are few, which is just when an alarm needs evidence. An exact one errs on the quiet side.
//!
//! ## See also
//! C. J. Clopper, E. S. Pearson, Biometrika 26, 1934. Continued fraction of the incomplete beta
//! function: DLMF 8.17.22, evaluated by Lentz's method.

/// The continued fraction converges within its steps for so many trials.
const COUNT_MAX: f64 = 1e9;

/// Probability of `bad` or more of `count` trials, if each is bad with probability `share`.
///
/// `share` is kept within 0 to 1. 1 if `bad` is 0; 0 if it is more than `count`.
#[must_use]
pub fn tail(bad: u64, count: u64, share: f64) -> f64 {
    if bad == 0 {
        return 1.0;
    }
    if bad > count {
        return 0.0;
    }
    tail_of_sums(bad as f64, count as f64, share)
}

/// The same where counts are sums or differences of floats, as those of PromQL's `increase` are:
/// between whole numbers the tail is continued by the incomplete beta function, which falls with
/// `bad` and rises with `count`.
///
/// NaN if anything is, or if a count is negative or infinite. More bad ones than trials are as all.
/// More than a billion trials are taken for a billion with as large a part of bad ones.
#[must_use]
pub fn tail_of_sums(bad: f64, count: f64, share: f64) -> f64 {
    let is_count = |it: f64| it.is_finite() && it >= 0.0;
    if !is_count(bad) || !is_count(count) || share.is_nan() {
        return f64::NAN;
    }
    let bad = bad.min(count);
    if bad == 0.0 {
        return 1.0;
    }
    let scale = (COUNT_MAX / count).min(1.0);
    let (bad, count) = (bad * scale, count * scale);
    incomplete_beta(bad, count - bad + 1.0, share)
}

/// The shares that `bad` of `count` trials do not speak against: each bound is exceeded on its side
/// with probability `1 - confidence` at most.
///
/// 0 to 1 if `count` is 0. `bad` is kept within `count`, `confidence` within 0 to 1.
#[must_use]
pub fn bounds(bad: u64, count: u64, confidence: f64) -> (f64, f64) {
    if count == 0 {
        return (0.0, 1.0);
    }
    let bad = bad.min(count);
    let miss = 1.0 - confidence.clamp(0.0, 1.0);
    let low = if bad == 0 {
        0.0
    } else {
        solve(|share| tail(bad, count, share) >= miss)
    };
    let high = if bad == count {
        1.0
    } else {
        solve(|share| 1.0 - tail(bad + 1, count, share) <= miss)
    };
    (low, high)
}

/// The share from which on `reached` holds, by bisection down to neighbouring numbers.
fn solve(reached: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// The regularised incomplete beta function, for `a` above 0 and `b` of at least 1. Relative error about
/// 1e-12 for a thousand trials, 2e-9 for a million and 1e-6 for a billion, where large logarithms cancel; less
/// exact far out in the tail.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges quickly on one side of the mean only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return (1.0 - beta_fraction(b, a, 1.0 - x)).clamp(0.0, 1.0);
    }
    beta_fraction(a, b, x).clamp(0.0, 1.0)
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let apart = |value: f64| if value.abs() < TINY { TINY } else { value };
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    let mut c = 1.0;
    let mut d = 1.0 / apart(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // About the root of the larger parameter is needed: 31,623 for a billion trials.
    for step in 1..100_000u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / apart(1.0 + term * d);
            c = apart(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front + fraction.ln() - a.ln()).exp()
}

/// Logarithm of the gamma function for positive numbers, by Stirling's series from 12 on.
fn ln_gamma(x: f64) -> f64 {
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < 12.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0))));
    let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
    (shifted - 0.5) * shifted.ln() - shifted + half_ln_tau + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tail, summed up term by term.
    fn tail_summed(bad: u64, count: u64, share: f64) -> f64 {
        let mut term = (1.0 - share).powi(count as i32);
        let mut below = 0.0;
        for at in 0..bad {
            below += term;
            term *= (count - at) as f64 / (at + 1) as f64 * share / (1.0 - share);
        }
        1.0 - below
    }

    #[test]
    fn tails_are_those_of_the_sum() {
        for count in [1, 2, 3, 10, 50, 300] {
            for bad in 0..=count {
                for share in [0.001, 0.05, 0.3, 0.5, 0.9] {
                    let (is, wanted) = (tail(bad, count, share), tail_summed(bad, count, share));
                    assert!(
                        (is - wanted).abs() < 1e-9,
                        "{bad}/{count} at {share}: {is} {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn tails_of_sums_are_between_those_of_whole_numbers() {
        for (bad, count) in [(1u64, 1u64), (1, 100), (2, 300), (7, 40), (50, 50)] {
            let whole = tail(bad, count, 0.01);
            assert_eq!(tail_of_sums(bad as f64, count as f64, 0.01), whole);
            // A little more bad is a little less likely.
            let more = tail_of_sums(bad as f64 - 0.5, count as f64, 0.01);
            let fewer = tail_of_sums((bad as f64 + 0.5).min(count as f64), count as f64, 0.01);
            assert!(
                more > whole && fewer <= whole,
                "{bad}/{count}: {more} {whole} {fewer}"
            );
        }
        assert_eq!(tail_of_sums(0.0, 0.0, 0.01), 1.0);
        assert_eq!(tail_of_sums(9.0, 3.0, 0.01), tail_of_sums(3.0, 3.0, 0.01));
        for odd in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(tail_of_sums(odd, 3.0, 0.01).is_nan() && tail_of_sums(1.0, odd, 0.01).is_nan());
        }
        assert!(tail_of_sums(1.0, 3.0, f64::NAN).is_nan());
        // So many that they cannot be counted take no longer than others.
        assert!((0.0..=1.0).contains(&tail_of_sums(1e300, 2e300, 0.5)));
    }

    #[test]
    fn bounds_are_where_the_tails_are_what_is_missing() {
        for (bad, count) in [
            (0, 1),
            (1, 1),
            (0, 59),
            (1, 20),
            (5, 100),
            (37, 5000),
            (3, 1_000_000),
        ] {
            let (low, high) = bounds(bad, count, 0.95);
            assert!(low <= bad as f64 / count as f64 && bad as f64 / count as f64 <= high);
            if bad > 0 {
                assert!((tail(bad, count, low) - 0.05).abs() < 1e-9);
            }
            if bad < count {
                assert!((1.0 - tail(bad + 1, count, high) - 0.05).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn known_bounds() {
        // None of 59: the bound is 1 - 0.05^(1/59), just below 5 %.
        let (low, high) = bounds(0, 59, 0.95);
        assert_eq!(low, 0.0);
        assert!((high - (1.0 - 0.05f64.powf(1.0 / 59.0))).abs() < 1e-12);
        assert_eq!(bounds(0, 0, 0.95), (0.0, 1.0));
        // More bad ones than trials are as all of them.
        assert_eq!(bounds(9, 3, 0.95), bounds(3, 3, 0.95));
    }

    #[test]
    fn many_trials_agree_with_the_normal_distribution() {
        let count = 100_000_000u64;
        let share = 0.01;
        let deviation = (count as f64 * share * (1.0 - share)).sqrt();
        let bad = (count as f64 * share + 2.0 * deviation) as u64;
        let chance = tail(bad, count, share);
        assert!((chance - 0.02275).abs() < 2e-4, "{chance}");
    }

    #[test]
    fn ln_gamma_of_factorials() {
        let mut factorial: f64 = 1.0;
        for n in 1..20u32 {
            assert!((ln_gamma(f64::from(n)) - factorial.ln()).abs() < 1e-12 * f64::from(n));
            factorial *= f64::from(n);
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-12);
    }
}
