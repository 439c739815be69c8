//! The targets: what is run, on which seeds, within how much memory.

use std::sync::Arc;

use bellwether_config::{LoadOptions, Origin};
use bellwether_ingest::otlp::{
    self, DeltaHandling, Encoding, OtlpReceiver, OtlpSettings, OtlpStatus,
};
use bellwether_ingest::remote_write::{Limits, RemoteWriteReceiver, RequestHead};
use bellwether_model::{Exemplar, LabelsBuilder};
use bellwether_promql::promqltest::{InMemory, engine_options, run_script};
use bellwether_promql::{Engine, Features, parse, parse_metric_selector};
use bellwether_scrape::ScrapeError;
use bellwether_scrape::exposition::{self, Format, HistogramOptions};
use bellwether_storage::{ManualClock, MemoryStore, MetricStore, Source};
use bellwether_telemetry::Registry;
use bellwether_template::functions::{alertmanager, prometheus};
use bellwether_template::{
    Functions, Limits as TemplateLimits, Map, Mode, TemplateSet, Time, Value,
};

use crate::{alerting, bodies, dashboards, edge, files, objectives, probes, texts};

/// One target.
#[derive(Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mutations insert.
    pub dictionary: &'static [&'static str],
    /// Runs one input. A panic is a finding.
    pub run: fn(&[u8]),
    /// More than this held at once is a finding. Chosen per target: inputs have at most 64 KiB.
    pub memory_max_bytes: usize,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "promql",
        seeds: promql_seeds,
        dictionary: &[
            "(",
            ")",
            "[5m]",
            "[1h:]",
            " by (",
            " on () group_left ",
            "offset -",
            " @ start()",
            "sum",
            "rate(",
            "{",
            "}",
            "\"",
            "'",
            "`",
            "\\x",
            "0x",
            "1e",
            "Inf",
            " bool ",
            "=~",
            " atan2 ",
            "step()",
            "anchored",
            "{{",
        ],
        run: promql,
        memory_max_bytes: 64 << 20,
    },
    Target {
        name: "prometheus_text",
        seeds: text_seeds,
        dictionary: &[
            "# TYPE ", "# HELP ", "{", "}", "\"", "\\n", " NaN", " +Inf", " 1e400", "\n",
        ],
        run: prometheus_text,
        memory_max_bytes: 64 << 20,
    },
    Target {
        name: "openmetrics",
        seeds: openmetrics_seeds,
        dictionary: &[
            "# TYPE ", "# UNIT ", "# EOF\n", " # {", "_created", "_bucket", "le=\"", "\n",
        ],
        run: openmetrics,
        memory_max_bytes: 64 << 20,
    },
    Target {
        name: "exposition_protobuf",
        seeds: protobuf_seeds,
        dictionary: &["\x0a", "\x12", "\x22", "\x7f"],
        run: exposition_protobuf,
        memory_max_bytes: 64 << 20,
    },
    Target {
        name: "remote_write_1",
        seeds: remote_write_seeds,
        dictionary: &["\x0a", "\x12", "__name__", "\x09"],
        run: remote_write_1,
        memory_max_bytes: 128 << 20,
    },
    Target {
        name: "remote_write_2",
        seeds: remote_write_seeds,
        dictionary: &["\x22", "\x2a", "__name__", "\x0a"],
        run: remote_write_2,
        memory_max_bytes: 128 << 20,
    },
    Target {
        name: "store_files",
        seeds: crate::store_files::seeds,
        dictionary: &["BWBLOCK\n", "\x00\x00\x00\x00", "\x7f"],
        run: crate::store_files::run,
        memory_max_bytes: 128 << 20,
    },
    Target {
        name: "otlp_protobuf",
        seeds: otlp_seeds,
        dictionary: &["\x0a", "\x12", "\x29", "\x7f"],
        run: otlp_protobuf,
        memory_max_bytes: 128 << 20,
    },
    Target {
        name: "otlp_json",
        seeds: otlp_json_seeds,
        dictionary: &[
            "{\"resourceMetrics\":[",
            "\"asDouble\":",
            "\"gauge\":{",
            "\"NaN\"",
            "null",
            "1e3",
            "\"-1\"",
            "\"arrayValue\":{\"values\":[",
            "\"as_int\":",
            "[",
            "]",
            "}",
            "\\u0000",
        ],
        run: otlp_json,
        memory_max_bytes: 128 << 20,
    },
    Target {
        name: "remote_read",
        seeds: remote_write_seeds,
        dictionary: &["\x0a", "\x12", "\x18", "__name__"],
        run: remote_read,
        memory_max_bytes: 64 << 20,
    },
    Target {
        name: "promqltest",
        seeds: script_seeds,
        dictionary: &[
            "load 1m\n",
            "eval instant at 5m ",
            "  {}",
            "{{schema:0 count:1}}",
            "x100",
            "_x3",
            "@st",
            "expect fail",
            "clear\n",
            " 1+1x5",
        ],
        run: promqltest,
        memory_max_bytes: 256 << 20,
    },
    Target {
        name: "config",
        seeds: config_seeds,
        dictionary: &[
            "scrape_configs:\n",
            "- job_name: ",
            "&a ",
            "*a",
            "<<: ",
            "{",
            "}",
            "[",
            "]",
            "|\n",
            "5m",
            "relabel_configs:",
            "\t",
            "? ",
            "!!int ",
        ],
        run: config,
        memory_max_bytes: 256 << 20,
    },
    alerting::ALERTMANAGER_CONFIG,
    alerting::RULE_FILE,
    objectives::OBJECTIVE_FILE,
    dashboards::DASHBOARD_YAML,
    dashboards::DASHBOARD_JSON,
    Target {
        name: "template",
        seeds: template_seeds,
        dictionary: &[
            "{{",
            "}}",
            "{{- ",
            " -}}",
            "{{end}}",
            "{{else if ",
            "{{range $i, $e := ",
            "{{with ",
            "{{define \"a\"}}",
            "{{template \"a\" .}}",
            "{{block \"a\" .}}",
            "{{break}}",
            "$x := ",
            " | ",
            "(",
            ")",
            "printf \"%[2]*.3v\" ",
            "reReplaceAll \"(a+)\" \"$1$1\" ",
            "append ",
            "dict \"a\" ",
            "toJson",
            ".Format \"Jan _2 15:04:05.000 Z07:00\"",
            "<a href=\"",
            "<script>",
            "`${",
            "<style>",
            "url('",
            "<!--",
        ],
        run: template,
        memory_max_bytes: 128 << 20,
    },
    Target {
        name: "snappy",
        seeds: snappy_seeds,
        dictionary: &["\x7f"],
        run: snappy,
        memory_max_bytes: 48 << 20,
    },
    texts::REGEXP,
    texts::RELABEL,
    texts::NUMBERS_AND_NAMES,
    bodies::COMPRESSED_BODY,
    bodies::COLUMNS,
    bodies::FORWARD_QUEUE,
    files::CONFIG_FILES,
    edge::HTTP,
    probes::PROBE_EVENTS,
    probes::PROBE_ANSWERS,
];

