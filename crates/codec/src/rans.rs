//! Entropy coding of small alphabets: range asymmetric numeral systems with a static model.
//!
//! ## Model
//! Symbols are 0 to 15. Their frequencies are scaled to a sum of 1,024 and stored in front. Several
//! states take the symbols in turn, so that a decoder has as many independent chains of operations:
//! each symbol waits for a load and a multiplication, and four chains hide most of that. A number
//! of bits that is no whole number is spent on a symbol, which is what makes it worth its while for
//! counters that mostly stand still.
//!
//! ## Format
//! `byte symbol_count - 1`, frequencies of all symbols in 10 bits each (stored less one), the
//! states (u32; [`States`] says how many), then 16-bit words in the order in which the decoder wants
//! them.
//!
//! ## See also
//! J. Duda, "Asymmetric numeral systems", arXiv:1311.2540.

use crate::bits;
use crate::varint::{Malformed, Reader};

/// Symbols are below this.
pub const SYMBOLS_MAX: usize = 16;
/// How many states take the symbols in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// What was written before there were four: read, never written.
    Two,
    /// What is written.
    Four,
}

const SCALE_BITS: u32 = 10;
const SCALE: u32 = 1 << SCALE_BITS;
const STATE_MIN: u32 = 1 << 16;
/// States that are written.
const STATES: usize = 4;

/// About how many bytes [`encode`] takes for symbols that occur so often.
#[must_use]
pub fn cost(counts: &[u32; SYMBOLS_MAX]) -> usize {
    let total: u32 = counts.iter().sum();
    let used = counts.iter().rposition(|&c| c > 0).map_or(0, |at| at + 1);
    let bits: f64 = scaled(counts)
        .iter()
        .zip(counts)
        .filter(|&(_, &count)| count > 0)
        .map(|(&f, &count)| f64::from(count) * (10.0 - f64::from(f).log2()))
        .sum();
    if total == 0 {
        return 0;
    }
    (bits / 8.0).ceil() as usize + 1 + bits::packed_len(used, SCALE_BITS) + 4 * STATES
}

/// Frequencies that sum up to the scale; whatever occurs has at least 1.
fn scaled(counts: &[u32; SYMBOLS_MAX]) -> [u32; SYMBOLS_MAX] {
    let total: u64 = counts.iter().map(|&c| u64::from(c)).sum();
    let mut scaled = [0u32; SYMBOLS_MAX];
    if total == 0 {
        scaled[0] = SCALE;
        return scaled;
    }
    let mut sum = 0;
    for (to, &count) in scaled.iter_mut().zip(counts) {
        if count > 0 {
            *to = ((u64::from(count) * u64::from(SCALE) / total) as u32).max(1);
            sum += *to;
        }
    }
    // The most frequent symbol takes the difference: it has at least 1024 / 16, and rounding gives
    // away or takes at most 15.
    let largest = (0..SYMBOLS_MAX).max_by_key(|&s| scaled[s]).unwrap_or(0);
    scaled[largest] = scaled[largest] + SCALE - sum;
    scaled
}

/// Appends symbols, each below [`SYMBOLS_MAX`], whose numbers of occurrences are `counts`, coded
/// with [`States::Four`].
pub fn encode(symbols: &[u8], counts: &[u32; SYMBOLS_MAX], out: &mut Vec<u8>) {
    encode_in_turn::<STATES>(symbols, counts, out);
}

