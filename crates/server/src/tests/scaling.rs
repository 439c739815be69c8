//! Scalers at the edge: our own API, KEDA's gRPC, Kubernetes' external metrics.

use std::collections::HashMap;
use std::time::Duration;

use bellwether_outbound::settings::{
    HttpClientSettings, PemSource, Secret, TlsSettings as ClientTls,
};
use bellwether_rules::scaling::{
    ExternalMetric, KedaObject, ScalerSettings, ScalerTargets, Scalers, ScalersParts, SignalName,
};
use bellwether_scale::{Policy, Rule};
use bellwether_storage::MemoryStore;
use bellwether_telemetry::Registry;
use serde_json::{Value, json};
use tonic::Code;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::*;
use crate::keda::wire::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, ScaledObjectRef,
};
use crate::openapi;
use crate::settings::{
    ClientAuth, FrontProxySettings, Hidden, Pem, Security, ServerSettings, TlsSettings,
};

pub(super) struct World {
    store: Arc<MemoryStore>,
    scalers: Scalers,
    server: Server,
    pub(super) router: Router,
}

fn scaler(name: &str) -> ScalerSettings {
    ScalerSettings {
        name: name.to_owned(),
        labels: vec![("team".to_owned(), "a".to_owned())],
        interval_ms: 15_000,
        policy: Policy {
            step_up: None,
            down_hold_ms: 0,
            idle_ms: 1,
            ..Policy::proportional(0, 50, vec![Rule::InFlight { share: 0.5 }])
        },
        slots_per_worker: 8,
        start_up_ms: 60_000,
        signals: vec![
            (SignalName::InFlight, "in_flight".to_owned()),
            (SignalName::Instances, "3".to_owned()),
        ],
        is_dry_run: false,
        targets: ScalerTargets {
            keda: Some(KedaObject {
                name: format!("{name}-object"),
                namespace: "prod".to_owned(),
            }),
            external_metric: Some(ExternalMetric {
                name: format!("{name}_workers"),
                namespaces: vec!["prod".to_owned()],
            }),
            sdk: true,
        },
    }
}

impl World {
    pub(super) fn new(settings: ServerSettings) -> Self {
        let store = Arc::new(MemoryStore::default());
        let scalers = Scalers::new(ScalersParts {
            store: Arc::clone(&store) as _,
            engine: Arc::new(Engine::new(EngineOptions::default())),
            clock: Arc::new(ManualClock::new(NOW_MS)),
            state: None,
            timeline: None,
            registry: Registry::new(),
        })
        .unwrap();
        let mut dry = scaler("dry");
        dry.is_dry_run = true;
        scalers.apply(vec![scaler("agents"), dry]).unwrap();
        let server = Server::new(parts(settings)).unwrap();
        server.open(Services {
            scaling: Some(scalers.clone()),
            ..services()
        });
        let router = server.router();
        Self {
            store,
            scalers,
            server,
            router,
        }
    }

    /// So much is in flight, and every scaler has a turn.
    pub(super) fn turn(&self, after_ms: i64, in_flight: f64) {
        let labels = Labels::from_pairs([("__name__", "in_flight")]);
        self.store.insert(&labels, NOW_MS + after_ms, in_flight);
        for name in ["agents", "dry"] {
            assert!(self.scalers.turn(name, NOW_MS + after_ms).is_some());
        }
    }

