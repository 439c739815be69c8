//! Protobuf, as far as expositions and OTLP need it.
//!
//! ## See also
//! <https://protobuf.dev/programming-guides/encoding/>

/// Fields with numbers up to so many bits of length in place: a message's length is patched in.
const LENGTH_BYTES: usize = 5;

pub(crate) fn put_raw_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_raw_signed(out: &mut Vec<u8>, value: i64) {
    put_raw_varint(out, (value << 1 ^ value >> 63) as u64);
}

fn put_key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    put_raw_varint(out, u64::from(field << 3 | wire_type));
}

/// `uint32`, `uint64`, `int64`, `bool`, enumerations.
pub(crate) fn put_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    put_key(out, field, 0);
    put_raw_varint(out, value);
}

/// `sint32`, `sint64`.
pub(crate) fn put_signed(out: &mut Vec<u8>, field: u32, value: i64) {
    put_key(out, field, 0);
    put_raw_signed(out, value);
}

pub(crate) fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    put_fixed64(out, field, value.to_bits());
}

pub(crate) fn put_fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    put_key(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// `bytes`, `string`.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_key(out, field, 2);
    put_raw_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A message, or packed numbers, that `put` appends.
pub(crate) fn put_message(out: &mut Vec<u8>, field: u32, put: impl FnOnce(&mut Vec<u8>)) {
    put_key(out, field, 2);
    let begin = out.len();
    // Most messages are short: one byte is reserved, and more are made room for where needed.
    out.push(0);
    put(out);
    let len = out.len() - begin - 1;
    let mut length = Vec::with_capacity(LENGTH_BYTES);
    put_raw_varint(&mut length, len as u64);
    if let ([byte], Some(place)) = (length.as_slice(), out.get_mut(begin)) {
        *place = *byte;
    } else {
        out.splice(begin..=begin, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size_fit() {
        for len in [0, 1, 127, 128, 20_000] {
            let mut out = vec![9];
            put_message(&mut out, 2, |out| out.resize(out.len() + len, 7));
            let mut want = vec![9, 2 << 3 | 2];
            put_raw_varint(&mut want, len as u64);
            want.resize(want.len() + len, 7);
            assert_eq!(out, want, "{len}");
        }
        let mut out = Vec::new();
        put_signed(&mut out, 1, -2);
        put_varint(&mut out, 2, 300);
        assert_eq!(out, [8, 3, 16, 0xac, 2]);
    }
}
