//! The demo: a living system, with its past.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::{Server, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn the_demo_lives_and_has_a_past() -> Result<()> {
    let server = Server::demo(&["--history", "24"]).await?;
    eventually("the daemon is scraped", || async {
        let up = server.value(r#"count(up == 1)"#).await?;
        ensure!(up >= 1.0, "{up} targets are up");
        Ok(())
    })
    .await?;
    // A day of history is there at once, without holes.
    let hours = server
        .value("count(max_over_time((sum(rate(gen_ai_client_operation_duration_seconds_count[5m])) > bool 0)[24h:1h]))")
        .await?;
    assert_eq!(hours, 1.0);
    let covered = server
        .value("count_over_time((sum(rate(gen_ai_client_operation_duration_seconds_count[5m])) > 0)[23h:1h])")
        .await?;
    assert!(covered >= 22.0, "{covered} of 23 hours have requests");
    // Where live data begins, the daemon was started again: once.
    let resets = server
        .query("resets(gen_ai_client_operation_duration_seconds_count[1h]) > 1")
        .await?;
    assert!(resets.is_empty(), "{resets:?}");
    let starts = server
        .value("max(changes(process_start_time_seconds[1h]))")
        .await?;
    assert!(starts <= 1.0, "{starts} starts");
    Ok(())
}

/// What one of our lists holds under a path.
async fn listed(server: &Server, path: &str, key: &str) -> Result<Vec<Value>> {
    let (status, body) = server
        .get(&format!("/api/bellwether/v1/{path}"), &[])
        .await?;
    ensure!(status == 200, "{path}: {status}: {body}");
    let answer: Value = serde_json::from_str(&body)?;
    let list = answer["data"][key].as_array();
    Ok(list.with_context(|| format!("{path}: {body}"))?.clone())
}

#[tokio::test]
async fn budgets_forecasts_and_the_scaler_are_there_within_minutes() -> Result<()> {
    let server = Server::demo(&["--history", "6", "--no-faults"]).await?;
    let limit = Duration::from_secs(180);
    within(limit, "budgets have hours left", || async {
        let objectives = listed(&server, "objectives", "objectives").await?;
        ensure!(objectives.len() == 5, "{} objectives", objectives.len());
        for objective in objectives {
            let budgets = objective["budgets"].as_array().context("no budgets")?;
            let has_hours = |it: &Value| it["left"].is_number() && it["hoursLeft"].is_object();
            ensure!(
                !budgets.is_empty() && budgets.iter().all(has_hours),
                "{objective}"
            );
        }
        Ok(())
    })
    .await?;
    within(limit, "series are foreseen", || async {
        let jobs = listed(&server, "forecasts", "forecasts").await?;
        for name in [
            "provider-seconds",
            "answers-slow",
            "queue",
            "load",
            "disk",
            "rate-limit",
        ] {
            let job = jobs.iter().find(|it| it["name"] == name);
            let job = job.with_context(|| format!("no {name}"))?;
            let series = job["series"].as_array().context("no series")?;
            ensure!(!series.is_empty() && job["problem"].is_null(), "{job}");
            let is_foreseen = |it: &Value| match name {
                "rate-limit" => it["anomaly"].is_object(),
                _ => it["forecasts"].as_array().is_some_and(|it| !it.is_empty()),
            };
            ensure!(series.iter().all(is_foreseen), "{job}");
        }
        let path = jobs.iter().find(|it| it["name"] == "request");
        let path = path.context("no path")?;
        let stages = path["bottleneck"]["stages"].as_array();
        ensure!(stages.is_some_and(|it| it.len() == 7), "{path}");
        Ok(())
    })
    .await?;
    within(limit, "the scaler decides", || async {
        let scalers = listed(&server, "scalers", "scalers").await?;
        let workers = &scalers.first().context("no scaler")?["decided"]["workers"];
        ensure!(workers.as_u64() >= Some(8), "{scalers:?}");
        Ok(())
    })
    .await
}

/// What was seen of the demo, and when.
struct Timeline {
    begun: Instant,
    lines: Vec<String>,
}

impl Timeline {
    fn note(&mut self, text: String) {
        let seconds = self.begun.elapsed().as_secs();
        self.lines.push(format!("{seconds:>4} s  {text}"));
    }
}

