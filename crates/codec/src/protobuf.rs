//! The protobuf wire format, read in place and written into a buffer.
//!
//! ## Model
//! A [`Cursor`] walks over the fields of one message: [`Cursor::field`] gives the number and wire
//! type of the next one, and exactly one of the typed readers (or [`Cursor::skip`]) takes its
//! value. Bytes are borrowed from the message. [`Writer`] appends fields; a nested message is
//! written behind a gap for its length that is closed afterwards.
//!
//! ## Invariants
//! No schema, no reflection, no allocation while reading. Groups, which proto3 does not have, are
//! an error.
//!
//! ## Failure
//! Whatever the bytes are, reading ends with a [`ProtobufError`] or at the end of the message; each
//! step moves forward.

/// The number of a field and how its value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The number in the schema, from 1.
    pub number: u32,
    /// The layout of the value.
    pub wire_type: WireType,
}

/// How a value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// Base 128, little end first.
    Varint,
    /// Eight bytes, little endian.
    Fixed64,
    /// A varint length and so many bytes.
    Bytes,
    /// Four bytes, little endian.
    Fixed32,
}

/// Why bytes are not a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtobufError {
    /// The message ends inside of a value.
    #[error("protobuf message is cut off: need {needed} bytes, have {have}")]
    Truncated {
        /// How many bytes the value takes.
        needed: u64,
        /// How many are left.
        have: usize,
    },
    /// A varint of more than ten bytes.
    #[error("protobuf varint is longer than 10 bytes")]
    VarintTooLong,
    /// A field with the number 0, or one above 2²⁹ - 1.
    #[error("protobuf field number {0} is out of range")]
    FieldNumber(u64),
    /// A wire type that is unknown, or a group.
    #[error("protobuf wire type {wire_type} of field {number} is not supported")]
    WireType {
        /// The number of the field.
        number: u32,
        /// The three bits.
        wire_type: u8,
    },
    /// A field that has another layout than its schema says.
    #[error("protobuf field {number} has wire type {found:?}, expected {expected:?}")]
    Mismatch {
        /// The number of the field.
        number: u32,
        /// What stands there.
        found: WireType,
        /// What should.
        expected: WireType,
    },
    /// A string that is not UTF-8.
    #[error("protobuf field {number} is not valid UTF-8")]
    NotUtf8 {
        /// The number of the field.
        number: u32,
    },
}

