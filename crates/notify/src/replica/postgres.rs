//! The lease and the log as two tables of a PostgreSQL.
//!
//! ## Model
//! A row of `bellwether_lease` is the lease; it ends by the server's clock, whatever those of the
//! replicas say. `bellwether_replica_log` holds the last word about each place. Every append takes
//! its numbers from the row of the lease, whose lock puts appends in one order and refuses tokens
//! that are too small.
//!
//! ## Invariants
//! Each call is one statement, so that it happens whole or not at all, and connections may go through
//! a pooler. Lease and log have a connection each: a slow append holds up no renewal.
//!
//! ## Failure
//! After an error or no answer within `STATEMENT_TIME` the connection is dropped and made anew by
//! the next call.
//!
//! ## Limits
//! `sslmode` is `disable`, `prefer` (encrypted where the server can, whoever it is, as libpq does) or
//! `require`, which checks the certificate, by the system's authorities where the settings name none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::settings::{Secret, TlsSettings};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Row};

use self::tls::Tls;
use super::lease::{Lease, LeaseState, ReplicaError};
use crate::runner::BoxFuture;

mod log;
mod tls;

pub use self::log::PostgresLog;

/// How long one call may take, connecting included. Chosen: a healthy server takes milliseconds.
const STATEMENT_TIME: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS bellwether_lease (
  lease text PRIMARY KEY,
  holder text NOT NULL,
  token bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  sequence bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS bellwether_replica_log (
  lease text NOT NULL,
  area smallint NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  token bigint NOT NULL,
  replica text NOT NULL,
  expires_ms bigint NOT NULL,
  sequence bigint NOT NULL,
  PRIMARY KEY (lease, area, key)
);
CREATE INDEX IF NOT EXISTS bellwether_replica_log_sequence
  ON bellwether_replica_log (lease, sequence);
";

/// The row of a lease, made where it is not there; one that was removed goes on where it was.
const MAKE_ROW: &str = "
INSERT INTO bellwether_lease (lease, holder, token, expires_at, sequence)
SELECT $1, '', GREATEST($2, coalesce(max(token), 0)), '-infinity', coalesce(max(sequence), 0)
FROM bellwether_replica_log WHERE lease = $1
ON CONFLICT DO NOTHING";

const ACQUIRE: &str = "
UPDATE bellwether_lease SET
  holder = $2,
  token = CASE WHEN holder = $2 THEN token ELSE GREATEST(token, $3) + 1 END,
  expires_at = now() + $4 * interval '1 millisecond'
WHERE lease = $1 AND (holder = $2 OR holder = '' OR expires_at <= now())
RETURNING token";

const HOLDER: &str = "SELECT holder, token FROM bellwether_lease WHERE lease = $1";

const RELEASE: &str = "
UPDATE bellwether_lease SET holder = '', expires_at = '-infinity'
WHERE lease = $1 AND holder = $2";

/// A server with the tables of leases.
#[derive(Clone)]
pub struct Postgres {
    config: Config,
    tls: Tls,
    lease: String,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl Postgres {
    /// Reads a URL. Connects to nobody yet.
    ///
    /// # Errors
    /// Where the URL makes no sense.
    pub fn new(url: &Secret, tls: &TlsSettings, lease: &str) -> Result<Self, ReplicaError> {
        let mut config: Config = url.expose().parse().map_err(|error| invalid_url(&error))?;
        if config.get_hosts().is_empty() {
            return Err(ReplicaError::Invalid(
                "the URL of PostgreSQL names no host".to_owned(),
            ));
        }
        config.connect_timeout(STATEMENT_TIME);
        if config.get_application_name().is_none() {
            config.application_name("bellwether");
        }
        let mut tls = tls.clone();
        if config.get_ssl_mode() == SslMode::Prefer && tls == TlsSettings::default() {
            tls.insecure_skip_verify = true;
        }
        Ok(Self {
            config,
            tls: Tls::new(tls),
            lease: lease.to_owned(),
        })
    }
}

/// What is wrong with the URL, without showing it: it holds a password.
fn invalid_url(error: &tokio_postgres::Error) -> ReplicaError {
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), |e| e.to_string());
    ReplicaError::Invalid(format!(
        "the URL of PostgreSQL makes no sense ({why}): want postgresql://user:password@host/database"
    ))
}

