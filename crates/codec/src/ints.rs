//! Columns of integers, in as few bytes as their shape allows.
//!
//! ## Model
//! A column is stored as itself, as differences, or as differences of differences, whichever is
//! narrowest. What remains is brought to a base and packed at a fixed width; the few numbers that
//! would make all others wide stand aside as *exceptions*. Where at most sixteen different numbers
//! remain and they are unevenly frequent, they are entropy coded instead.
//!
//! ## Invariants
//! Lossless for all 64-bit integers: differences wrap.
//!
//! ## Format
//! `docs/format/block.md`, "Columns of integers".

use crate::bits;
use crate::rans;
use crate::varint::{Malformed, Reader, put, put_signed, zigzag};

/// How hard to look for a small form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For data that will be encoded again soon.
    Quick,
    /// For data that stays.
    Thorough,
}

/// About how many bits an exception costs in a column whose numbers span `width` bits: a position,
/// and the number in bytes of seven bits.
fn exception_bits(width: u32) -> usize {
    10 + (width as usize + 2) * 8 / 7
}

const PACKER_BITS: u8 = 0;
/// Two states: read, no longer written.
const PACKER_RANS_2: u8 = 1;
const PACKER_RANS: u8 = 2;

/// What [`plan`] decides for one order of differences.
struct Plan {
    cost_bits: usize,
    base: i64,
    width: u32,
    /// Numbers within the base and the width are not exceptions.
    exception_count: usize,
    /// Entropy coding is smaller.
    counts: Option<[u32; rans::SYMBOLS_MAX]>,
}

/// Working memory, to be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    orders: [Vec<i64>; 3],
    sample: Vec<i64>,
    symbols: Vec<u8>,
}

/// Appends a column.
pub fn encode(values: &[i64], effort: Effort, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let [order0, order1, order2] = &mut scratch.orders;
    order0.clear();
    order0.extend_from_slice(values);
    differences(order0, order1);
    differences(order1, order2);
    let mut best: Option<(usize, Plan)> = None;
    for order in 0..values.len().min(3) {
        let plan = plan(&scratch.orders[order], effort, &mut scratch.sample);
        // Later orders repeat the heads of the earlier ones.
        let cost = plan.cost_bits + order * 24;
        if best.as_ref().is_none_or(|(_, b)| cost < b.cost_bits) {
            best = Some((
                order,
                Plan {
                    cost_bits: cost,
                    ..plan
                },
            ));
        }
    }
    let Some((order, plan)) = best else {
        return;
    };
    let packer = if plan.counts.is_some() {
        PACKER_RANS
    } else {
        PACKER_BITS
    };
    out.push(order as u8 | packer << 2);
    if order > 0 {
        put_signed(out, values[0]);
    }
    if order > 1 {
        put_signed(out, values[1].wrapping_sub(values[0]));
    }
    put_plan(&scratch.orders[order], &plan, &mut scratch.symbols, out);
}

