//! The random numbers of Python's `random.Random(seed)`, so that traces made by a Python program can be
//! made again here, bit for bit.
//!
//! ## Model
//! MT19937 (Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998), seeded with one number
//! by `init_by_array`, and the three derived draws that the traces need.
//!
//! ## Limits
//! Seeds below 2^32; lists below 2^32 entries.

const LENGTH: usize = 624;
const SHIFT: usize = 397;

/// The generator.
#[derive(Debug)]
pub(crate) struct Twister {
    state: Vec<u32>,
    index: usize,
}

impl Twister {
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = vec![19_650_218_u32; 1];
        for i in 1..LENGTH as u32 {
            let last = state[i as usize - 1];
            state.push(
                (last ^ (last >> 30))
                    .wrapping_mul(1_812_433_253)
                    .wrapping_add(i),
            );
        }
        // The key has one word, so that its index is always 0.
        let mut i = 1;
        let wrap = |state: &mut Vec<u32>, i: usize| {
            if i < LENGTH {
                return i;
            }
            state[0] = state[LENGTH - 1];
            1
        };
        for _ in 0..LENGTH {
            let last = state[i - 1];
            let mixed = (last ^ (last >> 30)).wrapping_mul(1_664_525);
            state[i] = (state[i] ^ mixed).wrapping_add(seed);
            i = wrap(&mut state, i + 1);
        }
        for _ in 1..LENGTH {
            let last = state[i - 1];
            let mixed = (last ^ (last >> 30)).wrapping_mul(1_566_083_941);
            state[i] = (state[i] ^ mixed).wrapping_sub(i as u32);
            i = wrap(&mut state, i + 1);
        }
        state[0] = 0x8000_0000;
        Self {
            state,
            index: LENGTH,
        }
    }

    fn word(&mut self) -> u32 {
        if self.index == LENGTH {
            for i in 0..LENGTH {
                let joined =
                    (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % LENGTH] & 0x7fff_ffff);
                let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + SHIFT) % LENGTH] ^ (joined >> 1) ^ twist;
            }
            self.index = 0;
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// Even over [0, 1), with 53 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        let high = u64::from(self.word() >> 5);
        let low = u64::from(self.word() >> 6);
        (high * 67_108_864 + low) as f64 / 9_007_199_254_740_992.0
    }

    /// Even over the indices of a list of `count` entries, by rejection.
    pub(crate) fn index(&mut self, count: u32) -> usize {
        let bits = u32::BITS - count.leading_zeros();
        loop {
            let drawn = self.word() >> (u32::BITS - bits);
            if drawn < count {
                return drawn as usize;
            }
        }
    }

    /// Gamma with a shape and a scale: Cheng (1977) above a shape of 1, below it algorithm GS of
    /// Ahrens and Dieter (1974), each with Python's order of draws.
    pub(crate) fn gamma(&mut self, shape: f64, scale: f64) -> f64 {
        if shape > 1.0 {
            let root = (2.0 * shape - 1.0).sqrt();
            loop {
                let first = self.uniform();
                if !(1e-7 < first && first < 0.999_999_9) {
                    continue;
                }
                let second = 1.0 - self.uniform();
                let v = (first / (1.0 - first)).ln() / root;
                let x = shape * v.exp();
                let z = first * first * second;
                let r = (shape - 4.0_f64.ln()) + (shape + root) * v - x;
                if r + (1.0 + 4.5_f64.ln()) - 4.5 * z >= 0.0 || r >= z.ln() {
                    return x * scale;
                }
            }
        } else if shape == 1.0 {
            -(1.0 - self.uniform()).ln() * scale
        } else {
            loop {
                let b = (std::f64::consts::E + shape) / std::f64::consts::E;
                let p = b * self.uniform();
                let x = if p <= 1.0 {
                    p.powf(1.0 / shape)
                } else {
                    -((b - p) / shape).ln()
                };
                let last = self.uniform();
                let bound = if p > 1.0 {
                    x.powf(shape - 1.0)
                } else {
                    (-x).exp()
                };
                if last <= bound {
                    return x * scale;
                }
            }
        }
    }
}
