//! The lease as a Lease of Kubernetes.
//!
//! ## Model
//! A `coordination.k8s.io/v1` Lease is changed only under the `resourceVersion` that was read, so that
//! of two who want it one gets it. The holder is the URL of the replica, by which the others find it
//! ([`super::PeerLog`]), and a number that tells its process from others. The fencing token is
//! `leaseTransitions`.
//!
//! ## Invariants
//! Whether a holder is gone is not read from times in the lease, which are of the holder's clock: it
//! is when the lease has not changed for as long as it lasts, by a clock of our own.
//!
//! ## Limits
//! The service account needs `get`, `create` and `update` on `leases`.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::short;
use bellwether_outbound::settings::{
    Auth, HttpClientSettings, PemSource, SecretSource, TlsSettings,
};
use bellwether_outbound::{Client, Method, Request, StatusCode, lazy_client};
use bellwether_storage::Clock;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::lease::{Lease, LeaseState, ReplicaError};
use crate::runner::BoxFuture;

/// Where Kubernetes puts what a pod needs.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long a request may take.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// A Lease has a few hundred bytes.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// No lease is believed to last longer.
const TTL_MAX: Duration = Duration::from_secs(3_600);

/// How the API server is reached.
#[derive(Debug, Clone)]
pub struct KubernetesAccess {
    /// Its URL.
    pub server: Url,
    /// Asks it.
    pub client: Client,
    /// The namespace of the lease.
    pub namespace: String,
}

impl KubernetesAccess {
    /// As a pod reaches it: by its environment and its service account. The namespace is the pod's
    /// where none is given.
    ///
    /// # Errors
    /// Where this is no pod.
    pub fn in_cluster(
        environment: &dyn Fn(&str) -> Option<String>,
        namespace: Option<&str>,
    ) -> Result<Self, ReplicaError> {
        let variable = |name: &str| {
            environment(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| {
                    ReplicaError::Invalid(format!(
                        "{name} is not set: a lease of Kubernetes needs a pod"
                    ))
                })
        };
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT")?;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        let server = format!("https://{host}:{port}/");
        let server = server.parse().map_err(|error| {
            ReplicaError::Invalid(format!("{:?} is no URL: {error}", short(&server)))
        })?;
        let namespace = match namespace {
            Some(namespace) => namespace.to_owned(),
            None => {
                let path = format!("{ACCOUNT}/namespace");
                let text = std::fs::read_to_string(&path);
                text.map_err(|error| ReplicaError::Invalid(format!("{path}: {error}")))?
                    .trim()
                    .to_owned()
            }
        };
        let settings = HttpClientSettings {
            auth: Some(Auth::Header {
                scheme: "Bearer".to_owned(),
                credentials: Some(SecretSource::File(format!("{ACCOUNT}/token").into())),
            }),
            tls: TlsSettings {
                ca: Some(PemSource::File(format!("{ACCOUNT}/ca.crt").into())),
                ..TlsSettings::default()
            },
            ..HttpClientSettings::default()
        };
        let client =
            lazy_client(&settings).map_err(|error| ReplicaError::Invalid(error.to_string()))?;
        Ok(Self {
            server,
            client,
            namespace,
        })
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct KubernetesLease {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    access: KubernetesAccess,
    name: String,
    holder: String,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    /// The last state of the lease that was seen, and when it was seen first.
    seen: Mutex<Option<(String, Instant)>>,
}

impl KubernetesLease {
    /// The lease of a name, for the replica that others reach at `url`. `instance` tells this process
    /// from others, also those at this URL before it.
    #[must_use]
    pub fn new(
        access: KubernetesAccess,
        name: &str,
        url: &Url,
        instance: &str,
        ttl_ms: i64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut holder = url.clone();
        holder.set_fragment(Some(instance));
        Self {
            inner: Arc::new(Inner {
                access,
                name: name.to_owned(),
                holder: holder.into(),
                ttl: Duration::from_millis(u64::try_from(ttl_ms).unwrap_or(0)),
                clock,
                seen: Mutex::new(None),
            }),
        }
    }
}

impl Lease for KubernetesLease {
    fn acquire(&self, token_known: u64) -> BoxFuture<Result<LeaseState, ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.acquire(token_known).await })
    }

    fn release(&self) -> BoxFuture<Result<(), ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.release().await })
    }
}

impl Inner {
    async fn acquire(&self, token_known: u64) -> Result<LeaseState, ReplicaError> {
        let Some(mut lease) = self.read().await? else {
            return self.create(token_known.saturating_add(1)).await;
        };
        let holder = lease.text("/spec/holderIdentity").to_owned();
        let transitions = lease.number("/spec/leaseTransitions");
        let token = if holder == self.holder {
            transitions
        } else if holder.is_empty() || self.has_ended(&lease) {
            transitions.max(token_known).saturating_add(1)
        } else {
            let url = holder.split_once('#').map_or(&*holder, |(url, _)| url);
            return Ok(LeaseState::Elsewhere {
                holder: url.to_owned(),
                token: transitions,
            });
        };
        self.fill(&mut lease.0, token, holder != self.holder);
        let path = self.path(Some(&self.name))?;
        match self.send(Method::PUT, path, Some(&lease.0)).await? {
            (StatusCode::OK | StatusCode::CREATED, _) => Ok(LeaseState::Held { token }),
            // Somebody was faster. Whether it was our own request before, the next look says.
            (StatusCode::CONFLICT, _) => Err(ReplicaError::Unavailable(format!(
                "lease {:?} was changed meanwhile",
                short(&self.name)
            ))),
            (status, text) => Err(self.refused("update", status, &text)),
        }
    }