fn differences(from: &[i64], to: &mut Vec<i64>) {
    to.clear();
    to.extend(from.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
}

fn plan(residuals: &[i64], effort: Effort, sample: &mut Vec<i64>) -> Plan {
    let (mut min, mut max) = (i64::MAX, i64::MIN);
    for &r in residuals {
        min = min.min(r);
        max = max.max(r);
    }
    if residuals.is_empty() {
        (min, max) = (0, 0);
    }
    let range = max.wrapping_sub(min) as u64;
    let width = bits::width_of(range);
    let mut plan = Plan {
        cost_bits: width as usize * residuals.len(),
        base: min,
        width,
        exception_count: 0,
        counts: None,
    };
    if width == 0 || residuals.len() < 8 {
        return plan;
    }
    let exception_bits = exception_bits(width);
    // Widths around the median show whether few numbers make all others wide.
    sample.clear();
    sample.extend(
        residuals
            .iter()
            .step_by(if effort == Effort::Quick { 4 } else { 1 }),
    );
    let middle = sample.len() / 2;
    let median = *sample.select_nth_unstable(middle).1;
    let mut by_width = [0usize; 65];
    for &r in residuals {
        by_width[bits::width_of(zigzag(r.wrapping_sub(median))) as usize] += 1;
    }
    let mut outside = 0;
    for narrower in (0..64u32).rev() {
        outside += by_width[narrower as usize + 1];
        let cost = narrower as usize * residuals.len() + outside * exception_bits;
        if narrower < plan.width && cost < plan.cost_bits {
            try_narrow(residuals, median, narrower, exception_bits, &mut plan);
        }
        if effort == Effort::Thorough && narrower == 4 {
            try_rans(residuals, median, outside, exception_bits, &mut plan);
        }
    }
    plan
}

/// Takes the numbers within `width` bits of the median as the rule and all others as exceptions.
fn try_narrow(residuals: &[i64], median: i64, width: u32, exception_bits: usize, plan: &mut Plan) {
    let Some((min, max, inside)) = bounds_within(residuals, median, width) else {
        return;
    };
    let true_width = bits::width_of(max.wrapping_sub(min) as u64);
    let exception_count = residuals.len() - inside;
    let cost_bits = true_width as usize * residuals.len() + exception_count * exception_bits;
    if cost_bits < plan.cost_bits {
        *plan = Plan {
            cost_bits,
            base: min,
            width: true_width,
            exception_count,
            counts: None,
        };
    }
}

fn try_rans(
    residuals: &[i64],
    median: i64,
    outside: usize,
    exception_bits: usize,
    plan: &mut Plan,
) {
    // Far more exceptions than this can never pay.
    if outside * 8 > residuals.len() {
        return;
    }
    let Some((min, max, inside)) = bounds_within(residuals, median, 4) else {
        return;
    };
    if max.wrapping_sub(min) as u64 >= rans::SYMBOLS_MAX as u64 {
        return;
    }
    let mut counts = [0u32; rans::SYMBOLS_MAX];
    for &r in residuals {
        let symbol = r.wrapping_sub(min) as u64;
        if symbol < rans::SYMBOLS_MAX as u64 {
            counts[symbol as usize] += 1;
        }
    }
    let taken: u32 = counts.iter().sum();
    debug_assert!(taken as usize >= inside);
    let exception_count = residuals.len() - taken as usize;
    let cost_bits = rans::cost(&counts) * 8 + exception_count * exception_bits;
    if cost_bits < plan.cost_bits {
        // Exceptions are coded as the most frequent symbol.
        let largest = (0..rans::SYMBOLS_MAX)
            .max_by_key(|&s| counts[s])
            .unwrap_or(0);
        counts[largest] += exception_count as u32;
        *plan = Plan {
            cost_bits,
            base: min,
            width: 4,
            exception_count,
            counts: Some(counts),
        };
    }
}

fn bounds_within(residuals: &[i64], median: i64, width: u32) -> Option<(i64, i64, usize)> {
    let (mut min, mut max, mut inside) = (i64::MAX, i64::MIN, 0);
    for &r in residuals {
        if bits::width_of(zigzag(r.wrapping_sub(median))) <= width {
            min = min.min(r);
            max = max.max(r);
            inside += 1;
        }
    }
    (inside > 0).then_some((min, max, inside))
}

fn put_plan(residuals: &[i64], plan: &Plan, symbols: &mut Vec<u8>, out: &mut Vec<u8>) {
    put_signed(out, plan.base);
    let limit = if plan.width == 64 {
        u64::MAX
    } else {
        (1u64 << plan.width) - 1
    };
    let is_exception = |r: i64| r.wrapping_sub(plan.base) as u64 > limit;
    let exceptions = residuals.iter().filter(|&&r| is_exception(r)).count();
    debug_assert!(exceptions <= plan.exception_count);
    put(out, exceptions as u64);
    let mut previous = 0;
    for (at, &r) in residuals.iter().enumerate() {
        if is_exception(r) {
            put(out, (at - previous) as u64);
            put_signed(out, r.wrapping_sub(plan.base));
            previous = at;
        }
    }
    let Some(planned) = &plan.counts else {
        out.push(plan.width as u8);
        let inside = |&r: &i64| {
            if is_exception(r) {
                0
            } else {
                r.wrapping_sub(plan.base) as u64
            }
        };
        bits::pack(residuals.iter().map(inside), plan.width, out);
        return;
    };
    let filler = (0..rans::SYMBOLS_MAX)
        .max_by_key(|&s| planned[s])
        .unwrap_or(0);
    symbols.clear();
    let mut counts = [0u32; rans::SYMBOLS_MAX];
    for &r in residuals {
        let symbol = if is_exception(r) {
            filler
        } else {
            r.wrapping_sub(plan.base) as usize
        };
        counts[symbol] += 1;
        symbols.push(symbol as u8);
    }
    rans::encode(symbols, &counts, out);
}

/// Reads a column of `count` integers and appends it to `out`; leaves the reader behind it.
///
/// # Errors
/// Where the bytes are cut off or make no sense; `out` is as it was then.
pub fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), Malformed> {
    let begin = out.len();
    let decoded = decode_column(reader, count, out);
    if decoded.is_err() {
        out.truncate(begin);
    }
    decoded
}

