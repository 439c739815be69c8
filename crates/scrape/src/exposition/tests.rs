use bellwether_codec::protobuf::{Writer, zigzag_encode};
use bellwether_model::utf8_name::Escaped;
use bellwether_model::{Labels, LabelsBuilder};

use super::*;

/// Writes down what a parser finds, one line each.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    /// What [`Sink::expected`] answers, in turn.
    expect: Vec<Vec<u8>>,
    samples: usize,
    as_expected: usize,
}

impl Sink for Notes {
    fn expected(&self) -> Option<&[u8]> {
        self.expect.get(self.samples).map(Vec::as_slice)
    }

    fn metadata(&mut self, family: &[u8], piece: MetadataPiece<'_>) {
        let family = String::from_utf8_lossy(family);
        self.lines.push(match piece {
            MetadataPiece::Type(metric_type) => format!("{family} type {metric_type}"),
            MetadataPiece::Help { text, .. } => {
                format!("{family} help {}", String::from_utf8_lossy(text))
            }
            MetadataPiece::Unit(unit) => format!("{family} unit {}", String::from_utf8_lossy(unit)),
        });
    }

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError> {
        self.samples += 1;
        self.as_expected += usize::from(sample.as_expected);
        let mut labels = LabelsBuilder::default();
        series_labels(sample.series, sample.family_type, &mut labels)?;
        let mut line = labels.build().to_string();
        match &sample.value {
            SampleValue::Float(value) => line.push_str(&format!(" {value}")),
            SampleValue::Histogram(histogram) => {
                let float = histogram.to_float();
                line.push_str(&format!(
                    " histogram count {} sum {} zero {} positive {:?} negative {:?} bounds {:?}",
                    float.count,
                    float.sum,
                    float.zero_count,
                    float.positive_buckets,
                    float.negative_buckets,
                    float.custom_values
                ));
            }
        }
        if let Some(timestamp_ms) = sample.timestamp_ms {
            line.push_str(&format!(" at {timestamp_ms}"));
        }
        if sample.start_ms != 0 {
            line.push_str(&format!(" since {}", sample.start_ms));
        }
        for exemplar in sample.exemplars {
            let (labels, value) = (&exemplar.labels, exemplar.value);
            line.push_str(&format!(" # {labels} {value} at {}", exemplar.timestamp_ms));
        }
        self.lines.push(line);
        Ok(())
    }
}

const NATIVE: HistogramOptions = HistogramOptions {
    native: true,
    always_classic: false,
    classic_to_nhcb: false,
};

#[track_caller]
fn check(format: Format, body: &str, expected: &[&str]) {
    let mut notes = Notes::default();
    parse(format, NATIVE, body.as_bytes(), &mut notes).unwrap();
    assert_eq!(notes.lines, expected);
}

#[track_caller]
fn check_error(format: Format, body: &str, expected: &str) {
    let mut notes = Notes::default();
    let error = parse(format, NATIVE, body.as_bytes(), &mut notes).unwrap_err();
    assert_eq!(error.to_string(), expected, "{body:?}");
}

#[test]
fn prometheus_text_is_read() {
    check(
        Format::PrometheusText,
        "# HELP a It \\\\ says.\n# TYPE a counter\n  # a comment\n#TYPE b gauge\n\n\
         a 1\na{} 2\na {x=\"1\"} 3 -5\n\ta{x=\"q\\\"\\\\\\n\\t\", y = \"2\" , }\t+Inf 12 \n\
         {\"ünï\",x=\"}\"} 1e3\n{x=\"1\",\"b c\",\"d e\"=\"2\"} NaN\n{__name__=\"n\"} 0x\n"
            .replace("0x", "0.5")
            .as_str(),
        &[
            "a help It \\\\ says.",
            "a type counter",
            "{__name__=\"a\"} 1",
            "{__name__=\"a\"} 2",
            "{__name__=\"a\", x=\"1\"} 3 at -5",
            "{__name__=\"a\", x=\"q\\\"\\\\\\n\\\\t\", y=\"2\"} inf at 12",
            "{__name__=\"ünï\", x=\"}\"} 1000",
            "{__name__=\"b c\", \"d e\"=\"2\", x=\"1\"} NaN",
            "{__name__=\"n\"} 0.5",
        ],
    );
    check(Format::PrometheusText, "", &[]);
    check(
        Format::PrometheusText,
        "# TYPE \"a b\" untyped\n",
        &["a b type unknown"],
    );
}

