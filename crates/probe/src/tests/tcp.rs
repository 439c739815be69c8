//! `tcp` and `unix`.

use std::time::Duration;

use bellwether_storage::ManualClock;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

use super::kit::{IP4, Identity, LONG, accept, probe, refused, serve};
use crate::module::{Expectation, Pattern, QueryResponse, TcpSettings, UnixSettings};
use crate::{Module, Prober, Verdict};

fn settings() -> TcpSettings {
    TcpSettings {
        address: IP4,
        ..TcpSettings::default()
    }
}

fn line(pattern: &str, send: &str) -> QueryResponse {
    QueryResponse {
        expect: Expectation::Line(Pattern::new(pattern).unwrap()),
        send: send.as_bytes().to_vec(),
        ..QueryResponse::default()
    }
}

fn send(text: &str) -> QueryResponse {
    QueryResponse {
        send: text.as_bytes().to_vec(),
        ..QueryResponse::default()
    }
}

#[tokio::test]
async fn a_port_that_listens_is_up_and_one_that_does_not_is_down() {
    let server = serve(|_| async {}).await;
    let result = probe(Prober::Tcp(settings()), &server.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.reason, None);
    assert_eq!(result.value("probe_success"), Some(1.0));
    assert_eq!(result.value("probe_ip_protocol"), Some(4.0));
    assert_eq!(result.value("probe_failed_due_to_regex"), Some(0.0));
    let phases: Vec<_> = result.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(phases, ["resolve", "connect"]);

    let result = probe(Prober::Tcp(settings()), &refused().to_string()).await;
    assert!(!result.success);
    assert_eq!(result.value("probe_success"), Some(0.0));
    let reason = result.reason.unwrap();
    assert!(
        reason.starts_with("cannot connect to 127.0.0.1:"),
        "{reason}"
    );
    assert!(!result.phases.last().unwrap().finished);
}

#[tokio::test]
async fn targets_that_name_nothing_fail_with_a_reason() {
    for (target, want) in [
        ("localhost", "has no port"),
        ("localhost:http", "has no port from 0 to 65535"),
        (":80", "names no host"),
        ("no-such-name.invalid:80", "no address for"),
    ] {
        let result = probe(Prober::Tcp(settings()), target).await;
        assert!(!result.success);
        let reason = result.reason.unwrap();
        assert!(reason.contains(want), "{target}: {reason}");
    }
    let result = probe(Prober::Tcp(settings()), "[::1]:80").await;
    let reason = result.reason.unwrap();
    assert_eq!(reason, "\"::1\" has no ip4 address");
}

#[tokio::test]
async fn a_conversation_fills_in_what_it_heard() {
    let server = serve(|stream| async move {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "NICK prober\n");
        stream.write_all(b":noise\r\nPING :42\r\n").await.unwrap();
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "PONG 42\n");
        stream.write_all(b":irc 001 welcome").await.unwrap();
    })
    .await;
    let mut ping = line("PING :([^ ]+)", "PONG ${1}");
    ping.labels = vec![("token".to_owned(), "t$1".to_owned())];
    let prober = Prober::Tcp(TcpSettings {
        query_response: vec![send("NICK prober"), ping, line("^:[^ ]+ 001", "")],
        ..settings()
    });
    let result = probe(prober, &server.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
    let text = result.exposition();
    assert!(
        text.contains("probe_expect_info{token=\"t42\"} 1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn what_does_not_come_fails_the_probe_and_says_so() {
    let server = serve(|mut stream| async move {
        stream.write_all(b"220 other\r\nbye\r\n").await.unwrap();
    })
    .await;
    let target = server.address.to_string();
    let talk = |step| TcpSettings {
        query_response: vec![step],
        ..settings()
    };
    let result = probe(Prober::Tcp(talk(line("^220 ESMTP", ""))), &target).await;
    assert_eq!(result.value("probe_failed_due_to_regex"), Some(1.0));
    assert_eq!(
        result.reason.as_deref(),
        Some("step 1: no line matched \"^220 ESMTP\", the last one was \"bye\"")
    );
    let bytes = |text: &str| QueryResponse {
        expect: Expectation::Bytes(text.as_bytes().to_vec()),
        ..QueryResponse::default()
    };
    let result = probe(Prober::Tcp(talk(bytes("220"))), &target).await;
    assert!(result.success, "{}", result.debug_text());
    let result = probe(Prober::Tcp(talk(bytes("221"))), &target).await;
    assert_eq!(result.value("probe_failed_due_to_bytes"), Some(1.0));
    assert_eq!(
        result.reason.as_deref(),
        Some("step 1: wanted bytes \"221\", got \"220\"")
    );
}

#[tokio::test]
async fn tls_is_checked_and_measured() {
    let good = Identity::until(2090);
    let acceptor = good.acceptor(&[]);
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            accept(&acceptor, stream).await;
        }
    })
    .await;
    let target = format!("localhost:{}", server.address.port());
    let tls = |tls_config| {
        Prober::Tcp(TcpSettings {
            tls: true,
            tls_config,
            ..settings()
        })
    };
    let result = probe(tls(good.trusted()), &target).await;
    assert!(result.success, "{}", result.debug_text());
    let text = result.exposition();
    assert!(
        text.contains("probe_tls_version_info{version=\"TLS 1.3\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("probe_ssl_earliest_cert_expiry 3.786912e+09\n"),
        "{text}"
    );
    let chain = "probe_ssl_last_chain_expiry_timestamp_seconds 3.786912e+09\n";
    assert!(text.contains(chain), "{text}");
    assert!(
        text.contains("subject=\"CN=localhost\",subjectalternative=\"localhost\""),
        "{text}"
    );

    // Nobody vouches for it: no metrics of TLS, as there was no handshake.
    let result = probe(tls(Identity::until(2090).trusted()), &target).await;
    let reason = result.reason.clone().unwrap();
    assert!(
        reason.contains("TLS handshake with \"localhost\""),
        "{reason}"
    );
    assert_eq!(result.value("probe_tls_version_info"), None);
    assert_eq!(result.phases.last().unwrap().name, "tls");

    let mut careless = good.trusted();
    careless.insecure_skip_verify = true;
    let result = probe(tls(careless), &target).await;
    assert!(result.success);
    let none = result.value("probe_ssl_last_chain_expiry_timestamp_seconds");
    assert_eq!(none, Some(-62_135_596_800.0));
    assert_eq!(result.value("probe_degraded"), None);
}

