//! The log as a table.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};
use tokio_postgres::types::Type;

use super::{Connection, Parameter, Postgres, signed, unsigned};
use crate::replica::entry::{Area, Entry, last_of_each};
use crate::replica::lease::ReplicaError;
use crate::replica::shared_log::{Page, Position, SharedLog};
use crate::runner::BoxFuture;

/// Entries of a page. Derived: a hundred bytes to some KiB each.
const PAGE_ENTRIES: i64 = 5_000;
/// Between two looks for what has expired.
const PRUNE_PAUSE: Duration = Duration::from_secs(15 * 60);

/// $1 lease, $2 token, $3 count, then the columns of the entries.
const APPEND: &str = "
WITH head AS (
  UPDATE bellwether_lease SET sequence = sequence + $3
  WHERE lease = $1 AND ($2 = 0 OR token <= $2)
  RETURNING sequence - $3 AS base
), put AS (
  INSERT INTO bellwether_replica_log AS known
    (lease, area, key, value, token, replica, expires_ms, sequence)
  SELECT $1, area, key, value, token, replica, expires_ms, base + number
  FROM head, unnest($4::smallint[], $5::bytea[], $6::bytea[], $7::bigint[], $8::text[], $9::bigint[])
    WITH ORDINALITY AS fresh (area, key, value, token, replica, expires_ms, number)
  ON CONFLICT (lease, area, key) DO UPDATE SET
    value = excluded.value, token = excluded.token, replica = excluded.replica,
    expires_ms = excluded.expires_ms, sequence = excluded.sequence
  WHERE known.token <= excluded.token
  RETURNING 1
)
SELECT (SELECT count(*) FROM put), (SELECT token FROM bellwether_lease WHERE lease = $1)";

const READ: &str = "
SELECT area, key, value, token, replica, expires_ms, sequence
FROM bellwether_replica_log WHERE lease = $1 AND sequence > $2
ORDER BY sequence LIMIT $3";

const PRUNE: &str = "
DELETE FROM bellwether_replica_log
WHERE lease = $1 AND expires_ms < (extract(epoch FROM now()) * 1000)::bigint";

/// See the module's page.
#[derive(Debug)]
pub struct PostgresLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    pruned: Mutex<Option<Instant>>,
}

impl PostgresLog {
    /// The log of a lease.
    #[must_use]
    pub fn new(postgres: Postgres) -> Self {
        Self {
            inner: Arc::new(Inner {
                connection: Connection::new(postgres),
                pruned: Mutex::new(None),
            }),
        }
    }
}

impl SharedLog for PostgresLog {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<Result<(), ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.append(last_of_each(entries)).await })
    }

    fn read_since(&self, position: Position) -> BoxFuture<Result<Page, ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.read(position).await })
    }

    fn lead(&self, token: u64, by: &str) -> BoxFuture<Result<(), ReplicaError>> {
        let term = Entry {
            area: Area::Term,
            key: Vec::new(),
            value: Vec::new(),
            token,
            by: by.to_owned(),
            expires_ms: i64::MAX,
        };
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.append(vec![term]).await })
    }

    fn follow(&self, _holder: &str) {}
}

impl Inner {
    async fn append(&self, entries: Vec<Entry>) -> Result<(), ReplicaError> {
        if entries.is_empty() {
            return Ok(());
        }
        let lease = self.connection.lease();
        // Those that need a token all have the same one.
        let token = entries.iter().map(|entry| entry.token).max().unwrap_or(0);
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let mut columns = Columns::default();
        for entry in &entries {
            columns.areas.push(i16::from(entry.area.number()));
            columns.keys.push(&entry.key);
            columns.values.push(&entry.value);
            columns.tokens.push(signed(entry.token));
            columns.replicas.push(&entry.by);
            columns.expiries.push(entry.expires_ms);
        }
        let parameters: [Parameter<'_>; 9] = [
            (&lease, Type::TEXT),
            (&signed(token), Type::INT8),
            (&count, Type::INT8),
            (&columns.areas, Type::INT2_ARRAY),
            (&columns.keys, Type::BYTEA_ARRAY),
            (&columns.values, Type::BYTEA_ARRAY),
            (&columns.tokens, Type::INT8_ARRAY),
            (&columns.replicas, Type::TEXT_ARRAY),
            (&columns.expiries, Type::INT8_ARRAY),
        ];
        let rows = self.connection.rows(APPEND, &parameters).await?;
        let (put, known): (i64, Option<i64>) = rows
            .first()
            .map_or((0, None), |row| (row.get(0), row.get(1)));
        if put == count {
            if token > 0
                && let Err(error) = self.prune().await
            {
                tracing::warn!(%error, "what has expired in the shared log cannot be removed");
            }
            return Ok(());
        }
        match known {
            Some(known) if token > 0 => Err(ReplicaError::Fenced {
                token,
                known: unsigned(known),
            }),
            Some(_) => Err(ReplicaError::Unavailable(
                "PostgreSQL did not take all entries".to_owned(),
            )),
            None => {
                // Nobody has asked for the lease yet, or somebody has removed its row.
                self.connection.make_row(0).await?;
                let text = format!("lease {lease:?} had no row in bellwether_lease");
                Err(ReplicaError::Unavailable(text))
            }
        }
    }

    async fn read(&self, position: Position) -> Result<Page, ReplicaError> {
        let from = i64::try_from(position.sequence).unwrap_or(i64::MAX);
        let lease = self.connection.lease();
        let parameters: [Parameter<'_>; 3] = [
            (&lease, Type::TEXT),
            (&from, Type::INT8),
            (&PAGE_ENTRIES, Type::INT8),
        ];
        let rows = self.connection.rows(READ, &parameters).await?;
        let mut page = Page {
            position,
            more: rows.len() as i64 == PAGE_ENTRIES,
            ..Page::default()
        };
        for row in &rows {
            let area: i16 = row.get(0);
            page.position.sequence = unsigned(row.get(6));
            let Some(area) = u8::try_from(area).ok().and_then(Area::of_number) else {
                tracing::error!(area, "the shared log holds an entry of an unknown area");
                continue;
            };
            page.entries.push(Entry {
                area,
                key: row.get(1),
                value: row.get(2),
                token: unsigned(row.get(3)),
                by: row.get(4),
                expires_ms: row.get(5),
            });
        }
        Ok(page)
    }

    /// Removes what has expired, now and then.
    async fn prune(&self) -> Result<(), ReplicaError> {
        {
            let mut pruned = self.pruned.lock();
            if pruned.is_some_and(|at| at.elapsed() < PRUNE_PAUSE) {
                return Ok(());
            }
            *pruned = Some(Instant::now());
        }
        let lease = self.connection.lease();
        self.connection
            .rows(PRUNE, &[(&lease, Type::TEXT)])
            .await
            .map(drop)
    }
}

/// Entries, a list for each column.
#[derive(Default)]
struct Columns<'a> {
    areas: Vec<i16>,
    keys: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    tokens: Vec<i64>,
    replicas: Vec<&'a str>,
    expiries: Vec<i64>,
}
