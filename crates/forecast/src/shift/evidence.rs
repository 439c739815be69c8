//! Evidence that the residuals have moved, for moves of several sizes both ways at once.

/// Sizes of moves looked for, in deviations of the residual. Each is twice the one before, so that
/// the powers of one exponential serve them all.
const SIZES: usize = 5;
const SIZE_MIN: f64 = 0.25;
/// About how many residuals the norms remember, and as how many normal ones they begin.
const MEMORY: f64 = 1024.0;
const PRIOR: f64 = 200.0;
/// How many standard errors the level of the reference is granted. Chosen so that AR(1) noise at
/// 0.8, the worst of the kinds measured, keeps to the stated rate.
const MARGIN: f64 = 1.1;
/// The norm of a size is at least this share of what it is for normal residuals.
const NORM_SHARE_MIN: f64 = 0.3;
const CEILING: f64 = 1e200;

/// Moves of one size in one direction.
#[derive(Debug, Clone, Copy)]
struct Tracker {
    /// What one sample is worth on average while nothing has moved: mean of `exp(size * residual)`.
    moment: f64,
    /// Logarithm of what one sample is taken to be worth, and its inverse.
    norm: f64,
    scale: f64,
    /// Shiryaev and Roberts: sum over all beginnings of the likelihood ratio since then.
    sum: f64,
    /// Page: the largest of these ratios, as a logarithm, and how long ago it begins.
    largest: f64,
    age: usize,
}

/// Shiryaev–Roberts e-detectors, mixed.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    up: [Tracker; SIZES],
    down: [Tracker; SIZES],
    weight: f64,
}

/// Where the evidence points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lead {
    pub(super) upwards: bool,
    /// How many samples ago the move began, the present one included.
    pub(super) age: usize,
}

impl Evidence {
    pub(super) fn new() -> Self {
        let tracker = Tracker {
            moment: 0.0,
            norm: 0.0,
            scale: 1.0,
            sum: 0.0,
            largest: 0.0,
            age: 0,
        };
        Self {
            up: [tracker; SIZES],
            down: [tracker; SIZES],
            weight: 0.0,
        }
    }

    pub(super) fn push(&mut self, residual: f64) {
        let (mut up, mut down) = tilts(residual);
        let mut exponent = SIZE_MIN * residual;
        for at in 0..SIZES {
            self.up[at].push(up, exponent);
            self.down[at].push(down, -exponent);
            up *= up;
            down *= down;
            exponent *= 2.0;
        }
    }

    /// Learns what residuals are worth while nothing has moved.
    pub(super) fn learn(&mut self, residual: f64) {
        let keep = 1.0 - 1.0 / MEMORY;
        self.weight = self.weight * keep + 1.0;
        let (mut up, mut down) = tilts(residual);
        for at in 0..SIZES {
            self.up[at].moment = self.up[at].moment * keep + up;
            self.down[at].moment = self.down[at].moment * keep + down;
            up *= up;
            down *= down;
        }
    }

    /// Makes the norms anew, for a reference of `samples`.
    pub(super) fn fit(&mut self, samples: usize) {
        let error = MARGIN / (samples.max(1) as f64).sqrt();
        let mut size = SIZE_MIN;
        for at in 0..SIZES {
            let normal = size * size / 2.0;
            for tracker in [&mut self.up[at], &mut self.down[at]] {
                let mean = (tracker.moment + PRIOR * normal.exp()) / (self.weight + PRIOR);
                tracker.norm = mean.ln().max(NORM_SHARE_MIN * normal) + size * error;
                tracker.scale = (-tracker.norm).exp();
            }
            size *= 2.0;
        }
    }

    /// Mean of the sums of one direction.
    pub(super) fn upwards(&self) -> f64 {
        self.up.iter().map(|tracker| tracker.sum).sum::<f64>() / SIZES as f64
    }

    /// Mean of the sums of the other.
    pub(super) fn downwards(&self) -> f64 {
        self.down.iter().map(|tracker| tracker.sum).sum::<f64>() / SIZES as f64
    }

    pub(super) fn lead(&self) -> Lead {
        let largest = |side: &[Tracker; SIZES]| {
            side.iter()
                .copied()
                .max_by(|a, b| a.sum.total_cmp(&b.sum))
                .unwrap_or(side[0])
        };
        let (up, down) = (largest(&self.up), largest(&self.down));
        if up.sum > down.sum {
            Lead {
                upwards: true,
                age: up.age,
            }
        } else {
            Lead {
                upwards: false,
                age: down.age,
            }
        }
    }

    /// Scales all sums, so that recovery shows soon although evidence was overwhelming.
    pub(super) fn scale(&mut self, factor: f64) {
        for tracker in self.up.iter_mut().chain(&mut self.down) {
            tracker.sum *= factor;
        }
    }

    pub(super) fn reset(&mut self) {
        for tracker in self.up.iter_mut().chain(&mut self.down) {
            tracker.sum = 0.0;
            tracker.largest = 0.0;
            tracker.age = 0;
        }
    }
}

impl Tracker {
    /// Takes in `exp(exponent)`.
    fn push(&mut self, tilt: f64, exponent: f64) {
        self.sum = ((1.0 + self.sum) * tilt * self.scale).min(CEILING);
        if self.largest <= 0.0 {
            self.largest = 0.0;
            self.age = 0;
        }
        self.largest += exponent - self.norm;
        self.age += 1;
    }
}

/// Exponentials of the smallest size, up and down.
fn tilts(residual: f64) -> (f64, f64) {
    let up = (SIZE_MIN * residual).exp();
    (up, 1.0 / up)
}
