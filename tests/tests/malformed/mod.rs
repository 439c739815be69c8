//! Files that are wrong, each with what is to be said of it: place, path, value and what is allowed.

/// Whom a file is for.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `rule_files`.
    Rules,
    /// `--alertmanager-config`.
    Notifications,
}

/// A file that is wrong.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) text: Vec<u8>,
    /// What the first error says: mostly what follows the name of the file.
    pub(crate) error: &'static str,
}

/// All of them. `broken.tmpl` beside them is a template that is none.
#[rustfmt::skip]
pub(crate) fn files() -> Vec<Case> {
    let rules = |text: &str, error| Case { kind: Kind::Rules, text: text.into(), error };
    let notifications = |text: &str, error| Case { kind: Kind::Notifications, text: text.into(), error };
    vec![
        rules("groups: [\n", ":2:1: not valid YAML: while parsing a node, did not find expected node content"),
        rules("groups: 5\n", ":1:9: groups: \"5\" given: want a list of mappings: rule group"),
        rules("groups:\n- name: a\n  intervall: 5s\n", ":3:3: groups[0].intervall: unknown key \"intervall\" in rule group; did you mean interval?"),
        rules("groups:\n- rules: []\n", ":2:3: groups[0]: name is missing: want a text"),
        rules("groups:\n- name: a\n- name: a\n", ":3:9: groups[1].name: \"a\" is the name of another group of this file: names must be unique"),
        rules("groups:\n- name: a\n  rules:\n  - expr: up\n", ":4:5: groups[0].rules[0]: record or alert is missing: want one of the two"),
        rules("groups:\n- name: a\n  rules:\n  - { record: x, alert: X, expr: up }\n", ":4:25: groups[0].rules[0].alert: is set together with record: keep one of the two"),
        rules("groups:\n- name: a\n  rules:\n  - alert: X\n", ":4:5: groups[0].rules[0]: expr is missing: want a text"),
        rules("groups:\n- name: a\n  rules:\n  - { alert: X, expr: up == }\n", ":4:23: groups[0].rules[0].expr: not a PromQL query: 1:6: parse error: unexpected end of input"),
        rules("groups:\n- name: a\n  rules:\n  - { alert: X, expr: up, for: 5 minutes }\n", ":4:32: groups[0].rules[0].for: \"5 minutes\" is not a duration: want numbers with units y, w, d, h, m, s, ms in that order, such as 1h30m"),
        rules("groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up\n    annotations: { summary: '{{ $label.x }}' }\n", ":6:29: groups[0].rules[0].annotations.summary: template: __alert_X:1:3: undefined variable \"$label\""),
        rules("groups:\n- name: a\n  rules:\n  - { alert: X, expr: up, labels: { __name__: y } }\n", ":4:47: groups[0].rules[0].labels.__name__: __name__ is not a label that a rule can set: use record"),
        rules("groups:\n- name: a\n  rules:\n  - { record: x, expr: up, for: 5m }\n", ":4:33: groups[0].rules[0].for: is set in a recording rule: only alerts have it"),
        rules("groups:\n- name: a\n  name: b\n", ":3:3: name: key is there twice in this mapping; keep one"),
        rules(&format!("groups: {}\n", "[".repeat(70)), ":1:72: lists and mappings nest deeper than 64"),
        rules(&laughs(), ":6:32: more than 600000 values after aliases are expanded"),
        rules("groups:\n- name: a\n  rules:\n  - { record: 'x{a=\"b\"}', expr: up }\n", ":4:15: groups[0].rules[0].record: \"x{a=\\\"b\\\"}\" is not the name of a series: labels go under labels"),
        Case { kind: Kind::Rules, text: b"groups:\n- name: \xff\xfe\n".to_vec(), error: " not valid UTF-8 at byte 16" },
        rules(&format!("groups:\n- name: a\n  rules:\n  - {{ alert: X, expr: '{}up{}' }}\n", "(".repeat(10_000), ")".repeat(10_000)), ":4:23: groups[0].rules[0].expr: not a PromQL query: 1:193: parse error: query is nested too deeply: at most 192 levels or 384 operators in a row"),
        rules("groups:\n- name: a\n  interval: -5s\n", ":3:13: groups[0].interval: \"-5s\" is not a duration: want numbers with units y, w, d, h, m, s, ms in that order, such as 1h30m"),
        rules("groups:\n- name: a\n  rules:\n  - { alert: X, expr: up, labels: { team: [a, b] } }\n", ":4:43: groups[0].rules[0].labels.team: a list given: want a text"),
        rules("groups:\n- name: a\n  limit: -1\n", ":3:10: groups[0].limit: \"-1\" given: want a whole number, at least 0"),
        rules("groups:\n- name: a\n  rules:\n  - { alert: X, expr: 'up{job=~\"(a{1000}){1000}\"}' }\n", ":4:23: groups[0].rules[0].expr: not a PromQL query: 1:4: parse error: \"(a{1000}){1000}\" is not a regular expression: repeat count \"{1000}\" is not allowed: with those inside it makes 1000000 copies, want at most 1000 (character 10)"),
        rules(&format!("groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up\n    annotations: {{ summary: '{}' }}\n", "{{ if true }}".repeat(200)), ":6:29: groups[0].rules[0].annotations.summary: template: __alert_X:1:1303: blocks and parentheses nest more than 100 deep"),
        notifications("receivers: [{ name: a }]\n", ":1:1: route is missing: want a mapping: route"),
        notifications("route: { receiver: b }\nreceivers: [{ name: a }]\n", ":1:20: route.receiver: there is no receiver \"b\"; there are a"),
        notifications("route: { receiver: a }\nreceivers: [{ name: a }, { name: a }]\n", ":2:34: receivers[1].name: \"a\" is the name of another receiver: names must be unique"),
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  webhook_config: []\n", ":4:3: receivers[0].webhook_config: unknown key \"webhook_config\" in receiver; did you mean webhook_configs?"),
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  webhook_configs: [{ send_resolved: true }]\n", ":4:21: receivers[0].webhook_configs[0]: url or url_file is missing: want one of the two"),
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  webhook_configs: [{ url: 'ftp://x/' }]\n", ":4:28: receivers[0].webhook_configs[0].url: has another scheme: want a URL that begins with http:// or https://"),
        notifications("route: { receiver: a, group_by: ['...', x] }\nreceivers: [{ name: a }]\n", ":1:34: route.group_by[0]: ... stands beside labels: want either it alone, or labels"),
        notifications("route: { receiver: a, repeat_interval: 0s }\nreceivers: [{ name: a }]\n", ":1:40: route.repeat_interval: 0 given: want a duration that is not 0"),
        notifications("route:\n  receiver: a\n  routes: [{ matchers: ['severity=~('] }]\nreceivers: [{ name: a }]\n", ":3:25: route.routes[0].matchers[0]: \"(\" is not a regular expression: missing ) for the group (character 1) at byte 0 of matchers \"severity=~(\""),
        notifications("route:\n  receiver: a\n  routes: [{ mute_time_intervals: [night] }]\nreceivers: [{ name: a }]\n", ":3:36: route.routes[0].mute_time_intervals[0]: there is no time interval \"night\"; there are none"),
        notifications("route: { receiver: a }\nreceivers: [{ name: a }]\ntime_intervals:\n- name: night\n  time_intervals: [{ times: [{ start_time: '25:00', end_time: '26:00' }] }]\n", ":5:44: time_intervals[0].time_intervals[0].times[0].start_time: \"25:00\" is not a time of day: want HH:MM from 00:00 to 24:00"),
        notifications("route:\n  receiver: a\n  routes: [{ matchers: ['x=~\"(a{1000}){1000}\"'] }]\nreceivers: [{ name: a }]\n", ":3:25: route.routes[0].matchers[0]: \"(a{1000}){1000}\" is not a regular expression: repeat count \"{1000}\" is not allowed: with those inside it makes 1000000 copies, want at most 1000 (character 10) at byte 0 of matchers \"x=~\\\"(a{1000}){1000}\\\"\""),
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  slack_configs: [{ channel: '#x' }]\n", ":4:19: receivers[0].slack_configs[0].api_url: is missing: want api_url, api_url_file, app_token or app_token_file, here or as global.slack_…"),
        notifications("", ": the file is empty: want at least route and receivers"),
        notifications("route: {}\nreceivers: [{ name: a }]\n", ":1:8: route.receiver: is missing: the root must name the receiver of alerts that no other route takes"),
        notifications("route: { receiver: a }\nreceivers: [{ name: a }]\ntemplates: [broken.tmpl]\n", "broken.tmpl:1:23: not a template: missing value for if"),
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  webhook_configs:\n  - url: http://x/\n    http_config: { bearer_token: t, basic_auth: { username: u } }\n", ":6:34: receivers[0].webhook_configs[0].http_config.bearer_token: basic_auth and bearer_token are set: at most one of basic_auth, authorization, oauth2, bearer_token, bearer_token_file may be"),
        notifications("route: { receiver: a }\nreceivers: [{ name: a }]\ninhibit_rules:\n- source_matchers: [a=b]\n  target_matchers: ['=']\n", ":5:21: inhibit_rules[0].target_matchers[0]: expected a label name at byte 0 of matchers \"=\""),
        notifications("route: { receiver: a }\nreceivers: [{ name: a }]\ntime_intervals:\n- name: night\n  time_intervals: [{ days_of_month: ['40'] }]\n", ":5:38: time_intervals[0].time_intervals[0].days_of_month[0]: \"40\" given: want days from 1 to 31, or from -1 to -31 counted from the end of the month, as in 10:20 or -3:-1"),
        notifications("route: { receiver: a, matchers: [a=b] }\nreceivers: [{ name: a }]\n", ":1:33: route.matchers: is set at the root, which takes every alert"),
        notifications("route: { receiver: a, group_wait: soon }\nreceivers: [{ name: a }]\n", ":1:35: route.group_wait: \"soon\" is not a duration: want numbers with units y, w, d, h, m, s, ms in that order, such as 1h30m"),
        notifications(&format!("route: {}{}\nreceivers: [{{ name: a }}]\n", "{ receiver: a, routes: [".repeat(40), "]}".repeat(40)), ":1:775: lists and mappings nest deeper than 64"),
        notifications("- a\n- b\n", ":1:1: a list given: want a mapping: notifications"),
        Case { kind: Kind::Notifications, text: b"route: { receiver: \"a\x00b\" }\nreceivers: [{ name: a }]\n".to_vec(), error: ":1:20: not valid YAML: while scanning a quoted scalar, found unexpected end of stream" },
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  email_configs: [{ to: a@b.c }]\n", ":4:19: receivers[0].email_configs[0].smarthost: is missing: want it here or as global.smtp_smarthost"),
        notifications("route: { receiver: a }\nreceivers:\n- name: a\n  webhook_configs: [{ url: http://x/, timeout: forever }]\n", ":4:48: receivers[0].webhook_configs[0].timeout: \"forever\" is not a duration: want numbers with units h, m, s, ms, us, ns, such as 1m30s"),
    ]
}

/// Nine aliases of nine aliases of nine …
fn laughs() -> String {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='i').zip('a'..) {
        text.push_str(&format!(
            "{name}: &{name} [{}]\n",
            vec![format!("*{before}"); 9].join(", ")
        ));
    }
    text + "groups: []\n"
}