    async fn create(&self, token: u64) -> Result<LeaseState, ReplicaError> {
        let mut lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": self.name, "namespace": self.access.namespace },
            "spec": {},
        });
        self.fill(&mut lease, token, true);
        let path = self.path(None)?;
        match self.send(Method::POST, path, Some(&lease)).await? {
            (StatusCode::OK | StatusCode::CREATED, _) => Ok(LeaseState::Held { token }),
            (StatusCode::CONFLICT, _) => Ok(LeaseState::Elsewhere {
                holder: String::new(),
                token: 0,
            }),
            (status, text) => Err(self.refused("create", status, &text)),
        }
    }

    async fn release(&self) -> Result<(), ReplicaError> {
        let Some(mut lease) = self.read().await? else {
            return Ok(());
        };
        if lease.text("/spec/holderIdentity") != self.holder {
            return Ok(());
        }
        lease.0["spec"]["holderIdentity"] = json!("");
        let path = self.path(Some(&self.name))?;
        match self.send(Method::PUT, path, Some(&lease.0)).await? {
            // Where it is another's by now there is nothing to give up.
            (StatusCode::OK | StatusCode::CONFLICT, _) => Ok(()),
            (status, text) => Err(self.refused("update", status, &text)),
        }
    }

    fn fill(&self, lease: &mut Value, token: u64, is_new: bool) {
        let now = self.now();
        if !lease["spec"].is_object() {
            lease["spec"] = json!({});
        }
        let spec = &mut lease["spec"];
        spec["holderIdentity"] = json!(self.holder);
        spec["leaseDurationSeconds"] = json!(self.ttl.as_millis().div_ceil(1_000) as u64);
        spec["leaseTransitions"] = json!(token);
        spec["renewTime"] = json!(now);
        if is_new {
            spec["acquireTime"] = json!(now);
        }
    }

    /// The present as Kubernetes writes it, for people.
    fn now(&self) -> String {
        let at = Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default();
        format!("{at:.6}")
    }

    /// Whether a lease has not changed for as long as it lasts.
    fn has_ended(&self, lease: &Document) -> bool {
        let version = lease.text("/metadata/resourceVersion");
        let lasts = match lease.number("/spec/leaseDurationSeconds") {
            0 => self.ttl,
            seconds => Duration::from_secs(seconds).min(TTL_MAX),
        };
        let mut seen = self.seen.lock();
        match &*seen {
            Some((known, since)) if known == version => since.elapsed() >= lasts,
            _ => {
                *seen = Some((version.to_owned(), Instant::now()));
                false
            }
        }
    }

    /// The lease; `None` where there is none.
    async fn read(&self) -> Result<Option<Document>, ReplicaError> {
        let path = self.path(Some(&self.name))?;
        let (status, text) = self.send(Method::GET, path, None).await?;
        match status {
            StatusCode::OK => {
                let document = serde_json::from_str(&text)
                    .map_err(|error| ReplicaError::unavailable("lease of Kubernetes", error))?;
                Ok(Some(Document(document)))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.refused("get", status, &text)),
        }
    }

    fn refused(&self, verb: &str, status: StatusCode, text: &str) -> ReplicaError {
        let namespace = &self.access.namespace;
        let name = &self.name;
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let message = document["message"].as_str().unwrap_or(text);
        ReplicaError::Unavailable(format!(
            "Kubernetes answered {} to {verb} lease {namespace}/{name}: {}",
            status.as_u16(),
            short(message)
        ))
    }

    fn path(&self, name: Option<&str>) -> Result<Url, ReplicaError> {
        let mut url = self.access.server.clone();
        let namespace = self.access.namespace.as_str();
        let Ok(mut path) = url.path_segments_mut() else {
            let text = format!(
                "{:?} is no URL of a server",
                short(self.access.server.as_str())
            );
            return Err(ReplicaError::Invalid(text));
        };
        path.pop_if_empty()
            .extend([
                "apis",
                "coordination.k8s.io",
                "v1",
                "namespaces",
                namespace,
                "leases",
            ])
            .extend(name);
        drop(path);
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<(StatusCode, String), ReplicaError> {
        let failed = |error| ReplicaError::unavailable("Kubernetes", error);
        let mut request = Request {
            method,
            timeout: Some(REQUEST_TIME),
            ..Request::get(url)
        };
        if let Some(body) = body {
            let json = bellwether_outbound::header::HeaderValue::from_static("application/json");
            let name = bellwether_outbound::header::CONTENT_TYPE;
            request.headers.insert(name, json);
            request.body = body.to_string().into();
        }
        let response = self.access.client.send(request).await.map_err(failed)?;
        let status = response.status();
        let mut bytes = Vec::new();
        let read = response.read_body(BODY_BYTES_MAX, &mut bytes).await;
        read.map_err(failed)?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// A Lease as the server sent it: what we do not know goes back as it came.
struct Document(Value);

impl Document {
    fn text(&self, pointer: &str) -> &str {
        let value = self.0.pointer(pointer);
        value.and_then(Value::as_str).unwrap_or("")
    }

    fn number(&self, pointer: &str) -> u64 {
        let value = self.0.pointer(pointer);
        value.and_then(Value::as_u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