fn encode_in_turn<const N: usize>(symbols: &[u8], counts: &[u32; SYMBOLS_MAX], out: &mut Vec<u8>) {
    let used = counts.iter().rposition(|&c| c > 0).map_or(1, |at| at + 1);
    let frequencies = scaled(counts);
    let mut starts = [0u32; SYMBOLS_MAX];
    for s in 1..SYMBOLS_MAX {
        starts[s] = starts[s - 1] + frequencies[s - 1];
    }
    out.push((used - 1) as u8);
    // A frequency of 1024 means that there is one symbol; it is stored as 1023 and put right by
    // the decoder, which knows the sum.
    let stored = frequencies[..used]
        .iter()
        .map(|&f| u64::from(f.min(SCALE - 1)));
    bits::pack(stored, SCALE_BITS, out);
    let mut words: Vec<u16> = Vec::with_capacity(symbols.len() / 4);
    let mut states = [STATE_MIN; N];
    for (i, &symbol) in symbols.iter().enumerate().rev() {
        let symbol = usize::from(symbol);
        let (frequency, start) = (frequencies[symbol], starts[symbol]);
        let state = &mut states[i % N];
        if u64::from(*state) >= u64::from(frequency) << 22 {
            words.push(*state as u16);
            *state >>= 16;
        }
        *state = ((*state / frequency) << SCALE_BITS) + *state % frequency + start;
    }
    for state in states {
        out.extend_from_slice(&state.to_le_bytes());
    }
    for word in words.iter().rev() {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// Fills `out` with `base` plus each symbol, wrapping; leaves the reader behind the symbols.
///
/// # Errors
/// Where the bytes are cut off or the frequencies do not sum up.
pub fn decode(
    reader: &mut Reader<'_>,
    states: States,
    base: i64,
    out: &mut [i64],
) -> Result<(), Malformed> {
    let slots = read_slots(reader)?;
    match states {
        States::Two => decode_in_turn::<2>(reader, &slots, base, out),
        States::Four => decode_in_turn::<4>(reader, &slots, base, out),
    }
}

/// Of each of the 1024 slots: symbol, frequency less one, and distance from the symbol's first slot,
/// in one word.
type Slots = [u32; SCALE as usize];

fn read_slots(reader: &mut Reader<'_>) -> Result<Slots, Malformed> {
    let used = usize::from(reader.byte()?) + 1;
    if used > SYMBOLS_MAX {
        return Err(reader.malformed("alphabet beyond 16 symbols"));
    }
    let packed = reader.take(bits::packed_len(used, SCALE_BITS))?;
    let mut frequencies = [0u32; SYMBOLS_MAX];
    bits::unpack(packed, SCALE_BITS, &mut frequencies[..used], |f| f as u32)?;
    let sum: u32 = frequencies.iter().sum();
    if sum == SCALE - 1
        && let Some(only) = frequencies.iter_mut().find(|f| **f == SCALE - 1)
    {
        *only = SCALE;
    } else if sum != SCALE {
        return Err(reader.malformed("frequencies that do not sum up to 1024"));
    }
    let mut slots = [0u32; SCALE as usize];
    let mut at = 0usize;
    for (symbol, &frequency) in frequencies.iter().enumerate() {
        for distance in 0..frequency {
            slots[at] = (symbol as u32) << 20 | (frequency - 1) << 10 | distance;
            at += 1;
        }
    }
    Ok(slots)
}

fn decode_in_turn<const N: usize>(
    reader: &mut Reader<'_>,
    slots: &Slots,
    base: i64,
    out: &mut [i64],
) -> Result<(), Malformed> {
    let mut states = [0u32; N];
    for state in &mut states {
        *state = reader.u32()?;
    }
    let words = reader.rest();
    let mut word_at = 0;
    let mut one = |state: &mut u32, to: &mut i64| {
        let slot = slots[(*state & (SCALE - 1)) as usize];
        *to = base.wrapping_add(i64::from(slot >> 20));
        let frequency = (slot >> 10 & (SCALE - 1)) + 1;
        // Damaged states may overflow; the answer is then wrong but bounded, and a checksum
        // outside of here has refused the bytes before.
        *state = frequency
            .wrapping_mul(*state >> SCALE_BITS)
            .wrapping_add(slot & (SCALE - 1));
        if *state < STATE_MIN {
            let Some(&[low, high]) = words.get(word_at..).and_then(|w| w.first_chunk::<2>()) else {
                return false;
            };
            *state = *state << 16 | u32::from(low) | u32::from(high) << 8;
            word_at += 2;
        }
        true
    };
    let mut complete = true;
    let mut turns = out.chunks_exact_mut(N);
    for turn in &mut turns {
        for (state, to) in states.iter_mut().zip(turn) {
            complete &= one(state, to);
        }
    }
    for (state, to) in states.iter_mut().zip(turns.into_remainder()) {
        complete &= one(state, to);
    }
    if !complete {
        return Err(reader.malformed("missing entropy-coded words"));
    }
    reader.take(word_at)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(symbols: &[u8]) -> usize {
        let mut counts = [0u32; SYMBOLS_MAX];
        for &s in symbols {
            counts[usize::from(s)] += 1;
        }
        let wanted: Vec<i64> = symbols.iter().map(|&s| 100 + i64::from(s)).collect();
        let mut len = 0;
        for states in [States::Two, States::Four] {
            let mut out = Vec::new();
            match states {
                States::Two => encode_in_turn::<2>(symbols, &counts, &mut out),
                States::Four => encode(symbols, &counts, &mut out),
            }
            len = out.len();
            out.extend_from_slice(b"tail");
            let mut reader = Reader::new(&out);
            let mut back = vec![0; symbols.len()];
            decode(&mut reader, states, 100, &mut back).unwrap();
            assert_eq!(back, wanted);
            assert_eq!(reader.rest(), b"tail");
        }
        len
    }

    #[test]
    fn rare_symbols_cost_little() {
        let symbols: Vec<u8> = (0..4096).map(|i| u8::from(i % 16 == 0)).collect();
        // 4096 symbols of 0.337 bits are 173 bytes.
        assert!(check(&symbols) < 195);
        check(&[7; 100]);
        check(&[0; 3]);
        check(&[]);
    }

    proptest! {
        #[test]
        fn symbols_come_back(symbols in prop::collection::vec(0u8..16, 0..3000), skew in 0u8..16) {
            let skewed: Vec<u8> = symbols.iter().map(|&s| s.saturating_sub(skew)).collect();
            check(&skewed);
        }

        #[test]
        fn damage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut out = [0; 101];
            for states in [States::Two, States::Four] {
                let _whatever = decode(&mut Reader::new(&bytes), states, 0, &mut out);
            }
        }
    }
}
