//! Commands that ask a running server: `query`, `status`, `export`, `import`; and what other such
//! commands need.

use std::io::{BufRead as _, Write as _};
use std::path::Path;

use anyhow::{Context, Result, bail};
use bellwether_model::time::parse_duration;
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::arguments::{Export, Histograms, Import, Output, Query, Remote};

/// Evaluates an expression on a server.
pub(crate) async fn query(query: Query) -> Result<()> {
    let (path, form, remote) = match query {
        Query::Instant {
            expression,
            time,
            remote,
        } => {
            let mut form = vec![("query", expression)];
            form.extend(time.map(|time| ("time", time)));
            ("query", form, remote)
        }
        Query::Range {
            expression,
            start,
            end,
            step,
            remote,
        } => {
            let end = match end {
                Some(end) => end,
                None => server_time(&remote.url).await?.to_string(),
            };
            let (start, step) = range_defaults(start, &end, step)?;
            let form = vec![
                ("query", expression),
                ("start", start),
                ("end", end),
                ("step", step),
            ];
            ("query_range", form, remote)
        }
    };
    let answer = api(&remote.url, path, &form).await?;
    for kind in ["warnings", "infos"] {
        for text in answer[kind].as_array().map_or(&[][..], Vec::as_slice) {
            eprintln!(
                "{}: {}",
                kind.trim_end_matches('s'),
                text.as_str().unwrap_or_default()
            );
        }
    }
    let data = &answer["data"];
    match remote.output {
        Output::Json => print_json(data),
        Output::Text => print_result(data),
    }
}

