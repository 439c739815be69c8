//! A client of HTTP/1.1 for what the SDK itself asks: probes, the receiver of OTLP, the server that a pool
//! follows.
//!
//! ## Model
//! One request on a connection of its own, which is closed behind it: there is one every some seconds,
//! for which keeping connections would be more trouble than it saves. Redirects are not followed.
//!
//! ## Limits
//! The head of an answer has at most 64 KiB, and so much of its body is read, where the answer says how
//! long that is.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Chosen: several times what servers allow themselves.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A URL, or what should be one, as it may be shown: without user, password, query and fragment, which
/// may be secrets. Where it is not clear what belongs to a password nothing but the scheme is left.
pub(crate) fn shown(url: &str) -> String {
    let is_scheme = |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric());
    let split = url.split_once("://").filter(|(it, _)| is_scheme(it));
    let (scheme, rest) = match split {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or_default();
    if tail.contains('@') {
        return format!("{scheme}…");
    }
    let (user, host) = match authority.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", authority),
    };
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    let query = match path.len() == tail.len() {
        true => "",
        false => "?…",
    };
    format!("{scheme}{user}{host}{path}{query}")
}

/// Where to ask.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_tls: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the URL has it: for the header `Host`.
    pub(crate) authority: String,
    /// With the query, which may be a secret.
    pub(crate) path: String,
}

impl fmt::Display for Target {
    /// Without scheme and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}{path}", self.authority)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{self}")
    }
}

impl Target {
    /// Reads a URL: `http` or `https`, a host, no user.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        if !url.bytes().all(|it| it.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        if authority.contains('@') {
            return None;
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']')?;
                (
                    host,
                    after
                        .strip_prefix(':')
                        .or_else(|| after.is_empty().then_some(""))?,
                )
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = match port {
            "" => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            port => port.parse().ok().filter(|it| *it > 0)?,
        };
        (!host.is_empty()).then(|| Self {
            is_tls,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: match path.strip_prefix('/') {
                Some(_) => path.to_owned(),
                None => format!("/{path}"),
            },
        })
    }
}

/// What a connection is, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Asks one server.
#[derive(Debug)]
pub(crate) struct Client {
    target: Target,
    #[cfg(feature = "https-probes")]
    tls: crate::client_tls::Connector,
}

/// An answer with what was read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The value of `Retry-After`.
    #[cfg(feature = "otlp")]
    pub(crate) retry_after: Option<String>,
    /// Empty where the answer does not say how long it is.
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            #[cfg(feature = "https-probes")]
            tls: crate::client_tls::Connector::new(&target),
            target,
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Asks, and gives the status as soon as it is there.
    pub(crate) async fn status(&self, request: &[u8]) -> Result<u16, String> {
        let mut stream = self.connect().await?;
        exchange(&mut *stream, request).await
    }

    /// Asks, and gives the answer.
    pub(crate) async fn answer(&self, request: &[u8]) -> Result<Answer, String> {
        let mut stream = self.connect().await?;
        whole_answer(&mut *stream, request).await
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let Target { host, port, .. } = &self.target;
        let stream = TcpStream::connect((host.as_str(), *port)).await;
        let stream = stream.map_err(|error| format!("no connection: {error}"))?;
        if !self.target.is_tls {
            return Ok(Box::new(stream));
        }
        #[cfg(feature = "https-probes")]
        return Ok(Box::new(self.tls.connect(stream).await?));
        #[cfg(not(feature = "https-probes"))]
        Err("https needs the feature https-probes".to_owned())
    }
}

/// Whether name and value can be sent as they are.
pub(crate) fn is_header(name: &str, value: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_text = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    !name.is_empty() && name.bytes().all(is_token) && value.bytes().all(is_text)
}

async fn exchange(stream: &mut (impl Stream + ?Sized), request: &[u8]) -> Result<u16, String> {
    send(stream, request).await?;
    let mut head = Vec::with_capacity(1024);
    loop {
        if let Some(status) = status_of(&head)? {
            return Ok(status);
        }
        read_more(stream, &mut head).await?;
    }
}

async fn send(stream: &mut (impl Stream + ?Sized), request: &[u8]) -> Result<(), String> {
    stream.write_all(request).await.map_err(broke)?;
    stream.flush().await.map_err(broke)
}

