//! Samples as Prometheus' chunks: floats as XOR chunks, histograms as float-histogram chunks.
//!
//! ## Limits
//! [`SAMPLES_MAX`] samples a chunk, as Prometheus writes them.
//!
//! ## Format
//! <https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md>

use std::sync::Arc;

use bellwether_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use bellwether_model::{CounterReset, FloatHistogram, Span, is_stale_nan};
use bellwether_storage::Samples;
use bellwether_wire::read::{Chunk, ChunkEncoding};

use super::bits::{BitWriter, XorWindow};

/// Samples in one chunk.
pub(super) const SAMPLES_MAX: usize = 120;

/// Encodes all samples, in their order.
pub(super) fn encode(samples: &Samples) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut position = 0;
    while position < samples.len() {
        let end = match samples.histogram_at(position) {
            Some(_) => histogram_run(samples, position),
            None => {
                let stop = samples.len().min(position + SAMPLES_MAX);
                (position..stop)
                    .find(|p| samples.histogram_at(*p).is_some())
                    .unwrap_or(stop)
            }
        };
        let times = &samples.times_ms[position..end];
        let (encoding, data) = if samples.histogram_at(position).is_some() {
            let histograms: Vec<&Arc<FloatHistogram>> = (position..end)
                .filter_map(|p| samples.histogram_at(p))
                .collect();
            (
                ChunkEncoding::FloatHistogram,
                histogram_chunk(times, &histograms),
            )
        } else {
            (
                ChunkEncoding::Xor,
                xor_chunk(times, &samples.values[position..end]),
            )
        };
        chunks.push(Chunk {
            min_time_ms: times.first().copied().unwrap_or(0),
            max_time_ms: times.last().copied().unwrap_or(0),
            encoding,
            data,
        });
        position = end;
    }
    chunks
}

fn xor_chunk(times_ms: &[i64], values: &[f64]) -> Vec<u8> {
    let mut out = BitWriter::new(&(times_ms.len() as u16).to_be_bytes());
    let mut window = XorWindow::default();
    let (mut time_ms, mut value, mut distance) = (0i64, 0.0, 0i64);
    for (index, (&next_ms, &next)) in times_ms.iter().zip(values).enumerate() {
        let step = next_ms.wrapping_sub(time_ms);
        match index {
            0 => {
                out.varint(next_ms);
                out.float(next);
            }
            1 => {
                out.uvarint(step as u64);
                out.xor(next, value, &mut window);
                distance = step;
            }
            _ => {
                out.time_change(step.wrapping_sub(distance));
                out.xor(next, value, &mut window);
                distance = step;
            }
        }
        (time_ms, value) = (next_ms, next);
    }
    out.into_bytes()
}

/// Behind the last histogram that may stand in one chunk with the one at `start`: readers take for
/// granted that buckets are the same and nothing was reset inside of a chunk.
fn histogram_run(samples: &Samples, start: usize) -> usize {
    let mut end = start + 1;
    let Some(mut previous) = samples.histogram_at(start) else {
        return end;
    };
    while end < samples.len().min(start + SAMPLES_MAX) {
        match samples.histogram_at(end) {
            Some(next) if continues(previous, next) => previous = next,
            _ => break,
        }
        end += 1;
    }
    end
}

fn continues(previous: &FloatHistogram, next: &FloatHistogram) -> bool {
    let same_layout = previous.schema == next.schema
        && previous.zero_threshold.to_bits() == next.zero_threshold.to_bits()
        && previous.positive_spans == next.positive_spans
        && previous.negative_spans == next.negative_spans
        && previous.custom_values == next.custom_values;
    let gauge = |h: &FloatHistogram| h.counter_reset == CounterReset::Gauge;
    if !same_layout
        || is_stale_nan(previous.sum)
        || is_stale_nan(next.sum)
        || gauge(previous) != gauge(next)
    {
        return false;
    }
    if gauge(next) {
        return true;
    }
    let grows = |before: &[f64], after: &[f64]| before.iter().zip(after).all(|(b, a)| a >= b);
    next.counter_reset != CounterReset::Reset
        && next.count >= previous.count
        && next.zero_count >= previous.zero_count
        && grows(&previous.positive_buckets, &next.positive_buckets)
        && grows(&previous.negative_buckets, &next.negative_buckets)
}

