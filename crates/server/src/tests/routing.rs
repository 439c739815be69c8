//! The routing tree, ways through it, and what silences would hide.

use serde_json::{Value, json};

use super::*;
use crate::openapi::{self, Content};

async fn ask(router: &Router, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (status, _, bytes) = send(router, request).await;
    let value = serde_json::from_slice(&bytes).unwrap_or_default();
    (status.as_u16(), value)
}

/// The data of an answer that is as it is described.
async fn data(router: &Router, method: &str, path: &str, body: Value) -> Value {
    let operation = openapi::ROUTING
        .iter()
        .find(|of| of.path == path && of.methods == [method])
        .unwrap();
    if let Content::Json(shape) = operation.request {
        assert_eq!(shape.difference(&body), None, "{path} {body}");
    }
    let (status, answer) = ask(router, &method.to_uppercase(), path, &body.to_string()).await;
    assert_eq!(status, 200, "{path} {answer}");
    let Content::Json(shape) = operation.answer else {
        panic!("{path} has no shape");
    };
    assert_eq!(shape.difference(&answer), None, "{path} {answer}");
    answer["data"].clone()
}

async fn furnished() -> Router {
    let router = router();
    let alerts = r#"[
        {"labels":{"alertname":"Slow","host":"a"}},
        {"labels":{"alertname":"NodeDown","host":"a"}},
        {"labels":{"alertname":"Full","host":"b","to":"other"}}]"#;
    assert_eq!(
        ask(&router, "POST", "/am/api/v2/alerts", alerts).await.0,
        200
    );
    let silence = r#"{"matchers":[{"name":"host","value":"b","isRegex":false}],
        "startsAt":"2023-11-14T22:00:00Z","endsAt":"2023-11-14T23:00:00Z",
        "createdBy":"ada","comment":"x"}"#;
    assert_eq!(
        ask(&router, "POST", "/am/api/v2/silences", silence).await.0,
        200
    );
    router
}

#[tokio::test]
async fn the_tree_is_told() {
    let router = furnished().await;
    let data = data(&router, "get", "/api/bellwether/v1/routes", Value::Null).await;
    let routes = data["routes"].as_array().unwrap();
    let of = |key: &str| routes.iter().map(|it| it[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("receiver"), ["team", "other"]);
    assert_eq!(of("parent"), [Value::Null, json!(0)]);
    assert_eq!(of("alerts"), [2, 1]);
    assert_eq!(of("mutedBy"), [json!([]), json!(["always"])]);
    assert_eq!(routes[1]["matchersText"], "{to=\"other\"}");
    assert_eq!(data["timeIntervals"][0]["holds"], true);
    assert_eq!(data["inhibitRules"][0]["equal"][0], "host");
}

#[tokio::test]
async fn ways_through_the_tree_are_told() {
    let router = furnished().await;
    let test = async |labels: Value, at: Value| {
        let body = if at.is_null() {
            json!({ "labels": labels })
        } else {
            json!({ "labels": labels, "at": at })
        };
        data(&router, "post", "/api/bellwether/v1/routes/test", body).await
    };
    let free = test(json!({ "alertname": "New" }), Value::Null).await;
    assert_eq!(free["notified"], true);
    assert_eq!(free["taken"][0]["group"], json!({ "alertname": "New" }));
    assert_eq!(free["taken"][0]["groupKey"], "{}:{alertname=\"New\"}");
    let muted = test(json!({ "alertname": "New", "to": "other" }), Value::Null).await;
    assert_eq!(muted["taken"][0]["path"], json!([0, 1]));
    assert_eq!(muted["taken"][0]["mutedBy"], json!(["always"]));
    assert_eq!(
        (&muted["receivers"], &muted["notified"]),
        (&json!(["other"]), &json!(false))
    );
    let inhibited = test(json!({ "alertname": "Slow", "host": "a" }), Value::Null).await;
    assert_eq!(
        inhibited["inhibitedBy"][0]["labels"]["alertname"],
        "NodeDown"
    );
    assert_eq!(inhibited["notified"], false);
    let silenced = test(json!({ "alertname": "New", "host": "b" }), Value::Null).await;
    assert_eq!(silenced["silencedBy"][0]["createdBy"], "ada");
    // After the silence.
    let later = json!("2023-11-14T23:30:00Z");
    let free = test(json!({ "alertname": "New", "host": "b" }), later).await;
    assert_eq!(
        (&free["silencedBy"], &free["notified"]),
        (&json!([]), &json!(true))
    );
    for (body, want) in [
        (
            "{}",
            "labels: want at least one label: alerts have an alertname, as a rule",
        ),
        (
            r#"{"labels": {"a": 1}}"#,
            "labels: want an object of names and texts",
        ),
        (
            r#"{"labels": {"a": "b"}, "at": "soon"}"#,
            "at: cannot parse \"soon\" to a valid timestamp",
        ),
        (
            r#"{"label": {}}"#,
            "unknown key \"label\": want some of labels, at",
        ),
    ] {
        let (status, answer) = ask(&router, "POST", "/api/bellwether/v1/routes/test", body).await;
        assert_eq!(
            (status, answer["error"].as_str().unwrap()),
            (400, want),
            "{body}"
        );
    }
}

#[tokio::test]
async fn silences_are_looked_at_before_they_are_made() {
    let router = furnished().await;
    let preview = async |name: &str, value: &str, is_regex: bool| {
        let matcher = json!({ "name": name, "value": value, "isRegex": is_regex });
        let body = json!({ "matchers": [matcher] });
        data(&router, "post", "/api/bellwether/v1/silences/preview", body).await
    };
    let some = preview("host", "a", false).await;
    let names: Vec<&Value> = some["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["labels"]["alertname"])
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(
        (&some["warning"], &some["activeCount"]),
        (&Value::Null, &json!(3))
    );
    assert_eq!(some["alerts"][0]["receivers"], json!(["team"]));
    assert_eq!(some["past"]["firings"], 2);
    assert_eq!(
        some["past"]["byAlertname"][0],
        json!({ "alertname": "NodeDown", "firings": 1, "alerts": 1 })
    );
    let known = preview("host", "b", false).await;
    assert_eq!(
        known["alerts"][0]["silencedBy"].as_array().unwrap().len(),
        1
    );
    let nothing = preview("host", "c", false).await;
    let warning = nothing["warning"].as_str().unwrap();
    assert!(
        warning.starts_with("these matchers match no alert"),
        "{warning}"
    );
    let everything = preview("nothing", ".*", true).await;
    assert_eq!(everything["matchesEverything"], true);
    let all = preview("host", ".+", true).await;
    assert_eq!(
        all["warning"],
        "all 3 alerts that are active would be hidden"
    );
    let wrong = r#"{"matchers": [{"name": "a", "value": "(", "isRegex": true}]}"#;
    let (status, answer) = ask(
        &router,
        "POST",
        "/api/bellwether/v1/silences/preview",
        wrong,
    )
    .await;
    let text = answer["error"].as_str().unwrap();
    assert!(
        status == 400 && text.starts_with("matchers[0].value \"(\": "),
        "{text}"
    );
}