/// Tells how a server is.
pub(crate) async fn status(remote: Remote) -> Result<()> {
    let build = api(&remote.url, "status/buildinfo", &[]).await?["data"].take();
    let runtime = api(&remote.url, "status/runtimeinfo", &[]).await?["data"].take();
    let tsdb = api(&remote.url, "status/tsdb", &[]).await?["data"].take();
    let targets = api(&remote.url, "targets", &[("state", "active".to_owned())]).await?;
    let active = targets["data"]["activeTargets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let up = active
        .iter()
        .filter(|target| target["health"] == "up")
        .count();
    let replica = replica(&remote.url).await?;
    let status = serde_json::json!({
        "build": build, "replica": replica, "runtime": runtime, "storage": tsdb["headStats"],
        "targets": { "active": active.len(), "up": up },
    });
    if remote.output == Output::Json {
        return print_json(&status);
    }
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    println!(
        "server     {} ({})",
        remote.url,
        text(&status["build"]["bellwetherVersion"])
    );
    println!("started    {}", text(&status["runtime"]["startTime"]));
    println!(
        "config     last reload {}",
        match status["runtime"]["reloadConfigSuccess"].as_bool() {
            Some(true) => "succeeded",
            _ => "FAILED: the configuration before it is in use",
        }
    );
    println!(
        "retention  {}",
        text(&status["runtime"]["storageRetention"])
    );
    println!(
        "head       {} series",
        text(&status["storage"]["numSeries"])
    );
    if let Some(replica) = &replica {
        println!("replica    {}", replica_text(replica));
    }
    println!("targets    {up} of {} up", active.len());
    for target in active.iter().filter(|target| target["health"] != "up") {
        println!(
            "  {} {}: {}",
            text(&target["health"]),
            text(&target["scrapeUrl"]),
            text(&target["lastError"])
        );
    }
    Ok(())
}

/// How a server stands among its replicas; none where it has none, or is a Prometheus.
async fn replica(url: &str) -> Result<Option<Value>> {
    let url = format!("{}/api/bellwether/v1/status", url.trim_end_matches('/'));
    let answer = client()?.get(&url).send().await?;
    if !answer.status().is_success() {
        return Ok(None);
    }
    let body = answer.text().await?;
    let status: Value = serde_json::from_str(&body).unwrap_or_default();
    Ok(status.get("replica").cloned())
}

fn replica_text(replica: &Value) -> String {
    let text = |key: &str| replica[key].as_str().unwrap_or_default();
    let (name, holder) = (text("name"), text("holder"));
    let mut line = match (replica["leads"].as_bool(), holder) {
        (Some(true), _) => format!("{name} notifies, with lease token {}", replica["token"]),
        (_, "") => format!("{name} waits; nobody is known to notify"),
        (_, holder) if holder == name => format!("{name} has the lease and does not notify yet"),
        (_, holder) => format!("{name} waits; {holder} notifies"),
    };
    for (what, error) in [("lease", text("leaseError")), ("log", text("logError"))] {
        if !error.is_empty() {
            line.push_str(&format!("\n  {what}: {error}"));
        }
    }
    line
}

/// Writes stored samples as OpenMetrics.
pub(crate) async fn export(export: Export) -> Result<()> {
    let mut form: Vec<(&str, String)> = export
        .matchers
        .into_iter()
        .map(|matcher| ("match[]", matcher))
        .collect();
    form.extend(export.start.map(|start| ("start", start)));
    form.extend(export.end.map(|end| ("end", end)));
    let histograms = match export.histograms {
        Histograms::Classic => "classic",
        Histograms::Skip => "skip",
    };
    form.push(("histograms", histograms.to_owned()));
    let url = format!(
        "{}/api/bellwether/v1/export",
        export.url.trim_end_matches('/')
    );
    let answer = client()?
        .get(url)
        .query(&form)
        .header("TE", "trailers")
        .send()
        .await
        .context("the server does not answer")?;
    if !answer.status().is_success() {
        bail!("{}: {}", answer.status(), answer.text().await?);
    }
    let mut out: Box<dyn std::io::Write> = match &export.file {
        Some(file) => Box::new(
            std::fs::File::create(file)
                .with_context(|| format!("cannot write {}", file.display()))?,
        ),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut body = reqwest::Body::from(answer);
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(chunk) => out.write_all(&chunk)?,
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    out.flush()?;
    let count = |name: &str| -> Option<u64> {
        let value = trailers.as_ref()?.get(name)?;
        value.to_str().ok()?.parse().ok()
    };
    let converted = count("bellwether-histogram-series-converted");
    let left_out = count("bellwether-histogram-series-left-out");
    for line in histogram_notes(export.histograms, converted, left_out) {
        eprintln!("{line}");
    }
    Ok(())
}

/// What a person should know of native histograms in an export. The counts are missing where
/// something between here and the server drops trailers.
fn histogram_notes(
    histograms: Histograms,
    converted: Option<u64>,
    left_out: Option<u64>,
) -> Vec<String> {
    let (Some(converted), Some(left_out)) = (converted, left_out) else {
        let text = "the answer came without trailers, perhaps through a proxy: whether native \
                    histograms were left out is not known";
        return vec![text.to_owned()];
    };
    let mut notes = Vec::new();
    if converted > 0 {
        notes.push(format!(
            "{converted} series of native histograms written as classic buckets"
        ));
    }
    if left_out > 0 {
        let why = match histograms {
            Histograms::Skip => "--histograms classic writes them as buckets",
            Histograms::Classic => {
                "their classic series are stored beside them and are exported, or they have a label le"
            }
        };
        notes.push(format!(
            "{left_out} series of native histograms left out: {why}"
        ));
    }
    notes
}

/// Bytes of one part of an import. Chosen: well below what a server takes by default.
const PART_BYTES: usize = 16 << 20;

/// Reads OpenMetrics into a server, in parts.
pub(crate) async fn import(import: Import) -> Result<()> {
    let input: Box<dyn std::io::Read> = if import.file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(
            std::fs::File::open(&import.file)
                .with_context(|| format!("cannot read {}", import.file.display()))?,
        )
    };
    let url = format!(
        "{}/api/bellwether/v1/import",
        import.url.trim_end_matches('/')
    );
    let client = client()?;
    let (mut stored, mut refused) = (0, 0);
    let mut part = String::with_capacity(PART_BYTES + 4_096);
    // What says of which type the family is that a part ends in: the next part begins with it.
    let mut family = String::new();
    let mut complete = false;
    for line in std::io::BufReader::new(input).lines() {
        let line = line?;
        if line.starts_with("# TYPE") {
            line.clone_into(&mut family);
        }
        complete = line == "# EOF";
        if complete {
            break;
        }
        part.push_str(&line);
        part.push('\n');
        if part.len() >= PART_BYTES {
            let report = send_part(&client, &url, &part).await?;
            (stored, refused) = (stored + report.0, refused + report.1);
            part.clear();
            part.push_str(&family);
            part.push('\n');
        }
    }
    if !complete {
        bail!(
            "{} ends without # EOF; nothing of its last part is stored",
            import.file.display()
        );
    }
    let report = send_part(&client, &url, &part).await?;
    println!(
        "{} samples stored, {} refused",
        stored + report.0,
        refused + report.1
    );
    Ok(())
}

/// Sends a part; gives the samples that were stored and refused.
async fn send_part(client: &reqwest::Client, url: &str, part: &str) -> Result<(u64, u64)> {
    let body = format!("{}\n# EOF\n", part.trim_end_matches('\n'));
    let body = body.trim_start_matches('\n').to_owned();
    let request = client
        .post(url)
        .header("Content-Type", "application/openmetrics-text");
    let answer = request
        .body(body)
        .send()
        .await
        .context("the server does not answer")?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        bail!("{status}: {}", text.trim());
    }
    let report: Value = serde_json::from_str(&text)?;
    let count = |name: &str| report[name].as_u64().unwrap_or(0);
    Ok((count("stored"), count("refused")))
}