/// A float that is written as difference to the one before.
struct XorCell {
    value: f64,
    window: XorWindow,
}

fn histogram_chunk(times_ms: &[i64], histograms: &[&Arc<FloatHistogram>]) -> Vec<u8> {
    let mut out = BitWriter::new(&(times_ms.len() as u16).to_be_bytes());
    let Some(first) = histograms.first() else {
        return out.into_bytes();
    };
    out.byte(match first.counter_reset {
        CounterReset::Unknown => 0b0000_0000,
        CounterReset::Reset => 0b1000_0000,
        CounterReset::NotReset => 0b0100_0000,
        CounterReset::Gauge => 0b1100_0000,
    });
    let empty = FloatHistogram {
        sum: first.sum,
        ..FloatHistogram::default()
    };
    let first = if is_stale_nan(first.sum) {
        &empty
    } else {
        first
    };
    write_layout(&mut out, first);
    let fields = |h: &FloatHistogram| {
        let head = [h.count, h.zero_count, h.sum];
        let buckets = h
            .positive_buckets
            .iter()
            .chain(&h.negative_buckets)
            .copied();
        head.into_iter().chain(buckets).collect::<Vec<f64>>()
    };
    let mut cells: Vec<XorCell> = Vec::new();
    let (mut time_ms, mut distance) = (0i64, 0i64);
    for (index, (&next_ms, histogram)) in times_ms.iter().zip(histograms).enumerate() {
        if index == 0 {
            out.varbit(next_ms);
            for value in fields(first) {
                out.float(value);
                cells.push(XorCell {
                    value,
                    window: XorWindow::default(),
                });
            }
        } else {
            let step = next_ms.wrapping_sub(time_ms);
            out.varbit(step.wrapping_sub(distance));
            distance = step;
            for (value, cell) in fields(histogram).into_iter().zip(&mut cells) {
                out.xor(value, cell.value, &mut cell.window);
                cell.value = value;
            }
        }
        time_ms = next_ms;
    }
    out.into_bytes()
}

fn write_layout(out: &mut BitWriter, histogram: &FloatHistogram) {
    write_zero_threshold(out, histogram.zero_threshold);
    out.varbit(i64::from(histogram.schema));
    write_spans(out, &histogram.positive_spans);
    write_spans(out, &histogram.negative_spans);
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        out.varbit_unsigned(histogram.custom_values.len() as u64);
        for bound in &histogram.custom_values {
            write_custom_bound(out, *bound);
        }
    }
}

/// Powers of two, which are usual, take one byte: the exponent.
fn write_zero_threshold(out: &mut BitWriter, threshold: f64) {
    if threshold == 0.0 {
        return out.byte(0);
    }
    let bits = threshold.to_bits();
    let power_of_two = threshold.is_normal() && threshold > 0.0 && bits << 12 == 0;
    // The exponent for a mantissa of one half.
    let exponent = (bits >> 52) as i64 - 1022;
    match u8::try_from(exponent + 243) {
        Ok(byte) if power_of_two && (-242..=11).contains(&exponent) => out.byte(byte),
        _ => {
            out.byte(255);
            out.float(threshold);
        }
    }
}

fn write_spans(out: &mut BitWriter, spans: &[Span]) {
    out.varbit_unsigned(spans.len() as u64);
    for span in spans {
        out.varbit_unsigned(u64::from(span.length));
        out.varbit(i64::from(span.offset));
    }
}

/// Bounds with at most three decimals, which are usual, are written as a number of thousandths.
fn write_custom_bound(out: &mut BitWriter, bound: f64) {
    let thousandths = bound * 1000.0;
    let whole = (thousandths.round() / 1000.0).to_bits() == bound.to_bits();
    if (0.0..=33_554_430.0).contains(&thousandths) && whole {
        out.varbit_unsigned(thousandths.round() as u64 + 1);
    } else {
        out.bits(0, 1);
        out.float(bound);
    }
}
