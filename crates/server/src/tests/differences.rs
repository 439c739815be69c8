//! What is different in a selection.

use serde_json::{Value, json};

use super::*;
use crate::openapi::{self, Content};

async fn ask(router: &Router, body: &Value) -> (u16, Value) {
    let request = Request::post("/api/bellwether/v1/differences");
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (status, _, bytes) = send(router, request).await;
    (status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn labels_that_tell_a_selection_apart_are_told() {
    let memory = store();
    let end = NOW_MS / 1_000;
    // In the last half hour a fourth series has most of the requests.
    let labels = Labels::from_pairs([
        ("__name__", "http_requests_total"),
        ("job", "web"),
        ("code", "503"),
    ]);
    for minute in 0..=60 {
        let value = f64::from((minute - 30).max(0)) * 20.0;
        memory.insert(&labels, NOW_MS - i64::from(60 - minute) * 60_000, value);
    }
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        store: Arc::new(memory),
        ..services()
    });
    let router = server.router();
    let operation = &openapi::DIFFERENCES[0];
    let (Content::Json(taken), Content::Json(given)) = (operation.request, operation.answer) else {
        panic!("no shapes");
    };
    let body = |query: &str, selection: Value| {
        json!({
            "query": query,
            "selection": selection,
            "baseline": { "start": end - 3_600, "end": end - 1_800 },
        })
    };
    let span = json!({ "start": end - 1_800, "end": end });
    let banded = json!({ "start": end - 1_800, "end": end, "low": 100, "high": 1_000 });
    for (query, selection, measure) in [
        ("http_requests_total", span.clone(), "increase"),
        ("http_requests_total{job=\"web\"}", span.clone(), "increase"),
        ("http_requests_total", banded, "points"),
        (
            "sum(rate(http_requests_total[5m]))",
            span.clone(),
            "increase",
        ),
        (
            "sum(http_requests_total) / count(http_requests_total)",
            span.clone(),
            "mean",
        ),
    ] {
        let body = body(query, selection);
        assert_eq!(taken.difference(&body), None, "{body}");
        let (status, answer) = ask(&router, &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(given.difference(&answer), None, "{answer}");
        let data = &answer["data"];
        assert_eq!(data["measure"], measure, "{answer}");
        if measure == "increase" {
            let label = &data["labels"][0];
            let told = (&label["label"], &label["values"][0]["value"]);
            assert_eq!(told, (&json!("code"), &json!("503")), "{answer}");
            assert!(label["score"].as_f64() > Some(0.5), "{answer}");
            assert_eq!(data["metric"], "http_requests_total", "{answer}");
            assert_eq!(data["countsEvents"], true, "{answer}");
            let same = query.contains("web").then_some("job");
            assert_eq!(data["same"], json!(Vec::from_iter(same)), "{answer}");
        }
        if measure == "points" {
            assert_eq!(data["band"], json!({ "low": 100.0, "high": 1_000.0 }));
        }
    }
    let wrong = body("sum(", span.clone());
    let (status, answer) = ask(&router, &wrong).await;
    let text = answer["error"].as_str().unwrap();
    assert!(status == 400 && text.contains("parse error"), "{text}");
    // Beside what is left of the hour.
    let body = |rest: Value| {
        json!({
            "query": "sum(rate(http_requests_total[5m]))",
            "selection": span,
            "baseline": { "start": end - 3_600, "end": end, "rest": rest },
        })
    };
    let asked = body(json!(true));
    assert_eq!(taken.difference(&asked), None, "{asked}");
    let (_, answer) = ask(&router, &asked).await;
    assert_eq!(given.difference(&answer), None, "{answer}");
    assert_eq!(answer["data"]["baseline"]["rest"], true, "{answer}");
    let (_, whole) = ask(&router, &body(json!(false))).await;
    let baseline = |answer: &Value| answer["data"]["baseline"]["value"].as_f64();
    assert!(baseline(&answer) < baseline(&whole), "{answer} {whole}");
    // All turns are free again.
    let all = u32::try_from(ServerSettings::default().limits.query_concurrency).unwrap();
    drop(server.app().query_gate.try_acquire_many(all).unwrap());
}
