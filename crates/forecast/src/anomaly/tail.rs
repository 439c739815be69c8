//! How rare a statistic is by its own history.

/// Bins on the logarithmic axis.
const BINS: usize = 128;
/// Bins of an octave: a bin is 19 % wide.
const PER_OCTAVE: i32 = 4;
/// The bin of one unit: statistics from 2^-16 to 2^16 units are told apart.
const BIN_OF_ONE: f64 = 64.0;
/// About how many values are remembered.
pub(super) const MEMORY: f64 = 8000.0;
/// The part of all values that makes the tail.
const TAIL_SHARE: f64 = 0.02;
/// The tail's shape counts as if so many values had this mean logarithmic excess.
const PRIOR_SHAPE: f64 = 0.3;
const PRIOR_WEIGHT: f64 = 20.0;

/// A histogram of positive values on a logarithmic axis, whose highest fiftieth is a Pareto tail
/// (B. M. Hill's estimator, 1975). Old values fade.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    bins: [f32; BINS],
    /// Weight of all values, those of 0 and below included.
    total: f32,
    /// Weight of the next value. It grows, which makes the older ones fade.
    next: f32,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self {
            bins: [0.0; BINS],
            total: 0.0,
            next: 1.0,
        }
    }

    pub(super) fn learn(&mut self, value: f64) {
        if value > 0.0 {
            self.bins[bin_of(value) as usize] += self.next;
        }
        self.total += self.next;
        self.next *= (1.0 / (1.0 - 1.0 / MEMORY)) as f32;
        if self.next > 1e6 {
            let factor = 1.0 / self.next;
            self.bins.iter_mut().for_each(|bin| *bin *= factor);
            self.total *= factor;
            self.next = 1.0;
        }
    }

    /// `-log10` of the chance of a value as large as this one; 0 for those of 0 and below.
    pub(super) fn surprise(&self, value: f64) -> f64 {
        if value <= 0.0 || self.total <= 0.0 {
            return 0.0;
        }
        let edge = self.edge();
        let at = bin_of(value);
        let log10_chance = if at >= edge.bin as f64 {
            let distance = (at - edge.bin as f64) * BIN_WIDTH;
            (edge.chance.ln() - distance / edge.shape) / std::f64::consts::LN_10
        } else {
            let bin = at as usize;
            let whole: f32 = self.bins[bin + 1..edge.bin].iter().sum();
            let part = f64::from(self.bins[bin]) * (bin as f64 + 1.0 - at);
            let above = edge.weight + (f64::from(whole) + part) / f64::from(self.next);
            ((above + 0.5) / (self.count() + 1.0)).log10()
        };
        -log10_chance
    }

    /// The value with a surprise of so much; 0 if there is none.
    pub(super) fn value_at(&self, surprise: f64) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        let edge = self.edge();
        let wanted = -surprise * std::f64::consts::LN_10;
        if edge.bin == 0 {
            return 0.0;
        }
        let distance = (edge.chance.ln() - wanted) * edge.shape;
        if distance >= 0.0 {
            return value_of(edge.bin as f64 + distance / BIN_WIDTH);
        }
        // Within the histogram: down until enough lies above.
        let enough = wanted.exp() * (self.count() + 1.0) - 0.5;
        let mut missing = enough - edge.weight;
        for bin in (1..edge.bin).rev() {
            let weight = f64::from(self.bins[bin]) / f64::from(self.next);
            if weight >= missing && weight > 0.0 {
                return value_of(bin as f64 + 1.0 - missing.max(0.0) / weight);
            }
            missing -= weight;
        }
        0.0
    }

    /// The unit is 2^`octaves` times what it was.
    pub(super) fn rescale(&mut self, octaves: i32) {
        let by = octaves.saturating_mul(PER_OCTAVE);
        let mut moved = [0.0; BINS];
        for (bin, weight) in self.bins.iter().enumerate() {
            let to = (bin as i32).saturating_sub(by).clamp(0, BINS as i32 - 1);
            moved[to as usize] += weight;
        }
        self.bins = moved;
    }

    /// How many values there are, as weights of the newest.
    fn count(&self) -> f64 {
        f64::from(self.total) / f64::from(self.next)
    }

    fn edge(&self) -> Edge {
        let unit = 1.0 / f64::from(self.next);
        let count = self.count();
        let (mut weight, mut sum, mut bin) = (0.0, 0.0, BINS);
        while bin > 0 && weight < TAIL_SHARE * count {
            bin -= 1;
            let here = f64::from(self.bins[bin]) * unit;
            weight += here;
            sum += here * (bin as f64 + 0.5);
        }
        let excess = (sum - weight * bin as f64).max(0.0) * BIN_WIDTH;
        Edge {
            bin,
            weight,
            chance: (weight + 0.5) / (count + 1.0),
            shape: (excess + PRIOR_SHAPE * PRIOR_WEIGHT) / (weight + PRIOR_WEIGHT),
        }
    }
}

