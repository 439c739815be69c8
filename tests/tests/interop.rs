//! Real peers and real clients.

use anyhow::{Result, ensure};
use bellwether_blackbox::peer::{self, output, python_command};
use bellwether_blackbox::{EMPTY_CONFIG, Server, eventually, free_port, root};
use tokio::process::Command;

fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

#[tokio::test]
async fn scrapes_the_python_client_in_every_format() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let client = peer::python(folder.path(), "expose.py").await?;
    let mut config = "global: { scrape_interval: 1s }\nscrape_configs:\n".to_owned();
    for protocol in ["PrometheusText0.0.4", "OpenMetricsText1.0.0"] {
        config.push_str(&format!(
            "- job_name: {protocol}\n  scrape_protocols: [{protocol}]\n  static_configs: [{{ targets: ['{}'] }}]\n",
            host(&client.url)
        ));
    }
    let server = Server::start(&config, &[]).await?;
    eventually("both jobs are scraped", || async {
        let count = server
            .value(r#"count(client_requests_total{path="/a"} == 3)"#)
            .await?;
        ensure!(count == 2.0, "{count} of 2");
        Ok(())
    })
    .await?;
    let check = |expression: &'static str, want: f64| {
        let server = &server;
        async move {
            let have = server.value(expression).await?;
            ensure!(have == want, "{expression}: {have}, not {want}");
            anyhow::Ok(())
        }
    };
    check(
        r#"count(client_requests_total{path="/quote\"\\back\n"})"#,
        2.0,
    )
    .await?;
    check("count(client_temperature_celsius == -12.5)", 2.0).await?;
    check(
        r#"count(client_latency_seconds_bucket{le="1.0"} == 2)"#,
        2.0,
    )
    .await?;
    check(r#"count(client_build_info{version="1.2.3"})"#, 2.0).await?;
    check("count(client_size_bytes_sum == 512)", 2.0).await?;
    let exemplars = server
        .api(
            "query_exemplars",
            &[
                ("query", "client_requests_total"),
                ("start", "0"),
                ("end", "9999999999"),
            ],
        )
        .await?;
    let found = exemplars.to_string();
    assert!(
        found.contains("4bf92f3577b34da6a3ce929d0e0e4736"),
        "{found}"
    );
    let metadata = server
        .api("metadata", &[("metric", "client_latency_seconds")])
        .await?;
    assert_eq!(
        metadata["client_latency_seconds"][0]["type"], "histogram",
        "{metadata}"
    );
    Ok(())
}

