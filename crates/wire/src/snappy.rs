//! Snappy blocks, with the size checked before anything is unpacked.

use crate::WireError;

/// Unpacks one block into `out`, which is overwritten and keeps its memory; gives back the
/// unpacked bytes. A block says at its start how large it becomes, so that a bomb is refused
/// before memory is taken for it.
///
/// # Errors
/// [`WireError::TooLarge`] above `limit` bytes, [`WireError::Snappy`] for anything but a block.
pub fn decode<'a>(block: &[u8], limit: usize, out: &'a mut Vec<u8>) -> Result<&'a [u8], WireError> {
    let size = snap::raw::decompress_len(block).map_err(|e| WireError::Snappy(e.to_string()))?;
    if size > limit {
        return Err(WireError::TooLarge {
            size: size as u64,
            limit: limit as u64,
        });
    }
    // Growing only: zeroing the same memory for each body would cost as much as unpacking it.
    if out.len() < size {
        out.resize(size, 0);
    }
    let written = snap::raw::Decoder::new()
        .decompress(block, out)
        .map_err(|e| WireError::Snappy(e.to_string()))?;
    Ok(out.get(..written).unwrap_or_default())
}

/// Packs bytes into one block.
///
/// # Errors
/// Where there are more than 4 GiB.
pub fn encode(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    snap::raw::Encoder::new()
        .compress_vec(bytes)
        .map_err(|e| WireError::Snappy(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        // The varint says 2³¹ bytes; the body has none of them.
        let mut out = Vec::new();
        let bomb = [0x80, 0x80, 0x80, 0x80, 0x08];
        let error = decode(&bomb, 1 << 20, &mut out).unwrap_err();
        assert_eq!(
            error,
            WireError::TooLarge {
                size: 1 << 31,
                limit: 1 << 20
            }
        );
        assert!(out.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn blocks_come_back(bytes in proptest::collection::vec(0u8..4, 0..5000)) {
            let mut out = vec![9; 17];
            let block = encode(&bytes).unwrap();
            proptest::prop_assert_eq!(decode(&block, 5000, &mut out).unwrap(), &bytes[..]);
        }

        #[test]
        fn random_bytes_are_refused_or_bounded(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            let mut out = Vec::new();
            if let Ok(unpacked) = decode(&bytes, 4096, &mut out) {
                proptest::prop_assert!(unpacked.len() <= 4096);
            }
            proptest::prop_assert!(out.len() <= 4096);
        }
    }
}
