//! The functions and the data of Alertmanager.

use std::sync::Arc;

use bellwether_template::functions::alertmanager::{
    self, Alert, AlertStatus, KeyValues, Notification, NotificationParts, RouteLabels,
};
use bellwether_template::{
    Functions, Limits, List, Map, MissingKey, Mode, TemplateError, TemplateSet, Time, Value,
};

/// 2024-01-01 09:15:30 UTC.
const NOW_MS: i64 = 1_704_100_530_000;

fn library() -> Functions {
    alertmanager::library(|| Time::from_unix_ms(NOW_MS))
}

fn set(mode: Mode) -> TemplateSet {
    TemplateSet::new(mode).with_missing_key(MissingKey::Zero)
}

fn execute(mode: Mode, text: &str, data: &Value) -> Result<String, TemplateError> {
    let functions = library();
    let mut set = set(mode);
    set.parse("", text, &functions)?;
    set.execute("", data, &functions, &Limits::default())
}

fn check_with(data: &Value, text: &str, want: &str) {
    match execute(Mode::Text, text, data) {
        Ok(found) => assert_eq!(found, want, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn check(text: &str, want: &str) {
    check_with(&Value::Nil, text, want);
}

fn check_error(text: &str, want: &str) {
    let error = execute(Mode::Text, text, &Value::Nil).expect_err(text);
    assert_eq!(error.to_string(), want, "{text}");
}

fn alert(status: AlertStatus, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Alert {
    Alert {
        status,
        labels: KeyValues::new(labels.iter().copied()),
        annotations: KeyValues::new(annotations.iter().copied()),
        starts_at: Time::from_unix_ms(NOW_MS - 3_600_000),
        ends_at: Time::ZERO,
        generator_url: "http://prometheus/graph?g0.expr=up&g0.tab=1".into(),
        fingerprint: "9266ef3da838ad95".into(),
    }
}

fn notification(alerts: Vec<Alert>, group: &[(&str, &str)], route: &[(&str, &str)]) -> Value {
    Value::object(Notification::new(NotificationParts {
        receiver: "team.x".to_owned(),
        reason: "first notification".into(),
        group_labels: KeyValues::new(group.iter().copied()),
        route_labels: KeyValues::new(route.iter().copied()),
        external_url: "http://example.com/".into(),
        alerts,
    }))
}

fn two_alerts() -> Value {
    notification(
        vec![
            alert(
                AlertStatus::Firing,
                &[
                    ("alertname", "Down"),
                    ("severity", "warning"),
                    ("job", "foo"),
                    ("a", "1"),
                ],
                &[("summary", "it is down"), ("runbook", "foo")],
            ),
            alert(
                AlertStatus::Resolved,
                &[
                    ("alertname", "Down"),
                    ("severity", "critical"),
                    ("job", "foo"),
                ],
                &[("summary", "it was down"), ("runbook", "foo")],
            ),
        ],
        &[("job", "foo")],
        &[],
    )
}

#[test]
fn texts_and_pages() {
    check("abc", "abc");
    check("{{ \"abc\" | toUpper }}{{ \"ABC\" | toLower }}", "ABCabc");
    check("{{ \"abc DEF\" | title }}", "Abc Def");
    check("{{ \" a b c \" | trimSpace }}", "a b c");
    check(
        "{{ if match \"^a\" \"abc\"}}abc{{ end }}{{ if match \"abcd\" \"abc\" }}x{{ end }}",
        "abc",
    );
    check_with(
        &List::of_strings(["a", "b", "c"]).into(),
        "{{ . | join \",\" }}",
        "a,b,c",
    );
    check("{{ \"<b>\" }}", "<b>");
    check("{{ reReplaceAll \"ab\" \"AB\" \"abcdabcda\"}}", "ABcdABcda");
    check(
        "{{ \"search?q=test%20foo\" | urlUnescape }}",
        "search?q=test foo",
    );
    check(
        "{{ \"test\" | base64encode }} {{ \"flush>>\" | base64encode }}",
        "dGVzdA== Zmx1c2g-Pg==",
    );
    check("{{ \"dGVzdA==\" | base64decode }}", "test");
    check_error(
        "{{ \"not-valid-base64!\" | base64decode }}",
        "template: :1:25: executing \"\" at <base64decode>: error calling base64decode: illegal base64 data at input byte 16",
    );
    check_error(
        "{{ urlUnescape \"%zz\" }}",
        "template: :1:3: executing \"\" at <urlUnescape \"%zz\">: error calling urlUnescape: invalid URL escape \"%zz\"",
    );
    check_error("{{ ", "template: :1:3: unclosed action");
    let html = |text: &str| execute(Mode::Html, text, &Value::Nil).unwrap();
    assert_eq!(html("{{ \"<b>\" }}"), "&lt;b&gt;");
    assert_eq!(html("{{ \"<b>\" | safeHtml }}"), "<b>");
    assert_eq!(
        html("<a href=\"/search?{{ \"q=test%20foo\" }}\"></a>"),
        "<a href=\"/search?q%3dtest%2520foo\"></a>"
    );
    assert_eq!(
        html("<a href=\"/search?{{ \"q=test%20foo\" | safeUrl }}\"></a>"),
        "<a href=\"/search?q=test%20foo\"></a>"
    );
}

#[test]
fn collections() {
    check("{{- $test := dict -}}{{ $test }}", "map[]");
    check(
        "{{- $test := dict \"a\" 1 \"b\" 2 \"c\" 3 -}}{{ $test }}",
        "map[a:1 b:2 c:3]",
    );
    check(
        "{{- $test := list -}}{{ $test }}{{ list \"a\" 1 }}",
        "[][a 1]",
    );
    check(
        "{{- $test := list \"a\" \"b\" -}}{{ $test = append $test \"c\" \"d\" -}}{{ $test }}",
        "[a b c d]",
    );
    check("{{ stringSlice \"a\" \"b\" | join \"-\" }}", "a-b");
    check("{{ list \"a\" \"b\" | join \"-\" }}", "a-b");
    check_error(
        "{{ dict \"a\" }}",
        "template: :1:3: executing \"\" at <dict \"a\">: error calling dict: dict requires an even number of arguments",
    );
    check_error(
        "{{ dict 1 \"value\" }}",
        "template: :1:3: executing \"\" at <dict 1 \"value\">: error calling dict: dict keys must be strings",
    );
    check_error(
        "{{ list 1 | join \"-\" }}",
        "template: :1:17: executing \"\" at <\"-\">: wrong type for value; expected []string; got []interface {}",
    );
}

#[test]
fn json() {
    check(
        "{{ \"test\" | toJson }}{{ 42 | toJson }}{{ true | toJson }}{{ toJson nil }}",
        "\"test\"42truenull",
    );
    let map = Map::new([("number", Value::Int(123)), ("key", "value".into())]).unwrap();
    check_with(
        &map.into(),
        "{{ . | toJson }}",
        "{\"key\":\"value\",\"number\":123}",
    );
    check_with(
        &List::of_strings(["a", "b"]).into(),
        "{{ . | toJson }}",
        "[\"a\",\"b\"]",
    );
    check(
        "{{ dict \"a\" (list 1 2.5 \"<\") | toJson }}",
        "{\"a\":[1,2.5,\"\\u003c\"]}",
    );
    let data = two_alerts();
    check_with(
        &data,
        "{{ .CommonLabels | toJson }}",
        "{\"alertname\":\"Down\",\"job\":\"foo\"}",
    );
    check_with(
        &data,
        "{{ .Alerts.Firing | toJson }}",
        "[{\"status\":\"firing\",\"labels\":{\"a\":\"1\",\"alertname\":\"Down\",\"job\":\"foo\",\"severity\":\"warning\"},\"annotations\":{\"runbook\":\"foo\",\"summary\":\"it is down\"},\"startsAt\":\"2024-01-01T08:15:30Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://prometheus/graph?g0.expr=up\\u0026g0.tab=1\",\"fingerprint\":\"9266ef3da838ad95\"}]",
    );
    check_with(
        &data,
        "{{- $l := list -}}{{ range .Alerts }}{{ $m := dict \"status\" .Status \"job\" .Labels.job }}{{ $l = append $l $m }}{{ end }}{{ toJson $l }}",
        "[{\"job\":\"foo\",\"status\":\"firing\"},{\"job\":\"foo\",\"status\":\"resolved\"}]",
    );
    check_with(
        &notification(Vec::new(), &[], &[]),
        "{{ toJson . }}",
        "{\"receiver\":\"team\\\\.x\",\"status\":\"resolved\",\"alerts\":[],\"notification_reason\":\"first notification\",\"groupLabels\":{},\"commonLabels\":{},\"commonAnnotations\":{},\"routeLabels\":{},\"externalURL\":\"http://example.com/\"}",
    );
}

#[test]
fn times() {
    let time: Value = Time::from_unix_ms(1_704_096_930_000).into();
    check_with(&time, "{{ . | date \"2006-01-02\" }}", "2024-01-01");
    check_with(
        &time,
        "{{ . | tz \"Europe/Paris\" }}",
        "2024-01-01 09:15:30 +0100 CET",
    );
    check_with(
        &time,
        "{{ . | tz \"UTC\" | date \"15:04 MST\" }} {{ . | tz \"\" | date \"MST\" }}",
        "08:15 UTC UTC",
    );
    check_with(
        &time,
        "{{ . | tz \"Asia/Kolkata\" | date \"15:04 -07:00\" }}",
        "13:45 +05:30",
    );
    check_with(&time, "{{ . | since | humanizeDuration }}", "1h 0m 0s");
    check(
        "{{ now | date \"2006-01-02T15:04:05-0700\" }}",
        "2024-01-01T09:15:30+0000",
    );
    check(
        "{{ toDate \"2006-01-02\" \"2024-03-15\" | date \"02 Jan 2006\" }}",
        "15 Mar 2024",
    );
    check(
        "{{ toDate \"2006-01-02\" \"not-a-date\" | date \"2006\" }}",
        "0001",
    );
    check(
        "{{ mustToDate \"2006-01-02\" \"2024-03-15\" | date \"02 Jan 2006\" }}",
        "15 Mar 2024",
    );
    check_error(
        "{{ mustToDate \"2006-01-02\" \"not-a-date\" }}",
        "template: :1:3: executing \"\" at <mustToDate \"2006-01-02\" \"not-a-date\">: error calling mustToDate: parsing time \"not-a-date\" as \"2006-01-02\": cannot parse \"not-a-date\" as \"2006\"",
    );
    let error = execute(Mode::Text, "{{ . | tz \"Invalid/Timezone\" }}", &time).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: :1:7: executing \"\" at <tz \"Invalid/Timezone\">: error calling tz: unknown time zone Invalid/Timezone"
    );
    check_error(
        "{{ humanizeDuration \"one\" }}",
        "template: :1:3: executing \"\" at <humanizeDuration \"one\">: error calling humanizeDuration: strconv.ParseFloat: parsing \"one\": invalid syntax",
    );
    check_error(
        "{{ date \"2006\" \"x\" }}",
        "template: :1:15: executing \"\" at <\"x\">: can't handle \"x\" for arg of type time.Time",
    );
}

#[test]
fn notifications() {
    let data = two_alerts();
    let check = |text: &str, want: &str| check_with(&data, text, want);
    check(
        "{{ .Receiver }} {{ .Status }} {{ .ExternalURL }}",
        "team\\.x firing http://example.com/",
    );
    check(
        "{{ len .Alerts }} {{ .Alerts.Firing | len }} {{ .Alerts.Resolved | len }}",
        "2 1 1",
    );
    check(
        "{{ range .Alerts }}{{ .Labels.severity }},{{ end }}",
        "warning,critical,",
    );
    check("{{ (index .Alerts 1).Annotations.summary }}", "it was down");
    check(
        "{{ .CommonLabels.alertname }} {{ .CommonAnnotations.runbook }}{{ .CommonLabels.severity }}",
        "Down foo",
    );
    check("{{ .GroupLabels.SortedPairs.Values | join \" \" }}", "foo");
    check(
        "{{ range .CommonLabels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}",
        " - alertname = Down\n - job = foo\n",
    );
    check(
        "{{ (index .Alerts 0).Labels }}",
        "alertname=Down, a=1, job=foo, severity=warning",
    );
    check(
        "{{ (index .Alerts 0).Labels.Names }} {{ (index .Alerts 0).Labels.Values }}",
        "[alertname a job severity] [Down 1 foo warning]",
    );
    check(
        "{{ .CommonLabels.SortedPairs }} {{ .CommonLabels.Names.Join \"+\" }}",
        "alertname=Down, job=foo alertname+job",
    );
    check(
        "{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \" \" }}{{ end }}",
        "Down",
    );
    check(
        "{{ .CommonLabels.Remove (stringSlice \"alertname\") }}",
        "job=foo",
    );
    check(
        "{{ if gt (len .CommonLabels) (len .GroupLabels) }}more{{ end }}",
        "more",
    );
    check(
        "{{ (index .Alerts 0).StartsAt.Format \"15:04\" }} {{ (index .Alerts 0).EndsAt.IsZero }}",
        "08:15 true",
    );
    check(
        "{{ range $k, $v := .GroupLabels }}{{ $k }}={{ $v }}{{ end }}",
        "job=foo",
    );
    check(
        "{{ .GroupLabels.nope }}|{{ index .GroupLabels \"nope\" }}",
        "|",
    );
    check(
        "{{ .NotificationReason }} {{ routeLabels \"x\" }}.",
        "first notification .",
    );
    check(
        "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .GroupLabels.SortedPairs.Values | join \" \" }}",
        "[FIRING:1] foo",
    );
    let error = execute(Mode::Text, "{{ .Nope }}", &data).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: :1:3: executing \"\" at <.Nope>: can't evaluate field Nope in type *template.Data"
    );
    let error = execute(Mode::Text, "{{ .Alerts.Nope }}", &data).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: :1:10: executing \"\" at <.Alerts.Nope>: can't evaluate field Nope in type template.Alerts"
    );
}

#[test]
fn notifications_without_alerts() {
    let data = notification(Vec::new(), &[("job", "foo")], &[]);
    check_with(
        &data,
        "{{ .Status }} {{ .Alerts.Firing }} {{ .CommonLabels }}|{{ range .Alerts }}x{{ else }}none{{ end }}",
        "resolved [] |none",
    );
}

fn with_route_labels(text: &str, route: &[(&str, &str)]) -> Result<String, TemplateError> {
    let library = Arc::new(library());
    let data = notification(Vec::new(), &[("key1", "one"), ("x", "v")], route);
    let functions = alertmanager::route_labels(
        Arc::clone(&library),
        RouteLabels {
            labels: KeyValues::new(route.iter().copied()),
            set: set(Mode::Text),
            data: data.clone(),
            limits: Limits::default(),
        },
    );
    let mut set = set(Mode::Text);
    set.parse("", text, &library)?;
    set.execute("", &data, &functions, &Limits::default())
}

#[test]
fn labels_of_routes_are_templates() {
    let check = |text: &str, route: &[(&str, &str)], want: &str| {
        assert_eq!(with_route_labels(text, route).unwrap(), want, "{text}");
    };
    check(
        "{{ routeLabels \"a\" }} - {{ routeLabels \"b\" }} - {{ routeLabels \"c\" }}",
        &[
            ("a", "plain"),
            ("b", "{{ .GroupLabels.key1 }}"),
            ("c", "{{ routeLabels \"b\" }} again"),
        ],
        "plain - one - one again",
    );
    check("[{{ routeLabels \"nope\" }}]", &[], "[]");
    check(
        "{{ routeLabels \"top\" }}",
        &[
            ("top", "{{ routeLabels \"a\" }}-{{ routeLabels \"b\" }}"),
            ("a", "{{ routeLabels \"leaf\" }}"),
            ("b", "{{ routeLabels \"leaf\" }}"),
            ("leaf", "{{ .GroupLabels.x }}"),
        ],
        "v-v",
    );
    let fails = |route: &[(&str, &str)], why: &str| {
        let error = with_route_labels("{{ routeLabels \"a\" }}", route).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    fails(
        &[("a", "{{ routeLabels \"a\" }}")],
        "route label cycle detected: a -> a",
    );
    fails(
        &[
            ("a", "{{ routeLabels \"b\" }}"),
            ("b", "{{ routeLabels \"a\" }}"),
        ],
        "route label cycle detected: a -> b -> a",
    );
    fails(&[("a", "{{")], "unclosed action");
}
