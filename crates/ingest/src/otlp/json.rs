//! OTLP in JSON, rewritten as protobuf.
//!
//! ## Model
//! A body is read once, along the schema of its messages, and written as the protobuf that means the
//! same; from there on both forms take one way, with one set of limits. It follows the JSON mapping
//! of proto3 and OTLP's two exceptions: ids are hexadecimal, and unknown fields are ignored.
//!
//! Accepted are names in lowerCamelCase or as in the `.proto` files; numbers as numbers or text
//! (`"1"`, `1e3`, `"NaN"`, `"Infinity"`, `"-Infinity"`); enums by number or name; bytes in either
//! alphabet of base64, padded or not; `null` for a field that is not there.
//!
//! ## Limits
//! The protobuf may be as large as a body may be: a `0,` of two bytes becomes a number of eight.
//! JSON nests at most 127 levels deep, unknown fields aside.
//!
//! ## Failure
//! An error names the path to the value, what is wrong with it, and the line and column.
//!
//! ## See also
//! <https://protobuf.dev/programming-guides/json/>,
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

mod schema;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bellwether_codec::protobuf::{Writer, put_varint, zigzag_encode};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use schema::{Field, Kind, Message};

/// Why a body cannot be rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JsonError {
    /// It is not the JSON of a request.
    Invalid(String),
    /// As protobuf it would be larger than allowed.
    TooLarge,
}

/// Rewrites the JSON of an `ExportMetricsServiceRequest` as protobuf of at most `bytes_max` bytes.
pub(super) fn to_protobuf(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, JsonError> {
    let mut output = Output {
        bytes: Vec::new(),
        bytes_max,
        is_full: false,
        path: Vec::new(),
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let request = Fields {
        message: &schema::REQUEST,
        output: &mut output,
    };
    let result = json.deserialize_map(request).and_then(|()| json.end());
    match result {
        Ok(()) => Ok(output.bytes),
        Err(_) if output.is_full => Err(JsonError::TooLarge),
        Err(error) => Err(JsonError::Invalid(format!("{}{error}", output.place()))),
    }
}

/// What is written, and where the reader is.
#[derive(Debug)]
struct Output {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
    /// Left as it is when something fails: it says where.
    path: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Field(&'static Field),
    Index(usize),
}

impl Output {
    fn writer(&mut self) -> Writer<'_> {
        Writer::new(&mut self.bytes)
    }

    fn check_size<E: Error>(&mut self) -> Result<(), E> {
        self.is_full = self.bytes.len() > self.bytes_max;
        if self.is_full {
            return Err(E::custom("too large"));
        }
        Ok(())
    }

    /// `resourceMetrics[0].schemaUrl: `, or nothing at the top.
    fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            match step {
                Step::Field(field) => {
                    if !place.is_empty() {
                        place.push('.');
                    }
                    place.extend(field.camel());
                }
                // Writing to a String cannot fail.
                Step::Index(index) => drop(write!(place, "[{index}]")),
            }
        }
        if !place.is_empty() {
            place.push_str(": ");
        }
        place
    }
}

/// Reads the fields of a message.
struct Fields<'o> {
    message: &'static Message,
    output: &'o mut Output,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { message, output } = self;
        let mut seen = 0u64;
        while let Some(position) = map.next_key_seed(FieldName(message))? {
            let Some((position, field)) = position.and_then(|p| Some((p, message.fields.get(p)?)))
            else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            output.path.push(Step::Field(field));
            if seen & 1 << position != 0 {
                return Err(A::Error::custom("the field is there twice"));
            }
            seen |= 1 << position;
            let output = &mut *output;
            map.next_value_seed(Value {
                field,
                in_list: false,
                output,
            })?;
            output.path.pop();
        }
        Ok(())
    }
}

/// The position of a field in its message, by its name in JSON; `None` for an unknown one.
struct FieldName(&'static Message);

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().position(|field| field.is_named(key)))
    }
}

/// Reads the value of a field, or an element where it is a list.
struct Value<'o> {
    field: &'static Field,
    in_list: bool,
    output: &'o mut Output,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The least and the greatest whole number of a kind.
fn bounds(kind: Kind) -> (i128, i128) {
    match kind {
        Kind::Int64 | Kind::Sfixed64 => (i64::MIN.into(), i64::MAX.into()),
        Kind::Uint64 | Kind::Fixed64 => (0, u64::MAX.into()),
        Kind::Uint32 => (0, u32::MAX.into()),
        _ => (i32::MIN.into(), i32::MAX.into()),
    }
}

