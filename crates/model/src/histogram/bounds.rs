//! The bounds of buckets.

use std::sync::LazyLock;

use super::{CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMA_MAX};

/// The 256 bounds in (0.5, 1] of the finest schema, shifted by one: `2^(i/256) / 2`. Coarser
/// schemas use every second, fourth and so on, so that equal bounds are equal bits.
static FRACTIONS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..1u32 << EXPONENTIAL_SCHEMA_MAX)
        .map(|i| (f64::from(i) / 256.0).exp2() * 0.5)
        .collect()
});

/// `fraction * 2^exponent`, without overflow where the result is in range.
fn scale(fraction: f64, exponent: i64) -> f64 {
    let half = exponent / 2;
    let power = |e: i64| 2f64.powi(i32::try_from(e.clamp(-2000, 2000)).unwrap_or(0));
    fraction * power(half) * power(exponent - half)
}

/// The upper bound of the bucket with this index in an exponential schema (-4 to 8).
pub(super) fn exponential(index: i32, schema: i32) -> f64 {
    if schema < 0 {
        let exponent = i64::from(index) << -schema;
        if exponent == 1024 {
            // The bucket that holds the greatest float; the next bound is +Inf.
            return f64::MAX;
        }
        return scale(1.0, exponent);
    }
    let step = EXPONENTIAL_SCHEMA_MAX - schema;
    let in_octave = index & ((1 << schema) - 1);
    let fraction = usize::try_from(in_octave << step.max(0))
        .ok()
        .and_then(|i| FRACTIONS.get(i))
        .copied()
        .unwrap_or(0.5);
    let exponent = i64::from(index >> schema) + 1;
    if in_octave == 0 && exponent == 1025 {
        return f64::MAX;
    }
    scale(fraction, exponent)
}

/// The upper bound of a bucket in any schema. Custom buckets begin at -Inf and end at +Inf.
pub(super) fn upper(index: i32, schema: i32, custom_values: &[f64]) -> f64 {
    if schema != CUSTOM_BUCKETS_SCHEMA {
        return exponential(index, schema);
    }
    match usize::try_from(index) {
        Ok(index) => custom_values.get(index).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

/// The index that a bucket falls to in a coarser schema.
pub(super) fn coarser_index(index: i32, schema: i32, target: i32) -> i32 {
    ((index - 1) >> (schema - target).clamp(0, 31)) + 1
}

/// Whether the schema is one of the exponential ones.
pub(super) fn is_exponential(schema: i32) -> bool {
    schema != CUSTOM_BUCKETS_SCHEMA
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_and_stay_finite() {
        assert_eq!(exponential(0, 0), 1.0);
        assert_eq!(exponential(1, 0), 2.0);
        assert_eq!(exponential(-1, 0), 0.5);
        assert_eq!(exponential(1, -1), 4.0);
        assert_eq!(exponential(2, 1), 2.0);
        assert!((exponential(1, 1) - 2f64.sqrt()).abs() < 1e-15);
        assert_eq!(exponential(1024, 0), f64::MAX);
        assert_eq!(exponential(1025, 0), f64::INFINITY);
        assert_eq!(exponential(-1074, 0), 5e-324);
        assert_eq!(upper(-1, CUSTOM_BUCKETS_SCHEMA, &[1.0]), f64::NEG_INFINITY);
        assert_eq!(upper(0, CUSTOM_BUCKETS_SCHEMA, &[1.0]), 1.0);
        assert_eq!(upper(1, CUSTOM_BUCKETS_SCHEMA, &[1.0]), f64::INFINITY);
    }

    #[test]
    fn bounds_of_coarser_schemas_are_the_same_bits() {
        for schema in 1..=8 {
            for index in -600..600 {
                let coarse = exponential(index, schema - 1);
                assert_eq!(exponential(2 * index, schema).to_bits(), coarse.to_bits());
                assert_eq!(coarser_index(2 * index, schema, schema - 1), index);
            }
        }
    }
}