/// Where the tail begins.
struct Edge {
    /// Its lowest bin.
    bin: usize,
    /// How many values it has.
    weight: f64,
    /// Their part of all.
    chance: f64,
    /// Mean logarithm of how many times the edge they are.
    shape: f64,
}

/// Natural logarithm of the width of a bin.
const BIN_WIDTH: f64 = std::f64::consts::LN_2 / PER_OCTAVE as f64;

fn bin_of(value: f64) -> f64 {
    (value.log2() * f64::from(PER_OCTAVE) + BIN_OF_ONE).clamp(0.0, BINS as f64 - 0.001)
}

fn value_of(bin: f64) -> f64 {
    ((bin - BIN_OF_ONE) / f64::from(PER_OCTAVE)).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize) -> Tail {
        let mut tail = Tail::new();
        // A Pareto distribution of shape 1/4, evenly: the i-th value has a chance of i / count.
        for at in 0..count {
            let chance = (at as f64 * 0.618_034).fract().max(1e-9);
            tail.learn(chance.powf(-0.25));
        }
        tail
    }

    #[test]
    fn surprise_is_the_chance_in_the_history() {
        let tail = filled(4000);
        // The last one lies beyond what was seen: the tail is a little heavier by its prior.
        for (value, wanted) in [
            (1.2, 0.317),
            (1.5, 0.704),
            (2.0, 1.204),
            (3.0, 1.908),
            (10.0, 4.0),
        ] {
            let got = tail.surprise(value);
            assert!(
                (got - wanted).abs() < 0.3,
                "{value}: {got}, wanted {wanted}"
            );
        }
        assert_eq!(tail.surprise(0.0), 0.0);
        assert_eq!(tail.surprise(-1.0), 0.0);
        assert_eq!(Tail::new().surprise(1.0), 0.0);
    }

    #[test]
    fn surprise_never_falls_and_values_are_found_by_it() {
        let tail = filled(3000);
        let mut before = 0.0;
        for step in 0..400 {
            let value = 0.5 * 1.03f64.powi(step);
            let surprise = tail.surprise(value);
            assert!(
                surprise >= before - 1e-9,
                "{value}: {surprise} after {before}"
            );
            before = surprise;
        }
        for surprise in [1.0, 2.0, 3.0, 5.0] {
            let again = tail.surprise(tail.value_at(surprise));
            assert!((again - surprise).abs() < 0.15, "{surprise}: {again}");
        }
    }

    #[test]
    fn old_values_fade() {
        let mut tail = Tail::new();
        (0..1000).for_each(|_| tail.learn(100.0));
        let early = tail.surprise(90.0);
        (0..60_000).for_each(|_| tail.learn(1.0));
        assert!(early < 0.1 && tail.surprise(90.0) > 3.0);
        assert!(tail.next.is_finite() && tail.next <= 1e6 * 1.001);
    }

    #[test]
    fn another_unit_changes_nothing() {
        for octaves in [-4, 1, 5] {
            let (before, mut tail) = (filled(2000), filled(2000));
            tail.rescale(octaves);
            for value in [1.1, 1.7, 4.0, 20.0] {
                let moved = value * f64::from(-octaves).exp2();
                let (a, b) = (before.surprise(value), tail.surprise(moved));
                assert!((a - b).abs() < 1e-6, "{octaves} {value}: {a} {b}");
            }
        }
        let mut tail = filled(100);
        tail.rescale(i32::MAX);
        tail.rescale(i32::MIN);
        assert!(tail.surprise(1.0).is_finite());
    }
}
