//! What stands in the records of the log and of the list of series.
//!
//! ## Model
//! Each record can be read without the ones before it: a lost record costs its own samples and
//! makes no others wrong.
//!
//! ## Format
//! `docs/format/log.md`, "Payloads".

use bellwether_codec::varint::{Malformed, Reader, put, put_signed, put_string, zigzag};
use bellwether_model::{Exemplar, Histogram, Labels, Metadata, MetricType};

use crate::histogram_codec::{put_histogram, read_histogram};

pub(crate) const PAIRS: u8 = 1;
pub(crate) const SERIES: u8 = 2;
pub(crate) const FLOATS: u8 = 4;
pub(crate) const FLOATS_WITH_STARTS: u8 = 5;
pub(crate) const HISTOGRAMS: u8 = 6;
pub(crate) const EXEMPLARS: u8 = 7;
pub(crate) const METADATA: u8 = 8;

const SCALE_BITS: u8 = 2;
const NEXT_SERIES: u8 = 1 << 2;
const SAME_TIME: u8 = 1 << 3;
const LEN_SHIFT: u8 = 4;
const RAW: u8 = 3;
const SCALES: [f64; 3] = [1.0, 100.0, 10_000.0];

/// Writes floats one after the other.
#[derive(Debug, Default)]
pub(crate) struct FloatsWriter {
    series: u32,
    time_ms: i64,
    start_ms: i64,
}

impl FloatsWriter {
    #[inline]
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, series: u32, time_ms: i64, value: f64) {
        let (scale, bits) = scaled(value);
        let len = if scale == RAW {
            8
        } else {
            (71 - bits.leading_zeros()) / 8
        };
        let next = series == self.series.wrapping_add(1);
        let same_time = time_ms == self.time_ms;
        let head = scale
            | if next { NEXT_SERIES } else { 0 }
            | if same_time { SAME_TIME } else { 0 }
            | (len as u8) << LEN_SHIFT;
        out.push(head);
        out.extend_from_slice(&bits.to_le_bytes()[..len as usize]);
        if !next {
            put_signed(out, i64::from(series) - i64::from(self.series));
        }
        if !same_time {
            put_signed(out, time_ms.wrapping_sub(self.time_ms));
        }
        self.series = series;
        self.time_ms = time_ms;
    }

    pub(crate) fn put_start(&mut self, out: &mut Vec<u8>, start_ms: i64) {
        put_signed(out, start_ms.wrapping_sub(self.start_ms));
        self.start_ms = start_ms;
    }
}

/// A float as a scale and a folded integer, or as its bits.
#[inline]
fn scaled(value: f64) -> (u8, u64) {
    for (scale, power) in SCALES.iter().enumerate() {
        let number = (value * power).round_ties_even();
        let exact = number.abs() < 9_007_199_254_740_992.0
            && (number / power).to_bits() == value.to_bits()
            && (number != 0.0 || value.to_bits() == 0);
        if exact {
            return (scale as u8, zigzag(number as i64));
        }
    }
    (RAW, value.to_bits())
}

/// Calls `take` with series, time, start and value of each float in a record.
pub(crate) fn read_floats(
    payload: &[u8],
    with_starts: bool,
    mut take: impl FnMut(u32, i64, i64, f64),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    let (mut series, mut time_ms, mut start_ms) = (0u32, 0i64, 0i64);
    while reader.left() > 0 {
        let head = reader.byte()?;
        let len = usize::from(head >> LEN_SHIFT);
        if len > 8 {
            return Err(reader.malformed("number beyond 64 bits"));
        }
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(reader.take(len)?);
        let bits = u64::from_le_bytes(bytes);
        let scale = head & ((1 << SCALE_BITS) - 1);
        let value = match SCALES.get(usize::from(scale)) {
            Some(power) => bellwether_codec::varint::unzigzag(bits) as f64 / power,
            None => f64::from_bits(bits),
        };
        series = if head & NEXT_SERIES != 0 {
            series.wrapping_add(1)
        } else {
            i64::from(series).wrapping_add(reader.signed()?) as u32
        };
        if head & SAME_TIME == 0 {
            time_ms = time_ms.wrapping_add(reader.signed()?);
        }
        if with_starts {
            start_ms = start_ms.wrapping_add(reader.signed()?);
        }
        take(series, time_ms, start_ms, value);
    }
    Ok(())
}

/// Appends a histogram sample.
pub(crate) fn put_histogram_point(
    out: &mut Vec<u8>,
    series: u32,
    time_ms: i64,
    start_ms: i64,
    histogram: &Histogram,
) {
    put(out, u64::from(series));
    put_signed(out, time_ms);
    put_signed(out, start_ms);
    put_histogram(out, histogram, None);
}

/// Calls `take` with series, time, start and value of each histogram in a record.
pub(crate) fn read_histogram_points(
    payload: &[u8],
    mut take: impl FnMut(u32, i64, i64, Histogram),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    while reader.left() > 0 {
        let series = reader.size(u32::MAX as usize)? as u32;
        let (time_ms, start_ms) = (reader.signed()?, reader.signed()?);
        take(
            series,
            time_ms,
            start_ms,
            read_histogram(&mut reader, None)?,
        );
    }
    Ok(())
}

