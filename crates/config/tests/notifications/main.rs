//! Configurations of `testdata/alertmanager`: what is refused and with which words, what is taken and
//! with which meaning. `UPDATE_EXPECT=1` writes the expected files anew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stand outside of the test functions"
)]

mod receivers;

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use bellwether_config::{
    LoadOptions, NotificationConfig, Origin, check_notifications, load_alertmanager,
    load_alertmanager_text, load_text,
};
use bellwether_model::Labels;
use bellwether_notify::{GroupBy, Integration};

use support::expect_file;

fn testdata(path: &str) -> PathBuf {
    Path::new("testdata/alertmanager").join(path)
}

fn origin() -> Origin {
    Origin {
        file: "am.yml".to_owned(),
        folder: PathBuf::from("/etc/am"),
    }
}

fn load(source: &str) -> Result<NotificationConfig, String> {
    load_alertmanager_text(source, &origin())
        .map(|loaded| loaded.config)
        .map_err(|errors| errors.to_string())
}

/// A configuration of one receiver.
fn receiver(settings: &str) -> Result<NotificationConfig, String> {
    load(&format!(
        "route: {{receiver: r}}\nreceivers: [{{name: r, {settings}}}]"
    ))
}

fn good() -> NotificationConfig {
    let path = testdata("good/everything.yml");
    load_alertmanager(&path)
        .unwrap_or_else(|errors| panic!("{errors}"))
        .config
}

#[test]
fn broken_files_are_refused_with_every_error() {
    let mut count = 0;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(testdata("broken"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .collect();
    paths.sort();
    for path in paths {
        let origin = Origin {
            file: path.file_name().unwrap().to_string_lossy().into_owned(),
            folder: PathBuf::from("/etc/am"),
        };
        let source = std::fs::read_to_string(&path).unwrap();
        let errors = load_alertmanager_text(&source, &origin)
            .expect_err(&format!("{} is taken", path.display()));
        let text = format!("{errors}\n");
        assert!(!text.contains("hunter2"), "a secret in {text}");
        expect_file(&path.with_extension("err"), &text);
        count += errors.errors.len();
    }
    assert!(count > 100, "{count}");
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let config = good();
    for text in [&config.redacted_yaml, &format!("{config:?}")] {
        assert!(!text.contains("hunter2"), "a secret in {text}");
    }
    expect_file(
        &testdata("good/everything.shown.yml"),
        &config.redacted_yaml,
    );
    let again = load(&config.redacted_yaml).unwrap();
    assert_eq!(again.redacted_yaml, config.redacted_yaml);
    assert_eq!(again.plan, config.plan);
}

#[test]
fn what_is_worth_knowing_is_told() {
    let report = check_notifications(&testdata("good/everything.yml"));
    assert!(report.is_ok(), "{report}");
    let folder = format!("{}/", testdata("good").display());
    expect_file(
        &testdata("good/everything.check.txt"),
        &format!("{}\n", report.to_string().replace(&folder, "")),
    );
    assert_eq!(report.to_json()["notifications"]["routes"], 4);
    let report = check_notifications(&testdata("broken/root.yml"));
    assert!(!report.is_ok() && report.counts.is_none());
    assert_eq!(report.to_json()["ok"], false);
}

#[test]
fn the_plan_is_what_the_file_says() {
    let config = good();
    let plan = &config.plan;
    let receivers = |labels: &[(&str, &str)]| -> Vec<&str> {
        let taken = plan
            .routes
            .matching(&Labels::from_pairs(labels.iter().copied()));
        taken
            .iter()
            .map(|index| plan.routes.get(*index).unwrap().receiver.as_str())
            .collect()
    };
    assert_eq!(receivers(&[]), ["chat"]);
    let critical = [
        ("severity", "fatal"),
        ("größe", "x"),
        ("team", "db"),
        ("env", "prod"),
    ];
    assert_eq!(receivers(&critical), ["pager", "mail"]);
    let [root, pager, mail, disk] = plan.routes.routes() else {
        panic!("{:?}", plan.routes)
    };
    assert_eq!(root.group_wait_ms, 10_000);
    assert_eq!(pager.group_by, GroupBy::All);
    assert_eq!(
        (pager.group_interval_ms, pager.repeat_interval_ms),
        (60_000, 3_600_000)
    );
    assert_eq!(
        (mail.group_interval_ms, mail.repeat_interval_ms),
        (300_000, 14_400_000)
    );
    assert_eq!(mail.group_by, GroupBy::Labels([].into()));
    assert_eq!(mail.mute_time_intervals, ["night", "office"]);
    assert_eq!(pager.active_time_intervals, ["office"]);
    assert_eq!(disk.receiver, "mail");
    assert_eq!(
        disk.labels,
        [("owner".to_owned(), "{{ .CommonLabels.team }}".to_owned())]
    );

    let [rule] = plan.inhibit_rules.as_slice() else {
        panic!("{:?}", plan.inhibit_rules)
    };
    assert_eq!(rule.name, "cluster down");
    assert_eq!(rule.equal, ["cluster", "größe"]);
    assert_eq!(
        (rule.source_matchers.len(), rule.target_matchers.len()),
        (1, 1)
    );

    let at = |name: &str, time: &str| {
        let time: jiff::Timestamp = time.parse().unwrap();
        let intervals = &plan.time_intervals[name];
        intervals
            .iter()
            .any(|it| it.contains(time.as_millisecond()))
    };
    assert!(at("night", "2026-07-01T23:59:00Z") && at("night", "2026-07-01T05:59:59Z"));
    assert!(!at("night", "2026-07-01T06:00:00Z"));
    // 9:00 in Berlin, in winter.
    assert!(at("office", "2026-03-02T08:00:00Z") && !at("office", "2026-03-02T07:59:00Z"));
    assert!(at("office", "2026-03-31T08:00:00Z") && !at("office", "2026-03-30T08:00:00Z"));
    assert!(!at("office", "2026-04-02T08:00:00Z") && !at("office", "2031-03-03T08:00:00Z"));

    assert_eq!(config.resolve_timeout_ms, 600_000);
    assert_eq!(config.templates.len(), 1);
    assert!(config.templates[0].text.contains("toUpper"));
    assert_eq!(
        config.receiver_labels["chat"],
        [
            ("name".to_owned(), "chat".to_owned()),
            ("tier".to_owned(), "2".to_owned())
        ]
    );
    let integration = |kind: &str, send_resolved| Integration {
        kind: kind.to_owned(),
        send_resolved,
    };
    assert_eq!(
        plan.receivers["unused"],
        [integration("webhook", false), integration("webhook", true)]
    );
    assert_eq!(plan.receivers["mail"][0], integration("email", false));
}

#[test]
fn defaults_are_those_of_alertmanager() {
    let config = load("route: {receiver: a}\nreceivers: [{name: a}]").unwrap();
    let [root] = config.plan.routes.routes() else {
        panic!()
    };
    assert_eq!(
        (
            root.group_wait_ms,
            root.group_interval_ms,
            root.repeat_interval_ms
        ),
        (30_000, 300_000, 14_400_000)
    );
    assert_eq!(config.resolve_timeout_ms, 300_000);
    let defaults = [
        ("webhook_configs: [{url: 'http://a/'}]", true),
        (
            "email_configs: [{to: a, from: b, smarthost: 'c:25'}]",
            false,
        ),
        ("slack_configs: [{api_url: 'http://a/'}]", false),
        ("wechat_configs: [{api_secret: a, corp_id: b}]", false),
        ("rocketchat_configs: [{token: a, token_id: b}]", false),
        ("telegram_configs: [{bot_token: a, chat_id: 1}]", true),
    ];
    for (settings, want) in defaults {
        let config = receiver(settings).unwrap();
        let [integration] = config.receivers[0].integrations.as_slice() else {
            panic!("{config:?}")
        };
        assert_eq!(integration.send_resolved, want, "{settings}");
        assert_eq!(
            integration.kind.sends_resolved_by_default(),
            want,
            "{settings}"
        );
    }
}

#[test]
fn templates_are_parsed_and_told_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write(
        "am.yml",
        "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['*.tmpl', none.tmpl]",
    );
    write(
        "a.tmpl",
        "{{ define \"a\" }}\n  {{ .Status | nope }}{{ end }}",
    );
    write("b.tmpl", "{{ define \"b\" }}{{ end }}");
    let load = || load_alertmanager(&folder.path().join("am.yml"));
    let error = load().unwrap_err().to_string();
    let want = "a.tmpl:2:16: not a template: function \"nope\" not defined";
    assert!(error.ends_with(want), "{error}");
    write(
        "a.tmpl",
        "{{ define \"a\" }}{{ template \"b\" . }}{{ end }}",
    );
    let loaded = load().unwrap();
    let names: Vec<&str> = loaded
        .config
        .templates
        .iter()
        .map(|template| template.name.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["a.tmpl", "b.tmpl"]);
    let warnings: Vec<&str> = loaded.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("no file matches") && warnings[0].contains("none.tmpl"));
}

