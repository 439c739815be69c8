//! Which seasons a series may have, told by its step and seen in its values.

const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: f64 = 24.0 * HOUR_MS;
/// An hour, a day, a week, a year: what machines and people repeat; and whether it must be seen to be tried.
/// A day and a week are tried always: the mean of a few days is a good guess even where days hardly differ.
const PERIODS_MS: [(f64, bool); 4] = [
    (HOUR_MS, true),
    (DAY_MS, false),
    (7.0 * DAY_MS, false),
    (365.25 * DAY_MS, true),
];
/// A season has at least so many steps: shorter ones have no shape.
const STEPS_MIN: usize = 4;
/// A period that is no whole number of steps drifts; by this much of itself at most.
const DRIFT_MAX: f64 = 0.005;
/// Correlation with a season ago that shows a season, if half a season ago shows less of it: slow
/// changes look alike from both.
const CORRELATION_MIN: f64 = 0.15;
/// Seasons of one series.
pub(crate) const SEASONS_MAX: usize = 3;

/// Seasons in steps, shortest first, of which there are two cycles.
pub(crate) fn find(step_ms: i64, values: &[f64]) -> Vec<usize> {
    let mut found = Vec::new();
    for (period_ms, must_show) in PERIODS_MS {
        let steps = period_ms / step_ms.max(1) as f64;
        let season = steps.round() as usize;
        let fits = (steps - season as f64).abs() <= DRIFT_MAX * steps;
        if season >= STEPS_MIN
            && fits
            && season * 2 < values.len()
            && (!must_show || shows(values, season))
        {
            found.push(season);
        }
    }
    found.truncate(SEASONS_MAX);
    found
}

/// Whether values resemble those a season ago, each less the mean of the season around it.
fn shows(values: &[f64], season: usize) -> bool {
    let mut sum: f64 = values[..season].iter().sum();
    let mut left = Vec::with_capacity(values.len());
    for at in season..values.len() {
        sum += values[at] - values[at - season];
        left.push(values[at - season / 2] - sum / season as f64);
    }
    let squares: f64 = left.iter().map(|value| value * value).sum();
    let correlation = |lag: usize| {
        let products: f64 = left.iter().skip(lag).zip(&left).map(|(a, b)| a * b).sum();
        let pairs = left.len().saturating_sub(lag).max(1);
        products / squares * left.len() as f64 / pairs as f64
    };
    let whole = correlation(season);
    whole > CORRELATION_MIN && whole > correlation(season / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES_MS: i64 = 600_000;

    fn noise(at: u64) -> f64 {
        (at.wrapping_mul(at).wrapping_mul(7919) % 1009) as f64 / 1009.0
    }

    fn wave(at: u64, period: u64) -> f64 {
        (at as f64 / period as f64 * std::f64::consts::TAU).sin()
    }

    #[test]
    fn an_hour_is_found_where_it_is() {
        let hours: Vec<f64> = (0..2_000).map(|at| wave(at, 12) + noise(at)).collect();
        assert_eq!(find(300_000, &hours), [12, 288]);
        // A day looks like an hour ago, and more so like half an hour ago.
        let days: Vec<f64> = (0..2_000)
            .map(|at| wave(at, 288) + 0.1 * noise(at))
            .collect();
        assert_eq!(find(300_000, &days), [288]);
        let years: Vec<f64> = (0..400).map(|at| wave(at, 52)).collect();
        assert_eq!(find(7 * 86_400_000, &years), [52]);
    }

    #[test]
    fn a_day_and_a_week_need_two_cycles_only() {
        let noise: Vec<f64> = (0..2_500).map(noise).collect();
        assert_eq!(find(TEN_MINUTES_MS, &noise), [144, 1_008]);
        assert_eq!(find(TEN_MINUTES_MS, &noise[..2_000]), [144]);
        assert_eq!(find(TEN_MINUTES_MS, &[3.0; 288]), []);
        assert_eq!(find(TEN_MINUTES_MS, &[]), []);
        assert_eq!(find(i64::MAX, &[1.0; 50]), []);
        assert_eq!(find(0, &[1.0; 50]), []);
    }
}
