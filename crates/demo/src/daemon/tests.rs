use bellwether_storage::ManualClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const START_MS: i64 = 1_790_067_600_000;

async fn start() -> (DemoHandle, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(START_MS + 60_000));
    let simulation = Simulation::new(1, START_MS);
    let listen = ([127, 0, 0, 1], 0).into();
    let handle = Demo::start(listen, Arc::clone(&clock) as Arc<dyn Clock>, simulation);
    (handle.await.unwrap(), clock)
}

/// Head and body of the answer to a request without keep-alive.
async fn get(address: SocketAddr, path: &str, accept: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head.to_ascii_lowercase(), answer[end + 4..].to_vec())
}

#[tokio::test]
async fn a_scraper_sees_the_simulation_follow_the_clock() {
    let (handle, clock) = start().await;
    let address = handle.scrape_address;
    let count = |body: &[u8]| -> f64 {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let prefix = "demo_requests_total{workload=\"chat\",outcome=\"ok\"} ";
        text.lines()
            .find_map(|line| line.strip_prefix(prefix))
            .unwrap()
            .parse()
            .unwrap()
    };
    let (head, body) = get(address, "/metrics", "text/plain").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    let first = count(&body);
    clock.set(START_MS + 180_000);
    let (_, body) = get(address, "/metrics", "text/plain").await;
    assert!(
        count(&body) > first + 20.0,
        "{} after {first}",
        count(&body)
    );
    let (head, _) = get(address, "/metrics", "application/openmetrics-text").await;
    assert!(
        head.contains("application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                  encoding=delimited";
    let (head, _) = get(address, "/metrics", accept).await;
    assert!(
        head.contains("application/vnd.google.protobuf; proto="),
        "{head}"
    );
    handle.shutdown().await;
}

#[tokio::test]
async fn the_state_is_json_and_equals_what_the_handle_says() {
    let (handle, clock) = start().await;
    clock.set(START_MS + 6 * 60_000);
    let (head, body) = get(handle.scrape_address, "/state", "*/*").await;
    assert!(head.contains("content-type: application/json"), "{head}");
    let state: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, serde_json::to_vec(&handle.state()).unwrap());
    assert_eq!(state["faults"][0]["name"], "provider_slow");
    assert_eq!(state["providers"].as_array().unwrap().len(), 2);
    let (head, _) = get(handle.scrape_address, "/healthz", "*/*").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (head, _) = get(handle.scrape_address, "/nothing", "*/*").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    handle.shutdown().await;
}

#[tokio::test]
async fn after_shutdown_nobody_listens_and_an_address_in_use_is_an_error() {
    let (handle, clock) = start().await;
    let address = handle.scrape_address;
    let again = Demo::start(address, clock, Simulation::new(1, START_MS)).await;
    let error = again.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("listen on {address}: ")),
        "{error}"
    );
    assert!(
        handle
            .config("rules.yml")
            .contains(&format!("targets: [\"{address}\"]"))
    );
    handle.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}