fn broke(error: std::io::Error) -> String {
    format!("the connection broke: {error}")
}

async fn read_more(stream: &mut (impl Stream + ?Sized), head: &mut Vec<u8>) -> Result<(), String> {
    if head.len() >= HEAD_BYTES_MAX {
        return Err("the head of the answer has more than 64 KiB".to_owned());
    }
    if stream.read_buf(head).await.map_err(broke)? == 0 {
        return Err("the connection was closed without an answer".to_owned());
    }
    Ok(())
}

async fn whole_answer(
    stream: &mut (impl Stream + ?Sized),
    request: &[u8],
) -> Result<Answer, String> {
    send(stream, request).await?;
    let mut bytes = Vec::with_capacity(1024);
    loop {
        let status = status_of(&bytes)?;
        // Behind those that are none.
        let answer = final_answer(&bytes);
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n");
        if let (Some(status), Some(end)) = (status, end) {
            let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default());
            let length = header(&head, "content-length").and_then(|it| it.parse().ok());
            let wanted = length.unwrap_or(0).min(HEAD_BYTES_MAX);
            #[cfg(feature = "otlp")]
            let retry_after = header(&head, "retry-after").map(str::to_owned);
            let mut body = answer.get(end + 4..).unwrap_or_default().to_vec();
            while body.len() < wanted {
                if stream.read_buf(&mut body).await.map_err(broke)? == 0 {
                    break;
                }
            }
            body.truncate(wanted);
            return Ok(Answer {
                status,
                #[cfg(feature = "otlp")]
                retry_after,
                body,
            });
        }
        read_more(stream, &mut bytes).await?;
    }
}

/// The value of a header of a head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (it, value) = line.split_once(':')?;
        it.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What is behind the interim answers (1xx).
fn final_answer(mut bytes: &[u8]) -> &[u8] {
    while bytes.starts_with(b"HTTP/1.1 1") {
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            break;
        };
        bytes = bytes.get(end + 4..).unwrap_or_default();
    }
    bytes
}

/// The status of the first answer that is not an interim one (1xx); `None`: it is not there yet.
fn status_of(mut head: &[u8]) -> Result<Option<u16>, String> {
    loop {
        let Some(end) = head.iter().position(|it| *it == b'\n') else {
            // Enough to see that it is something else.
            let is_http = head.starts_with(b"HTTP/") || b"HTTP/".starts_with(head);
            return is_http.then_some(None).ok_or_else(not_http);
        };
        let line = head.get(..end).unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| not_http())?;
        let mut words = line.trim_end().splitn(3, ' ');
        let is_http = words.next().is_some_and(|it| it.starts_with("HTTP/1."));
        let status = words.next().filter(|it| is_http && it.len() == 3);
        let status: u16 = status.and_then(|it| it.parse().ok()).ok_or_else(not_http)?;
        if !(100..=199).contains(&status) {
            return Ok(Some(status));
        }
        let Some(end) = head.windows(4).position(|it| it == b"\r\n\r\n") else {
            return Ok(None);
        };
        head = head.get(end + 4..).unwrap_or_default();
    }
}

