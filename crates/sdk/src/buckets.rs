//! Which bucket of a histogram a value belongs to.
//!
//! ## Model
//! Buckets of schema 3, as Prometheus has them: bucket `i` holds what is above `2^((i-1)/8)` and not
//! above `2^(i/8)`. Eight of them are an octave: `(2^e, 2^(e+1)]`.
//!
//! ## Limits
//! A bound is 9.05 % above the one before, so that a quantile that is interpolated on a logarithmic
//! scale is at most 4.4 % off. What is not above `2^-32` counts as zero, and what is above `2^64`
//! belongs to the last bucket.
//!
//! ## See also
//! <https://prometheus.io/docs/specs/native_histograms/>

/// The resolution, as Prometheus numbers it: `2^SCHEMA` buckets for each power of two.
pub(crate) const SCHEMA: i32 = 3;
/// Buckets of an octave.
pub(crate) const OCTAVE_BUCKETS: u32 = 1 << SCHEMA;
/// The exponent of the lowest octave.
pub(crate) const EXPONENT_MIN: i32 = -32;
/// Octaves with buckets.
pub(crate) const OCTAVES: usize = 96;
/// What is not above it counts as zero: `2^-32`.
pub(crate) const ZERO_THRESHOLD: f64 = 1.0 / 4_294_967_296.0;

const MANTISSA_BITS: u32 = 52;
/// Bits of `2^(i/8)` for i from 1 to 7, without the exponent.
const BOUNDS: [u64; 7] = [
    0x0001_72b8_3c7d_517b,
    0x0003_06fe_0a31_b715,
    0x0004_bfda_d536_2a27,
    0x0006_a09e_667f_3bcd,
    0x0008_ace5_422a_a0db,
    0x000a_e89f_995a_d3ad,
    0x000d_5818_dcfb_a487,
];
/// For each value of a mantissa's first four bits: how many bounds are below all such mantissas, and
/// the bound that may be between them. No two bounds share their first four bits.
const SLOTS: [(u8, u64); 16] = slots();

const fn slots() -> [(u8, u64); 16] {
    let mut slots = [(0, u64::MAX); 16];
    let mut slot = 0;
    while slot < 16 {
        let first = (slot as u64) << (MANTISSA_BITS - 4);
        let last = first + ((1 << (MANTISSA_BITS - 4)) - 1);
        let mut bound = 0;
        while bound < BOUNDS.len() {
            if BOUNDS[bound] < first {
                slots[slot].0 += 1;
            } else if BOUNDS[bound] <= last {
                slots[slot].1 = BOUNDS[bound];
            }
            bound += 1;
        }
        slot += 1;
    }
    slots
}

/// Octave and bucket of a value above [`ZERO_THRESHOLD`].
#[inline]
pub(crate) fn bucket_of(value: f64) -> (usize, u32) {
    // Bounds belong to the bucket below them: of the number before the value they are the lower ones.
    let bits = value.to_bits() - 1;
    let mantissa = bits & ((1 << MANTISSA_BITS) - 1);
    let exponent = (bits >> MANTISSA_BITS) as i32 - 1_023;
    let octave = (exponent - EXPONENT_MIN) as usize;
    if octave >= OCTAVES {
        return (OCTAVES - 1, OCTAVE_BUCKETS - 1);
    }
    let (below, bound) = SLOTS[(mantissa >> (MANTISSA_BITS - 4)) as usize];
    (octave, u32::from(below) + u32::from(mantissa >= bound))
}

/// The index that Prometheus gives the bucket of an octave.
pub(crate) fn index_of(octave: usize, bucket: u32) -> i32 {
    (octave as i32 + EXPONENT_MIN) * OCTAVE_BUCKETS as i32 + bucket as i32 + 1
}

/// Upper bounds of classic buckets, with where to begin to look.
#[derive(Debug)]
pub struct Bounds {
    bounds: Box<[f64]>,
    /// For each octave: how many bounds are not above its begin. Two more: what is above all octaves,
    /// and the end.
    begins: [u16; OCTAVES + 2],
}

/// Bounds of a histogram. Chosen: its cells lie side by side.
const BOUNDS_MAX: usize = 500;
/// So many bounds are tried one by one.
const FEW: usize = 4;

