//! Where a body comes from: a server over HTTP, or a function in this process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::utf8_name::Escaping;
use bellwether_outbound::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use bellwether_outbound::{Client, Encoding, OutboundError, Request, StatusCode};

use crate::error::ScrapeError;
use crate::exposition::Format;
use crate::settings::{ScrapeProtocol, ScrapeSettings};
use crate::target::Target;

/// What a target inside of the process answers.
#[derive(Debug, Clone)]
pub struct InternalBody {
    /// The body.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
}

/// A target inside of the process: a function that gives a body or says why it has none. It runs on
/// a blocking thread.
#[derive(Clone)]
pub struct InternalSource(pub(crate) Arc<dyn Fn() -> Result<InternalBody, String> + Send + Sync>);

impl InternalSource {
    /// A source of a function.
    pub fn new(
        function: impl Fn() -> Result<InternalBody, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(function))
    }
}

impl fmt::Debug for InternalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalSource")
    }
}

/// Where the bodies of one target come from.
#[derive(Debug, Clone)]
pub(crate) enum ScrapeSource {
    Http(Box<HttpSource>),
    Internal(InternalSource),
}

/// A body as it came.
#[derive(Debug)]
pub(crate) struct RawBody {
    /// The bytes, perhaps packed.
    pub(crate) bytes: Vec<u8>,
    pub(crate) encoding: Encoding,
    pub(crate) format: Format,
}

/// Asks one target over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct HttpSource {
    client: Client,
    request: Request,
    fallback: Option<ScrapeProtocol>,
    body_bytes_max: u64,
}

impl HttpSource {
    pub(crate) fn new(client: Client, settings: &ScrapeSettings, target: &Target) -> Self {
        let mut request = Request::get(target.url.clone());
        request.headers = headers(settings, target);
        Self {
            client,
            request,
            fallback: settings.fallback_protocol,
            body_bytes_max: settings.limits.body_bytes_max,
        }
    }

    /// Asks, and reads the body into `buffer`.
    pub(crate) async fn fetch(&self, mut buffer: Vec<u8>) -> Result<RawBody, ScrapeError> {
        buffer.clear();
        let response = self.client.send(self.request.clone()).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(ScrapeError::Status {
                status: status.to_string(),
            });
        }
        let format = Format::of_content_type(response.content_type(), self.fallback)?;
        let encoding_name = bellwether_outbound::header::CONTENT_ENCODING;
        let encoding = Encoding::of_header(response.header(&encoding_name))?;
        match response.read_into(self.body_bytes_max, &mut buffer).await {
            Ok(()) => Ok(RawBody {
                bytes: buffer,
                encoding,
                format,
            }),
            Err(error) => Err(body_error(error)),
        }
    }
}

/// A body above the limit has an error of its own, which the report knows.
pub(crate) fn body_error(error: OutboundError) -> ScrapeError {
    match error {
        OutboundError::BodyTooLarge { limit } => ScrapeError::BodySize { limit },
        error => ScrapeError::Outbound(error),
    }
}

fn headers(settings: &ScrapeSettings, target: &Target) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        // What we write ourselves is always a valid header value.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(ACCEPT, &accept(&settings.protocols, settings.name_escaping));
    let encoding = if settings.enable_compression {
        "gzip"
    } else {
        "identity"
    };
    set(ACCEPT_ENCODING, encoding);
    let timeout = Duration::from_millis(target.timeout_ms.unsigned_abs()).as_secs_f64();
    let timeout_name = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
    set(timeout_name, &timeout.to_string());
    headers
}

/// The `Accept` header: formats with falling quality, and anything at the end.
fn accept(protocols: &[ScrapeProtocol], escaping: Escaping) -> String {
    let escaping = match escaping {
        Escaping::AllowUtf8 => "allow-utf-8",
        Escaping::Underscores => "underscores",
        Escaping::Dots => "dots",
        Escaping::Values => "values",
    };
    let mut quality = protocols.len() + 1;
    let mut parts = Vec::with_capacity(quality);
    for protocol in protocols {
        let knows_escaping = matches!(
            protocol,
            ScrapeProtocol::PrometheusText100 | ScrapeProtocol::OpenMetricsText100
        );
        let escaping = if knows_escaping {
            format!(";escaping={escaping}")
        } else {
            String::new()
        };
        parts.push(format!("{}{escaping};q=0.{quality}", protocol.media_type()));
        quality -= 1;
    }
    parts.push(format!("*/*;q=0.{quality}"));
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_names_formats_in_falling_order() {
        let protocols = [
            ScrapeProtocol::OpenMetricsText100,
            ScrapeProtocol::PrometheusText004,
        ];
        assert_eq!(
            accept(&protocols, Escaping::AllowUtf8),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
    }
}
