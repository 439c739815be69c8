//! Remote write and remote read.

use std::fmt;

use bellwether_forward::settings::{
    CloudAuth, MetadataSettings, QueueSettings, RemoteWriteProtocol, RemoteWriteSettings,
    SigV4Settings,
};
use bellwether_model::Labels;
use bellwether_outbound::settings::{HttpClientSettings, redacted_url};
use bellwether_scrape::settings::NameValidation;
use url::Url;

use super::http_client::{HTTP_CLIENT, decode_http_client, is_reserved_header};
use super::relabel::{RELABEL, decode_rules};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::values::ANY_URL;
use crate::view::View;

const MESSAGES: &[&str] = &["prometheus.WriteRequest", "io.prometheus.write.v2.Request"];
const POSITIVE: Kind = Kind::Integer {
    min: 1,
    max: i64::MAX,
};

pub(crate) static REMOTE_WRITE: Section = Section {
    name: "remote_write",
    doc: "A server that everything stored is sent to.",
    fields: &[
        Field::required("url", Kind::Url(ANY_URL), "Where to send."),
        Field::new("name", Kind::Text, "", "Its name, unique."),
        Field::new("remote_timeout", Kind::Duration, "30s", "Time after which a request fails."),
        Field::new("protobuf_message", Kind::OneOf(MESSAGES), MESSAGES[0], "The message: remote write 1.0 or 2.0."),
        Field::new("headers", Kind::Map(&Kind::Secret), "", "Headers of every request; their values are not shown."),
        Field::new("write_relabel_configs", Kind::Sections(&RELABEL), "", "Rules for series, after the external labels."),
        Field::new("send_exemplars", Kind::Bool, "false", "Send exemplars."),
        Field::new("send_native_histograms", Kind::Bool, "false", "Send native histograms."),
        Field::new("round_robin_dns", Kind::Bool, "false", "Spread connections over all addresses of the host."),
        Field::new("failed_request_logging", Kind::Bool, "false", "Log what was in a request that failed."),
        Field::new("queue_config", Kind::Section(&QUEUE), "", "The queue between store and network."),
        Field::new("metadata_config", Kind::Section(&METADATA), "", "Sending of metadata."),
        Field::new("sigv4", Kind::Section(&SIGV4), "", "Sign in with AWS Signature Version 4.").inert("AWS signatures are understood but not made: the receiver will refuse the requests"),
        Field::new("azuread", Kind::Section(&AZUREAD), "", "Sign in with Microsoft Entra ID.").inert("Microsoft Entra ID is understood but not carried out: the receiver will refuse the requests"),
        Field::new("google_iam", Kind::Section(&GOOGLE_IAM), "", "Sign in with Google Cloud IAM.").inert("Google Cloud IAM is understood but not carried out: the receiver will refuse the requests"),
        Field::new("enable_http2", Kind::Bool, "false", "Offer HTTP/2."),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(|view, problems| {
        view.at_most_one(
            problems,
            &["basic_auth", "authorization", "oauth2", "sigv4", "azuread", "google_iam"],
        );
        check_headers(view, problems);
    }),
};

/// Prometheus takes any URL here, and fails with each request.
fn check_url(view: &View<'_>, problems: &mut Problems) {
    if let Some(url) = view.url("url")
        && !matches!(url.scheme(), "http" | "https")
    {
        view.warn_at(
            problems,
            "url",
            format!(
                "{:?} begins with neither http:// nor https://: every request will fail",
                view.text("url")
            ),
        );
    }
}

fn check_headers(view: &View<'_>, problems: &mut Problems) {
    check_url(view, problems);
    for (name, node) in view.entries("headers") {
        if is_reserved_header(name) {
            let instead = if name.eq_ignore_ascii_case("authorization") {
                "use basic_auth, authorization or oauth2"
            } else {
                "choose another"
            };
            problems.error(
                &view.origin.file,
                node.position,
                &node.path,
                format!("header {name:?} is set by the client itself: {instead}"),
            );
        }
    }
}

static QUEUE: Section = Section {
    name: "queue_config",
    doc: "The queue between the store and one receiver.",
    fields: &[
        Field::new("capacity", POSITIVE, "10000", "Samples buffered per shard."),
        Field::new(
            "max_shards",
            POSITIVE,
            "50",
            "Most shards that send at once.",
        ),
        Field::new("min_shards", POSITIVE, "1", "Fewest shards."),
        Field::new(
            "max_samples_per_send",
            POSITIVE,
            "2000",
            "Most samples in one request.",
        ),
        Field::new(
            "batch_send_deadline",
            Kind::Duration,
            "5s",
            "Longest time a sample waits for its batch to fill.",
        ),
        Field::new(
            "min_backoff",
            Kind::Duration,
            "30ms",
            "First pause after an error that may pass.",
        ),
        Field::new("max_backoff", Kind::Duration, "5s", "Longest such pause."),
        Field::new(
            "retry_on_http_429",
            Kind::Bool,
            "false",
            "Send again after 429.",
        ),
        Field::new(
            "sample_age_limit",
            Kind::Duration,
            "0s",
            "Samples older than this are dropped; 0: none.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.integer("min_shards") > view.integer("max_shards") {
            view.error_at(
                problems,
                "min_shards",
                format!(
                    "{} is more than max_shards ({})",
                    view.text("min_shards"),
                    view.text("max_shards")
                ),
            );
        }
        if view.duration_ms("max_backoff") < view.duration_ms("min_backoff") {
            view.error_at(
                problems,
                "max_backoff",
                format!(
                    "{} is shorter than min_backoff ({})",
                    view.text("max_backoff"),
                    view.text("min_backoff")
                ),
            );
        }
    }),
};

