//! `backtest`: which alerts rules would have given over stored history.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bellwether_config::{RuleOptions, glob, load_rules};
use bellwether_model::Labels;
use bellwether_model::time::{DurationText, parse_duration};
use bellwether_rules::Surroundings;
use bellwether_rules::backtest::{BacktestSettings, Episode, RuleHistory, backtest};
use bellwether_storage::{Clock, ManualClock, MetricStore, RealDisk, SystemClock};
use bellwether_tsdb::EngineSettings;
use clap::Args;

use crate::arguments::Output;
use crate::check::Language;
use crate::time_argument::{time_before_ms, time_ms, time_text};

/// Flags of `backtest`.
#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// Rule files and patterns of such; may be given several times.
    #[arg(long = "rules", value_name = "FILE", required = true)]
    rules: Vec<PathBuf>,
    /// The folder with the data of a server that does not run, or a snapshot of one that does.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// RFC 3339, seconds since the epoch, or how long before the end, such as 30d.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// RFC 3339 or seconds since the epoch; now if not given.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Time between two evaluations of groups that say nothing.
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    interval: String,
    /// Threads that answer queries; as many as there are cores if not given.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Also tell of alerts that were pending and never fired.
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    language: Language,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Goes through history and tells of it.
pub(crate) fn run(flags: &Backtest) -> Result<ExitCode> {
    let to_ms = match &flags.to {
        Some(text) => time_ms("--to", text)?,
        None => SystemClock.now_ms(),
    };
    let from_ms = time_before_ms("--from", &flags.from, to_ms)?;
    if from_ms > to_ms {
        bail!("--from is after --to: want a time before it");
    }
    let interval_ms = parse_duration(&flags.interval).context("--interval")?;
    let features = flags.language.features();
    let options = RuleOptions {
        features,
        interval_ms,
        ..RuleOptions::default()
    };
    let mut files = Vec::new();
    for pattern in &flags.rules {
        let found = glob(pattern)
            .with_context(|| format!("cannot list the files of {}", pattern.display()))?;
        if found.is_empty() {
            bail!("no file matches {}", pattern.display());
        }
        files.extend(found);
    }
    let groups = load_rules(&files, &options)?.groups;
    let store = open(&flags.data, to_ms)?;
    let settings = BacktestSettings {
        from_ms,
        to_ms,
        threads: flags.threads,
        features,
    };
    let histories = backtest(store, &groups, &Surroundings::default(), &settings)?;
    match flags.output {
        Output::Text => print!("{}", text(&histories, flags.pending)),
        Output::Json => {
            let rules: Vec<serde_json::Value> =
                histories.iter().map(|h| json(h, flags.pending)).collect();
            let answer = serde_json::json!({ "from": time_text(from_ms), "to": time_text(to_ms), "rules": rules });
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a folder so that nothing in it becomes too old.
fn open(folder: &Path, now_ms: i64) -> Result<Arc<dyn MetricStore>> {
    if !folder.is_dir() {
        bail!("{} is not a folder", folder.display());
    }
    let settings = EngineSettings {
        retention_ms: 0,
        retention_bytes: 0,
        ..EngineSettings::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now_ms));
    let engine = bellwether_tsdb::Engine::open(Arc::new(RealDisk), folder, clock, settings)
        .with_context(|| format!("cannot open {}", folder.display()))?;
    Ok(engine)
}

/// The episodes that are told of.
fn told(history: &RuleHistory, with_pending: bool) -> impl Iterator<Item = &Episode> {
    let episodes = history.episodes.iter();
    episodes.filter(move |episode| with_pending || episode.fired_at_ms.is_some())
}

fn text(histories: &[RuleHistory], with_pending: bool) -> String {
    let mut text = String::new();
    for history in histories {
        let episodes: Vec<&Episode> = told(history, with_pending).collect();
        let result = if history.is_alert {
            let fired = history.episodes.iter().filter(|e| e.fired_at_ms.is_some());
            let (fired, all) = (fired.count(), history.episodes.len());
            format!("fired {fired} times, pending {} times without", all - fired)
        } else {
            format!("{} samples", history.sample_count)
        };
        let (rule, group) = (&history.rule, &history.group);
        let file = history.file.display();
        text.push_str(&format!("{rule} ({group} in {file}): {result}\n"));
        if history.failed_turns > 0 {
            text.push_str(&format!(
                "  failed at {} of {} turns: {}\n",
                history.failed_turns, history.turns, history.first_error
            ));
        }
        for episode in episodes {
            text.push_str(&format!("  {}\n", episode_text(episode)));
        }
    }
    text
}

fn episode_text(episode: &Episode) -> String {
    let begun_ms = episode.fired_at_ms.unwrap_or(episode.active_at_ms);
    let state = if episode.fired_at_ms.is_some() {
        "firing"
    } else {
        "pending"
    };
    let end = match episode.ended_at_ms {
        Some(ended_ms) => format!("for {}", DurationText(ended_ms - begun_ms)),
        None => "to the end".to_owned(),
    };
    let labels = shown_labels(&episode.labels);
    format!(
        "{} {state} {end}, value {} {labels}",
        time_text(begun_ms),
        episode.value
    )
}

/// All but the name, which stands above.
fn shown_labels(labels: &Labels) -> Labels {
    labels.filter(|name| name != bellwether_model::ALERT_NAME)
}

fn json(history: &RuleHistory, with_pending: bool) -> serde_json::Value {
    let episodes: Vec<serde_json::Value> = told(history, with_pending)
        .map(|episode| {
            let labels: serde_json::Map<String, serde_json::Value> = episode
                .labels
                .iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            serde_json::json!({
                "labels": labels,
                "active_at": time_text(episode.active_at_ms),
                "fired_at": episode.fired_at_ms.map(time_text),
                "ended_at": episode.ended_at_ms.map(time_text),
                "value": episode.value.to_string(),
            })
        })
        .collect();
    serde_json::json!({
        "file": history.file.display().to_string(),
        "group": history.group,
        "rule": history.rule,
        "type": if history.is_alert { "alerting" } else { "recording" },
        "turns": history.turns,
        "failed_turns": history.failed_turns,
        "first_error": history.first_error,
        "samples": history.sample_count,
        "episodes": episodes,
    })
}

#[cfg(test)]
mod tests {
    use bellwether_model::METRIC_NAME;
    use bellwether_storage::{Source, WriteBatch};
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    #[test]
    fn history_of_a_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("data")).unwrap();
        let start_ms = 1_704_067_200_000;
        {
            let store = open(&path("data"), start_ms + 3_600_000).unwrap();
            let source = Source::new("test");
            let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", "a")]);
            let series = store.register(&source, None, &labels).unwrap();
            let mut batch = WriteBatch::default();
            for minute in 0..60 {
                let value = if (20..30).contains(&minute) { 0.0 } else { 1.0 };
                batch.push(series, start_ms + minute * 60_000, value);
            }
            store.write(&source, &batch).unwrap();
        }
        let rules = "groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 2m}, {record: r, expr: up}]}]";
        std::fs::write(path("r.yml"), rules).unwrap();
        let (rules, data) = (
            path("r.yml").display().to_string(),
            path("data").display().to_string(),
        );
        let parse = |from: &str| {
            let line = ["bellwether", "backtest", "--rules", &rules, "--data", &data];
            let to = ["--to", "2024-01-01T00:59:59Z", "--from", from];
            let line = line.iter().chain(&to);
            match Arguments::try_parse_from(line).unwrap().command {
                Command::Backtest(flags) => flags,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(run(&parse("59m59s")).unwrap(), ExitCode::SUCCESS);
        for wrong in ["soon", "2025-01-01T00:00:00Z"] {
            assert!(run(&parse(wrong)).is_err(), "{wrong}");
        }
        let groups = load_rules(&[path("r.yml")], &RuleOptions::default())
            .unwrap()
            .groups;
        let settings = BacktestSettings {
            from_ms: start_ms,
            to_ms: start_ms + 3_599_000,
            threads: 1,
            features: bellwether_promql::Features::default(),
        };
        let store = open(&path("data"), settings.to_ms).unwrap();
        let histories = backtest(store, &groups, &Surroundings::default(), &settings).unwrap();
        let told = text(&histories, false);
        assert!(told.starts_with("Down (g in "), "{told}");
        assert!(
            told.contains("): fired 1 times, pending 0 times without\n  2024-01-01T00:22:"),
            "{told}"
        );
        assert!(
            told.contains("Z firing for 8m, value 0 {job=\"a\"}\nr (g in "),
            "{told}"
        );
        assert!(told.ends_with(": 60 samples\n"), "{told}");
        let json = json(&histories[0], true);
        assert_eq!(json["episodes"][0]["labels"]["alertname"], "Down");
        assert_eq!(json["episodes"].as_array().unwrap().len(), 1);
    }
}
