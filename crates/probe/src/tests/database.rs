//! `postgres` and `redis` with scripted servers; real ones are probed in `tests/probe_interop.rs`.

use bellwether_outbound::settings::{Secret, SecretSource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::kit::{IP4, Identity, Server, accept, probe, refused, serve};
use crate::module::{DatabaseRole, PostgresSettings, PostgresSslMode, RedisSettings};
use crate::{ProbeResult, Prober, Verdict};

fn hunter2() -> Option<SecretSource> {
    Some(SecretSource::Inline(Secret::new("hunter2")))
}

fn class<'r>(result: &'r ProbeResult, metric: &str) -> &'r str {
    let found = result.metrics.iter().find(|it| it.name == metric);
    found.map_or("", |it| it.labels[0].1.as_str())
}

/// Answers each piece that it reads with the next answer.
async fn scripted(answers: &[&str]) -> Server {
    let answers: Vec<String> = answers.iter().map(|it| (*it).to_owned()).collect();
    serve(move |mut stream| {
        let answers = answers.clone();
        async move {
            for answer in answers {
                let mut piece = [0; 4096];
                if stream.read(&mut piece).await.unwrap_or(0) == 0 {
                    return;
                }
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

async fn redis(settings: RedisSettings, target: &str) -> ProbeResult {
    let settings = RedisSettings {
        address: IP4,
        ..settings
    };
    probe(Prober::Redis(Box::new(settings)), target).await
}

#[tokio::test]
async fn a_redis_says_how_it_is() {
    let check =
        async |settings: RedisSettings, answers: &[&str], verdict, shown: &str, reason: &str| {
            let server = scripted(answers).await;
            let result = redis(settings, &server.address.to_string()).await;
            let text = result.debug_text();
            assert_eq!(result.verdict, verdict, "{text}");
            assert_eq!(class(&result, "probe_redis_error"), shown, "{text}");
            let told = result.reason.as_deref().unwrap_or_default();
            assert!(told.contains(reason), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        };
    let any = RedisSettings::default;
    let primary = || RedisSettings {
        role: DatabaseRole::Primary,
        ..any()
    };
    let secret = || RedisSettings {
        user: Some("probe".to_owned()),
        password: hunter2(),
        ..any()
    };
    let (up, degraded, down) = (Verdict::Up, Verdict::Degraded, Verdict::Down);
    let master = &bulk("role:master\r\nconnected_slaves:1\r\n");
    check(primary(), &["+PONG\r\n", master], up, "", "").await;
    let lost = &bulk("role:slave\r\nmaster_link_status:down\r\n");
    let reason = "the replica has lost its primary";
    check(any(), &["+PONG\r\n", lost], degraded, "", reason).await;
    let reason = "the server's role is \"slave\": want a primary";
    check(primary(), &["+PONG\r\n", lost], down, "role", reason).await;
    let noperm = "-NOPERM no permissions to run 'info'\r\n";
    check(any(), &["+PONG\r\n", noperm], up, "", "").await;
    check(
        primary(),
        &["+PONG\r\n", noperm],
        down,
        "auth",
        "INFO was refused",
    )
    .await;
    check(
        secret(),
        &["-WRONGPASS invalid hunter2\r\n"],
        down,
        "auth",
        "<secret>",
    )
    .await;
    check(
        any(),
        &["-NOAUTH Authentication required.\r\n"],
        down,
        "auth",
        "NOAUTH",
    )
    .await;
    check(
        any(),
        &["-LOADING Redis is loading\r\n"],
        down,
        "not_ready",
        "LOADING",
    )
    .await;
    check(
        any(),
        &["-MASTERDOWN Link\r\n"],
        down,
        "master_down",
        "MASTERDOWN",
    )
    .await;
    check(
        any(),
        &["-MISCONF Errors\r\n"],
        down,
        "cannot_persist",
        "MISCONF",
    )
    .await;
    let full = "-ERR max number of clients reached\r\n";
    check(any(), &[full], down, "too_many_connections", "max number").await;
    check(
        any(),
        &["HTTP/1.1 400 Bad\r\n"],
        down,
        "bad_answer",
        "none of Redis",
    )
    .await;
    check(
        any(),
        &["$99999999\r\n"],
        down,
        "bad_answer",
        "more than 1048576",
    )
    .await;
    check(
        any(),
        &[""],
        down,
        "network",
        "the server closed the connection",
    )
    .await;
    let result = redis(any(), &refused().to_string()).await;
    assert_eq!(class(&result, "probe_redis_error"), "refused");
}

#[tokio::test]
async fn redis_is_spoken_over_tls() {
    let identity = Identity::until(2090);
    let acceptor = identity.acceptor(&[]);
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Some(mut stream) = accept(&acceptor, stream).await else {
                return;
            };
            for answer in [b"+PONG\r\n".as_slice(), b"$13\r\nrole:master\r\n\r\n"] {
                assert!(stream.read(&mut [0; 100]).await.unwrap() > 0);
                stream.write_all(answer).await.unwrap();
            }
        }
    })
    .await;
    let target = format!("localhost:{}", server.address.port());
    let settings = |tls_config| RedisSettings {
        tls: true,
        tls_config,
        ..RedisSettings::default()
    };
    let result = redis(settings(identity.trusted()), &target).await;
    assert!(result.success, "{}", result.debug_text());
    assert!(result.value("probe_ssl_earliest_cert_expiry").is_some());
    let result = redis(settings(Identity::until(2090).trusted()), &target).await;
    assert_eq!(class(&result, "probe_redis_error"), "tls");
}

async fn postgres(sslmode: PostgresSslMode, target: &str) -> ProbeResult {
    let settings = PostgresSettings {
        address: IP4,
        sslmode,
        password: hunter2(),
        ..PostgresSettings::default()
    };
    let result = probe(Prober::Postgres(Box::new(settings)), target).await;
    let text = result.debug_text();
    assert!(!text.contains("hunter2"), "{text}");
    result
}

#[tokio::test]
async fn a_postgres_that_is_none_or_says_too_much_fails() {
    use PostgresSslMode::{Disable, Require};
    let class = |result: &ProbeResult| class(result, "probe_postgres_error").to_owned();
    let result = postgres(Disable, &refused().to_string()).await;
    assert_eq!(class(&result), "refused");
    let server = scripted(&["N"]).await;
    let result = postgres(Require, &server.address.to_string()).await;
    assert_eq!(class(&result), "tls", "{}", result.debug_text());
    let server = scripted(&["HTTP/1.1 400 Bad Request\r\n\r\n"]).await;
    let result = postgres(Disable, &server.address.to_string()).await;
    assert_eq!(result.verdict, Verdict::Down);
    assert_eq!(class(&result), "network", "{}", result.debug_text());
    // A parameter that goes on for a gigabyte.
    let server = serve(|mut stream| async move {
        assert!(stream.read(&mut [0; 1000]).await.unwrap() > 0);
        stream.write_all(b"S\x3f\xff\xff\xff").await.ok();
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let result = postgres(Disable, &server.address.to_string()).await;
    let reason = result.reason.unwrap();
    assert!(reason.contains("the server sends too much"), "{reason}");
    let result = postgres(Disable, "postgres://joe:hunter2@db/x").await;
    assert_eq!(class(&result), "settings");
}
