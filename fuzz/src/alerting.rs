//! What a configuration says of alerting: rule files, and the `alertmanager.yml`.

use std::path::Path;

use bellwether_config::{
    Origin, RuleOptions, alerts_without_runbook, duplicate_rules, load_alertmanager_text,
    load_rules_text,
};
use bellwether_model::Labels;
use bellwether_notify::taken_routes;
use bellwether_promql::Features;

use crate::targets::{Target, strings};

pub(crate) const ALERTMANAGER_CONFIG: Target = Target {
    name: "alertmanager_config",
    seeds: || {
        strings(&[
            "global: { resolve_timeout: 5m, slack_api_url: 'https://a/b', http_config: { proxy_url: 'http://u:p@c/' } }\nroute:\n  receiver: a\n  group_by: ['...']\n  routes:\n  - { matchers: ['a=~\"b|c\"', '{d!=e}'], continue: true, mute_time_intervals: [n] }\n  - { match: { a: b }, match_re: { c: d.* }, receiver: b, labels: { x: '{{ .Status }}' } }\nreceivers:\n- name: a\n  slack_configs: [{ channel: x, fields: [{ title: t, value: v }], update_message: false }]\n- { name: b, webhook_configs: [{ url: 'http://a/{{ .x }}', timeout: 1m30s, payload: { a: [1, '{{ .Status }}', null] } }] }\ntime_intervals:\n- { name: n, time_intervals: [{ times: [{ start_time: '09:00', end_time: '24:00' }], weekdays: ['monday:friday'], days_of_month: ['-3:-1', '1'], months: [may, '6:8'], years: ['2026'], location: Europe/Berlin }] }\ninhibit_rules: [{ source_matchers: [a=b], target_match: { c: d }, equal: [e] }]\n",
            "global: { smtp_smarthost: '[::1]:25', smtp_from: a, slack_app_token: t }\nroute: { receiver: a }\nreceivers:\n- name: a\n  email_configs: [{ to: b, headers: { subject: c }, threading: { enabled: true, thread_by_date: daily } }]\n  pagerduty_configs: [{ routing_key: k, details: { a: { b: c } } }]\n  opsgenie_configs: [{ api_key: k, responders: [{ id: x, type: team }] }]\n  jira_configs: [{ api_url: 'http://a', project: p, issue_type: i, summary: { template: t, enable_update: false } }]\n  telegram_configs: [{ bot_token: t, chat_id: -1 }]\n  pushover_configs: [{ user_key: u, token: t, retry: 1m }]\n  sns_configs: [{ topic_arn: t }]\n",
        ])
    },
    dictionary: &[
        "route:\n",
        "receivers:\n",
        "- name: ",
        "matchers: [",
        "group_by: ",
        "...",
        "_configs: [{",
        "_file: ",
        "http_config: {",
        "<secret>",
        "{{ ",
        " }}",
        "&a ",
        "*a",
        "<<: ",
        ":-1",
        "24:00",
        "1h",
        "null",
        "[",
        "]",
        "{",
        "}",
    ],
    run: alertmanager_config,
    memory_max_bytes: 256 << 20,
};

fn alertmanager_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let origin = Origin {
        file: "fuzz.yml".to_owned(),
        folder: "/nowhere".into(),
    };
    let Ok(loaded) = load_alertmanager_text(text, &origin) else {
        return;
    };
    let config = loaded.config;
    for labels in [
        Labels::empty(),
        Labels::from_pairs([("a", "b"), ("c", "d")]),
    ] {
        let taken = taken_routes(&config.plan, &labels, Some(1_700_000_000_000));
        assert!(!taken.is_empty(), "the root takes every alert");
        for route in taken {
            assert!(config.plan.receivers.contains_key(&route.receiver));
        }
    }
    let again = load_alertmanager_text(&config.redacted_yaml, &origin);
    assert!(again.is_ok(), "{again:?} of {}", config.redacted_yaml);
}

pub(crate) const RULE_FILE: Target = Target {
    name: "rule_file",
    seeds: || {
        strings(&[
            "groups:\n- name: g\n  interval: 1m\n  query_offset: 5s\n  limit: 3\n  labels: { a: b }\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 5m\n    keep_firing_for: 1m\n    labels: { severity: page }\n    annotations: { s: '{{ $value }} {{ $labels.a }}' }\n  - { record: 'a:b', expr: 'sum by (x) (up)' }\n",
            "groups: [{ name: g, rules: [{ record: a, expr: |\n  up }, { alert: A, expr: '1', labels: { x: '{{ range query `up` }}{{ . }}{{ end }}' } }] }]\n",
        ])
    },
    dictionary: &[
        "groups:\n",
        "- name: ",
        "rules:\n",
        "  - alert: ",
        "  - record: ",
        "expr: ",
        "for: ",
        "annotations: ",
        "{{ $labels.",
        "{{ query `",
        " }}",
        "__name__",
        "&a ",
        "*a",
        "<<: ",
        "|\n",
        "null",
        "{",
        "}",
    ],
    run: rule_file,
    memory_max_bytes: 256 << 20,
};

fn rule_file(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for ignore_unknown_keys in [false, true] {
        let options = RuleOptions {
            features: Features::all(),
            ignore_unknown_keys,
            ..RuleOptions::default()
        };
        let Ok(loaded) = load_rules_text(text, Path::new("fuzz.yml"), &options) else {
            continue;
        };
        let duplicates = duplicate_rules(&loaded.groups).len();
        assert!(duplicates == 0 || duplicates < loaded.rule_count());
        assert!(alerts_without_runbook(&loaded.groups).len() <= loaded.rule_count());
    }
}
