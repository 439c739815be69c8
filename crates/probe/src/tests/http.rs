//! `http`.

use std::collections::BTreeMap;
use std::io::Write as _;

use bellwether_outbound::settings::{
    Auth, HttpClientSettings, PemSource, ProxySettings, Secret, SecretSource, TextSource,
    TlsSettings,
};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::kit::{IP4, Identity, Server, accept, probe, refused, serve};
use crate::module::{Compression, HeaderMatch, HttpSettings, Pattern, RequestBody};
use crate::{ProbeResult, Prober, Verdict};

fn settings() -> HttpSettings {
    HttpSettings {
        address: IP4,
        ..HttpSettings::default()
    }
}

async fn ask(settings: HttpSettings, target: impl AsRef<str>) -> ProbeResult {
    probe(Prober::Http(Box::new(settings)), target.as_ref()).await
}

/// Reads the head of a request.
async fn head<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap() == 0 {
            break;
        }
    }
    head
}

async fn respond<S: AsyncRead + AsyncWrite + Unpin>(stream: S, answer: fn(&str) -> Vec<u8>) {
    let mut stream = BufReader::new(stream);
    let head = head(&mut stream).await;
    stream.write_all(&answer(&head)).await.ok();
    stream.shutdown().await.ok();
}

/// Answers each request with what `answer` makes of its head.
async fn website(answer: fn(&str) -> Vec<u8>) -> Server {
    serve(move |stream| respond(stream, answer)).await
}

