//! A run of samples of one series as bytes.
//!
//! ## Model
//! A chunk holds floats or histograms, never both. Its column of times is left out where they are
//! regular, shared with the chunk of another series of the same scrape where those have the same
//! times, and else its own. Floats become integers: decimal fractions times a power of ten, all
//! others by their bit patterns in the order of the numbers; both take the shortest form of
//! [`bellwether_codec::ints`].
//!
//! ## Invariants
//! Lossless to the bit, payloads of NaN and the sign of zero included.
//!
//! ## Limits
//! A chunk has 1 to [`SAMPLES_MAX`] samples.
//!
//! ## Format
//! `docs/format/block.md`, "Chunks".

use std::cell::RefCell;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_codec::ints::{self, Effort};
use bellwether_codec::varint::{Malformed, Reader, put};
use bellwether_model::{Histogram, TimeRange};
use bellwether_storage::Samples;

use crate::histogram_codec::{put_histogram, read_histogram};
use crate::points::Points;

/// Six hours at 15 s. Chosen: half of it costs 2 % more on disk, twice of it short queries time.
pub(crate) const SAMPLES_MAX: usize = 1_440;
/// Bounds what a damaged index can ask for.
pub(crate) const SAMPLES_LIMIT: usize = 1 << 16;

const KIND_MASK: u8 = 0b111;
const KIND_CONSTANT: u8 = 0;
const KIND_DECIMAL: u8 = 1;
const KIND_BITS: u8 = 2;
const KIND_HISTOGRAMS: u8 = 3;
const TIMES_OWN: u8 = 1 << 3;
const TIMES_SHARED: u8 = 1 << 4;
const STARTS: u8 = 1 << 5;

/// Powers of ten that are exact as floats and leave room for the number itself.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// Integers up to here are exact as floats.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What the index says of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkMeta {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) count: u32,
    /// Where it begins in the data of its block.
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// Finds the bytes of an equal column of times that were written before.
pub(crate) trait SharedTimes {
    /// The offset of an equal column in the block's data, or notes this one, which will stand at
    /// `offset`.
    fn find_or_note(&mut self, column: &[u8], offset: u64) -> Option<u64>;
}

/// Working memory for encoding, to be used again.
#[derive(Debug, Default)]
pub(crate) struct EncodeScratch {
    ints: ints::Scratch,
    column: Vec<i64>,
    times: Vec<u8>,
    exceptions: Vec<(usize, u64)>,
}

/// Appends `points[from..to]`, which must be all floats or all histograms, to `data`, where
/// `data_begin` is the offset of `data[0]` in the block's data.
pub(crate) fn encode(
    points: &Points,
    (from, to): (usize, usize),
    effort: Effort,
    shared: &mut dyn SharedTimes,
    scratch: &mut EncodeScratch,
    data_begin: u64,
    data: &mut Vec<u8>,
) -> ChunkMeta {
    let begin = data.len();
    let times = &points.times_ms[from..to];
    data.push(0);
    let mut flags = 0;
    let mut shared_column = false;
    if regular_step(times).is_none() {
        scratch.times.clear();
        ints::encode(times, effort, &mut scratch.ints, &mut scratch.times);
        // The column will stand behind the byte of flags.
        let offset = data_begin + data.len() as u64;
        match shared.find_or_note(&scratch.times, offset) {
            Some(known) => {
                flags |= TIMES_SHARED;
                shared_column = true;
                put(data, data_begin + begin as u64 - known);
            }
            None => {
                flags |= TIMES_OWN;
                data.extend_from_slice(&scratch.times);
            }
        }
    }
    let starts = points.starts_ms.get(from..to).unwrap_or_default();
    if starts.iter().any(|&s| s != 0) {
        flags |= STARTS;
        ints::encode(starts, effort, &mut scratch.ints, data);
    }
    let histograms_from = points
        .histograms
        .partition_point(|(at, _)| (*at as usize) < from);
    let histograms_to = points
        .histograms
        .partition_point(|(at, _)| (*at as usize) < to);
    let histograms = &points.histograms[histograms_from..histograms_to];
    flags |= if histograms.is_empty() {
        encode_floats(&points.values[from..to], effort, scratch, data)
    } else {
        encode_histograms(histograms, data);
        KIND_HISTOGRAMS
    };
    data[begin] = flags;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&data[begin..]);
    if shared_column {
        hasher.update(&scratch.times);
    }
    data.extend_from_slice(&hasher.finalize().to_le_bytes());
    ChunkMeta {
        min_ms: times.first().copied().unwrap_or(0),
        max_ms: times.last().copied().unwrap_or(0),
        count: times.len() as u32,
        offset: data_begin + begin as u64,
        len: (data.len() - begin) as u32,
    }
}