/// Holds the token with which commands ask a server that wants one: a command line is seen by others.
const TOKEN_VARIABLE: &str = "BELLWETHER_TOKEN";

pub(crate) fn client() -> Result<reqwest::Client> {
    // Only the first call in a process takes effect, and all of ours ask for the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut headers = reqwest::header::HeaderMap::new();
    if let Ok(token) = std::env::var(TOKEN_VARIABLE) {
        let mut value = reqwest::header::HeaderValue::try_from(format!("Bearer {token}"))
            .with_context(|| format!("{TOKEN_VARIABLE} is no token: it has odd characters"))?;
        value.set_sensitive(true);
        headers.insert(reqwest::header::AUTHORIZATION, value);
    }
    Ok(reqwest::Client::builder()
        .default_headers(headers)
        .build()?)
}

/// An answer that says no.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Refused {
    status: reqwest::StatusCode,
    text: String,
}

/// Whether a server said that what was asked for is not there.
pub(crate) fn is_not_found(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status == reqwest::StatusCode::NOT_FOUND)
}

/// The answer of a server to a request, if it is a success: JSON, or nothing.
pub(crate) async fn ask(
    method: reqwest::Method,
    url: &str,
    path: &str,
    query: &[(&str, String)],
    body: Option<Value>,
) -> Result<Value> {
    let url = format!("{}{path}", url.trim_end_matches('/'));
    let mut request = client()?.request(method, &url).query(query);
    if let Some(body) = body {
        request = request
            .header("Content-Type", "application/json")
            .body(body.to_string());
    }
    let answer = request.send().await.with_context(|| {
        format!(
            "{} does not answer: is the server running there?",
            shown(&url)
        )
    })?;
    let status = answer.status();
    let text = answer.text().await?;
    if status.is_success() && text.is_empty() {
        return Ok(Value::Null);
    }
    let answer: Value = serde_json::from_str(&text).with_context(|| {
        let url = shown(&url);
        format!("{url} answers {status} with something that is not JSON")
    })?;
    // Three kinds of errors: Prometheus' and ours, and two of the API of Alertmanager.
    if !status.is_success() || answer["status"] == "error" {
        let said = [&answer["error"], &answer["message"], &answer];
        let said = said.into_iter().find_map(Value::as_str);
        let text = said.unwrap_or(&text).to_owned();
        return Err(Refused { status, text }.into());
    }
    Ok(answer)
}

/// A URL without the password that it may hold.
fn shown(url: &str) -> String {
    let Ok(mut url) = url.parse::<url::Url>() else {
        return url.to_owned();
    };
    if url.password().is_some() {
        // Only URLs without a host cannot have one, and they have none.
        let _has_host = url.set_password(Some("xxxxx"));
    }
    url.to_string()
}

/// The answer of the Prometheus API, if it is a success.
async fn api(url: &str, path: &str, query: &[(&str, String)]) -> Result<Value> {
    ask(
        reqwest::Method::GET,
        url,
        &format!("/api/v1/{path}"),
        query,
        None,
    )
    .await
}

/// The answer of our own API, if it is a success.
pub(crate) async fn own_api(url: &str, path: &str, query: &[(&str, String)]) -> Result<Value> {
    let path = format!("/api/bellwether/v1/{path}");
    ask(reqwest::Method::GET, url, &path, query, None).await
}

/// The time of a server, in ms: its clock is the one that its rows are written by.
pub(crate) async fn server_time_ms(url: &str) -> Result<i64> {
    Ok((server_time(url).await? * 1e3) as i64)
}

