//! Numbers of a fixed count of bits, one after the other.
//!
//! ## Model
//! Bit `i` of the stream is bit `i % 8` of byte `i / 8`. Number `k` of width `w` stands in the bits
//! from `k * w`. Unpacking loads eight bytes at once, which needs no knowledge of byte borders.

use crate::varint::Malformed;

/// How many bytes `count` numbers of `width` bits take.
#[must_use]
pub fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// How many bits a number needs.
#[inline]
#[must_use]
pub fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Appends numbers, each below `2^width`.
pub fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut pending: u128 = 0;
    let mut filled = 0;
    for number in numbers {
        pending |= u128::from(number) << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            filled -= 64;
        }
    }
    let bytes = filled.div_ceil(8) as usize;
    out.extend_from_slice(&(pending as u64).to_le_bytes()[..bytes]);
}

/// Fills `out` with what `make` makes of each number of `width` bits, 0 to 64.
///
/// # Errors
/// Where the bytes are too few or the width is beyond 64.
#[inline]
pub fn unpack<T>(
    bytes: &[u8],
    width: u32,
    out: &mut [T],
    mut make: impl FnMut(u64) -> T,
) -> Result<(), Malformed> {
    let needed = (out.len() as u128 * u128::from(width)).div_ceil(8);
    if width > 64 || (bytes.len() as u128) < needed {
        return Err(Malformed {
            what: "missing packed bits",
            offset: bytes.len(),
        });
    }
    if width == 0 {
        out.iter_mut().for_each(|to| *to = make(0));
        return Ok(());
    }
    let mask = u64::MAX >> (64 - width);
    let step = width as usize;
    // Numbers that lie wholly in an eight-byte load at their first byte: 7 bits of shift at most.
    let quick = if width <= 57 && bytes.len() >= 8 {
        (((bytes.len() - 8) * 8 + 7) / step + 1).min(out.len())
    } else {
        0
    };
    let (quickly, slowly) = out.split_at_mut(quick);
    let mut bit = 0;
    for to in quickly {
        let at = bit / 8;
        let word = load(&bytes[at..at + 8]);
        *to = make((word >> (bit % 8)) & mask);
        bit += step;
    }
    for to in slowly {
        let at = bit / 8;
        let end = (at + 9).min(bytes.len());
        let mut wide = [0u8; 16];
        wide[..end - at].copy_from_slice(&bytes[at..end]);
        let word = u128::from_le_bytes(wide) >> (bit % 8);
        *to = make(word as u64 & mask);
        bit += step;
    }
    Ok(())
}

#[inline]
fn load(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_numbers_come_back(
            width in 0u32..=64,
            numbers in prop::collection::vec(any::<u64>(), 0..200),
        ) {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let numbers: Vec<u64> = numbers.iter().map(|n| n & mask).collect();
            let mut out = Vec::new();
            pack(numbers.iter().copied(), width, &mut out);
            prop_assert_eq!(out.len(), packed_len(numbers.len(), width));
            let mut back = vec![0; numbers.len()];
            unpack(&out, width, &mut back, |n| n).unwrap();
            prop_assert_eq!(back, numbers);
        }
    }
}
