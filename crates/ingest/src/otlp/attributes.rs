//! Attributes as label values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bellwether_model::number::Plain;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// The value of an attribute as text; lists and maps as JSON.
pub(super) fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => double(*value),
        Some(Value::BytesValue(bytes)) => base64(bytes),
        Some(Value::ArrayValue(_) | Value::KvlistValue(_)) => json(value).to_string(),
    }
}

/// As JSON writes floats: an exponent only below 10⁻⁶ and from 10²¹ on.
fn double(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                format!("{mantissa}e+{exponent}")
            }
            _ => text,
        };
    }
    Plain(value).to_string()
}

fn json(value: Option<&AnyValue>) -> serde_json::Value {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => serde_json::Value::Null,
        Some(Value::StringValue(text)) => text.as_str().into(),
        Some(Value::BoolValue(value)) => (*value).into(),
        Some(Value::IntValue(value)) => (*value).into(),
        Some(Value::DoubleValue(value)) => (*value).into(),
        Some(Value::BytesValue(bytes)) => base64(bytes).into(),
        Some(Value::ArrayValue(list)) => list
            .values
            .iter()
            .map(|value| json(Some(value)))
            .collect::<Vec<_>>()
            .into(),
        Some(Value::KvlistValue(list)) => {
            let pairs = list.values.iter();
            pairs
                .map(|pair| (pair.key.clone(), json(pair.value.as_ref())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}

/// The text of the attribute with a key, if it is there.
pub(super) fn get(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(text(found.value.as_ref()))
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
