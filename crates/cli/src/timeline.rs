//! `timeline`: what has happened to the alerts of a running server.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bellwether_storage::TimelineKind;
use clap::Args;
use serde_json::Value;

use crate::arguments::{Output, Remote};
use crate::remote::{self, alert_text, json_text, one_line};
use crate::time_argument::{time_before_ms, time_ms, time_text};

/// Flags of `timeline`.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// RFC 3339, seconds since the epoch, or how long before the end, such as 2h; everything that is
    /// kept if not given.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// RFC 3339 or seconds since the epoch; now if not given.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only alerts of this name.
    #[arg(long, value_name = "NAME")]
    alert: Option<String>,
    /// Only alerts with this label: name=value, or another matcher such as name=~"a|b". May be given
    /// several times.
    #[arg(long = "label", value_name = "MATCHER")]
    labels: Vec<String>,
    /// Only the alert with this fingerprint.
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Only what is about notifications of this receiver, or of one of its integrations such as
    /// `team/webhook[0]`.
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    /// Only these: firing, resolved, notified … May be given several times, or as a list with commas.
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    kinds: Vec<&'static str>,
    /// Most rows, the newest.
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=50_000))]
    limit: u32,
    #[command(flatten)]
    remote: Remote,
}

fn kind(word: &str) -> Result<&'static str, String> {
    let known = TimelineKind::ALL.map(TimelineKind::as_str);
    let found = known.into_iter().find(|kind| *kind == word);
    found.ok_or_else(|| format!("want one of {}", known.join(", ")))
}

/// Prints rows, oldest first: the newest stand above the prompt. Exit code 1: there are none.
pub(crate) async fn run(flags: Timeline) -> Result<ExitCode> {
    let end_ms = match &flags.to {
        Some(text) => time_ms("--to", text)?,
        None => remote::server_time_ms(&flags.remote.url).await?,
    };
    let mut query: Vec<(&str, String)> = Vec::new();
    if let Some(from) = &flags.from {
        let from_ms = time_before_ms("--from", from, end_ms)?;
        if from_ms > end_ms {
            bail!("--from is after --to: want a time before it");
        }
        query.push(("start", time_text(from_ms)));
    }
    query.push(("end", time_text(end_ms)));
    if let Some(alert) = &flags.alert {
        query.push(("filter", format!("alertname={}", json_text(alert))));
    }
    query.extend(flags.labels.iter().map(|label| ("filter", label.clone())));
    for (name, value) in [
        ("fingerprint", &flags.fingerprint),
        ("receiver", &flags.receiver),
    ] {
        query.extend(value.iter().map(|value| (name, value.clone())));
    }
    query.extend(flags.kinds.iter().map(|kind| ("kind", (*kind).to_owned())));
    // One more than is wanted tells whether there are more.
    query.push(("limit", (flags.limit + 1).to_string()));
    let answer = remote::own_api(&flags.remote.url, "timeline", &query).await?;
    let rows = answer["data"]["rows"].as_array();
    let rows = rows.context("the answer has no rows")?;
    let limit = usize::try_from(flags.limit)?;
    let shown = rows.get(..limit).unwrap_or(rows);
    if flags.remote.output == Output::Json {
        remote::print_json(&Value::from(shown))?;
    } else {
        print!("{}", table(shown, has_colours()));
    }
    if rows.len() > limit {
        eprintln!("there are older ones too: --limit, --to or other flags tell more");
    }
    Ok(if rows.is_empty() {
        eprintln!("nothing has happened that fits");
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether standard output shows colours.
fn has_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Rows as lines with columns: time, kind, receiver, alert, cause.
fn table(rows: &[Value], colours: bool) -> String {
    let cells: Vec<[String; 5]> = rows.iter().rev().map(cells).collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for row in &cells {
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padded = format!("{cell:width$}  ");
            match colour(cell).filter(|_| colours && index == 1) {
                Some(colour) => line.push_str(&format!("\x1b[{colour}m{padded}\x1b[0m")),
                None => line.push_str(&padded),
            }
        }
        line.push_str(&row[4]);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells(row: &Value) -> [String; 5] {
    let cell = |key: &str| one_line(row[key].as_str().unwrap_or_default());
    let time_ms = row["time"].as_f64().unwrap_or_default() * 1e3;
    [
        time_text(time_ms.round() as i64),
        cell("kind"),
        cell("receiver"),
        one_line(&alert_text(&row["labels"])),
        cell("cause"),
    ]
}

/// What a kind looks like: red for what hurts, green for what is over, yellow for what waits.
fn colour(kind: &str) -> Option<u8> {
    match kind {
        "firing" | "notify_failed" => Some(31),
        "resolved" | "dropped" | "notified" => Some(32),
        "pending" | "notifying" => Some(33),
        "acknowledged" | "silenced" | "inhibited" | "muted" => Some(36),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_columns_oldest_first() {
        let labels = json!({"alertname": "Slow", "host": "a"});
        let rows = [
            json!({"time": 1700000001.5, "kind": "notify_failed", "labels": labels,
                   "receiver": "team", "cause": "503\n\x1b[2J"}),
            json!({"time": 1700000000, "kind": "firing", "labels": {"alertname": "X"}}),
        ];
        assert_eq!(
            table(&rows, false),
            "2023-11-14T22:13:20Z    firing               X\n\
             2023-11-14T22:13:21.5Z  notify_failed  team  Slow{host=\"a\"}  503  [2J\n"
        );
        let coloured = table(&rows, true);
        assert!(
            coloured.contains("\x1b[31mfiring         \x1b[0m"),
            "{coloured:?}"
        );
        assert_eq!(table(&[], true), "");
    }

    #[test]
    fn kinds_are_those_of_the_timeline() {
        assert_eq!(kind("notified"), Ok("notified"));
        assert!(kind("fire").unwrap_err().contains("pending, firing"));
    }
}