#[tokio::test]
async fn a_certificate_that_ends_soon_degrades() {
    let identity = Identity::until(2090);
    let acceptor = identity.acceptor(&[]);
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            accept(&acceptor, stream).await;
        }
    })
    .await;
    let target = format!("localhost:{}", server.address.port());
    let prober = Prober::Tcp(TcpSettings {
        tls: true,
        tls_config: identity.trusted(),
        ..settings()
    });
    // The beginning of 2090 in seconds, and 10 days before.
    let clock = ManualClock::new((3_786_912_000 - 864_000) * 1_000);
    let wanting = |days: u64| {
        let lifetime_min = Some(Duration::from_secs(days * 86_400));
        Module {
            certificate_lifetime_min: lifetime_min,
            ..Module::new(prober.clone())
        }
    };
    let result = crate::probe(&wanting(11), &target, LONG, &clock).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.verdict, Verdict::Degraded);
    assert_eq!(
        result.reason.as_deref(),
        Some("a certificate of the target ends in 10.0 days, sooner than 11.0")
    );
    assert_eq!(result.value("probe_degraded"), Some(1.0));
    let result = crate::probe(&wanting(9), &target, LONG, &clock).await;
    assert_eq!(result.verdict, Verdict::Up);
    assert_eq!(result.value("probe_degraded"), Some(0.0));
}

#[tokio::test]
async fn a_password_in_a_target_is_not_shown() {
    let result = probe(Prober::Tcp(settings()), "tcp://joe:hunter2@nowhere").await;
    let text = result.debug_text();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("tcp://joe:xxxxx@nowhere"), "{text}");
}

#[tokio::test]
async fn a_password_too_short_to_be_looked_for_is_not_shown_either() {
    let probers = [
        Prober::Http(Box::default()),
        Prober::Grpc(Box::default()),
        Prober::WebSocket(Box::default()),
        Prober::Mcp(Box::default()),
        Prober::Llm(Box::default()),
        Prober::Tcp(settings()),
    ];
    for prober in probers {
        for target in [
            "http://joe:abc@a:70000",
            "ftp://joe:abc@a",
            "joe:abc@",
            "joe:abc@a",
        ] {
            let text = probe(prober.clone(), target).await.debug_text();
            assert!(!text.contains(":abc@"), "{target}: {text}");
        }
    }
}

#[tokio::test]
async fn tls_begins_in_the_middle_of_a_conversation() {
    let good = Identity::until(2090);
    let acceptor = good.acceptor(&[]);
    let server = serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            stream.write_all(b"* OK STARTTLS\r\n").await.unwrap();
            let mut request = [0; 11];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b". OK go\r\n").await.unwrap();
            let mut stream = accept(&acceptor, stream).await.unwrap();
            stream
                .write_all(b"* CAPABILITY IMAP4rev1\r\n")
                .await
                .unwrap();
            stream.shutdown().await.ok();
        }
    })
    .await;
    let starttls = QueryResponse {
        starttls: true,
        ..QueryResponse::default()
    };
    let prober = Prober::Tcp(TcpSettings {
        query_response: vec![
            line("OK.*STARTTLS", ". STARTTLS"),
            line("OK", ""),
            starttls,
            line("CAPABILITY IMAP4rev1", ""),
        ],
        tls_config: good.trusted(),
        ..settings()
    });
    let result = probe(prober, &format!("localhost:{}", server.address.port())).await;
    assert!(result.success, "{}", result.debug_text());
    assert!(result.value("probe_ssl_earliest_cert_expiry").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_probe_ends_by_its_time_out_and_says_where_it_was() {
    // The conversation hangs; with paused time the bound comes when nothing else can happen.
    let server = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let prober = Prober::Tcp(TcpSettings {
        query_response: vec![line("hello", "")],
        ..settings()
    });
    let timeout = std::time::Duration::from_secs(5);
    let clock = bellwether_storage::SystemClock;
    let target = server.address.to_string();
    let result = crate::probe(&Module::new(prober), &target, timeout, &clock).await;
    assert!(!result.success);
    let reason = result.reason.unwrap();
    assert!(reason.starts_with("timed out after 5s"), "{reason}");
}

#[tokio::test]
async fn a_unix_socket_is_probed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 5];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(b"PONG\n").await.unwrap();
    });
    let prober = Prober::Unix(UnixSettings {
        query_response: vec![send("PING"), line("PONG", "")],
        ..UnixSettings::default()
    });
    let result = probe(prober.clone(), path.to_str().unwrap()).await;
    assert!(result.success, "{}", result.debug_text());
    server.await.unwrap();
    let result = probe(prober, "/no/such/socket").await;
    assert!(result.reason.unwrap().contains("cannot connect to"));
}