fn page(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn patterns(pattern: &str) -> Vec<Pattern> {
    vec![Pattern::new(pattern).unwrap()]
}

#[tokio::test]
async fn a_page_is_up_and_each_phase_is_measured() {
    let server = website(|_| {
        page(
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            b"all is well",
        )
    })
    .await;
    let result = ask(settings(), server.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
    for (name, want) in [
        ("probe_http_status_code", 200.0),
        ("probe_http_content_length", 11.0),
        ("probe_http_uncompressed_body_length", 11.0),
        ("probe_http_version", 1.1),
        ("probe_http_ssl", 0.0),
        ("probe_http_redirects", 0.0),
        ("probe_failed_due_to_regex", 0.0),
        ("probe_http_last_modified_timestamp_seconds", 784_111_777.0),
    ] {
        assert_eq!(result.value(name), Some(want), "{name}");
    }
    let phases = result
        .metrics
        .iter()
        .filter(|metric| metric.name == "probe_http_duration_seconds");
    let phases: BTreeMap<_, _> = phases.map(|m| (m.labels[0].1.as_str(), m.value)).collect();
    let names: Vec<_> = phases.keys().copied().collect();
    assert_eq!(
        names,
        ["connect", "processing", "resolve", "tls", "transfer"]
    );
    assert!(phases["connect"] > 0.0 && phases["processing"] > 0.0 && phases["tls"] == 0.0);
}

#[tokio::test]
async fn statuses_and_versions_are_judged() {
    let server = website(|_| b"HTTP/1.0 503 No\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    let target = server.address.to_string();
    let result = ask(settings(), &target).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("status 503 is not one of 2xx")
    );
    assert_eq!(result.value("probe_http_status_code"), Some(503.0));
    let wanted = |codes: &[u16], version: &str| HttpSettings {
        valid_status_codes: codes.to_vec(),
        valid_http_versions: vec![version.to_owned()],
        ..settings()
    };
    assert!(ask(wanted(&[503], "HTTP/1.0"), &target).await.success);
    let reason = ask(wanted(&[503], "HTTP/1.1"), &target).await.reason;
    assert_eq!(
        reason.as_deref(),
        Some("version HTTP/1.0 is not one of [\"HTTP/1.1\"]")
    );
}

#[tokio::test]
async fn no_answer_leaves_zeros_and_a_reason() {
    let result = ask(settings(), refused().to_string()).await;
    assert!(!result.success);
    assert_eq!(result.value("probe_http_status_code"), Some(0.0));
    let closed = serve(|_| async {}).await;
    let result = ask(settings(), closed.address.to_string()).await;
    assert!(result.reason.unwrap().starts_with("no answer: "));
    for (target, want) in [
        ("http://", "is no URL"),
        ("http://no-such.invalid", "no address for"),
    ] {
        let reason = ask(settings(), target).await.reason.unwrap();
        assert!(reason.contains(want), "{reason}");
    }
}

#[tokio::test]
async fn redirects_are_followed_up_to_a_limit() {
    let server = website(|head| match head.split(' ').nth(1).unwrap() {
        "/" => redirect("/one"),
        "/one" => redirect("/two?x=1"),
        "/two?x=1" => page("", b"here"),
        _ => redirect("/loop"),
    })
    .await;
    let result = ask(settings(), server.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_http_redirects"), Some(2.0));

    let result = ask(settings(), format!("{}/loop", server.address)).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("status 302 is not one of 2xx")
    );
    assert_eq!(result.value("probe_http_redirects"), Some(11.0));

    let mut stay = settings();
    stay.client.follow_redirects = false;
    stay.valid_status_codes = vec![302];
    let result = ask(stay, server.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_http_redirects"), Some(1.0));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    // The second server is another origin; it tells in its body what it was sent.
    let other = website(|head| page("", head.to_lowercase().as_bytes())).await;
    let port = other.address.port();
    let first = serve(move |stream| async move {
        let mut stream = BufReader::new(stream);
        let head = head(&mut stream).await.to_lowercase();
        assert!(
            head.contains("authorization: basic am9lonnlc2ftzq==\r\n"),
            "{head}"
        );
        let answer = redirect(&format!("http://localhost:{port}/"));
        stream.write_all(&answer).await.unwrap();
    })
    .await;
    let mut with = settings();
    with.client.auth = Some(Auth::Basic {
        username: TextSource::Inline("joe".to_owned()),
        password: Some(SecretSource::Inline(Secret::new("sesame"))),
    });
    with.headers = ["Cookie", "X-Api-Key"]
        .map(|name| (name.to_owned(), "a=hunter2".to_owned()))
        .into();
    with.fail_if_body_matches = patterns("authorization|hunter2");
    with.fail_if_body_not_matches = patterns("user-agent: bellwether/");
    let result = ask(with, first.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
}

#[tokio::test]
async fn files_of_ours_that_are_missing_are_no_outage() {
    let server = website(|_| page("", b"")).await;
    let no_file = || std::path::PathBuf::from("/no/such/file");
    let mut no_password = settings();
    no_password.client.auth = Some(Auth::Header {
        scheme: "Bearer".to_owned(),
        credentials: Some(SecretSource::File(no_file())),
    });
    let mut no_body = settings();
    no_body.body = RequestBody::File(no_file());
    let mut no_authority = settings();
    no_authority.client.tls.ca = Some(PemSource::File(no_file()));
    for (settings, scheme) in [
        (no_password, "http"),
        (no_body, "http"),
        (no_authority, "https"),
    ] {
        let result = ask(settings, format!("{scheme}://{}", server.address)).await;
        assert_eq!(result.verdict, Verdict::Unknown, "{}", result.debug_text());
        assert!(result.reason.unwrap().contains("/no/such/file"));
    }
    // What the target does wrong is.
    let result = ask(settings(), format!("https://{}", server.address)).await;
    assert_eq!(result.verdict, Verdict::Down);
}

#[tokio::test]
async fn secrets_that_a_target_sends_back_are_not_shown() {
    // It leads to where what it was sent stands in the way, and to a password of its own.
    let server = website(|head| {
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("X-Api-Key: "));
        match key {
            Some(key) => redirect(&format!("http://joe:sesame@localhost:1/{key}?x={key}")),
            None => redirect(&format!("http://[{}", head.len())),
        }
    })
    .await;
    let mut with = settings();
    with.headers = vec![("X-Api-Key".to_owned(), "hunter2".to_owned())];
    let result = ask(with, server.address.to_string()).await;
    let text = result.debug_text();
    assert!(
        text.contains("leads to http://joe:xxxxx@localhost:1/<secret>?x=<secret>"),
        "{text}"
    );
    assert!(
        !text.contains("hunter2") && !text.contains("sesame"),
        "{text}"
    );
}

#[tokio::test]
async fn bodies_and_headers_are_matched() {
    let server = website(|_| {
        page(
            "Server: nginx\r\nX-A: 1\r\nX-A: 2\r\n",
            b"Could not connect",
        )
    })
    .await;
    let target = server.address.to_string();
    let header = |name: &str, pattern: &str, allow_missing| {
        vec![HeaderMatch {
            header: name.to_owned(),
            pattern: Pattern::new(pattern).unwrap(),
            allow_missing,
        }]
    };
    let cases: [(HttpSettings, Option<&str>); 7] = [
        (
            HttpSettings {
                fail_if_body_matches: patterns("not connect"),
                ..settings()
            },
            Some("the body matches \"not connect\""),
        ),
        (
            HttpSettings {
                fail_if_body_not_matches: patterns("Could"),
                ..settings()
            },
            None,
        ),
        (
            HttpSettings {
                fail_if_body_not_matches: patterns("fine"),
                ..settings()
            },
            Some("the body does not match \"fine\""),
        ),
        (
            HttpSettings {
                fail_if_header_matches: header("x-a", "2", false),
                ..settings()
            },
            Some("header \"x-a\" matches \"2\""),
        ),
        (
            HttpSettings {
                fail_if_header_not_matches: header("server", "apache", false),
                ..settings()
            },
            Some("header \"server\" does not match \"apache\""),
        ),
        (
            HttpSettings {
                fail_if_header_matches: header("set-cookie", ".*", true),
                ..settings()
            },
            None,
        ),
        (
            HttpSettings {
                fail_if_header_matches: header("set-cookie", ".*", false),
                ..settings()
            },
            Some("header \"set-cookie\" is missing"),
        ),
    ];
    for (settings, want) in cases {
        let result = ask(settings, &target).await;
        assert_eq!(result.reason.as_deref(), want);
        let failed = f64::from(u8::from(want.is_some()));
        assert_eq!(
            result.value("probe_failed_due_to_regex"),
            Some(failed),
            "{want:?}"
        );
    }
}

#[tokio::test]
async fn packed_bodies_are_unpacked_within_their_limit() {
    let server = website(|_| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[b'x'; 100_000]).unwrap();
        page("Content-Encoding: gzip\r\n", &encoder.finish().unwrap())
    })
    .await;
    let target = server.address.to_string();
    let packed = |compression, body_size_limit| HttpSettings {
        compression: Some(compression),
        body_size_limit,
        ..settings()
    };
    let result = ask(packed(Compression::Gzip, Some(100_000)), &target).await;
    assert!(result.success, "{}", result.debug_text());
    let length = |result: &ProbeResult| result.value("probe_http_uncompressed_body_length");
    assert_eq!(length(&result), Some(100_000.0));
    let result = ask(packed(Compression::Gzip, Some(99_999)), &target).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("body: it has more than 99999 bytes unpacked")
    );
    assert_eq!(length(&result), Some(99_999.0));
    for (compression, name) in [
        (Compression::Deflate, "deflate"),
        (Compression::Brotli, "brotli"),
    ] {
        let reason = ask(packed(compression, None), &target)
            .await
            .reason
            .unwrap();
        assert!(
            reason.starts_with(&format!("body: it is not valid {name}")),
            "{reason}"
        );
    }
}

