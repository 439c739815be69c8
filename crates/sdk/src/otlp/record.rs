//! Events and spans as protobuf, and the messages around them.

use std::cell::RefCell;

use serde_json::Value;

use crate::event::{Event, Level};
use crate::span::{Span, SpanKind};
use crate::wire;

/// Depth of values that is sent; what lies deeper is left out. Chosen: receivers refuse at 100.
const DEPTH_MAX: usize = 32;

thread_local! {
    /// Records are made in it, so that nothing is allocated for each.
    static RECORD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a record may leave of its thread's buffer. Chosen: rare giants are given back.
const RECORD_BYTES_KEPT: usize = 64 << 10;

fn with_record(fill: impl FnOnce(&mut Vec<u8>), take: impl FnOnce(&[u8])) {
    RECORD.with(|record| {
        let Ok(mut record) = record.try_borrow_mut() else {
            // Whoever takes a record emits others: those are left out.
            return;
        };
        record.clear();
        fill(&mut record);
        take(&record);
        record.shrink_to(RECORD_BYTES_KEPT);
    });
}

/// Hands out an event as a `LogRecord`, a field of `ScopeLogs`.
pub(super) fn with_log_record(event: &Event<'_>, take: impl FnOnce(&[u8])) {
    with_record(
        |out| wire::put_message(out, 2, |out| put_log_record(out, event)),
        take,
    );
}

/// Hands out a span as a field of `ScopeSpans`.
pub(super) fn with_span(span: &Span<'_>, take: impl FnOnce(&[u8])) {
    with_record(
        |out| wire::put_message(out, 2, |out| put_span(out, span)),
        take,
    );
}

fn put_log_record(out: &mut Vec<u8>, event: &Event<'_>) {
    let time_ns = nanoseconds(event.time_ms.saturating_mul(1_000_000));
    wire::put_fixed64(out, 1, time_ns);
    let severity = match event.level {
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warning => 13,
        Level::Error => 17,
    };
    wire::put_varint(out, 2, severity);
    wire::put_bytes(out, 3, event.level.as_str().as_bytes());
    // What has keys becomes attributes, so that they can be asked for; the body is for people.
    match event.payload {
        Value::Object(payload) => {
            wire::put_message(out, 5, |body| {
                wire::put_bytes(body, 1, event.name.as_bytes())
            });
            for (key, value) in payload {
                put_attribute(out, 6, key, value);
            }
        }
        Value::Null => {
            wire::put_message(out, 5, |body| {
                wire::put_bytes(body, 1, event.name.as_bytes())
            });
        }
        payload => wire::put_message(out, 5, |body| put_value(body, payload, DEPTH_MAX)),
    }
    if event.trace_id != 0 {
        wire::put_bytes(out, 9, &event.trace_id.to_be_bytes());
    }
    if event.span_id != 0 {
        wire::put_bytes(out, 10, &event.span_id.to_be_bytes());
    }
    wire::put_fixed64(out, 11, time_ns);
    wire::put_bytes(out, 12, event.name.as_bytes());
}

fn put_span(out: &mut Vec<u8>, span: &Span<'_>) {
    wire::put_bytes(out, 1, &span.context.trace_id.to_be_bytes());
    wire::put_bytes(out, 2, &span.context.span_id.to_be_bytes());
    if span.parent_span_id != 0 {
        wire::put_bytes(out, 4, &span.parent_span_id.to_be_bytes());
    }
    wire::put_bytes(out, 5, span.name.as_bytes());
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
    };
    wire::put_varint(out, 6, kind);
    wire::put_fixed64(out, 7, nanoseconds(span.begin_ns));
    wire::put_fixed64(out, 8, nanoseconds(span.end_ns));
    for (key, value) in span.attributes {
        put_attribute(out, 9, key, value);
    }
    if span.is_error {
        wire::put_message(out, 15, |status| wire::put_varint(status, 3, 2));
    }
}

/// A time as OTLP has it; what was before 1970 is 0, which is "unknown".
pub(super) fn nanoseconds(time_ns: i64) -> u64 {
    u64::try_from(time_ns).unwrap_or(0)
}

/// A `KeyValue`.
fn put_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &Value) {
    wire::put_message(out, field, |pair| {
        wire::put_bytes(pair, 1, key.as_bytes());
        wire::put_message(pair, 2, |any| put_value(any, value, DEPTH_MAX));
    });
}

/// A `KeyValue` that holds text.
pub(super) fn put_text_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    wire::put_message(out, field, |pair| {
        wire::put_bytes(pair, 1, key.as_bytes());
        wire::put_message(pair, 2, |any| wire::put_bytes(any, 1, value.as_bytes()));
    });
}

/// The content of an `AnyValue`; null is an empty one.
fn put_value(out: &mut Vec<u8>, value: &Value, depth_left: usize) {
    match value {
        Value::Null => {}
        Value::String(text) => wire::put_bytes(out, 1, text.as_bytes()),
        Value::Bool(is) => wire::put_varint(out, 2, u64::from(*is)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // A negative one takes its two's complement.
            (Some(number), _) => wire::put_varint(out, 3, number as u64),
            (None, Some(number)) => wire::put_double(out, 4, number),
            (None, None) => {}
        },
        Value::Array(_) | Value::Object(_) if depth_left == 0 => {}
        Value::Array(values) => wire::put_message(out, 5, |list| {
            for value in values {
                wire::put_message(list, 1, |any| put_value(any, value, depth_left - 1));
            }
        }),
        Value::Object(pairs) => wire::put_message(out, 6, |list| {
            for (key, value) in pairs {
                wire::put_message(list, 1, |pair| {
                    wire::put_bytes(pair, 1, key.as_bytes());
                    wire::put_message(pair, 2, |any| put_value(any, value, depth_left - 1));
                });
            }
        }),
    }
}

/// A whole request: records, or metrics, of one resource and one scope. `resource` is made by
/// [`resource`].
pub(super) fn request(resource: &[u8], records: &[u8]) -> Vec<u8> {
    // The three requests have the same fields with the same numbers.
    let mut out = Vec::with_capacity(resource.len() + records.len() + 64);
    wire::put_message(&mut out, 1, |of_resource| {
        wire::put_bytes(of_resource, 1, resource);
        wire::put_message(of_resource, 2, |of_scope| {
            wire::put_message(of_scope, 1, |scope| {
                wire::put_bytes(scope, 1, b"bellwether-sdk");
                wire::put_bytes(scope, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            of_scope.extend_from_slice(records);
        });
    });
    out
}

/// The content of a `Resource`.
pub(super) fn resource(service_name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in [
        ("service.name", service_name),
        ("telemetry.sdk.name", "bellwether-sdk"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ] {
        put_text_attribute(&mut out, 1, key, value);
    }
    out
}
