//! Makes the checksums of changed files fit again, so that decoders behind them are reached.
//!
//! ## Model
//! Written after the pages in `docs/format`, not after the code: a checksum that ours and the code's
//! idea of the format do not agree on is a finding as well.

use bellwether_codec::ints;
use bellwether_codec::varint::Reader;

const FRAME_LEN: usize = 10;
const BLOCK_HEADER_LEN: usize = 16;
const BLOCK_SECTIONS: usize = 11;
const BLOCK_FOOTER_LEN: usize = 8 * (10 + BLOCK_SECTIONS) + 4 + 4 + 8;
/// Series in a group of a block.
const GROUP: u64 = 16;
/// Flag of a chunk whose times stand in an earlier one.
const TIMES_SHARED: u8 = 1 << 4;

/// Seals a file of the metrics engine. `original` is the file before it was changed.
pub(crate) fn store_file(original: &[u8], changed: &mut [u8]) {
    match original.get(..8) {
        Some(b"BWLOG\0\0\n") => records(changed),
        Some(b"BWMANIF\n") => tail(changed),
        Some(b"BWBLOCK\n") => block(original, changed),
        _ => {}
    }
}

/// A log, a list of series, or tombstones: mark, type, length, checksum, payload.
fn records(bytes: &mut [u8]) {
    let mut at = 16;
    while let Some(rest) = bytes.get_mut(at..)
        && rest.len() >= FRAME_LEN
    {
        if rest[0] != 0xb5 {
            at += 1;
            continue;
        }
        let length = number(&rest[2..6]).min(rest.len() - FRAME_LEN);
        rest[2..6].copy_from_slice(&(length as u32).to_le_bytes());
        let mut hasher = crc32fast::Hasher::new_with_initial(u32::from(rest[1]));
        hasher.update(&rest[2..6]);
        hasher.update(&rest[FRAME_LEN..FRAME_LEN + length]);
        let checksum = hasher.finalize();
        rest[6..FRAME_LEN].copy_from_slice(&checksum.to_le_bytes());
        at += FRAME_LEN + length;
    }
}