async fn tls_website(identity: &Identity, answer: fn(&str) -> Vec<u8>) -> Server {
    let acceptor = identity.acceptor(&[b"http/1.1"]);
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Some(stream) = accept(&acceptor, stream).await {
                respond(stream, answer).await;
            }
        }
    })
    .await
}

fn trusting(tls: TlsSettings) -> HttpSettings {
    HttpSettings {
        client: HttpClientSettings {
            tls,
            ..HttpClientSettings::default()
        },
        ..settings()
    }
}

#[tokio::test]
async fn certificates_are_checked_and_shown() {
    let good = Identity::until(2090);
    let server = tls_website(&good, |_| page("", b"")).await;
    let target = format!("https://localhost:{}", server.address.port());
    let result = ask(trusting(good.trusted()), &target).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_http_ssl"), Some(1.0));
    let text = result.exposition();
    assert!(
        text.contains("probe_tls_cipher_info{cipher=\"TLS_"),
        "{text}"
    );
    assert!(text.contains("probe_ssl_last_chain_expiry_timestamp_seconds 3.786912e+09\n"));

    let mut plain = trusting(good.trusted());
    plain.fail_if_ssl = true;
    let reason = ask(plain, &target).await.reason;
    assert_eq!(reason.as_deref(), Some("the last answer came over TLS"));

    // Not trusted; expired; another name.
    let reason = ask(settings(), &target).await.reason.unwrap();
    assert!(reason.contains("TLS handshake"), "{reason}");
    let old = Identity::until(2021);
    let server = tls_website(&old, |_| page("", b"")).await;
    let expired = format!("https://localhost:{}", server.address.port());
    let reason = ask(trusting(old.trusted()), &expired).await.reason.unwrap();
    assert!(reason.contains("expired"), "{reason}");
    let by_address = target.replace("localhost", "127.0.0.1");
    let result = ask(trusting(good.trusted()), &by_address).await;
    assert!(!result.success);
    let mut named = trusting(good.trusted());
    named.headers = vec![("host".to_owned(), "localhost".to_owned())];
    let result = ask(named, &by_address).await;
    assert!(result.success, "{}", result.debug_text());
}