impl Value<'_> {
    fn wants_list(&self) -> bool {
        self.field.is_list && !self.in_list
    }

    /// Numbers of a list stand together without keys.
    fn key(&mut self, wire_type: u64) {
        if !self.in_list {
            let key = u64::from(self.field.number) << 3 | wire_type;
            put_varint(&mut self.output.bytes, key);
        }
    }

    fn varint<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.key(0);
        put_varint(&mut self.output.bytes, value);
        self.output.check_size()
    }

    fn fixed64<E: Error>(mut self, bits: u64) -> Result<(), E> {
        self.key(1);
        self.output.bytes.extend_from_slice(&bits.to_le_bytes());
        self.output.check_size()
    }

    fn bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        let number = self.field.number;
        self.output.writer().bytes_always(number, bytes);
        self.output.check_size()
    }

    fn whole<E: Error>(self, value: i128, given: Unexpected<'_>) -> Result<(), E> {
        let (min, max) = bounds(self.field.kind);
        if self.wants_list() || !(min..=max).contains(&value) {
            return Err(E::invalid_value(given, &self));
        }
        // In two's complement, as protobuf writes negative numbers too.
        let bits = value as u64;
        match self.field.kind {
            Kind::Fixed64 | Kind::Sfixed64 => self.fixed64(bits),
            Kind::Sint32 => self.varint(zigzag_encode(value as i64)),
            _ => self.varint(bits),
        }
    }

    fn number<E: Error>(self, value: Number, given: Unexpected<'_>) -> Result<(), E> {
        if self.wants_list() {
            return Err(E::invalid_type(given, &self));
        }
        match (self.field.kind, value) {
            (Kind::Double, Number::Whole(value)) => self.fixed64((value as f64).to_bits()),
            (Kind::Double, Number::Float(value)) => self.fixed64(value.to_bits()),
            (
                Kind::Int64
                | Kind::Uint32
                | Kind::Uint64
                | Kind::Sint32
                | Kind::Fixed64
                | Kind::Sfixed64
                | Kind::Enum(_),
                value,
            ) => match value {
                Number::Whole(value) => self.whole(value, given),
                // All whole floats below 2^64 fit.
                Number::Float(value) if value.fract() == 0.0 && value.abs() < 2e19 => {
                    self.whole(value as i128, given)
                }
                Number::Float(_) => Err(E::invalid_value(given, &self)),
            },
            _ => Err(E::invalid_type(given, &self)),
        }
    }
}

/// A number as JSON has it.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    /// Reads `-12`, `0.5` or `1e3`; not `inf`, and nothing that is too large for a float.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        // Only floats have a negative zero.
        if text != "-0"
            && let Ok(whole) = text.parse()
        {
            return Some(Self::Whole(whole));
        }
        let float: f64 = text.parse().ok()?;
        float.is_finite().then_some(Self::Float(float))
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wants_list() {
            return f.write_str("a list");
        }
        match self.field.kind {
            Kind::Text => f.write_str("a text"),
            Kind::Bool => f.write_str("true or false"),
            Kind::Double => f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\""),
            Kind::Id => f.write_str("bytes in hexadecimal"),
            Kind::Bytes => f.write_str("bytes in base64"),
            Kind::Message(_) => f.write_str("an object"),
            Kind::Enum(names) => {
                f.write_str("a number or one of ")?;
                let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                f.write_str(&names.join(", "))
            }
            kind => {
                let (min, max) = bounds(kind);
                write!(f, "a whole number from {min} to {max}")
            }
        }
    }

    /// `null`: the field is not there. An element of a list cannot be absent.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.in_list {
            return Err(E::invalid_type(Unexpected::Unit, &self));
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool => self.varint(value.into()),
            _ => Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(Number::Whole(value.into()), Unexpected::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(Number::Whole(value.into()), Unexpected::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(Number::Float(value), Unexpected::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let given = Unexpected::Str(text);
        if self.wants_list() {
            return Err(E::invalid_type(given, &self));
        }
        match self.field.kind {
            Kind::Text => self.bytes(text.as_bytes()),
            Kind::Id => match hexadecimal(text) {
                Some(bytes) => self.bytes(&bytes),
                None => Err(E::invalid_value(given, &self)),
            },
            Kind::Bytes => match base64(text) {
                Some(bytes) => self.bytes(&bytes),
                None => Err(E::invalid_value(given, &self)),
            },
            Kind::Enum(names) => match names.iter().find(|(name, _)| *name == text) {
                Some((_, value)) => self.varint(*value as u64),
                None => Err(E::invalid_value(given, &self)),
            },
            Kind::Bool | Kind::Message(_) => Err(E::invalid_type(given, &self)),
            Kind::Double => match text {
                "NaN" => self.fixed64(f64::NAN.to_bits()),
                "Infinity" => self.fixed64(f64::INFINITY.to_bits()),
                "-Infinity" => self.fixed64(f64::NEG_INFINITY.to_bits()),
                _ => self.text_number(text),
            },
            _ => self.text_number(text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        if !self.wants_list() {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let Self { field, output, .. } = self;
        // Lists of numbers are one field, all others a field an element.
        let is_packed = !matches!(
            field.kind,
            Kind::Text | Kind::Id | Kind::Bytes | Kind::Message(_)
        );
        let open = is_packed.then(|| output.writer().open(field.number));
        for index in 0.. {
            output.path.push(Step::Index(index));
            let element = Value {
                field,
                in_list: true,
                output: &mut *output,
            };
            let found = elements.next_element_seed(element)?;
            output.path.pop();
            if found.is_none() {
                break;
            }
        }
        if let Some(open) = open {
            output.writer().close(open);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        if self.wants_list() {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        let Self { field, output, .. } = self;
        let open = output.writer().open(field.number);
        let fields = Fields {
            message,
            output: &mut *output,
        };
        fields.visit_map(map)?;
        output.writer().close(open);
        output.check_size()
    }
}

impl Value<'_> {
    fn text_number<E: Error>(self, text: &str) -> Result<(), E> {
        let given = Unexpected::Str(text);
        match Number::parse(text) {
            Some(number) => self.number(number, given),
            None => Err(E::invalid_value(given, &self)),
        }
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut pairs = text.as_bytes().chunks_exact(2);
    let bytes: Option<Vec<u8>> = pairs
        .by_ref()
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
            _ => None,
        })
        .collect();
    bytes.filter(|_| pairs.remainder().is_empty())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let alphabet = if text.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    alphabet.decode(text).ok()
}
