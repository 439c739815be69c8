//! Dashboards at the edge, over a keeper in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bellwether_dashboards::{Dashboard, Problem, read_json};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{parts, send, services};
use crate::dashboards::{DashboardError, DashboardKeeper, DashboardSource, KeptDashboard};
use crate::openapi::{Content, operations};
use crate::services::BoxFuture;
use crate::settings::ServerSettings;
use crate::{Server, Services};

#[derive(Debug, Default)]
struct Keeper(Mutex<BTreeMap<String, Arc<KeptDashboard>>>);

impl DashboardKeeper for Keeper {
    fn list(&self) -> Vec<Arc<KeptDashboard>> {
        self.0.lock().values().cloned().collect()
    }

    fn get(&self, uid: &str) -> Option<Arc<KeptDashboard>> {
        self.0.lock().get(uid).cloned()
    }

    fn save(
        &self,
        dashboard: Dashboard,
        version: u64,
        by: Option<String>,
    ) -> BoxFuture<Result<Arc<KeptDashboard>, DashboardError>> {
        let mut all = self.0.lock();
        let uid = dashboard.uid.clone();
        let known = all.get(&uid).map_or(0, |kept| kept.version);
        let result = if known == version {
            let kept = Arc::new(KeptDashboard {
                dashboard,
                source: DashboardSource::Saved { time_ms: 1_500, by },
                version: known + 1,
            });
            all.insert(uid, Arc::clone(&kept));
            Ok(kept)
        } else {
            Err(DashboardError::Conflict(format!("its version is {known}")))
        };
        Box::pin(async move { result })
    }

    fn remove(&self, uid: String, _version: Option<u64>) -> BoxFuture<Result<(), DashboardError>> {
        let removed = self.0.lock().remove(&uid);
        Box::pin(async move { removed.map(drop).ok_or(DashboardError::NotFound(uid)) })
    }

    fn read_yaml(&self, text: &str) -> Result<Dashboard, Vec<Problem>> {
        let text = text.trim_start_matches("yaml ");
        read_json(text.as_bytes())
    }
}

fn router() -> Router {
    let keeper = Keeper::default();
    let dashboard = read_json(br#"{ "uid": "file", "title": "Of a file", "tags": ["a"] }"#);
    let kept = KeptDashboard {
        dashboard: dashboard.unwrap(),
        source: DashboardSource::File("x.yml".to_owned()),
        version: 0,
    };
    keeper.0.lock().insert("file".to_owned(), Arc::new(kept));
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        dashboards: Some(Arc::new(keeper)),
        ..services()
    });
    server.router()
}

async fn ask(router: &Router, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/bellwether/v1/dashboards{path}"))
        .body(Body::from(body.to_owned()))
        .unwrap();
    let (status, _, bytes) = send(router, request).await;
    let text = String::from_utf8(bytes).unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if status.is_success() && status.as_u16() == 200 {
        described(method, path, &value);
    }
    (status.as_u16(), value)
}

/// Holds an answer against its description.
fn described(method: &str, path: &str, value: &Value) {
    let path = path.split('?').next().unwrap();
    let template = match path {
        "" | "/import" => path.to_owned(),
        of if of.ends_with("/yaml") => "/{uid}/yaml".to_owned(),
        _ => "/{uid}".to_owned(),
    };
    let whole = format!("/api/bellwether/v1/dashboards{template}");
    let method = method.to_lowercase();
    let operation =
        operations().find(|it| it.path == whole && it.methods.contains(&method.as_str()));
    if let Content::Json(shape) = operation.unwrap().answer {
        assert_eq!(shape.difference(value), None, "{whole}");
    }
}

const MODEL: &str =
    r#"{ "uid": "a", "title": "A", "panels": [{ "title": "p", "queries": ["up"] }] }"#;

#[tokio::test]
async fn they_are_listed_saved_and_taken_away() {
    let router = router();
    let (status, value) = ask(&router, "GET", "", "").await;
    assert_eq!(status, 200);
    assert_eq!(value["data"]["dashboards"][0]["readOnly"], json!(true));
    let (status, value) = ask(&router, "PUT", "/a", MODEL).await;
    assert_eq!(
        (status, &value["data"]["version"]),
        (200, &json!(1)),
        "{value}"
    );
    assert_eq!(value["data"]["savedAt"], json!(1.5));
    let (status, value) = ask(&router, "PUT", "/a", MODEL).await;
    assert_eq!((status, &value["errorType"]), (409, &json!("conflict")));
    let (status, _) = ask(&router, "PUT", "/a?version=1", MODEL).await;
    assert_eq!(status, 200);
    let (_, value) = ask(&router, "GET", "/a", "").await;
    let panel = &value["data"]["dashboard"]["rows"][0]["panels"][0];
    assert_eq!(panel["queries"][0]["refId"], json!("A"));
    assert_eq!(panel["grid"], json!({ "x": 0, "y": 0, "w": 12, "h": 8 }));
    let (_, value) = ask(&router, "GET", "/a/yaml", "").await;
    assert_eq!(
        value,
        json!("uid: a\ntitle: A\npanels:\n  - { title: p, queries: up }\n")
    );
    let (_, value) = ask(&router, "GET", "?tag=a&search=FILE", "").await;
    assert_eq!(value["data"]["dashboards"].as_array().unwrap().len(), 1);
    let (status, _) = ask(&router, "DELETE", "/a?version=2", "").await;
    assert_eq!(status, 204);
    for (method, path) in [("GET", "/a"), ("GET", "/a/yaml"), ("DELETE", "/a")] {
        assert_eq!(
            ask(&router, method, path, "").await.0,
            404,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place() {
    let router = router();
    let body = r#"{ "uid": "a", "title": "A", "panels": [{ "queries": ["sum("] }] }"#;
    let (status, value) = ask(&router, "PUT", "/a", body).await;
    assert_eq!(status, 400);
    assert_eq!(
        value["problems"][0]["path"],
        json!("rows[0].panels[0].queries[0].expr")
    );
    assert!(value["error"].as_str().unwrap().contains("is not PromQL"));
    let (status, value) = ask(&router, "PUT", "/b", MODEL).await;
    assert_eq!(status, 400);
    assert!(
        value["error"].as_str().unwrap().contains("as in the path"),
        "{value}"
    );
    for (path, body) in [("/a", "{"), ("/a?version=x", MODEL), ("/a", "[]")] {
        assert_eq!(
            ask(&router, "PUT", path, body).await.0,
            400,
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn an_import_saves_nothing_and_reports() {
    let router = router();
    let grafana = r#"{ "title": "G", "schemaVersion": 39, "panels": [
        { "id": 1, "type": "stat", "targets": [{ "refId": "A", "expr": "up" }] }, { "id": 2, "type": "geomap" }] }"#;
    let (status, value) = ask(&router, "POST", "/import", grafana).await;
    assert_eq!(status, 200, "{value}");
    let report = &value["data"]["report"];
    assert_eq!((&report["same"], &report["lost"]), (&json!(1), &json!(1)));
    assert_eq!(
        report["panels"][1]["findings"][0]["severity"],
        json!("lost")
    );
    assert_eq!(value["data"]["isForeign"], json!(true));
    let (_, value) = ask(&router, "POST", "/import", &format!("yaml {MODEL}")).await;
    assert_eq!(value["data"]["report"]["same"], json!(1));
    assert_eq!(ask(&router, "GET", "/g", "").await.0, 404);
    assert_eq!(ask(&router, "POST", "/import", "{").await.0, 400);
}