#[tokio::test]
async fn a_proxy_is_gone_through() {
    // Plain requests name the whole URL; CONNECT is refused, which is how it shows that it was sent.
    let proxy = website(|head| {
        if head.starts_with("CONNECT ") {
            return b"HTTP/1.1 407 Who are you\r\n\r\n".to_vec();
        }
        page("", head.as_bytes())
    })
    .await;
    let through = || {
        let mut settings = settings();
        settings.client.proxy = ProxySettings {
            url: Some(
                format!("http://joe:sesame@{}", proxy.address)
                    .parse()
                    .unwrap(),
            ),
            ..ProxySettings::default()
        };
        settings
    };
    let mut named = through();
    named.skip_resolve_phase_with_proxy = true;
    named.fail_if_body_not_matches = patterns(
        "(?i)^GET http://far.invalid:80/x HTTP/1.1\r\n(.*\r\n)*Proxy-Authorization: Basic ",
    );
    let result = ask(named, "http://far.invalid/x").await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_dns_lookup_time_seconds"), None);
    let reason = ask(through(), "https://localhost:1").await.reason.unwrap();
    assert_eq!(
        reason,
        "proxy: CONNECT 127.0.0.1:1 was answered with \"HTTP/1.1 407 Who are you\""
    );
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let good = Identity::until(2090);
    let acceptor = good.acceptor(&[b"h2", b"http/1.1"]);
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Some(stream) = accept(&acceptor, stream).await else {
                return;
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"http/1.1") {
                return respond(stream, |_| page("", b"old")).await;
            }
            let service =
                hyper::service::service_fn(async |_: hyper::Request<hyper::body::Incoming>| {
                    let body = http_body_util::Full::new(bytes::Bytes::from("new"));
                    Ok::<_, std::convert::Infallible>(hyper::Response::new(body))
                });
            let executor = hyper_util::rt::TokioExecutor::new();
            let stream = hyper_util::rt::TokioIo::new(stream);
            let builder = hyper::server::conn::http2::Builder::new(executor);
            builder.serve_connection(stream, service).await.ok();
        }
    })
    .await;
    let target = format!("https://localhost:{}", server.address.port());
    for (enable_http2, version) in [(true, 2.0), (false, 1.1)] {
        let mut settings = trusting(good.trusted());
        settings.client.enable_http2 = enable_http2;
        let result = ask(settings, &target).await;
        assert!(result.success, "{}", result.debug_text());
        assert_eq!(result.value("probe_http_version"), Some(version));
        assert_eq!(result.value("probe_http_content_length"), Some(3.0));
    }
}

#[tokio::test]
async fn a_condition_that_cannot_be_evaluated_is_no_success() {
    let settings = HttpSettings {
        unknown_condition: Some("fail_if_body_json_matches_cel".to_owned()),
        ..HttpSettings::default()
    };
    let result = probe(Prober::Http(Box::new(settings)), "http://127.0.0.1:1/").await;
    assert!(!result.success);
    assert_eq!(result.verdict, crate::Verdict::Unknown);
    let reason = result.reason.unwrap_or_default();
    assert!(reason.contains("fail_if_body_json_matches_cel"), "{reason}");
}