    async fn json(&self, path: &str) -> (u16, Value) {
        let (status, text) = get(&self.router, path).await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

const METRIC: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/prod/agents_workers";

#[tokio::test]
async fn answers_are_as_described() {
    let world = World::new(ServerSettings::default());
    world.turn(0, 40.0);
    world.turn(15_000, 80.0);
    for operation in openapi::SCALING {
        let path = operation.path.replace("{scaler}", "agents");
        let path = path.replace("{namespace}", "prod");
        let path = path.replace("{metric}", "agents_workers");
        let (status, value) = world.json(&path).await;
        assert_eq!(status, 200, "{path} {value}");
        if let openapi::Content::Json(shape) = operation.answer {
            assert_eq!(shape.difference(&value), None, "{path} {value}");
        }
    }
    let (_, value) = world.json("/api/bellwether/v1/scalers/agents").await;
    let data = &value["data"];
    assert_eq!(data["decided"]["workers"], 20);
    assert_eq!(data["decided"]["workersEach"], 7);
    assert_eq!(data["decided"]["wanted"], json!({ "in_flight": 20.0 }));
    assert_eq!(data["changes"][0]["from"], 10);
    let (status, value) = world.json("/api/bellwether/v1/scalers/none").await;
    assert_eq!(status, 404, "{value}");
}

#[tokio::test(start_paused = true)]
async fn a_follower_waits_for_another_number() {
    let world = World::new(ServerSettings::default());
    let path = "/api/bellwether/v1/scalers/agents/follow?wait=20s";
    // Nothing is decided yet.
    let (_, value) = world.json(path).await;
    assert_eq!(value["data"], json!({ "number": null, "workers": null }));
    world.turn(0, 40.0);
    let (_, value) = world.json(path).await;
    assert_eq!(
        (&value["data"]["number"], &value["data"]["workers"]),
        (&json!(1), &json!(10))
    );
    let waiting = {
        let (router, path) = (world.router.clone(), format!("{path}&after=1"));
        tokio::spawn(async move { get(&router, &path).await })
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished());
    world.turn(15_000, 80.0);
    let value: Value = serde_json::from_str(&waiting.await.unwrap().1).unwrap();
    assert_eq!(
        (&value["data"]["number"], &value["data"]["workers"]),
        (&json!(2), &json!(20))
    );
    // Where nothing changes the answer comes at the end.
    let begun = tokio::time::Instant::now();
    let (_, value) = world.json(&format!("{path}&after=2")).await;
    assert_eq!(value["data"]["number"], 2);
    assert_eq!(begun.elapsed().as_secs(), 20);
    for (path, want) in [
        ("/api/bellwether/v1/scalers/dry/follow", 404),
        ("/api/bellwether/v1/scalers/none/follow", 404),
        ("/api/bellwether/v1/scalers/agents/follow?after=x", 400),
        ("/api/bellwether/v1/scalers/agents/follow?wait=soon", 400),
    ] {
        assert_eq!(world.json(path).await.0, want, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_whose_part_is_unknown_is_told_nothing() {
    let world = World::new(ServerSettings::default());
    let mut shared = scaler("agents");
    shared.signals[1].1 = "instances".to_owned();
    world.scalers.apply(vec![shared, scaler("dry")]).unwrap();
    world.turn(0, 40.0);
    let path = "/api/bellwether/v1/scalers/agents/follow?wait=20s";
    let (_, value) = world.json(path).await;
    assert_eq!(value["data"], json!({ "number": null, "workers": null }));
    let labels = Labels::from_pairs([("__name__", "instances")]);
    world.store.insert(&labels, NOW_MS + 15_000, 2.0);
    world.turn(15_000, 40.0);
    let (_, value) = world.json(path).await;
    assert_eq!(
        (&value["data"]["workers"], &value["data"]["workersEach"]),
        (&json!(10), &json!(5))
    );
}

#[tokio::test]
async fn external_metrics_are_those_of_kubernetes() {
    let world = World::new(ServerSettings::default());
    let (_, value) = world.json("/apis").await;
    assert_eq!(value["kind"], "APIGroupList");
    let (_, value) = world.json("/apis/external.metrics.k8s.io").await;
    assert_eq!(
        (&value["kind"], &value["name"]),
        (&json!("APIGroup"), &json!("external.metrics.k8s.io"))
    );
    let (_, value) = world.json("/apis/external.metrics.k8s.io/v1beta1").await;
    assert_eq!(
        value["resources"],
        json!([{
            "name": "agents_workers", "singularName": "", "namespaced": true,
            "kind": "ExternalMetricValueList", "verbs": ["get"],
        }])
    );
    // Nothing is decided: no value, and above all no zero.
    let (status, value) = world.json(METRIC).await;
    assert_eq!(
        (status, &value["kind"], &value["reason"]),
        (503, &json!("Status"), &json!("ServiceUnavailable"))
    );
    world.turn(0, 40.0);
    let (status, value) = world.json(METRIC).await;
    assert_eq!(status, 200);
    assert_eq!(
        value,
        json!({
            "kind": "ExternalMetricValueList",
            "apiVersion": "external.metrics.k8s.io/v1beta1",
            "metadata": {},
            "items": [{
                "metricName": "agents_workers",
                "metricLabels": { "scaler": "agents", "team": "a" },
                "timestamp": jiff::Timestamp::from_second(NOW_MS / 1_000).unwrap().to_string(),
                "value": "10",
            }],
        })
    );
    let (_, value) = world
        .json(&format!("{METRIC}?labelSelector=team%3Db"))
        .await;
    assert_eq!(value["items"], json!([]));
    for (path, want) in [
        (METRIC.replace("prod", "test"), 404),
        (METRIC.replace("agents_", "dry_"), 404),
        (METRIC.replace("agents_", "no_"), 404),
        (format!("{METRIC}?labelSelector=a+b"), 400),
    ] {
        let (status, value) = world.json(&path).await;
        assert_eq!((status, &value["code"]), (want, &json!(want)), "{path}");
    }
}

fn object(name: &str, scaler: Option<&str>) -> ScaledObjectRef {
    let metadata = scaler.map(|it| ("scaler".to_owned(), it.to_owned()));
    ScaledObjectRef {
        name: name.to_owned(),
        namespace: "prod".to_owned(),
        scaler_metadata: metadata.into_iter().collect::<HashMap<_, _>>(),
    }
}

/// A client as generated ones are.
struct Client(Grpc<Channel>);

impl Client {
    async fn ask<Q, A>(&mut self, method: &'static str, asked: Q) -> Result<A, tonic::Status>
    where
        Q: prost::Message + Default + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await.unwrap();
        let path = axum::http::uri::PathAndQuery::from_static(method);
        let request = tonic::Request::new(asked);
        let answer = self.0.unary(request, path, ProstCodec::default()).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn stream<A>(
        &mut self,
        method: &'static str,
        asked: ScaledObjectRef,
    ) -> Result<tonic::Streaming<A>, tonic::Status>
    where
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await.unwrap();
        let path = axum::http::uri::PathAndQuery::from_static(method);
        let request = tonic::Request::new(asked);
        let codec = ProstCodec::<ScaledObjectRef, A>::default();
        let answer = self.0.server_streaming(request, path, codec).await;
        answer.map(tonic::Response::into_inner)
    }
}

const IS_ACTIVE: &str = "/externalscaler.ExternalScaler/IsActive";
const SPEC: &str = "/externalscaler.ExternalScaler/GetMetricSpec";
const METRICS: &str = "/externalscaler.ExternalScaler/GetMetrics";

#[tokio::test]
async fn keda_is_answered_by_every_method() {
    let any = "127.0.0.1:0".parse().unwrap();
    let world = World::new(ServerSettings {
        listen: vec![any],
        otlp_grpc_listen: Some(any),
        ..ServerSettings::default()
    });
    let bound = world.server.bind().await.unwrap();
    let address = bound.otlp_grpc_address().unwrap();
    let serving = tokio::spawn(bound.serve());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = Client(Grpc::new(endpoint.connect().await.unwrap()));
    let agents = || object("agents-object", None);

    let spec: GetMetricSpecResponse = client.ask(SPEC, agents()).await.unwrap();
    let spec = &spec.metric_specs[0];
    assert_eq!(
        (spec.metric_name.as_str(), spec.target_size),
        ("bellwether-agents", 1)
    );
    assert_eq!(spec.target_size_float, 1.0);
    let asked = |name: &str| GetMetricsRequest {
        scaled_object_ref: Some(agents()),
        metric_name: name.to_owned(),
    };
    // Before anything is decided there is no number, and nothing is inactive.
    let error = client
        .ask::<_, GetMetricsResponse>(METRICS, asked("bellwether-agents"))
        .await;
    assert_eq!(error.unwrap_err().code(), Code::Unavailable);
    let error = client.ask::<_, IsActiveResponse>(IS_ACTIVE, agents()).await;
    assert_eq!(error.unwrap_err().code(), Code::Unavailable);
    let mut active = client
        .stream::<IsActiveResponse>("/externalscaler.ExternalScaler/StreamIsActive", agents())
        .await
        .unwrap();
    let mut specs = client
        .stream::<GetMetricSpecResponse>(
            "/externalscaler.ExternalScaler/StreamMetricSpec",
            agents(),
        )
        .await
        .unwrap();
    let told = specs.message().await.unwrap().unwrap();
    assert_eq!(told.metric_specs[0], *spec);

    world.turn(0, 40.0);
    assert!(active.message().await.unwrap().unwrap().result);
    let metrics: GetMetricsResponse = client
        .ask(METRICS, asked("bellwether-agents"))
        .await
        .unwrap();
    let value = &metrics.metric_values[0];
    assert_eq!((value.metric_value, value.metric_value_float), (10, 10.0));
    // A pool that rests is inactive when its workers may go.
    world.turn(15_000, 0.0);
    world.turn(30_000, 0.0);
    assert!(!active.message().await.unwrap().unwrap().result);
    let answer: IsActiveResponse = client.ask(IS_ACTIVE, agents()).await.unwrap();
    assert!(!answer.result);
    let by_name: GetMetricSpecResponse = client
        .ask(SPEC, object("agents-object", Some("agents")))
        .await
        .unwrap();
    assert_eq!(by_name.metric_specs.len(), 1);
    for (asked, want) in [
        (object("other", None), Code::NotFound),
        (object("agents-object", Some("none")), Code::NotFound),
        (object("other", Some("agents")), Code::FailedPrecondition),
        (object("dry-object", None), Code::FailedPrecondition),
    ] {
        let error = client
            .ask::<_, GetMetricSpecResponse>(SPEC, asked.clone())
            .await;
        assert_eq!(error.unwrap_err().code(), want, "{asked:?}");
    }
    let error = client
        .ask::<_, GetMetricsResponse>(METRICS, asked("other"))
        .await;
    assert_eq!(error.unwrap_err().code(), Code::InvalidArgument);

    // A scaler that is gone ends its streams.
    world.scalers.apply(Vec::new()).unwrap();
    assert_eq!(active.message().await.unwrap_err().code(), Code::NotFound);
    assert_eq!(specs.message().await.unwrap_err().code(), Code::NotFound);
    world.server.stop();
    drop((active, specs, client));
    serving.await.unwrap();
}

/// An authority, and certificates that it signs.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    /// Certificate and key of a name.
    fn sign(&self, name: &str) -> (String, String) {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> Pem {
        Pem::Inline(Hidden(self.certificate.pem()))
    }
}

#[tokio::test]
async fn the_aggregation_layer_says_who_asks() {
    let (servers, fronts, clients) = (Authority::new(), Authority::new(), Authority::new());
    let (cert, key) = servers.sign("server");
    let any = "127.0.0.1:0".parse().unwrap();
    for client_auth in [
        ClientAuth::None,
        ClientAuth::VerifyIfGiven,
        ClientAuth::RequireAndVerify,
    ] {
        let verifies = client_auth != ClientAuth::None;
        let asks_all = client_auth == ClientAuth::RequireAndVerify;
        let tls = TlsSettings {
            client_auth,
            client_ca: verifies.then(|| clients.pem()),
            front_proxy: Some(FrontProxySettings {
                client_ca: fronts.pem(),
                allowed_names: vec!["front-proxy-client".to_owned()],
            }),
            ..TlsSettings::new(
                Pem::Inline(Hidden(cert.clone())),
                Pem::Inline(Hidden(key.clone())),
            )
        };
        // Where certificates are all there is, there are no users.
        let users = match asks_all {
            true => Vec::new(),
            false => vec![("ada".to_owned(), Hidden(bcrypt::hash("lace", 4).unwrap()))],
        };
        let world = World::new(ServerSettings {
            listen: vec![any],
            otlp_grpc_listen: Some(any),
            security: Security {
                tls: Some(tls),
                users,
                ..Security::default()
            },
            ..ServerSettings::default()
        });
        world.turn(0, 40.0);
        let bound = world.server.bind().await.unwrap();
        let (main, grpc) = (bound.addresses()[0], bound.otlp_grpc_address().unwrap());
        let serving = tokio::spawn(bound.serve());
        let ask = async |by: Option<&(String, String)>, port: u16, path: &str, user: &str| {
            let inline = |text: &str| Some(PemSource::Inline(Secret::new(text)));
            let client = bellwether_outbound::client(&HttpClientSettings {
                tls: ClientTls {
                    ca: inline(&servers.certificate.pem()),
                    cert: by.and_then(|(cert, _)| inline(cert)),
                    key: by.and_then(|(_, key)| inline(key)),
                    ..ClientTls::default()
                },
                ..HttpClientSettings::default()
            })
            .unwrap();
            let url = format!("https://localhost:{port}{path}").parse().unwrap();
            let mut request = bellwether_outbound::Request::get(url);
            if !user.is_empty() {
                let value = user.parse().unwrap();
                request.headers.insert("x-remote-user", value);
            }
            let response = client.send(request).await;
            response.map_or(0, |response| response.status().as_u16())
        };
        let front = fronts.sign("front-proxy-client");
        let user = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
        assert_eq!(ask(Some(&front), main.port(), METRIC, user).await, 200);
        assert_eq!(ask(Some(&front), main.port(), "/apis", user).await, 200);
        let labels = "/api/v1/labels";
        let (no, none) = if asks_all { (403, 0) } else { (401, 401) };
        assert_eq!(ask(Some(&front), main.port(), METRIC, "").await, no);
        assert_eq!(ask(Some(&front), main.port(), labels, user).await, no);
        let other = fronts.sign("somebody");
        assert_eq!(ask(Some(&other), main.port(), METRIC, user).await, no);
        assert_eq!(ask(None, main.port(), METRIC, user).await, none);
        // Without the right certificate the header says nothing.
        let client = clients.sign("keda");
        let as_client = ask(Some(&client), main.port(), METRIC, user).await;
        assert_eq!(as_client, if asks_all { 200 } else { 401 });
        if verifies {
            // KEDA has nothing but its certificate. What it would post is left out: 405 is past the guard.
            let status = ask(Some(&client), grpc.port(), IS_ACTIVE, "").await;
            assert_eq!(status, 405);
            assert_eq!(ask(Some(&front), grpc.port(), IS_ACTIVE, user).await, no);
        }
        world.server.stop();
        serving.await.unwrap();
    }
}
