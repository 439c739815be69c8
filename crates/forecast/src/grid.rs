//! Samples at any times become a regular grid of means or rates.
//!
//! A cell covers its start but not its end. A cell that no sample tells of is NaN: missing, not zero.

/// A sample whose value is not finite is passed over; samples must come in the order of their times.
pub type Sample = (i64, f64);

/// Longest gap between two samples of a counter that a rate is spread over, in cells. Over a longer
/// one nobody knows when the counter grew.
const GAP_CELLS_MAX: i64 = 2;
/// Cells of a grid; more are not made. Chosen: half a year of minutes.
const CELLS_MAX: usize = 1 << 18;

/// The mean of the samples of each cell, for a gauge.
///
/// ```
/// use bellwether_forecast::grid::means;
///
/// let cells = means(&[(0, 1.0), (30, 3.0), (150, 7.0)], 0, 60, 3);
/// assert_eq!(&cells[..1], [2.0]);
/// assert!(cells[1].is_nan());
/// assert_eq!(cells[2], 7.0);
/// ```
#[must_use]
pub fn means(samples: &[Sample], start_ms: i64, step_ms: i64, cells: usize) -> Vec<f64> {
    let cells = cells.min(CELLS_MAX);
    let mut sums = vec![(0.0, 0.0); cells];
    for &(time_ms, value) in samples.iter().filter(|sample| sample.1.is_finite()) {
        if let Some(cell) = cell_of(time_ms, start_ms, step_ms, cells) {
            // A running mean does not overflow where a sum would.
            let (mean, count) = &mut sums[cell];
            *count += 1.0;
            *mean += value / *count - *mean / *count;
        }
    }
    let mean = |(mean, count): (f64, f64)| if count > 0.0 { mean } else { f64::NAN };
    sums.into_iter().map(mean).collect()
}

/// The growth of a counter a second in each cell.
///
/// A value below the one before is a restart from 0, as for PromQL's `rate`. The growth between two
/// samples counts evenly over the time between them; a cell of which less than half is covered that
/// way is missing, and so is what lies between samples more than two cells apart.
///
/// ```
/// use bellwether_forecast::grid::rates;
///
/// let restarted = [(0, 100.0), (60_000, 160.0), (120_000, 30.0), (180_000, 90.0)];
/// assert_eq!(rates(&restarted, 0, 60_000, 3), [1.0, 0.5, 1.0]);
/// ```
#[must_use]
pub fn rates(samples: &[Sample], start_ms: i64, step_ms: i64, cells: usize) -> Vec<f64> {
    let cells = cells.min(CELLS_MAX);
    let mut grown = vec![(0.0, 0.0); cells];
    let mut before: Option<Sample> = None;
    for &(time_ms, value) in samples.iter().filter(|sample| sample.1.is_finite()) {
        let Some((from_ms, held)) = before else {
            before = Some((time_ms, value));
            continue;
        };
        let span_ms = time_ms.saturating_sub(from_ms);
        if span_ms <= 0 {
            continue;
        }
        before = Some((time_ms, value));
        if step_ms <= 0 || span_ms > step_ms.saturating_mul(GAP_CELLS_MAX) {
            continue;
        }
        let growth = if value < held { value } else { value - held };
        let mut at_ms = from_ms.max(start_ms);
        while at_ms < time_ms {
            let Some(cell) = cell_of(at_ms, start_ms, step_ms, cells) else {
                break;
            };
            let end_ms = start_ms.saturating_add((cell as i64 + 1).saturating_mul(step_ms));
            let covered_ms = (end_ms.min(time_ms) - at_ms) as f64;
            grown[cell].0 += growth / span_ms as f64 * covered_ms;
            grown[cell].1 += covered_ms;
            at_ms = end_ms;
        }
    }
    let rate = |(growth, covered_ms): (f64, f64)| {
        if covered_ms * 2.0 >= step_ms as f64 && covered_ms > 0.0 {
            growth / covered_ms * 1000.0
        } else {
            f64::NAN
        }
    };
    grown.into_iter().map(rate).collect()
}

fn cell_of(time_ms: i64, start_ms: i64, step_ms: i64, cells: usize) -> Option<usize> {
    if step_ms <= 0 {
        return None;
    }
    let offset_ms = time_ms.checked_sub(start_ms).filter(|&ms| ms >= 0)?;
    usize::try_from(offset_ms / step_ms)
        .ok()
        .filter(|&cell| cell < cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_of_a_counter_is_missing_not_zero() {
        let samples = [(0, 0.0), (60, 6.0), (600, 60.0), (660, 66.0)];
        let cells = rates(&samples, 0, 60, 12);
        assert_eq!(cells[0], 100.0);
        assert!(cells[1..10].iter().all(|cell| cell.is_nan()), "{cells:?}");
        assert_eq!(cells[10], 100.0);
        assert!(cells[11].is_nan());
    }

    #[test]
    fn growth_is_spread_over_the_cells_it_fell_into() {
        // Scrapes every 15 s that do not hit the edges of the minute.
        let samples: Vec<Sample> = (0..40)
            .map(|at| (7_000 + at * 15_000, at as f64 * 30.0))
            .collect();
        let cells = rates(&samples, 0, 60_000, 9);
        assert!(
            cells.iter().all(|cell| (cell - 2.0).abs() < 1e-9),
            "{cells:?}"
        );
    }

    #[test]
    fn nothing_and_nonsense_give_missing_cells() {
        assert!(means(&[], 0, 60, 3).iter().all(|cell| cell.is_nan()));
        assert!(
            rates(&[(0, f64::NAN), (1, f64::INFINITY)], 0, 60, 3)
                .iter()
                .all(|cell| cell.is_nan())
        );
        for step in [0, -5, i64::MAX, i64::MIN] {
            assert_eq!(means(&[(5, 1.0)], i64::MIN, step, 2).len(), 2);
            assert_eq!(
                rates(&[(i64::MIN, 1.0), (i64::MAX, 2.0)], 3, step, 2).len(),
                2
            );
        }
        assert_eq!(means(&[], 0, 1, usize::MAX).len(), CELLS_MAX);
        assert_eq!(means(&[(0, 1e308), (1, 1e308)], 0, 60, 1), [1e308]);
    }
}
