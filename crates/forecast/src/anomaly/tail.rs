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
        let mut above = edge.weight;
        let mut bin = edge.bin;
        while bin > 0 && above < enough {
            bin -= 1;
            above += f64::from(self.bins[bin]) / f64::from(self.next);
        }
        if bin == 0 { 0.0 } else { value_of(bin as f64) }
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
