use bellwether_model::{FloatHistogram, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A server over a store with one series of native histograms, its sum 4.5 at the present.
fn with_native_histogram() -> Server {
    let store = MemoryStore::new();
    let native = FloatHistogram {
        schema: 0,
        count: 3.0,
        sum: 4.5,
        positive_spans: vec![Span {
            offset: 0,
            length: 2,
        }],
        positive_buckets: vec![1.0, 2.0],
        ..FloatHistogram::default()
    };
    let series = Labels::from_pairs([("__name__", "latency"), ("job", "api")]);
    store.insert_histogram(&series, NOW_MS, 0, native);
    over(store)
}

fn over(store: MemoryStore) -> Server {
    let settings = ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..ServerSettings::default()
    };
    let server = Server::new(parts(settings)).unwrap();
    server.open(Services {
        store: Arc::new(store),
        ..services()
    });
    server
}

const CLASSIC: &str = "\
# TYPE latency_bucket unknown
latency_bucket{job=\"api\",le=\"0.5\"} 0 1700000000
latency_bucket{job=\"api\",le=\"1.0\"} 1 1700000000
latency_bucket{job=\"api\",le=\"2.0\"} 3 1700000000
latency_bucket{job=\"api\",le=\"+Inf\"} 3 1700000000
# TYPE latency_count unknown
latency_count{job=\"api\"} 3 1700000000
# TYPE latency_sum unknown
latency_sum{job=\"api\"} 4.5 1700000000
# EOF
";

#[tokio::test]
async fn an_export_of_native_histograms_can_be_imported() {
    let exporting = with_native_histogram().router();
    let (status, exported) = get(&exporting, "/api/bellwether/v1/export").await;
    assert_eq!((status, exported.as_str()), (200, CLASSIC));

    let importing = over(MemoryStore::new()).router();
    let request = Request::post("/api/bellwether/v1/import")
        .body(Body::from(exported))
        .unwrap();
    let (status, _, bytes) = send(&importing, request).await;
    assert_eq!(
        (status.as_u16(), String::from_utf8(bytes).unwrap().as_str()),
        (200, r#"{"stored":6,"refused":0,"series":6}"#)
    );
    // What was stored is what was exported, and counts for quantiles.
    let (_, again) = get(&importing, "/api/bellwether/v1/export").await;
    // Stored series come in the order of their text, where +Inf stands first.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again), sorted(CLASSIC));
    let query = "/api/v1/query?query=histogram_quantile(0.5,latency_bucket)&time=1700000000";
    let (_, answer) = get(&importing, query).await;
    assert!(answer.contains(r#"[1700000000,"1.25"]"#), "{answer}");
}

#[tokio::test]
async fn an_export_tells_in_trailers_what_it_left_out() {
    let server = with_native_histogram();
    let bound = server.bind().await.unwrap();
    let address = bound.addresses()[0];
    let serving = tokio::spawn(bound.serve());
    for (parameter, converted, left_out) in [("", 1, 0), ("?histograms=skip", 0, 1)] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/bellwether/v1/export{parameter} HTTP/1.1\r\nHost: {address}\r\n\
             TE: trailers\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, end) = answer.rsplit_once("# EOF\n").unwrap();
        for (field, count) in [("converted", converted), ("left-out", left_out)] {
            let line = format!("bellwether-histogram-series-{field}: {count}\r\n");
            assert!(end.contains(&line), "{line} is not in {answer}");
        }
    }
    server.stop();
    serving.await.unwrap();
    let router = with_native_histogram().router();
    let (status, text) = get(&router, "/api/bellwether/v1/export?histograms=native").await;
    assert_eq!(status, 400);
    assert!(text.contains("want classic or skip"), "{text}");
}