/// The step of times that are all equally far apart.
fn regular_step(times: &[i64]) -> Option<i64> {
    let [first, second, ..] = times else {
        return Some(0);
    };
    let step = second.checked_sub(*first)?;
    let regular = times
        .windows(2)
        .all(|pair| pair[1].checked_sub(pair[0]) == Some(step));
    regular.then_some(step)
}

fn encode_histograms(histograms: &[(u32, Histogram)], data: &mut Vec<u8>) {
    let mut plain = Vec::new();
    let mut previous = None;
    for (_, histogram) in histograms {
        put_histogram(&mut plain, histogram, previous);
        previous = Some(histogram);
    }
    put(data, plain.len() as u64);
    // Compression into memory fails only where a buffer is too small, and it makes its own.
    let packed = zstd::bulk::compress(&plain, 3).unwrap_or_default();
    data.extend_from_slice(&packed);
}

fn encode_floats(
    values: &[f64],
    effort: Effort,
    scratch: &mut EncodeScratch,
    data: &mut Vec<u8>,
) -> u8 {
    let first = values.first().map_or(0, |v| v.to_bits());
    if values.iter().all(|v| v.to_bits() == first) {
        data.extend_from_slice(&first.to_le_bytes());
        return KIND_CONSTANT;
    }
    if let Some(exponent) = to_decimals(values, &mut scratch.column, &mut scratch.exceptions) {
        data.push(exponent);
        put(data, scratch.exceptions.len() as u64);
        let mut previous = 0;
        for &(at, bits) in &scratch.exceptions {
            put(data, (at - previous) as u64);
            data.extend_from_slice(&bits.to_le_bytes());
            previous = at;
        }
        ints::encode(&scratch.column, effort, &mut scratch.ints, data);
        return KIND_DECIMAL;
    }
    scratch.column.clear();
    scratch
        .column
        .extend(values.iter().map(|v| ordered(v.to_bits())));
    ints::encode(&scratch.column, effort, &mut scratch.ints, data);
    KIND_BITS
}

/// Bit patterns as integers that are ordered as the numbers are; its own inverse.
#[inline]
fn ordered(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The integer that gives the float back when divided by the power, if there is one.
#[inline]
fn decimal(value: f64, power: f64) -> Option<i64> {
    let scaled = (value * power).round_ties_even();
    let back = scaled / power;
    // The sign of zero would be lost on the way through an integer.
    let exact = scaled.abs() < EXACT_MAX
        && back.to_bits() == value.to_bits()
        && (scaled != 0.0 || value.to_bits() == 0);
    exact.then_some(scaled as i64)
}

/// Turns floats into integers times a common power of ten; the few that resist are set aside.
fn to_decimals(
    values: &[f64],
    column: &mut Vec<i64>,
    exceptions: &mut Vec<(usize, u64)>,
) -> Option<u8> {
    let exceptions_max = 2 + values.len() / 32;
    let mut exponent = 0;
    'again: loop {
        column.clear();
        exceptions.clear();
        let power = POWERS[exponent];
        for (at, &value) in values.iter().enumerate() {
            if let Some(number) = decimal(value, power) {
                column.push(number);
                continue;
            }
            let finer = exponent + 1..POWERS.len();
            if let Some(fits) = finer
                .into_iter()
                .find(|&e| decimal(value, POWERS[e]).is_some())
            {
                exponent = fits;
                continue 'again;
            }
            exceptions.push((at, value.to_bits()));
            if exceptions.len() > exceptions_max {
                return None;
            }
            column.push(column.last().copied().unwrap_or(0));
        }
        return Some(exponent as u8);
    }
}

