//! What the default templates print.

use expect_test::{Expect, expect};

use super::*;
use crate::receivers::render;
use crate::receivers::templates::Templates;

/// Every name that Alertmanager's own templates have, some in people's files.
const NAMES: [&str; 62] = [
    "__alertmanager",
    "__alertmanagerURL",
    "__subject",
    "__description",
    "__text_alert_list",
    "__text_alert_list_markdown",
    "slack.default.title",
    "slack.default.username",
    "slack.default.fallback",
    "slack.default.callbackid",
    "slack.default.pretext",
    "slack.default.titlelink",
    "slack.default.iconemoji",
    "slack.default.iconurl",
    "slack.default.text",
    "slack.default.footer",
    "slack.default.color",
    "pagerduty.default.description",
    "pagerduty.default.client",
    "pagerduty.default.clientURL",
    "pagerduty.default.instances",
    "opsgenie.default.message",
    "opsgenie.default.description",
    "opsgenie.default.source",
    "wechat.default.message",
    "wechat.default.to_user",
    "wechat.default.to_party",
    "wechat.default.to_tag",
    "wechat.default.agent_id",
    "victorops.default.state_message",
    "victorops.default.entity_display_name",
    "victorops.default.monitoring_tool",
    "pushover.default.title",
    "pushover.default.message",
    "pushover.default.url",
    "sns.default.subject",
    "sns.default.message",
    "telegram.default.message",
    "discord.default.content",
    "discord.default.title",
    "discord.default.message",
    "webex.default.message",
    "msteams.default.summary",
    "msteams.default.title",
    "msteams.default.text",
    "msteamsv2.default.title",
    "msteamsv2.default.text",
    "jira.default.summary",
    "jira.default.description",
    "jira.default.priority",
    "rocketchat.default.title",
    "rocketchat.default.alias",
    "rocketchat.default.titlelink",
    "rocketchat.default.emoji",
    "rocketchat.default.iconurl",
    "rocketchat.default.text",
    "mattermost.default.color",
    "mattermost.default.username",
    "mattermost.default.title",
    "mattermost.default.titlelink",
    "mattermost.default.fallback",
    "mattermost.default.text",
];

fn both() -> Delivery {
    delivery(vec![
        alert(
            &[
                ("alertname", "Down"),
                ("host", "a"),
                ("severity", "warning"),
            ],
            &[("summary", "a is down")],
            None,
        ),
        alert(
            &[
                ("alertname", "Down"),
                ("host", "b"),
                ("severity", "critical"),
            ],
            &[("summary", "b is down")],
            Some(NOW_MS),
        ),
    ])
}

fn print(name: &str, delivery: &Delivery) -> String {
    let settings = settings(ReceiverKind::Webhook(Box::default()));
    let data = if [
        "__text_alert_list",
        "__text_alert_list_markdown",
        "pagerduty.default.instances",
    ]
    .contains(&name)
    {
        ".Alerts"
    } else {
        "."
    };
    let text = format!("{{{{ template {name:?} {data} }}}}");
    render(&settings, &text, delivery, clock()).unwrap()
}

