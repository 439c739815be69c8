//! The lease: which of the replicas notifies.
//!
//! ## Model
//! A [`Lease`] is held by one replica at a time, for a time, and again and again. With each change of
//! holder its *fencing token* grows. Whoever holds it writes with that token; what is written with
//! a smaller one than is known is refused.
//!
//! ## Invariants
//! A holder counts the time from before it asked, by a clock that nobody sets, so that it never
//! believes to hold what somebody else may have taken.

use std::fmt::Debug;

use bellwether_storage::ErrorKind;

use crate::runner::BoxFuture;

/// Who holds the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// We do.
    Held {
        /// The fencing token.
        token: u64,
    },
    /// Somebody else does, or nobody at the moment.
    Elsewhere {
        /// Who, as its lease was made to say; empty: nobody, or not known.
        holder: String,
        /// Its token; 0 where that is not known.
        token: u64,
    },
}

/// A lease that replicas share.
pub trait Lease: Send + Sync + Debug {
    /// Takes the lease where nobody holds it, and renews it where we do. A token of a new holder is
    /// greater than `token_known`, so that a lease that somebody removed and made anew goes on.
    fn acquire(&self, token_known: u64) -> BoxFuture<Result<LeaseState, ReplicaError>>;

    /// Gives it up where we hold it, so that another need not wait for its end.
    fn release(&self) -> BoxFuture<Result<(), ReplicaError>>;
}

/// Why a lease or a shared log cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// Another replica leads.
    #[error("lease token {token} is fenced off: token {known} is known")]
    Fenced {
        /// Ours.
        token: u64,
        /// The greatest that is known.
        known: u64,
    },
    /// Not now; later perhaps.
    #[error("{0}")]
    Unavailable(String),
    /// It was set up wrongly.
    #[error("{0}")]
    Invalid(String),
}

impl ReplicaError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Fenced { .. } => ErrorKind::Conflict,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Invalid(_) => ErrorKind::Invalid,
        }
    }

    /// Whether the same call may succeed later without anybody changing it.
    #[must_use]
    pub fn retry(&self) -> bool {
        self.kind() == ErrorKind::Unavailable
    }

    pub(super) fn unavailable(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::Unavailable(format!("{what}: {why}"))
    }
}
