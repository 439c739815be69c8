//! Own metrics as JSON: families as `protojson` in Go writes `io.prometheus.client.MetricFamily`.
//!
//! ## Invariants
//! 64-bit integers are strings, and floats that JSON has no number for are `"NaN"`, `"Infinity"`
//! and `"-Infinity"`, as the JSON form of protobuf asks for.

use bellwether_telemetry::{FamilyType, GatheredFamily, GatheredMetric, GatheredValue};

use super::Call;
use crate::envelope::{Answer, ApiError, ErrorType};
use crate::json::JsonWriter;

/// `/status/self_metrics`
pub(super) async fn self_metrics(call: Call) -> Result<Answer, ApiError> {
    let pattern = call.params.get("metric_name_pattern");
    let filter = if pattern.is_empty() {
        None
    } else {
        let whole = bellwether_model::Regexp::anchored(pattern);
        Some(whole.map_err(|error| {
            ApiError::bad_data(format_args!("invalid metric_name_pattern: {error}"))
        })?)
    };
    let registry = call.app.registry.clone();
    let gathered = tokio::task::spawn_blocking(move || registry.gather()).await;
    let Ok(mut families) = gathered else {
        let text = "own metrics could not be computed";
        return Err(ApiError::new(ErrorType::Internal, text));
    };
    if let Some(filter) = filter {
        families.retain(|family| filter.is_match(&family.name));
    }
    Ok(Answer::write(|json| {
        json.array_begin();
        for family in &families {
            write_family(json, family);
        }
        json.array_end();
    }))
}

fn write_family(json: &mut JsonWriter, family: &GatheredFamily) {
    let (type_name, key) = match family.family_type {
        FamilyType::Counter => ("COUNTER", "counter"),
        FamilyType::Gauge => ("GAUGE", "gauge"),
        FamilyType::Untyped => ("UNTYPED", "untyped"),
        FamilyType::Histogram => ("HISTOGRAM", "histogram"),
    };
    json.object_begin();
    json.key("name").string(&family.name);
    json.key("help").string(&family.help);
    json.key("type").string(type_name);
    json.key("metric").array_begin();
    for metric in &family.metrics {
        write_metric(json, key, metric);
    }
    json.array_end().object_end();
}

fn write_metric(json: &mut JsonWriter, key: &str, metric: &GatheredMetric) {
    json.object_begin();
    if !metric.labels.is_empty() {
        json.key("label").array_begin();
        for (name, value) in &metric.labels {
            json.object_begin();
            json.key("name").string(name);
            json.key("value").string(value).object_end();
        }
        json.array_end();
    }
    json.key(key).object_begin();
    match &metric.value {
        GatheredValue::Number(value) => {
            write_float(json.key("value"), *value);
        }
        GatheredValue::Histogram {
            buckets,
            count,
            sum,
        } => {
            json.key("sampleCount").string(&count.to_string());
            write_float(json.key("sampleSum"), *sum);
            json.key("bucket").array_begin();
            for (bound, count) in buckets {
                json.object_begin();
                json.key("cumulativeCount").string(&count.to_string());
                write_float(json.key("upperBound"), *bound);
                json.object_end();
            }
            json.array_end();
        }
    }
    json.object_end().object_end();
}

fn write_float(json: &mut JsonWriter, value: f64) {
    if value.is_nan() {
        json.string("NaN");
    } else if value == f64::INFINITY {
        json.string("Infinity");
    } else if value == f64::NEG_INFINITY {
        json.string("-Infinity");
    } else {
        json.number(value);
    }
}
