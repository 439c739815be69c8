//! The API of an Alertmanager: what it takes, refuses and shows.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::router;

async fn ask(router: &Router, method: Method, path: &str, body: &str) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(format!("/am{path}"));
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn get(router: &Router, path: &str) -> Value {
    let (status, text) = ask(router, Method::GET, path, "").await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn alerts_that_make_no_sense_are_refused_as_alertmanager_does() {
    let router = router();
    let check = async |body: &str, status: u16, answer: &str| {
        let got = ask(&router, Method::POST, "/api/v2/alerts", body).await;
        assert_eq!((got.0, got.1.as_str()), (status, answer), "{body}");
    };
    check("[]", 200, "").await;
    check("null", 200, "").await;
    check(
        r#"[{"labels":{}}]"#,
        400,
        r#""at least one label pair required""#,
    )
    .await;
    check(
        r#"[{"labels":{"a":""}}]"#,
        400,
        r#""at least one label pair required""#,
    )
    .await;
    check(
        r#"[{"annotations":{"a":"b"}}]"#,
        422,
        r#"{"code":602,"message":"0.labels in body is required"}"#,
    )
    .await;
    check(
        r#"[{"labels":{"a":"b"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2029-01-01T00:00:00Z"}]"#,
        400,
        r#""start time must be before end time""#,
    )
    .await;
    check(
        r#"[{"labels":{"a":"b"},"generatorURL":"::bad"}]"#,
        422,
        r#"{"code":601,"message":"0.generatorURL in body must be of type uri: \"::bad\""}"#,
    )
    .await;
    for (body, reason) in [
        (r#"{"labels":{}}"#, "it is an object: want a list of alerts"),
        ("[5]", "element 0 is a number: want an alert"),
        (
            r#"[{"labels":{"a":5}}]"#,
            "labels.a is a number: want a text",
        ),
        (r#"[{"labels":[]}]"#, "labels is a list: want an object"),
        (
            r#"[{"labels":{"a":"b"},"startsAt":"soon"}]"#,
            "startsAt is \\\"soon\\\": want a time such as 2026-01-31T12:00:00Z",
        ),
    ] {
        let answer = format!(
            r#"{{"code":400,"message":"parsing alerts body from \"\" failed, because {reason}"}}"#
        );
        check(body, 400, &answer).await;
    }
    let (status, text) = ask(&router, Method::POST, "/api/v2/alerts", "").await;
    assert_eq!(
        (status, text.contains("alerts in body is required")),
        (422, true)
    );
    let (status, _) = ask(&router, Method::POST, "/api/v2/alerts", "nonsense").await;
    assert_eq!(status, 400);
    // What is sound of a list is taken all the same.
    let body = r#"[{"labels":{"a":""}},{"labels":{"alertname":"y"}}]"#;
    check(body, 400, r#""at least one label pair required""#).await;
    assert_eq!(
        get(&router, "/api/v2/alerts")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn alerts_are_listed_with_who_gets_them_and_what_holds_them_back() {
    let router = router();
    let body = r#"[
        {"labels":{"alertname":"Slow","host":"a"},"annotations":{"summary":"s"},
         "startsAt":"2023-11-14T22:00:00Z","generatorURL":"http://p/graph"},
        {"labels":{"alertname":"NodeDown","host":"a"}},
        {"labels":{"alertname":"Full","host":"b","to":"other"}},
        {"labels":{"alertname":"Over","host":"b"},"endsAt":"2023-11-14T22:00:00Z"}]"#;
    let posted = ask(&router, Method::POST, "/api/v2/alerts", body).await;
    assert_eq!(posted, (200, String::new()));
    let all = get(&router, "/api/v2/alerts").await;
    let find = |name: &str| {
        let alerts = all.as_array().unwrap().iter();
        let mut found = alerts.filter(|a| a["labels"]["alertname"] == name);
        found.next().cloned()
    };
    assert_eq!(find("Over"), None);
    let slow = find("Slow").unwrap();
    let down = find("NodeDown").unwrap();
    assert_eq!(slow["status"]["state"], "suppressed");
    assert_eq!(slow["status"]["inhibitedBy"][0], down["fingerprint"]);
    assert_eq!(slow["startsAt"], "2023-11-14T22:00:00.000Z");
    assert_eq!(slow["endsAt"], "2023-11-14T22:18:20.000Z");
    assert_eq!(slow["generatorURL"], "http://p/graph");
    assert_eq!(slow["annotations"]["summary"], "s");
    assert_eq!(find("Full").unwrap()["receivers"][0]["name"], "other");
    let count = async |query: &str| {
        let list = get(&router, &format!("/api/v2/alerts?{query}")).await;
        list.as_array().unwrap().len()
    };
    assert_eq!(count("filter=host%3Da").await, 2);
    assert_eq!(count("filter=host%3Da&filter=alertname%3D~S.*").await, 1);
    assert_eq!(count("filter=to%3D").await, 2);
    assert_eq!(count("receiver=o.*").await, 1);
    assert_eq!(count("receiver_matchers=owner%3Db").await, 1);
    assert_eq!(count("active=false").await, 1);
    assert_eq!(count("inhibited=false").await, 2);
    for (query, text) in [
        ("filter=x", "expected one of"),
        ("receiver=(", "failed to parse receiver param"),
        (
            "receiver_matchers=x",
            "failed to parse receiver_matchers param",
        ),
    ] {
        let got = ask(&router, Method::GET, &format!("/api/v2/alerts?{query}"), "").await;
        assert_eq!(
            (got.0, got.1.contains(text)),
            (400, true),
            "{query}: {}",
            got.1
        );
    }
    let groups = get(&router, "/api/v2/alerts/groups").await;
    let names: Vec<&str> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["labels"]["alertname"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Full", "NodeDown", "Slow"]);
    assert_eq!(groups[0]["receiver"]["name"], "other");
    assert_eq!(groups[0]["alerts"][0]["status"]["mutedBy"][0], "always");
    assert_eq!(groups[0]["alerts"][0]["status"]["state"], "suppressed");
    let shown = get(&router, "/api/v2/alerts/groups?muted=false").await;
    assert_eq!(shown.as_array().unwrap().len(), 2);
}

const SILENCE: &str = r#"{"matchers":[{"name":"host","value":"a","isRegex":false}],
    "startsAt":"2023-01-01T00:00:00Z","endsAt":"2031-01-01T00:00:00Z","createdBy":"ada","comment":"c"}"#;

#[tokio::test]
async fn silences_are_made_changed_and_ended() {
    let router = router();
    let post = async |body: &str| ask(&router, Method::POST, "/api/v2/silences", body).await;
    let (status, text) = post(SILENCE).await;
    assert_eq!(status, 200, "{text}");
    let id: Value = serde_json::from_str(&text).unwrap();
    let id = id["silenceID"].as_str().unwrap().to_owned();
    let silence = get(&router, &format!("/api/v2/silence/{id}")).await;
    assert_eq!(silence["status"]["state"], "active");
    // What was before now is not rewritten.
    assert_eq!(silence["startsAt"], "2023-11-14T22:13:20.000Z");
    assert_eq!(silence["matchers"][0]["isEqual"], true);
    let alert = r#"[{"labels":{"alertname":"Slow","host":"a"}}]"#;
    ask(&router, Method::POST, "/api/v2/alerts", alert).await;
    let alerts = get(&router, "/api/v2/alerts").await;
    assert_eq!(alerts[0]["status"]["silencedBy"][0], id.as_str());
    assert_eq!(alerts[0]["status"]["state"], "suppressed");
    let listed = async |query: &str| {
        let list = get(&router, &format!("/api/v2/silences?{query}")).await;
        list.as_array().unwrap().len()
    };
    assert_eq!(listed("").await, 1);
    assert_eq!(listed("filter=host%3Da").await, 1);
    assert_eq!(listed("filter=host%3Db").await, 0);
    assert_eq!(listed("active=false").await, 0);
    let path = format!("/api/v2/silence/{id}");
    assert_eq!(ask(&router, Method::DELETE, &path, "").await.0, 200);
    assert_eq!(ask(&router, Method::DELETE, &path, "").await.0, 200);
    assert_eq!(listed("expired=false").await, 0);
    let gone = "/api/v2/silence/7d8e4a5c-1111-4222-8333-444455556666";
    assert_eq!(
        ask(&router, Method::GET, gone, "").await,
        (404, String::new())
    );
    assert_eq!(ask(&router, Method::DELETE, gone, "").await.0, 404);
    let (status, text) = ask(&router, Method::GET, "/api/v2/silence/nope", "").await;
    let want = r#"{"code":601,"message":"silenceID in path must be of type uuid: \"nope\""}"#;
    assert_eq!((status, text.as_str()), (422, want));
}

#[tokio::test]
async fn silences_that_make_no_sense_are_refused_as_alertmanager_does() {
    let router = router();
    let check = async |from: &str, to: &str, status: u16, answer: &str| {
        let body = SILENCE.replace(from, to);
        let got = ask(&router, Method::POST, "/api/v2/silences", &body).await;
        assert_eq!((got.0, got.1.as_str()), (status, answer), "{body}");
    };
    let required = |key: &str| format!(r#"{{"code":602,"message":"{key} in body is required"}}"#);
    check("comment", "other", 422, &required("comment")).await;
    check("createdBy", "other", 422, &required("createdBy")).await;
    check("startsAt", "other", 422, &required("startsAt")).await;
    check(r#""name""#, r#""other""#, 422, &required("matchers.0.name")).await;
    check(
        r#""value""#,
        r#""other""#,
        422,
        &required("matchers.0.value"),
    )
    .await;
    check("isRegex", "other", 422, &required("matchers.0.isRegex")).await;
    check(
        r#"[{"name":"host","value":"a","isRegex":false}]"#,
        "[]",
        422,
        r#"{"code":612,"message":"matchers in body should have at least 1 items"}"#,
    )
    .await;
    let start = r#""Failed to create silence: start time must be before end time""#;
    check("2023-01-01", "2040-01-01", 400, start).await;
    let past = r#""Failed to create silence: end time can't be in the past""#;
    check("2031-01-01", "2023-02-01", 400, past).await;
    let empty = r#""invalid silence: at least one matcher must not match the empty string""#;
    check(r#""value":"a""#, r#""value":"""#, 400, empty).await;
    let unknown = r#"{"id":"none","matchers""#;
    check(r#"{"matchers""#, unknown, 404, r#""silence not found""#).await;
    let body = SILENCE.replace("false", "true").replace(r#""a""#, r#""(""#);
    let (status, text) = ask(&router, Method::POST, "/api/v2/silences", &body).await;
    assert_eq!(status, 400);
    assert!(text.contains("invalid label matcher 0"), "{text}");
}

#[tokio::test]
async fn status_receivers_and_what_is_not_there() {
    let router = router();
    let status = get(&router, "/api/v2/status").await;
    assert_eq!(status["cluster"]["status"], "disabled");
    assert_eq!(status["config"]["original"], "route: {receiver: team}\n");
    assert_eq!(status["versionInfo"]["version"], "0.1.0");
    let receivers = get(&router, "/api/v2/receivers").await;
    assert_eq!(receivers[0]["name"], "team");
    assert_eq!(receivers[1]["labels"]["owner"], "b");
    let of_b = get(&router, "/api/v2/receivers?receiver_matchers=owner%3Db").await;
    assert_eq!(of_b.as_array().unwrap().len(), 1);
    assert_eq!(
        ask(&router, Method::GET, "/-/ready", "").await,
        (200, "OK".to_owned())
    );
    assert_eq!(
        ask(&router, Method::GET, "/api/v2/nothing", "").await.0,
        404
    );
    assert_eq!(
        ask(&router, Method::PUT, "/api/v2/silences", "").await.0,
        405
    );
    assert_eq!(ask(&router, Method::GET, "/api/v1/alerts", "").await.0, 410);
    let request = Request::post("/am/api/v2/alerts")
        .header("content-type", "text/plain")
        .body(Body::from("[]"))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn what_is_too_much_is_refused_with_the_bound() {
    let router = router();
    let post = async |path: &str, body: String| ask(&router, Method::POST, path, &body).await;
    let many = format!("[{}]", vec![r#"{"labels":{"a":"b"}}"#; 100_001].join(","));
    assert_eq!(
        post("/api/v2/alerts", many).await,
        (
            413,
            r#"{"code":413,"message":"more than 100000 alerts in one request"}"#.to_owned()
        )
    );
    // Nothing of it was taken, and what is sound beside what is too large is.
    let large = format!(
        r#"[{{"labels":{{"a":"{}"}}}},{{"labels":{{"a":"b"}}}}]"#,
        "x".repeat(1 << 20)
    );
    let (status, text) = post("/api/v2/alerts", large).await;
    assert_eq!(status, 400);
    assert!(
        text.ends_with(r#" bytes of text: at most 1048576 are taken""#),
        "{text}"
    );
    assert_eq!(
        get(&router, "/api/v2/alerts")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // Refused before a pattern is compiled: the last of them is none.
    let matchers = format!(
        r#"{},{{"name":"a","value":"(","isRegex":true}}"#,
        vec![r#"{"name":"a","value":"b","isRegex":true}"#; 10_000].join(",")
    );
    let one = r#"{"name":"host","value":"a","isRegex":false}"#;
    assert_eq!(
        post("/api/v2/silences", SILENCE.replace(one, &matchers)).await,
        (
            400,
            r#""invalid silence: 10001 matchers: at most 100 are taken""#.to_owned()
        )
    );
}