pub(crate) fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn promql_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "sum by (job) (rate(http_requests_total{job=~\"a|b\",code!~\"5..\"}[5m] offset 1h @ end()))",
        "histogram_quantile(0.9, sum without (instance) (rate(x_bucket[5m:30s])))",
        "a / on (x) group_left (y) b > bool 1 and c unless ignoring (z) d or vector(0x1F)",
        "topk(5, -a ^ 2 % 3) + count_values(\"v\", {\"a.b\", 'c'=`d`})",
        "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\") # comment\n",
        "1e3 * 5m + NaN - Inf atan2 -1",
        "increase(x[step() * 2 + 1m]) offset -(3s)",
        "quantile_over_time(0.5, (a + b)[1d:1h] @ 1609746000.5)",
    ])
}

fn promql(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(expression) = parse(text, &Features::all()) {
        // What we print must mean the same to us.
        let printed = expression.to_string();
        let again = parse(&printed, &Features::all()).map(|again| again.to_string());
        assert_eq!(again.as_ref(), Ok(&printed), "of {text:?}");
    }
    let _selector = parse_metric_selector(text);
}

/// Looks at everything that a parser finds.
struct LookAt;

impl exposition::Sink for LookAt {
    fn expected(&self) -> Option<&[u8]> {
        None
    }

