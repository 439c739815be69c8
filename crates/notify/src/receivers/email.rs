//! E-mail: a message of one or two parts, handed to a mail server.
//!
//! ## Limits
//! CRAM-MD5, PLAIN and LOGIN; PLAIN only where nobody listens: over TLS, or to this machine.
//!
//! ## Failure
//! What a mail server refuses is tried again until the deadline, whatever its code: servers say 5xx
//! also of what passes. A message that went out twice has the same `Message-Id`.

mod address;
mod header;
mod message;
mod smtp;

use bellwether_template::Time;

use self::address::Mailbox;
use self::message::{Message, Part};
use super::senders::Call;
use super::settings::{EmailSettings, EmailThreading};
use super::source;
use crate::runner::AttemptError;

/// The subject where no header says another.
const SUBJECT: &str = r#"{{ template "email.default.subject" . }}"#;
/// Headers that the message's form decides.
const OWN_HEADERS: [&str; 3] = ["content-type", "content-transfer-encoding", "mime-version"];
/// As much of a hash makes an identifier.
const IDENTIFIER_CHARS: usize = 32;
/// As much of the group's hash is in a thread's identifier, as in Alertmanager: threads that it began
/// go on.
const THREAD_CHARS: usize = 16;

pub(super) async fn send(
    settings: &EmailSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let from = call.text("from", &settings.from)?;
    let to = call.text("to", &settings.to)?;
    let sender = one_sender(&from)?;
    let recipients = mailboxes("to", &to)?;
    if recipients.is_empty() {
        return Err(AttemptError::refused("to: there is no address"));
    }
    let text = message(settings, call, &sender)?;
    let Some(server) = &settings.smarthost else {
        return Err(AttemptError::refused("smarthost is missing"));
    };
    let secret = |setting, source| async move {
        match source {
            Some(source) => source::secret(setting, source).await.map(Some),
            None => Ok(None),
        }
    };
    let account = smtp::Account {
        username: &settings.auth_username,
        identity: &settings.auth_identity,
        password: secret("auth_password", settings.auth_password.as_ref()).await?,
        secret: secret("auth_secret", settings.auth_secret.as_ref()).await?,
    };
    let envelope = smtp::Envelope {
        from: sender.address,
        to: recipients.into_iter().map(|it| it.address).collect(),
    };
    let begin = match settings.force_implicit_tls {
        Some(true) => smtp::Tls::AtOnce,
        None if server.port == smtp::PORT_IMPLICIT_TLS => smtp::Tls::AtOnce,
        _ if settings.require_tls => smtp::Tls::ByCommand,
        _ => smtp::Tls::None,
    };
    let server = smtp::Server {
        address: server,
        hello: &settings.hello,
        begin,
        tls: &settings.tls,
    };
    smtp::deliver(&server, &account, &envelope, text.as_bytes()).await
}

fn mailboxes(setting: &str, text: &str) -> Result<Vec<Mailbox>, AttemptError> {
    address::list(text)
        .map_err(|reason| AttemptError::refused(format!("{setting}: {text:?}: {reason}")))
}

fn one_sender(text: &str) -> Result<Mailbox, AttemptError> {
    let mut senders = mailboxes("from", text)?;
    match (senders.pop(), senders.len()) {
        (Some(sender), 0) => Ok(sender),
        (_, others) => Err(AttemptError::refused(format!(
            "from: {text:?} must be one address, and is {}",
            others + 1
        ))),
    }
}

/// The whole message.
fn message(
    settings: &EmailSettings,
    call: &Call<'_>,
    sender: &Mailbox,
) -> Result<String, AttemptError> {
    let mut message = Message::default();
    let own = |name: &str| {
        let mut headers = settings.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let defaults = [
        ("From", settings.from.as_str()),
        ("To", settings.to.as_str()),
        ("Subject", SUBJECT),
    ];
    for (name, default) in defaults {
        let text = own(name).map_or(default, |(_, text)| text);
        message.header(name, &call.text(&format!("headers.{name}"), text)?);
    }
    for (name, text) in &settings.headers {
        let is_there = defaults.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let lower = name.to_ascii_lowercase();
        if !is_there && !OWN_HEADERS.contains(&lower.as_str()) {
            message.header(name, &call.text(&format!("headers.{name}"), text)?);
        }
    }
    let identifier = identifier(call);
    let domain = sender.domain();
    if own("Message-Id").is_none() {
        message.header("Message-Id", &format!("<{identifier}@{domain}>"));
    }
    if let Some(threading) = settings.threading {
        let root = thread(call, threading);
        message.header("References", &root);
        message.header("In-Reply-To", &root);
    }
    if own("Auto-Submitted").is_none() {
        // Keeps holiday notes from being sent back.
        message.header("Auto-Submitted", "auto-generated");
    }
    if own("Date").is_none() {
        let time = Time::from_unix_ms(call.delivery.time_ms);
        message.header("Date", &time.format("Mon, 02 Jan 2006 15:04:05 -0700"));
    }
    let mut parts = Vec::new();
    if !settings.text.is_empty() {
        parts.push(Part {
            kind: "text/plain",
            body: call.text("text", &settings.text)?,
        });
    }
    if !settings.html.is_empty() {
        // What programs prefer comes last.
        parts.push(Part {
            kind: "text/html",
            body: call.rendering.html("html", &settings.html)?,
        });
    }
    Ok(message.finish(&parts, &identifier))
}

/// What a message is known by: the same at every attempt to deliver it.
fn identifier(call: &Call<'_>) -> String {
    let delivery = call.delivery;
    let parts = format!(
        "{}\0{}\0{}\0{}",
        delivery.receiver, delivery.integration, delivery.group_key, delivery.time_ms
    );
    let mut text = super::senders::hashed(&parts);
    text.truncate(IDENTIFIER_CHARS);
    text
}

/// The message that all of a thread refer to, which does not exist: mail programs make a place for
/// it.
fn thread(call: &Call<'_>, threading: EmailThreading) -> String {
    let mut key = call.hashed_key();
    key.truncate(THREAD_CHARS);
    let day = match threading {
        EmailThreading::Whole => String::new(),
        EmailThreading::Daily => Time::from_unix_ms(call.delivery.time_ms).format("2006-01-02"),
    };
    format!("<alert-{key}-{day}@alertmanager>")
}
