//! Access tokens of OAuth 2.0: client credentials, or a signed assertion.
//!
//! ## Model
//! A token is fetched with the first request that needs it, kept until shortly before it expires,
//! and fetched again. Requests that come meanwhile wait for that one fetch.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bellwether_storage::{Clock, SystemClock};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use ring::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::time::Instant;

use crate::auth::Text;
use crate::body::decode_body;
use crate::client::Transport;
use crate::error::OutboundError;
use crate::settings::{HttpClientSettings, OAuth2Grant, OAuth2Settings, redacted_url};

/// A token is fetched again so long before it expires, so that none expires on its way. Chosen.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
/// A token server that does not answer must not hold up a scrape for ever. Chosen.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// Answers of token servers are a few kilobytes.
const TOKEN_BYTES_MAX: u64 = 1 << 20;
/// How long an assertion is valid, in seconds; the usual choice.
const ASSERTION_SECONDS: i64 = 3600;
/// What a form field must escape: all but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

#[derive(Debug)]
struct Token {
    header: String,
    expires: Option<Instant>,
}

#[derive(Debug)]
enum Grant {
    ClientCredentials { secret: Option<Text> },
    JwtBearer { key: Text },
}

/// Where tokens come from.
#[derive(Debug)]
pub(crate) struct TokenSource {
    settings: OAuth2Settings,
    grant: Grant,
    transport: Transport,
    /// The token at hand; held while it is fetched, so that it is fetched once.
    token: tokio::sync::Mutex<Option<Token>>,
}

impl TokenSource {
    pub(crate) fn new(settings: &OAuth2Settings) -> Self {
        let http = HttpClientSettings {
            tls: settings.tls.clone(),
            proxy: settings.proxy.clone(),
            ..HttpClientSettings::default()
        };
        let grant = match &settings.grant {
            OAuth2Grant::ClientCredentials { client_secret } => Grant::ClientCredentials {
                secret: client_secret
                    .as_ref()
                    .map(|secret| Text::of_secret("oauth2.client_secret_file", secret)),
            },
            OAuth2Grant::JwtBearer { key, .. } => Grant::JwtBearer {
                key: Text::of_secret("oauth2.client_certificate_key_file", key),
            },
        };
        Self {
            settings: settings.clone(),
            grant,
            transport: Transport::new(&http, "oauth2."),
            token: tokio::sync::Mutex::new(None),
        }
    }