#[test]
fn bounds_are_written_in_one_way() {
    check(
        Format::PrometheusText,
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1e6\"} 2\n\
         h_bucket{le=\"+Inf\"} 2\n# TYPE s summary\ns{quantile=\"0.50\"} 1\ns{le=\"1\"} 1\n",
        &[
            "h type histogram",
            "{__name__=\"h_bucket\", le=\"1.0\"} 1",
            "{__name__=\"h_bucket\", le=\"1e+06\"} 2",
            "{__name__=\"h_bucket\", le=\"+Inf\"} 2",
            "s type summary",
            "{__name__=\"s\", quantile=\"0.5\"} 1",
            "{__name__=\"s\", le=\"1\"} 1",
        ],
    );
}

#[test]
fn open_metrics_is_read() {
    check(
        Format::OpenMetrics,
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Text.\n\
         a_seconds_total{x=\"1\"} 1 1.5 # {trace_id=\"t\"} 0.25 2.125\n\
         a_seconds_total 2 # {} 7\na_seconds_created 3\n# TYPE i info\n{\"i.x\"} 1\n# EOF\n",
        &[
            "a_seconds type counter",
            "a_seconds unit seconds",
            "a_seconds help Text.",
            "{__name__=\"a_seconds_total\", x=\"1\"} 1 at 1500 # {trace_id=\"t\"} 0.25 at 2125",
            "{__name__=\"a_seconds_total\"} 2 # {} 7 at 0",
            "{__name__=\"a_seconds_created\"} 3",
            "i type info",
            "{__name__=\"i.x\"} 1",
        ],
    );
    check(Format::OpenMetrics, "# EOF", &[]);
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    let text = Format::PrometheusText;
    for (body, error) in [
        (
            "a 1\nb\n",
            "line 2: expected a blank and a value after the series, found the line end",
        ),
        (
            "a 1\nb 1",
            "line 2: expected the line end, found the end of the body",
        ),
        (
            "a one\n",
            "line 1: expected a number as value, found \"one\"",
        ),
        (
            "a 1_0\n",
            "line 1: expected a number as value, found \"1_0\"",
        ),
        (
            "a 1 x\n",
            "line 1: expected a timestamp in milliseconds or the line end, found \"x\"",
        ),
        ("a 1 2 3\n", "line 1: expected the line end, found \"3\""),
        (
            "1a 1\n",
            "line 1: expected a metric name or {, found \"1a 1\"",
        ),
        (
            "a{x=\"1\" 1\n",
            "line 1: expected } before the line end, found \"a{x=\\\"1\\\" 1\"",
        ),
        (
            "a{x=\"1} 1\n",
            "line 1: expected a closing quote, found \"a{x=\\\"1} 1\"",
        ),
        ("a{x} 1\n", "series \"a{x}\": expected = after a label name"),
        (
            "a{x=1} 1\n",
            "series \"a{x=1}\": expected a quoted label value",
        ),
        (
            "{x=\"1\"} 1\n",
            "series \"{x=\\\"1\\\"}\": expected a metric name",
        ),
        (
            "a{x=\"1\",x=\"2\"} 1\n",
            "series \"a{x=\\\"1\\\",x=\\\"2\\\"}\": label \"x\" is there twice",
        ),
        (
            "# TYPE a thing\n",
            "line 1: expected one of counter, gauge, histogram, summary, untyped, \
                             found \"# TYPE a thing\"",
        ),
        (
            "# TYPE a info\n",
            "line 1: expected one of counter, gauge, histogram, summary, untyped, \
                            found \"# TYPE a info\"",
        ),
        (
            "# HELP 1 x\n",
            "line 1: expected a metric name after # HELP or # TYPE, found \"# HELP 1 x\"",
        ),
    ] {
        check_error(text, body, error);
    }
    let om = Format::OpenMetrics;
    for (body, error) in [
        (
            "",
            "line 1: expected # EOF at the end, found the end of the body",
        ),
        (
            "a 1\n",
            "line 2: expected # EOF at the end, found the end of the body",
        ),
        (
            "# EOF\na 1\n",
            "line 2: expected nothing after # EOF, found \"a 1\"",
        ),
        (
            "\n# EOF\n",
            "line 1: expected a metric name or {, found the line end",
        ),
        (
            "a  1\n# EOF\n",
            "line 1: expected a number as value, found \" 1\"",
        ),
        (
            "# comment\n# EOF\n",
            "line 1: expected # HELP, # TYPE, # UNIT or # EOF, found \"# comment\"",
        ),
        (
            "# UNIT a s\n# EOF\n",
            "line 1: expected a unit that the metric name ends with, \
                                found \"# UNIT a s\"",
        ),
        (
            "a 1 NaN\n# EOF\n",
            "line 1: expected a timestamp in seconds, found \"NaN\"",
        ),
        (
            "a 1 # {x=1} 1\n# EOF\n",
            "line 1: expected labels of an exemplar, found \"{x=1} 1\"",
        ),
    ] {
        check_error(om, body, error);
    }
    let mut notes = Notes::default();
    let error = parse(text, NATIVE, b"a{x=\"\xff\"} 1\n", &mut notes).unwrap_err();
    assert!(
        error.to_string().ends_with("expected valid UTF-8"),
        "{error}"
    );
}

#[test]
fn expected_series_are_taken_only_where_they_are_whole() {
    let mut notes = Notes {
        expect: [&b"a"[..], b"a{x=\"1\"}", b"a", b"abc", b"b"]
            .map(<[u8]>::to_vec)
            .to_vec(),
        ..Notes::default()
    };
    let body = b"a 1\na{x=\"1\"} 2\na {x=\"2\"} 3\nabcd 4\nb\t5\n";
    parse(Format::PrometheusText, NATIVE, body, &mut notes).unwrap();
    assert_eq!(
        notes.lines,
        [
            "{__name__=\"a\"} 1",
            "{__name__=\"a\", x=\"1\"} 2",
            "{__name__=\"a\", x=\"2\"} 3",
            "{__name__=\"abcd\"} 4",
            "{__name__=\"b\"} 5",
        ]
    );
    assert_eq!(notes.as_expected, 3);
}

/// A protobuf body of one family.
fn family(name: &str, type_number: u64, metric: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut message = Vec::new();
    let mut writer = Writer::new(&mut message);
    writer.bytes(1, name.as_bytes());
    writer.bytes(2, b"Help\\n.");
    writer.varint(3, type_number);
    writer.message(4, |writer| {
        writer.message(1, |label| {
            label.bytes(1, b"x");
            label.bytes(2, b"1");
        });
        metric(writer);
    });
    let mut body = Vec::new();
    Writer::new(&mut body).raw_varint(message.len() as u64);
    body.extend_from_slice(&message);
    body
}

fn timestamp(writer: &mut Writer<'_>, number: u32, seconds: u64) {
    writer.message(number, |time| {
        time.varint(1, seconds);
        time.varint(2, 5_000_000);
    });
}

fn exemplar(writer: &mut Writer<'_>, number: u32, seconds: u64) {
    writer.message(number, |exemplar| {
        exemplar.message(1, |label| {
            label.bytes(1, b"id");
            label.bytes(2, b"t");
        });
        exemplar.double(2, 0.5);
        if seconds > 0 {
            timestamp(exemplar, 3, seconds);
        }
    });
}

fn protobuf(options: HistogramOptions, body: &[u8]) -> Result<Vec<String>, ScrapeError> {
    let mut notes = Notes::default();
    parse(Format::Protobuf, options, body, &mut notes)?;
    Ok(notes.lines)
}

#[test]
fn simple_protobuf_metrics_are_read() {
    let counter = family("c", 0, |metric| {
        metric.message(3, |counter| {
            counter.double(1, 4.0);
            exemplar(counter, 2, 7);
            timestamp(counter, 3, 6);
        });
        metric.int64(6, 9000);
    });
    let gauge = family("g", 1, |metric| {
        metric.message(2, |gauge| gauge.double(1, -1.5))
    });
    let summary = family("s", 2, |metric| {
        metric.message(4, |summary| {
            summary.varint(1, 3);
            summary.double(2, 4.5);
            summary.message(3, |quantile| {
                quantile.double(1, 1.0);
                quantile.double(2, 2.5);
            });
        });
    });
    let body = [counter, gauge, summary].concat();
    assert_eq!(
        protobuf(NATIVE, &body).unwrap(),
        [
            "c help Help\\n.",
            "c type counter",
            "{__name__=\"c\", x=\"1\"} 4 at 9000 since 6005 # {id=\"t\"} 0.5 at 7005",
            "g help Help\\n.",
            "g type gauge",
            "{__name__=\"g\", x=\"1\"} -1.5",
            "s help Help\\n.",
            "s type summary",
            "{__name__=\"s_count\", x=\"1\"} 3",
            "{__name__=\"s_sum\", x=\"1\"} 4.5",
            "{__name__=\"s\", quantile=\"1.0\", x=\"1\"} 2.5",
        ]
    );
}

/// A histogram that is native (if `native`) and classic.
fn histogram(native: bool) -> Vec<u8> {
    family("h", 4, |metric| {
        metric.message(7, |h| {
            h.varint(1, 6);
            h.double(2, 10.0);
            for (bound, count) in [(1.0, 2), (2.0, 5)] {
                h.message(3, |bucket| {
                    bucket.varint(1, count);
                    bucket.double(2, bound);
                    exemplar(bucket, 3, 8);
                });
            }
            if native {
                h.sint64(5, 0);
                h.varint(7, 1);
                h.message(12, |span| {
                    span.sint64(1, 0);
                    span.varint(2, 3);
                });
                h.packed_varints(13, [2, -2, 3].map(zigzag_encode).into_iter());
            }
        });
    })
}

#[test]
fn protobuf_histograms_are_read_in_the_form_that_is_asked_for() {
    let native = "{__name__=\"h\", x=\"1\"} histogram count 6 sum 10 zero 1 positive [2.0, 3.0] \
                  negative [] bounds [] # {id=\"t\"} 0.5 at 8005 # {id=\"t\"} 0.5 at 8005";
    let classic = [
        "{__name__=\"h_count\", x=\"1\"} 6",
        "{__name__=\"h_sum\", x=\"1\"} 10",
        "{__name__=\"h_bucket\", le=\"1.0\", x=\"1\"} 2 # {id=\"t\"} 0.5 at 8005",
        "{__name__=\"h_bucket\", le=\"2.0\", x=\"1\"} 5 # {id=\"t\"} 0.5 at 8005",
        "{__name__=\"h_bucket\", le=\"+Inf\", x=\"1\"} 6",
    ];
    let custom = "{__name__=\"h\", x=\"1\"} histogram count 6 sum 10 zero 0 \
                  positive [2.0, 3.0, 1.0] negative [] bounds [1.0, 2.0] \
                  # {id=\"t\"} 0.5 at 8005 # {id=\"t\"} 0.5 at 8005";
    let lines = |is_native, options| {
        let mut lines = protobuf(options, &histogram(is_native)).unwrap();
        lines.drain(..2);
        lines
    };
    let options = |native, always_classic, classic_to_nhcb| HistogramOptions {
        native,
        always_classic,
        classic_to_nhcb,
    };
    assert_eq!(lines(true, options(true, false, false)), [native]);
    assert_eq!(
        lines(true, options(true, true, true)),
        [&[native][..], &classic].concat()
    );
    assert_eq!(lines(true, options(false, false, false)), classic);
    assert_eq!(lines(false, options(true, false, false)), classic);
    assert_eq!(lines(false, options(true, false, true)), [custom]);
    assert_eq!(
        lines(false, options(true, true, true)),
        [&classic[..], &[custom]].concat()
    );
}

#[test]
fn broken_protobuf_is_refused() {
    let body = histogram(true);
    for length in 1..body.len() {
        assert!(protobuf(NATIVE, &body[..length]).is_err(), "{length}");
    }
    let too_few = family("h", 4, |metric| {
        metric.message(7, |h| {
            h.varint(1, 6);
            h.message(12, |span| span.varint(2, u64::from(u32::MAX)));
        });
    });
    let error = protobuf(NATIVE, &too_few).unwrap_err().to_string();
    assert_eq!(
        error,
        "message 1 (metric family \"h\"): positive spans need 4294967295 buckets, have 0"
    );
    let error = protobuf(NATIVE, &family("z", 9, |_| {}))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "message 1 (metric family \"z\"): metric type 9 is unknown"
    );
}