#[test]
fn texts_that_are_no_templates_are_told() {
    let settings = "slack_configs: [{api_url: 'http://a/', title: '{{ nope }}', text: '{{'}]";
    let source = format!("route: {{receiver: r}}\nreceivers: [{{name: r, {settings}}}]");
    let loaded = load_alertmanager_text(&source, &origin()).unwrap();
    let told: Vec<String> = loaded.warnings.iter().map(|w| w.path.clone()).collect();
    assert_eq!(
        told,
        [
            "receivers[0].slack_configs[0].title",
            "receivers[0].slack_configs[0].text"
        ]
    );
    assert!(
        loaded.warnings[0]
            .message
            .contains("notifications of this receiver will fail")
    );
}

#[test]
fn a_configuration_has_notifications_inline_or_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let am = "route: {receiver: a}\nreceivers: [{name: a}]\n";
    std::fs::write(folder.path().join("am.yml"), am).unwrap();
    let load = |source: &str| {
        let origin = Origin {
            file: "bellwether.yml".to_owned(),
            folder: folder.path().to_path_buf(),
        };
        load_text(source, &origin, &LoadOptions::default())
            .map(|loaded| loaded.config.notifications)
            .map_err(|errors| errors.to_string())
    };
    let inline = load("notifications:\n  route: {receiver: a}\n  receivers: [{name: a}]\n");
    let by_path = load("notifications: am.yml");
    assert_eq!(inline, by_path);
    assert!(inline.unwrap().is_some());
    assert_eq!(load("notifications:").unwrap(), None);
    let error = load("notifications: none.yml").unwrap_err();
    assert!(
        error.starts_with("bellwether.yml:1:16: notifications: "),
        "{error}"
    );
    let error = load("notifications: {route: {receiver: b}, receivers: [{name: a}]}").unwrap_err();
    assert!(
        error.contains("notifications.route.receiver: there is no receiver \"b\""),
        "{error}"
    );
    let error = load("notifications: [am.yml]").unwrap_err();
    assert!(error.contains("a list given"), "{error}");
}
