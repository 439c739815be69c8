//! Servers that say what a test wants.

use std::net::SocketAddr;
use std::os::fd::IntoRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::settings::{PemSource, Secret, TlsSettings};
use bellwether_storage::SystemClock;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use crate::module::{AddressChoice, IpProtocol};
use crate::{Module, ProbeResult, Prober};

/// Far more than any test needs: a probe that is cut off shows as a failed test.
pub(super) const LONG: Duration = Duration::from_secs(120);

pub(super) const IP4: AddressChoice = AddressChoice {
    preferred: IpProtocol::Ip4,
    fallback: false,
};

/// Probes with time enough.
pub(super) async fn probe(prober: Prober, target: &str) -> ProbeResult {
    crate::probe(&Module::new(prober), target, LONG, &SystemClock).await
}

/// A server that ends with its test.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

/// Serves each connection with `talk`.
pub(super) async fn serve<F, R>(talk: F) -> Server
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    Server {
        address,
        _task: AbortOnDropHandle::new(task),
    }
}

/// A socket that holds a port of the loopback interface without listening: who connects is refused, and nobody gets
/// the port but who binds it by its number.
pub(crate) fn hold_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// An address where nobody listens, nor ever will while the tests run.
pub(super) fn refused() -> SocketAddr {
    let socket = hold_port();
    let address = socket.local_addr().unwrap();
    // It stays open until the process ends.
    let _number = socket.into_raw_fd();
    address
}

/// A self-signed certificate of `localhost`.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    pem: String,
}

impl Identity {
    /// Valid from 2020 to the beginning of `year`.
    pub(super) fn until(year: i32) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            pem: certificate.pem(),
        }
    }

    /// Settings of a client that trusts it.
    pub(super) fn trusted(&self) -> TlsSettings {
        TlsSettings {
            ca: Some(PemSource::Inline(Secret::new(self.pem.clone()))),
            ..TlsSettings::default()
        }
    }

    pub(super) fn acceptor(&self, alpn: &[&[u8]]) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Takes a TLS connection; `None` where the client does not like us.
pub(super) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    acceptor.accept(stream).await.ok()
}

/// A request as a scripted server sees it.
pub(super) struct Asked {
    /// The request line and the headers, as they came.
    pub(super) head: String,
    pub(super) body: String,
}

/// What a scripted server answers.
pub(super) struct Reply {
    head: String,
    pieces: Vec<Vec<u8>>,
    ends: bool,
}

impl Reply {
    pub(super) fn json(status: &str, body: impl ToString) -> Self {
        let body = body.to_string();
        let length = body.len();
        Self {
            head: format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
            ),
            pieces: vec![body.into_bytes()],
            ends: true,
        }
    }

    /// Nothing at all; the connection stays open.
    pub(super) fn silence() -> Self {
        Self {
            head: String::new(),
            pieces: Vec::new(),
            ends: false,
        }
    }

    /// A stream of events, which closes the connection at its end.
    pub(super) fn events(pieces: &[&str]) -> Self {
        Self {
            head: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
                .to_owned(),
            pieces: pieces
                .iter()
                .map(|piece| piece.as_bytes().to_vec())
                .collect(),
            ends: true,
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Neither goes on nor closes the connection.
    pub(super) fn hanging(mut self) -> Self {
        self.ends = false;
        self
    }

    /// Sends the last piece again and again.
    fn is_endless(&self) -> bool {
        self.pieces.last().is_some_and(|piece| piece == ENDLESS)
    }
}

/// As the last piece: what stands before it is sent until nobody reads any more.
pub(super) const ENDLESS: &[u8] = b"<endless>";

/// Serves requests of HTTP/1.1 with what `answer` says.
pub(super) async fn serve_http<F>(answer: F) -> Server
where
    F: Fn(&Asked) -> Reply + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    serve(move |stream| {
        let answer = Arc::clone(&answer);
        async move {
            // A client that goes away ends its connection, not the test.
            talk_http(stream, answer.as_ref()).await.ok();
        }
    })
    .await
}

async fn talk_http(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Asked) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some(asked) = next_request(&mut stream, &mut read).await? else {
            return Ok(());
        };
        let reply = answer(&asked);
        let head = format!("{}\r\n", reply.head);
        stream.write_all(head.as_bytes()).await?;
        if reply.is_endless() {
            let piece = &reply.pieces[reply.pieces.len() - 2];
            loop {
                stream.write_all(piece).await?;
            }
        }
        for piece in &reply.pieces {
            stream.write_all(piece).await?;
        }
        if !reply.ends {
            std::future::pending::<()>().await;
        }
        if reply.head.contains("Connection: close") {
            return Ok(());
        }
    }
}

async fn next_request(
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
) -> std::io::Result<Option<Asked>> {
    loop {
        let text = String::from_utf8_lossy(read).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            let end = head.len() + 4 + length.unwrap_or(0);
            if read.len() >= end {
                let body = read[head.len() + 4..end].to_vec();
                read.drain(..end);
                return Ok(Some(Asked {
                    head: head.to_owned(),
                    body: String::from_utf8(body).unwrap(),
                }));
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            count => read.extend_from_slice(&piece[..count]),
        }
    }
}