impl Bounds {
    /// Sorted; what is no number, what is there twice and what is beyond the limit is left out.
    pub(crate) fn new(bounds: &[f64]) -> Self {
        let mut bounds: Vec<f64> = bounds.to_vec();
        bounds.retain(|bound| !bound.is_nan() && *bound != f64::INFINITY);
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds.truncate(BOUNDS_MAX);
        let mut begins = [bounds.len() as u16; OCTAVES + 2];
        for (octave, begin) in begins.iter_mut().enumerate().take(OCTAVES + 1) {
            let lower = 2f64.powi(octave as i32 + EXPONENT_MIN);
            *begin = bounds.partition_point(|bound| *bound <= lower) as u16;
        }
        Self {
            bounds: bounds.into(),
            begins,
        }
    }

    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.bounds
    }

    /// The first bound that is not below a value: all of them where there is none.
    #[inline]
    pub(crate) fn bucket_of(&self, value: f64) -> usize {
        let below = |bound: &f64| *bound < value;
        if value <= ZERO_THRESHOLD {
            return self.bounds.partition_point(below);
        }
        let exponent = ((value.to_bits() - 1) >> MANTISSA_BITS) as i32 - 1_023;
        let octave = ((exponent - EXPONENT_MIN) as usize).min(OCTAVES);
        let (begin, end) = (
            self.begins[octave] as usize,
            self.begins[octave + 1] as usize,
        );
        let bounds = self.bounds.get(begin..end).unwrap_or_default();
        if bounds.len() > FEW {
            return begin + bounds.partition_point(below);
        }
        begin + bounds.iter().take_while(|bound| below(bound)).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The upper bound of a bucket.
    fn bound(index: i32) -> f64 {
        let fraction = BOUNDS
            .get((index.rem_euclid(8) as usize).wrapping_sub(1))
            .map_or(1.0, |bits| f64::from_bits(*bits | 1_023 << MANTISSA_BITS));
        fraction * 2f64.powi(index.div_euclid(8))
    }

    #[test]
    fn bounds_are_roots_of_two() {
        for (number, bits) in BOUNDS.iter().enumerate() {
            let bound = f64::from_bits(*bits | 1_023 << MANTISSA_BITS);
            let want = 2f64.powf((number + 1) as f64 / 8.0);
            assert!((bound - want).abs() <= f64::EPSILON * 2.0, "{bound} {want}");
        }
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below() {
        let index = |value| {
            let (octave, bucket) = bucket_of(value);
            index_of(octave, bucket)
        };
        assert_eq!(index(1.0), 0);
        assert_eq!(index(1.0 + f64::EPSILON), 1);
        assert_eq!(index(2.0), 8);
        assert_eq!(index(bound(5)), 5);
        assert_eq!(index(1e300), 64 * 8);
        assert_eq!(index(f64::MAX), 64 * 8);
        assert_eq!(
            index(ZERO_THRESHOLD + ZERO_THRESHOLD * f64::EPSILON),
            -32 * 8 + 1
        );
    }

    proptest! {
        #[test]
        fn bounds_are_found_as_by_looking_at_all(
            bounds in proptest::collection::vec(prop_oneof![-5.0f64..5.0, 0.0f64..1e-8, 0.0f64..1e22], 0..60),
            values in proptest::collection::vec(prop_oneof![-5.0f64..5.0, 0.0f64..1e-8, 0.0f64..1e22], 1..60),
        ) {
            let table = Bounds::new(&bounds);
            for value in values.iter().chain(&bounds).chain(&[0.0, 1.0, 2.0, f64::MAX, f64::MIN]) {
                let want = table.as_slice().iter().filter(|bound| **bound < *value).count();
                prop_assert_eq!(table.bucket_of(*value), want, "{}", value);
            }
        }

        #[test]
        fn a_value_lies_between_the_bounds_of_its_bucket(exponent in -31i32..63, part in 1.0f64..2.0) {
            let value = part * 2f64.powi(exponent);
            let (octave, bucket) = bucket_of(value);
            let index = index_of(octave, bucket);
            prop_assert!(bound(index - 1) < value && value <= bound(index), "{value} {index}");
        }
    }
}
