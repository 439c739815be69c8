//! Writes JSON straight into bytes, in the shapes and number formats of the Prometheus HTTP API.
//!
//! ## Model
//! [`JsonWriter`] appends to a `Vec<u8>` and puts commas where they belong; it holds no tree.
//! Values of samples are strings (`"1.5"`, `"NaN"`, `"+Inf"`), times are numbers of seconds with at
//! most three decimals.
//!
//! ## Invariants
//! Whatever goes in, what comes out between `object_begin` and `object_end` is one valid document:
//! strings are escaped, control characters included, and numbers that JSON lacks become `null`.

use bellwether_model::{FloatHistogram, Labels};

/// Appends JSON to bytes.
#[derive(Debug, Default)]
pub(crate) struct JsonWriter {
    out: Vec<u8>,
    /// Whether the next element needs a comma in front.
    comma: bool,
}

impl JsonWriter {
    /// A writer with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
            comma: false,
        }
    }

    /// Number of bytes that wait in the writer.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Takes the bytes out and leaves room for as many; the state of commas stays.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let capacity = self.out.capacity();
        std::mem::replace(&mut self.out, Vec::with_capacity(capacity))
    }

    /// All bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn before(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
    }

    /// `{`
    pub(crate) fn object_begin(&mut self) -> &mut Self {
        self.before();
        self.out.push(b'{');
        self.comma = false;
        self
    }

    /// `}`
    pub(crate) fn object_end(&mut self) -> &mut Self {
        self.out.push(b'}');
        self.comma = true;
        self
    }

    /// `[`
    pub(crate) fn array_begin(&mut self) -> &mut Self {
        self.before();
        self.out.push(b'[');
        self.comma = false;
        self
    }

    /// `]`
    pub(crate) fn array_end(&mut self) -> &mut Self {
        self.out.push(b']');
        self.comma = true;
        self
    }

    /// `"key":`
    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.before();
        push_string(&mut self.out, key);
        self.out.push(b':');
        self.comma = false;
        self
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.before();
        push_string(&mut self.out, text);
        self.comma = true;
        self
    }

    /// Text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) -> &mut Self {
        self.before();
        self.out.extend_from_slice(json.as_bytes());
        self.comma = true;
        self
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.raw(if value { "true" } else { "false" })
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, value: i64) -> &mut Self {
        self.before();
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
        self.comma = true;
        self
    }

    /// A whole number that is not negative.
    pub(crate) fn unsigned(&mut self, value: u64) -> &mut Self {
        self.before();
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
        self.comma = true;
        self
    }

    /// A number; `null` where JSON has no word for it.
    pub(crate) fn number(&mut self, value: f64) -> &mut Self {
        if !value.is_finite() {
            return self.raw("null");
        }
        self.before();
        push_float(&mut self.out, value);
        self.comma = true;
        self
    }

    /// A time as seconds: `1435781430.781`.
    pub(crate) fn time(&mut self, time_ms: i64) -> &mut Self {
        self.before();
        push_seconds(&mut self.out, time_ms);
        self.comma = true;
        self
    }

    /// A sample's value: a string.
    pub(crate) fn value(&mut self, value: f64) -> &mut Self {
        self.before();
        push_value(&mut self.out, value);
        self.comma = true;
        self
    }

    /// `[time,"value"]`, the most frequent thing of all.
    pub(crate) fn point(&mut self, time_ms: i64, value: f64) -> &mut Self {
        self.before();
        self.out.push(b'[');
        push_seconds(&mut self.out, time_ms);
        self.out.push(b',');
        push_value(&mut self.out, value);
        self.out.push(b']');
        self.comma = true;
        self
    }

    /// An object of labels.
    pub(crate) fn labels(&mut self, labels: &Labels) -> &mut Self {
        self.object_begin();
        for (name, value) in labels {
            self.key(name).string(value);
        }
        self.object_end()
    }

    /// A list of strings.
    pub(crate) fn strings<S: AsRef<str>>(
        &mut self,
        texts: impl IntoIterator<Item = S>,
    ) -> &mut Self {
        self.array_begin();
        for text in texts {
            self.string(text.as_ref());
        }
        self.array_end()
    }

    /// A native histogram: count, sum, and its buckets that are not empty, each as
    /// `[which bounds belong to it, lower, upper, count]`.
    pub(crate) fn histogram(&mut self, histogram: &FloatHistogram) -> &mut Self {
        self.object_begin();
        self.key("count").value(histogram.count);
        self.key("sum").value(histogram.sum);
        let mut open = false;
        for bucket in histogram.ascending() {
            if bucket.count == 0.0 {
                continue;
            }
            if !open {
                self.key("buckets").array_begin();
                open = true;
            }
            let bounds = match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            };
            self.array_begin().integer(bounds);
            self.value(bucket.lower)
                .value(bucket.upper)
                .value(bucket.count)
                .array_end();
        }
        if open {
            self.array_end();
        }
        self.object_end()
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

fn push_seconds(out: &mut Vec<u8>, time_ms: i64) {
    if time_ms < 0 {
        out.push(b'-');
    }
    let magnitude = time_ms.unsigned_abs();
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(magnitude / 1000).as_bytes());
    let fraction = magnitude % 1000;
    if fraction != 0 {
        let digit = |n: u64| b'0' + (n % 10) as u8;
        out.extend_from_slice(&[
            b'.',
            digit(fraction / 100),
            digit(fraction / 10),
            digit(fraction),
        ]);
    }
}