/// Working memory for decoding.
#[derive(Debug, Default)]
struct DecodeScratch {
    ints: Vec<i64>,
    times: Vec<i64>,
    values: Vec<f64>,
}

/// The data of an open block. Each opening has a number of its own in this process, by which what
/// was decoded before is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockData<'a> {
    pub(crate) opening: u64,
    pub(crate) bytes: &'a [u8],
}

/// The number of the next opening; 0 is none.
static OPENINGS: AtomicU64 = AtomicU64::new(1);

/// A number that no block had before.
pub(crate) fn new_opening() -> u64 {
    OPENINGS.fetch_add(1, Ordering::Relaxed)
}

/// The column of shared times that a thread decoded last: the series of a scrape follow one
/// another, and mostly share it.
#[derive(Debug, Default)]
struct LastTimes {
    opening: u64,
    offset: u64,
    /// Bytes of the column.
    len: usize,
    times: Vec<i64>,
}

impl LastTimes {
    /// Appends the `count` times of the column at `offset`; gives the column's bytes.
    fn read<'a>(
        &mut self,
        data: BlockData<'a>,
        offset: u64,
        count: usize,
        times: &mut Vec<i64>,
    ) -> Result<Option<&'a [u8]>, Malformed> {
        let Some(column) = usize::try_from(offset)
            .ok()
            .and_then(|at| data.bytes.get(at..))
        else {
            return Ok(None);
        };
        let known = (self.opening, self.offset) == (data.opening, offset);
        if !(known && self.times.len() == count) {
            let mut reader = Reader::new(column);
            // Nothing is known until the column was read whole.
            self.opening = 0;
            self.times.clear();
            ints::decode(&mut reader, count, &mut self.times)?;
            self.len = reader.position();
            (self.opening, self.offset) = (data.opening, offset);
        }
        times.extend_from_slice(&self.times);
        Ok(column.get(..self.len))
    }
}

thread_local! {
    static SCRATCH: RefCell<DecodeScratch> = RefCell::default();
    static LAST_TIMES: RefCell<LastTimes> = RefCell::default();
}

/// Histograms up to this length are unpacked in one go. Chosen: above what 1,440 histograms of a few
/// hundred buckets take.
const PLAIN_AT_ONCE_BYTES_MAX: usize = 4 << 20;

/// A chunk that was opened: its times are decoded and its checksum holds.
struct Opened<'a> {
    kind: u8,
    starts: Vec<i64>,
    values: Reader<'a>,
}

fn open<'a>(
    data: BlockData<'a>,
    meta: &ChunkMeta,
    times: &mut Vec<i64>,
) -> Result<Opened<'a>, Malformed> {
    let count = meta.count as usize;
    let bad = |what| Malformed {
        what,
        offset: meta.offset as usize,
    };
    if count == 0 || count > SAMPLES_LIMIT {
        return Err(bad("count of samples beyond its bounds"));
    }
    let begin = usize::try_from(meta.offset).unwrap_or(usize::MAX);
    let bytes = begin
        .checked_add(meta.len as usize)
        .and_then(|end| data.bytes.get(begin..end))
        .ok_or_else(|| bad("chunk beyond the data"))?;
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(bad("chunk without a checksum"));
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    let mut reader = Reader::new(body);
    let flags = reader.byte()?;
    let mut checked = false;
    let check = |hasher: crc32fast::Hasher| {
        if hasher.finalize() == u32::from_le_bytes(*checksum) {
            Ok(())
        } else {
            Err(bad("checksum that does not fit its chunk"))
        }
    };
    if flags & TIMES_SHARED != 0 {
        let back = reader.varint()?;
        let before = || bad("shared times before the data");
        let at = meta.offset.checked_sub(back).ok_or_else(before)?;
        let column = LAST_TIMES
            .with_borrow_mut(|last| last.read(data, at, count, times))?
            .ok_or_else(before)?;
        hasher.update(column);
    } else {
        check(hasher.clone())?;
        checked = true;
        if flags & TIMES_OWN != 0 {
            ints::decode(&mut reader, count, times)?;
        } else {
            let steps = (count as i64 - 1).max(1);
            let step = meta.max_ms.wrapping_sub(meta.min_ms) / steps;
            times.extend((0..count as i64).map(|i| meta.min_ms.wrapping_add(i * step)));
        }
    }
    if !checked {
        check(hasher)?;
    }
    let mut starts = Vec::new();
    if flags & STARTS != 0 {
        ints::decode(&mut reader, count, &mut starts)?;
    }
    Ok(Opened {
        kind: flags & KIND_MASK,
        starts,
        values: reader,
    })
}

