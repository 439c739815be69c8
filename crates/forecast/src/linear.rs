//! Weighted least squares for a handful of unknowns, robust against outliers.

/// Rounds of reweighting. Measured: more change nothing.
const ROUNDS: usize = 3;
/// Errors below this part of the median absolute error count by their square, larger ones by their size.
const KNEE: f64 = 1.0;

/// Rows of a linear model: what is known, what it should give, how much it counts.
#[derive(Debug)]
pub(crate) struct Rows {
    unknowns: usize,
    features: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

impl Rows {
    pub(crate) fn new(unknowns: usize) -> Self {
        Self {
            unknowns,
            features: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.targets.len()
    }

    /// Adds a row; `fill` appends exactly as many features as there are unknowns.
    pub(crate) fn add(&mut self, target: f64, weight: f64, fill: impl FnOnce(&mut Vec<f64>)) {
        fill(&mut self.features);
        self.features
            .resize((self.targets.len() + 1) * self.unknowns, 0.0);
        self.targets.push(target);
        self.weights.push(weight);
    }

    /// Coefficients that make the errors small, by their squares while they are as usual, and by their size beyond.
    ///
    /// `ridge` pulls the first `penalised` coefficients to 0, relative to the square of their feature. `None` if there
    /// are fewer rows than twice the unknowns, or the numbers are beyond solving.
    pub(crate) fn fit(&self, ridge: f64, penalised: usize) -> Option<Vec<f64>> {
        if self.len() < 2 * self.unknowns {
            return None;
        }
        let mut weights = self.weights.clone();
        let mut errors = vec![0.0; self.len()];
        let mut solution = None;
        for round in 0..ROUNDS {
            let coefficients = self.solve(&weights, ridge, penalised)?;
            if round + 1 < ROUNDS {
                for (error, (row, target)) in errors.iter_mut().zip(self.rows()) {
                    *error = (target - dot(row, &coefficients)).abs();
                }
                let knee = KNEE * median(&errors);
                if knee > 0.0 {
                    for ((weight, given), error) in
                        weights.iter_mut().zip(&self.weights).zip(&errors)
                    {
                        *weight = given / error.max(knee) * knee;
                    }
                }
            }
            solution = Some(coefficients);
        }
        solution
    }

    fn rows(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.features
            .chunks_exact(self.unknowns)
            .zip(self.targets.iter().copied())
    }

    fn solve(&self, weights: &[f64], ridge: f64, penalised: usize) -> Option<Vec<f64>> {
        let width = self.unknowns;
        let mut gram = vec![0.0; width * width];
        let mut moment = vec![0.0; width];
        for ((row, target), weight) in self.rows().zip(weights) {
            for (at, feature) in row.iter().enumerate() {
                let weighted = feature * weight;
                moment[at] += weighted * target;
                let line = &mut gram[at * width..at * width + at + 1];
                for (cell, other) in line.iter_mut().zip(row) {
                    *cell += weighted * other;
                }
            }
        }
        let trace: f64 = (0..width).map(|at| gram[at * width + at]).sum();
        for at in 0..width {
            let cell = &mut gram[at * width + at];
            if at < penalised {
                *cell *= 1.0 + ridge;
            }
            *cell += 1e-10 * trace / width as f64 + f64::MIN_POSITIVE;
        }
        cholesky(&mut gram, &mut moment, width)?;
        Some(moment)
    }
}

/// Solves in place: `gram` holds the lower half, `right` becomes the answer.
pub(crate) fn cholesky(gram: &mut [f64], right: &mut [f64], width: usize) -> Option<()> {
    for row in 0..width {
        for column in 0..=row {
            let (above, line) = (&gram[column * width..], &gram[row * width..]);
            let sum = line[column] - dot(&line[..column], &above[..column]);
            if row == column {
                if !(sum > 0.0 && sum.is_finite()) {
                    return None;
                }
                gram[row * width + row] = sum.sqrt();
            } else {
                gram[row * width + column] = sum / gram[column * width + column];
            }
        }
    }
    for row in 0..width {
        let sum = right[row] - dot(&gram[row * width..row * width + row], &right[..row]);
        right[row] = sum / gram[row * width + row];
    }
    for row in (0..width).rev() {
        let mut sum = right[row];
        for below in row + 1..width {
            sum -= gram[below * width + row] * right[below];
        }
        right[row] = sum / gram[row * width + row];
    }
    right.iter().all(|value| value.is_finite()).then_some(())
}

/// Sum of products over the shorter of the two.
pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The middle value, the upper one of two; 0 of nothing. Values must not be NaN for it to mean anything.
pub(crate) fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(outlier: f64) -> Rows {
        let mut rows = Rows::new(2);
        for at in 0..40 {
            let x = f64::from(at);
            let noise = if at % 2 == 0 { 0.1 } else { -0.1 };
            let target = 3.0 * x - 7.0 + noise + if at == 33 { outlier } else { 0.0 };
            rows.add(target, 1.0, |row| row.extend([x, 1.0]));
        }
        rows
    }

    #[test]
    fn a_line_is_found_whatever_one_point_says() {
        for outlier in [0.0, 1e2, 1e4] {
            let found = line(outlier).fit(0.0, 0).unwrap();
            assert!((found[0] - 3.0).abs() < 0.35, "{outlier}: {found:?}");
        }
        let found = line(0.0).fit(0.0, 0).unwrap();
        assert!((found[0] - 3.0).abs() < 0.01 && (found[1] + 7.0).abs() < 0.1);
    }

    #[test]
    fn a_ridge_pulls_to_nothing() {
        let plain = line(0.0).fit(0.0, 1).unwrap();
        let pulled = line(0.0).fit(10.0, 1).unwrap();
        assert!(pulled[0].abs() < 0.2 * plain[0]);
    }

    #[test]
    fn what_cannot_be_solved_is_said() {
        assert_eq!(Rows::new(2).fit(0.0, 0), None);
        let mut rows = Rows::new(1);
        for _ in 0..5 {
            rows.add(f64::NAN, 1.0, |row| row.push(1.0));
        }
        assert_eq!(rows.fit(0.0, 0), None);
        // The same feature twice: one of many answers, none that is not finite.
        let mut rows = Rows::new(2);
        for at in 0..9 {
            rows.add(f64::from(at), 1.0, |row| row.extend([f64::from(at); 2]));
        }
        let found = rows.fit(0.0, 0).unwrap();
        assert!((found[0] + found[1] - 1.0).abs() < 1e-3);
    }
}