fn push_value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    if value.is_finite() {
        push_float(out, value);
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value > 0.0 {
        out.extend_from_slice(b"+Inf");
    } else {
        out.extend_from_slice(b"-Inf");
    }
    out.push(b'"');
}

/// The largest whole number that a float holds along with all smaller ones.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Decimals of at most 15 digits are all different floats: one that reads back as the float is the
/// shortest that does, once its zeros at the end are gone.
const THOUSANDTHS_END: u64 = 1_000_000_000_000_000;

/// Appends a number of thousandths that is not whole.
fn push_thousandths(out: &mut Vec<u8>, is_negative: bool, thousandths: u64) {
    if is_negative {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(thousandths / 1000).as_bytes());
    let fraction = thousandths % 1000;
    let digit = |n: u64| b'0' + (n % 10) as u8;
    let digits = [
        b'.',
        digit(fraction / 100),
        digit(fraction / 10),
        digit(fraction),
    ];
    let zeros = match fraction {
        f if f % 100 == 0 => 2,
        f if f % 10 == 0 => 1,
        _ => 0,
    };
    out.extend_from_slice(&digits[..digits.len() - zeros]);
}

/// Appends a finite float as Prometheus does: the fewest digits that read back the same, without an
/// exponent from 1e-6 up to below 1e21, with one of at least two digits outside of that.
fn push_float(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    // Rounding through an integer: the instruction for it is not in every x86-64.
    if magnitude < EXACT_INTEGER_MAX && value as i64 as f64 == value {
        if value == 0.0 && value.is_sign_negative() {
            out.extend_from_slice(b"-0");
            return;
        }
        let mut buffer = itoa::Buffer::new();
        // The comparison above keeps the float inside of what an i64 holds.
        out.extend_from_slice(buffer.format(value as i64).as_bytes());
        return;
    }
    let thousandths = (magnitude * 1e3 + 0.5) as u64;
    if thousandths < THOUSANDTHS_END && thousandths as f64 / 1e3 == magnitude {
        push_thousandths(out, value < 0.0, thousandths);
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    let (mantissa, exponent) = match text.split_once('e') {
        None => {
            out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
            return;
        }
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
    };
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    if !(1e-6..1e21).contains(&magnitude) {
        out.extend_from_slice(mantissa.as_bytes());
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        let exponent = exponent.unsigned_abs();
        if exponent < 10 {
            out.push(b'0');
        }
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(buffer.format(exponent).as_bytes());
        return;
    }
    expand(out, mantissa, exponent);
}

/// Writes `mantissa × 10^exponent` without an exponent. The mantissa has one digit before its dot.
fn expand(out: &mut Vec<u8>, mantissa: &str, exponent: i32) {
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    out.extend_from_slice(sign.as_bytes());
    let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let steps = exponent.unsigned_abs() as usize;
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', steps - 1));
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(tail.as_bytes());
        return;
    }
    out.extend_from_slice(head.as_bytes());
    if tail.len() <= steps {
        out.extend_from_slice(tail.as_bytes());
        out.extend(std::iter::repeat_n(b'0', steps - tail.len()));
    } else {
        let (whole, fraction) = tail.split_at(steps);
        out.extend_from_slice(whole.as_bytes());
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(v: f64) -> String {
        let mut out = Vec::new();
        push_value(&mut out, v);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_read_as_prometheus_writes_them() {
        let check = |v: f64, want: &str| assert_eq!(value(v), format!("\"{want}\""));
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(0.1, "0.1");
        check(-1234.5678, "-1234.5678");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-2.5e300, "-2.5e+300");
        check(1e-6, "0.000001");
        check(1.25e-6, "0.00000125");
        check(9.9e-7, "9.9e-07");
        check(123_456_789_012_345_678.0, "123456789012345680");
        check(9_007_199_254_740_993.0, "9007199254740992");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
    }

    #[test]
    fn times_have_at_most_three_decimals() {
        let check = |ms: i64, want: &str| {
            let mut out = Vec::new();
            push_seconds(&mut out, ms);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };
        check(0, "0");
        check(1_435_781_430_781, "1435781430.781");
        check(1_001, "1.001");
        check(-1_020, "-1.020");
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        push_string(&mut out, "a\"b\\c\nd\u{1}é</script>");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a\\\"b\\\\c\\nd\\u0001é</script>\""
        );
    }

    proptest! {
        #[test]
        fn floats_read_back_to_the_bit(bits in any::<u64>()) {
            let v = f64::from_bits(bits);
            prop_assume!(v.is_finite());
            let text = value(v);
            let back: f64 = text.trim_matches('"').parse().unwrap();
            prop_assert_eq!(back.to_bits(), v.to_bits(), "{}", text);
        }

        #[test]
        fn decimals_read_as_the_shortest(number in any::<i64>(), digits in 0u32..16, places in 0i32..6) {
            let v = (number % 10i64.pow(digits)) as f64 / 10f64.powi(places);
            prop_assume!(v == 0.0 || v.abs() >= 1e-6);
            // Rust prints the fewest digits, too, and never an exponent.
            prop_assert_eq!(value(v), format!("\"{v}\""));
        }

        #[test]
        fn strings_survive_a_json_reader(text in ".*") {
            let mut out = Vec::new();
            push_string(&mut out, &text);
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