/// Appends an exemplar of a series.
pub(crate) fn put_exemplar(out: &mut Vec<u8>, series: &Labels, exemplar: &Exemplar) {
    for bytes in [series.as_bytes(), exemplar.labels.as_bytes()] {
        put(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    put_signed(out, exemplar.timestamp_ms);
}

/// Calls `take` with the labels of the series and the exemplar.
pub(crate) fn read_exemplars(
    payload: &[u8],
    mut take: impl FnMut(Labels, Exemplar),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    let labels = |reader: &mut Reader<'_>| {
        let len = reader.size(reader.left())?;
        let bytes = reader.take(len)?;
        Labels::from_bytes(bytes).map_err(|_| reader.malformed("bytes that are no labels"))
    };
    while reader.left() > 0 {
        let series = labels(&mut reader)?;
        let exemplar = Exemplar {
            labels: labels(&mut reader)?,
            value: f64::from_bits(reader.u64()?),
            timestamp_ms: reader.signed()?,
        };
        take(series, exemplar);
    }
    Ok(())
}

/// Appends metadata of a family.
pub(crate) fn put_metadata(out: &mut Vec<u8>, metric: &str, metadata: &Metadata) {
    put_string(out, metric);
    put_string(out, metadata.metric_type.as_str());
    put_string(out, &metadata.unit);
    put_string(out, &metadata.help);
}

/// Calls `take` with the family's name and its metadata.
pub(crate) fn read_metadata(
    payload: &[u8],
    mut take: impl FnMut(&str, Metadata),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    while reader.left() > 0 {
        let metric = reader.string()?;
        let metadata = Metadata {
            metric_type: MetricType::parse(reader.string()?).unwrap_or_default(),
            unit: reader.string()?.to_owned(),
            help: reader.string()?.to_owned(),
        };
        take(metric, metadata);
    }
    Ok(())
}

/// Appends the number, name and value of a label pair.
pub(crate) fn put_pair(out: &mut Vec<u8>, pair: u32, name: &str, value: &str) {
    put(out, u64::from(pair));
    put_string(out, name);
    put_string(out, value);
}

/// Calls `take` with number, name and value of each pair in a record.
pub(crate) fn read_pairs<'a>(
    payload: &'a [u8],
    mut take: impl FnMut(u32, &'a str, &'a str),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    while reader.left() > 0 {
        let pair = reader.size(u32::MAX as usize)? as u32;
        take(pair, reader.string()?, reader.string()?);
    }
    Ok(())
}

/// Appends a series: number, source, pairs.
pub(crate) fn put_series(out: &mut Vec<u8>, series: u32, source: &str, pairs: &[u32]) {
    put(out, u64::from(series));
    put_string(out, source);
    put(out, pairs.len() as u64);
    let mut previous = 0;
    for &pair in pairs {
        put_signed(out, i64::from(pair) - previous);
        previous = i64::from(pair);
    }
}

/// Calls `take` with number, source and pairs of each series in a record.
pub(crate) fn read_series(
    payload: &[u8],
    mut take: impl FnMut(u32, &str, &[u32]),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    let mut pairs = Vec::new();
    while reader.left() > 0 {
        let series = reader.size(u32::MAX as usize - 1)? as u32;
        let source = reader.string()?;
        let count = reader.size(reader.left())?;
        pairs.clear();
        let mut pair = 0i64;
        for _ in 0..count {
            pair = pair.wrapping_add(reader.signed()?);
            pairs
                .push(u32::try_from(pair).map_err(|_| reader.malformed("pair beyond its bounds"))?);
        }
        take(series, source, &pairs);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn floats_come_back(
            rows in prop::collection::vec((any::<u32>(), any::<i64>(), prop_oneof![any::<f64>(), (-100_000i64..100_000).prop_map(|n| n as f64 / 100.0)]), 0..50),
        ) {
            let mut out = Vec::new();
            let mut writer = FloatsWriter::default();
            for &(series, time_ms, value) in &rows {
                writer.put(&mut out, series, time_ms, value);
                writer.put_start(&mut out, time_ms / 2);
            }
            let mut back = Vec::new();
            read_floats(&out, true, |s, t, start, v| {
                assert_eq!(start, t / 2);
                back.push((s, t, v.to_bits()));
            }).unwrap();
            let want: Vec<_> = rows.iter().map(|&(s, t, v)| (s, t, v.to_bits())).collect();
            prop_assert_eq!(back, want);
        }

        #[test]
        fn damage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _whatever = read_floats(&bytes, false, |_, _, _, _| {});
            let _whatever = read_histogram_points(&bytes, |_, _, _, _| {});
            let _whatever = read_exemplars(&bytes, |_, _| {});
            let _whatever = read_metadata(&bytes, |_, _| {});
            let _whatever = read_pairs(&bytes, |_, _, _| {});
            let _whatever = read_series(&bytes, |_, _, _| {});
        }
    }
}