async fn server_time(url: &str) -> Result<f64> {
    let answer = api(url, "query", &[("query", "time()".to_owned())]).await?;
    let time = answer["data"]["result"][1]
        .as_str()
        .context("the server does not tell the time")?;
    Ok(time.parse()?)
}

/// An alert as people know it: its name, and its other labels in braces.
pub(crate) fn alert_text(labels: &Value) -> String {
    let Some(labels) = labels.as_object() else {
        return String::new();
    };
    let name = labels.get("alertname").and_then(Value::as_str);
    let others: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "alertname")
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    let name = name.unwrap_or_default();
    if others.is_empty() && !name.is_empty() {
        return name.to_owned();
    }
    format!("{name}{{{}}}", others.join(", "))
}

/// A text in quotes, as matchers read it.
pub(crate) fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text without what would move a terminal's cursor.
pub(crate) fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

/// An hour before the end and a 250th of the range, where nothing else is said.
fn range_defaults(
    start: Option<String>,
    end: &str,
    step: Option<String>,
) -> Result<(String, String)> {
    let seconds = |text: &str| -> Result<f64> {
        match text.parse::<f64>() {
            Ok(seconds) => Ok(seconds),
            Err(_) => {
                let time: jiff::Timestamp = text.parse().with_context(|| {
                    format!("{text:?} is no time: want RFC 3339 or seconds since the epoch")
                })?;
                Ok(time.as_millisecond() as f64 / 1_000.0)
            }
        }
    };
    let end = seconds(end)?;
    let start = match start {
        Some(start) => seconds(&start)?,
        None => end - 3_600.0,
    };
    let step = match step {
        Some(step) if step.parse::<f64>().is_ok() => step,
        Some(step) => (parse_duration(&step)? as f64 / 1_000.0).to_string(),
        None => ((end - start) / 250.0).max(1.0).floor().to_string(),
    };
    Ok((start.to_string(), step))
}

pub(crate) fn print_json(value: &Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// One line a sample: `name{labels} => value @[time]`, as promtool prints it.
fn print_result(data: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let result = &data["result"];
    match data["resultType"].as_str() {
        Some("scalar" | "string") => print_point(&mut out, result)?,
        _ => {
            for series in result.as_array().map_or(&[][..], Vec::as_slice) {
                let name = selector(&series["metric"]);
                if let Some(points) = series["values"].as_array() {
                    writeln!(out, "{name}")?;
                    for point in points {
                        write!(out, "  ")?;
                        print_point(&mut out, point)?;
                    }
                } else if series["value"].is_array() {
                    write!(out, "{name} => ")?;
                    print_point(&mut out, &series["value"])?;
                }
                for point in series["histograms"]
                    .as_array()
                    .map_or(&[][..], Vec::as_slice)
                {
                    write!(out, "  ")?;
                    print_point(&mut out, point)?;
                }
                if series["histogram"].is_array() {
                    write!(out, "{name} => ")?;
                    print_point(&mut out, &series["histogram"])?;
                }
            }
        }
    }
    Ok(())
}

fn print_point(out: &mut impl std::io::Write, point: &Value) -> Result<()> {
    let value = match &point[1] {
        Value::String(text) => text.clone(),
        histogram => format!("count {} sum {}", histogram["count"], histogram["sum"]),
    };
    Ok(writeln!(out, "{value} @[{}]", point[0])?)
}

fn selector(metric: &Value) -> String {
    let Some(labels) = metric.as_object() else {
        return String::new();
    };
    let name = labels
        .get("__name__")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let pairs: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    if pairs.is_empty() && !name.is_empty() {
        return name.to_owned();
    }
    format!("{name}{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_says_what_became_of_histograms() {
        let notes = histogram_notes;
        let none: [&str; 0] = [];
        assert_eq!(notes(Histograms::Classic, Some(0), Some(0)), none);
        assert_eq!(
            notes(Histograms::Skip, Some(0), Some(3)),
            ["3 series of native histograms left out: --histograms classic writes them as buckets"]
        );
        let both = notes(Histograms::Classic, Some(2), Some(1));
        assert_eq!(
            both[0],
            "2 series of native histograms written as classic buckets"
        );
        assert!(
            both[1].starts_with("1 series of native histograms left out"),
            "{both:?}"
        );
        assert_eq!(notes(Histograms::Classic, None, None).len(), 1);
    }
}
