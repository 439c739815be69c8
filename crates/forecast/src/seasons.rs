//! Which seasons a series may have, told by its step and seen in its values.

const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: f64 = 24.0 * HOUR_MS;
/// An hour, a day, a week, a year: what machines and people repeat.
const PERIODS_MS: [f64; 4] = [HOUR_MS, DAY_MS, 7.0 * DAY_MS, 365.25 * DAY_MS];
/// A season has at least so many steps: shorter ones have no shape.
const STEPS_MIN: usize = 4;
/// A period that is no whole number of steps drifts; by this much of itself at most.
const DRIFT_MAX: f64 = 0.005;
/// Correlation with a season ago from which on it is tried. A low bar: the backtest decides.
const CORRELATION_MIN: f64 = 0.0;
/// Seasons of one series.
pub(crate) const SEASONS_MAX: usize = 3;

/// Seasons in steps, shortest first, of which there are two cycles and a sign.
pub(crate) fn find(step_ms: i64, values: &[f64]) -> Vec<usize> {
    let mut found = Vec::new();
    for period_ms in PERIODS_MS {
        let steps = period_ms / step_ms.max(1) as f64;
        let season = steps.round() as usize;
        let fits = (steps - season as f64).abs() <= DRIFT_MAX * steps;
        if season >= STEPS_MIN
            && fits
            && season * 2 < values.len()
            && correlation(values, season) > CORRELATION_MIN
        {
            found.push(season);
        }
    }
    found.truncate(SEASONS_MAX);
    found
}

/// Correlation of values with those a season ago, each less the mean of the season before it.
fn correlation(values: &[f64], season: usize) -> f64 {
    let mut sum: f64 = values[..season].iter().sum();
    let mut left = Vec::with_capacity(values.len());
    for at in season..values.len() {
        sum += values[at] - values[at - season];
        left.push(values[at - season / 2] - sum / season as f64);
    }
    let squares: f64 = left.iter().map(|value| value * value).sum();
    let products: f64 = left
        .iter()
        .skip(season)
        .zip(&left)
        .map(|(a, b)| a * b)
        .sum();
    let share = (left.len() - season.min(left.len())) as f64 / left.len().max(1) as f64;
    if squares > 0.0 && share > 0.0 {
        products / squares / share
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MINUTES_MS: i64 = 600_000;

    #[test]
    fn a_day_and_a_week_are_found_where_they_are() {
        let day = |at: usize| ((at % 144) as f64 / 144.0 * std::f64::consts::TAU).sin();
        let days: Vec<f64> = (0..1440).map(|at| 50.0 + 10.0 * day(at)).collect();
        assert_eq!(find(TEN_MINUTES_MS, &days), [144]);
        let weeks: Vec<f64> = (0..2500)
            .map(|at| 50.0 + 10.0 * day(at) + if at / 144 % 7 > 4 { -20.0 } else { 0.0 })
            .collect();
        assert_eq!(find(TEN_MINUTES_MS, &weeks), [144, 1008]);
        assert_eq!(find(7 * 86_400_000, &vec![1.0; 104]), []);
    }

    #[test]
    fn noise_constants_and_short_series_have_none() {
        let noise: Vec<f64> = (0..2000u64)
            .map(|at| (at * at * 7919 % 1009) as f64)
            .collect();
        assert_eq!(find(TEN_MINUTES_MS, &noise), []);
        assert_eq!(find(TEN_MINUTES_MS, &[3.0; 2000]), []);
        assert_eq!(find(TEN_MINUTES_MS, &[]), []);
        assert_eq!(find(i64::MAX, &[1.0; 50]), []);
        assert_eq!(find(0, &[1.0; 50]), []);
    }
}