    fn metadata(&mut self, _family: &[u8], _piece: exposition::MetadataPiece<'_>) {}

    fn sample(&mut self, sample: exposition::Sample<'_>) -> Result<(), ScrapeError> {
        let _length: usize = sample
            .exemplars
            .iter()
            .map(|exemplar: &Exemplar| exemplar.labels.len())
            .sum();
        let mut labels = LabelsBuilder::default();
        let _result = exposition::series_labels(sample.series, sample.family_type, &mut labels);
        Ok(())
    }
}

fn expose(format: Format, input: &[u8]) {
    for classic_to_nhcb in [false, true] {
        let options = HistogramOptions {
            native: true,
            always_classic: true,
            classic_to_nhcb,
        };
        let _result = exposition::parse(format, options, input, &mut LookAt);
    }
}

fn text_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "# HELP a Some \\\\ help\\n\n# TYPE a counter\na{b=\"c\",d=\"e\\\"\\n\"} 1 1600000000000\n",
        "# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n",
        "{\"quoted.name\",\"a.b\"=\"c\"} -Inf\nb NaN\nc 1e-7\nd 0x1p3\n",
    ])
}

fn prometheus_text(input: &[u8]) {
    expose(Format::PrometheusText, input);
}

fn openmetrics_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "# TYPE a counter\n# UNIT a seconds\n# HELP a h\na_total{b=\"c\"} 1 1600000000.5 # {trace_id=\"x\"} 0.5 1.0\na_created{b=\"c\"} 15\n# EOF\n",
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {} 0.5\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 2\nh_created 1\n# EOF\n",
        "# TYPE s stateset\ns{s=\"a\"} 1\n# TYPE i info\ni_info{v=\"1\"} 1\n# EOF\n",
    ])
}

fn openmetrics(input: &[u8]) {
    expose(Format::OpenMetrics, input);
}

fn protobuf_seeds() -> Vec<Vec<u8>> {
    // A counter family with one metric, and a histogram family with native buckets.
    vec![
        b"\x1d\x0a\x01a\x12\x01h\x18\x00\x22\x13\x0a\x06\x0a\x01b\x12\x01c\x1a\x09\x09\x00\x00\x00\x00\x00\x00\xf0\x3f".to_vec(),
        b"\x24\x0a\x01h\x18\x04\x22\x1d\x3a\x1b\x08\x03\x11\x00\x00\x00\x00\x00\x00\x08\x40\x28\x06\x31\x00\x00\x00\x00\x00\x00\x00\x00\x62\x04\x08\x02\x10\x02\x68\x04".to_vec(),
    ]
}

fn exposition_protobuf(input: &[u8]) {
    expose(Format::Protobuf, input);
}

fn remote_write_seeds() -> Vec<Vec<u8>> {
    vec![
        b"\x0a\x2a\x0a\x0d\x0a\x08__name__\x12\x01a\x0a\x06\x0a\x01b\x12\x01c\x12\x11\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x80\xa0\x94\xa5\xa0\x2f".to_vec(),
        b"\x22\x00\x22\x08__name__\x22\x01a\x2a\x15\x0a\x02\x01\x02\x12\x0f\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07\x18\x01".to_vec(),
    ]
}

fn receive(input: &[u8], content_type: &str) {
    let store: Arc<dyn MetricStore> = Arc::new(MemoryStore::new());
    let limits = Limits {
        body_bytes_max: 1 << 20,
        items_max: 10_000,
    };
    let receiver = RemoteWriteReceiver::new(store, limits, &Registry::new());
    let head = RequestHead {
        content_type: Some(content_type),
        content_encoding: Some("snappy"),
    };
    // The bytes as the inner message, and as they are.
    if let Ok(body) = bellwether_wire::snappy::encode(input) {
        receiver.receive(&Source::new("fuzz"), head, &body);
    }
    receiver.receive(&Source::new("fuzz"), head, input);
}

fn remote_write_1(input: &[u8]) {
    receive(input, "application/x-protobuf");
}

fn remote_write_2(input: &[u8]) {
    receive(
        input,
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    );
}

