//! Straight lines, as `predict_linear` draws them, and anchored at the last value.

pub(crate) const NAMES: [&str; 6] = [
    "1 h",
    "6 h",
    "24 h",
    "1 h anchored",
    "6 h anchored",
    "24 h anchored",
];

/// Hours until each line has gone so far beyond the last value of a path.
pub(crate) fn all(path: &[f64], distance: f64, step_hours: f64) -> Vec<f64> {
    let both = [false, true].into_iter();
    both.flat_map(|anchored| {
        [1.0, 6.0, 24.0].map(|window| {
            let count = ((window / step_hours) as usize).max(2);
            let from = path.len().saturating_sub(count + 1);
            line(&path[from..], distance, anchored) * step_hours
        })
    })
    .collect()
}

/// Steps until a straight line through values reaches the last of them and `distance`; as
/// `predict_linear`, or anchored at the last value.
fn line(values: &[f64], distance: f64, anchored: bool) -> f64 {
    let count = values.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        above += (at as f64 - middle) * (value - mean);
        below += (at as f64 - middle).powi(2);
    }
    let slope = above / below;
    let last = values[values.len() - 1];
    let level = if anchored {
        last
    } else {
        mean + slope * middle
    };
    let way = last + distance - level;
    if way <= 0.0 {
        0.0
    } else if slope > 0.0 {
        way / slope
    } else {
        f64::INFINITY
    }
}
