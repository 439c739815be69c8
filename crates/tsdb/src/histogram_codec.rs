//! Native histograms as bytes: whole ones for the log, runs of them for chunks.
//!
//! ## Model
//! Successive histograms of a series mostly have the same layout (schema, spans, bounds) and counts
//! that are close. Each is written as a layout, or the word that it is the one before, and its
//! counts less those before; the run is compressed as a whole.
//!
//! ## Format
//! `docs/format/block.md`, "Histograms".

use bellwether_codec::varint::{Malformed, Reader, put, put_signed};
use bellwether_model::{CounterReset, FloatHistogram, Histogram, IntHistogram, Span};

const FLOAT: u8 = 1;
const SAME_LAYOUT: u8 = 2;
const RESET_SHIFT: u8 = 2;
/// Bounds what damaged bytes can ask for: more buckets than any schema makes for one range of floats.
const BUCKETS_MAX: usize = 1 << 20;

/// Appends a histogram; `previous` is the one written before it, if any.
pub(crate) fn put_histogram(
    out: &mut Vec<u8>,
    histogram: &Histogram,
    previous: Option<&Histogram>,
) {
    let reset = match counter_reset(histogram) {
        CounterReset::Unknown => 0,
        CounterReset::Reset => 1,
        CounterReset::NotReset => 2,
        CounterReset::Gauge => 3u8,
    } << RESET_SHIFT;
    match histogram {
        Histogram::Int(h) => {
            let before = match previous {
                Some(Histogram::Int(p)) if same_int_layout(h, p) => Some(p),
                _ => None,
            };
            out.push(reset | if before.is_some() { SAME_LAYOUT } else { 0 });
            if before.is_none() {
                put_signed(out, i64::from(h.schema));
                put_f64(out, h.zero_threshold);
                put_spans(out, &h.positive_spans);
                put_spans(out, &h.negative_spans);
                put_floats(out, &h.custom_values);
            }
            put_signed(
                out,
                h.zero_count
                    .wrapping_sub(before.map_or(0, |p| p.zero_count)) as i64,
            );
            put_signed(
                out,
                h.count.wrapping_sub(before.map_or(0, |p| p.count)) as i64,
            );
            put_f64(out, h.sum);
            put_deltas(out, &h.positive_deltas, before.map(|p| &p.positive_deltas));
            put_deltas(out, &h.negative_deltas, before.map(|p| &p.negative_deltas));
        }
        Histogram::Float(h) => {
            let same = match previous {
                Some(Histogram::Float(p)) => same_float_layout(h, p),
                _ => false,
            };
            out.push(reset | FLOAT | if same { SAME_LAYOUT } else { 0 });
            if !same {
                put_signed(out, i64::from(h.schema));
                put_f64(out, h.zero_threshold);
                put_spans(out, &h.positive_spans);
                put_spans(out, &h.negative_spans);
                put_floats(out, &h.custom_values);
            }
            put_f64(out, h.zero_count);
            put_f64(out, h.count);
            put_f64(out, h.sum);
            put_floats(out, &h.positive_buckets);
            put_floats(out, &h.negative_buckets);
        }
    }
}

fn counter_reset(histogram: &Histogram) -> CounterReset {
    match histogram {
        Histogram::Int(h) => h.counter_reset,
        Histogram::Float(h) => h.counter_reset,
    }
}

fn same_int_layout(a: &IntHistogram, b: &IntHistogram) -> bool {
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.positive_deltas.len() == b.positive_deltas.len()
        && a.negative_deltas.len() == b.negative_deltas.len()
        && same_bits(&a.custom_values, &b.custom_values)
}

fn same_float_layout(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && same_bits(&a.custom_values, &b.custom_values)
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Whether two histograms say the same, whole numbers or not, to the bit.
pub(crate) fn same(a: &Histogram, b: &Histogram) -> bool {
    let (a, b) = (a.to_float(), b.to_float());
    a.counter_reset == b.counter_reset
        && same_float_layout(&a, &b)
        && same_bits(
            &[a.zero_count, a.count, a.sum],
            &[b.zero_count, b.count, b.sum],
        )
        && same_bits(&a.positive_buckets, &b.positive_buckets)
        && same_bits(&a.negative_buckets, &b.negative_buckets)
}

fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn put_spans(out: &mut Vec<u8>, spans: &[Span]) {
    put(out, spans.len() as u64);
    for span in spans {
        put_signed(out, i64::from(span.offset));
        put(out, u64::from(span.length));
    }
}

fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    put(out, values.len() as u64);
    for &value in values {
        put_f64(out, value);
    }
}

fn put_deltas(out: &mut Vec<u8>, deltas: &[i64], before: Option<&Vec<i64>>) {
    put(out, deltas.len() as u64);
    for (i, &delta) in deltas.iter().enumerate() {
        let base = before.and_then(|b| b.get(i)).copied().unwrap_or(0);
        put_signed(out, delta.wrapping_sub(base));
    }
}