fn template_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "Instance {{ $labels.instance }} is at {{ $value | humanizePercentage }} {{ printf \"%.2f\" .f }}",
        "{{ range $k, $v := .m }}{{ if eq $k \"a\" }}{{ continue }}{{ else }}{{ $v }}{{ end }}{{ else }}none{{ end }}",
        "{{define \"a\"}}{{with .}}{{template \"a\" (slice . 1)}}{{end}}{{end}}{{template \"a\" .s}}{{block \"b\" .}}{{.m.a}}{{end}}",
        "{{ $x := list }}{{ range 5 }}{{ $x = append $x (dict \"n\" .) }}{{ end }}{{ toJson $x }}{{/* c */ -}} x",
        "<p title=\"{{.s}}\" {{.s}}=x><a href=\"/x?{{.s}}#{{.s}}\">{{.s}}</a><script>var x = {{.m}} / '{{.s}}' / `${ {{.f}} }`</script><style>p { color: {{.s}}; background: url('{{.s}}') }</style>",
        "{{ (toTime 1.5).Format \"Mon Jan _2 15:04:05.000 MST 2006\" }}{{ toDate \"2006-01-02\" .s | tz \"Europe/Paris\" }}",
        "{{ reReplaceAll \"(a)(b)\" \"${2}$1\" \"abab\" | match \"^b\" | not | or .nope | html | js | urlquery }}",
    ])
}

/// What templates of rules and notifications can call.
fn template_functions() -> Functions {
    let rules = Arc::new(prometheus::console_library("http://localhost:9090/x"));
    let mut functions = prometheus::at(rules, 1_700_000_000_000, |_| Ok(Vec::new()));
    let notifications = Arc::new(alertmanager::library(|| Time::from_unix_ms(0)));
    for name in [
        "list", "append", "dict", "toJson", "date", "tz", "toDate", "join", "title",
    ] {
        functions.borrow_from(&notifications, name);
    }
    functions
}

fn template(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let functions = template_functions();
    let texts = Map::of_strings([("a", "<1>"), ("b", "javascript:x")]);
    let data = Map::new([
        ("Labels", texts.clone().into()),
        ("Value", Value::Float(0.5)),
        ("m", texts.into()),
        ("s", "a'\"</script>b".into()),
        ("f", Value::Float(-1e-7)),
    ]);
    let Ok(data) = data.map(Value::from) else {
        return;
    };
    let limits = TemplateLimits {
        output_bytes_max: 1 << 18,
        steps_max: 20_000,
        depth_max: 50,
    };
    for mode in [Mode::Text, Mode::Html] {
        let mut set = TemplateSet::new(mode);
        let variables = &prometheus::RULE_VARIABLES;
        if set.parse_with("t", text, variables, &functions).is_err() {
            continue;
        }
        // What we print must mean the same to us.
        for name in set.names() {
            let source = set.source(name).unwrap_or_default();
            let mut again = TemplateSet::new(mode);
            let parsed = again.parse_with(name, &source, variables, &functions);
            assert_eq!(parsed, Ok(()), "{source:?} of {text:?}");
            assert_eq!(again.source(name), Some(source), "of {text:?}");
        }
        let _result = set.execute("t", &data, &functions, &limits);
    }
}

fn snappy_seeds() -> Vec<Vec<u8>> {
    let bomb = vec![0u8; 1 << 20];
    [b"hello hello hello hello".as_slice(), bomb.as_slice()]
        .into_iter()
        .filter_map(|bytes| bellwether_wire::snappy::encode(bytes).ok())
        .chain([b"\xff\xff\xff\xff\x0f\x00a".to_vec()])
        .collect()
}

fn snappy(input: &[u8]) {
    let mut out = Vec::new();
    let _result = bellwether_wire::snappy::decode(input, 32 << 20, &mut out);
}

fn script_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "load 1m\n  a{b=\"c\"} 0+1x5 _x2 stale NaN\n\neval instant at 5m rate(a[5m])\n  {b=\"c\"} 0.01\n",
        "load 1m\n  h {{schema:1 count:3 sum:2 buckets:[1 2] offset:-1}}x3\neval range from 0 to 3m step 1m h\n  expect no_warn\n",
        "eval instant at 0 1 + bool 2\n  expect fail msg: x\n",
    ])
}