    /// The value of the `Authorization` header.
    pub(crate) async fn header(&self) -> Result<String, OutboundError> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref()
            && token
                .expires
                .is_none_or(|expires| Instant::now() + EXPIRY_MARGIN < expires)
        {
            return Ok(token.header.clone());
        }
        let fetched = self.fetch().await?;
        let header = fetched.header.clone();
        *token = Some(fetched);
        Ok(header)
    }

    /// Drops the token at hand.
    pub(crate) async fn forget(&self) -> bool {
        self.token.lock().await.take().is_some()
    }

    async fn fetch(&self) -> Result<Token, OutboundError> {
        let settings = &self.settings;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        let mut form: Vec<(&str, String)> = Vec::new();
        match &self.grant {
            Grant::ClientCredentials { secret } => {
                form.push(("grant_type", "client_credentials".to_owned()));
                let secret = secret
                    .as_ref()
                    .map(Text::get)
                    .transpose()?
                    .unwrap_or_default();
                // RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
                let pair = format!("{}:{}", encode(&settings.client_id), encode(&secret));
                let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
                    .map_err(|error| OutboundError::settings("oauth2", error))?;
                headers.insert(AUTHORIZATION, value);
            }
            Grant::JwtBearer { key } => {
                let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                form.push(("grant_type", grant_type.to_owned()));
                form.push(("assertion", self.assertion(&key.get()?)?));
            }
        }
        if !settings.scopes.is_empty() {
            form.push(("scope", settings.scopes.join(" ")));
        }
        for (name, value) in &settings.endpoint_params {
            form.push((name, value.clone()));
        }
        let form: Vec<String> = form
            .iter()
            .map(|(n, v)| format!("{}={}", encode(n), encode(v)))
            .collect();
        let url = &settings.token_url;
        let request = self
            .transport
            .reqwest()?
            .post(url.clone())
            .headers(headers)
            .body(form.join("&"))
            .timeout(TOKEN_TIMEOUT);
        let response = request
            .send()
            .await
            .map_err(|error| OutboundError::transport(url, error))?;
        let response = crate::client::Response::new(response);
        let status = response.status();
        let (encoding, raw) = response.read_encoded(TOKEN_BYTES_MAX).await?;
        let mut body = Vec::new();
        decode_body(encoding, &raw, TOKEN_BYTES_MAX, &mut body)?;
        if !status.is_success() {
            return Err(self.refused(format!("server returned HTTP status {status}")));
        }
        self.read_token(&body)
    }

    fn read_token(&self, body: &[u8]) -> Result<Token, OutboundError> {
        let answer: serde_json::Value = serde_json::from_slice(body)
            .map_err(|error| self.refused(format!("the answer is not JSON: {error}")))?;
        let Some(token) = answer["access_token"].as_str() else {
            return Err(self.refused("the answer has no access_token".to_owned()));
        };
        let scheme = match answer["token_type"].as_str() {
            // Some servers write the type in lower case and take it only capitalised.
            None => "Bearer",
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => "Bearer",
            Some(scheme) => scheme,
        };
        let seconds = match &answer["expires_in"] {
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        Ok(Token {
            header: format!("{scheme} {token}"),
            expires: seconds
                .filter(|seconds| *seconds > 0)
                .and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds))),
        })
    }

    /// A JSON web token that says who asks, signed with the client's key.
    fn assertion(&self, key_pem: &str) -> Result<String, OutboundError> {
        let OAuth2Grant::JwtBearer {
            key_id,
            algorithm,
            issuer,
            audience,
            claims,
            ..
        } = &self.settings.grant
        else {
            return Err(OutboundError::settings(
                "oauth2",
                "the grant is not jwt-bearer",
            ));
        };
        let padding: &'static dyn RsaEncoding = match algorithm.as_str() {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            other => {
                let reason = format!("{other:?} is none of RS256, RS384, RS512");
                return Err(OutboundError::settings(
                    "oauth2 signature_algorithm",
                    reason,
                ));
            }
        };
        let invalid_key = |reason: String| OutboundError::settings("oauth2 client key", reason);
        let der = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| invalid_key(error.to_string()))?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            _ => return Err(invalid_key("want an RSA key".to_owned())),
        };
        let pair = pair.map_err(|error| invalid_key(error.to_string()))?;
        let now_s = SystemClock.now_ms() / 1000;
        let mut header = serde_json::json!({ "alg": algorithm, "typ": "JWT" });
        if let Some(key_id) = key_id {
            header["kid"] = key_id.clone().into();
        }
        let settings = &self.settings;
        let mut payload = serde_json::Map::new();
        for (name, value) in claims {
            payload.insert(name.clone(), value.clone().into());
        }
        let issuer = issuer.as_ref().unwrap_or(&settings.client_id);
        let audience = audience
            .clone()
            .unwrap_or_else(|| settings.token_url.to_string());
        payload.insert("iss".to_owned(), issuer.clone().into());
        payload.insert("sub".to_owned(), settings.client_id.clone().into());
        payload.insert("aud".to_owned(), audience.into());
        payload.insert("iat".to_owned(), now_s.into());
        payload.insert("exp".to_owned(), (now_s + ASSERTION_SECONDS).into());
        if !settings.scopes.is_empty() {
            payload.insert("scope".to_owned(), settings.scopes.join(" ").into());
        }
        let payload = serde_json::Value::Object(payload);
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(payload.to_string())
        );
        let mut signature = vec![0; pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        pair.sign(padding, &random, signed.as_bytes(), &mut signature)
            .map_err(|error| invalid_key(error.to_string()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn refused(&self, reason: String) -> OutboundError {
        let url = redacted_url(&self.settings.token_url);
        OutboundError::Token { url, reason }
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
