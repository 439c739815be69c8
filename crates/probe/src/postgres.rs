//! `postgres`: the protocol's start, TLS, signing in, one statement and its value.
//!
//! ## Limits
//! A server may send [`BYTES_MAX`] bytes. Of the answer the first column of the first row is looked at.
//!
//! ## Failure
//! `probe_postgres_error{class}`: `refused`, `network`, `tls`, `auth`, `not_ready` (57P03 and shutting
//! down), `too_many_connections` (53300), `database` (it is not there), `query`, `bad_answer`, `role`,
//! `settings`.

mod stream;

use std::pin::pin;
use std::sync::Arc;

use bellwether_storage::Clock;
use futures::TryStreamExt as _;
use parking_lot::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_util::task::AbortOnDropHandle;

use self::stream::{Bounded, Tls};
use crate::api::excerpt;
use crate::connection::{TlsMetrics, record_tls};
use crate::database::{
    AUTH, BAD_ANSWER, DatabaseTarget, NETWORK, NOT_READY, ROLE, SETTINGS, TLS,
    TOO_MANY_CONNECTIONS, Trouble,
};
use crate::http::exchange::causes;
use crate::module::{DatabaseRole, PostgresSettings, PostgresSslMode};
use crate::program::exposed;
use crate::recorder::{Failure, Gauge, Recorder};

const DURATION: Gauge = Gauge::new(
    "probe_postgres_duration_seconds",
    "How long each phase took.",
);
const ERROR: Gauge = Gauge::new("probe_postgres_error", "What went wrong, by class.");
const INFO: Gauge = Gauge::new("probe_postgres_info", "The version of the server.");
const IN_RECOVERY: Gauge = Gauge::new(
    "probe_postgres_in_recovery",
    "Whether the server follows another or recovers, and takes no writes.",
);

/// Chosen: a health query gives one value.
const BYTES_MAX: usize = 4 << 20;
/// The named database is not there.
const DATABASE: &str = "database";
/// The statement failed.
const QUERY: &str = "query";

pub(crate) async fn probe_postgres(
    recorder: &mut Recorder,
    settings: &PostgresSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.may_degrade();
    let outcome = ask(recorder, settings, target, clock).await;
    outcome.map_err(|trouble| trouble.record(recorder, ERROR))
}