/// Reads what [`put_histogram`] wrote.
pub(crate) fn read_histogram(
    reader: &mut Reader<'_>,
    previous: Option<&Histogram>,
) -> Result<Histogram, Malformed> {
    let flags = reader.byte()?;
    let counter_reset = match flags >> RESET_SHIFT {
        0 => CounterReset::Unknown,
        1 => CounterReset::Reset,
        2 => CounterReset::NotReset,
        3 => CounterReset::Gauge,
        _ => return Err(reader.malformed("unknown flags of a histogram")),
    };
    let same = flags & SAME_LAYOUT != 0;
    if flags & FLOAT == 0 {
        let before = match previous {
            Some(Histogram::Int(p)) if same => Some(p),
            _ if same => return Err(reader.malformed("layout of a histogram that is not there")),
            _ => None,
        };
        let mut h = match before {
            Some(p) => IntHistogram {
                counter_reset,
                positive_deltas: Vec::new(),
                negative_deltas: Vec::new(),
                ..p.clone()
            },
            None => IntHistogram {
                counter_reset,
                schema: read_schema(reader)?,
                zero_threshold: read_f64(reader)?,
                positive_spans: read_spans(reader)?,
                negative_spans: read_spans(reader)?,
                custom_values: read_floats(reader)?,
                ..IntHistogram::default()
            },
        };
        h.zero_count = before
            .map_or(0, |p| p.zero_count)
            .wrapping_add(reader.signed()? as u64);
        h.count = before
            .map_or(0, |p| p.count)
            .wrapping_add(reader.signed()? as u64);
        h.sum = read_f64(reader)?;
        h.positive_deltas = read_deltas(reader, before.map(|p| &p.positive_deltas))?;
        h.negative_deltas = read_deltas(reader, before.map(|p| &p.negative_deltas))?;
        return Ok(Histogram::Int(h));
    }
    let before = match previous {
        Some(Histogram::Float(p)) if same => Some(p),
        _ if same => return Err(reader.malformed("layout of a histogram that is not there")),
        _ => None,
    };
    let layout = match before {
        Some(p) => FloatHistogram {
            counter_reset,
            ..p.clone()
        },
        None => FloatHistogram {
            counter_reset,
            schema: read_schema(reader)?,
            zero_threshold: read_f64(reader)?,
            positive_spans: read_spans(reader)?,
            negative_spans: read_spans(reader)?,
            custom_values: read_floats(reader)?,
            ..FloatHistogram::default()
        },
    };
    Ok(Histogram::Float(FloatHistogram {
        zero_count: read_f64(reader)?,
        count: read_f64(reader)?,
        sum: read_f64(reader)?,
        positive_buckets: read_floats(reader)?,
        negative_buckets: read_floats(reader)?,
        ..layout
    }))
}

fn read_schema(reader: &mut Reader<'_>) -> Result<i32, Malformed> {
    i32::try_from(reader.signed()?).map_err(|_| reader.malformed("schema beyond its bounds"))
}

fn read_f64(reader: &mut Reader<'_>) -> Result<f64, Malformed> {
    Ok(f64::from_bits(reader.u64()?))
}

fn read_spans(reader: &mut Reader<'_>) -> Result<Vec<Span>, Malformed> {
    let count = reader.size(reader.left())?;
    (0..count)
        .map(|_| {
            let offset = reader.signed()?;
            let length = reader.size(BUCKETS_MAX)?;
            Ok(Span {
                offset: i32::try_from(offset)
                    .map_err(|_| reader.malformed("span beyond its bounds"))?,
                length: length as u32,
            })
        })
        .collect()
}

fn read_floats(reader: &mut Reader<'_>) -> Result<Vec<f64>, Malformed> {
    let count = reader.size(reader.left() / 8)?;
    (0..count).map(|_| read_f64(reader)).collect()
}

fn read_deltas(reader: &mut Reader<'_>, before: Option<&Vec<i64>>) -> Result<Vec<i64>, Malformed> {
    let count = reader.size(reader.left())?;
    (0..count)
        .map(|i| {
            let base = before.and_then(|b| b.get(i)).copied().unwrap_or(0);
            Ok(base.wrapping_add(reader.signed()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_come_back() {
        let int = IntHistogram {
            schema: 3,
            count: 12,
            zero_count: 2,
            sum: -0.0,
            positive_spans: vec![Span {
                offset: -2,
                length: 2,
            }],
            positive_deltas: vec![5, -3],
            ..IntHistogram::default()
        };
        let more = IntHistogram {
            count: 20,
            positive_deltas: vec![8, -2],
            counter_reset: CounterReset::NotReset,
            ..int.clone()
        };
        let float = more.to_float();
        let run = [
            Histogram::Int(int),
            Histogram::Int(more),
            Histogram::Float(float.clone()),
            Histogram::Float(float),
        ];
        let mut out = Vec::new();
        let mut previous = None;
        for h in &run {
            put_histogram(&mut out, h, previous);
            previous = Some(h);
        }
        let mut reader = Reader::new(&out);
        let mut back: Vec<Histogram> = Vec::new();
        for _ in 0..run.len() {
            let h = read_histogram(&mut reader, back.last()).unwrap();
            back.push(h);
        }
        assert_eq!(back, run);
        for cut in 0..out.len() {
            let mut reader = Reader::new(&out[..cut]);
            let mut previous = None;
            while let Ok(h) = read_histogram(&mut reader, previous.as_ref()) {
                previous = Some(h);
            }
        }
    }
}
