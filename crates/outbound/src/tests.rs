//! Requests against servers on the loopback address that answer what they are told to.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use bellwether_storage::ErrorKind;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::settings::{
    Auth, HeaderSettings, HeaderValue, HttpClientSettings, OAuth2Grant, OAuth2Settings, PemSource,
    ProxySettings, Secret, SecretSource, TextSource, TlsSettings, TlsVersion,
};
use crate::{Bytes, Encoding, OutboundError, Request, client, decode_body, lazy_client};

/// Answers each request by its head and body, and keeps both.
type Answer = dyn Fn(&str) -> String + Send + Sync;

#[derive(Clone)]
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let answer: Arc<Answer> = Arc::new(answer);
        // Ends with the runtime of the test.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer, tls) = (Arc::clone(&kept), Arc::clone(&answer), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &kept, &*answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &kept, &*answer).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, requests }
    }

    fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .unwrap()
    }

    fn last(&self) -> String {
        self.requests.lock().last().cloned().unwrap_or_default()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    kept: &Mutex<Vec<String>>,
    answer: &Answer,
) {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        while !is_whole(&text) {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => text.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
        }
        let request = std::mem::take(&mut text);
        let reply = answer(&request);
        kept.lock().push(request);
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn ask(settings: &HttpClientSettings, url: Url) -> Result<(u16, String), OutboundError> {
    let response = client(settings)?.send(Request::get(url)).await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    response.read_body(0, &mut body).await?;
    Ok((status, String::from_utf8(body).unwrap()))
}

fn secret(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text))
}

