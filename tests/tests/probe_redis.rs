//! Probes of a real Redis.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use bellwether_blackbox::peer::{Peer, listening, output};
use bellwether_blackbox::{eventually, free_port};
use bellwether_outbound::settings::{PemSource, Secret, SecretSource, TlsSettings};
use bellwether_probe::module::{AddressChoice, DatabaseRole, IpProtocol, RedisSettings};
use bellwether_probe::{Module, ProbeResult, Prober, Verdict, probe};
use bellwether_storage::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

async fn redis(folder: &Path, port: u16, settings: &[&str]) -> Result<Peer> {
    let mut command = Command::new("redis-server");
    command.current_dir(folder);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", ""]).args(settings);
    listening(command, folder, &format!("127.0.0.1:{port}")).await
}

fn settings() -> RedisSettings {
    RedisSettings {
        address: AddressChoice {
            preferred: IpProtocol::Ip4,
            fallback: false,
        },
        ..RedisSettings::default()
    }
}

fn with_password(user: Option<&str>, password: &str) -> RedisSettings {
    RedisSettings {
        user: user.map(str::to_owned),
        password: Some(SecretSource::Inline(Secret::new(password))),
        ..settings()
    }
}

fn with_role(role: DatabaseRole) -> RedisSettings {
    RedisSettings { role, ..settings() }
}

async fn ask(settings: RedisSettings, port: u16) -> ProbeResult {
    let module = Module::new(Prober::Redis(Box::new(settings)));
    let target = format!("127.0.0.1:{port}");
    probe(&module, &target, Duration::from_secs(10), &SystemClock).await
}

/// A connection that the server serves.
async fn served(port: u16) -> Result<TcpStream> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    connection.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).await?;
    let told = String::from_utf8_lossy(&answer);
    ensure!(told == "+PONG\r\n", "the server says {told:?}");
    Ok(connection)
}

/// Checks the verdict, the class and words of the reason.
fn check(result: &ProbeResult, verdict: Verdict, class: &str, reason: &str) -> Result<()> {
    let text = result.debug_text();
    let told = result.reason.as_deref().unwrap_or_default();
    let shown = format!("probe_redis_error{{class=\"{class}\"}} 1\n");
    ensure!(
        result.verdict == verdict
            && told.contains(reason)
            && (class.is_empty() || text.contains(&shown))
            && !text.contains("hunter2"),
        "want {verdict:?}, {class:?} because {reason:?}:\n{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_real_redis_signs_in_and_says_its_role() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let _open = redis(folder.path(), port, &[]).await?;
    check(&ask(settings(), port).await, Verdict::Up, "", "")?;
    let primary = with_role(DatabaseRole::Primary);
    check(&ask(primary, port).await, Verdict::Up, "", "")?;
    let replica = with_role(DatabaseRole::Replica);
    let reason = "the server's role is \"master\": want a replica";
    check(&ask(replica, port).await, Verdict::Down, "role", reason)?;

    let closed_port = free_port()?;
    let users = "--user default on >hunter2 ~* +@all --user probe on >hunter2-too +ping";
    let users: Vec<&str> = users.split(' ').collect();
    let _closed = redis(folder.path(), closed_port, &users).await?;
    let result = ask(settings(), closed_port).await;
    check(
        &result,
        Verdict::Down,
        "auth",
        "NOAUTH Authentication required",
    )?;
    let result = ask(with_password(None, "hunter2"), closed_port).await;
    check(&result, Verdict::Up, "", "")?;
    let probing = with_password(Some("probe"), "hunter2-too");
    // It may not ask for the role, and need not.
    check(&ask(probing, closed_port).await, Verdict::Up, "", "")?;
    let wrong = with_password(Some("probe"), "hunter2-not");
    check(
        &ask(wrong, closed_port).await,
        Verdict::Down,
        "auth",
        "WRONGPASS",
    )?;
    let strict = RedisSettings {
        role: DatabaseRole::Primary,
        ..with_password(Some("probe"), "hunter2-too")
    };
    check(
        &ask(strict, closed_port).await,
        Verdict::Down,
        "auth",
        "NOPERM",
    )?;
    let result = ask(settings(), free_port()?).await;
    check(&result, Verdict::Down, "refused", "Connection refused")
}

#[tokio::test]
async fn a_replica_without_its_primary_is_degraded_or_down() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let nobody = free_port()?.to_string();
    let (stale, strict) = (free_port()?, free_port()?);
    let following = ["--replicaof", "127.0.0.1", &nobody];
    let _stale = redis(folder.path(), stale, &following).await?;
    let result = ask(with_role(DatabaseRole::Replica), stale).await;
    let reason = "the replica has lost its primary";
    check(&result, Verdict::Degraded, "", reason)?;
    ensure!(result.value("probe_success") == Some(1.0));
    let careful = [&following[..], &["--replica-serve-stale-data", "no"]].concat();
    let _strict = redis(folder.path(), strict, &careful).await?;
    let result = ask(settings(), strict).await;
    check(&result, Verdict::Down, "master_down", "MASTERDOWN")
}

#[tokio::test]
async fn a_redis_that_is_full_or_loads_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let full = redis(folder.path(), port, &["--maxclients", "1"]).await?;
    // What found the server listening may have the one place for a moment yet.
    let held = eventually("the one place is taken", || served(port)).await?;
    let result = ask(settings(), port).await;
    let class = "too_many_connections";
    check(&result, Verdict::Down, class, "max number of clients")?;
    drop((held, full));

    let port = free_port()?;
    let first = redis(folder.path(), port, &[]).await?;
    let cli = |arguments: &[&str]| {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &port.to_string()]).args(arguments);
        command
    };
    output(&mut cli(&[
        "EVAL",
        "for i=1,2000 do redis.call('set', i, 'x') end",
        "0",
    ]))
    .await?;
    output(&mut cli(&["SAVE"])).await?;
    drop(first);
    let port = free_port()?;
    // Half a minute to load, in pieces after each of which connections are served.
    let slowly = [
        "--key-load-delay",
        "15000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    let _slow = redis(folder.path(), port, &slowly).await?;
    let result = ask(settings(), port).await;
    check(&result, Verdict::Down, "not_ready", "LOADING")
}

#[tokio::test]
async fn a_real_redis_is_probed_over_tls() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let (port, plain) = (free_port()?, free_port()?);
    let tls_port = port.to_string();
    let tls = [
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        "crt",
        "--tls-key-file",
        "key",
        "--tls-auth-clients",
        "no",
    ];
    let _server = redis(folder.path(), plain, &tls).await?;
    let with = |ca| RedisSettings {
        tls: true,
        tls_config: TlsSettings {
            ca,
            ..TlsSettings::default()
        },
        ..settings()
    };
    let trusted = Some(PemSource::File(certificate));
    let result = ask(with(trusted), port).await;
    check(&result, Verdict::Up, "", "")?;
    ensure!(result.value("probe_ssl_earliest_cert_expiry").is_some());
    check(
        &ask(with(None), port).await,
        Verdict::Down,
        "tls",
        "TLS handshake",
    )
}
