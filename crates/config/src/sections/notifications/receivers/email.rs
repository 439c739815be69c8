//! E-mail.

use std::collections::BTreeMap;

use bellwether_model::short;
use bellwether_notify::receivers::settings::{
    EmailSettings, EmailThreading, ReceiverKind, Smarthost,
};

use super::{file, own, secret, send_resolved, template};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{TLS, decode_tls};
use crate::sections::notifications::global::{Defaults, check_smarthost, host_and_port};
use crate::view::View;

pub(super) static EMAIL: Section = Section {
    name: "email_config",
    doc: "E-mail. What is absent is taken from `smtp_…` of `global`.",
    fields: &[
        send_resolved("false"),
        Field::required(
            "to",
            Kind::Template,
            "To whom: addresses with commas between them.",
        ),
        template("from", "", "From whom."),
        Field::new(
            "hello",
            Kind::Text,
            "",
            "What the mail server is greeted with.",
        ),
        Field::new("smarthost", Kind::Text, "", "The mail server, `host:port`."),
        Field::new("auth_username", Kind::Text, "", "User of the mail server."),
        secret("auth_password", "Password, for PLAIN and LOGIN."),
        file("auth_password_file", "File with the password."),
        secret("auth_secret", "Secret, for CRAM-MD5."),
        file("auth_secret_file", "File with the secret."),
        Field::new("auth_identity", Kind::Text, "", "Identity for PLAIN."),
        Field::new(
            "headers",
            Kind::Map(&Kind::Template),
            "",
            "Headers, which replace those of the same name.",
        ),
        template(
            "html",
            "{{ template \"email.default.html\" . }}",
            "The HTML part.",
        ),
        template("text", "", "The text part."),
        Field::new("require_tls", Kind::Bool, "", "Send nothing without TLS."),
        Field::new(
            "tls_config",
            Kind::Section(&TLS),
            "",
            "TLS to the mail server.",
        ),
        Field::new(
            "force_implicit_tls",
            Kind::Bool,
            "",
            "Begin with TLS, or never; where absent, begin with it on port 465.",
        ),
        Field::new("threading", Kind::Section(&THREADING), "", THREADING.doc),
    ],
    includes: &[],
    check: Some(check_email),
};

static THREADING: Section = Section {
    name: "email threading",
    doc: "Headers by which mail programs put the mails of a group together.",
    fields: &[
        Field::new("enabled", Kind::Bool, "false", "Send them."),
        Field::new(
            "thread_by_date",
            Kind::Text,
            "",
            "`daily`: one thread a day; `none`: one for all.",
        ),
    ],
    includes: &[],
    check: None,
};

fn check_email(view: &View<'_>, problems: &mut Problems) {
    if view.is_set("smarthost") {
        check_smarthost(view, "smarthost", problems);
    }
    let threading = view.section("threading");
    let mut seen = BTreeMap::new();
    for (name, node) in view.entries("headers") {
        let canonical = canonical_header(name);
        let is_of_threads = matches!(canonical.as_str(), "References" | "In-Reply-To");
        let message = if threading.bool("enabled") && is_of_threads {
            "is set together with threading: keep one of the two".to_owned()
        } else if let Some(earlier) = seen.insert(canonical, name) {
            format!(
                "is the same header as {:?}: keep one of the two",
                short(earlier)
            )
        } else {
            continue;
        };
        problems.error(&view.origin.file, node.position, &node.path, message);
    }
    let by_date = threading.text("thread_by_date");
    if threading.bool("enabled") && !matches!(by_date, "none" | "daily") {
        let message = format!("{:?} given: want none or daily", short(by_date));
        threading.error_at(problems, "thread_by_date", message);
    }
}

/// A header as Go writes it: `x-my-header` is `X-My-Header`. What cannot be a header stays.
fn canonical_header(name: &str) -> String {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut begins = true;
    name.chars()
        .map(|c| {
            let c = if begins {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            begins = c == '-';
            c
        })
        .collect()
}

pub(super) fn decode(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    let global = &defaults.global;
    let address = defaults.text(view, "smarthost", "smtp_smarthost");
    let from = defaults.text(view, "from", "smtp_from");
    for (key, global_key, value) in [
        ("smarthost", "smtp_smarthost", &address),
        ("from", "smtp_from", &from),
    ] {
        if value.is_empty() {
            let message = format!("is missing: want it here or as global.{global_key}");
            view.error_at(problems, key, message);
        }
    }
    let threading = view.section("threading");
    let flag = |key: &str, global_key: &str| {
        if view.is_set(key) {
            view.bool(key)
        } else {
            global.bool(global_key)
        }
    };
    let has_implicit_tls =
        view.is_set("force_implicit_tls") || global.is_set("smtp_force_implicit_tls");
    ReceiverKind::Email(Box::new(EmailSettings {
        to: own(view, "to"),
        from,
        hello: defaults.text(view, "hello", "smtp_hello"),
        smarthost: host_and_port(&address).map(|(host, port)| Smarthost { host, port }),
        auth_username: defaults.text(view, "auth_username", "smtp_auth_username"),
        auth_password: defaults.secret(
            view,
            ("auth_password", "auth_password_file"),
            ("smtp_auth_password", "smtp_auth_password_file"),
        ),
        auth_secret: defaults.secret(
            view,
            ("auth_secret", "auth_secret_file"),
            ("smtp_auth_secret", "smtp_auth_secret_file"),
        ),
        auth_identity: defaults.text(view, "auth_identity", "smtp_auth_identity"),
        headers: view
            .text_map("headers")
            .into_iter()
            .map(|(name, value)| (canonical_header(&name), value))
            .collect(),
        html: own(view, "html"),
        text: own(view, "text"),
        require_tls: flag("require_tls", "smtp_require_tls"),
        tls: match view.optional_section("tls_config") {
            Some(tls) => decode_tls(&tls),
            None => decode_tls(&global.section("smtp_tls_config")),
        },
        force_implicit_tls: has_implicit_tls
            .then(|| flag("force_implicit_tls", "smtp_force_implicit_tls")),
        threading: threading
            .bool("enabled")
            .then(|| match threading.text("thread_by_date") {
                "daily" => EmailThreading::Daily,
                _ => EmailThreading::Whole,
            }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_written_as_go_does() {
        for (name, want) in [
            ("subject", "Subject"),
            ("x-my-HEADER", "X-My-Header"),
            ("In-reply-to", "In-Reply-To"),
            ("a b", "a b"),
            ("", ""),
            ("größe", "größe"),
        ] {
            assert_eq!(canonical_header(name), want);
        }
    }
}