#[tokio::test]
async fn credentials_come_from_settings_and_files() {
    let server = Server::start(|_| ok("")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let settings = HttpClientSettings {
        auth: Some(Auth::Basic {
            username: TextSource::Inline("joe".to_owned()),
            password: Some(SecretSource::File(file.clone())),
        }),
        headers: vec![HeaderSettings {
            name: "X-Scope".to_owned(),
            values: vec![
                HeaderValue::Plain("a".to_owned()),
                HeaderValue::Secret(secret("b")),
            ],
        }],
        ..HttpClientSettings::default()
    };
    let client = client(&settings).unwrap();
    client.send(Request::get(server.url("/"))).await.unwrap();
    // joe:first
    assert!(
        server
            .last()
            .contains("authorization: Basic am9lOmZpcnN0\r\n"),
        "{}",
        server.last()
    );
    assert!(
        server.last().contains("x-scope: a\r\nx-scope: b\r\n"),
        "{}",
        server.last()
    );
    std::fs::write(&file, "another").unwrap();
    client.send(Request::get(server.url("/"))).await.unwrap();
    // joe:another
    assert!(
        server
            .last()
            .contains("authorization: Basic am9lOmFub3RoZXI=\r\n")
    );
    std::fs::remove_file(&file).unwrap();
    let error = client
        .send(Request::get(server.url("/")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("password"), "{error}");

    let bearer = HttpClientSettings {
        auth: Some(Auth::Header {
            scheme: "Bearer".to_owned(),
            credentials: Some(secret("token")),
        }),
        ..HttpClientSettings::default()
    };
    ask(&bearer, server.url("/")).await.unwrap();
    assert!(server.last().contains("authorization: Bearer token\r\n"));
}

#[tokio::test]
async fn oauth2_tokens_are_kept_and_fetched_again_when_refused() {
    let count = Mutex::new(0);
    let tokens = Server::start(move |_| {
        *count.lock() += 1;
        ok(&format!(
            r#"{{"access_token":"t{}","token_type":"bearer","expires_in":3600}}"#,
            count.lock()
        ))
    })
    .await;
    let server = Server::start(|request| {
        if request.contains("GET /refuse") && request.contains("Bearer t1") {
            return "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        ok("in")
    })
    .await;
    let settings = HttpClientSettings {
        auth: Some(Auth::OAuth2(Box::new(OAuth2Settings {
            client_id: "me".to_owned(),
            grant: OAuth2Grant::ClientCredentials {
                client_secret: Some(secret("s&s")),
            },
            scopes: vec!["read".to_owned(), "write".to_owned()],
            token_url: tokens.url("/token"),
            endpoint_params: vec![("audience".to_owned(), "a b".to_owned())],
            tls: TlsSettings::default(),
            proxy: ProxySettings::default(),
        }))),
        ..HttpClientSettings::default()
    };
    let client = client(&settings).unwrap();
    for _ in 0..2 {
        client.send(Request::get(server.url("/"))).await.unwrap();
        assert!(server.last().contains("authorization: Bearer t1\r\n"));
    }
    let asked = tokens.last();
    assert_eq!(tokens.requests.lock().len(), 1);
    // me:s%26s
    assert!(
        asked.contains("authorization: Basic bWU6cyUyNnM=\r\n"),
        "{asked}"
    );
    assert!(
        asked.ends_with("grant_type=client_credentials&scope=read%20write&audience=a%20b"),
        "{asked}"
    );
    let response = client
        .send(Request::get(server.url("/refuse")))
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(server.last().contains("authorization: Bearer t2\r\n"));
}

#[tokio::test]
async fn redirects_are_followed_only_if_allowed() {
    let server = Server::start(|request| {
        if request.starts_with("GET /old") {
            "HTTP/1.1 302 Found\r\nlocation: /new\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            ok("new")
        }
    })
    .await;
    let mut settings = HttpClientSettings::default();
    assert_eq!(
        ask(&settings, server.url("/old")).await.unwrap(),
        (200, "new".to_owned())
    );
    settings.follow_redirects = false;
    assert_eq!(
        ask(&settings, server.url("/old")).await.unwrap(),
        (302, String::new())
    );
}

#[tokio::test]
async fn bodies_are_sent_and_bounded() {
    let server = Server::start(|_| ok("0123456789")).await;
    let client = client(&HttpClientSettings::default()).unwrap();
    let request = Request::post(server.url("/"), Bytes::from_static(b"hello"));
    let response = client.send(request).await.unwrap();
    assert!(server.last().starts_with("POST / HTTP/1.1\r\n"));
    assert!(server.last().ends_with("\r\n\r\nhello"));
    let error = response.read_body(9, &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "body has more than 9 bytes");
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn packed_bodies_cannot_swell_above_the_limit() {
    let zeros = vec![0; 8 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&zeros).unwrap();
    for (encoding, packed) in [
        (Encoding::Gzip, gzip.finish().unwrap()),
        (Encoding::Deflate, zlib.finish().unwrap()),
        (
            Encoding::Zstd,
            zstd::stream::encode_all(&zeros[..], 1).unwrap(),
        ),
        (Encoding::Identity, zeros.clone()),
    ] {
        let mut plain = Vec::new();
        decode_body(encoding, &packed, zeros.len() as u64, &mut plain).unwrap();
        assert!(plain == zeros, "{encoding:?}");
        plain.clear();
        let error = decode_body(encoding, &packed, 1000, &mut plain).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(plain.len() <= 1001, "{encoding:?}");
        if encoding != Encoding::Identity {
            let cut = &packed[..packed.len() / 2];
            let error = decode_body(encoding, cut, 0, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
    assert!(Encoding::of_header(Some("br")).is_err());
}

#[test]
fn zstd_bodies_ask_for_no_more_than_everybody_has() {
    let pack = |window_log: u32| {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.write_all(b"hello").unwrap();
        // Once flushed, the header cannot be that of a short body.
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    };
    let mut plain = Vec::new();
    decode_body(Encoding::Zstd, &pack(23), 0, &mut plain).unwrap();
    assert_eq!(plain, b"hello");
    let error = decode_body(Encoding::Zstd, &pack(24), 0, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("too much memory"), "{error}");
}

#[tokio::test]
async fn proxies_are_used_but_for_the_hosts_that_are_left_out() {
    let proxy = Server::start(|_| ok("proxied")).await;
    let server = Server::start(|_| ok("direct")).await;
    let mut settings = HttpClientSettings::default();
    settings.proxy.url = Some(proxy.url("/"));
    let url = server.url("/x");
    assert_eq!(ask(&settings, url.clone()).await.unwrap().1, "proxied");
    assert!(
        proxy.last().starts_with(&format!("GET {url} HTTP/1.1\r\n")),
        "{}",
        proxy.last()
    );
    settings.proxy.no_proxy = Some("example.com,127.0.0.1".to_owned());
    assert_eq!(ask(&settings, url).await.unwrap().1, "direct");
}

#[tokio::test]
async fn errors_name_the_url_without_its_password() {
    // It holds a port and does not listen.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let url = format!("http://joe:hunter2@127.0.0.1:{port}/x")
        .parse()
        .unwrap();
    let error = ask(&HttpClientSettings::default(), url).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("Connection refused"), "{text}");
    assert!(
        text.contains("joe:xxxxx@") && !text.contains("hunter2"),
        "{text}"
    );
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unavailable, true)
    );
}

/// A certificate for a name, and the key, both PEM.
fn certificate(name: &str) -> (String, String, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem(), made)
}

fn acceptor(
    made: &rcgen::CertifiedKey<rcgen::KeyPair>,
    client_ca: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>,
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(ca.cert.der().clone()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = builder
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn file(folder: &Path, name: &str, text: &str) -> PemSource {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    PemSource::File(path)
}

#[tokio::test]
async fn certificates_are_checked_as_the_settings_say() {
    let (pem, _, made) = certificate("metrics.test");
    let server = Server::start_with(Some(acceptor(&made, None)), |_| ok("safe")).await;
    let url: Url = format!("https://127.0.0.1:{}/", server.port)
        .parse()
        .unwrap();
    let with = |tls: TlsSettings| HttpClientSettings {
        tls,
        ..HttpClientSettings::default()
    };
    let ca = Some(PemSource::Inline(Secret::new(pem)));
    let error = ask(&with(TlsSettings::default()), url.clone())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let other_name = with(TlsSettings {
        ca: ca.clone(),
        ..TlsSettings::default()
    });
    let error = ask(&other_name, url.clone()).await.unwrap_err();
    assert!(
        error.to_string().contains("certificate not valid for name"),
        "{error}"
    );
    let named = with(TlsSettings {
        ca,
        server_name: Some("metrics.test".to_owned()),
        version_min: Some(TlsVersion::Tls13),
        ..TlsSettings::default()
    });
    assert_eq!(ask(&named, url.clone()).await.unwrap().1, "safe");
    let unchecked = with(TlsSettings {
        insecure_skip_verify: true,
        version_max: Some(TlsVersion::Tls12),
        ..TlsSettings::default()
    });
    assert_eq!(ask(&unchecked, url).await.unwrap().1, "safe");
    let too_old = TlsSettings {
        version_max: Some(TlsVersion::Tls11),
        ..TlsSettings::default()
    };
    assert!(client(&with(too_old)).is_err());
}

#[tokio::test]
async fn client_certificates_are_read_again_when_they_change() {
    let (_, _, made) = certificate("metrics.test");
    let (client_pem, client_key, client_made) = certificate("client.test");
    let acceptor = acceptor(&made, Some(&client_made));
    let server = Server::start_with(Some(acceptor), |_| ok("known")).await;
    let url: Url = format!("https://127.0.0.1:{}/", server.port)
        .parse()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (wrong_pem, wrong_key, _) = certificate("wrong.test");
    let settings = HttpClientSettings {
        tls: TlsSettings {
            cert: Some(file(folder.path(), "cert.pem", &wrong_pem)),
            key: Some(file(folder.path(), "key.pem", &wrong_key)),
            insecure_skip_verify: true,
            ..TlsSettings::default()
        },
        ..HttpClientSettings::default()
    };
    let client = client(&settings).unwrap();
    let refused = match client.send(Request::get(url.clone())).await {
        Err(_) => true,
        Ok(response) => response.read_body(0, &mut Vec::new()).await.is_err(),
    };
    assert!(refused);
    // A blank at the end makes sure that the length differs, however coarse the clock of files is.
    file(folder.path(), "cert.pem", &format!("{client_pem}\n\n"));
    file(folder.path(), "key.pem", &format!("{client_key}\n\n"));
    let response = client.send(Request::get(url)).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
}

#[tokio::test]
async fn a_lazy_client_waits_for_its_certificates() {
    let (pem, _, made) = certificate("127.0.0.1");
    let server = Server::start_with(Some(acceptor(&made, None)), |_| ok("safe")).await;
    let url: Url = format!("https://127.0.0.1:{}/", server.port)
        .parse()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let settings = HttpClientSettings {
        tls: TlsSettings {
            ca: Some(PemSource::File(path.clone())),
            ..TlsSettings::default()
        },
        ..HttpClientSettings::default()
    };
    let missing = format!(
        "tls_config.ca_file {:?}: No such file or directory (os error 2)",
        path.display().to_string()
    );
    assert_eq!(client(&settings).unwrap_err().to_string(), missing);
    let lazy = lazy_client(&settings).unwrap();
    let error = lazy.send(Request::get(url.clone())).await.unwrap_err();
    assert_eq!(error.to_string(), missing);

    file(folder.path(), "ca.pem", "no PEM");
    let error = lazy.send(Request::get(url.clone())).await.unwrap_err();
    let empty = format!(
        "tls_config.ca_file {:?}: holds no certificate",
        path.display().to_string()
    );
    assert_eq!(error.to_string(), empty);

    file(folder.path(), "ca.pem", &pem);
    let response = lazy.send(Request::get(url)).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
}

#[tokio::test]
async fn files_of_credentials_and_of_token_servers_may_come_later() {
    let server = Server::start(|_| ok("")).await;
    let missing = || SecretSource::File("/missing/secret".into());
    let basic = Auth::Basic {
        username: TextSource::Inline("user".to_owned()),
        password: Some(missing()),
    };
    let token = OAuth2Settings {
        client_id: "id".to_owned(),
        grant: OAuth2Grant::ClientCredentials {
            client_secret: Some(secret("s")),
        },
        scopes: Vec::new(),
        token_url: server.url("/token"),
        endpoint_params: Vec::new(),
        tls: TlsSettings {
            ca: Some(PemSource::File("/missing/ca".into())),
            ..TlsSettings::default()
        },
        proxy: ProxySettings::default(),
    };
    for (auth, setting) in [
        (basic, "basic_auth.password_file \"/missing/secret\""),
        (
            Auth::OAuth2(Box::new(token)),
            "oauth2.tls_config.ca_file \"/missing/ca\"",
        ),
    ] {
        let settings = HttpClientSettings {
            auth: Some(auth),
            ..HttpClientSettings::default()
        };
        let client = client(&settings).unwrap();
        let error = client
            .send(Request::get(server.url("/")))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(setting), "{error}");
    }
}
