//! From the bytes in which a series arrives to the key under which the store remembers it.

use bellwether_storage::SeriesKey;
use xxhash_rust::xxh3::xxh3_128_with_secret;

/// Length of an XXH3 secret: the default of the reference implementation.
const SECRET_BYTES: usize = 192;

/// Hashes the raw bytes of series of one wire format.
///
/// The secret is derived from the store's seed and the format, so that equal bytes of two formats
/// have different keys, and nobody outside can make two series collide.
#[derive(Clone)]
pub struct SeriesHasher {
    secret: [u8; SECRET_BYTES],
}

impl SeriesHasher {
    /// A hasher for a format. `format_tag` is any number that no other format uses.
    #[must_use]
    pub fn new(key_seed: u64, format_tag: u64) -> Self {
        let mut secret = [0; SECRET_BYTES];
        let mut state = key_seed ^ format_tag.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for chunk in secret.chunks_exact_mut(8) {
            // SplitMix64: a full-period generator whose outputs pass statistical tests.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        Self { secret }
    }

    /// The key of a series that arrives as `bytes`.
    #[must_use]
    #[inline]
    pub fn key(&self, bytes: &[u8]) -> SeriesKey {
        SeriesKey(xxh3_128_with_secret(bytes, &self.secret))
    }
}

/// The secret stays out of logs.
impl std::fmt::Debug for SeriesHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeriesHasher(<secret>)")
    }
}
