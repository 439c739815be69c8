//! VUS-PR: the volume under the surface of precision and recall of ranges.
//!
//! J. Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022, as TSB-AD defines it: labels
//! grow by a buffer of 0 to `buffer_max` rows with falling weight; for each buffer and each of 250
//! thresholds, recall is scaled by the part of ranges that were touched. The figure is the mean
//! over buffers of the area under precision and recall.

const THRESHOLDS: usize = 250;

/// The figure for one series; `None` without labels. Ranges are rows, both ends within, apart and
/// in order; none begins at row 0.
pub(crate) fn vus_pr(scores: &[f64], ranges: &[(usize, usize)], buffer_max: usize) -> Option<f64> {
    if ranges.is_empty() || scores.is_empty() {
        return None;
    }
    let count = scores.len();
    let mut falling = scores.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let levels: Vec<f64> = (0..THRESHOLDS)
        .map(|at| falling[(at as f64 * (count - 1) as f64 / (THRESHOLDS - 1) as f64) as usize])
        .collect();
    // The first threshold, from the highest down, that a score passes.
    let first = |score: f64| levels.partition_point(|&level| level > score);
    let passes: Vec<usize> = scores.iter().map(|&score| first(score)).collect();
    let counted = |rows: &mut dyn Iterator<Item = (usize, f64)>| -> Vec<f64> {
        let mut sums = vec![0.0; THRESHOLDS + 1];
        rows.for_each(|(row, weight)| sums[passes[row]] += weight);
        for at in 1..sums.len() {
            sums[at] += sums[at - 1];
        }
        sums
    };
    let predicted = counted(&mut (0..count).map(|row| (row, 1.0)));
    let hits = counted(
        &mut ranges
            .iter()
            .flat_map(|&(from, to)| from..=to)
            .map(|row| (row, 1.0)),
    );
    let labelled: f64 = ranges.iter().map(|(from, to)| (to - from + 1) as f64).sum();

    let mut volume = 0.0;
    for buffer in 0..=buffer_max {
        let mut weights = std::collections::BTreeMap::new();
        let half = buffer / 2;
        let fade = |away: usize| (1.0 - away as f64 / buffer.max(1) as f64).sqrt();
        for &(from, to) in ranges {
            for row in (to + 1)..(to + half + 1).min(count) {
                *weights.entry(row).or_insert(0.0) += fade(row - to);
            }
            for row in from.saturating_sub(half)..from {
                *weights.entry(row).or_insert(0.0) += fade(from - row);
            }
        }
        for &(from, to) in ranges {
            weights.retain(|&row, _| row < from || row > to);
        }
        let near = counted(
            &mut weights
                .iter()
                .map(|(&row, &weight)| (row, f64::min(weight, 1.0))),
        );
        let grown = grow(ranges, half, count);
        let mut touched = vec![0.0; THRESHOLDS + 1];
        for &(from, to) in &grown {
            let soonest = passes[from..=to]
                .iter()
                .min()
                .copied()
                .unwrap_or(THRESHOLDS);
            touched[soonest] += 1.0;
        }
        let (mut area, mut before, mut ranges_touched) = (0.0, 0.0, 0.0);
        for at in 0..THRESHOLDS {
            ranges_touched += touched[at];
            let found = hits[at] + near[at];
            let positives = (labelled + labelled + near[at]) / 2.0;
            let recall = (found / positives).min(1.0) * ranges_touched / grown.len() as f64;
            area += (recall - before) * found / predicted[at].max(1.0);
            before = recall;
        }
        volume += area;
    }
    Some(volume / (buffer_max + 1) as f64)
}

/// Ranges with their buffers; those that meet are one.
fn grow(ranges: &[(usize, usize)], half: usize, count: usize) -> Vec<(usize, usize)> {
    let mut grown: Vec<(usize, usize)> = Vec::new();
    for &(from, to) in ranges {
        let (from, to) = (from.saturating_sub(half), (to + half).min(count - 1));
        match grown.last_mut() {
            Some(last) if last.1 >= from => last.1 = to,
            _ => grown.push((from, to)),
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, row by row: for each buffer, for each threshold, all rows.
    fn plain(scores: &[f64], ranges: &[(usize, usize)], buffer_max: usize) -> f64 {
        let count = scores.len();
        let mut falling = scores.to_vec();
        falling.sort_by(|a, b| b.total_cmp(a));
        let labelled: f64 = ranges.iter().map(|(from, to)| (to - from + 1) as f64).sum();
        let mut volume = 0.0;
        for buffer in 0..=buffer_max {
            let (half, width) = (buffer / 2, buffer as f64);
            let mut labels = vec![0.0f64; count];
            for &(from, to) in ranges {
                labels[from..=to].iter_mut().for_each(|label| *label += 1.0);
                for (row, label) in labels.iter_mut().enumerate() {
                    if row > to && row <= to + half {
                        *label += (1.0 - (row - to) as f64 / width).sqrt();
                    }
                    if row < from && row + half >= from {
                        *label += (1.0 - (from - row) as f64 / width).sqrt();
                    }
                }
            }
            labels.iter_mut().for_each(|label| *label = label.min(1.0));
            let grown = grow(ranges, half, count);
            let (mut area, mut before) = (0.0, 0.0);
            for at in 0..THRESHOLDS {
                let at = (at as f64 * (count - 1) as f64 / (THRESHOLDS - 1) as f64) as usize;
                let predicted: Vec<f64> = scores
                    .iter()
                    .map(|score| f64::from(u8::from(*score >= falling[at])))
                    .collect();
                let touched = grown
                    .iter()
                    .filter(|&&(from, to)| predicted[from..=to].iter().any(|p| *p > 0.0))
                    .count();
                let found: f64 = (0..count).map(|row| labels[row] * predicted[row]).sum();
                // Rows of the ranges themselves count in full, be they found or not.
                let inside = |row: usize| ranges.iter().any(|r| r.0 <= row && row <= r.1);
                let reachable: f64 = (0..count)
                    .map(|row| {
                        if inside(row) {
                            1.0
                        } else {
                            labels[row] * predicted[row]
                        }
                    })
                    .sum();
                let recall = (found / ((labelled + reachable) / 2.0)).min(1.0);
                let recall = recall * touched as f64 / grown.len() as f64;
                area += (recall - before) * found / predicted.iter().sum::<f64>();
                before = recall;
            }
            volume += area;
        }
        volume / (buffer_max + 1) as f64
    }

    #[test]
    fn the_fast_way_gives_what_the_definition_gives() {
        let noise = |at: usize| (at * 7919 % 1009) as f64 / 1009.0;
        for (ranges, gain) in [
            (vec![(100, 130)], 0.5),
            (vec![(40, 60), (70, 71), (300, 390)], 0.2),
            (vec![(395, 399)], 0.0),
        ] {
            let inside = |at: usize| {
                ranges
                    .iter()
                    .any(|r: &(usize, usize)| r.0 <= at && at <= r.1)
            };
            let scores: Vec<f64> = (0..400)
                .map(|at| {
                    if at % 3 == 0 {
                        0.0
                    } else {
                        noise(at) + if inside(at) { gain } else { 0.0 }
                    }
                })
                .collect();
            let fast = vus_pr(&scores, &ranges, 30).expect("there are ranges");
            let plain = plain(&scores, &ranges, 30);
            assert!((fast - plain).abs() < 1e-9, "{ranges:?}: {fast} {plain}");
        }
        assert_eq!(vus_pr(&[1.0, 0.0], &[], 10), None);
    }
}
