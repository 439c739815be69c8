//! What a configuration says of probes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Criticality;
use super::units::{duration, optional_bytes, optional_duration};
use crate::client::shown;

/// A probe as a configuration has it. What is not said is as [`ProbeSettings::new`](super::ProbeSettings::new) has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// As [`ProbeSettings::name`](super::ProbeSettings::name).
    pub name: String,
    /// What it looks at.
    pub check: CheckConfig,
    /// As [`ProbeSettings::interval`](super::ProbeSettings::interval).
    #[serde(default, deserialize_with = "optional_duration")]
    pub interval: Option<Duration>,
    /// As [`ProbeSettings::jitter`](super::ProbeSettings::jitter).
    pub jitter: Option<f64>,
    /// As [`ProbeSettings::timeout`](super::ProbeSettings::timeout).
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// As [`ProbeSettings::failure_threshold`](super::ProbeSettings::failure_threshold).
    pub failure_threshold: Option<u32>,
    /// As [`ProbeSettings::success_threshold`](super::ProbeSettings::success_threshold).
    pub success_threshold: Option<u32>,
    /// As [`ProbeSettings::criticality`](super::ProbeSettings::criticality).
    #[serde(default)]
    pub criticality: Criticality,
    /// As [`ProbeSettings::depends_on`](super::ProbeSettings::depends_on).
    #[serde(default)]
    pub depends_on: Vec<String>,
}

/// What a probe of a configuration looks at.
///
/// | `check.kind` | Keys | Down where |
/// | --- | --- | --- |
/// | `tcp` | `address` | nobody accepts a connection: databases, queues |
/// | `http` | `url`, `statuses`, `headers`, `bearer_env` | the answer is another (429: degraded): providers |
/// | `disk` | `path`, `free_bytes_min`, `free_share_min` | less is free |
/// | `memory` | `used_share_max` | more of the control group's limit, or the machine's memory, is used |
/// | `event_loop_lag` | `lag_max` | a task waited longer to be run, in the last ten seconds |
/// | `queue` | `queue`, `depth_max`, `age_max` | more wait, or one waits longer |
/// | `tools` | `registry`, `count_min` | there are fewer, names are there twice, or a schema is none |
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CheckConfig {
    /// Whether somebody accepts connections.
    Tcp {
        /// Host and port: `db:5432`, `[::1]:6379`.
        address: String,
    },
    /// Whether a server answers a `GET` as it should.
    Http {
        /// `http`, or `https` with the feature `https-probes`; no user in it.
        url: HttpUrl,
        /// The statuses that are expected, each 200 to 599; none: 200 to 299.
        #[serde(default)]
        statuses: Vec<u16>,
        /// What is sent along.
        #[serde(default)]
        headers: Headers,
        /// The variable of the environment with a token that is sent as `Authorization: Bearer`. It is
        /// read when the probe is made.
        bearer_env: Option<String>,
    },
    /// Whether there is room on a file system, for whoever is not root. One of the two is needed.
    Disk {
        /// A path on it.
        path: PathBuf,
        /// Bytes, such as `20GiB`.
        #[serde(default, deserialize_with = "optional_bytes")]
        free_bytes_min: Option<u64>,
        /// A share of all of it, 0 to 1.
        free_share_min: Option<f64>,
    },
    /// Whether memory is left.
    Memory {
        /// A share, 0 to 1.
        used_share_max: f64,
    },
    /// Whether the runtime runs soon what it is given.
    EventLoopLag {
        /// A duration, such as `200ms`; measured four times a second.
        #[serde(deserialize_with = "duration")]
        lag_max: Duration,
    },
    /// Whether a queue of the service is worked off. One of the two is needed.
    Queue {
        /// Its name, as [`ProbeFactory::queue`](super::ProbeFactory::queue) was given it.
        queue: String,
        /// How many may wait.
        depth_max: Option<u64>,
        /// How long the one that waits longest may do so.
        #[serde(default, deserialize_with = "optional_duration")]
        age_max: Option<Duration>,
    },
    /// Whether the service's tools make sense.
    Tools {
        /// Its name, as [`ProbeFactory::tools`](super::ProbeFactory::tools) was given it.
        registry: String,
        /// How many there have to be.
        #[serde(default)]
        count_min: usize,
    },
}

/// A URL. Shown without user and query, which may be secrets.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct HttpUrl(pub String);

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0).fmt(f)
    }
}

/// Names and values of headers. Shown without the values, which may be secrets.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
