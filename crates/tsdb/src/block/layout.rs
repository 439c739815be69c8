//! Header and footer of a block's file, and the sections between them.

use bellwether_codec::varint::{Malformed, Reader};

pub(super) const MAGIC: &[u8; 8] = b"BWBLOCK\n";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_LEN: usize = 16;
/// Entries of the series section between two offsets: fewer cost bytes, more cost time.
pub(super) const GROUP: usize = 16;

/// What the footer says of the block as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockFacts {
    /// Oldest sample, ms.
    pub(crate) min_ms: i64,
    /// Newest sample, ms.
    pub(crate) max_ms: i64,
    pub(crate) series_count: u64,
    pub(crate) sample_count: u64,
    pub(crate) chunk_count: u64,
    /// Writes with smaller numbers win where two have a sample at one time.
    pub(crate) sequence_first: u64,
    pub(crate) sequence_last: u64,
    /// The seed under which the fingerprints were made.
    pub(crate) seed: u64,
}

/// Sections of the index, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Groups of series entries.
    Series,
    /// u64 for each group: where it begins in `Series`.
    Groups,
    /// u128 for each series.
    Fingerprints,
    /// u32 for each series: the series in order of their fingerprints.
    ByFingerprint,
    /// Label names with the number of their pairs.
    Names,
    /// u32 for each pair: its rank by name and value.
    Ranks,
    /// u64 for each rank, and one more: where its value begins in `Values`.
    ValueOffsets,
    /// Values of the pairs by rank.
    Values,
    /// u32 for each rank: the number of the pair.
    ByRank,
    /// u64 for each rank, and one more: where its list begins in `Postings`.
    PostingOffsets,
    /// Lists of series by rank of the pair.
    Postings,
}

pub(super) const SECTIONS: usize = 11;

#[derive(Debug, Clone, Copy)]
pub(super) struct Footer {
    pub(super) facts: BlockFacts,
    pub(super) data_len: u64,
    pub(super) pair_count: u64,
    pub(super) section_lens: [u64; SECTIONS],
    pub(super) index_checksum: u32,
}

pub(super) const FOOTER_LEN: usize = 8 * (10 + SECTIONS) + 4 + 4 + 8;

impl Footer {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let facts = self.facts;
        let mut out = Vec::with_capacity(FOOTER_LEN);
        let numbers = [
            facts.min_ms as u64,
            facts.max_ms as u64,
            facts.series_count,
            facts.sample_count,
            facts.chunk_count,
            facts.sequence_first,
            facts.sequence_last,
            facts.seed,
            self.data_len,
            self.pair_count,
        ];
        for number in numbers.into_iter().chain(self.section_lens) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.index_checksum.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.extend_from_slice(MAGIC);
        out
    }

    /// Reads the last [`FOOTER_LEN`] bytes of a file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let bad = |what| Malformed { what, offset: 0 };
        let checked = FOOTER_LEN - 12;
        let (Some(body), Some(tail)) = (bytes.get(..checked), bytes.get(checked..)) else {
            return Err(bad("missing footer"));
        };
        let mut tail = Reader::new(tail);
        if tail.u32()? != crc32fast::hash(body) {
            return Err(bad("checksum that does not fit the footer"));
        }
        if tail.take(8)? != MAGIC {
            return Err(bad("footer without its magic"));
        }
        let mut body = Reader::new(body);
        let facts = BlockFacts {
            min_ms: body.u64()? as i64,
            max_ms: body.u64()? as i64,
            series_count: body.u64()?,
            sample_count: body.u64()?,
            chunk_count: body.u64()?,
            sequence_first: body.u64()?,
            sequence_last: body.u64()?,
            seed: body.u64()?,
        };
        let data_len = body.u64()?;
        let pair_count = body.u64()?;
        let mut section_lens = [0; SECTIONS];
        for len in &mut section_lens {
            *len = body.u64()?;
        }
        Ok(Self {
            facts,
            data_len,
            pair_count,
            section_lens,
            index_checksum: body.u32()?,
        })
    }
}
