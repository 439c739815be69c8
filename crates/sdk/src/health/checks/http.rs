//! Whether a server answers as it should.
//!
//! ## Model
//! One `GET` over HTTP/1.1 on a connection of its own; of the answer the status is read and nothing
//! else. Redirects are not followed: they are an answer.
//!
//! ## Limits
//! The head of an answer has at most 64 KiB.
//!
//! ## Failure
//! 429 is degraded, where it is not expected: the server is there and wants less. Any other status that
//! is not expected is down, as is what is no HTTP.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::health::Outcome;

/// Chosen: several times what servers allow themselves.
const HEAD_BYTES_MAX: usize = 64 << 10;
const TOO_MANY_REQUESTS: u16 = 429;

/// Where to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_tls: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the URL has it: for the header `Host`.
    authority: String,
    /// With the query.
    path: String,
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

/// What to ask and what to expect.
pub(crate) struct Question {
    target: Target,
    request: Vec<u8>,
    /// Empty: 200 to 299.
    statuses: Vec<u16>,
    #[cfg(feature = "https-probes")]
    tls: super::tls::Connector,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The request may have secrets.
        f.debug_struct("Question")
            .field("target", &self.target)
            .field("statuses", &self.statuses)
            .finish_non_exhaustive()
    }
}

impl Question {
    /// Headers are to be checked by [`is_header`].
    pub(crate) fn new<'a>(
        target: Target,
        statuses: Vec<u16>,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let Target {
            authority, path, ..
        } = &target;
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n");
        request.push_str("user-agent: bellwether-sdk\r\naccept: */*\r\nconnection: close\r\n");
        for (name, value) in headers {
            for part in [name, ": ", value, "\r\n"] {
                request.push_str(part);
            }
        }
        request.push_str("\r\n");
        Self {
            #[cfg(feature = "https-probes")]
            tls: super::tls::Connector::new(&target),
            target,
            request: request.into_bytes(),
            statuses,
        }
    }

    /// Asks.
    pub(crate) async fn look(&self) -> Outcome {
        match self.ask().await {
            Ok(status) => self.judge(status),
            Err(reason) => {
                let Target { host, port, .. } = &self.target;
                Outcome::Down(format!("{host}:{port}: {reason}"))
            }
        }
    }

    fn judge(&self, status: u16) -> Outcome {
        let is_expected = match self.statuses.is_empty() {
            true => (200..=299).contains(&status),
            false => self.statuses.contains(&status),
        };
        let reason = || {
            format!(
                "{}{} answers {status}",
                self.target.authority, self.target.path
            )
        };
        match status {
            _ if is_expected => Outcome::Up,
            TOO_MANY_REQUESTS => Outcome::Degraded(reason()),
            _ => Outcome::Down(reason()),
        }
    }

    async fn ask(&self) -> Result<u16, String> {
        let Target { host, port, .. } = &self.target;
        let stream = TcpStream::connect((host.as_str(), *port)).await;
        let stream = stream.map_err(|error| format!("no connection: {error}"))?;
        if !self.target.is_tls {
            return exchange(stream, &self.request).await;
        }
        #[cfg(feature = "https-probes")]
        return exchange(self.tls.connect(stream).await?, &self.request).await;
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

async fn exchange<S>(mut stream: S, request: &[u8]) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: std::io::Error| format!("the connection broke: {error}");
    stream.write_all(request).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        match status_of(&head)? {
            Some(status) => return Ok(status),
            None if head.len() >= HEAD_BYTES_MAX => {
                return Err("the head of the answer has more than 64 KiB".to_owned());
            }
            None => {}
        }
        if stream.read_buf(&mut head).await.map_err(failed)? == 0 {
            return Err("the connection was closed without an answer".to_owned());
        }
    }
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
    fn answers_are_expected_or_not() {
        let target = Target::parse("http://a:1/x").unwrap();
        let usual = Question::new(target.clone(), Vec::new(), []);
        assert_eq!(usual.judge(204), Outcome::Up);
        assert_eq!(usual.judge(301), Outcome::down("a:1/x answers 301"));
        assert_eq!(usual.judge(429), Outcome::degraded("a:1/x answers 429"));
        let own = Question::new(target, vec![401, 429], []);
        assert_eq!(own.judge(401), Outcome::Up);
        assert_eq!(own.judge(429), Outcome::Up);
        assert_eq!(own.judge(200), Outcome::down("a:1/x answers 200"));
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
            let (near, mut far) = duplex(1 << 20);
            far.write_all(&answer).await.unwrap();
            far.shutdown().await.unwrap();
            let got = exchange(near, b"GET / HTTP/1.1\r\n\r\n").await;
            assert_eq!(got.as_ref().copied().map_err(String::as_str), want);
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
