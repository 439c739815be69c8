//! Editing rules as Grafana and mimirtool do it, over an editor in memory.

use parking_lot::Mutex;

use super::*;
use crate::{RuleEditError, RuleEditor};

/// Notes what it is asked for, and answers from a list of groups `namespace/group`.
#[derive(Debug, Default)]
pub(super) struct FakeEditor(Mutex<Vec<String>>);

fn now<T: Send + 'static>(answer: Result<T, RuleEditError>) -> BoxFuture<Result<T, RuleEditError>> {
    Box::pin(async move { answer })
}

impl RuleEditor for FakeEditor {
    fn list(&self, namespace: Option<String>) -> BoxFuture<Result<String, RuleEditError>> {
        now(match namespace {
            Some(namespace) if namespace == "none" => Err(RuleEditError::NoNamespace),
            other => Ok(format!("{}: []\n", other.as_deref().unwrap_or("all"))),
        })
    }

    fn group(&self, namespace: String, group: String) -> BoxFuture<Result<String, RuleEditError>> {
        now(match group.as_str() {
            "none" => Err(RuleEditError::NoGroup),
            _ => Ok(format!("name: {namespace}|{group}\n")),
        })
    }

    fn set(&self, namespace: String, group_yaml: String) -> BoxFuture<Result<(), RuleEditError>> {
        let answer = match group_yaml.as_str() {
            "wrong" => Err(RuleEditError::Invalid("ns:1:1: want a mapping".to_owned())),
            "long" => Err(RuleEditError::Invalid("x".repeat(1 << 20))),
            _ if namespace == "file.yml" => Err(RuleEditError::ReadOnly("a file".to_owned())),
            _ if namespace == "full" => Err(RuleEditError::Failed("no space".to_owned())),
            _ => Ok(()),
        };
        self.0.lock().push(format!("set {namespace} {group_yaml}"));
        now(answer)
    }

    fn remove(
        &self,
        namespace: String,
        group: Option<String>,
    ) -> BoxFuture<Result<(), RuleEditError>> {
        self.0.lock().push(format!("remove {namespace} {group:?}"));
        now(Ok(()))
    }
}

pub(super) fn with_editor(settings: ServerSettings) -> (Router, Arc<FakeEditor>) {
    let editor = Arc::new(FakeEditor::default());
    let server = Server::new(parts(settings)).unwrap();
    let mut services = services();
    services.alerting = services.alerting.with_rule_editor(Arc::clone(&editor) as _);
    server.open(services);
    (server.router(), editor)
}

