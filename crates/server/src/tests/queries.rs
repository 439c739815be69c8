//! The log of queries.

use std::net::SocketAddr;
use std::sync::mpsc;

use axum::extract::ConnectInfo;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::cancel::Waiting;
use super::*;
use crate::openapi::{self, Content};

const PATH: &str = "/api/bellwether/v1/queries";

/// The log, which is as it is described.
async fn log(router: &Router, query: &str) -> Value {
    let (status, text) = get(router, &format!("{PATH}?{query}")).await;
    assert_eq!(status, 200, "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    let Content::Json(shape) = openapi::QUERIES[0].answer else {
        panic!("no shape");
    };
    assert_eq!(shape.difference(&value), None, "{value}");
    value["data"].clone()
}

async fn cancel(router: &Router, id: &str) -> (u16, String) {
    let request = Request::delete(format!("{PATH}/{id}"));
    let (status, _, bytes) = send(router, request.body(Body::empty()).unwrap()).await;
    (status.as_u16(), String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn ended_queries_are_told_with_what_they_cost() {
    let router = router();
    get(&router, "/api/v1/query?query=sum(http_requests_total)").await;
    get(
        &router,
        "/api/v1/query?query=sum(http_requests_total)%20%23%20again",
    )
    .await;
    let range =
        "/api/v1/query_range?query=http_requests_total&start=1699999880&end=1700000000&step=60";
    get(&router, range).await;
    let mut request = Request::get("/api/v1/query?query=up%7B")
        .body(Body::empty())
        .unwrap();
    let address = SocketAddr::from(([10, 0, 0, 7], 4_000));
    request.extensions_mut().insert(ConnectInfo(address));
    send(&router, request).await;
    let data = log(&router, "").await;
    assert_eq!(data["running"], json!([]));
    let finished = data["finished"].as_array().unwrap();
    assert_eq!(finished.len(), 4);
    let wrong = &finished[0];
    assert_eq!(
        (&wrong["error"]["type"], &wrong["address"]),
        (&json!("bad_data"), &json!("10.0.0.7:4000"))
    );
    let ranged = &finished[1];
    assert_eq!(
        (&ranged["kind"], &ranged["step"], &ranged["results"]),
        (&json!("range"), &json!(60), &json!(3))
    );
    assert!(
        ranged["samples"].as_u64() > Some(0) && ranged["series"] == 3,
        "{ranged}"
    );
    let heaviest = data["heaviest"].as_array().unwrap();
    let sum = heaviest
        .iter()
        .find(|it| it["text"] == "sum(http_requests_total)")
        .unwrap();
    assert_eq!((&sum["count"], &sum["errors"]), (&json!(2), &json!(0)));
    let few = log(&router, "limit=1&heaviest=2").await;
    let counts = ["finished", "heaviest"].map(|key| few[key].as_array().unwrap().len());
    assert_eq!(counts, [1, 2]);
    let (status, text) = get(&router, &format!("{PATH}?heaviest=x")).await;
    assert!(
        status == 400 && text.contains("want a number of texts"),
        "{text}"
    );
}

#[tokio::test]
async fn a_query_that_runs_can_be_ended() {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        store: Arc::new(Waiting {
            inner: store(),
            begun: Mutex::new(Some(begun)),
            go_on: Mutex::new(may_go_on),
        }),
        ..services()
    });
    let router = server.router();
    let asking = {
        let router = router.clone();
        tokio::spawn(async move { get(&router, "/api/v1/query?query=http_requests_total").await })
    };
    has_begun.await.unwrap();
    let data = log(&router, "").await;
    let running = &data["running"][0];
    assert_eq!(
        (&running["state"], &running["text"]),
        (&json!("running"), &json!("http_requests_total"))
    );
    let id = running["id"].to_string();
    assert_eq!(cancel(&router, &id).await.0, 204);
    go_on.send(()).unwrap();
    let (status, text) = asking.await.unwrap();
    assert_eq!(status, 499, "{text}");
    let data = log(&router, "").await;
    assert_eq!(data["finished"][0]["error"]["type"], "canceled");
    let (status, text) = cancel(&router, &id).await;
    assert!(
        status == 404 && text.contains("it has ended, or never was"),
        "{text}"
    );
    let (status, text) = cancel(&router, "x").await;
    assert!(
        status == 400 && text.contains("want the number of a query"),
        "{text}"
    );
}