static METADATA: Section = Section {
    name: "metadata_config",
    doc: "Sending of metadata: type, unit and help.",
    fields: &[
        Field::new("send", Kind::Bool, "true", "Send it."),
        Field::new("send_interval", Kind::Duration, "1m", "How often."),
        Field::new(
            "max_samples_per_send",
            Kind::Integer {
                min: 1,
                max: i64::MAX,
            },
            "2000",
            "Most entries in one request.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(crate) static SIGV4: Section = Section {
    name: "sigv4",
    doc: "AWS Signature Version 4.",
    fields: &[
        Field::new("region", Kind::Text, "", "The region."),
        Field::new("access_key", Kind::Text, "", "Id of the key."),
        Field::new("secret_key", Kind::Secret, "", "The key."),
        Field::new(
            "profile",
            Kind::Text,
            "",
            "Profile of the shared credentials file.",
        ),
        Field::new("role_arn", Kind::Text, "", "Role to take on."),
        Field::new(
            "external_id",
            Kind::Text,
            "",
            "External id to take the role with.",
        ),
        Field::new(
            "use_fips_sts_endpoint",
            Kind::Bool,
            "false",
            "Ask the FIPS endpoint of the token service.",
        ),
        Field::new(
            "service_name",
            Kind::Text,
            "",
            "Name of the service that is signed for.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let set = view.set_among(&["access_key", "secret_key"]);
        if set.len() == 1 {
            view.error_at(
                problems,
                set[0],
                "access_key and secret_key go together: set both or none",
            );
        }
    }),
};

static AZUREAD: Section = Section {
    name: "azuread",
    doc: "Microsoft Entra ID; exactly one of the ways to sign in.",
    fields: &[
        Field::new(
            "cloud",
            Kind::OneOf(&["AzurePublic", "AzureChina", "AzureGovernment"]),
            "AzurePublic",
            "The cloud.",
        ),
        Field::new("scope", Kind::Text, "", "Another scope of the token."),
        Field::new(
            "managed_identity",
            Kind::Section(&AZUREAD_IDENTITY),
            "",
            "A managed identity.",
        ),
        Field::new(
            "workload_identity",
            Kind::Section(&AZUREAD_IDENTITY),
            "",
            "A workload identity.",
        ),
        Field::new(
            "oauth",
            Kind::Section(&AZUREAD_IDENTITY),
            "",
            "A client and its secret.",
        ),
        Field::new(
            "certificate",
            Kind::Section(&AZUREAD_IDENTITY),
            "",
            "A client and its certificate.",
        ),
        Field::new(
            "sdk",
            Kind::Section(&AZUREAD_IDENTITY),
            "",
            "Whatever Azure's SDK finds.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        const WAYS: &[&str] = &[
            "managed_identity",
            "workload_identity",
            "oauth",
            "certificate",
            "sdk",
        ];
        if view.at_most_one(problems, WAYS) && view.set_among(WAYS).is_empty() {
            view.error(problems, format!("one of {} is missing", WAYS.join(", ")));
        }
    }),
};

static AZUREAD_IDENTITY: Section = Section {
    name: "Entra ID identity",
    doc: "Who signs in.",
    fields: &[
        Field::new("client_id", Kind::Text, "", "The client."),
        Field::new("client_secret", Kind::Secret, "", "Its secret."),
        Field::new("tenant_id", Kind::Text, "", "The tenant."),
        Field::new(
            "token_file_path",
            Kind::ReadFile,
            "",
            "File with the token.",
        ),
        Field::new(
            "certificate_path",
            Kind::ReadFile,
            "",
            "File with the certificate.",
        ),
        Field::new(
            "certificate_key_path",
            Kind::ReadFile,
            "",
            "File with its key.",
        ),
        Field::new(
            "certificate_password",
            Kind::Secret,
            "",
            "The key's password.",
        ),
        Field::new(
            "send_certificate_chain",
            Kind::Bool,
            "false",
            "Send the whole chain.",
        ),
    ],
    includes: &[],
    check: None,
};

static GOOGLE_IAM: Section = Section {
    name: "google_iam",
    doc: "Google Cloud IAM.",
    fields: &[Field::new(
        "credentials_file",
        Kind::ReadFile,
        "",
        "File with the credentials; the environment's where absent.",
    )],
    includes: &[],
    check: None,
};

pub(crate) static REMOTE_READ: Section = Section {
    name: "remote_read",
    doc: "A server that queries are also sent to.",
    fields: &[
        Field::required("url", Kind::Url(ANY_URL), "Where to ask."),
        Field::new("name", Kind::Text, "", "Its name, unique."),
        Field::new(
            "remote_timeout",
            Kind::Duration,
            "1m",
            "Time after which a request fails.",
        ),
        Field::new(
            "chunked_read_limit",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "50000000",
            "Largest frame of a streamed answer in bytes.",
        ),
        Field::new(
            "headers",
            Kind::Map(&Kind::Secret),
            "",
            "Headers of every request; their values are not shown.",
        ),
        Field::new(
            "read_recent",
            Kind::Bool,
            "false",
            "Ask also for times that the own store has.",
        ),
        Field::new(
            "required_matchers",
            Kind::Labels,
            "",
            "Equality matchers that a selector must have to be sent.",
        ),
        Field::new(
            "filter_external_labels",
            Kind::Bool,
            "true",
            "Add the external labels to what is asked.",
        ),
    ],
    includes: &[&HTTP_CLIENT],
    check: Some(check_headers),
};

/// A server that queries are also sent to.
#[derive(Clone, PartialEq)]
pub struct RemoteReadSettings {
    /// Its name, unique where set.
    pub name: Option<String>,
    /// Where to ask.
    pub url: Url,
    /// Time after which a request fails.
    pub timeout_ms: i64,
    /// Largest frame of a streamed answer.
    pub frame_bytes_max: u64,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// Ask also for times that the own store has.
    pub read_recent: bool,
    /// Equality matchers that a selector must have to be sent.
    pub required_matchers: Labels,
    /// Add the external labels to what is asked.
    pub filter_external_labels: bool,
    /// The HTTP client.
    pub http: HttpClientSettings,
}

/// Shows no password of the URL and no value of a header.
impl fmt::Debug for RemoteReadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteReadSettings")
            .field("name", &self.name)
            .field("url", &redacted_url(&self.url))
            .field("timeout_ms", &self.timeout_ms)
            .field("read_recent", &self.read_recent)
            .field("required_matchers", &self.required_matchers)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

/// Reports the second of two that have the same name.
fn check_names(views: &[View<'_>], problems: &mut Problems) {
    for (index, view) in views.iter().enumerate() {
        let name = view.text("name");
        let is_taken = views
            .iter()
            .take(index)
            .any(|earlier| earlier.text("name") == name);
        if !name.is_empty() && is_taken {
            view.error_at(
                problems,
                "name",
                format!("{name:?} is the name of another one: names must be unique"),
            );
        }
    }
}

/// Decodes the list of receivers.
pub(crate) fn decode_remote_writes(
    views: &[View<'_>],
    names: NameValidation,
    problems: &mut Problems,
) -> Vec<RemoteWriteSettings> {
    check_names(views, problems);
    views
        .iter()
        .filter(|view| !problems.has_errors_under(&view.origin.file, &view.path()))
        .copied()
        .collect::<Vec<_>>()
        .iter()
        .filter_map(|view| decode_remote_write(view, names, problems))
        .collect()
}

fn decode_remote_write(
    view: &View<'_>,
    names: NameValidation,
    problems: &mut Problems,
) -> Option<RemoteWriteSettings> {
    let queue = view.section("queue_config");
    let metadata = view.section("metadata_config");
    let message = view.text("protobuf_message");
    Some(RemoteWriteSettings {
        name: view.optional_text("name"),
        url: view.url("url")?,
        timeout_ms: view.duration_ms("remote_timeout"),
        protocol: RemoteWriteProtocol::NAMES
            .iter()
            .find(|(name, _)| *name == message)
            .map_or(RemoteWriteProtocol::V1, |(_, protocol)| *protocol),
        send_exemplars: view.bool("send_exemplars"),
        send_native_histograms: view.bool("send_native_histograms"),
        round_robin_dns: view.bool("round_robin_dns"),
        failed_request_logging: view.bool("failed_request_logging"),
        headers: view.text_map("headers"),
        write_relabel: decode_rules(view, "write_relabel_configs", names, problems),
        queue: QueueSettings {
            capacity: queue.length("capacity"),
            shards_max: queue.length("max_shards"),
            shards_min: queue.length("min_shards"),
            samples_per_send_max: queue.length("max_samples_per_send"),
            batch_send_deadline_ms: queue.duration_ms("batch_send_deadline"),
            backoff_min_ms: queue.duration_ms("min_backoff"),
            backoff_max_ms: queue.duration_ms("max_backoff"),
            retry_on_http_429: queue.bool("retry_on_http_429"),
            sample_age_limit_ms: queue.duration_ms("sample_age_limit"),
        },
        metadata: MetadataSettings {
            send: metadata.bool("send"),
            interval_ms: metadata.duration_ms("send_interval"),
            entries_per_send_max: metadata.length("max_samples_per_send"),
        },
        http: decode_http_client(view),
        cloud_auth: decode_cloud_auth(view),
    })
}

fn decode_cloud_auth(view: &View<'_>) -> Option<CloudAuth> {
    if let Some(sigv4) = view.optional_section("sigv4") {
        return Some(CloudAuth::SigV4(decode_sigv4(&sigv4)));
    }
    if view.is_set("azuread") {
        return Some(CloudAuth::AzureAd);
    }
    view.is_set("google_iam").then_some(CloudAuth::GoogleIam)
}

/// Decodes a `sigv4` section.
pub(crate) fn decode_sigv4(view: &View<'_>) -> SigV4Settings {
    SigV4Settings {
        region: view.optional_text("region"),
        keys: view
            .optional_text("access_key")
            .zip(view.secret("secret_key")),
        profile: view.optional_text("profile"),
        role_arn: view.optional_text("role_arn"),
        external_id: view.optional_text("external_id"),
        use_fips_sts_endpoint: view.bool("use_fips_sts_endpoint"),
        service_name: view.optional_text("service_name"),
    }
}

/// Decodes the list of servers to ask.
pub(crate) fn decode_remote_reads(
    views: &[View<'_>],
    problems: &mut Problems,
) -> Vec<RemoteReadSettings> {
    check_names(views, problems);
    views
        .iter()
        .filter_map(|view| {
            Some(RemoteReadSettings {
                name: view.optional_text("name"),
                url: view.url("url")?,
                timeout_ms: view.duration_ms("remote_timeout"),
                frame_bytes_max: view.count("chunked_read_limit"),
                headers: view.text_map("headers"),
                read_recent: view.bool("read_recent"),
                required_matchers: Labels::from_pairs(view.text_map("required_matchers")),
                filter_external_labels: view.bool("filter_external_labels"),
                http: decode_http_client(view),
            })
        })
        .collect()
}
