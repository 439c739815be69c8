//! The way through an HTTP proxy.

use std::net::SocketAddr;

use bellwether_outbound::settings::{ProxySettings, Secret, TlsSettings};
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use crate::connection::{Connection, begin_tls, connect_tcp};
use crate::module::AddressChoice;
use crate::recorder::Failure;
use crate::resolve::lookup;

/// What a proxy may answer to `CONNECT`. Chosen: a status and a few headers.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Which hosts are reached through which proxy.
pub(super) struct Proxies {
    matcher: Option<Matcher>,
    connect_headers: Vec<(String, Vec<Secret>)>,
}

impl Proxies {
    pub(super) fn new(settings: &ProxySettings) -> Self {
        let matcher = if settings.from_environment {
            Some(Matcher::from_env())
        } else {
            settings.url.as_ref().map(|url| {
                Matcher::builder()
                    .all(url.as_str())
                    .no(settings.no_proxy.as_deref().unwrap_or_default())
                    .build()
            })
        };
        Self {
            matcher,
            connect_headers: settings.connect_headers.clone(),
        }
    }

    pub(super) fn are_set(&self) -> bool {
        self.matcher.is_some()
    }

    /// The proxy for a URL, if it is to be reached through one.
    pub(super) fn of(&self, url: &Url) -> Result<Option<Proxy>, Failure> {
        let Some(matcher) = &self.matcher else {
            return Ok(None);
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        let uri: Uri = format!("{}://{host}:{port}/", url.scheme())
            .parse()
            .map_err(|error| Failure::new(format!("no proxy for {host:?}: {error}")))?;
        Ok(matcher.intercept(&uri).map(|intercept| Proxy {
            intercept,
            connect_headers: self.connect_headers.clone(),
        }))
    }
}

/// A proxy.
pub(super) struct Proxy {
    intercept: Intercept,
    connect_headers: Vec<(String, Vec<Secret>)>,
}

impl Proxy {
    /// The value of `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        self.intercept.basic_auth().cloned()
    }

    /// Connects to the proxy and, where `tunnel` names a host and port, through it.
    pub(super) async fn connect(
        &self,
        tunnel: Option<&str>,
        choice: AddressChoice,
    ) -> Result<Connection, Failure> {
        let uri = self.intercept.uri();
        let (usual_port, is_tls) = match uri.scheme_str() {
            Some("http") | None => (80, false),
            Some("https") => (443, true),
            Some(other) => {
                return Err(Failure::new(format!(
                    "proxies are spoken to with http and https, not {other}"
                )));
            }
        };
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = lookup(host, choice)
            .await
            .map_err(|failure| in_proxy(&failure))?;
        let address = SocketAddr::new(address, uri.port_u16().unwrap_or(usual_port));
        let stream = connect_tcp(address, None)
            .await
            .map_err(|failure| in_proxy(&failure))?;
        let mut connection: Connection = Box::new(stream);
        if is_tls {
            let tls = TlsSettings::default();
            connection = begin_tls(connection, host, &tls, &[])
                .await
                .map_err(|failure| in_proxy(&failure))?
                .0;
        }
        if let Some(target) = tunnel {
            self.open_tunnel(&mut connection, target)
                .await
                .map_err(|failure| in_proxy(&failure))?;
        }
        Ok(connection)
    }

    async fn open_tunnel(&self, connection: &mut Connection, target: &str) -> Result<(), Failure> {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        let mut header = |name: &str, value: &[u8]| {
            let is_line = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
            if is_line(name.as_bytes()) || is_line(value) {
                return Err(Failure::new(format!("header {name:?} cannot be sent")));
            }
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n");
            Ok(())
        };
        if let Some(value) = self.intercept.basic_auth() {
            header("Proxy-Authorization", value.as_bytes())?;
        }
        for (name, values) in &self.connect_headers {
            for value in values {
                header(name, value.expose().as_bytes())?;
            }
        }
        request.extend_from_slice(b"\r\n");
        let failed = |error: std::io::Error| Failure::new(format!("CONNECT {target}: {error}"));
        connection.write_all(&request).await.map_err(failed)?;
        connection.flush().await.map_err(failed)?;
        // Byte by byte: what follows the head belongs to the target, and the head is short.
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= ANSWER_BYTES_MAX {
                return Err(Failure::new("the answer to CONNECT is too long"));
            }
            answer.push(connection.read_u8().await.map_err(failed)?);
        }
        let text = String::from_utf8_lossy(&answer);
        let line = text.lines().next().unwrap_or_default();
        let status = line.split(' ').nth(1).unwrap_or_default();
        if status.len() == 3 && status.starts_with('2') {
            return Ok(());
        }
        Err(Failure::new(format!(
            "CONNECT {target} was answered with {line:?}"
        )))
    }
}

fn in_proxy(failure: &Failure) -> Failure {
    Failure::new(format!("proxy: {}", failure.text()))
}
