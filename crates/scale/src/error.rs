//! What can be wrong with a policy or with kept state.

/// What an error means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or a snapshot has a value that is not allowed.
    Invalid,
}

/// Why there is no scaler.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScaleError {
    /// A setting of a policy has a value that is not allowed.
    #[error("{field} is {value}: allowed is {allowed}")]
    Setting {
        /// The path of the setting, such as `rules[1].share`.
        field: String,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Every rule of a policy looks at waiting requests only.
    #[error(
        "rules are {rules}: a policy that sees only what waits takes workers away as soon as they \
         have emptied the queue, and oscillates; add a rule on work in flight or on predicted load, \
         or set allow_queue_only"
    )]
    QueueOnly {
        /// The names of the rules.
        rules: String,
    },
    /// A snapshot holds what no scaler can have been in.
    #[error("snapshot: {field} is {value}: allowed is {allowed}; start without it")]
    Snapshot {
        /// The field of the snapshot.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
}

impl ScaleError {
    /// What it means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Setting { .. } | Self::QueueOnly { .. } | Self::Snapshot { .. } => {
                ErrorKind::Invalid
            }
        }
    }

    /// Whether the same call can succeed later: it cannot.
    pub fn retry(&self) -> bool {
        false
    }
}
