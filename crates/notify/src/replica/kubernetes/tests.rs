//! Leases over an API server that refuses what was written under another resource version.

use bellwether_storage::ManualClock;

use super::*;
use crate::replica::test_server::{Answer, Asked, start};

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/prod/leases";

/// The Lease, as the server has it.
#[derive(Debug, Default)]
struct Api {
    lease: Option<Value>,
    version: u64,
    /// Status and body of the next answer, where it is another one.
    next: Option<(u16, &'static str)>,
    /// Somebody else writes before the next PUT is looked at.
    intruder: Option<&'static str>,
}

impl Api {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if let Some((status, body)) = self.next.take() {
            return (status, body.as_bytes().to_vec());
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        match (asked.method.as_str(), asked.path.strip_prefix(PATH)) {
            ("GET", Some("/bellwether")) => match &self.lease {
                Some(lease) => (200, lease.to_string().into_bytes()),
                None => (404, b"{}".to_vec()),
            },
            ("POST", Some("")) if self.lease.is_none() => {
                self.write(body);
                (201, b"{}".to_vec())
            }
            ("PUT", Some("/bellwether")) => {
                if let Some(intruder) = self.intruder.take() {
                    let mut lease = self.lease.clone().unwrap();
                    lease["spec"]["holderIdentity"] = json!(intruder);
                    lease["spec"]["leaseTransitions"] = json!(40);
                    self.write(lease);
                }
                let known = self.version.to_string();
                if body["metadata"]["resourceVersion"] != json!(known) {
                    return (
                        409,
                        br#"{"message":"the object has been modified"}"#.to_vec(),
                    );
                }
                self.write(body);
                (200, b"{}".to_vec())
            }
            ("POST", Some("")) => (409, b"{}".to_vec()),
            _ => panic!("{asked:?}"),
        }
    }

    fn write(&mut self, mut lease: Value) {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease);
    }
}

struct Bench {
    api: Arc<Mutex<Api>>,
    server: Url,
}

impl Bench {
    async fn new() -> Self {
        let api = Arc::new(Mutex::new(Api::default()));
        let shared = Arc::clone(&api);
        let server = start(move |asked| {
            let answer = shared.lock().answer(&asked);
            Box::pin(async move { answer })
        });
        let server = server.await;
        Self { api, server }
    }

    fn lease(&self, url: &str, instance: &str) -> KubernetesLease {
        let access = KubernetesAccess {
            server: self.server.clone(),
            client: lazy_client(&HttpClientSettings::default()).unwrap(),
            namespace: "prod".to_owned(),
        };
        let clock = Arc::new(ManualClock::new(1_795_787_694_055));
        KubernetesLease::new(
            access,
            "bellwether",
            &url.parse().unwrap(),
            instance,
            10_000,
            clock,
        )
    }
}

fn held(token: u64) -> Result<LeaseState, ReplicaError> {
    Ok(LeaseState::Held { token })
}

fn elsewhere(holder: &str, token: u64) -> Result<LeaseState, ReplicaError> {
    let holder = holder.to_owned();
    Ok(LeaseState::Elsewhere { holder, token })
}

/// Lets the clock that nobody sets go on.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_lease_is_made_renewed_and_given_up() {
    let bench = Bench::new().await;
    let a = bench.lease("http://a:9090/", "1");
    let b = bench.lease("http://b:9090/x", "2");
    assert_eq!(a.acquire(0).await, held(1));
    let lease = bench.api.lock().lease.clone().unwrap();
    assert_eq!(
        lease["spec"],
        json!({
            "holderIdentity": "http://a:9090/#1",
            "leaseDurationSeconds": 10,
            "leaseTransitions": 1,
            "renewTime": "2026-11-27T13:54:54.055000Z",
            "acquireTime": "2026-11-27T13:54:54.055000Z",
        })
    );
    assert_eq!(b.acquire(0).await, elsewhere("http://a:9090/", 1));
    assert_eq!(a.acquire(0).await, held(1));
    b.release().await.unwrap();
    assert_eq!(a.acquire(0).await, held(1));
    a.release().await.unwrap();
    assert_eq!(b.acquire(0).await, held(2));
    // The same URL in another process is another holder.
    let again = bench.lease("http://b:9090/x", "3");
    assert_eq!(again.acquire(0).await, elsewhere("http://b:9090/x", 2));
}

