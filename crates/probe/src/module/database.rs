//! The settings of `postgres` and `redis`.

use bellwether_outbound::settings::{SecretSource, TlsSettings};

use super::{AddressChoice, Pattern};

/// The settings of `postgres`. The target is `host` or `host:port`, 5432 where it names none.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// Who signs in.
    pub user: String,
    /// The password. `None`: the server must ask for none.
    pub password: Option<SecretSource>,
    /// The database. Empty: the one that is named as the user is.
    pub database: String,
    /// Whether TLS is spoken.
    pub sslmode: PostgresSslMode,
    /// How TLS is spoken.
    pub tls_config: TlsSettings,
    /// The one statement that is run. It is read-only by the transaction it runs in.
    pub query: String,
    /// What the first column of the first row must match, as text. `None`: any answer will do.
    pub expect: Option<Pattern>,
    /// Which part in replication the server must have.
    pub role: DatabaseRole,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            address: AddressChoice::default(),
            user: "postgres".to_owned(),
            password: None,
            database: String::new(),
            sslmode: PostgresSslMode::default(),
            tls_config: TlsSettings::default(),
            query: "SELECT 1".to_owned(),
            expect: None,
            role: DatabaseRole::Any,
        }
    }
}

/// Whether TLS is spoken to a PostgreSQL, by the names of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PostgresSslMode {
    /// No TLS.
    Disable,
    /// TLS where the server offers it, whoever it is where `tls_config` names no authority.
    #[default]
    Prefer,
    /// TLS with whoever it is, unless `tls_config` names an authority.
    Require,
    /// TLS, and the server's certificate must be valid for its name.
    VerifyFull,
}

impl PostgresSslMode {
    /// Every mode with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-full", Self::VerifyFull),
    ];
}

/// Which part in replication a server of a database must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DatabaseRole {
    /// Either.
    #[default]
    Any,
    /// It takes writes.
    Primary,
    /// It follows another.
    Replica,
}

impl DatabaseRole {
    /// Every part with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("any", Self::Any),
        ("primary", Self::Primary),
        ("replica", Self::Replica),
    ];
}

/// The settings of `redis`. The target is `host` or `host:port`, 6379 where it names none.
#[derive(Debug, Clone, Default)]
pub struct RedisSettings {
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// The user of an access control list. `None`: the default user.
    pub user: Option<String>,
    /// The password. `None`: nobody signs in.
    pub password: Option<SecretSource>,
    /// Whether to speak TLS.
    pub tls: bool,
    /// How TLS is spoken.
    pub tls_config: TlsSettings,
    /// Which part in replication the server must have. For other than `any`, the user must be
    /// allowed `INFO`.
    pub role: DatabaseRole,
}