/// Waits until something is so; longer than [`eventually`] does, since alerts wait too.
async fn within<F, A>(limit: Duration, what: &str, mut attempt: F) -> Result<()>
where
    F: FnMut() -> A,
    A: Future<Output = Result<()>>,
{
    let begun = Instant::now();
    loop {
        let Err(error) = attempt().await else {
            return Ok(());
        };
        if begun.elapsed() > limit {
            return Err(error.context(format!("{what} did not come true within {limit:?}")));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// An entity's state and reason.
async fn entity(server: &Server, path: &str) -> Result<(String, String)> {
    let (status, body) = server
        .get(&format!("/api/bellwether/v1/entities/{path}"), &[])
        .await?;
    ensure!(status == 200, "{path}: {status}: {body}");
    let answer: Value = serde_json::from_str(&body)?;
    let text = |key: &str| answer["data"][key].as_str().unwrap_or_default().to_owned();
    Ok((text("state"), text("reason")))
}

/// Begins a fault at the daemon, which is found as a target.
async fn break_it(server: &Server, fault: &str, seconds: u64) -> Result<()> {
    let targets = server.api("targets", &[("state", "active")]).await?;
    let active = targets["activeTargets"].as_array().context("no targets")?;
    let daemon = active
        .iter()
        .find(|target| target["labels"]["job"] == "ai-daemon")
        .context("the daemon is no target")?;
    let metrics = daemon["scrapeUrl"].as_str().context("no URL")?;
    let url = metrics.replace("/metrics", "/faults");
    let body = json!({ "fault": fault, "seconds": seconds });
    let answer = server
        .client
        .post(&url)
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send()
        .await?;
    let status = answer.status();
    ensure!(
        status.is_success(),
        "{url}: {status}: {}",
        answer.text().await?
    );
    Ok(())
}

/// Waits until the alert about the provider has a row of a kind in the server's own timeline.
async fn row_of(server: &Server, kind: &str) -> Result<()> {
    let filter = r#"{alertname="ProviderEntityDown",entity="provider/polaris"}"#;
    let limit = Duration::from_secs(240);
    within(limit, &format!("the alert is {kind}"), || async {
        let query = [("filter", filter), ("kind", kind)];
        let (status, body) = server.get("/api/bellwether/v1/timeline", &query).await?;
        ensure!(status == 200, "timeline: {status}: {body}");
        let answer: Value = serde_json::from_str(&body)?;
        let rows = answer["data"]["rows"].as_array();
        ensure!(rows.is_some_and(|rows| !rows.is_empty()), "{body}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_breaks_in_the_demo_is_seen_and_what_comes_back_too() -> Result<()> {
    // Else a provider becomes slow after three minutes, and the pool stays large for that.
    let server = Server::demo(&["--history", "1", "--no-faults"]).await?;
    let mut timeline = Timeline {
        begun: Instant::now(),
        lines: Vec::new(),
    };
    let polaris = "provider%2Fpolaris";
    let minutes = Duration::from_secs(240);
    let is = |wanted: &'static str| {
        let server = &server;
        move || async move {
            let (state, reason) = entity(server, polaris).await?;
            ensure!(state == wanted, "it is {state}: {reason}");
            Ok(())
        }
    };
    within(minutes, "the provider is up", is("up")).await?;
    timeline.note("provider/polaris is up".to_owned());

    break_it(&server, "provider_down", 60).await?;
    timeline.note("fault provider_down begun for 60 s".to_owned());
    within(minutes, "the provider is down", is("down")).await?;
    let (_, reason) = entity(&server, polaris).await?;
    timeline.note(format!("provider/polaris is down: {reason}"));
    row_of(&server, "firing").await?;
    timeline.note("alert ProviderEntityDown fires".to_owned());
    // The daemon goes on with the other one, and says so when its own checks have seen it.
    let degraded = || async {
        let (state, reason) = entity(&server, "daemon%2Fai-daemon%2Fdemo-ai-daemon").await?;
        ensure!(
            state == "degraded" && reason.contains("provider/polaris is down"),
            "it is {state}: {reason}"
        );
        Ok(())
    };
    within(minutes, "the daemon is degraded", degraded).await?;
    timeline
        .note("daemon/ai-daemon/demo-ai-daemon is degraded: provider/polaris is down".to_owned());

    // Traffic is looked at over five minutes: it stays degraded for a while after it works again.
    let works = || async {
        let (state, reason) = entity(&server, polaris).await?;
        ensure!(state != "down", "it is {state}: {reason}");
        Ok(())
    };
    within(Duration::from_secs(420), "the provider is back", works).await?;
    let (state, reason) = entity(&server, polaris).await?;
    timeline.note(format!("provider/polaris is {state}: {reason}"));
    row_of(&server, "resolved").await?;
    timeline.note("alert ProviderEntityDown is resolved".to_owned());

    grows_and_shrinks(&server, &mut timeline).await?;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-timeline.txt");
    std::fs::write(&file, timeline.lines.join("\n"))?;
    println!("timeline: {}", file.display());
    Ok(())
}

/// Whatever the load of the hour makes of the pool: a burst adds workers, and they go when it is over.
async fn grows_and_shrinks(server: &Server, timeline: &mut Timeline) -> Result<()> {
    let workers = r#"sum(worker_pool_workers{pool="requests"})"#;
    let events = |direction: &str| {
        let of = format!(r#"{{pool="requests",direction="{direction}"}}"#);
        format!("sum(worker_pool_scale_events_total{of}) or vector(0)")
    };
    let (up, down) = (events("up"), events("down"));
    let (before, grown_before) = (server.value(workers).await?, server.value(&up).await?);
    break_it(server, "queue_burst", 90).await?;
    timeline.note(format!(
        "fault queue_burst begun for 90 s, {before} workers"
    ));
    within(Duration::from_secs(240), "the pool grows", || async {
        let grown = server.value(&up).await?;
        ensure!(grown > grown_before, "it grew {grown} times");
        Ok(())
    })
    .await?;
    let first = server.value(workers).await?;
    timeline.note(format!("the pool grows: {first} workers"));
    // The burst is over when its fault is.
    within(Duration::from_secs(240), "the burst is over", || async {
        let active = server
            .value(r#"max(demo_fault_active{fault="queue_burst"})"#)
            .await?;
        ensure!(active == 0.0, "it goes on");
        Ok(())
    })
    .await?;
    let (peak, shrunk_before) = (server.value(workers).await?, server.value(&down).await?);
    timeline.note(format!("the burst is over: {peak} workers"));
    within(Duration::from_secs(360), "the pool shrinks", || async {
        let (now, shrunk) = (server.value(workers).await?, server.value(&down).await?);
        ensure!(
            shrunk > shrunk_before && now < peak,
            "{now} workers, {peak} then"
        );
        Ok(())
    })
    .await?;
    let last = server.value(workers).await?;
    timeline.note(format!("the pool shrinks: {last} workers"));
    Ok(())
}