#[test]
fn the_defaults_print_what_alertmanagers_do() {
    // Names that print the same stand together.
    let mut printed: Vec<(String, Vec<&str>)> = Vec::new();
    for name in NAMES {
        let text = print(name, &both());
        match printed.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(name),
            None => printed.push((text, vec![name])),
        }
    }
    let printed: Vec<String> = printed
        .iter()
        .map(|(text, names)| format!("== {}\n{text}\n", names.join(" ")))
        .collect();
    expect![[r#"
        == __alertmanager slack.default.username pagerduty.default.client victorops.default.monitoring_tool rocketchat.default.alias mattermost.default.username
        Alertmanager
        == __alertmanagerURL slack.default.titlelink pagerduty.default.clientURL opsgenie.default.source pushover.default.url rocketchat.default.titlelink mattermost.default.titlelink
        http://am.example:9093/#/alerts?receiver=team%5C.x
        == __subject slack.default.title pagerduty.default.description opsgenie.default.message victorops.default.entity_display_name pushover.default.title sns.default.subject discord.default.title msteams.default.summary msteams.default.title msteamsv2.default.title jira.default.summary rocketchat.default.title mattermost.default.title
        [FIRING:1] Down 
        == __description slack.default.callbackid slack.default.pretext slack.default.iconemoji slack.default.iconurl slack.default.text slack.default.footer wechat.default.to_user wechat.default.to_party wechat.default.to_tag wechat.default.agent_id discord.default.content rocketchat.default.emoji rocketchat.default.iconurl rocketchat.default.text

        == __text_alert_list pagerduty.default.instances
        Labels:
         - alertname = Down
         - host = a
         - severity = warning
        Annotations:
         - summary = a is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1
        Labels:
         - alertname = Down
         - host = b
         - severity = critical
        Annotations:
         - summary = b is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1

        == __text_alert_list_markdown

        Labels:
          - alertname = Down
          - host = a
          - severity = warning

        Annotations:
          - summary = a is down

        Source: http://prom.example/graph?g0.expr=up&g0.tab=1

        Labels:
          - alertname = Down
          - host = b
          - severity = critical

        Annotations:
          - summary = b is down

        Source: http://prom.example/graph?g0.expr=up&g0.tab=1


        == slack.default.fallback mattermost.default.fallback
        [FIRING:1] Down  | http://am.example:9093/#/alerts?receiver=team%5C.x
        == slack.default.color mattermost.default.color
        danger
        == opsgenie.default.description victorops.default.state_message

        Alerts Firing:
        Labels:
         - alertname = Down
         - host = a
         - severity = warning
        Annotations:
         - summary = a is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1

        Alerts Resolved:
        Labels:
         - alertname = Down
         - host = b
         - severity = critical
        Annotations:
         - summary = b is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1

        == wechat.default.message
        [FIRING:1] Down 

        Alerts Firing:
        Labels:
         - alertname = Down
         - host = a
         - severity = warning
        Annotations:
         - summary = a is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1

        Alerts Resolved:
        Labels:
         - alertname = Down
         - host = b
         - severity = critical
        Annotations:
         - summary = b is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1

        AlertmanagerUrl:
        http://am.example:9093/#/alerts?receiver=team%5C.x
        == pushover.default.message sns.default.message telegram.default.message discord.default.message webex.default.message


        Alerts Firing:
        Labels:
         - alertname = Down
         - host = a
         - severity = warning
        Annotations:
         - summary = a is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1



        Alerts Resolved:
        Labels:
         - alertname = Down
         - host = b
         - severity = critical
        Annotations:
         - summary = b is down
        Source: http://prom.example/graph?g0.expr=up&g0.tab=1



        == msteams.default.text msteamsv2.default.text jira.default.description mattermost.default.text


        # Alerts Firing:

        Labels:
          - alertname = Down
          - host = a
          - severity = warning

        Annotations:
          - summary = a is down

        Source: http://prom.example/graph?g0.expr=up&g0.tab=1




        # Alerts Resolved:

        Labels:
          - alertname = Down
          - host = b
          - severity = critical

        Annotations:
          - summary = b is down

        Source: http://prom.example/graph?g0.expr=up&g0.tab=1




        == jira.default.priority
        Medium
    "#]].assert_eq(&printed.concat());
}

#[test]
fn the_subject_names_what_is_common() {
    let check = |delivery: &Delivery, want: Expect| want.assert_eq(&print("__subject", delivery));
    check(&firing(), expect!["[FIRING:1] Down (a critical)"]);
    check(&resolved(), expect!["[RESOLVED] Down (a critical)"]);
    let mut all = both();
    all.group_labels = Labels::from_pairs([("alertname", "Down"), ("zone", "z")]);
    check(&all, expect!["[FIRING:1] Down z "]);
}

#[test]
fn jiras_priority_is_the_worst_severity() {
    let check = |severities: &[(&str, bool)], want: &str| {
        let alerts = severities.iter().map(|(severity, is_firing)| {
            let ends_ms = (!is_firing).then_some(NOW_MS);
            alert(&[("severity", severity)], &[], ends_ms)
        });
        let delivery = delivery(alerts.collect());
        assert_eq!(
            print("jira.default.priority", &delivery),
            want,
            "{severities:?}"
        );
    };
    check(&[("warning", true), ("critical", true)], "High");
    check(&[("info", true), ("warning", true)], "Medium");
    check(&[("info", true)], "Low");
    check(&[("a \"critical\" one", true)], "");
    // Those that have ended count only where those that fire say nothing.
    check(&[("critical", false), ("info", true)], "Low");
    check(&[("critical", false), ("odd", true)], "High");
    check(&[("critical", false)], "High");
    check(&[], "");
}

#[test]
fn the_mail_is_a_page() {
    let settings = settings(ReceiverKind::Webhook(Box::default()));
    let templates = Templates::new(&settings.external_url, &[], clock()).unwrap();
    let mut delivery = both();
    delivery.alerts[0].annotations = Labels::from_pairs([
        ("description", "1 < 2\nand so on"),
        ("runbook_url", "https://runbooks.example/down"),
        ("summary", "a is <down>"),
    ]);
    delivery.alerts[1].generator_url = "javascript:alert(1)".to_owned();
    let rendering = templates.rendering(&delivery, &delivery.alerts);
    let page = rendering.html("html", r#"{{ template "email.default.html" . }}"#);
    expect![[r##"
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light">
        <title>[FIRING:1] Down </title>
        </head>
        <body style="margin:0;padding:0;background:#f1f3f4;color:#202124;font:15px/21px -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:12px 8px">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;background:#ffffff;border-radius:6px;text-align:left">
        <tr><td style="padding:14px 16px;border-radius:6px 6px 0 0;color:#ffffff;background:#b3261e">
        <div style="font-size:18px;line-height:24px;font-weight:600">1 firing, 1 resolved</div>
        <div style="font-size:14px;word-break:break-word">alertname=Down</div>
        </td></tr>
        <tr><td style="padding:16px">
        <div style="margin:0 0 8px;font-weight:600">Firing</div>
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="margin:0 0 14px;border-left:4px solid #b3261e"><tr><td style="padding:2px 0 2px 12px">
        <div style="font-weight:600;margin:0 0 4px">a is &lt;down&gt;</div>
        <div style="margin:0 0 4px;white-space:pre-line">1 &lt; 2
        and so on</div>
        <table role="presentation" cellpadding="0" cellspacing="0" style="font-size:13px;line-height:19px">
        <tr><td style="padding:1px 10px 1px 0;color:#5f6368;vertical-align:top">alertname</td><td style="padding:1px 0;word-break:break-word">Down</td></tr>
        <tr><td style="padding:1px 10px 1px 0;color:#5f6368;vertical-align:top">host</td><td style="padding:1px 0;word-break:break-word">a</td></tr>
        <tr><td style="padding:1px 10px 1px 0;color:#5f6368;vertical-align:top">severity</td><td style="padding:1px 0;word-break:break-word">warning</td></tr>
        </table>
        <div style="margin:4px 0 0;font-size:13px;color:#5f6368">since 2024-01-01 09:14:30 UTC &middot; <a href="http://prom.example/graph?g0.expr=up&amp;g0.tab=1" style="color:#1a5fb4">source</a> &middot; <a href="https://runbooks.example/down" style="color:#1a5fb4">runbook</a></div>
        </td></tr></table>
        <div style="margin:0 0 8px;font-weight:600">Resolved</div>
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="margin:0 0 14px;border-left:4px solid #1e7d3c"><tr><td style="padding:2px 0 2px 12px">
        <div style="font-weight:600;margin:0 0 4px">b is down</div>
        <table role="presentation" cellpadding="0" cellspacing="0" style="font-size:13px;line-height:19px">
        <tr><td style="padding:1px 10px 1px 0;color:#5f6368;vertical-align:top">alertname</td><td style="padding:1px 0;word-break:break-word">Down</td></tr>
        <tr><td style="padding:1px 10px 1px 0;color:#5f6368;vertical-align:top">host</td><td style="padding:1px 0;word-break:break-word">b</td></tr>
        <tr><td style="padding:1px 10px 1px 0;color:#5f6368;vertical-align:top">severity</td><td style="padding:1px 0;word-break:break-word">critical</td></tr>
        </table>
        <div style="margin:4px 0 0;font-size:13px;color:#5f6368">since 2024-01-01 09:14:30 UTC, until 2024-01-01 09:15:30 UTC &middot; <a href="#ZgotmplZ" style="color:#1a5fb4">source</a></div>
        </td></tr></table>
        <a href="http://am.example:9093/#/alerts?receiver=team%5C.x" style="display:inline-block;padding:9px 16px;border-radius:4px;color:#ffffff;background:#1a5fb4;text-decoration:none">Open the alerts</a>
        </td></tr>
        <tr><td style="padding:0 16px 14px;font-size:12px;color:#5f6368">Sent because: first notification. <a href="http://am.example:9093" style="color:#5f6368">http://am.example:9093</a></td></tr>
        </table>
        </td></tr></table>
        </body>
        </html>
    "##]].assert_eq(&page.unwrap());
}

#[test]
fn mails_about_many_alerts_stay_small() {
    let settings = settings(ReceiverKind::Webhook(Box::default()));
    let templates = Templates::new(&settings.external_url, &[], clock()).unwrap();
    let page = |count: usize| {
        let hosts = (0..count).map(|index| format!("host-{index}."));
        let alerts = hosts.map(|host| alert(&[("host", &host)], &[], None));
        let delivery = delivery(alerts.collect());
        let rendering = templates.rendering(&delivery, &delivery.alerts);
        rendering
            .html("html", r#"{{ template "email.default.html" . }}"#)
            .unwrap()
    };
    let all = page(100);
    assert!(all.contains("host-99.") && !all.contains("are shown"));
    let many = page(5_000);
    assert!(many.contains("5000 firing") && many.contains("The first 100 of 5000 are shown."));
    assert!(many.contains("host-99.") && !many.contains("host-100."));
}