fn decode_floats(
    opened: &mut Opened<'_>,
    count: usize,
    ints_scratch: &mut Vec<i64>,
    out: &mut Vec<f64>,
) -> Result<(), Malformed> {
    let reader = &mut opened.values;
    match opened.kind {
        KIND_CONSTANT => {
            let value = f64::from_bits(reader.u64()?);
            out.resize(out.len() + count, value);
        }
        KIND_DECIMAL => {
            let exponent = usize::from(reader.byte()?);
            let Some(&power) = POWERS.get(exponent) else {
                return Err(reader.malformed("unknown power of ten"));
            };
            let exceptions = reader.size(count)?;
            let mut exception_reader = reader.clone();
            for _ in 0..exceptions {
                reader.varint()?;
                reader.u64()?;
            }
            ints_scratch.clear();
            ints::decode(reader, count, ints_scratch)?;
            let from = out.len();
            if exponent == 0 {
                out.extend(ints_scratch.iter().map(|&n| n as f64));
            } else {
                out.extend(ints_scratch.iter().map(|&n| n as f64 / power));
            }
            let mut at = from;
            for _ in 0..exceptions {
                at += exception_reader.size(count)?;
                let bits = exception_reader.u64()?;
                let Some(slot) = out.get_mut(at) else {
                    return Err(reader.malformed("exception beyond its chunk"));
                };
                *slot = f64::from_bits(bits);
            }
        }
        KIND_BITS => {
            ints_scratch.clear();
            ints::decode(reader, count, ints_scratch)?;
            let float = |&n: &i64| f64::from_bits(ordered(n as u64) as u64);
            out.extend(ints_scratch.iter().map(float));
        }
        _ => return Err(reader.malformed("unknown kind of chunk")),
    }
    Ok(())
}

fn decode_histograms(opened: &mut Opened<'_>, count: usize) -> Result<Vec<Histogram>, Malformed> {
    let reader = &mut opened.values;
    let plain_len = reader.size(1 << 30)?;
    let plain =
        unpack(reader.rest(), plain_len).map_err(|_| reader.malformed("damaged compression"))?;
    if plain.len() != plain_len {
        return Err(reader.malformed("compressed histograms of another length"));
    }
    let mut plain_reader = Reader::new(&plain);
    let mut histograms: Vec<Histogram> = Vec::with_capacity(count);
    for _ in 0..count {
        let next = read_histogram(&mut plain_reader, histograms.last())?;
        histograms.push(next);
    }
    Ok(histograms)
}

/// Memory is taken for what is there, not for what a length says.
fn unpack(packed: &[u8], plain_len: usize) -> std::io::Result<Vec<u8>> {
    if plain_len <= PLAIN_AT_ONCE_BYTES_MAX {
        return zstd::bulk::decompress(packed, plain_len);
    }
    let mut plain = Vec::new();
    zstd::stream::read::Decoder::with_buffer(packed)?
        .take(plain_len as u64 + 1)
        .read_to_end(&mut plain)?;
    Ok(plain)
}