fn not_http() -> String {
    "the answer is no HTTP/1.1".to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[test]
    fn urls_say_where_to_ask() {
        let read = |url| {
            let target = Target::parse(url)?;
            let Target {
                host, port, path, ..
            } = target;
            Some(format!("{} {host} {port} {path}", target.is_tls))
        };
        for (url, want) in [
            ("http://a", "false a 80 /"),
            (
                "HTTPS://a.example/v1/models?x=1#y",
                "true a.example 443 /v1/models?x=1",
            ),
            ("http://a:8080?x", "false a 8080 /?x"),
            ("http://[::1]:81/", "false ::1 81 /"),
            ("http://[::1]", "false ::1 80 /"),
        ] {
            assert_eq!(read(url).as_deref(), Some(want), "{url}");
        }
        for url in [
            "a",
            "ftp://a",
            "http://",
            "http://u@a",
            "http://a:0",
            "http://a:x",
            "http://[::1",
            "http://[::1]x",
            "http://a/\r\nx",
            "http://a/ b",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn urls_are_shown_without_secrets() {
        for (url, want) in [
            ("http://a:1/x", "http://a:1/x"),
            ("https://a/x?key=SECRET", "https://a/x?…"),
            ("https://a?key=SECRET", "https://a?…"),
            ("https://a/x#SECRET", "https://a/x?…"),
            ("https://me:SECRET@a:1/x?key=SECRET", "https://…@a:1/x?…"),
            ("https://SECRET@SECRET@a", "https://…@a"),
            ("me:SECRET@a/x", "…@a/x"),
            ("https://me:SEC/RET@a/x", "https://…"),
            ("https://me:SEC?RET@a/x", "https://…"),
            ("https://me:SEC#RET@a/x", "https://…"),
            ("https://me@SEC/RET@a/x", "https://…"),
            ("https://a/x?key=SEC@RET", "https://…"),
            ("me:SECRET://x@a", "…"),
            ("db:1", "db:1"),
            ("", ""),
        ] {
            assert_eq!(shown(url), want, "{url}");
        }
        let target = Target::parse("https://a:1/x?key=SECRET").unwrap();
        assert_eq!(format!("{target:?} {target}"), "https://a:1/x a:1/x");
    }

    #[test]
    fn the_status_is_read_as_soon_as_it_is_there() {
        let none = Ok(None);
        for (head, want) in [
            ("", none.clone()),
            ("HT", none.clone()),
            ("HTTP/1.1 20", none.clone()),
            ("HTTP/1.1 200 OK\r\n", Ok(Some(200))),
            ("HTTP/1.0 503\n", Ok(Some(503))),
            ("HTTP/1.1 100 Continue\r\n", none.clone()),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 ", none.clone()),
            (
                "HTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 204 \r\n",
                Ok(Some(204)),
            ),
            ("HTTP/2 200\r\n", Err(not_http())),
            ("HTTP/1.1 2000\r\n", Err(not_http())),
            ("SSH-2.0", Err(not_http())),
        ] {
            assert_eq!(status_of(head.as_bytes()), want, "{head:?}");
        }
    }

    #[tokio::test]
    async fn servers_that_say_nothing_or_too_much_are_told() {
        for (answer, want) in [
            (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), Ok(200)),
            (
                Vec::new(),
                Err("the connection was closed without an answer"),
            ),
            (
                [b"HTTP/1.1 ".as_slice(), &vec![b'x'; 100_000]].concat(),
                Err("the head of the answer has more than 64 KiB"),
            ),
        ] {
            let (mut near, mut far) = duplex(1 << 20);
            far.write_all(&answer).await.unwrap();
            far.shutdown().await.unwrap();
            let got = exchange(&mut near, b"GET / HTTP/1.1\r\n\r\n").await;
            assert_eq!(got.as_ref().copied().map_err(String::as_str), want);
        }
    }

    #[cfg(feature = "otlp")]
    #[tokio::test]
    async fn answers_are_read_as_far_as_they_say() {
        let answer = |status, retry_after: Option<&str>, body: &str| {
            Ok(Answer {
                status,
                retry_after: retry_after.map(str::to_owned),
                body: body.as_bytes().to_vec(),
            })
        };
        for (bytes, want) in [
            ("HTTP/1.1 200 OK\r\n\r\n", answer(200, None, "")),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nRETRY-AFTER: 7 \r\nContent-Length: 2\r\n\r\nno more",
                answer(503, Some("7"), "no"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
                answer(200, None, "short"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Le",
                Err("the connection was closed without an answer".to_owned()),
            ),
        ] {
            let (mut near, mut far) = duplex(1 << 16);
            far.write_all(bytes.as_bytes()).await.unwrap();
            far.shutdown().await.unwrap();
            let got = whole_answer(&mut near, b"POST / HTTP/1.1\r\n\r\n").await;
            assert_eq!(got, want, "{bytes}");
        }
    }

    #[test]
    fn headers_cannot_bring_others() {
        assert!(is_header("authorization", "Bearer abc"));
        assert!(!is_header("a", "b\r\nc: d"));
        assert!(!is_header("a:", "b"));
        assert!(!is_header("", "b"));
    }
}
