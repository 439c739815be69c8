//! Probes of a real PostgreSQL.

use anyhow::{Result, ensure};
use bellwether_blackbox::postgres::PostgresServer;
use bellwether_blackbox::probing::{IP4, check, contains, hunter2, probe};
use bellwether_blackbox::{eventually, free_port};
use bellwether_outbound::settings::{PemSource, Secret, SecretSource, TlsSettings};
use bellwether_probe::module::{DatabaseRole, Pattern, PostgresSettings, PostgresSslMode};
use bellwether_probe::{ProbeResult, Prober, Verdict};

fn is_shown(text: &str, metric: &str, class: &str) -> Result<()> {
    contains(text, &format!("{metric}{{class=\"{class}\"}} 1\n"))
}

fn postgres_as(user: &str) -> PostgresSettings {
    PostgresSettings {
        address: IP4,
        user: user.to_owned(),
        password: hunter2(),
        database: "postgres".to_owned(),
        ..PostgresSettings::default()
    }
}

async fn ask_postgres(settings: PostgresSettings, port: u16) -> ProbeResult {
    let target = format!("127.0.0.1:{port}");
    probe(Prober::Postgres(Box::new(settings)), &target).await
}

/// Roles that sign in in different ways.
async fn make_roles(server: &PostgresServer) -> Result<()> {
    for statement in [
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE scram LOGIN PASSWORD 'hunter2'",
        "SET password_encryption = 'md5'; CREATE ROLE digest LOGIN PASSWORD 'hunter2'",
        "CREATE ROLE full_up LOGIN CONNECTION LIMIT 0",
    ] {
        server.sql(statement).await?;
    }
    let rules = "host all bellwether,full_up 127.0.0.1/32 trust\n\
        host all digest 127.0.0.1/32 md5\n\
        host all scram 127.0.0.1/32 scram-sha-256\n";
    std::fs::write(server.data.join("pg_hba.conf"), rules)?;
    server.sql("SELECT pg_reload_conf()").await?;
    Ok(())
}

#[tokio::test]
async fn a_real_postgres_is_probed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = PostgresServer::start(folder.path()).await?;
    make_roles(&server).await?;
    let wrong = || PostgresSettings {
        password: Some(SecretSource::Inline(Secret::new("hunter2 and more"))),
        ..postgres_as("scram")
    };
    let refused = eventually("the new rules count", || async {
        let result = ask_postgres(wrong(), server.port).await;
        check(&result, Verdict::Down, "password authentication failed")
    });
    is_shown(&refused.await?, "probe_postgres_error", "auth")?;
    let trusted = TlsSettings {
        ca: Some(PemSource::File(server.certificate.clone())),
        ..TlsSettings::default()
    };
    use PostgresSslMode::{Disable, Prefer, Require, VerifyFull};
    for (user, sslmode, tls_config) in [
        ("scram", Disable, TlsSettings::default()),
        ("digest", Disable, TlsSettings::default()),
        ("scram", Prefer, TlsSettings::default()),
        ("digest", Require, TlsSettings::default()),
        ("scram", VerifyFull, trusted),
    ] {
        let settings = PostgresSettings {
            sslmode,
            tls_config,
            query: "SELECT 40 + 2".to_owned(),
            expect: Some(Pattern::new("^42$")?),
            role: DatabaseRole::Primary,
            ..postgres_as(user)
        };
        let text = check(&ask_postgres(settings, server.port).await, Verdict::Up, "")?;
        contains(&text, "probe_postgres_in_recovery 0\n")?;
        contains(&text, "probe_postgres_info{version=\"")?;
        let is_encrypted = text.contains("probe_tls_version_info");
        ensure!(is_encrypted == (sslmode != Disable), "{sslmode:?}:\n{text}");
    }
    let base = || postgres_as("bellwether");
    for (settings, class, reason) in [
        (
            PostgresSettings {
                sslmode: VerifyFull,
                ..base()
            },
            "tls",
            "error performing TLS handshake",
        ),
        (
            PostgresSettings {
                database: "gone".to_owned(),
                ..base()
            },
            "database",
            "database \"gone\" does not exist (3D000)",
        ),
        (postgres_as("full_up"), "too_many_connections", "(53300)"),
        (
            PostgresSettings {
                query: "SELECT".to_owned() + " 1/0",
                ..base()
            },
            "query",
            "division by zero (22012)",
        ),
        (
            PostgresSettings {
                query: "CREATE TABLE x (y int)".to_owned(),
                ..base()
            },
            "query",
            "read-only transaction",
        ),
        (
            PostgresSettings {
                expect: Some(Pattern::new("^2$")?),
                ..base()
            },
            "bad_answer",
            "the statement gives \"1\", which does not match \"^2$\"",
        ),
        (
            PostgresSettings {
                role: DatabaseRole::Replica,
                ..base()
            },
            "role",
            "the server is a primary: want a replica",
        ),
        (
            PostgresSettings {
                password: None,
                ..postgres_as("scram")
            },
            "auth",
            "password missing",
        ),
    ] {
        let text = check(
            &ask_postgres(settings, server.port).await,
            Verdict::Down,
            reason,
        )?;
        is_shown(&text, "probe_postgres_error", class)?;
    }
    let result = ask_postgres(base(), free_port()?).await;
    let text = check(&result, Verdict::Down, "Connection refused")?;
    is_shown(&text, "probe_postgres_error", "refused")
}

#[tokio::test]
async fn a_postgres_that_recovers_is_not_ready_or_a_replica() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = PostgresServer::start(folder.path()).await?;
    std::fs::write(server.data.join("standby.signal"), "")?;
    server.restart(&["hot_standby=off"]).await?;
    let not_ready = eventually("the server says that it is not ready", || async {
        let result = ask_postgres(postgres_as("bellwether"), server.port).await;
        check(&result, Verdict::Down, "(57P03)")
    });
    is_shown(&not_ready.await?, "probe_postgres_error", "not_ready")?;
    server.restart(&["hot_standby=on"]).await?;
    server.ready().await?;
    let with = |role| PostgresSettings {
        role,
        ..postgres_as("bellwether")
    };
    let result = ask_postgres(with(DatabaseRole::Replica), server.port).await;
    let text = check(&result, Verdict::Up, "")?;
    contains(&text, "probe_postgres_in_recovery 1\n")?;
    let result = ask_postgres(with(DatabaseRole::Primary), server.port).await;
    let text = check(
        &result,
        Verdict::Down,
        "the server is in recovery: want a primary",
    )?;
    is_shown(&text, "probe_postgres_error", "role")
}
