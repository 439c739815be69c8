//! Latency of queries over the HTTP API, with results checked equal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::data::{self, INTERVAL_MS};
use crate::peer::{EMPTY_CONFIG, Kind, Server, now_ms};
use crate::report::Table;

/// Series that are stored: five targets.
const SERIES: usize = 5_000;
/// Times each query runs on each server.
const ROUNDS: usize = 15;

/// A query: name, expression, hours of range (0: instant), step in seconds.
const QUERIES: [(&str, &str, f64, i64); 26] = [
    (
        "select 1, 1 h",
        r#"process_cpu_seconds_total{instance="10.12.0.1:9090",handler="/api/v1/resource/3"}"#,
        1.0,
        15,
    ),
    (
        "select 1, 24 h",
        r#"process_cpu_seconds_total{instance="10.12.0.1:9090",handler="/api/v1/resource/3"}"#,
        24.0,
        60,
    ),
    (
        "select 100, 1 h",
        r#"queue_depth_12{instance=~"10.12.0.[12]:9090"}"#,
        1.0,
        15,
    ),
    (
        "select 100, 6 h",
        r#"queue_depth_12{instance=~"10.12.0.[12]:9090"}"#,
        6.0,
        60,
    ),
    (
        "select 100, 24 h",
        r#"queue_depth_12{instance=~"10.12.0.[12]:9090"}"#,
        24.0,
        300,
    ),
    (
        "select 5,000, instant",
        r#"{job="kubernetes-pods"}"#,
        0.0,
        0,
    ),
    ("select 5,000, 1 h", r#"{job="kubernetes-pods"}"#, 1.0, 60),
    (
        "count 5,000, 6 h",
        r#"count({job="kubernetes-pods"})"#,
        6.0,
        60,
    ),
    (
        "sum of rate, 1 h",
        r#"sum(rate(http_requests_0_total[5m]))"#,
        1.0,
        15,
    ),
    (
        "sum by (code) of rate, 6 h",
        r#"sum by (code) (rate(http_requests_1_total[5m]))"#,
        6.0,
        60,
    ),
    (
        "sum by (instance) of rate, 24 h",
        r#"sum by (instance) (rate(http_requests_2_total[5m]))"#,
        24.0,
        300,
    ),
    (
        "rate of 1,500, 1 h",
        r#"rate(http_request_duration_seconds_bucket[5m])"#,
        1.0,
        60,
    ),
    (
        "rate, instant",
        r#"rate(http_request_duration_seconds_bucket[5m])"#,
        0.0,
        0,
    ),
    (
        "increase 24 h, instant",
        r#"sum(increase(http_request_duration_seconds_bucket[24h]))"#,
        0.0,
        0,
    ),
    (
        "histogram_quantile, 1 h",
        r#"histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))"#,
        1.0,
        15,
    ),
    (
        "histogram_quantile by handler, 6 h",
        r#"histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket[10m])))"#,
        6.0,
        120,
    ),
    (
        // Of values with all their digits: which of two equal ones is taken is nobody's promise.
        "topk 5, 1 h",
        r#"topk(5, rate(process_cpu_seconds_total[5m]))"#,
        1.0,
        30,
    ),
    ("topk 10, instant", r#"topk(10, queue_depth_13)"#, 0.0, 0),
    (
        "quantile_over_time, 6 h",
        r#"quantile_over_time(0.95, queue_depth_14[30m])"#,
        6.0,
        120,
    ),
    (
        "avg_over_time, 24 h",
        r#"avg_over_time(queue_depth_15[1h])"#,
        24.0,
        300,
    ),
    (
        "max_over_time 24 h, instant",
        r#"max_over_time(http_request_duration_seconds_bucket[24h])"#,
        0.0,
        0,
    ),
    (
        "ratio with group_left, 1 h",
        r#"rate(http_requests_0_total[5m]) / on (instance) group_left () sum by (instance) (rate(http_requests_0_total[5m]))"#,
        1.0,
        30,
    ),
    (
        "division of two vectors, 6 h",
        r#"sum by (pod) (rate(http_requests_4_total[5m])) / sum by (pod) (rate(http_requests_5_total[5m]))"#,
        6.0,
        60,
    ),
    (
        "subquery, 6 h",
        r#"max_over_time(sum(rate(http_requests_0_total[5m]))[30m:1m])"#,
        6.0,
        120,
    ),
    (
        "label_replace, 1 h",
        r#"sum by (short) (label_replace(queue_depth_12, "short", "$1", "pod", "gateway-.*-(.*)"))"#,
        1.0,
        30,
    ),
    (
        "comparison, 1 h",
        r#"count(queue_depth_13 > 50000)"#,
        1.0,
        15,
    ),
];

type Series = BTreeMap<String, Vec<(f64, f64)>>;

/// 5,000 series for `hours`, then every query in turn on every server.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, hours: f64) -> Result<Table> {
    let steps = (hours * 3_600_000.0) as i64 / INTERVAL_MS;
    // Never on a full minute: there a subquery's left end is a step, which Prometheus 2 takes and
    // Prometheus 3 leaves out.
    let end_ms = (now_ms() - INTERVAL_MS) / 60_000 * 60_000 + INTERVAL_MS;
    let begin_ms = end_ms - steps * INTERVAL_MS;
    let mut servers = Vec::new();
    for &kind in kinds {
        let server = Server::start(kind, folder, EMPTY_CONFIG).await?;
        let mut series = data::series(SERIES, 3);
        for step in 0..steps {
            for body in data::requests(&mut series, begin_ms + step * INTERVAL_MS, 5_000) {
                server.write(body).await?;
            }
        }
        server.compact().await?;
        eprintln!("{}: filled", kind.name());
        servers.push(server);
    }
    // Merging must not disturb the clock.
    tokio::time::sleep(Duration::from_secs(30)).await;

    let mut header = vec!["query"];
    header.extend(kinds.iter().map(|kind| kind.name()));
    header.extend(["to the better peer", "equal"]);
    let mut table = Table::new(
        &format!("Queries: p50 in ms over HTTP, {SERIES} series × {hours} h at 15 s"),
        &header,
    );
    let (mut product, mut worst, mut counted) = (0.0f64, (0.0f64, ""), 0);
    for (name, expression, range_hours, step) in QUERIES {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
        let mut answers: Vec<Option<Series>> = vec![None; servers.len()];
        for round in 0..=ROUNDS {
            for (index, server) in servers.iter().enumerate() {
                let begun = Instant::now();
                let body = ask(server, expression, range_hours, step, end_ms).await?;
                // The first round warms up and is compared.
                if round == 0 {
                    answers[index] = Some(parse(&body).with_context(|| name.to_owned())?);
                } else {
                    times[index].push(begun.elapsed().as_secs_f64() * 1_000.0);
                }
            }
        }
        let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
        let position = |wanted: Kind| servers.iter().position(|server| server.kind == wanted);
        let ours = position(Kind::Bellwether);
        let better = medians
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != ours)
            .map(|(_, median)| *median)
            .fold(f64::INFINITY, f64::min);
        let equal = match (ours, position(Kind::Prometheus)) {
            (Some(a), Some(b)) => compare(answers[a].as_ref(), answers[b].as_ref()),
            _ => "–".to_owned(),
        };
        let mut cells = vec![name.to_owned()];
        cells.extend(medians.iter().map(|median| format!("{median:.2}")));
        let to_peer = ours.map_or(f64::NAN, |ours| medians[ours] / better);
        if to_peer.is_finite() {
            product += to_peer.ln();
            counted += 1;
            if to_peer > worst.0 {
                worst = (to_peer, name);
            }
        }
        cells.push(format!("{to_peer:.2} ×"));
        if !matches!(equal.as_str(), "yes" | "–") {
            table.failures.push(format!("{name}: {equal}"));
        }
        cells.push(equal);
        eprintln!("{}", cells.join(" | "));
        table.row(cells);
    }
    if counted > 0 {
        let mean = (product / f64::from(counted)).exp();
        table.note(format!(
            "Geometric mean {mean:.2} × the better peer; worst {:.2} × ({}). Results are compared \
             with those of Prometheus.",
            worst.0, worst.1
        ));
        table.headlines.push([
            format!("{counted} queries over {hours} h of data, p50, geometric mean"),
            String::new(),
            "the better peer of each".to_owned(),
            format!("{mean:.2} × (worst {:.2} ×)", worst.0),
        ]);
    }
    for server in servers {
        server.stop().await?;
    }
    Ok(table)
}

