//! `simulate`: what a running server would do if an alert fired, or if targets were down.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bellwether_model::short_to;
use bellwether_model::time::{DurationText, parse_duration};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::arguments::{Output, Remote};
use crate::remote;

/// How often a running simulation is asked for news.
const LOOK: Duration = Duration::from_millis(500);
/// Characters of a text that are shown. Chosen: two lines of a terminal.
const TEXT_CHARS_MAX: usize = 200;
/// Texts of a notification that are shown, in this order: what people read first.
const TITLES: [&str; 8] = [
    "title",
    "headers.Subject",
    "description",
    "summary",
    "message",
    "text",
    "body",
    "content",
];

/// What is simulated.
#[derive(Debug, Subcommand)]
pub(crate) enum Simulate {
    /// One alert goes the way of the real ones: routes, silences, inhibition, groups, timers,
    /// receivers. Follows its steps until it has ended.
    Alert(SimulateAlert),
    /// The last time of history as if targets had been down: which alerts, when, to whom. Exit code 1
    /// where of a target nobody would be told.
    Outage(SimulateOutage),
}

/// Flags of `simulate alert`.
#[derive(Debug, Args)]
pub(crate) struct SimulateAlert {
    /// The name of an alerting rule of the server.
    name: String,
    /// A label of the series that the rule would have found; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// An annotation in place of the rule's; may be given several times.
    #[arg(long = "annotation", value_name = "NAME=TEXT")]
    annotations: Vec<String>,
    /// The value that the rule would have found.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    value: f64,
    /// How long it fires.
    #[arg(long = "for", value_name = "DURATION", default_value = "1m")]
    hold: String,
    /// Really send the notifications, marked as simulated.
    #[arg(long)]
    page: bool,
    /// Do not wait: tell at once what would happen when.
    #[arg(long, conflicts_with = "page")]
    fast: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Flags of `simulate outage`.
#[derive(Debug, Args)]
pub(crate) struct SimulateOutage {
    /// JOB, JOB/INSTANCE, or matchers such as 'job="api", zone="a"'; may be given several times.
    #[arg(long = "target", value_name = "TARGET", required = true)]
    targets: Vec<String>,
    /// How long it lasts; at most 1d.
    #[arg(long = "for", value_name = "DURATION", default_value = "30m")]
    duration: String,
    /// Really send notifications of the alerts that fire, marked as simulated; they end after a
    /// minute.
    #[arg(long)]
    page: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Simulates.
pub(crate) async fn run(simulate: &Simulate) -> Result<ExitCode> {
    match simulate {
        Simulate::Alert(flags) => alert(flags).await,
        Simulate::Outage(flags) => outage(flags).await,
    }
}

async fn alert(flags: &SimulateAlert) -> Result<ExitCode> {
    parse_duration(&flags.hold).context("--for")?;
    let wanted = json!({
        "type": "alert",
        "name": flags.name,
        "labels": pairs("--label", &flags.labels)?,
        "annotations": pairs("--annotation", &flags.annotations)?,
        // JSON has no word for what is no finite number.
        "value": flags.value.to_string(),
        "for": flags.hold,
        "page": flags.page,
        "fast": flags.fast,
    });
    let mut report = ask(Method::POST, &flags.remote.url, "", Some(wanted)).await?;
    let is_text = flags.remote.output == Output::Text;
    if is_text {
        print_head(&report, flags);
    }
    let (mut shown, mut is_ended) = (0, false);
    loop {
        let steps = list(&report["steps"]);
        if is_text {
            for step in steps.iter().skip(shown) {
                println!("{}", step_text(step, flags.page));
            }
        }
        shown = steps.len();
        if report["over"] == true {
            break;
        }
        let id = text(&report["id"]).to_owned();
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                if is_ended {
                    eprintln!("its end goes on in the server: GET {PATH}/{id}");
                    break;
                }
                eprintln!("the simulation ends; Ctrl-C again waits for nothing more");
                is_ended = true;
                ask(Method::DELETE, &flags.remote.url, &id, None).await?;
            }
        }
        report = ask(Method::GET, &flags.remote.url, &id, None).await?;
    }
    if !is_text {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_head(report: &Value, flags: &SimulateAlert) {
    for alert in list(&report["alerts"]) {
        println!(
            "{} (group {} in {})",
            labels_text(&alert["labels"]),
            text(&alert["group"]),
            text(&alert["file"])
        );
        for (name, value) in alert["annotations"].as_object().into_iter().flatten() {
            println!("  {name}: {}", short_to(text(value), TEXT_CHARS_MAX));
        }
    }
    println!(
        "{}\n",
        match (flags.page, flags.fast) {
            (true, _) => "notifications are really sent, marked as simulated",
            (false, true) => "times are only thought; nothing is sent",
            (false, false) => "nothing is sent; --page sends, --fast does not wait",
        }
    );
}

async fn outage(flags: &SimulateOutage) -> Result<ExitCode> {
    parse_duration(&flags.duration).context("--for")?;
    let wanted = json!({
        "type": "outage",
        "targets": flags.targets,
        "for": flags.duration,
        "page": flags.page,
    });
    let report = ask(Method::POST, &flags.remote.url, "", Some(wanted)).await?;
    match flags.remote.output {
        Output::Text => print!("{}", outage_text(&report)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    let told = list(&report["targets"]).iter().all(|t| t["told"] == true);
    Ok(if told {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn outage_text(report: &Value) -> String {
    let targets = list(&report["targets"]);
    let mut lines = vec![format!(
        "{} targets down for {}:",
        targets.len(),
        after(&report["duration"])
    )];
    for target in targets {
        let alerts: Vec<&str> = list(&target["alerts"]).iter().map(text).collect();
        let finding = match (alerts.is_empty(), target["told"] == true) {
            (true, _) => "NO ALERT: nobody would notice".to_owned(),
            (false, false) => format!("{}, but nobody would be told", alerts.join(", ")),
            (false, true) => alerts.join(", "),
        };
        lines.push(format!("  {}: {finding}", labels_text(&target["labels"])));
    }
    let alerts = list(&report["alerts"]);
    lines.push(format!("\n{} alerts because of it:", alerts.len()));
    for alert in alerts {
        let fired = match &alert["fired_after"] {
            Value::Null => format!(
                "pending after {}, not firing",
                after(&alert["active_after"])
            ),
            fired => format!("fires after {}", after(fired)),
        };
        let told = match (&alert["fired_after"], &alert["told_after"]) {
            (Value::Null, _) => String::new(),
            (_, Value::Null) => ", nobody told".to_owned(),
            (_, told) => format!(", told after {}", after(told)),
        };
        lines.push(format!(
            "  {fired}{told}: {}",
            labels_text(&alert["labels"])
        ));
    }
    if let Some(count @ 1..) = report["anyway"].as_u64() {
        lines.push(format!("  {count} others, which are active without it"));
    }
    for labels in list(&report["lost"]) {
        lines.push(format!("  no longer firing: {}", labels_text(labels)));
    }
    for failed in list(&report["failed"]) {
        let (rule, error) = (text(&failed["rule"]), text(&failed["error"]));
        lines.push(format!("  rule {rule} fails: {error}"));
    }
    lines.push("\nsteps:".to_owned());
    for step in list(&report["steps"]) {
        lines.push(step_text(step, false));
    }
    if let Some(id) = report["simulation"].as_str() {
        lines.push(format!(
            "\nreally sent now, marked as simulated: GET /api/bellwether/v1/simulations/{id}"
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A step in a line, and below it what is sent.
fn step_text(step: &Value, is_sent: bool) -> String {
    let kind = match text(&step["kind"]) {
        "notified" if is_sent => "told",
        "notified" => "would tell",
        "notify_failed" => "cannot tell",
        "grouped" => "waits for",
        kind => kind,
    };
    let mut line = format!("+{:<8} {kind}", after(&step["after"]));
    let receiver = text(&step["receiver"]);
    if !receiver.is_empty() {
        line.push_str(&format!(" {receiver}"));
    }
    line.push_str(&format!(" {}", labels_text(&step["labels"])));
    let why = text(&step["text"]);
    if !why.is_empty() {
        line.push_str(&format!(": {why}"));
    }
    let texts = &step["texts"];
    let titles = TITLES.iter().filter(|name| texts[**name].is_string());
    for name in titles.take(2) {
        let shown = text(&texts[*name]).replace('\n', " ");
        line.push_str(&format!(
            "\n          {name}: {}",
            short_to(&shown, TEXT_CHARS_MAX)
        ));
    }
    line
}

fn after(seconds: &Value) -> String {
    let ms = seconds.as_f64().unwrap_or(0.0) * 1_000.0;
    // Whole seconds are enough for people.
    DurationText(((ms / 1_000.0).round() as i64) * 1_000).to_string()
}

fn labels_text(labels: &Value) -> String {
    let pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn pairs(flag: &str, items: &[String]) -> Result<Value> {
    let mut entries = Map::new();
    for item in items {
        match item.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                entries.insert(name.to_owned(), value.into());
            }
            _ => bail!("{flag} {item:?}: want NAME=VALUE"),
        }
    }
    Ok(Value::Object(entries))
}

const PATH: &str = "/api/bellwether/v1/simulations";

/// Asks for simulations, or for the one of an id.
async fn ask(method: Method, url: &str, id: &str, body: Option<Value>) -> Result<Value> {
    let path = match id {
        "" => PATH.to_owned(),
        id => format!("{PATH}/{id}"),
    };
    Ok(remote::ask(method, url, &path, &[], body).await?["data"].take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_tells_what_nobody_would_notice() {
        let report = json!({
            "duration": 1800.0, "anyway": 2, "lost": [], "failed": [],
            "targets": [
                { "labels": { "job": "a" }, "alerts": ["Down"], "told": true },
                { "labels": { "job": "b" }, "alerts": ["Quiet"], "told": false },
                { "labels": { "job": "c" }, "alerts": [], "told": false },
            ],
            "alerts": [
                { "labels": { "alertname": "Down" }, "active_after": 0.0, "fired_after": 120.0, "told_after": 150.0 },
                { "labels": { "alertname": "Slow" }, "active_after": 5.0, "fired_after": null, "told_after": null },
            ],
            "steps": [{
                "after": 150.0, "kind": "notified", "labels": {}, "receiver": "team/slack[0]",
                "text": "first notification; simulated, not sent",
                "texts": { "title": "[FIRING:1] Down", "color": "danger" },
            }],
        });
        let want = "\
3 targets down for 30m:
  {job=\"a\"}: Down
  {job=\"b\"}: Quiet, but nobody would be told
  {job=\"c\"}: NO ALERT: nobody would notice

2 alerts because of it:
  fires after 2m, told after 2m30s: {alertname=\"Down\"}
  pending after 5s, not firing: {alertname=\"Slow\"}
  2 others, which are active without it

steps:
+2m30s    would tell team/slack[0] {}: first notification; simulated, not sent
          title: [FIRING:1] Down
";
        assert_eq!(outage_text(&report), want);
    }

    #[test]
    fn labels_are_names_and_values() {
        let items = ["a=b=c".to_owned(), "d=".to_owned()];
        assert_eq!(
            pairs("--label", &items).unwrap(),
            json!({ "a": "b=c", "d": "" })
        );
        let error = pairs("--label", &["=x".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "--label \"=x\": want NAME=VALUE");
    }
}