async fn ask(
    recorder: &mut Recorder,
    settings: &PostgresSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Trouble> {
    let (client, _driver) = sign_in(recorder, settings, target, clock).await?;
    recorder.begin(Some(DURATION), "query");
    let value = first_value(&client, &settings.query).await?;
    recorder.end();
    let shown = value.as_deref().unwrap_or("NULL");
    recorder.note(format!("the statement gives {:?}", excerpt(shown)));
    recorder.begin(Some(DURATION), "role");
    let recovering = first_value(&client, "SELECT pg_is_in_recovery()").await?;
    recorder.end();
    let is_replica = recovering.as_deref() == Some("t");
    recorder.set_bool(IN_RECOVERY, is_replica);
    if let Some(pattern) = &settings.expect
        && !pattern.is_match(shown)
    {
        let reason = format!(
            "the statement gives {:?}, which does not match {:?}",
            excerpt(shown),
            pattern.text()
        );
        return Err(Trouble::new(BAD_ANSWER, reason));
    }
    match (settings.role, is_replica) {
        (DatabaseRole::Primary, true) => Err(Trouble::new(
            ROLE,
            "the server is in recovery: want a primary",
        )),
        (DatabaseRole::Replica, false) => Err(Trouble::new(
            ROLE,
            "the server is a primary: want a replica",
        )),
        _ => Ok(()),
    }
}

async fn sign_in(
    recorder: &mut Recorder,
    settings: &PostgresSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(Client, AbortOnDropHandle<()>), Trouble> {
    let mut config = Config::new();
    config
        .user(&settings.user)
        .application_name("bellwether-probe");
    if let Some(password) = &settings.password {
        let password = exposed(recorder, "password", password).map_err(Trouble::of(SETTINGS))?;
        config.password(password);
    }
    if !settings.database.is_empty() {
        config.dbname(&settings.database);
    }
    let mut tls_settings = settings.tls_config.clone();
    config.ssl_mode(match settings.sslmode {
        PostgresSslMode::Disable => SslMode::Disable,
        PostgresSslMode::Prefer => SslMode::Prefer,
        PostgresSslMode::Require | PostgresSslMode::VerifyFull => SslMode::Require,
    });
    if settings.sslmode != PostgresSslMode::VerifyFull && tls_settings.ca.is_none() {
        tls_settings.insecure_skip_verify = true;
    }
    let to = DatabaseTarget {
        target,
        usual_port: 5432,
        address: settings.address,
        phases: DURATION,
    };
    let (connection, host) = to.connect(recorder).await?;
    let facts = Arc::new(Mutex::new(None));
    let tls = Tls {
        host,
        settings: tls_settings.clone(),
        facts: Arc::clone(&facts),
    };
    recorder.begin(Some(DURATION), "startup");
    let stream = Bounded::new(connection, BYTES_MAX);
    let started = config.connect_raw(stream, tls).await;
    if let Some(facts) = facts.lock().take() {
        let metrics = TlsMetrics {
            cipher: false,
            chain_expiry: true,
        };
        record_tls(recorder, &facts, &tls_settings, clock, metrics);
    }
    let (client, connection) = started.map_err(|error| trouble(&error, NETWORK))?;
    recorder.end();
    if let Some(version) = connection.parameter("server_version") {
        recorder.note(format!("PostgreSQL {version}"));
        recorder.set_labelled(INFO, &[("version", version)], 1.0);
    }
    let driver = tokio::spawn(async move {
        // Its errors reach whoever waits for an answer.
        connection.await.ok();
    });
    Ok((client, AbortOnDropHandle::new(driver)))
}

/// The first column of the first row of a statement, as text. It runs in a transaction that takes no
/// writes and is rolled back.
async fn first_value(client: &Client, statement: &str) -> Result<Option<String>, Trouble> {
    let failed = |error: Error| trouble(&error, QUERY);
    client
        .batch_execute("BEGIN READ ONLY")
        .await
        .map_err(failed)?;
    let mut first = None;
    {
        let mut messages = pin!(client.simple_query_raw(statement).await.map_err(failed)?);
        let mut is_seen = false;
        while let Some(message) = messages.try_next().await.map_err(failed)? {
            if let SimpleQueryMessage::Row(row) = message
                && !is_seen
            {
                is_seen = true;
                let value = if row.is_empty() { None } else { row.get(0) };
                first = value.map(str::to_owned);
            }
        }
        if !is_seen {
            let reason = "the statement gives no row";
            return Err(Trouble::new(BAD_ANSWER, reason));
        }
    }
    client.batch_execute("ROLLBACK").await.map_err(failed)?;
    Ok(first)
}

/// What an error means. `class` is for those that the server has no code for, or an unknown one.
fn trouble(error: &Error, class: &'static str) -> Trouble {
    let Some(told) = error.as_db_error() else {
        let text = causes(error);
        let class = match () {
            () if text.contains("TLS") => TLS,
            () if text.contains("password") || text.contains("authentication") => AUTH,
            () if error.is_closed() => NETWORK,
            () => class,
        };
        return Trouble::new(class, text);
    };
    let code = told.code();
    let known = [
        (SqlState::CANNOT_CONNECT_NOW, NOT_READY),
        (SqlState::ADMIN_SHUTDOWN, NOT_READY),
        (SqlState::CRASH_SHUTDOWN, NOT_READY),
        (SqlState::TOO_MANY_CONNECTIONS, TOO_MANY_CONNECTIONS),
        (SqlState::INVALID_PASSWORD, AUTH),
        (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, AUTH),
        (SqlState::INVALID_CATALOG_NAME, DATABASE),
    ];
    let class = known
        .iter()
        .find_map(|(known, class)| (known == code).then_some(*class));
    let text = format!("{} ({})", excerpt(told.message()), code.code());
    Trouble::new(class.unwrap_or(QUERY), text)
}