async fn ask(
    server: &Server,
    expression: &str,
    hours: f64,
    step: i64,
    end_ms: i64,
) -> Result<Vec<u8>> {
    let end = end_ms as f64 / 1_000.0;
    // VictoriaMetrics would answer repeated queries from a cache of results.
    let mut form = vec![
        ("query", expression.to_owned()),
        ("nocache", "1".to_owned()),
    ];
    let path = if hours == 0.0 {
        form.push(("time", format!("{end}")));
        "query"
    } else {
        form.push(("start", format!("{}", end - hours * 3_600.0)));
        form.push(("end", format!("{end}")));
        form.push(("step", format!("{step}")));
        "query_range"
    };
    let url = format!("{}/api/v1/{path}", server.url);
    let answer = server.client.get(url).query(&form).send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    if !status.is_success() {
        let text = String::from_utf8_lossy(&body);
        bail!("{}: {expression}: {status}: {text}", server.kind.name());
    }
    Ok(body.to_vec())
}

fn parse(body: &[u8]) -> Result<Series> {
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    let result = answer["data"]["result"].as_array().context("no result")?;
    let mut series = Series::new();
    for one in result {
        let labels = one["metric"].to_string();
        let points = match one["values"].as_array() {
            Some(points) => points.iter().map(point).collect::<Result<Vec<_>>>()?,
            None => vec![point(&one["value"])?],
        };
        series.insert(labels, points);
    }
    Ok(series)
}

fn point(point: &serde_json::Value) -> Result<(f64, f64)> {
    let time = point[0].as_f64().context("a point has no time")?;
    let value = point[1].as_str().context("a point has no value")?;
    Ok((time, value.parse()?))
}

/// `yes`, or the first difference.
fn compare(ours: Option<&Series>, theirs: Option<&Series>) -> String {
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return "–".to_owned();
    };
    if ours.len() != theirs.len() {
        return format!("{} series, not {}", ours.len(), theirs.len());
    }
    for (labels, points) in theirs {
        let Some(our_points) = ours.get(labels) else {
            return format!("{labels} is missing");
        };
        if our_points.len() != points.len() {
            return format!(
                "{labels}: {} points, not {}",
                our_points.len(),
                points.len()
            );
        }
        for ((our_time, our_value), (time, value)) in our_points.iter().zip(points) {
            let close = (our_value - value).abs() <= 1e-9 * value.abs().max(1.0)
                || (our_value.is_nan() && value.is_nan());
            if our_time != time || !close {
                return format!("{labels} at {time}: {our_value}, not {value}");
            }
        }
    }
    "yes".to_owned()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
