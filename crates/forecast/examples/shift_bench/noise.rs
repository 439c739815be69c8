//! Stationary noise of the kinds that metrics have, from a seed.

/// Where a sample of noise comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Gauss,
    LogNormal,
    StudentT3,
    Ar(f64),
    Poisson(f64),
    /// White, one in a hundred with ten times the deviation.
    Outliers,
}

impl Kind {
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("gauss", Self::Gauss),
        ("lognormal", Self::LogNormal),
        ("student-t3", Self::StudentT3),
        ("ar1-0.5", Self::Ar(0.5)),
        ("ar1-0.8", Self::Ar(0.8)),
        ("poisson-0.5", Self::Poisson(0.5)),
        ("poisson-5", Self::Poisson(5.0)),
        ("outliers", Self::Outliers),
    ];

    /// Standard deviation; that of the white part, if there are outliers.
    pub(crate) fn deviation(self) -> f64 {
        match self {
            Self::Gauss | Self::Ar(_) | Self::Outliers => 1.0,
            Self::LogNormal => (1f64.exp() * (1f64.exp() - 1.0)).sqrt(),
            Self::StudentT3 => 3f64.sqrt(),
            Self::Poisson(rate) => rate.sqrt(),
        }
    }
}

/// SplitMix64: small, seeded, good enough for noise.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0, up to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn gauss(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        let floor = (-mean).exp();
        let mut product = self.uniform();
        let mut count = 0.0;
        while product > floor {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }
}

/// A stream of samples; `shift` moves the level by so many deviations.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    kind: Kind,
    random: Random,
    last: f64,
    pub(crate) shift: f64,
}

impl Source {
    pub(crate) fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5851_f42d);
        let last = random.gauss();
        Self {
            kind,
            random,
            last,
            shift: 0.0,
        }
    }

    pub(crate) fn next(&mut self) -> f64 {
        let moved = self.shift * self.kind.deviation();
        let random = &mut self.random;
        match self.kind {
            Kind::Gauss => random.gauss() + moved,
            Kind::LogNormal => random.gauss().exp() + moved,
            Kind::StudentT3 => {
                let chi: f64 = (0..3).map(|_| random.gauss().powi(2)).sum();
                random.gauss() / (chi / 3.0).sqrt() + moved
            }
            Kind::Ar(phi) => {
                self.last = phi * self.last + (1.0 - phi * phi).sqrt() * random.gauss();
                self.last + moved
            }
            Kind::Poisson(rate) => random.poisson((rate + moved).max(0.0)),
            Kind::Outliers => {
                let wide = random.uniform() < 0.01;
                random.gauss() * if wide { 10.0 } else { 1.0 } + moved
            }
        }
    }
}