#[tokio::test]
async fn prometheus_writes_into_it_and_reads_from_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(EMPTY_CONFIG, &[]).await?;
    let config = format!(
        "global: {{ scrape_interval: 1s, external_labels: {{ from: debian }} }}\n\
         scrape_configs:\n- job_name: own\n  static_configs: [{{ targets: ['{}'] }}]\n\
         remote_write:\n- url: {}/api/v1/write\n  queue_config: {{ batch_send_deadline: 1s }}\n\
         remote_read:\n- url: {}/api/v1/read\n  read_recent: true\n  required_matchers: {{ only: here }}\n",
        host(&server.url),
        server.url,
        server.url
    );
    let prometheus = peer::prometheus(&folder.path().join("prometheus"), &config).await?;
    eventually("remote write arrives", || async {
        let up = server.value(r#"up{job="own",from="debian"}"#).await?;
        ensure!(up == 1.0, "up is {up}");
        Ok(())
    })
    .await?;
    // What only Bellwether has is read through Prometheus.
    let time_ms = server.value("time() * 1000").await? as i64;
    let labels = [
        ("__name__", "remote_only"),
        ("from", "debian"),
        ("only", "here"),
    ];
    let samples: Vec<_> = (0..10)
        .map(|i| bellwether_blackbox::remote_write::Sample {
            labels: &labels,
            time_ms: time_ms - 10_000 + i * 1_000,
            value: i as f64,
        })
        .collect();
    let (status, text) = server
        .write(bellwether_blackbox::remote_write::request(&samples))
        .await?;
    assert_eq!(status, 204, "{text}");
    eventually("Prometheus reads it back", || async {
        let url = format!("{}/api/v1/query", prometheus.url);
        let query = [("query", r#"sum_over_time(remote_only{only="here"}[5m])"#)];
        let answer: serde_json::Value = server
            .client
            .get(url)
            .query(&query)
            .send()
            .await?
            .json()
            .await?;
        ensure!(answer["data"]["result"][0]["value"][1] == "45", "{answer}");
        Ok(())
    })
    .await?;
    let federated = server
        .get("/federate", &[("match[]", r#"{job="own"}"#)])
        .await?;
    ensure!(
        federated.0 == 200 && federated.1.contains("up{"),
        "{federated:?}"
    );
    Ok(())
}

#[tokio::test]
async fn forwards_to_another_by_remote_write() -> Result<()> {
    let receiver = Server::start(EMPTY_CONFIG, &[]).await?;
    let config = format!(
        "global: {{ scrape_interval: 1s, external_labels: {{ cluster: edge }} }}\n\
         scrape_configs:\n- job_name: own\n  static_configs: [{{ targets: ['{}'] }}]\n\
         remote_write:\n- url: {}/api/v1/write\n  queue_config: {{ batch_send_deadline: 1s }}\n",
        host(&receiver.url),
        receiver.url
    );
    let sender = Server::start(&config, &[]).await?;
    eventually("the receiver has it", || async {
        let up = receiver.value(r#"up{job="own",cluster="edge"}"#).await?;
        ensure!(up == 1.0, "up is {up}");
        Ok(())
    })
    .await?;
    assert_eq!(sender.terminate().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn promtool_asks_and_is_answered() -> Result<()> {
    let server = Server::start(EMPTY_CONFIG, &[]).await?;
    let time_ms = server.value("time() * 1000").await? as i64;
    let labels = [("__name__", "asked"), ("by", "promtool")];
    let sample = bellwether_blackbox::remote_write::Sample {
        labels: &labels,
        time_ms,
        value: 4.0,
    };
    let (status, text) = server
        .write(bellwether_blackbox::remote_write::request(&[sample]))
        .await?;
    assert_eq!(status, 204, "{text}");
    let run = |arguments: Vec<String>| async move {
        output(Command::new("promtool").args(arguments)).await
    };
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let text = run(words(&format!("query instant {} asked*2", server.url))).await?;
    assert!(
        text.contains("by=\"promtool\"") && text.contains("=> 8"),
        "{text}"
    );
    let text = run(words(&format!("query labels {} by", server.url))).await?;
    assert_eq!(text.trim(), "promtool");
    let text = run(words(&format!("query series --match=asked {}", server.url))).await?;
    assert!(text.contains("asked"), "{text}");
    let text = run(words(&format!(
        "query range --step=1m {} asked",
        server.url
    )))
    .await?;
    assert!(text.contains("promtool"), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_opentelemetry_sdk_exports_into_it() -> Result<()> {
    let grpc = format!("127.0.0.1:{}", free_port()?);
    let server = Server::start(EMPTY_CONFIG, &["--otlp-grpc-listen", &grpc]).await?;
    let http = format!("{}/v1/metrics", server.url);
    output(python_command("otlp.py")?.args(["http", &http])).await?;
    output(python_command("otlp.py")?.args(["grpc", &format!("http://{grpc}")])).await?;
    for kind in ["http", "grpc"] {
        let job = format!(r#"{{job="shop/agent-{kind}",instance="one"}}"#);
        let calls = format!("gen_ai_calls_total{job}");
        assert_eq!(server.value(&calls).await?, 5.0);
        assert_eq!(server.value(&format!("sessions_open{job}")).await?, 2.0);
        assert_eq!(server.value(&format!("queue_depth{job}")).await?, 7.0);
        assert_eq!(
            server
                .value(&format!("wait_classic_seconds_count{job}"))
                .await?,
            3.0
        );
        let count = format!("histogram_count(wait_exponential_seconds{job})");
        assert_eq!(server.value(&count).await?, 3.0);
        assert_eq!(server.query(&format!("target_info{job}")).await?.len(), 1);
    }
    Ok(())
}

/// Takes samples of any age and of any future: captures keep the time at which they were made.
const TIMELESS_CONFIG: &str =
    "storage: { retention: { metrics: 100y }, limits: { future: 100y } }\n";

/// The metrics requests that client libraries of AI services sent; their README says what was done.
const CAPTURES: [&str; 2] = [
    "opentelemetry-instrumentation-genai-openai-1.3b0-05-metrics.pb",
    "traceloop-instrumentation-openai-0.62.4-05-metrics.pb",
];

fn capture(name: &str) -> std::path::PathBuf {
    root().join("crates/ingest/testdata/otlp").join(name)
}

/// All series with their samples, over all time.
async fn everything(server: &Server) -> Result<Vec<String>> {
    let query = r#"last_over_time({__name__=~".+"}[50y])"#;
    let far = [("query", query), ("time", "2500000000")];
    let data = server.api("query", &far).await?;
    let mut series: Vec<String> = data["result"]
        .as_array()
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    series.sort_unstable();
    Ok(series)
}

#[tokio::test]
async fn what_ai_libraries_send_comes_back_from_queries() -> Result<()> {
    let server = Server::start(TIMELESS_CONFIG, &[]).await?;
    for name in CAPTURES {
        let body = std::fs::read(capture(name))?;
        let (status, text) = server.otlp("application/x-protobuf", body).await?;
        ensure!(status == 200 && text.is_empty(), "{name}: {status} {text}");
    }
    let check = async |series: &str, want: f64| {
        let have = server
            .value(&format!("sum(last_over_time({series}[50y] @ 2500000000))"))
            .await?;
        ensure!(have == want, "{series}: {have}, not {want}");
        anyhow::Ok(())
    };
    // The chat and the streamed chat in each library: 21 tokens in, 7 out; the embeddings 4 in.
    let tokens = "gen_ai_client_token_usage";
    for (kind, want) in [("input", 4.0 * 21.0 + 2.0 * 4.0), ("output", 4.0 * 7.0)] {
        let of = format!(r#"job="unknown_service:python",gen_ai_token_type="{kind}""#);
        check(&format!("{tokens}_sum{{{of}}}"), want).await?;
    }
    check(&format!(r#"{tokens}_sum{{server_port="18151"}}"#), 60.0).await?;
    check(
        &format!(r#"{tokens}_count{{gen_ai_operation_name="embeddings"}}"#),
        2.0,
    )
    .await?;
    // One library has the bounds 4, 16 and 64, the other 5, 10 and 25.
    for (bound, want) in [
        ("16", 3.0),
        ("64", 5.0),
        ("5", 1.0),
        ("10", 3.0),
        ("+Inf", 10.0),
    ] {
        check(&format!(r#"{tokens}_bucket{{le="{bound}"}}"#), want).await?;
    }
    for (series, want) in [
        ("gen_ai_client_operation_duration_seconds_count", 8.0),
        (
            r#"gen_ai_client_operation_duration_seconds_count{error_type="openai.RateLimitError"}"#,
            1.0,
        ),
        (
            r#"gen_ai_client_operation_duration_seconds_count{error_type="RateLimitError"}"#,
            1.0,
        ),
        (
            "gen_ai_client_operation_time_to_first_chunk_seconds_count",
            1.0,
        ),
        ("gen_ai_server_time_to_first_token_seconds_count", 1.0),
        ("gen_ai_client_generation_choices_choice_total", 4.0),
        ("llm_openai_chat_completions_exceptions_time_total", 1.0),
        ("llm_openai_embeddings_vector_size_element_total", 2.0),
        (r#"target_info{telemetry_sdk_version="1.45.2"}"#, 2.0),
    ] {
        check(series, want).await?;
    }
    let count = everything(&server).await?.len();
    ensure!(count == 393, "{count} series, not 393");
    let metadata = server
        .api(
            "metadata",
            &[("metric", "gen_ai_client_operation_duration_seconds")],
        )
        .await?;
    let of = &metadata["gen_ai_client_operation_duration_seconds"][0];
    ensure!(
        of["type"] == "histogram" && of["unit"] == "seconds",
        "{metadata}"
    );
    Ok(())
}

#[tokio::test]
async fn json_of_the_protobuf_library_is_the_same_as_protobuf() -> Result<()> {
    let mut answers = Vec::new();
    for style in ["protobuf", "standard", "proto"] {
        let server = Server::start(TIMELESS_CONFIG, &[]).await?;
        for name in CAPTURES {
            let file = capture(name);
            let (content_type, body) = if style == "protobuf" {
                ("application/x-protobuf", std::fs::read(file)?)
            } else {
                let json = output(python_command("otlp_json.py")?.arg(style).arg(file)).await?;
                ("application/json", json.into_bytes())
            };
            let (status, text) = server.otlp(content_type, body).await?;
            let quiet = if style == "protobuf" { "" } else { "{}" };
            ensure!(
                status == 200 && text == quiet,
                "{style} {name}: {status} {text}"
            );
        }
        answers.push(everything(&server).await?);
    }
    ensure!(answers[0].len() == 393, "{} series", answers[0].len());
    for (style, answer) in ["standard", "proto"].iter().zip(&answers[1..]) {
        for (have, want) in answer.iter().zip(&answers[0]) {
            ensure!(have == want, "{style}: {have}, not {want}");
        }
        ensure!(
            answer.len() == answers[0].len(),
            "{style}: {} series",
            answer.len()
        );
    }
    Ok(())
}