async fn ask(router: &Router, method: &str, path: &str, body: Vec<u8>) -> (u16, String, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::from(body)).unwrap();
    let (status, headers, bytes) = send(router, request).await;
    let content = headers.get("content-type");
    let content = content
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    (status.as_u16(), content, String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn every_place_speaks_the_language_of_a_ruler() {
    let (router, editor) = with_editor(ServerSettings::default());
    for place in [
        "/config/v1/rules",
        "/prometheus/config/v1/rules",
        "/prometheus/rules",
    ] {
        let check = async |method: &str, rest: &str, body: &str, want: (u16, &str, &str)| {
            let path = format!("{place}{rest}");
            let (status, content, text) = ask(&router, method, &path, body.into()).await;
            assert_eq!(
                (status, content.as_str(), text.as_str()),
                want,
                "{method} {path}"
            );
        };
        let (yaml, text) = ("application/yaml", "text/plain; charset=utf-8");
        let accepted = r#"{"status":"success","data":null,"errorType":"","error":""}"#;
        let accepted = (202, "application/json", accepted);
        check("GET", "", "", (200, yaml, "all: []\n")).await;
        check("GET", "/a%2Fb%20c", "", (200, yaml, "a/b c: []\n")).await;
        check("GET", "/..", "", (200, yaml, "..: []\n")).await;
        check("GET", "/a/%2E%2E%2Fg", "", (200, yaml, "name: a|../g\n")).await;
        check(
            "GET",
            "/none",
            "",
            (404, text, "group namespace does not exist\n"),
        )
        .await;
        check("GET", "/a/none", "", (404, text, "group does not exist\n")).await;
        check("POST", "/a%2fb", "name: g", accepted).await;
        check(
            "POST",
            "/a",
            "wrong",
            (400, text, "ns:1:1: want a mapping\n"),
        )
        .await;
        check("POST", "/file.yml", "name: g", (403, text, "a file\n")).await;
        check("POST", "/full", "name: g", (500, text, "no space\n")).await;
        check("DELETE", "/a/g%2Fh", "", accepted).await;
        check("DELETE", "/a", "", accepted).await;
        let (status, _, text) = ask(&router, "POST", &format!("{place}/a"), b"long".into()).await;
        assert!(status == 400 && text.len() < 16 << 10, "{}", text.len());
        let (status, _, text) = ask(&router, "GET", &format!("{place}/%ff"), Vec::new()).await;
        assert!(status == 400 && text.contains("UTF-8"), "{text}");
        let (status, _, text) = ask(&router, "GET", &format!("{place}/a/b/c"), Vec::new()).await;
        assert!(status == 404 && text.contains("page not found"), "{text}");
        let (status, _, _) = ask(&router, "POST", place, b"name: g".into()).await;
        assert_eq!(status, 405);
        let done = std::mem::take(&mut *editor.0.lock());
        assert_eq!(done[0], "set a/b name: g");
        assert!(
            done.contains(&"remove a Some(\"g/h\")".to_owned()),
            "{done:?}"
        );
        assert!(done.contains(&"remove a None".to_owned()), "{done:?}");
    }
}

#[tokio::test]
async fn bodies_of_groups_have_bounds() {
    let (router, editor) = with_editor(ServerSettings::default());
    let path = "/config/v1/rules/ns";
    let (status, _, text) = ask(&router, "POST", path, vec![b'#'; 10 << 20]).await;
    assert_eq!(
        (status, text.as_str()),
        (413, "the body has more than 4194304 bytes\n")
    );
    let (status, _, text) = ask(&router, "POST", path, b"a: \xff".to_vec()).await;
    assert_eq!(
        (status, text.as_str()),
        (400, "the body is not valid UTF-8 at byte 3\n")
    );
    assert!(editor.0.lock().is_empty());
}

#[tokio::test]
async fn grafana_learns_that_rules_can_be_edited_below_prometheus() {
    let build = async |router: &Router, path: &str| -> serde_json::Value {
        let (status, text) = get(router, path).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let (router, _) = with_editor(ServerSettings::default());
    let own = build(&router, "/api/v1/status/buildinfo").await;
    assert_eq!(own["data"]["application"], "Bellwether");
    assert!(own["data"]["features"].is_null());
    let below = build(&router, "/prometheus/api/v1/status/buildinfo").await;
    assert_eq!(below["data"]["application"], "Grafana Mimir");
    assert_eq!(below["data"]["features"]["ruler_config_api"], "true");
    assert_eq!(below["data"]["version"], own["data"]["version"]);
    // The whole API is there.
    let query = build(&router, "/prometheus/api/v1/query?query=vector(1)").await;
    assert_eq!(query["data"]["resultType"], "vector");
    let values = build(&router, "/prometheus/api/v1/label/job/values").await;
    assert_eq!(values["data"], serde_json::json!(["api", "web"]));
    // Without an editor nothing is promised.
    let router = super::router();
    let below = build(&router, "/prometheus/api/v1/status/buildinfo").await;
    assert_eq!(below["data"]["features"]["ruler_config_api"], "false");
    let (status, _, text) = ask(&router, "GET", "/config/v1/rules", Vec::new()).await;
    assert!(
        status == 404 && text.starts_with("page not found"),
        "{text}"
    );
}

#[tokio::test]
async fn reading_and_editing_are_different_scopes() {
    use crate::auth::{Need, need};
    use axum::http::Method;

    for place in [
        "/config/v1/rules",
        "/prometheus/config/v1/rules",
        "/prometheus/rules",
    ] {
        for rest in ["", "/ns", "/ns/group"] {
            let path = format!("{place}{rest}");
            assert_eq!(need(&Method::GET, &path), Need::Read, "{path}");
            for method in [Method::POST, Method::DELETE, Method::PUT] {
                assert_eq!(need(&method, &path), Need::Write, "{path}");
            }
        }
    }
    // What is there twice needs the same at both places.
    for path in [
        "/api/v1/query",
        "/api/v1/admin/tsdb/snapshot",
        "/api/v1/rules",
    ] {
        for method in [Method::GET, Method::POST] {
            let below = format!("/prometheus{path}");
            assert_eq!(need(&method, &below), need(&method, path), "{path}");
        }
    }
    assert_eq!(need(&Method::POST, "/config/v1/rulesx"), Need::Read);
}
