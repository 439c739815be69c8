//! Credentials and further headers of a request.

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::error::OutboundError;
use crate::file::TextFile;
use crate::oauth2::TokenSource;
use crate::settings::{
    Auth, HeaderSettings, HeaderValue as HeaderText, HttpClientSettings, Secret, SecretSource,
    TextSource,
};

/// A text that stands in the settings or in a file.
#[derive(Debug)]
pub(crate) enum Text {
    Inline(Secret),
    File(TextFile),
}

impl Text {
    /// `what` is the setting that would name a file.
    pub(crate) fn of_secret(what: &str, source: &SecretSource) -> Self {
        match source {
            SecretSource::Inline(secret) => Self::Inline(secret.clone()),
            SecretSource::File(path) => Self::File(TextFile::new(what, path)),
        }
    }

    fn of_text(what: &str, source: &TextSource) -> Self {
        match source {
            TextSource::Inline(text) => Self::Inline(Secret::new(text.clone())),
            TextSource::File(path) => Self::File(TextFile::new(what, path)),
        }
    }

    pub(crate) fn get(&self) -> Result<String, OutboundError> {
        match self {
            Self::Inline(secret) => Ok(secret.expose().to_owned()),
            Self::File(file) => file.text(),
        }
    }
}

#[derive(Debug)]
enum Credentials {
    None,
    Basic {
        username: Text,
        password: Option<Text>,
    },
    Header {
        scheme: String,
        credentials: Option<Text>,
    },
    OAuth2(Box<TokenSource>),
}

/// Adds what a request of a client must carry, for those who send over a connection of their own.
#[derive(Debug)]
pub struct Authorizer {
    credentials: Credentials,
    headers: Vec<(HeaderName, Vec<Text>)>,
}

impl Authorizer {
    /// What the settings say of credentials and headers. Files are read when they are needed.
    ///
    /// # Errors
    /// Where a header has a name that cannot be one.
    pub fn new(settings: &HttpClientSettings) -> Result<Self, OutboundError> {
        let credentials = match &settings.auth {
            None => Credentials::None,
            Some(Auth::Basic { username, password }) => Credentials::Basic {
                username: Text::of_text("basic_auth.username_file", username),
                password: password
                    .as_ref()
                    .map(|password| Text::of_secret("basic_auth.password_file", password)),
            },
            Some(Auth::Header {
                scheme,
                credentials,
            }) => Credentials::Header {
                scheme: scheme.clone(),
                credentials: credentials
                    .as_ref()
                    .map(|text| Text::of_secret("authorization.credentials_file", text)),
            },
            Some(Auth::OAuth2(oauth2)) => Credentials::OAuth2(Box::new(TokenSource::new(oauth2))),
        };
        let headers = settings
            .headers
            .iter()
            .map(header)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            credentials,
            headers,
        })
    }

    /// Adds headers; one that the request has already stays. May ask a token server.
    ///
    /// # Errors
    /// Where a file cannot be read, a value cannot stand in a header, or no token is given.
    pub async fn apply(&self, headers: &mut HeaderMap) -> Result<(), OutboundError> {
        for (name, values) in &self.headers {
            if headers.contains_key(name) {
                continue;
            }
            for value in values {
                headers.append(name, secret_header(name.as_str(), &value.get()?)?);
            }
        }
        if headers.contains_key(AUTHORIZATION) {
            return Ok(());
        }
        let value = match &self.credentials {
            Credentials::None => return Ok(()),
            Credentials::Basic { username, password } => {
                let password = password.as_ref().map(Text::get).transpose()?;
                let pair = format!("{}:{}", username.get()?, password.unwrap_or_default());
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
                format!("Basic {encoded}")
            }
            Credentials::Header {
                scheme,
                credentials,
            } => match credentials {
                Some(credentials) => format!("{scheme} {}", credentials.get()?),
                None => scheme.clone(),
            },
            Credentials::OAuth2(tokens) => tokens.header().await?,
        };
        headers.insert(AUTHORIZATION, secret_header("authorization", &value)?);
        Ok(())
    }

    /// Forgets a token that the server did not take. Says whether there was one to forget.
    pub(crate) async fn refused(&self) -> bool {
        match &self.credentials {
            Credentials::OAuth2(tokens) => tokens.forget().await,
            _ => false,
        }
    }
}

fn header(settings: &HeaderSettings) -> Result<(HeaderName, Vec<Text>), OutboundError> {
    let name = HeaderName::from_bytes(settings.name.as_bytes())
        .map_err(|error| OutboundError::settings(format!("header {:?}", settings.name), error))?;
    let values = settings.values.iter().map(|value| match value {
        HeaderText::Plain(text) => Text::Inline(Secret::new(text.clone())),
        HeaderText::Secret(source) => {
            Text::of_secret(&format!("http_headers.{}.files", settings.name), source)
        }
    });
    Ok((name, values.collect()))
}

/// A header value that is not printed.
fn secret_header(name: &str, value: &str) -> Result<HeaderValue, OutboundError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|error| OutboundError::settings(format!("header {name:?}"), error))?;
    value.set_sensitive(true);
    Ok(value)
}
