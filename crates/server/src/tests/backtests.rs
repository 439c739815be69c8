//! Backtests over the store of a server.

use serde_json::{Value, json};

use super::*;
use crate::openapi::{self, Content};

const PATH: &str = "/api/bellwether/v1/backtests";

async fn router_with_rules() -> (Server, Router) {
    let mut services = services();
    services.alerting.rules = Some(rules::manager(&services).await);
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(services);
    let router = server.router();
    (server, router)
}

async fn ask(router: &Router, body: &Value) -> (u16, Value) {
    let request = Request::post(PATH)
        .body(Body::from(body.to_string()))
        .unwrap();
    let (status, _, bytes) = send(router, request).await;
    (status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test(start_paused = true)]
async fn loaded_rules_and_texts_are_tried_on_history() {
    let (_server, router) = router_with_rules().await;
    let operation = &openapi::BACKTESTS[0];
    let (Content::Json(taken), Content::Json(given)) = (operation.request, operation.answer) else {
        panic!("no shapes");
    };
    let (start, end) = (NOW_MS / 1_000 - 3_600, NOW_MS / 1_000);
    let mut answers = Vec::new();
    for body in [
        json!({ "group": "g", "start": start, "end": end }),
        json!({ "rules": "good", "start": start, "end": "2023-11-14T22:13:20Z" }),
        json!({ "file": "rules.yml", "group": "g", "rule": "Many", "start": start, "end": end }),
    ] {
        assert_eq!(taken.difference(&body), None, "{body}");
        let (status, answer) = ask(&router, &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(given.difference(&answer), None, "{answer}");
        answers.push(answer["data"].clone());
    }
    assert_eq!(answers[0], answers[1]);
    let rules = answers[0]["rules"].as_array().unwrap();
    let names: Vec<&Value> = rules.iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(names, ["job:requests:sum", "wrong", "Many", "Waits"]);
    assert!(rules[0]["samples"].as_u64() > Some(0));
    assert!(rules[1]["firstError"].as_str().is_some());
    // The three series pass 80 in the last minutes, 70 shortly before; the latter waits for an hour.
    assert_eq!(
        (&rules[2]["fired"], &rules[2]["pendingOnly"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(
        (&rules[3]["fired"], &rules[3]["pendingOnly"]),
        (&json!(0), &json!(3))
    );
    assert!(rules[2]["firingSeconds"].as_f64() > Some(0.0));
    let episode = &rules[2]["episodes"][0];
    assert_eq!(episode["labels"]["alertname"], "Many");
    assert_eq!(
        (&episode["value"], &episode["end"]),
        (&json!(81.0), &Value::Null)
    );
    assert_eq!(answers[2]["rules"].as_array().unwrap().len(), 1);
    assert_eq!(answers[2]["rules"][0], rules[2]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_tried_is_said() {
    let (server, router) = router_with_rules().await;
    let check = async |body: Value, code: u16, want: &str| {
        let (status, answer) = ask(&router, &body).await;
        assert_eq!(
            (status, answer["error"].as_str().unwrap()),
            (code, want),
            "{body}"
        );
    };
    check(
        json!({ "group": "none", "start": 0, "end": 1 }),
        404,
        "there is no group \"none\"",
    )
    .await;
    check(
        json!({ "group": "g", "rule": "none", "start": 0, "end": 1 }),
        404,
        "there is no rule \"none\" in the group \"g\"",
    )
    .await;
    check(
        json!({ "rules": "wrong", "start": 0, "end": 1 }),
        400,
        "invalid parameter \"rules\": rules:1:1: want a mapping",
    )
    .await;
    check(
        json!({ "group": "g", "start": 0, "end": 90 * 86_400 }),
        400,
        "3110404 evaluations of rules: at most 1000000 are made: take a shorter time, fewer rules or longer intervals",
    )
    .await;
    let _permit = server.app().backtest_gate.try_acquire().unwrap();
    check(
        json!({ "group": "g", "start": 0, "end": 1 }),
        429,
        "another backtest runs: there is one at a time, come back later",
    )
    .await;
}
