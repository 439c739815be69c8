use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, NumberDataPoint, exemplar, number_data_point,
};
use prost::Message as _;

use super::*;

fn read(json: &str) -> Result<ExportMetricsServiceRequest, String> {
    match to_protobuf(json.as_bytes(), 1 << 20) {
        Ok(bytes) => Ok(ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap()),
        Err(JsonError::Invalid(text)) => Err(text),
        Err(JsonError::TooLarge) => Err("too large".to_owned()),
    }
}

/// Reads one metric.
fn metric(json: &str) -> Result<Data, String> {
    let request = read(&format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{json}]}}]}}]}}"#
    ))?;
    let metric = request.resource_metrics[0].scope_metrics[0].metrics[0].clone();
    metric.data.ok_or_else(|| "no data".to_owned())
}

/// Reads one point of a gauge.
fn point(json: &str) -> Result<NumberDataPoint, String> {
    match metric(&format!(r#"{{"gauge":{{"dataPoints":[{json}]}}}}"#))? {
        Data::Gauge(gauge) => Ok(gauge.data_points[0].clone()),
        other => Err(format!("{other:?}")),
    }
}

fn histogram(json: &str) -> Result<HistogramDataPoint, String> {
    match metric(&format!(r#"{{"histogram":{{"dataPoints":[{json}]}}}}"#))? {
        Data::Histogram(histogram) => Ok(histogram.data_points[0].clone()),
        other => Err(format!("{other:?}")),
    }
}

fn any(json: &str) -> Result<Option<Any>, String> {
    let point = point(&format!(
        r#"{{"attributes":[{{"key":"k","value":{json}}}]}}"#
    ))?;
    Ok(point.attributes[0].value.clone().and_then(|v| v.value))
}

#[test]
fn floats_are_numbers_or_text() {
    let check = |json: &str, want: f64| {
        let value = point(&format!(r#"{{"asDouble":{json}}}"#)).unwrap().value;
        let Some(number_data_point::Value::AsDouble(have)) = value else {
            panic!("{json}: {value:?}");
        };
        assert!(
            have.to_bits() == want.to_bits(),
            "{json}: {have}, not {want}"
        );
    };
    check("1.5", 1.5);
    check("3", 3.0);
    check("-3", -3.0);
    check("0", 0.0);
    check("-0", -0.0);
    check("\"-0\"", -0.0);
    check("-0.0", -0.0);
    check("1e3", 1000.0);
    check("\"1.5\"", 1.5);
    check("\"-7\"", -7.0);
    check("\"1e-3\"", 0.001);
    check("\"NaN\"", f64::NAN);
    check("\"Infinity\"", f64::INFINITY);
    check("\"-Infinity\"", f64::NEG_INFINITY);
    check("18446744073709551615", 18_446_744_073_709_551_615.0);
    // The nearest float, not one beside it: bounds become labels.
    check("5e-324", 5e-324);
    check("11524.992600000001", 11524.992600000001);
    check("13018.040200000001", 13018.040200000001);
    check("8.383658838626809e-78", 8.383658838626809e-78);
    check("\"907.6265000000001\"", 907.6265000000001);
    for bad in [
        "\"\"",
        "\"inf\"",
        "\"nan\"",
        "\"+1\"",
        "\".5\"",
        "\"0x1\"",
        "\"1e999\"",
        "\" 1\"",
        "true",
        "[]",
        "{}",
    ] {
        let error = point(&format!(r#"{{"asDouble":{bad}}}"#)).unwrap_err();
        assert!(
            error.starts_with(
                "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0].asDouble: invalid "
            ) && error.contains("expected a number, \"NaN\", \"Infinity\" or \"-Infinity\" at line 1 column"),
            "{bad}: {error}"
        );
    }
    let all = histogram(
        r#"{"sum":"NaN","min":"-Infinity","max":"Infinity","explicitBounds":["0.5",1,"Infinity"]}"#,
    )
    .unwrap();
    assert!(all.sum.unwrap().is_nan());
    assert_eq!(
        (all.min, all.max),
        (Some(f64::NEG_INFINITY), Some(f64::INFINITY))
    );
    assert_eq!(all.explicit_bounds, [0.5, 1.0, f64::INFINITY]);
}

#[test]
fn whole_numbers_are_numbers_or_text_within_their_range() {
    let check = |json: &str, want: Option<i64>| {
        let value = point(&format!(r#"{{"asInt":{json}}}"#)).map(|point| point.value);
        match want {
            Some(want) => {
                let want = number_data_point::Value::AsInt(want);
                assert_eq!(value, Ok(Some(want)), "{json}");
            }
            None => {
                let error = value.unwrap_err();
                let wanted = "a whole number from -9223372036854775808 to 9223372036854775807";
                assert!(error.contains(wanted), "{json}: {error}");
            }
        }
    };
    check("5", Some(5));
    check("\"5\"", Some(5));
    check("-5", Some(-5));
    check("\"-5\"", Some(-5));
    check("0", Some(0));
    check("1e3", Some(1000));
    check("\"1e3\"", Some(1000));
    check("1.0", Some(1));
    check("9223372036854775807", Some(i64::MAX));
    check("\"9223372036854775807\"", Some(i64::MAX));
    check("\"-9223372036854775808\"", Some(i64::MIN));
    check("9223372036854775808", None);
    check("\"9223372036854775808\"", None);
    check("1.5", None);
    check("\"1.5\"", None);
    check("1e30", None);
    check("\"\"", None);
    check("\"x\"", None);
    check("\"NaN\"", None);
    check("true", None);
    let times = point(r#"{"timeUnixNano":1700000000000000001,"startTimeUnixNano":"18446744073709551615","flags":"1"}"#).unwrap();
    assert_eq!(times.time_unix_nano, 1_700_000_000_000_000_001);
    assert_eq!(times.start_time_unix_nano, u64::MAX);
    assert_eq!(times.flags, 1);
    assert!(point(r#"{"timeUnixNano":-1}"#).is_err());
    assert!(point(r#"{"flags":4294967296}"#).is_err());
    let counts = histogram(r#"{"count":"3","bucketCounts":[1,"2",0]}"#).unwrap();
    assert_eq!(counts.count, 3);
    assert_eq!(counts.bucket_counts, [1, 2, 0]);
    let data = metric(
        r#"{"exponentialHistogram":{"dataPoints":[{"scale":"-2","zeroCount":"1","zeroThreshold":"0.5",
            "positive":{"offset":-3,"bucketCounts":["300",4]},"negative":{"offset":"5","bucketCounts":[]}}]}}"#,
    );
    let Ok(Data::ExponentialHistogram(exponential)) = data else {
        panic!("{data:?}");
    };
    let point = &exponential.data_points[0];
    assert_eq!(
        (point.scale, point.zero_count, point.zero_threshold),
        (-2, 1, 0.5)
    );
    let positive = point.positive.as_ref().unwrap();
    assert_eq!(
        (positive.offset, positive.bucket_counts.as_slice()),
        (-3, [300, 4].as_slice())
    );
    let negative = point.negative.as_ref().unwrap();
    assert_eq!((negative.offset, negative.bucket_counts.len()), (5, 0));
}

#[test]
fn enums_are_numbers_or_names() {
    let check = |json: &str, want: i32| {
        let sum = format!(r#"{{"sum":{{"aggregationTemporality":{json},"isMonotonic":true}}}}"#);
        let Ok(Data::Sum(sum)) = metric(&sum) else {
            panic!("{json}");
        };
        assert_eq!(
            (sum.aggregation_temporality, sum.is_monotonic),
            (want, true),
            "{json}"
        );
    };
    check("2", 2);
    check("\"AGGREGATION_TEMPORALITY_CUMULATIVE\"", 2);
    check("\"AGGREGATION_TEMPORALITY_DELTA\"", 1);
    check("\"AGGREGATION_TEMPORALITY_UNSPECIFIED\"", 0);
    check("null", 0);
    // One that is newer than we are.
    check("7", 7);
    let error = metric(r#"{"sum":{"aggregationTemporality":"CUMULATIVE"}}"#).unwrap_err();
    assert_eq!(
        error,
        "resourceMetrics[0].scopeMetrics[0].metrics[0].sum.aggregationTemporality: invalid value: \
         string \"CUMULATIVE\", expected a number or one of AGGREGATION_TEMPORALITY_UNSPECIFIED, \
         AGGREGATION_TEMPORALITY_DELTA, AGGREGATION_TEMPORALITY_CUMULATIVE at line 1 column 94"
    );
}

#[test]
fn ids_are_hexadecimal_and_bytes_are_base64() {
    let exemplar = |json: &str| {
        let point = point(&format!(r#"{{"exemplars":[{json}]}}"#))?;
        Ok::<_, String>(point.exemplars[0].clone())
    };
    let found = exemplar(
        r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","asInt":"4",
            "timeUnixNano":"5","filteredAttributes":[{"key":"a"}]}"#,
    )
    .unwrap();
    assert_eq!(found.trace_id[..3], [0x5b, 0x8e, 0xff]);
    assert_eq!(found.span_id[..2], [0xee, 0xe1]);
    assert_eq!(found.value, Some(exemplar::Value::AsInt(4)));
    assert_eq!(found.filtered_attributes.len(), 1);
    assert!(exemplar(r#"{"traceId":""}"#).unwrap().trace_id.is_empty());
    for bad in ["abc", "W47/95gDgQPSabYzgT/GDA==", "+a", "é"] {
        let error = exemplar(&format!(r#"{{"traceId":"{bad}"}}"#)).unwrap_err();
        assert!(
            error.contains("exemplars[0].traceId: ")
                && error.contains("expected bytes in hexadecimal"),
            "{error}"
        );
    }
    for good in ["-_8=", "-_8", "+/8=", "+/8"] {
        let value = any(&format!(r#"{{"bytesValue":"{good}"}}"#));
        assert_eq!(value, Ok(Some(Any::BytesValue(vec![0xfb, 0xff]))), "{good}");
    }
    assert!(any(r#"{"bytesValue":"+_8="}"#).is_err());
    assert!(any(r#"{"bytesValue":"a"}"#).is_err());
}

#[test]
fn values_of_attributes_are_of_any_kind() {
    assert_eq!(
        any(r#"{"stringValue":"é\u0000"}"#),
        Ok(Some(Any::StringValue("é\0".to_owned())))
    );
    assert_eq!(
        any(r#"{"stringValue":""}"#),
        Ok(Some(Any::StringValue(String::new())))
    );
    assert_eq!(
        any(r#"{"boolValue":false}"#),
        Ok(Some(Any::BoolValue(false)))
    );
    assert_eq!(any(r#"{"intValue":"-1"}"#), Ok(Some(Any::IntValue(-1))));
    assert_eq!(any(r#"{"intValue":0}"#), Ok(Some(Any::IntValue(0))));
    assert_eq!(
        any(r#"{"doubleValue":"Infinity"}"#),
        Ok(Some(Any::DoubleValue(f64::INFINITY)))
    );
    assert_eq!(any("{}"), Ok(None));
    assert_eq!(any("null"), Ok(None));
    assert_eq!(
        any(r#"{"newValue":{"a":[1]},"stringValue":null}"#),
        Ok(None)
    );
    let Ok(Some(Any::ArrayValue(list))) = any(r#"{"arrayValue":{"values":[{"intValue":1},{}]}}"#)
    else {
        panic!();
    };
    assert_eq!(list.values.len(), 2);
    assert_eq!(list.values[1], AnyValue::default());
    let Ok(Some(Any::KvlistValue(map))) =
        any(r#"{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{}}}]}}"#)
    else {
        panic!();
    };
    assert_eq!(map.values[0].key, "a");
    assert!(any(r#"{"stringValue":1}"#).is_err());
    assert!(any(r#"{"boolValue":"true"}"#).is_err());
    assert!(any(r#""text""#).is_err());
}

#[test]
fn null_and_unknown_fields_are_absent() {
    let all = r#"{"resourceMetrics":[{"resource":null,"schemaUrl":null,"future":[{"a":null}],"scopeMetrics":[
        {"scope":null,"metrics":[{"name":null,"unit":null,"gauge":null,"sum":null,"histogram":{"dataPoints":[
        {"attributes":null,"startTimeUnixNano":null,"count":null,"sum":null,"bucketCounts":null,
         "explicitBounds":null,"exemplars":null,"flags":null,"min":null}]}}]}]}],"more":1}"#;
    let request = read(all).unwrap();
    let scope = &request.resource_metrics[0].scope_metrics[0];
    assert_eq!(
        (&request.resource_metrics[0].resource, &scope.scope),
        (&None, &None)
    );
    let Some(Data::Histogram(histogram)) = &scope.metrics[0].data else {
        panic!();
    };
    assert_eq!(histogram.data_points, [HistogramDataPoint::default()]);
    for empty in [
        "{}",
        r#"{"resourceMetrics":null}"#,
        r#"{"resourceMetrics":[]}"#,
        " {\n} ",
    ] {
        assert_eq!(
            read(empty),
            Ok(ExportMetricsServiceRequest::default()),
            "{empty}"
        );
    }
    let error = read(r#"{"resourceMetrics":[null]}"#).unwrap_err();
    assert_eq!(
        error,
        "resourceMetrics[0]: invalid type: null, expected an object at line 1 column 24"
    );
}

#[test]
fn names_may_be_those_of_the_proto_files() {
    let snake = r#"{"resource_metrics":[{"schema_url":"u","scope_metrics":[{"metrics":[
        {"exponential_histogram":{"aggregation_temporality":2,"data_points":[{"time_unix_nano":"5",
         "zero_count":1,"positive":{"bucket_counts":[1]},"exemplars":[{"trace_id":"00","as_double":1,
         "filtered_attributes":[{"key":"k","value":{"string_value":"v"}}]}]}]}}]}]}]}"#;
    let camel = r#"{"resourceMetrics":[{"schemaUrl":"u","scopeMetrics":[{"metrics":[
        {"exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"5",
         "zeroCount":1,"positive":{"bucketCounts":[1]},"exemplars":[{"traceId":"00","asDouble":1,
         "filteredAttributes":[{"key":"k","value":{"stringValue":"v"}}]}]}]}}]}]}]}"#;
    let request = read(snake).unwrap();
    assert_eq!(request, read(camel).unwrap());
    assert_eq!(request.resource_metrics[0].schema_url, "u");
    // Neither of the two.
    let other = read(r#"{"ResourceMetrics":[{}],"resource-metrics":7}"#).unwrap();
    assert_eq!(other, ExportMetricsServiceRequest::default());
    let error = point(r#"{"timeUnixNano":1,"time_unix_nano":2}"#).unwrap_err();
    assert!(
        error.contains("timeUnixNano: the field is there twice"),
        "{error}"
    );
}

#[test]
fn damage_and_excess_are_refused() {
    for bad in [
        "",
        "[]",
        "7",
        "null",
        "{",
        "{} {}",
        "{\"resourceMetrics\":{}}",
        "\u{feff}{}",
        "{\"resourceMetrics\":[[]]}",
        "{\"resourceMetrics\":\"\"}",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
    // Text that is not UTF-8, where it is kept.
    let json = b"{\"resourceMetrics\":[{\"schemaUrl\":\"\xff\"}]}";
    assert!(to_protobuf(json, 100).is_err());
    // Values inside of values. What is unknown is skipped without recursion.
    let nested = |depth: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(depth);
        let close = "]}}".repeat(depth);
        any(&format!("{open}{close}"))
    };
    assert!(nested(30).is_ok());
    assert!(
        nested(60).unwrap_err().contains("recursion limit"),
        "{:?}",
        nested(60)
    );
    let unknown = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(read(&unknown), Ok(ExportMetricsServiceRequest::default()));
    let list = format!(
        r#"{{"resourceMetrics":[{{"schemaUrl":"{}"}}]}}"#,
        "x".repeat(1_000)
    );
    assert_eq!(to_protobuf(list.as_bytes(), 500), Err(JsonError::TooLarge));
    assert!(to_protobuf(list.as_bytes(), 1_100).is_ok());
}
