//! `acknowledge`: somebody is on an alert of a running server, and its repeats stop.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bellwether_model::time::parse_duration;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::arguments::{Output, Remote};
use crate::remote::{self, alert_text, json_text, one_line};
use crate::time_argument::{time_ms, time_text};

/// Flags of `acknowledge`.
#[derive(Debug, Args)]
pub(crate) struct Acknowledge {
    /// Which alerts: a name, or matchers such as severity=critical and host=~"db-.*"; an alert must
    /// fit all of them.
    #[arg(value_name = "MATCHER", required_unless_present_any = ["list", "remove"],
          conflicts_with_all = ["list", "remove"])]
    matchers: Vec<String>,
    /// Who is on it; the user who runs the command if not given.
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// What is being done, or a link.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// When repeats begin again: RFC 3339 or seconds since the epoch. Without it and --for: when the
    /// alert has ended and fires anew.
    #[arg(long, value_name = "TIME", conflicts_with = "duration")]
    until: Option<String>,
    /// After how long repeats begin again, such as 2h.
    #[arg(long = "for", id = "duration", value_name = "DURATION")]
    duration: Option<String>,
    /// List what is acknowledged.
    #[arg(long, conflicts_with = "remove")]
    list: bool,
    /// Take back the acknowledgement of an alert, by its fingerprint. May be given several times.
    #[arg(long, value_name = "FINGERPRINT")]
    remove: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Says that somebody is on alerts, that nobody is any more, or who is on which. Exit code 1: there
/// is no such alert, or nothing to list.
pub(crate) async fn run(flags: Acknowledge) -> Result<ExitCode> {
    if flags.list {
        list(&flags.remote).await
    } else if flags.remove.is_empty() {
        acknowledge(&flags).await
    } else {
        remove(&flags).await
    }
}

/// Alerts that fit, and what became of them, as people and programs see them.
fn told(done: &[Value], word: &str, output: Output) -> Result<()> {
    if output == Output::Json {
        return remote::print_json(&Value::from(done));
    }
    for alert in done {
        let fingerprint = alert["fingerprint"].as_str().unwrap_or_default();
        let labels = &alert["labels"];
        println!("{word} {fingerprint} {}", one_line(&alert_text(labels)));
    }
    Ok(())
}

async fn acknowledge(flags: &Acknowledge) -> Result<ExitCode> {
    let url = &flags.remote.url;
    let by = by(flags).context("--by is missing: it says who is on it")?;
    let until = match (&flags.until, &flags.duration) {
        (Some(text), _) => Some(time_text(time_ms("--until", text)?)),
        (None, Some(text)) => {
            let length_ms = parse_duration(text).context("--for")?;
            let now_ms = remote::server_time_ms(url).await?;
            Some(time_text(now_ms.saturating_add(length_ms)))
        }
        (None, None) => None,
    };
    let filters: Vec<(&str, String)> = flags
        .matchers
        .iter()
        .map(|matcher| ("filter", as_matcher(matcher)))
        .collect();
    let alerts = remote::ask(Method::GET, url, "/am/api/v2/alerts", &filters, None).await?;
    let alerts = alerts.as_array().context("the answer is no list")?;
    if alerts.is_empty() {
        eprintln!("no alert fits {}", flags.matchers.join(" "));
        return Ok(ExitCode::from(1));
    }
    let mut done = Vec::new();
    for alert in alerts {
        let fingerprint = alert["fingerprint"].as_str();
        let fingerprint = fingerprint.context("an alert has no fingerprint")?;
        let mut body = json!({ "fingerprint": fingerprint, "by": by });
        if let Some(why) = &flags.why {
            body["comment"] = why.as_str().into();
        }
        if let Some(until) = &until {
            body["until"] = until.as_str().into();
        }
        let path = "/api/bellwether/v1/acknowledgements";
        let answer = remote::ask(Method::POST, url, path, &[], Some(body)).await;
        if let Err(error) = answer {
            told(&done, "acknowledged", flags.remote.output)?;
            return Err(error.context(format!("{fingerprint} is not acknowledged")));
        }
        done.push(json!({ "fingerprint": fingerprint, "labels": alert["labels"] }));
    }
    told(&done, "acknowledged", flags.remote.output)?;
    Ok(ExitCode::SUCCESS)
}

