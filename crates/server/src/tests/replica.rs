//! A server as one of two replicas: how it shows that, and what the other may ask it.

use bellwether_notify::replica::{
    Area, Entry, LOG_PATH, Lease, LeaseState, PeerLog, Replica, ReplicaError, ReplicaParts,
    put_entries,
};
use bellwether_outbound::lazy_client;
use bellwether_outbound::settings::HttpClientSettings;
use serde_json::Value;

use super::*;

/// A lease that is as it is.
#[derive(Debug)]
struct Fixed(LeaseState);

impl Lease for Fixed {
    fn acquire(
        &self,
        _token_known: u64,
    ) -> bellwether_notify::BoxFuture<Result<LeaseState, ReplicaError>> {
        let state = self.0.clone();
        Box::pin(async move { Ok(state) })
    }

    fn release(&self) -> bellwether_notify::BoxFuture<Result<(), ReplicaError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A server that is the replica `a`, whose task has looked at the lease where `runs` says so.
async fn member(state: LeaseState, runs: bool) -> Router {
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let client = lazy_client(&HttpClientSettings::default()).unwrap();
    let log = PeerLog::new("a", client, Arc::clone(&clock) as _);
    let parts_of_runner = RunnerParts {
        machine: Machine::new(Arc::new(Plan::to_nobody()), 1),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::new(MemoryTimeline::default()),
        clock,
        deliver: Arc::new(Takes),
    };
    let runner = Runner::replicated(parts_of_runner, Arc::new(log.clone()), "a");
    let replica = Replica::new(ReplicaParts {
        runner: runner.clone(),
        lease: Arc::new(Fixed(state)),
        name: "a".to_owned(),
        ttl_ms: 10_000,
    });
    if runs {
        let running = replica.clone();
        tokio::spawn(async move { running.run().await });
        let has_looked = || {
            let status = replica.status();
            status.leading.is_some() || (!status.holder.is_empty() && status.holder != "a")
        };
        while !has_looked() {
            tokio::task::yield_now().await;
        }
    }
    let timeline = Arc::new(MemoryTimeline::default());
    let alerting = Alerting::new(runner, timeline, None, AlertingFacts::default());
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        alerting: alerting.with_replica(replica, Some(log)),
        probing: None,
        objectives: None,
        scaling: None,
        predictions: None,
        ..services()
    });
    server.router()
}

async fn json(router: &Router, path: &str) -> Value {
    let (code, text) = get(router, path).await;
    assert_eq!(code, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The name, status and peers of the cluster, as `amtool cluster show` has them.
async fn cluster(router: &Router) -> String {
    let status = json(router, "/am/api/v2/status").await;
    let cluster = &status["cluster"];
    let peers = cluster["peers"].as_array().unwrap().iter();
    let peers: Vec<String> = peers
        .map(|peer| format!("{} at {}", peer["name"], peer["address"]))
        .collect();
    format!(
        "{} {}: {}",
        cluster["name"],
        cluster["status"],
        peers.join(", ")
    )
}

fn held() -> LeaseState {
    LeaseState::Held { token: 3 }
}

#[tokio::test]
async fn how_a_replica_stands_is_shown() {
    let path = "/api/bellwether/v1/status";
    let router = member(held(), false).await;
    assert_eq!(cluster(&router).await, r#""a" "settling": "a" at """#);
    assert_eq!(json(&router, path).await["replica"]["leads"], false);

    let router = member(held(), true).await;
    assert_eq!(cluster(&router).await, r#""a" "ready": "a" at """#);
    let want = serde_json::json!({
        "name": "a", "leads": true, "holder": "a", "token": 3, "terms": 1, "unshared": 0,
        "leaseError": "", "logError": "",
    });
    let mut status = json(&router, path).await["replica"].take();
    // Written before it led.
    status["logError"] = "".into();
    assert_eq!(status, want);

    let elsewhere = LeaseState::Elsewhere {
        holder: "http://b:9090/".to_owned(),
        token: 4,
    };
    let router = member(elsewhere, true).await;
    assert_eq!(
        cluster(&router).await,
        r#""a" "ready": "a" at "", "http://b:9090/" at "http://b:9090/""#
    );
    let status = json(&router, path).await["replica"].take();
    assert_eq!(
        (&status["leads"], &status["token"]),
        (&false.into(), &4.into())
    );
    // A server that is alone says nothing of replicas.
    let alone = super::router();
    assert_eq!(json(&alone, path).await.get("replica"), None);
}

#[tokio::test]
async fn who_leads_answers_the_others() {
    let ask = async |router: &Router, method: &str, query: &str, body: Vec<u8>| {
        let request = Request::builder()
            .method(method)
            .uri(format!("{LOG_PATH}{query}"))
            .body(Body::from(body))
            .unwrap();
        let (status, headers, bytes) = send(router, request).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status.as_u16(), headers, text)
    };
    let silence = put_entries(&[Entry {
        area: Area::Silence,
        key: b"one".to_vec(),
        value: b"word".to_vec(),
        token: 0,
        by: "b".to_owned(),
        expires_ms: i64::MAX,
    }]);
    let router = member(held(), true).await;
    assert_eq!(ask(&router, "POST", "", silence.clone()).await.0, 204);
    let (code, headers, text) = ask(&router, "GET", "?by=b", Vec::new()).await;
    assert_eq!(code, 200);
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert!(
        text.contains("oneword") || text.contains("word"),
        "{text:?}"
    );
    for (method, query, body, code, want) in [
        ("GET", "", Vec::new(), 400, "by has 0 bytes"),
        ("POST", "", b"\xff".to_vec(), 400, "unknown area"),
        ("PUT", "", Vec::new(), 405, ""),
    ] {
        let (found, _, text) = ask(&router, method, query, body).await;
        assert_eq!(found, code, "{method} {query}: {text}");
        assert!(text.contains(want), "{text}");
    }
    let waiting = member(held(), false).await;
    let (code, _, text) = ask(&waiting, "POST", "", silence).await;
    assert_eq!(
        (code, text.as_str()),
        (503, "this replica does not have the lease")
    );
    let (code, _, text) = ask(&super::router(), "GET", "?by=b", Vec::new()).await;
    assert_eq!(code, 404);
    assert!(text.contains("keeps no log for replicas"), "{text}");
}