/// The reasons of an error, outermost first.
fn text(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        return format!("{} ({})", database.message(), database.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// One connection, made when it is needed.
#[derive(Debug)]
struct Connection {
    postgres: Postgres,
    /// Held for one call.
    client: tokio::sync::Mutex<Option<Session>>,
}

/// A client and the task that moves its bytes.
struct Session {
    client: Client,
    task: tokio::task::JoinHandle<()>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A statement that is under way would end it only when it has an answer.
        self.task.abort();
    }
}

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Connection {
    fn new(postgres: Postgres) -> Self {
        Self {
            postgres,
            client: tokio::sync::Mutex::new(None),
        }
    }

    fn lease(&self) -> &str {
        &self.postgres.lease
    }

    /// The rows of a statement.
    async fn rows(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, ReplicaError> {
        let work = async {
            let mut client = self.client.lock().await;
            // Taken out, so that a call that is given up leaves none behind.
            let session = match client.take() {
                Some(session) if !session.client.is_closed() => session,
                _ => self.connect().await?,
            };
            let rows = session.client.query_typed(statement, parameters).await;
            let rows = rows.map_err(|error| ReplicaError::unavailable("PostgreSQL", text(&error)));
            if rows.is_ok() {
                *client = Some(session);
            }
            rows
        };
        match tokio::time::timeout(STATEMENT_TIME, work).await {
            Ok(rows) => rows,
            Err(_) => {
                let ms = STATEMENT_TIME.as_millis();
                let text = format!("PostgreSQL gave no answer within {ms} ms");
                Err(ReplicaError::Unavailable(text))
            }
        }
    }

    async fn connect(&self) -> Result<Session, ReplicaError> {
        let failed =
            |error: tokio_postgres::Error| ReplicaError::unavailable("PostgreSQL", text(&error));
        let Postgres { config, tls, .. } = &self.postgres;
        let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %text(&error), "connection to PostgreSQL has ended");
            }
        });
        let session = Session { client, task };
        // Asked first: who may not make tables may use those that are there.
        let there = session
            .client
            .query_typed(
                "SELECT to_regclass('bellwether_replica_log') IS NOT NULL",
                &[],
            )
            .await
            .map_err(failed)?;
        if !there.first().is_some_and(|row| row.get(0)) {
            session.client.batch_execute(SCHEMA).await.map_err(failed)?;
        }
        Ok(session)
    }

    async fn make_row(&self, token_known: i64) -> Result<(), ReplicaError> {
        let parameters: [Parameter<'_>; 2] =
            [(&self.lease(), Type::TEXT), (&token_known, Type::INT8)];
        self.rows(MAKE_ROW, &parameters).await.map(drop)
    }
}

/// A token as the server keeps it.
fn signed(token: u64) -> i64 {
    i64::try_from(token).unwrap_or(i64::MAX)
}

fn unsigned(token: i64) -> u64 {
    u64::try_from(token).unwrap_or(0)
}

/// The lease as a row.
#[derive(Debug)]
pub struct PostgresLease {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    holder: String,
    ttl_ms: i64,
}

impl PostgresLease {
    /// A lease for a replica. `instance` tells this process from others, also those of its name
    /// before it.
    #[must_use]
    pub fn new(postgres: Postgres, name: &str, instance: &str, ttl_ms: i64) -> Self {
        Self {
            inner: Arc::new(Inner {
                connection: Connection::new(postgres),
                holder: format!("{name}#{instance}"),
                ttl_ms,
            }),
        }
    }
}

impl Lease for PostgresLease {
    fn acquire(&self, token_known: u64) -> BoxFuture<Result<LeaseState, ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.acquire(signed(token_known)).await })
    }

    fn release(&self) -> BoxFuture<Result<(), ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let connection = &inner.connection;
            let parameters: [Parameter<'_>; 2] = [
                (&connection.lease(), Type::TEXT),
                (&inner.holder, Type::TEXT),
            ];
            connection.rows(RELEASE, &parameters).await.map(drop)
        })
    }
}

impl Inner {
    async fn acquire(&self, token_known: i64) -> Result<LeaseState, ReplicaError> {
        let connection = &self.connection;
        let lease = connection.lease();
        if let Some(token) = self.take(token_known).await? {
            return Ok(LeaseState::Held { token });
        }
        let rows = connection.rows(HOLDER, &[(&lease, Type::TEXT)]).await?;
        let Some(row) = rows.first() else {
            connection.make_row(token_known).await?;
            return Ok(match self.take(token_known).await? {
                Some(token) => LeaseState::Held { token },
                None => LeaseState::Elsewhere {
                    holder: String::new(),
                    token: 0,
                },
            });
        };
        let holder: String = row.get(0);
        let name = holder.rsplit_once('#').map_or("", |(name, _)| name);
        Ok(LeaseState::Elsewhere {
            holder: name.to_owned(),
            token: unsigned(row.get(1)),
        })
    }

    /// Takes the row where it is free or ours. Gives its token.
    async fn take(&self, token_known: i64) -> Result<Option<u64>, ReplicaError> {
        let lease = self.connection.lease();
        let parameters: [Parameter<'_>; 4] = [
            (&lease, Type::TEXT),
            (&self.holder, Type::TEXT),
            (&token_known, Type::INT8),
            (&self.ttl_ms, Type::INT8),
        ];
        let rows = self.connection.rows(ACQUIRE, &parameters).await?;
        Ok(rows.first().map(|row| unsigned(row.get(0))))
    }
}
