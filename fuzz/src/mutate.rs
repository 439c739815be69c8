//! Makes new inputs out of old ones.

/// A seeded generator (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 to below `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let wide = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        if n == 0 {
            0
        } else {
            (wide % n as u64) as usize
        }
    }
}

/// Longest input, in bytes. Chosen: long enough for nesting and bombs, short enough to be fast.
const LENGTH_MAX: usize = 1 << 16;

/// Numbers at which decoders go wrong.
const EDGES: [u64; 8] = [
    0,
    1,
    0x7f,
    0x80,
    0xffff,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];

/// An input made from one or two of `corpus` by a few random changes.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], dictionary: &[&str], random: &mut Random) -> Vec<u8> {
    let mut input = corpus
        .get(random.below(corpus.len()))
        .cloned()
        .unwrap_or_default();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() + 1);
        match random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.below(256) as u8,
            2 => input.truncate(at),
            3 => {
                let end = at + random.below(input.len() - at + 1);
                input.drain(at..end);
            }
            4 => {
                let end = at + random.below(input.len() - at + 1);
                let copy = input[at..end].to_vec();
                let times = 1 + random.below(20);
                for _ in 0..times {
                    if input.len() + copy.len() <= LENGTH_MAX {
                        input.splice(at..at, copy.iter().copied());
                    }
                }
            }
            5 => {
                let other = corpus
                    .get(random.below(corpus.len()))
                    .cloned()
                    .unwrap_or_default();
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => {
                let word = dictionary
                    .get(random.below(dictionary.len()))
                    .copied()
                    .unwrap_or("(");
                input.splice(at..at, word.bytes());
            }
            7 => {
                let edge = EDGES[random.below(EDGES.len())].to_le_bytes();
                let width = 1 << random.below(4);
                for (offset, byte) in edge[..width].iter().enumerate() {
                    if let Some(place) = input.get_mut(at + offset) {
                        *place = *byte;
                    }
                }
            }
            _ => {
                let byte = random.below(256) as u8;
                let times = random.below(64);
                input.splice(at..at, std::iter::repeat_n(byte, times));
            }
        }
        input.truncate(LENGTH_MAX);
    }
    input
}
