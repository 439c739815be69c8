//! The servers that are probed.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// Where everything is.
pub(crate) struct Servers {
    pub(crate) site: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) tls_http2: SocketAddr,
    pub(crate) tls_expired: SocketAddr,
    pub(crate) smtp: SocketAddr,
    pub(crate) dns: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) refused: SocketAddr,
}

/// An address where nobody listens.
pub(crate) async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Starts all of them; they end with the process. Certificates are written to `directory`.
pub(crate) async fn start(directory: &Path) -> Servers {
    let good = identity(directory, "good.pem", 2090, &[b"http/1.1"]);
    let http2 = with_alpn(&good, &[b"h2"]);
    let expired = identity(directory, "expired.pem", 2021, &[b"http/1.1"]);
    let site = |acceptor: TlsAcceptor| {
        serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    website(stream).await;
                }
            }
        })
    };
    Servers {
        site: serve(website).await,
        tls: site(TlsAcceptor::from(good)).await,
        tls_expired: site(TlsAcceptor::from(expired)).await,
        tls_http2: serve(move |stream| {
            let acceptor = TlsAcceptor::from(Arc::clone(&http2));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    http2_server(stream, false).await;
                }
            }
        })
        .await,
        smtp: serve(smtp).await,
        dns: dns().await,
        grpc: serve(|stream| http2_server(stream, true)).await,
        refused: free_address().await,
    }
}

async fn serve<F, R>(talk: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    address
}

/// A self-signed certificate of `localhost` that ends with the beginning of `year`.
fn identity(directory: &Path, file: &str, year: i32, alpn: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "local, host");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Bellwether");
    params.distinguished_name.push(DnType::CountryName, "CH");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(directory.join(file), certificate.pem()).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    with_alpn(&config, alpn)
}

fn with_alpn(config: &rustls::ServerConfig, alpn: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

async fn website<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let redirect = |to: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let page = |headers: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\n{headers}X-A: 1\r\nX-A: 2\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let answer = match head.split(' ').nth(1).unwrap_or_default() {
        "/503" => b"HTTP/1.0 503 No\r\nContent-Length: 4\r\n\r\nbusy".to_vec(),
        "/redirect" => redirect("/"),
        "/loop" => redirect("/loop"),
        "/slow" => std::future::pending().await,
        "/part" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart".to_vec(),
        "/gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&[b'x'; 10_000]).unwrap();
            page("", &encoder.finish().unwrap())
        }
        "/post" if !head.starts_with("POST ") => b"HTTP/1.1 405 No\r\n\r\n".to_vec(),
        "/post" => {
            stream.fill_buf().await.ok();
            b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec()
        }
        _ => page(
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            b"all is well",
        ),
    };
    stream.write_all(&answer).await.ok();
    stream.shutdown().await.ok();
}

async fn smtp(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here ESMTP\r\n").await.ok();
    let mut line = String::new();
    stream.read_line(&mut line).await.ok();
    if line == "EHLO here\n" {
        stream.write_all(b"250 hello\r\n").await.ok();
    }
}

async fn dns() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            let mut answer = Message::from_vec(&buffer[..count]).unwrap();
            answer.metadata.message_type = MessageType::Response;
            let name = answer.queries[0].name.clone();
            let host = Name::from_ascii("ns.test.").unwrap();
            let data = match name.to_ascii().as_str() {
                "a.test." => Some(RData::A(A::new(127, 0, 0, 1))),
                "zone.test." => Some(RData::SOA(SOA::new(host.clone(), host, 2026, 1, 2, 3, 4))),
                _ => None,
            };
            match data {
                Some(data) => {
                    answer.add_answer(Record::from_rdata(name, 300, data));
                }
                None => answer.metadata.response_code = ResponseCode::NXDomain,
            }
            socket
                .send_to(&answer.to_vec().unwrap(), from)
                .await
                .unwrap();
        }
    });
    address
}

async fn http2_server<S>(stream: S, is_grpc: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(request, is_grpc)),
        )
        .await
        .ok();
}

async fn answer(
    request: Request<Incoming>,
    is_grpc: bool,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    if !is_grpc {
        return Ok(Response::new(Full::new(Bytes::from("all is well")).boxed()));
    }
    let body = request.into_body().collect().await?.to_bytes();
    let (message, code) = match body.get(5..) {
        Some(b"\x0a\x02up") => (vec![0, 0, 0, 0, 2, 8, 1], "0"),
        Some(b"\x0a\x04down") => (vec![0, 0, 0, 0, 2, 8, 2], "0"),
        _ => (Vec::new(), "5"),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    let body = Full::new(Bytes::from(message));
    let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.boxed());
    let kind = "application/grpc".parse().unwrap();
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}