/// A checksum at the end over all before it.
fn tail(bytes: &mut [u8]) {
    if let Some((body, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = crc32fast::hash(body).to_le_bytes();
    }
}

/// A position of the queue of remote write.
pub(crate) fn queue_position(bytes: &mut [u8]) {
    tail(bytes);
}

/// A segment of the queue of remote write: length, checksum, payload.
pub(crate) fn queue_segment(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(rest) = bytes.get_mut(at..)
        && rest.len() > 8
    {
        let length = number(&rest[..4]).min(rest.len() - 8);
        rest[..4].copy_from_slice(&(length as u32).to_le_bytes());
        let checksum = crc32fast::hash(&rest[8..8 + length]);
        rest[4..8].copy_from_slice(&checksum.to_le_bytes());
        at += 8 + length;
    }
}

/// A block: the chunks where they were, the index, the footer. The lengths in the footer are made to
/// add up by the length of the data.
fn block(original: &[u8], bytes: &mut [u8]) {
    for chunk in chunks(original).unwrap_or_default() {
        if let Some(checksum) = chunk_checksum(bytes, chunk)
            && let Some(place) = bytes.get_mut(chunk.to - 4..chunk.to)
        {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }
    let Some(footer_at) = bytes.len().checked_sub(BLOCK_FOOTER_LEN) else {
        return;
    };
    let (before, footer) = bytes.split_at_mut(footer_at);
    let lengths: usize = footer[80..80 + 8 * BLOCK_SECTIONS]
        .chunks(8)
        .fold(0, |sum, length| sum.saturating_add(number(length)));
    let Some(index_at) = before.len().checked_sub(lengths) else {
        return;
    };
    let Some(data) = index_at.checked_sub(BLOCK_HEADER_LEN) else {
        return;
    };
    footer[64..72].copy_from_slice(&(data as u64).to_le_bytes());
    let index = crc32fast::hash(&before[index_at..]).to_le_bytes();
    let checked = 8 * (10 + BLOCK_SECTIONS);
    footer[checked..checked + 4].copy_from_slice(&index);
    let checksum = crc32fast::hash(&footer[..checked + 4]).to_le_bytes();
    footer[checked + 4..checked + 8].copy_from_slice(&checksum);
}

/// Where a chunk stands in its file, and how many samples it has.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    from: usize,
    to: usize,
    samples: usize,
}

/// Covers the chunk before the checksum and the column of times elsewhere, if it has one. `None` where
/// that cannot be read.
fn chunk_checksum(bytes: &[u8], chunk: Chunk) -> Option<u32> {
    let body = bytes.get(chunk.from..chunk.to.checked_sub(4)?)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    let mut reader = Reader::new(body);
    if reader.byte().ok()? & TIMES_SHARED != 0 {
        let back = usize::try_from(reader.varint().ok()?).ok()?;
        let column = bytes.get(chunk.from.checked_sub(back)?..)?;
        let mut reader = Reader::new(column);
        ints::decode(&mut reader, chunk.samples, &mut Vec::new()).ok()?;
        hasher.update(&column[..reader.position()]);
    }
    Some(hasher.finalize())
}

/// The chunks of a sound block.
fn chunks(block: &[u8]) -> Option<Vec<Chunk>> {
    let footer = block.get(block.len().checked_sub(BLOCK_FOOTER_LEN)?..)?;
    let series_count = number(&footer[16..24]) as u64;
    let series_at = BLOCK_HEADER_LEN + number(&footer[64..72]);
    let series = block.get(series_at..series_at + number(&footer[80..88]))?;
    let mut reader = Reader::new(series);
    let mut found = Vec::new();
    let mut group_offset = 0;
    for series in 0..series_count {
        if series % GROUP == 0 {
            group_offset = reader.varint().ok()? as usize;
        }
        let labels_len = reader.varint().ok()? as usize;
        reader.take(labels_len).ok()?;
        // The length of the chunks part.
        reader.varint().ok()?;
        let count = reader.varint().ok()?;
        let mut from = BLOCK_HEADER_LEN + group_offset + reader.varint().ok()? as usize;
        for _ in 0..count {
            let samples = reader.varint().ok()? as usize;
            reader.signed().ok()?;
            reader.varint().ok()?;
            let to = from + reader.varint().ok()? as usize;
            found.push(Chunk { from, to, samples });
            from = to;
        }
    }
    Some(found)
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_what_is_sound_changes_nothing() {
        let mut blocks = 0;
        for seed in crate::store_files::seeds() {
            let original = &seed[1..];
            let mut sealed = original.to_vec();
            store_file(original, &mut sealed);
            assert!(sealed == original, "file {} was changed", seed[0]);
            if original.starts_with(b"BWBLOCK\n") {
                blocks += 1;
                // They stand back to back from the header on.
                let mut at = BLOCK_HEADER_LEN;
                for chunk in chunks(original).unwrap() {
                    assert_eq!(chunk.from, at);
                    at = chunk.to;
                }
                assert!(at > BLOCK_HEADER_LEN);
            }
        }
        assert!(blocks > 0);
        let (segment, position) = bellwether_forward::fuzzing::queue_files();
        let mut sealed = (segment.clone(), position.clone());
        queue_segment(&mut sealed.0);
        queue_position(&mut sealed.1);
        assert_eq!(sealed, (segment, position));
    }

    #[test]
    fn changed_files_fit_their_checksums_again() {
        for seed in crate::store_files::seeds() {
            let original = &seed[1..];
            let (mut tried, mut resealed) = (0, 0);
            for at in (16..original.len()).step_by(3) {
                let mut changed = original.to_vec();
                changed[at] ^= 0x10;
                let damaged = changed.clone();
                store_file(original, &mut changed);
                tried += 1;
                resealed += usize::from(changed != damaged);
                let sealed = changed.clone();
                store_file(original, &mut changed);
                assert!(changed == sealed, "file {} at {at}", seed[0]);
            }
            // Shared times are left as they are.
            assert!(
                tried == 0 || resealed > tried / 2,
                "file {}: {resealed} of {tried}",
                seed[0]
            );
        }
    }
}