/// Reads one message, field by field.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of a message.
    #[must_use]
    #[inline]
    pub fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    /// How many bytes were read.
    #[must_use]
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether the message is at its end.
    #[must_use]
    #[inline]
    pub fn is_done(&self) -> bool {
        self.at >= self.message.len()
    }

    /// The next byte, which stays there.
    #[must_use]
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.message.get(self.at).copied()
    }

    /// The number and layout of the next field, or `None` at the end.
    ///
    /// # Errors
    /// Where the bytes are no field.
    #[inline]
    pub fn field(&mut self) -> Result<Option<Field>, ProtobufError> {
        if self.is_done() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(ProtobufError::FieldNumber(number));
        }
        let number = number as u32;
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Bytes,
            5 => WireType::Fixed32,
            other => {
                return Err(ProtobufError::WireType {
                    number,
                    wire_type: other as u8,
                });
            }
        };
        Ok(Some(Field { number, wire_type }))
    }

    /// A varint. Bits above the 64th are dropped, as every reader of protobuf does.
    ///
    /// # Errors
    /// Where it is cut off or longer than ten bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, ProtobufError> {
        match self.message.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline]
    fn long_varint(&mut self) -> Result<u64, ProtobufError> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let mut value = 0u64;
        for (index, &byte) in rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        if rest.len() >= 10 {
            return Err(ProtobufError::VarintTooLong);
        }
        Err(ProtobufError::Truncated {
            needed: rest.len() as u64 + 1,
            have: rest.len(),
        })
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// Where fewer are left.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, ProtobufError> {
        let bytes = self.take(8)?;
        let mut array = [0; 8];
        array.copy_from_slice(bytes);
        Ok(u64::from_le_bytes(array))
    }

    /// Eight bytes as a float.
    ///
    /// # Errors
    /// Where fewer are left.
    #[inline]
    pub fn double(&mut self) -> Result<f64, ProtobufError> {
        self.fixed64().map(f64::from_bits)
    }

    /// Bytes behind their length.
    ///
    /// # Errors
    /// Where the length points behind the end.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], ProtobufError> {
        let length = self.varint()?;
        self.take(length)
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], ProtobufError> {
        let have = self.message.len() - self.at;
        if length > have as u64 {
            return Err(ProtobufError::Truncated {
                needed: length,
                have,
            });
        }
        let end = self.at + length as usize;
        let bytes = &self.message[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// Passes over the value of a field.
    ///
    /// # Errors
    /// Where it is cut off.
    #[inline]
    pub fn skip(&mut self, field: Field) -> Result<(), ProtobufError> {
        match field.wire_type {
            WireType::Varint => self.varint().map(|_| ()),
            WireType::Fixed64 => self.take(8).map(|_| ()),
            WireType::Bytes => self.bytes().map(|_| ()),
            WireType::Fixed32 => self.take(4).map(|_| ()),
        }
    }

    /// The bytes of a field that must hold bytes.
    ///
    /// # Errors
    /// Where the field has another layout or is cut off.
    #[inline]
    pub fn bytes_of(&mut self, field: Field) -> Result<&'a [u8], ProtobufError> {
        expect(field, WireType::Bytes)?;
        self.bytes()
    }

    /// The string of a field.
    ///
    /// # Errors
    /// Where the field has another layout, is cut off, or is not UTF-8.
    pub fn string_of(&mut self, field: Field) -> Result<&'a str, ProtobufError> {
        let bytes = self.bytes_of(field)?;
        std::str::from_utf8(bytes).map_err(|_| ProtobufError::NotUtf8 {
            number: field.number,
        })
    }

    /// The varint of a field.
    ///
    /// # Errors
    /// Where the field has another layout or is cut off.
    #[inline]
    pub fn varint_of(&mut self, field: Field) -> Result<u64, ProtobufError> {
        expect(field, WireType::Varint)?;
        self.varint()
    }

    /// The float of a field.
    ///
    /// # Errors
    /// Where the field has another layout or is cut off.
    #[inline]
    pub fn double_of(&mut self, field: Field) -> Result<f64, ProtobufError> {
        expect(field, WireType::Fixed64)?;
        self.double()
    }

    /// Appends the varints of a repeated field, packed or not.
    ///
    /// # Errors
    /// Where the field has another layout or is cut off.
    pub fn varints_of(
        &mut self,
        field: Field,
        mut each: impl FnMut(u64),
    ) -> Result<(), ProtobufError> {
        if field.wire_type == WireType::Varint {
            each(self.varint()?);
            return Ok(());
        }
        let mut packed = Cursor::new(self.bytes_of(field)?);
        while !packed.is_done() {
            each(packed.varint()?);
        }
        Ok(())
    }

    /// Appends the floats of a repeated field, packed or not.
    ///
    /// # Errors
    /// Where the field has another layout or is cut off.
    pub fn doubles_of(&mut self, field: Field, out: &mut Vec<f64>) -> Result<(), ProtobufError> {
        if field.wire_type == WireType::Fixed64 {
            out.push(self.double()?);
            return Ok(());
        }
        let mut packed = Cursor::new(self.bytes_of(field)?);
        while !packed.is_done() {
            out.push(packed.double()?);
        }
        Ok(())
    }
}

#[inline]
fn expect(field: Field, expected: WireType) -> Result<(), ProtobufError> {
    if field.wire_type == expected {
        return Ok(());
    }
    Err(ProtobufError::Mismatch {
        number: field.number,
        found: field.wire_type,
        expected,
    })
}

