//! Random numbers that are the same on every machine and in every release.
//!
//! ## Model
//! xoshiro256++ (Blackman and Vigna, 2021) seeded by splitmix64. The `rand` crate promises neither
//! that its standard generator nor that its distributions stay what they are; a history that must
//! continue exactly needs both.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

/// A number that looks random and depends on nothing but `value` (the finaliser of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// [`mix`] as a fraction from 0 (included) to 1 (excluded).
pub(crate) fn fraction_of(value: u64) -> f64 {
    (mix(value) >> 11) as f64 / (1u64 << 53) as f64
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: std::array::from_fn(
                |i| mix(seed.wrapping_add(i as u64 * 0x1234_5678_9abc_def1)),
            ),
        }
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// From 0 (included) to 1 (excluded).
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with a probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A factor around 1 (its median) whose logarithm is normal with deviation `sigma`.
    pub(crate) fn spread(&mut self, sigma: f64) -> f64 {
        // Box and Muller; one half of the pair is thrown away to keep no state between calls.
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.fraction();
        (sigma * radius * angle.cos()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_depend_on_the_seed_only_and_are_spread_as_promised() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..4).map(|_| random.fraction()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mut random = Random::new(1);
        let mut spreads: Vec<f64> = (0..10_001).map(|_| random.spread(0.5)).collect();
        spreads.sort_by(f64::total_cmp);
        assert!(
            (spreads[5_000] - 1.0).abs() < 0.03,
            "median {}",
            spreads[5_000]
        );
        // One deviation above the median stands at 84.13 %.
        assert!(
            (spreads[8_414] - 0.5f64.exp()).abs() < 0.06,
            "{}",
            spreads[8_414]
        );
        let mean = (0..10_000).map(|_| random.fraction()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
    }
}