/// Appends the samples of a chunk inside of `range` to `out`.
pub(crate) fn read(
    data: BlockData<'_>,
    meta: &ChunkMeta,
    range: TimeRange,
    out: &mut Samples,
) -> Result<(), Malformed> {
    SCRATCH.with_borrow_mut(|scratch| {
        let count = meta.count as usize;
        let whole = range.start_ms <= meta.min_ms && meta.max_ms <= range.end_ms;
        let plain_until = out.times_ms.len();
        scratch.times.clear();
        let result = if whole && out.starts_ms.is_empty() {
            // Straight into the columns of the caller.
            open(data, meta, &mut out.times_ms).and_then(|mut opened| {
                if opened.kind == KIND_HISTOGRAMS || !opened.starts.is_empty() {
                    scratch
                        .times
                        .extend_from_slice(&out.times_ms[plain_until..]);
                    out.times_ms.truncate(plain_until);
                    return read_slowly(&mut opened, count, range, scratch, out);
                }
                decode_floats(&mut opened, count, &mut scratch.ints, &mut out.values)
            })
        } else {
            let mut times = std::mem::take(&mut scratch.times);
            let opened = open(data, meta, &mut times);
            scratch.times = times;
            opened.and_then(|mut opened| read_slowly(&mut opened, count, range, scratch, out))
        };
        if result.is_err() {
            out.times_ms.truncate(plain_until);
            out.values.truncate(plain_until);
        }
        result
    })
}

/// The general case: `scratch.times` holds the times of the chunk.
fn read_slowly(
    opened: &mut Opened<'_>,
    count: usize,
    range: TimeRange,
    scratch: &mut DecodeScratch,
    out: &mut Samples,
) -> Result<(), Malformed> {
    let from = scratch.times.partition_point(|&t| t < range.start_ms);
    let to = scratch
        .times
        .partition_point(|&t| t <= range.end_ms)
        .max(from);
    if opened.kind == KIND_HISTOGRAMS {
        for (at, histogram) in decode_histograms(opened, count)?.into_iter().enumerate() {
            if (from..to).contains(&at) {
                out.push_histogram(scratch.times[at], std::sync::Arc::new(histogram.to_float()));
                out.set_last_start(opened.starts.get(at).copied().unwrap_or(0));
            }
        }
        return Ok(());
    }
    scratch.values.clear();
    decode_floats(opened, count, &mut scratch.ints, &mut scratch.values)?;
    if opened.starts.is_empty() && out.starts_ms.is_empty() {
        out.times_ms.extend_from_slice(&scratch.times[from..to]);
        out.values.extend_from_slice(&scratch.values[from..to]);
        return Ok(());
    }
    for at in from..to {
        out.push_float(scratch.times[at], scratch.values[at]);
        out.set_last_start(opened.starts.get(at).copied().unwrap_or(0));
    }
    Ok(())
}

/// Appends all samples of a chunk, which must be later than those in `out`, in their own form.
pub(crate) fn read_points(
    data: BlockData<'_>,
    meta: &ChunkMeta,
    out: &mut Points,
) -> Result<(), Malformed> {
    let count = meta.count as usize;
    let begin = out.len();
    let mut opened = match open(data, meta, &mut out.times_ms) {
        Ok(opened) => opened,
        Err(error) => {
            // Damage may lie behind the times, which are there already.
            out.times_ms.truncate(begin);
            return Err(error);
        }
    };
    let has_starts = !opened.starts.is_empty() || !out.starts_ms.is_empty();
    let decoded = if opened.kind == KIND_HISTOGRAMS {
        decode_histograms(&mut opened, count).map(|histograms| {
            for (at, histogram) in histograms.into_iter().enumerate() {
                out.histograms.push(((begin + at) as u32, histogram));
            }
            out.values.resize(begin + count, f64::NAN);
        })
    } else {
        let mut ints = Vec::with_capacity(count);
        decode_floats(&mut opened, count, &mut ints, &mut out.values)
    };
    if let Err(error) = decoded {
        out.times_ms.truncate(begin);
        out.values.truncate(begin);
        return Err(error);
    }
    if has_starts {
        out.starts_ms.resize(begin, 0);
        out.starts_ms.extend_from_slice(&opened.starts);
        out.starts_ms.resize(begin + count, 0);
    }
    Ok(())
}

