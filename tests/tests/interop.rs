//! Real peers and real clients.

use anyhow::{Result, ensure};
use bellwether_blackbox::peer::{self, output, python_command};
use bellwether_blackbox::{EMPTY_CONFIG, Server, eventually, free_port};
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