fn decode_column(
    reader: &mut Reader<'_>,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), Malformed> {
    if count == 0 {
        return Ok(());
    }
    let head = reader.byte()?;
    let order = usize::from(head & 3);
    if order > 2 || order > count || head >> 2 > PACKER_RANS {
        return Err(reader.malformed("unknown form of a column"));
    }
    let first = if order > 0 { reader.signed()? } else { 0 };
    let first_step = if order > 1 { reader.signed()? } else { 0 };
    let base = reader.signed()?;
    let residuals = count - order;
    let exceptions = reader.size(residuals)?;
    let mut exception_reader = reader.clone();
    for _ in 0..exceptions {
        reader.varint()?;
        reader.signed()?;
    }
    let begin = out.len();
    match order {
        0 => {}
        1 => out.push(first),
        _ => out.extend([first, first.wrapping_add(first_step)]),
    }
    let from = out.len();
    out.resize(from + residuals, 0);
    let plain = exceptions == 0;
    let packer = head >> 2;
    if packer != PACKER_BITS {
        let states = match packer {
            PACKER_RANS_2 => rans::States::Two,
            _ => rans::States::Four,
        };
        rans::decode(reader, states, base, &mut out[from..])?;
    } else {
        let width = u32::from(reader.byte()?);
        let packed = reader.take(bits::packed_len(residuals, width.min(64)))?;
        if plain && order == 1 {
            // The most frequent form in one pass.
            let mut value = first;
            return bits::unpack(packed, width, &mut out[from..], |r| {
                value = value.wrapping_add(base.wrapping_add(r as i64));
                value
            });
        }
        bits::unpack(packed, width, &mut out[from..], |r| {
            base.wrapping_add(r as i64)
        })?;
    }
    let mut at = 0;
    for _ in 0..exceptions {
        at += exception_reader.size(residuals)?;
        let value = exception_reader.signed()?;
        let Some(slot) = out.get_mut(from + at) else {
            return Err(reader.malformed("exception beyond its column"));
        };
        *slot = base.wrapping_add(value);
    }
    let column = &mut out[begin..];
    match order {
        0 => {}
        1 => sum_up(first, &mut column[1..]),
        _ => {
            sum_up(first_step, &mut column[2..]);
            let second = column[1];
            sum_up(second, &mut column[2..]);
        }
    }
    Ok(())
}

fn sum_up(mut value: i64, differences: &mut [i64]) {
    for d in differences {
        value = value.wrapping_add(*d);
        *d = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[i64]) -> usize {
        let mut smallest = usize::MAX;
        for effort in [Effort::Quick, Effort::Thorough] {
            let mut out = Vec::new();
            encode(values, effort, &mut Scratch::default(), &mut out);
            smallest = smallest.min(out.len());
            out.extend_from_slice(b"tail");
            let mut back = vec![42];
            let mut reader = Reader::new(&out);
            decode(&mut reader, values.len(), &mut back).unwrap();
            assert_eq!(&back[1..], values);
            assert_eq!(reader.rest(), b"tail");
        }
        smallest
    }

    #[test]
    fn shapes_cost_what_they_should() {
        let regular: Vec<i64> = (0..1000).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        assert!(check(&regular) < 20, "{}", check(&regular));
        let mut gap = regular.clone();
        gap[700..].iter_mut().for_each(|t| *t += 15_000);
        assert!(check(&gap) < 30, "{}", check(&gap));
        let jitter: Vec<i64> = (0..1000).map(|i| i * 15_000 + (i * 7919) % 8).collect();
        assert!(check(&jitter) < 1000);
        let resets: Vec<i64> = (0..1000).map(|i| (i % 500) * 1000 + i % 7).collect();
        assert!(check(&resets) < 600, "{}", check(&resets));
        check(&[i64::MIN, i64::MAX, 0, -1, 1, i64::MAX, i64::MIN]);
        check(&[]);
        check(&[5]);
        check(&[5, -9]);
    }

    proptest! {
        #[test]
        fn all_columns_come_back(
            values in prop::collection::vec(prop_oneof![any::<i64>(), -5i64..5, 0i64..1000], 0..400),
        ) {
            check(&values);
            let narrow: Vec<i64> = values.iter().map(|v| v % 3).collect();
            check(&narrow);
        }

        #[test]
        fn damage_never_panics(
            mut values in prop::collection::vec(-100i64..100, 1..100),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut out = Vec::new();
            values.push(1 << 60);
            encode(&values, Effort::Thorough, &mut Scratch::default(), &mut out);
            let at = at.index(out.len());
            out[at] = byte;
            let mut back = Vec::new();
            let _whatever = decode(&mut Reader::new(&out), values.len(), &mut back);
            let _whatever = decode(&mut Reader::new(&out[..at]), values.len(), &mut back);
        }
    }
}