/// Who says so: the flag, or whoever runs the command.
fn by(flags: &Acknowledge) -> Option<String> {
    let by = flags.by.clone().or_else(|| std::env::var("USER").ok());
    by.filter(|by| !by.is_empty())
}

/// A matcher; a word by itself is the name of an alert, as it is for amtool.
fn as_matcher(text: &str) -> String {
    if text.contains(['=', '~']) {
        text.to_owned()
    } else {
        format!("alertname={}", json_text(text))
    }
}

async fn remove(flags: &Acknowledge) -> Result<ExitCode> {
    let mut query = Vec::new();
    query.extend(by(flags).map(|by| ("by", by)));
    let mut done = Vec::new();
    let mut missing = false;
    for fingerprint in &flags.remove {
        if fingerprint.len() != 16 || !fingerprint.bytes().all(|b| b.is_ascii_hexdigit()) {
            bail!(
                "--remove {fingerprint:?}: want the fingerprint of an alert, 16 hexadecimal digits"
            );
        }
        let path = format!("/api/bellwether/v1/acknowledgements/{fingerprint}");
        match remote::ask(Method::DELETE, &flags.remote.url, &path, &query, None).await {
            Ok(_) => done.push(json!({ "fingerprint": fingerprint })),
            Err(error) if remote::is_not_found(&error) => {
                missing = true;
                eprintln!("{error}");
            }
            Err(error) => return Err(error),
        }
    }
    if flags.remote.output == Output::Json {
        remote::print_json(&Value::from(done))?;
    } else {
        for one in &done {
            println!(
                "taken back {}",
                one["fingerprint"].as_str().unwrap_or_default()
            );
        }
    }
    Ok(ExitCode::from(u8::from(missing)))
}

async fn list(remote: &Remote) -> Result<ExitCode> {
    let answer = remote::own_api(&remote.url, "acknowledgements", &[]).await?;
    let acks = answer["data"]["acknowledgements"].as_array();
    let acks = acks.context("the answer has no acknowledgements")?;
    if remote.output == Output::Json {
        remote::print_json(&Value::from(acks.as_slice()))?;
    } else {
        print!("{}", table(acks));
    }
    Ok(ExitCode::from(u8::from(acks.is_empty())))
}

/// One acknowledgement a line: fingerprint, until when, who, the alert, why.
fn table(acks: &[Value]) -> String {
    let cells: Vec<[String; 5]> = acks
        .iter()
        .map(|ack| {
            let cell = |key: &str| one_line(ack[key].as_str().unwrap_or_default());
            let until = ack["until"].as_f64();
            [
                cell("fingerprint"),
                until.map_or_else(
                    || "its end".to_owned(),
                    |s| time_text((s * 1e3).round() as i64),
                ),
                cell("by"),
                one_line(&alert_text(&ack["labels"])),
                cell("comment"),
            ]
        })
        .collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let (until, by, alert) = (width(1), width(2), width(3));
    let line = |row: &[String; 5]| {
        let [fingerprint, at, who, labels, why] = row;
        let line = format!("{fingerprint}  until {at:until$}  {who:by$}  {labels:alert$}  {why}");
        format!("{}\n", line.trim_end())
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_name_of_an_alert() {
        assert_eq!(as_matcher("Slow"), "alertname=\"Slow\"");
        assert_eq!(as_matcher("a b\"c"), "alertname=\"a b\\\"c\"");
        assert_eq!(as_matcher("host!~x"), "host!~x");
        assert_eq!(as_matcher("host=x"), "host=x");
    }

    #[test]
    fn acknowledgements_are_columns() {
        let acks = [
            json!({"fingerprint": "0123456789abcdef", "by": "ada", "comment": "on it\n",
                   "until": 1700000000, "labels": {"alertname": "Slow", "host": "a"}}),
            json!({"fingerprint": "0123456789abcde0", "by": "b", "labels": {"alertname": "X"}}),
        ];
        assert_eq!(
            table(&acks),
            "0123456789abcdef  until 2023-11-14T22:13:20Z  ada  Slow{host=\"a\"}  on it\n\
             0123456789abcde0  until its end               b    X\n"
        );
    }
}
