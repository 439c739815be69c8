//! The functions of Prometheus.

use std::sync::Arc;

use bellwether_model::{FloatHistogram, Labels};
use bellwether_template::functions::prometheus::{
    self, HistogramValue, RULE_VARIABLES, RuleData, Sample,
};
use bellwether_template::{Limits, List, MissingKey, Mode, TemplateError, TemplateSet, Value};

fn sample(pairs: &[(&str, &str)], value: f64) -> Sample {
    Sample {
        labels: Labels::from_pairs(pairs.iter().copied()),
        value: Value::Float(value),
    }
}

fn execute(
    mode: Mode,
    text: &str,
    data: &Value,
    samples: Vec<Sample>,
) -> Result<String, TemplateError> {
    let library = Arc::new(prometheus::console_library(
        "http://testhost:9090/path/prefix",
    ));
    let functions = prometheus::at(library, 1_353_755_652_000, move |query| match query {
        "bad" => Err("no such metric".to_owned()),
        _ => Ok(samples.clone()),
    });
    let mut set = TemplateSet::new(mode).with_missing_key(MissingKey::Zero);
    set.parse("test", text, &functions)?;
    set.execute("test", data, &functions, &Limits::default())
}

fn check_with(data: Value, text: &str, want: &str) {
    match execute(Mode::Text, text, &data, Vec::new()) {
        Ok(found) => assert_eq!(found, want, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn check(text: &str, want: &str) {
    check_with(Value::Nil, text, want);
}

fn check_query(samples: Vec<Sample>, text: &str, want: &str) {
    match execute(Mode::Text, text, &Value::Nil, samples) {
        Ok(found) => assert_eq!(found, want, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn check_error(data: Value, text: &str, want: &str) {
    let error = execute(Mode::Text, text, &data, Vec::new()).expect_err(text);
    assert_eq!(error.to_string(), want, "{text}");
}

fn floats(values: &[f64]) -> Value {
    List::new(values.iter().map(|v| Value::Float(*v)).collect())
        .unwrap()
        .into()
}

fn ints(values: &[i64]) -> Value {
    List::new(values.iter().map(|v| Value::Int(*v)).collect())
        .unwrap()
        .into()
}

fn texts(values: &[&str]) -> Value {
    List::of_strings(values.iter().copied()).into()
}

#[test]
fn texts_and_pages() {
    check("plain text", "plain text");
    check("{{ 1 }}", "1");
    check("{{ \"<b>\" }}", "<b>");
    check(
        "{{define \"x\"}}{{.arg0}} {{.arg1}}{{end}}{{template \"x\" (args 1 \"2\")}}",
        "1 2",
    );
    check("{{ .Foo }}", "<no value>");
    let html = |text: &str| execute(Mode::Html, text, &Value::Nil, Vec::new()).unwrap();
    assert_eq!(html("{{ \"<b>\" }}"), "&lt;b&gt;");
    assert_eq!(html("{{ \"<b>\" | safeHtml }}"), "<b>");
    assert_eq!(html("{{ .Foo }}"), "");
    assert_eq!(
        html("{{ define \"a\" }}<b>{{ . }}</b>{{ end }}{{ $name := \"a\"}}{{ tmpl $name \"<\" }}"),
        "<b>&lt;</b>"
    );
    check_error(Value::Nil, "{{", "template: test:1:2: unclosed action");
    check_error(
        Value::Nil,
        "{{ tmpl \"nope\" . }}",
        "template: test:1:3: executing \"test\" at <tmpl \"nope\" .>: error calling tmpl: template: no template \"nope\"; there are \"test\"",
    );
    check_error(
        Value::Nil,
        "{{ humanise 1 }}",
        "template: test:1:3: function \"humanise\" not defined, did you mean \"humanize\"?",
    );
}

#[test]
fn samples_of_queries() {
    let metric = || vec![sample(&[("__name__", "metric"), ("instance", "a")], 11.0)];
    check_query(
        vec![sample(&[], 1.5)],
        "{{ query \"1.5\" | first | value }}",
        "1.5",
    );
    check_query(
        metric(),
        "{{ query \"metric{instance='a'}\" | first | value }}",
        "11",
    );
    check_query(
        metric(),
        "{{ query \"m\" | first | label \"instance\" }}",
        "a",
    );
    check_query(metric(), "{{ query \"m\" | first | label \"foo\" }}|", "|");
    check_query(
        metric(),
        "{{ $x := query \"m\" | first }}{{ $x.Labels.foo }}{{ $x.Value }}",
        "11",
    );
    check_query(
        vec![sample(&[("__value__", "a")], 1.0)],
        "{{ query \"m\" | first | strvalue }}",
        "a",
    );
    let two = || {
        vec![
            sample(&[("instance", "b"), ("n", "1")], 21.0),
            sample(&[("instance", "a"), ("n", "2")], 11.0),
            sample(&[("instance", "a"), ("n", "1")], 12.0),
        ]
    };
    check_query(
        two(),
        "{{ range query \"m\" | sortByLabel \"instance\" }}{{.Labels.instance}}:{{.Value}}: {{end}}",
        "a:11: a:12: b:21: ",
    );
    check_query(
        two(),
        "{{ query \"m\" | len }} {{ if query \"m\" }}yes{{ end }}",
        "3 yes",
    );
    check_query(
        two(),
        "{{ with query \"m\" }}{{ . | first | value | humanize }}{{ end }}",
        "21",
    );
    check_query(
        Vec::new(),
        "{{ range query \"m\" }}x{{ else }}none{{ end }}",
        "none",
    );
    check_error(
        Value::Nil,
        "{{ query \"missing\" | first }}",
        "template: test:1:21: executing \"test\" at <first>: error calling first: first() called on vector with no elements",
    );
    check_error(
        Value::Nil,
        "{{ query \"bad\" }}",
        "template: test:1:3: executing \"test\" at <query \"bad\">: error calling query: no such metric",
    );
    check_error(
        Value::Nil,
        "{{ (query \"missing\").banana }}",
        "template: test:1:10: executing \"test\" at <\"missing\">: can't evaluate field banana in type template.queryResult",
    );
    check_error(
        Value::Nil,
        "{{ \"x\" | value }}",
        "template: test:1:9: executing \"test\" at <value>: error calling value: wrong type for value; expected *template.sample; got string",
    );
}

#[test]
fn numbers() {
    let each = |function: &str| format!("{{{{ range . }}}}{{{{ {function} . }}}}:{{{{ end }}}}");
    let check = |function: &str, data: Value, want: &str| check_with(data, &each(function), want);
    check(
        "humanize",
        floats(&[0.0, 1.0, 1_234_567.0, 0.12]),
        "0:1:1.235M:120m:",
    );
    check(
        "humanize",
        texts(&["0.0", "1.0", "1234567.0", ".12"]),
        "0:1:1.235M:120m:",
    );
    check(
        "humanize",
        ints(&[0, -1, 1, 1_234_567, i64::MAX]),
        "0:-1:1:1.235M:9.223E:",
    );
    check(
        "humanize1024",
        floats(&[0.0, 1.0, 1_048_576.0, 0.12]),
        "0:1:1Mi:0.12:",
    );
    check(
        "humanize1024",
        ints(&[0, -1, 1, 1_234_567, i64::MAX]),
        "0:-1:1:1.177Mi:8Ei:",
    );
    check(
        "humanizeDuration",
        floats(&[0.0, 1.0, 60.0, 3600.0, 86400.0, 90000.0, -183_845.0, 899.99]),
        "0s:1s:1m 0s:1h 0m 0s:1d 0h 0m 0s:1d 1h 0m 0s:-2d 3h 4m 5s:14m 59s:",
    );
    check(
        "humanizeDuration",
        texts(&[".1", ".0001", ".12345", "60.1", "60.5", "1.2345", "12.345"]),
        "100ms:100us:123.5ms:1m 0s:1m 0s:1.234s:12.35s:",
    );
    check(
        "humanizeDuration",
        ints(&[0, -1, 1, 1_234_567]),
        "0s:-1s:1s:14d 6h 56m 7s:",
    );
    check(
        "humanizePercentage",
        ints(&[0, -1, 1, 1_234_567, i64::MAX]),
        "0%:-100%:100%:1.235e+08%:9.223e+20%:",
    );
    check(
        "humanizeTimestamp",
        ints(&[0, -1, 1, 1_234_567, 9_223_372_036]),
        "1970-01-01 00:00:00 +0000 UTC:1969-12-31 23:59:59 +0000 UTC:1970-01-01 00:00:01 +0000 UTC:1970-01-15 06:56:07 +0000 UTC:2262-04-11 23:47:16 +0000 UTC:",
    );
    let odd = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for function in [
        "humanize",
        "humanize1024",
        "humanizeDuration",
        "humanizeTimestamp",
    ] {
        check(function, floats(&odd), "+Inf:-Inf:NaN:");
        check(function, texts(&["+Inf", "-Inf", "NaN"]), "+Inf:-Inf:NaN:");
        check_error(
            Value::Nil,
            &format!("{{{{ {function} \"one\" }}}}"),
            &format!(
                "template: test:1:3: executing \"test\" at <{function} \"one\">: error calling {function}: strconv.ParseFloat: parsing \"one\": invalid syntax"
            ),
        );
    }
    check_error(
        ints(&[i64::MIN]),
        &each("humanizeTimestamp"),
        "template: test:1:16: executing \"test\" at <humanizeTimestamp .>: error calling humanizeTimestamp: -9.223372036854776e+18 cannot be represented as a nanoseconds timestamp since it overflows int64",
    );
    check_error(
        Value::Nil,
        "{{ humanize .Foo }}",
        "template: test:1:3: executing \"test\" at <humanize .Foo>: error calling humanize: can't convert <nil> to float",
    );
}

#[test]
fn numbers_in_pipelines() {
    check(
        "{{ -0.22222 | humanizePercentage }}:{{ 0.0 | humanizePercentage }}:{{ 0.1234567 | humanizePercentage }}:{{ \"1.23456\" | humanizePercentage }}",
        "-22.22%:0%:12.35%:123.5%",
    );
    check(
        "{{ 1435065584.128 | humanizeTimestamp }}",
        "2015-06-23 13:19:44.128 +0000 UTC",
    );
    check(
        "{{ \"1435065584.128\" | humanizeTimestamp }}",
        "2015-06-23 13:19:44.128 +0000 UTC",
    );
    check("{{ (1435065584.128 | toTime).Format \"2006\" }}", "2015");
    check(
        "{{ (\"1435065584.128\" | toTime).Format \"2006\" }}",
        "2015",
    );
    check(
        "{{ (1800 | toDuration).String }} {{ \"1800\" | toDuration }}",
        "30m0s 30m0s",
    );
    check("{{ now }}", "1.353755652e+09");
    check(
        "{{ (now | toTime).Format \"Mon Jan 2 15:04:05 2006\" }}",
        "Sat Nov 24 11:14:12 2012",
    );
    check(
        "{{ (\"-30m\" | parseDuration | toDuration | (now | toTime).Add).UnixMilli }}",
        "1353753852000",
    );
    check(
        "{{ printf \"%0.2f\" (parseDuration \"1h2m10ms\") }}",
        "3720.01",
    );
    check(
        "{{ printf \"%0.2f\" (parseDuration \"-1h2m10ms\") }}",
        "-3720.01",
    );
    check("{{ toDuration 90 | humanizeDuration }}", "1m 30s");
    check_error(
        Value::Nil,
        "{{ parseDuration \"1x\" }}",
        "template: test:1:3: executing \"test\" at <parseDuration \"1x\">: error calling parseDuration: \"1x\" is not a duration: want numbers with units y, w, d, h, m, s, ms in that order, such as 1h30m",
    );
    check_error(
        Value::Nil,
        "{{ toTime \"NaN\" }}",
        "template: test:1:3: executing \"test\" at <toTime \"NaN\">: error calling toTime: value is NaN or Inf",
    );
}

#[test]
fn words() {
    check("{{ \"aa bb CC\" | title }}", "Aa Bb CC");
    check("{{ \"aa bb CC\" | toUpper }}", "AA BB CC");
    check("{{ \"aA bB CC\" | toLower }}", "aa bb cc");
    check(
        "{{ match \"a+\" \"aa\" }} {{ match \"a+\" \"b\" }}",
        "true false",
    );
    check("{{ reReplaceAll \"(a)b\" \"x$1\" \"ab\" }}", "xa");
    check(
        "{{ reReplaceAll \"(?P<y>\\\\d+)\" \"<${y}$$>$\" \"a1b22\" }}",
        "a<1$>$b<22$>$",
    );
    check("{{ reReplaceAll \"a\" \"$1x$9\" \"bab\" }}", "bb");
    check("{{ reReplaceAll \"x*\" \"-\" \"abc\" }}", "-a-b-c-");
    // The dialect is Go's: digits are ASCII, a point does not match line ends, classes are no sets.
    check("{{ reReplaceAll \"\\\\d|[a&&b]\" \"-\" \"1٢&\" }}", "-٢-");
    check("{{ reReplaceAll \".\" \"-\" \"a\\nb\" }}", "-\n-");
    check("{{ graphLink \"up\" }}", "/graph?g0.expr=up&g0.tab=0");
    check(
        "{{ tableLink \"up{a='b'}\" }}",
        "/graph?g0.expr=up%7Ba%3D%27b%27%7D&g0.tab=1",
    );
    check(
        "{{ pathPrefix }} {{ externalURL }}",
        "/path/prefix http://testhost:9090/path/prefix",
    );
    check("{{ urlQueryEscape \"a b&c\" }}", "a+b%26c");
    check(
        "{{ \"foo.example.com:12345\" | stripPort }} {{ \"[2001:0DB8::1]:12345\" | stripPort }}",
        "foo.example.com 2001:0DB8::1",
    );
    check(
        "{{ \"foo.example.com:12345\" | stripDomain }} {{ \"192.0.2.1:12345\" | stripDomain }}",
        "foo:12345 192.0.2.1:12345",
    );
    check_error(
        Value::Nil,
        "{{ match \"a(\" \"b\" }}",
        "template: test:1:3: executing \"test\" at <match \"a(\" \"b\">: error calling match: error parsing regexp: missing ) for the group (character 2): `a(`",
    );
}

#[test]
fn annotations_of_rules() {
    let library = Arc::new(prometheus::library("http://localhost:9090/"));
    let data = |value: Value| {
        Value::object(RuleData {
            labels: Labels::from_pairs([("instance", "db:9100"), ("job", "node")]),
            external_labels: Labels::from_pairs([("region", "eu")]),
            external_url: "http://localhost:9090/".into(),
            value,
        })
    };
    let run = |text: &str, data: &Value| {
        let mut set = TemplateSet::new(Mode::Text).with_missing_key(MissingKey::Zero);
        set.parse_with("__alert_X", text, &RULE_VARIABLES, &library)?;
        let functions = prometheus::at(Arc::clone(&library), 0, |_| Ok(Vec::new()));
        set.execute("__alert_X", data, &functions, &Limits::default())
    };
    let value = data(Value::Float(0.9321));
    let check = |text: &str, want: &str| assert_eq!(run(text, &value).unwrap(), want, "{text}");
    check(
        "Instance {{ $labels.instance }} of {{ $labels.job }} down",
        "Instance db:9100 of node down",
    );
    check(
        "{{ $value | humanizePercentage }} {{ .Value }} {{ $value }}",
        "93.21% 0.9321 0.9321",
    );
    check("{{ $labels.nope }}|{{ .Labels.nope }}", "|");
    check(
        "{{ $externalLabels.region }} {{ $externalURL }}",
        "eu http://localhost:9090/",
    );
    check(
        "{{ range $k, $v := $labels }}{{ $k }}={{ $v }} {{ end }}",
        "instance=db:9100 job=node ",
    );
    check("{{ if gt $value 0.9 }}high{{ end }}", "high");
    check("{{ $labels }}", "map[instance:db:9100 job:node]");
    check(
        "{{ with $labels.job }}{{ . }}{{ end }}{{ printf \"%.1f\" $value }}",
        "node0.9",
    );
    let error = run("a {{ $labels.x.y }}", &value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: __alert_X:1:12: executing \"__alert_X\" at <$labels.x.y>: can't evaluate field y in type string"
    );
    let histogram = FloatHistogram {
        count: 3.0,
        sum: 10.0,
        ..FloatHistogram::default()
    };
    let printed = histogram.to_string();
    let value = data(Value::object(HistogramValue(Arc::new(histogram))));
    assert_eq!(run("{{ $value }}", &value).unwrap(), printed);
    assert_eq!(
        run("{{ $value.Count }} {{ $value.Sum }}", &value).unwrap(),
        "3 10"
    );
    assert_eq!(
        run("{{ humanize $value }}", &value)
            .unwrap_err()
            .to_string(),
        "template: __alert_X:1:3: executing \"__alert_X\" at <humanize $value>: error calling humanize: can't convert *histogram.FloatHistogram to float"
    );
}