#[tokio::test]
async fn a_holder_is_gone_when_its_lease_has_not_changed_for_as_long_as_it_lasts() {
    let bench = Bench::new().await;
    let a = bench.lease("http://a/", "1");
    let b = bench.lease("http://b/", "2");
    assert_eq!(a.acquire(0).await, held(1));
    for _ in 0..3 {
        assert_eq!(b.acquire(0).await, elsewhere("http://a/", 1));
        pass(9).await;
        assert_eq!(b.acquire(0).await, elsewhere("http://a/", 1));
        assert_eq!(a.acquire(0).await, held(1));
    }
    assert_eq!(b.acquire(0).await, elsewhere("http://a/", 1));
    pass(10).await;
    assert_eq!(b.acquire(0).await, held(2));
    assert_eq!(a.acquire(0).await, elsewhere("http://b/", 2));
}

#[tokio::test]
async fn of_two_who_want_it_one_gets_it() {
    let bench = Bench::new().await;
    let a = bench.lease("http://a/", "1");
    assert_eq!(a.acquire(0).await, held(1));
    bench.api.lock().intruder = Some("http://c/#9");
    assert_eq!(
        a.acquire(0).await.unwrap_err().to_string(),
        "lease \"bellwether\" was changed meanwhile"
    );
    assert_eq!(a.acquire(0).await, elsewhere("http://c/", 40));
    // Both make it at once: the server says that it is there.
    bench.api.lock().next = Some((404, "{}"));
    assert_eq!(a.acquire(0).await, elsewhere("", 0));
}

#[tokio::test]
async fn a_lease_that_was_removed_goes_on_above_what_is_known() {
    let bench = Bench::new().await;
    let a = bench.lease("http://a/", "1");
    assert_eq!(a.acquire(6).await, held(7));
    bench.api.lock().lease = None;
    assert_eq!(a.acquire(7).await, held(8));
    // Somebody has emptied it: what we do not know of it stays.
    bench
        .api
        .lock()
        .write(json!({ "metadata": { "labels": { "x": "y" } } }));
    assert_eq!(a.acquire(8).await, held(9));
    let lease = bench.api.lock().lease.clone().unwrap();
    assert_eq!(lease["metadata"]["labels"]["x"], "y");
}

#[tokio::test]
async fn refusals_say_what_was_asked() {
    let bench = Bench::new().await;
    let a = bench.lease("http://a/", "1");
    let forbidden = r#"{"message":"leases is forbidden"}"#;
    bench.api.lock().next = Some((403, forbidden));
    assert_eq!(
        a.acquire(0).await.unwrap_err().to_string(),
        "Kubernetes answered 403 to get lease prod/bellwether: leases is forbidden"
    );
    bench.api.lock().next = Some((200, "no json"));
    let error = a.acquire(0).await.unwrap_err();
    assert!(
        error.to_string().starts_with("lease of Kubernetes: "),
        "{error}"
    );
    assert!(error.retry());
}

#[test]
fn a_pod_is_recognised_by_its_environment() {
    let environment = |name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
        "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
        _ => None,
    };
    let access = KubernetesAccess::in_cluster(&environment, Some("prod")).unwrap();
    assert_eq!(access.server.as_str(), "https://[fd00::1]/");
    assert_eq!(access.namespace, "prod");
    let error = KubernetesAccess::in_cluster(&|_| None, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "KUBERNETES_SERVICE_HOST is not set: a lease of Kubernetes needs a pod"
    );
}
