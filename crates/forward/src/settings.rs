//! What a sender of remote write is told: where to, how fast, which protocol.
//!
//! ## Model
//! A [`RemoteWriteSettings`] is one receiver with all defaults filled in; its [`QueueSettings`]
//! bound the queue between the store and the network.
//!
//! ## Invariants
//! Plain values. `shards_min` is at least 1 and at most `shards_max`; capacity and batch are at
//! least 1; `backoff_min_ms` is at most `backoff_max_ms`.

use std::fmt;

use bellwether_model::relabel::Rule;
use bellwether_outbound::settings::{HttpClientSettings, Secret, redacted_url};
use url::Url;

/// The message that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RemoteWriteProtocol {
    /// `prometheus.WriteRequest`, remote write 1.0.
    #[default]
    V1,
    /// `io.prometheus.write.v2.Request`, remote write 2.0.
    V2,
}

impl RemoteWriteProtocol {
    /// Every protocol with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 2] = [
        ("prometheus.WriteRequest", Self::V1),
        ("io.prometheus.write.v2.Request", Self::V2),
    ];
}

/// The queue between the store and one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// Samples buffered per shard.
    pub capacity: usize,
    /// Most shards that send at once.
    pub shards_max: usize,
    /// Fewest shards.
    pub shards_min: usize,
    /// Most samples in one request.
    pub samples_per_send_max: usize,
    /// Longest time a sample waits for its batch to fill.
    pub batch_send_deadline_ms: i64,
    /// First pause after an error that may pass.
    pub backoff_min_ms: i64,
    /// Longest such pause.
    pub backoff_max_ms: i64,
    /// Whether 429 counts as an error that may pass.
    pub retry_on_http_429: bool,
    /// Samples older than this are dropped instead of sent. 0: none is too old.
    pub sample_age_limit_ms: i64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            shards_max: 50,
            shards_min: 1,
            samples_per_send_max: 2_000,
            batch_send_deadline_ms: 5_000,
            backoff_min_ms: 30,
            backoff_max_ms: 5_000,
            retry_on_http_429: false,
            sample_age_limit_ms: 0,
        }
    }
}

/// Sending of metadata (type, unit, help).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataSettings {
    /// Whether it is sent. Default true.
    pub send: bool,
    /// How often.
    pub interval_ms: i64,
    /// Most entries in one request.
    pub entries_per_send_max: usize,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self {
            send: true,
            interval_ms: 60_000,
            entries_per_send_max: 2_000,
        }
    }
}

/// Ways to sign in that only some clouds have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudAuth {
    /// AWS Signature Version 4.
    SigV4(SigV4Settings),
    /// Microsoft Entra ID. Understood in the configuration, not carried out.
    AzureAd,
    /// Google Cloud IAM. Understood in the configuration, not carried out.
    GoogleIam,
}

/// AWS Signature Version 4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SigV4Settings {
    /// The region; none: from the environment of AWS' own tools.
    pub region: Option<String>,
    /// Key id and secret; none: from the environment.
    pub keys: Option<(String, Secret)>,
    /// The profile of the shared credentials file.
    pub profile: Option<String>,
    /// The role to take on.
    pub role_arn: Option<String>,
    /// The external id to take the role with.
    pub external_id: Option<String>,
    /// Whether to ask the FIPS endpoint of the token service.
    pub use_fips_sts_endpoint: bool,
    /// The name of the service that is signed for; none: `aps`.
    pub service_name: Option<String>,
}

/// One receiver.
#[derive(Clone, PartialEq)]
pub struct RemoteWriteSettings {
    /// Its name, unique where set; none: made from the settings.
    pub name: Option<String>,
    /// Where to send.
    pub url: Url,
    /// Time after which a request fails.
    pub timeout_ms: i64,
    /// The message.
    pub protocol: RemoteWriteProtocol,
    /// Send exemplars.
    pub send_exemplars: bool,
    /// Send native histograms.
    pub send_native_histograms: bool,
    /// Spread connections over all addresses of the host.
    pub round_robin_dns: bool,
    /// Log what was in a request that failed.
    pub failed_request_logging: bool,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// Rules for series, in order; applied after the external labels.
    pub write_relabel: Vec<Rule>,
    /// The queue.
    pub queue: QueueSettings,
    /// Metadata.
    pub metadata: MetadataSettings,
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// A cloud's own way to sign in; then `http.auth` is not set.
    pub cloud_auth: Option<CloudAuth>,
}

/// Shows no password of the URL and no value of a header.
impl fmt::Debug for RemoteWriteSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("RemoteWriteSettings")
            .field("name", &self.name)
            .field("url", &redacted_url(&self.url))
            .field("timeout_ms", &self.timeout_ms)
            .field("protocol", &self.protocol)
            .field("headers", &names)
            .field("write_relabel", &self.write_relabel)
            .field("queue", &self.queue)
            .field("metadata", &self.metadata)
            .field("http", &self.http)
            .field("cloud_auth", &self.cloud_auth)
            .finish_non_exhaustive()
    }
}

impl RemoteWriteSettings {
    /// A receiver with Prometheus' defaults.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            name: None,
            url,
            timeout_ms: 30_000,
            protocol: RemoteWriteProtocol::V1,
            send_exemplars: false,
            send_native_histograms: false,
            round_robin_dns: false,
            failed_request_logging: false,
            headers: Vec::new(),
            write_relabel: Vec::new(),
            queue: QueueSettings::default(),
            metadata: MetadataSettings::default(),
            http: HttpClientSettings {
                enable_http2: false,
                ..HttpClientSettings::default()
            },
            cloud_auth: None,
        }
    }
}