fn promqltest(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // Repetitions are written in few bytes and cost much: long runs of digits are another matter.
    if text.bytes().filter(u8::is_ascii_digit).count() > 60 {
        return;
    }
    let engine = Engine::new(engine_options());
    let _report = run_script(text, &engine, &mut InMemory);
}

fn config_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "global: { scrape_interval: 15s, external_labels: { a: b } }\nscrape_configs:\n  - job_name: x\n    static_configs: [{ targets: ['a:1'] }]\n    relabel_configs: [{ source_labels: [a], regex: (.*), target_label: b }]\n",
        "scrape_configs:\n- &a {job_name: x, basic_auth: {username: u, password: p}}\n- <<: *a\n  job_name: y\n",
        "storage: { memory_limit: 2GiB, retention: { metrics: 15d } }\nremote_write: [{ url: 'http://a/b', queue_config: { capacity: 3 } }]\n",
    ])
}

fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let origin = Origin {
        file: "fuzz.yml".to_owned(),
        folder: "/nowhere".into(),
    };
    let options = LoadOptions {
        leave_named_files: true,
        ..LoadOptions::default()
    };
    let _loaded = bellwether_config::load_text(text, &origin, &options);
}

fn otlp_json_seeds() -> Vec<Vec<u8>> {
    strings(&[
        "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"a\"}}]},\"scopeMetrics\":[{\"metrics\":[{\"name\":\"m.x\",\"unit\":\"s\",\"sum\":{\"aggregationTemporality\":2,\"isMonotonic\":true,\"dataPoints\":[{\"asDouble\":1.5,\"timeUnixNano\":\"1700000000000000000\",\"startTimeUnixNano\":\"1600000000000000000\"}]}}]}]}]}",
        "{\"resource_metrics\":[{\"scope_metrics\":[{\"metrics\":[{\"name\":\"h\",\"histogram\":{\"aggregation_temporality\":\"AGGREGATION_TEMPORALITY_CUMULATIVE\",\"data_points\":[{\"count\":\"3\",\"sum\":\"Infinity\",\"bucket_counts\":[1,\"2\"],\"explicit_bounds\":[0.5],\"time_unix_nano\":1700000000000000000,\"exemplars\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"asInt\":\"1\"}]}]}},{\"name\":\"e\",\"exponentialHistogram\":{\"dataPoints\":[{\"scale\":-1,\"zeroCount\":\"1\",\"positive\":{\"offset\":1,\"bucketCounts\":[\"1\"]}}]}}]}]}]}",
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"summary\":{\"dataPoints\":[{\"attributes\":[{\"key\":\"k\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"bytesValue\":\"+/8=\"}}]}}}],\"quantileValues\":[{\"quantile\":0.5,\"value\":null}]}]}}]}]}]}",
    ])
}

fn otlp_seeds() -> Vec<Vec<u8>> {
    vec![
        include_bytes!(
            "../../crates/ingest/testdata/otlp/opentelemetry-instrumentation-genai-openai-1.3b0-05-metrics.pb"
        )
        .to_vec(),
        b"\x0a\x1c\x12\x1a\x12\x18\x0a\x01m\x2a\x13\x0a\x11\x19\x00\x00\x00\x00\x00\x00\x00\x01\x21\x00\x00\x00\x00\x00\x00\x00\x40".to_vec(),
    ]
}

fn receive_otlp(encoding: Encoding, input: &[u8]) {
    let store: Arc<dyn MetricStore> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let receiver = OtlpReceiver::new(
        store,
        clock,
        OtlpSettings {
            delta: DeltaHandling::Cumulate,
            ..OtlpSettings::default()
        },
        otlp::Limits::default(),
        &Registry::new(),
    );
    let outcome = receiver.receive(&Source::new("fuzz"), encoding, input);
    assert_ne!(outcome.status, OtlpStatus::Internal, "{}", outcome.message);
}

fn otlp_protobuf(input: &[u8]) {
    receive_otlp(Encoding::Protobuf, input);
}

fn otlp_json(input: &[u8]) {
    receive_otlp(Encoding::Json, input);
}

fn remote_read(input: &[u8]) {
    drop(bellwether_wire::read::decode_request(input));
}
