//! VictorOps, Pushover and incident.io.

use bellwether_notify::receivers::settings::{
    IncidentIoSettings, PushoverFormat, PushoverSettings, ReceiverKind, TextSource,
    VictorOpsSettings,
};

use super::{SENDING, exactly_one, file, map, own, secret, template, timeout, timeout_ms};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::{Defaults, with_slash};
use crate::values::HTTP;
use crate::view::View;

pub(super) static VICTOROPS: Section = Section {
    name: "victorops_config",
    doc: "Alerts of VictorOps (Splunk On-Call).",
    fields: &[
        secret("api_key", "Key of the API; that of `global` where absent."),
        file("api_key_file", "File with the key."),
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "The API; `global.victorops_api_url` where absent.",
        ),
        Field::required(
            "routing_key",
            Kind::Template,
            "The team that the alert is routed to.",
        ),
        template(
            "message_type",
            "CRITICAL",
            "`CRITICAL`, `WARNING` or `INFO`.",
        ),
        template(
            "state_message",
            "{{ template \"victorops.default.state_message\" . }}",
            "The alert in detail.",
        ),
        template(
            "entity_display_name",
            "{{ template \"victorops.default.entity_display_name\" . }}",
            "The alert in a line.",
        ),
        template(
            "monitoring_tool",
            "{{ template \"victorops.default.monitoring_tool\" . }}",
            "Who sends.",
        ),
        Field::new(
            "custom_fields",
            Kind::Map(&Kind::Template),
            "",
            "Further fields.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["api_key", "api_key_file"]);
        for (name, node) in view.entries("custom_fields") {
            if VictorOpsSettings::RESERVED_FIELDS.contains(&name) {
                let message =
                    format!("{name} is a field that the message has anyway: choose another");
                problems.error(&view.origin.file, node.position, &node.path, message);
            }
        }
    }),
};

pub(super) fn decode_victorops(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::VictorOps(Box::new(VictorOpsSettings {
        http: defaults.http(view),
        api_key: defaults.required_secret(
            view,
            ("api_key", "api_key_file"),
            ("victorops_api_key", "victorops_api_key_file"),
            problems,
        ),
        api_url: with_slash(defaults.url(view, "api_url", "victorops_api_url")),
        routing_key: own(view, "routing_key"),
        message_type: own(view, "message_type"),
        state_message: own(view, "state_message"),
        entity_display_name: own(view, "entity_display_name"),
        monitoring_tool: own(view, "monitoring_tool"),
        custom_fields: map(view, "custom_fields"),
    }))
}

pub(super) static PUSHOVER: Section = Section {
    name: "pushover_config",
    doc: "Messages of Pushover.",
    fields: &[
        secret("user_key", "Key of the user or group."),
        file("user_key_file", "File with it."),
        secret("token", "Token of the application."),
        file("token_file", "File with it."),
        template(
            "title",
            "{{ template \"pushover.default.title\" . }}",
            "The title.",
        ),
        template(
            "message",
            "{{ template \"pushover.default.message\" . }}",
            "The message.",
        ),
        template(
            "url",
            "{{ template \"pushover.default.url\" . }}",
            "Where the message leads.",
        ),
        template("url_title", "", "What the link says."),
        template("device", "", "The device; all of the user where absent."),
        template("sound", "", "The sound."),
        template(
            "priority",
            "{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}",
            "From -2 to 2.",
        ),
        Field::new(
            "retry",
            Kind::GoDuration,
            "1m",
            "How often an urgent message is repeated.",
        ),
        Field::new(
            "expire",
            Kind::GoDuration,
            "1h",
            "How long an urgent message is repeated.",
        ),
        Field::new(
            "ttl",
            Kind::GoDuration,
            "0s",
            "How long a message is kept; 0: for good.",
        ),
        Field::new("html", Kind::Bool, "false", "The message is HTML."),
        Field::new(
            "monospace",
            Kind::Bool,
            "false",
            "The message is shown in one width.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        exactly_one(view, problems, ["user_key", "user_key_file"]);
        exactly_one(view, problems, ["token", "token_file"]);
        if view.bool("html") && view.bool("monospace") {
            view.error_at(
                problems,
                "monospace",
                "is set together with html: keep one of the two",
            );
        }
    }),
};

pub(super) fn decode_pushover(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    _: &mut Problems,
) -> ReceiverKind {
    let duration = |key: &str| u64::try_from(view.go_duration_ms(key)).unwrap_or(0);
    ReceiverKind::Pushover(Box::new(PushoverSettings {
        http: defaults.http(view),
        user_key: view.secret_source("user_key", "user_key_file"),
        token: view.secret_source("token", "token_file"),
        title: own(view, "title"),
        message: own(view, "message"),
        url: own(view, "url"),
        url_title: own(view, "url_title"),
        device: own(view, "device"),
        sound: own(view, "sound"),
        priority: own(view, "priority"),
        retry_ms: duration("retry"),
        expire_ms: duration("expire"),
        ttl_ms: duration("ttl"),
        format: match (view.bool("html"), view.bool("monospace")) {
            (true, _) => PushoverFormat::Html,
            (_, true) => PushoverFormat::Monospace,
            _ => PushoverFormat::Plain,
        },
    }))
}

pub(super) static INCIDENTIO: Section = Section {
    name: "incidentio_config",
    doc: "Alerts of incident.io.",
    fields: &[
        Field::new("url", Kind::Url(HTTP), "", "The alert source."),
        file("url_file", "File with its URL."),
        secret("alert_source_token", "Token of the alert source."),
        file("alert_source_token_file", "File with it."),
        Field::new(
            "max_alerts",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "0",
            "Most alerts in one message, the others are left out; 0: no limit.",
        ),
        timeout(),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        exactly_one(view, problems, ["url", "url_file"]);
        view.at_most_one(problems, &["alert_source_token", "alert_source_token_file"]);
        let token = view.set_among(&["alert_source_token", "alert_source_token_file"]);
        let Some(http) = view.optional_section("http_config") else {
            return;
        };
        let is_authorized = !http
            .set_among(&["authorization", "bearer_token", "bearer_token_file"])
            .is_empty();
        match token.first() {
            Some(token) if is_authorized => view.error_at(
                problems,
                token,
                "is set together with http_config.authorization: keep one of the two",
            ),
            None if !is_authorized => view.error_at(
                problems,
                "alert_source_token",
                "is missing: want alert_source_token, alert_source_token_file or http_config.authorization",
            ),
            _ => {}
        }
    }),
};

pub(super) fn decode_incidentio(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    _: &mut Problems,
) -> ReceiverKind {
    let url = view.path_of("url_file").map(TextSource::File);
    ReceiverKind::IncidentIo(Box::new(IncidentIoSettings {
        http: defaults.http(view),
        url: view
            .url("url")
            .map(|url| TextSource::Inline(url.to_string()))
            .or(url),
        alert_source_token: view.secret_source("alert_source_token", "alert_source_token_file"),
        max_alerts: view.count("max_alerts"),
        timeout_ms: timeout_ms(view),
    }))
}