/// Takes back a signed number that was written with the sign in its lowest bit (`sint32`, `sint64`).
#[must_use]
#[inline]
pub const fn zigzag_decode(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Puts the sign of a number into its lowest bit.
#[must_use]
#[inline]
pub const fn zigzag_encode(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Appends fields to a buffer. Values that equal the default of proto3 (0, empty) are left out.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// How many bytes the buffer holds.
    #[must_use]
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// A bare varint.
    pub fn raw_varint(&mut self, value: u64) {
        put_varint(self.out, value);
    }

    fn key(&mut self, number: u32, wire_type: u64) {
        put_varint(self.out, u64::from(number) << 3 | wire_type);
    }

    /// A number, unless it is 0.
    pub fn varint(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.varint_always(number, value);
        }
    }

    /// A number, even if it is 0: for members of a `oneof`.
    pub fn varint_always(&mut self, number: u32, value: u64) {
        self.key(number, 0);
        put_varint(self.out, value);
    }

    /// An `int64`, unless it is 0.
    pub fn int64(&mut self, number: u32, value: i64) {
        self.varint(number, value as u64);
    }

    /// An `sint32` or `sint64`, unless it is 0.
    pub fn sint64(&mut self, number: u32, value: i64) {
        self.varint(number, zigzag_encode(value));
    }

    /// A float, unless its bits are all 0 (-0 is written).
    pub fn double(&mut self, number: u32, value: f64) {
        if value.to_bits() != 0 {
            self.double_always(number, value);
        }
    }

    /// A float, even if it is 0: for members of a `oneof`.
    pub fn double_always(&mut self, number: u32, value: f64) {
        self.key(number, 1);
        self.out.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// Bytes or a string, unless empty.
    pub fn bytes(&mut self, number: u32, value: &[u8]) {
        if !value.is_empty() {
            self.bytes_always(number, value);
        }
    }

    /// Bytes or a string, even if empty: for elements of a repeated field.
    pub fn bytes_always(&mut self, number: u32, value: &[u8]) {
        self.key(number, 2);
        put_varint(self.out, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// A packed list of varints, unless empty.
    pub fn packed_varints(&mut self, number: u32, values: impl Iterator<Item = u64>) {
        let start = self.out.len();
        self.message(number, |writer| {
            values.for_each(|value| writer.raw_varint(value))
        });
        // Key and a length of 0 are all that was written for an empty list.
        if self.out.last() == Some(&0) && self.out.len() <= start + 1 + varint_len(number) {
            self.out.truncate(start);
        }
    }

    /// A packed list of floats, unless empty.
    pub fn packed_doubles(&mut self, number: u32, values: &[f64]) {
        if values.is_empty() {
            return;
        }
        self.key(number, 2);
        put_varint(self.out, values.len() as u64 * 8);
        for value in values {
            self.out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }

    /// A nested message that `write` fills, even if it stays empty.
    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Writer<'_>)) {
        let message = self.open(number);
        write(&mut Writer::new(self.out));
        self.close(message);
    }

    /// Begins a nested message, for callers that cannot fill it in one closure. What is written
    /// until [`Writer::close`] belongs to it.
    #[must_use = "a message that is not closed has no length"]
    pub fn open(&mut self, number: u32) -> OpenMessage {
        self.key(number, 2);
        let length_at = self.out.len();
        self.out.push(0);
        OpenMessage { length_at }
    }

    /// Ends the nested message that was begun last.
    pub fn close(&mut self, message: OpenMessage) {
        let length_at = message.length_at;
        let length = self.out.len().saturating_sub(length_at + 1);
        if length < 0x80 {
            if let Some(byte) = self.out.get_mut(length_at) {
                *byte = length as u8;
            }
            return;
        }
        // One byte was kept free for the length; longer messages are moved, which is rare and
        // cheap next to writing them.
        let mut encoded = Vec::with_capacity(10);
        put_varint(&mut encoded, length as u64);
        self.out.splice(length_at..=length_at, encoded);
    }
}

/// A nested message that is being written.
#[derive(Debug)]
pub struct OpenMessage {
    length_at: usize,
}

fn varint_len(number: u32) -> usize {
    let mut length = 1;
    let mut rest = u64::from(number) << 3 >> 7;
    while rest > 0 {
        length += 1;
        rest >>= 7;
    }
    length
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.varint(1, 300);
        writer.varint(2, 0);
        writer.double(3, -0.0);
        writer.bytes(4, b"abc");
        writer.sint64(5, -7);
        writer.packed_varints(6, [].into_iter());
        writer.packed_varints(7, [0].into_iter());
        writer.packed_doubles(8, &[1.5, f64::INFINITY]);
        writer.message(1000, |inner| inner.bytes(1, &[7; 300]));
        let mut cursor = Cursor::new(&out);
        let mut seen = Vec::new();
        while let Some(field) = cursor.field().unwrap() {
            seen.push(field.number);
            match field.number {
                1 => assert_eq!(cursor.varint_of(field), Ok(300)),
                3 => assert_eq!(cursor.double_of(field).unwrap().to_bits(), 1 << 63),
                4 => assert_eq!(cursor.string_of(field), Ok("abc")),
                5 => assert_eq!(zigzag_decode(cursor.varint_of(field).unwrap()), -7),
                7 => {
                    let mut values = Vec::new();
                    cursor
                        .varints_of(field, |value| values.push(value))
                        .unwrap();
                    assert_eq!(values, [0]);
                }
                8 => {
                    let mut values = Vec::new();
                    cursor.doubles_of(field, &mut values).unwrap();
                    assert_eq!(values, [1.5, f64::INFINITY]);
                }
                _ => {
                    let mut inner = Cursor::new(cursor.bytes_of(field).unwrap());
                    let field = inner.field().unwrap().unwrap();
                    assert_eq!(inner.bytes_of(field).unwrap(), [7; 300]);
                }
            }
        }
        assert_eq!(seen, [1, 3, 4, 5, 7, 8, 1000]);
    }

    #[test]
    fn damage_is_named() {
        let check = |bytes: &[u8], want: &str| {
            let mut cursor = Cursor::new(bytes);
            let error = loop {
                match cursor.field() {
                    Err(error) => break error,
                    Ok(None) => panic!("{bytes:?} was read to its end"),
                    Ok(Some(field)) => {
                        if let Err(error) = cursor.skip(field) {
                            break error;
                        }
                    }
                }
            };
            assert_eq!(error.to_string(), want);
        };
        check(
            &[0x0a, 5, 1],
            "protobuf message is cut off: need 5 bytes, have 1",
        );
        check(
            &[0x08, 0x80],
            "protobuf message is cut off: need 2 bytes, have 1",
        );
        check(&[0xff; 12], "protobuf varint is longer than 10 bytes");
        check(&[0x02], "protobuf field number 0 is out of range");
        check(&[0x0b], "protobuf wire type 3 of field 1 is not supported");
        check(
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            "protobuf message is cut off: need 18446744073709551615 bytes, have 0",
        );
    }

    proptest::proptest! {
        #[test]
        fn varints_and_signs_come_back(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut cursor = Cursor::new(&out);
            proptest::prop_assert_eq!(cursor.varint(), Ok(value));
            proptest::prop_assert!(cursor.is_done());
            proptest::prop_assert_eq!(zigzag_decode(zigzag_encode(signed)), signed);
        }

        #[test]
        fn random_bytes_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut cursor = Cursor::new(&bytes);
            let mut steps = 0;
            while let Ok(Some(field)) = cursor.field() {
                steps += 1;
                proptest::prop_assert!(steps <= bytes.len());
                if cursor.skip(field).is_err() {
                    break;
                }
            }
        }
    }
}