/// Cuts points into runs for chunks: floats and histograms apart, each of at most
/// [`SAMPLES_MAX`] samples and all of about the same length.
pub(crate) fn runs(points: &Points) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut from = 0;
    let mut histograms = points
        .histograms
        .iter()
        .map(|(at, _)| *at as usize)
        .peekable();
    while from < points.len() {
        let is_histogram = histograms.peek() == Some(&from);
        let mut to = from;
        if is_histogram {
            while histograms.peek() == Some(&to) {
                histograms.next();
                to += 1;
            }
        } else {
            to = histograms.peek().copied().unwrap_or(points.len());
        }
        let pieces = (to - from).div_ceil(SAMPLES_MAX);
        for piece in 0..pieces {
            let begin = from + (to - from) * piece / pieces;
            let end = from + (to - from) * (piece + 1) / pieces;
            runs.push((begin, end));
        }
        from = to;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_model::{IntHistogram, STALE_NAN};
    use proptest::prelude::*;

    fn fresh(bytes: &[u8]) -> BlockData<'_> {
        BlockData {
            opening: new_opening(),
            bytes,
        }
    }

    #[derive(Default)]
    struct Shared(Vec<(Vec<u8>, u64)>);

    impl SharedTimes for Shared {
        fn find_or_note(&mut self, column: &[u8], offset: u64) -> Option<u64> {
            let known = self.0.iter().find(|(c, _)| c == column).map(|(_, at)| *at);
            if known.is_none() {
                self.0.push((column.to_vec(), offset));
            }
            known
        }
    }

    fn same(a: &Points, b: &Points) {
        assert_eq!(a.times_ms, b.times_ms);
        assert_eq!(a.len(), b.len());
        for at in 0..a.len() {
            assert_eq!(a.start_at(at), b.start_at(at));
            assert!(a.point_at(at).same(&b.point_at(at)), "{at}");
        }
    }

    fn check(points: &Points) -> usize {
        let mut len = 0;
        for effort in [Effort::Quick, Effort::Thorough] {
            let mut shared = Shared::default();
            let mut scratch = EncodeScratch::default();
            let mut data = vec![0xaa; 3];
            // Twice, so that the second shares its times with the first.
            for _ in 0..2 {
                let metas: Vec<ChunkMeta> = runs(points)
                    .into_iter()
                    .map(|run| encode(points, run, effort, &mut shared, &mut scratch, 0, &mut data))
                    .collect();
                let mut back = Points::default();
                let mut samples = Samples::default();
                for meta in &metas {
                    read_points(fresh(&data), meta, &mut back).unwrap();
                    read(fresh(&data), meta, TimeRange::ALL, &mut samples).unwrap();
                }
                same(points, &back);
                assert_eq!(samples.times_ms, points.times_ms);
                if let (Some(&first), Some(&last)) =
                    (points.times_ms.first(), points.times_ms.last())
                {
                    let range = TimeRange::new(first + 1, last - 1);
                    let mut inner = Samples::default();
                    for meta in &metas {
                        read(fresh(&data), meta, range, &mut inner).unwrap();
                    }
                    let want: Vec<i64> = points
                        .times_ms
                        .iter()
                        .copied()
                        .filter(|t| range.contains(*t))
                        .collect();
                    assert_eq!(inner.times_ms, want);
                    assert_eq!(inner.values.len(), want.len());
                }
                len = metas.iter().map(|m| m.len as usize).sum();
            }
        }
        len
    }

    #[test]
    fn damage_leaves_what_was_read_before() {
        let mut points = Points::default();
        for step in 0..50i64 {
            points.push(step * 15_000 + step % 3, 0, step as f64 * 0.1);
        }
        let mut shared = Shared::default();
        let mut scratch = EncodeScratch::default();
        let mut data = Vec::new();
        let run = runs(&points)[0];
        let effort = Effort::Thorough;
        let meta = encode(
            &points,
            run,
            effort,
            &mut shared,
            &mut scratch,
            0,
            &mut data,
        );
        for at in 0..data.len() {
            let mut damaged = data.clone();
            damaged[at] ^= 0x55;
            let mut back = Points::default();
            back.push(-1, 0, 1.0);
            let result = read_points(fresh(&damaged), &meta, &mut back);
            assert_eq!(back.values.len(), back.times_ms.len(), "byte {at}");
            assert!(result.is_ok() || back.len() == 1, "byte {at}");
        }
    }

    #[test]
    fn histograms_of_any_length_come_back_and_of_no_other() {
        let plain = vec![7u8; PLAIN_AT_ONCE_BYTES_MAX + 1];
        let packed = zstd::bulk::compress(&plain, 3).unwrap();
        assert!(unpack(&packed, plain.len()).unwrap() == plain);
        // A length that is too short ends the reading one byte behind it.
        let short = unpack(&packed, PLAIN_AT_ONCE_BYTES_MAX);
        assert!(short.is_err() || short.unwrap().len() != PLAIN_AT_ONCE_BYTES_MAX);
        let mut chunk = Vec::new();
        for wrong in [0u64, 5, 1 << 29] {
            chunk.clear();
            put(&mut chunk, wrong);
            chunk.extend_from_slice(&zstd::bulk::compress(&[1, 2, 3], 3).unwrap());
            let mut opened = Opened {
                kind: 3,
                starts: Vec::new(),
                values: Reader::new(&chunk),
            };
            assert!(decode_histograms(&mut opened, 1).is_err(), "{wrong}");
        }
    }

    #[test]
    fn awkward_floats_survive() {
        let odd = [
            0.0,
            -0.0,
            1.5,
            f64::NAN,
            STALE_NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN,
            f64::MAX,
            5e-324,
            0.1,
            0.30000000000000004,
            1e300,
            -1.0,
            9007199254740993.0,
            f64::from_bits(0xfff8_0000_0000_0abc),
            1e-7,
            123456.789,
        ];
        for n in 1..odd.len() {
            let mut points = Points::default();
            for (i, &value) in odd[..n].iter().enumerate() {
                points.push(i as i64 * 10, 0, value);
            }
            check(&points);
        }
    }

    #[test]
    fn kinds_alternate_and_starts_are_kept() {
        let mut points = Points::default();
        for i in 0..3000i64 {
            let start = if i > 100 { 77 } else { 0 };
            if i % 900 > 850 {
                let h = IntHistogram {
                    count: i as u64,
                    ..IntHistogram::default()
                };
                points.push_histogram(i * 15, start, Histogram::Int(h));
            } else {
                points.push(i * 15, start, (i * i % 100) as f64 / 100.0);
            }
        }
        check(&points);
    }

    #[test]
    fn shapes_cost_what_they_should() {
        let mut walk = Points::default();
        let mut level = 500.0f64;
        for i in 0..1024i64 {
            level = ((level + ((i * 7919 % 101) - 50) as f64 / 100.0) * 100.0).round() / 100.0;
            walk.push(i * 15_000, 0, level);
        }
        // 101 different steps need 7 bits.
        assert!(check(&walk) < 920, "{}", check(&walk));
    }

    #[test]
    fn floats_with_all_their_digits_cost_their_differences() {
        let mut points = Points::default();
        let mut seconds = 70_000.0f64;
        for i in 0..1_000i64 {
            seconds += 3.0 + (i * 7_919 % 1_009) as f64 / 1_009.0;
            points.push(i * 15_000, 0, seconds);
        }
        // Steps of a second's width at a resolution of 2^-36 need 37 bits.
        assert!(check(&points) < 4_700, "{}", check(&points));
    }

    proptest! {
        #[test]
        fn chunks_come_back(
            steps in prop::collection::vec((1i64..20_000, -1000i64..1000, 0u8..4), 1..300),
            exponent in 0usize..6,
        ) {
            let mut points = Points::default();
            let (mut time, mut number) = (-5_000i64, 0i64);
            for (step, delta, stale) in steps {
                time += step;
                number += delta;
                let value = if stale == 0 && delta > 900 { STALE_NAN } else { number as f64 / POWERS[exponent] };
                points.push(time, 0, value);
            }
            check(&points);
        }

        #[test]
        fn damage_is_noticed(values in prop::collection::vec(-100.0f64..100.0, 2..50), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut points = Points::default();
            for (i, &v) in values.iter().enumerate() {
                points.push((i * i) as i64, 0, v);
            }
            let mut data = Vec::new();
            let meta = encode(&points, (0, points.len()), Effort::Thorough, &mut Shared::default(), &mut EncodeScratch::default(), 0, &mut data);
            let at = at.index(data.len());
            data[at] ^= 1 << bit;
            let mut out = Samples::default();
            prop_assert!(read(fresh(&data), &meta, TimeRange::ALL, &mut out).is_err());
            prop_assert!(out.is_empty());
        }
    }
}