#[test]
fn content_types_choose_formats() {
    let of = |content_type, fallback| Format::of_content_type(content_type, fallback);
    assert_eq!(
        of(Some("text/plain; version=0.0.4"), None),
        Ok(Format::PrometheusText)
    );
    assert_eq!(
        of(Some("Application/OpenMetrics-Text;version=1"), None),
        Ok(Format::OpenMetrics)
    );
    let proto = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily";
    assert_eq!(of(Some(proto), None), Ok(Format::Protobuf));
    let fallback = Some(ScrapeProtocol::PrometheusText004);
    assert_eq!(of(Some("text/html"), fallback), Ok(Format::PrometheusText));
    assert_eq!(of(None, fallback), Ok(Format::PrometheusText));
    assert!(of(Some("text/html"), None).is_err());
}

proptest::proptest! {
    #[test]
    fn any_bytes_end_without_panic(
        body in proptest::collection::vec(0u8.., 0..200),
        format in 0usize..3,
        nhcb in proptest::bool::ANY,
    ) {
        let format = [Format::PrometheusText, Format::OpenMetrics, Format::Protobuf][format];
        let options = HistogramOptions { classic_to_nhcb: nhcb, ..NATIVE };
        let _any = parse(format, options, &body, &mut Notes::default()).is_ok();
    }

    #[test]
    fn text_of_the_right_characters_ends_without_panic(
        body in "(# (HELP|TYPE|UNIT|EOF)|[ab_]|\\{|\\}|\"|=|,|\\\\|[0-9.]| |\n|#|le|histogram){0,60}",
        nhcb in proptest::bool::ANY,
    ) {
        for format in [Format::PrometheusText, Format::OpenMetrics] {
            let options = HistogramOptions { classic_to_nhcb: nhcb, ..NATIVE };
            let _any = parse(format, options, body.as_bytes(), &mut Notes::default()).is_ok();
        }
    }

    /// What a writer writes is read back, in both text formats, guessed or not.
    #[test]
    fn written_samples_are_read_back(
        series in proptest::collection::vec(
            ("\\PC{1,8}", proptest::collection::btree_map("\\PC{1,4}", "[^\u{0}]{1,6}", 0..4),
             proptest::num::f64::ANY, proptest::option::of(-1_000_000i64..1_000_000)), 0..8),
        guess in proptest::bool::ANY,
    ) {
        for format in [Format::PrometheusText, Format::OpenMetrics] {
            let mut body = String::new();
            let mut notes = Notes::default();
            let mut expected = Vec::new();
            for (name, labels, value, time) in &series {
                if labels.contains_key("__name__") {
                    continue;
                }
                let mut text = format!("{{\"{}\"", Escaped(name));
                for (label, value) in labels {
                    text.push_str(&format!(",\"{}\"=\"{}\"", Escaped(label), Escaped(value)));
                }
                text.push('}');
                if guess {
                    notes.expect.push(text.clone().into_bytes());
                }
                let mut pairs: Vec<(&str, &str)> =
                    labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                pairs.push(("__name__", name));
                let mut line = format!("{} {value}", Labels::from_pairs(pairs));
                body.push_str(&format!("{text} {value:?}"));
                if let Some(time) = time {
                    match format {
                        Format::OpenMetrics => body.push_str(&format!(" {time}")),
                        _ => body.push_str(&format!(" {}", time * 1000)),
                    }
                    line.push_str(&format!(" at {}", time * 1000));
                }
                body.push('\n');
                expected.push(line);
            }
            if format == Format::OpenMetrics {
                body.push_str("# EOF\n");
            }
            parse(format, NATIVE, body.as_bytes(), &mut notes).unwrap();
            proptest::prop_assert_eq!(&notes.lines, &expected);
            if guess {
                proptest::prop_assert_eq!(notes.as_expected, expected.len());
            }
        }
    }
}

#[test]
fn a_nan_in_text_is_an_ordinary_one() {
    let mut notes = Notes::default();
    parse(Format::PrometheusText, NATIVE, b"a NaN\n", &mut notes).unwrap();
    assert_eq!(notes.lines, ["{__name__=\"a\"} NaN"]);
}
