//! E-mail.

use std::collections::BTreeMap;

use bellwether_outbound::settings::TlsSettings;

use super::SecretSource;

/// `email_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct EmailSettings {
    /// To whom: addresses separated by commas. A template. Required.
    pub to: String,
    /// From whom: one address. A template. Required.
    pub from: String,
    /// The name that we give to the server. Default `localhost`.
    pub hello: String,
    /// The server. Required.
    pub smarthost: Option<Smarthost>,
    /// `auth_username`: for PLAIN, LOGIN and CRAM-MD5. Empty: nobody signs in.
    pub auth_username: String,
    /// `auth_password`, `auth_password_file`: for PLAIN and LOGIN.
    pub auth_password: Option<SecretSource>,
    /// `auth_secret`, `auth_secret_file`: for CRAM-MD5.
    pub auth_secret: Option<SecretSource>,
    /// `auth_identity`: whom to act for with PLAIN. Empty: the user.
    pub auth_identity: String,
    /// Further headers. Names are in the canonical form (`Reply-To`), values are templates. `Subject`,
    /// `To` and `From` go before those that are sent otherwise; those that say what the body is
    /// (`Content-Type` and so on) are ours.
    pub headers: BTreeMap<String, String>,
    /// The page. A template. Default `{{ template "email.default.html" . }}`; empty: none.
    pub html: String,
    /// The plain text. A template. Empty, as is the default: none.
    pub text: String,
    /// Whether to send nothing to a server without TLS. Default true.
    pub require_tls: bool,
    /// TLS.
    pub tls: TlsSettings,
    /// Whether TLS begins at once (true), by STARTTLS (false), or at once on port 465 only (none, the
    /// default).
    pub force_implicit_tls: Option<bool>,
    /// `threading`, where it is enabled.
    pub threading: Option<EmailThreading>,
}

impl Default for EmailSettings {
    fn default() -> Self {
        Self {
            to: String::new(),
            from: String::new(),
            hello: "localhost".to_owned(),
            smarthost: None,
            auth_username: String::new(),
            auth_password: None,
            auth_secret: None,
            auth_identity: String::new(),
            headers: BTreeMap::new(),
            html: r#"{{ template "email.default.html" . }}"#.to_owned(),
            text: String::new(),
            require_tls: true,
            tls: TlsSettings::default(),
            force_implicit_tls: None,
            threading: None,
        }
    }
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    /// Name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// `thread_by_date`: which mails of a group mail programs show as one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailThreading {
    /// `none`: all.
    Whole,
    /// `daily`: those of one day (UTC).
    Daily,
}
