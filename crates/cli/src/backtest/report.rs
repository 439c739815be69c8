//! What a backtest tells, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bellwether_model::Labels;
use bellwether_model::time::DurationText;
use bellwether_notify::Reason;
use bellwether_rules::backtest::{Episode, RuleHistory};
use serde_json::{Value, json};

use super::compare::{Difference, compare};
use super::routes::{Notification, Replay, Suppression};
use super::summary::{Summary, by_alert};
use super::{Pass, Told};
use crate::time_argument::time_text;

/// Lines of a table: the first is its head. The first column stands left, the others right.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                write!(row, "{cell:<width$}").ok();
            } else {
                write!(row, "  {cell:>width$}").ok();
            }
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Counts by why a receiver was told.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Reasons {
    pub(super) first: usize,
    pub(super) changed: usize,
    pub(super) resolved: usize,
    pub(super) repeat: usize,
}

impl Reasons {
    fn add(&mut self, reason: Reason) {
        *match reason {
            Reason::First => &mut self.first,
            Reason::NewAlerts | Reason::NewResolved => &mut self.changed,
            Reason::AllResolved => &mut self.resolved,
            Reason::Repeat => &mut self.repeat,
        } += 1;
    }

    fn all(self) -> usize {
        self.first + self.changed + self.resolved + self.repeat
    }
}

/// Counts of notifications by receiver and integration.
pub(super) fn by_receiver(replay: &Replay) -> BTreeMap<(&str, &str), Reasons> {
    let mut counts: BTreeMap<(&str, &str), Reasons> = BTreeMap::new();
    for notification in &replay.notifications {
        let key = (
            notification.receiver.as_str(),
            notification.integration.as_str(),
        );
        counts.entry(key).or_default().add(notification.reason);
    }
    counts
}

fn owned<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// A duration for people: what is longer than a minute, in whole seconds.
pub(super) fn duration(ms: i64) -> String {
    let shown_ms = if ms.abs() < 60_000 {
        ms
    } else {
        ms.saturating_add(500).div_euclid(1_000) * 1_000
    };
    DurationText(shown_ms).to_string()
}

/// One version, as text: the table, the receivers, then everything in detail.
pub(super) fn text(pass: &Pass, told: &Told) -> String {
    let summaries = by_alert(pass, told.to_ms);
    let mut head = owned(["ALERT", "FIRED", "FIRING", "LONGEST", "PENDING ONLY"]);
    if pass.replay.is_some() {
        head.push("NOTIFICATIONS".to_owned());
    }
    let mut lines = vec![head];
    for (alert, summary) in &summaries {
        let mut line = vec![
            (*alert).to_owned(),
            summary.fired.to_string(),
            duration(summary.firing_ms),
            duration(summary.longest_ms),
            summary.pending.to_string(),
        ];
        line.extend(summary.notifications.map(|count| count.to_string()));
        lines.push(line);
    }
    let mut text = String::new();
    if !summaries.is_empty() {
        text.push_str(&table(&lines));
        text.push('\n');
    }
    if let Some(replay) = &pass.replay {
        text.push_str(&receivers_text(replay));
        text.push('\n');
    }
    for history in &pass.histories {
        push_history(&mut text, history, told);
    }
    if let Some(replay) = &pass.replay {
        push_replay(&mut text, replay);
    }
    text
}

fn receivers_text(replay: &Replay) -> String {
    let head = owned(["RECEIVER", "FIRST", "CHANGED", "RESOLVED", "REPEAT", "ALL"]);
    let mut lines = vec![head];
    for ((receiver, integration), reasons) in by_receiver(replay) {
        let Reasons {
            first,
            changed,
            resolved,
            repeat,
        } = reasons;
        let mut line = vec![format!("{receiver}/{integration}")];
        let counts = [first, changed, resolved, repeat, reasons.all()];
        line.extend(counts.map(|count| count.to_string()));
        lines.push(line);
    }
    if lines.len() == 1 {
        return "no receiver would have been told of anything\n".to_owned();
    }
    table(&lines)
}

fn push_history(text: &mut String, history: &RuleHistory, told: &Told) {
    let result = if history.is_alert {
        let fired = history.episodes.iter().filter(|e| e.fired_at_ms.is_some());
        let (fired, all) = (fired.count(), history.episodes.len());
        format!("fired {fired} times, pending {} times without", all - fired)
    } else {
        format!("{} samples", history.sample_count)
    };
    let (rule, group, file) = (&history.rule, &history.group, history.file.display());
    writeln!(text, "{rule} ({group} in {file}): {result}").ok();
    if history.failed_turns > 0 {
        let (failed, turns) = (history.failed_turns, history.turns);
        let error = &history.first_error;
        writeln!(text, "  failed at {failed} of {turns} turns: {error}").ok();
    }
    for episode in told.episodes(history) {
        writeln!(text, "  {}", episode_text(episode)).ok();
    }
}

fn push_replay(text: &mut String, replay: &Replay) {
    text.push_str("\nnotifications:\n");
    for notification in &replay.notifications {
        let Notification {
            receiver,
            integration,
            firing,
            resolved,
            group_labels,
            ..
        } = notification;
        let (time, reason) = (
            time_text(notification.time_ms),
            notification.reason.as_str(),
        );
        writeln!(
            text,
            "  {time} {receiver}/{integration} {reason}: {firing} firing, {resolved} resolved {group_labels}"
        )
        .ok();
    }
    if replay.suppressions.is_empty() {
        return;
    }
    text.push_str("\nkept from receivers:\n");
    for suppression in &replay.suppressions {
        let end = match suppression.to_ms {
            Some(to_ms) => format!("for {}", duration(to_ms - suppression.from_ms)),
            None => "to the end".to_owned(),
        };
        let Suppression { labels, cause, .. } = suppression;
        let receiver = match suppression.receiver.as_str() {
            "" => String::new(),
            receiver => format!(" for {receiver}"),
        };
        let (time, kind) = (time_text(suppression.from_ms), suppression.kind.as_str());
        writeln!(text, "  {time} {kind}{receiver} {end} {labels}: {cause}").ok();
    }
}

/// An episode in a line.
pub(super) fn episode_text(episode: &Episode) -> String {
    let begun_ms = episode.fired_at_ms.unwrap_or(episode.active_at_ms);
    let state = if episode.fired_at_ms.is_some() {
        "firing"
    } else {
        "pending"
    };
    let end = match episode.ended_at_ms {
        Some(ended_ms) => format!("for {}", duration(ended_ms - begun_ms)),
        None => "to the end".to_owned(),
    };
    // All labels but the name, which stands above.
    let labels = episode
        .labels
        .filter(|name| name != bellwether_model::ALERT_NAME);
    let (time, value) = (time_text(begun_ms), episode.value);
    format!("{time} {state} {end}, value {value} {labels}")
}

/// Two versions, as text.
pub(super) fn comparison_text(before: &Pass, after: &Pass, told: &Told) -> String {
    let differences = compare(before, after, told.to_ms);
    let with_notifications = before.replay.is_some() || after.replay.is_some();
    let mut head = owned(["ALERT", "FIRED", "FIRING", "LONGEST"]);
    if with_notifications {
        head.push("NOTIFICATIONS".to_owned());
    }
    let mut lines = vec![head];
    for difference in &differences {
        let (was, is) = (difference.before.as_ref(), difference.after.as_ref());
        let cell = |of: &dyn Fn(&Summary) -> String| {
            let of = |side: Option<&Summary>| side.map_or_else(|| "none".to_owned(), of);
            change(&of(was), &of(is))
        };
        let mut line = vec![
            difference.alert.to_owned(),
            cell(&|side| side.fired.to_string()),
            cell(&|side| duration(side.firing_ms)),
            cell(&|side| duration(side.longest_ms)),
        ];
        if with_notifications {
            line.push(cell(&|side| {
                side.notifications
                    .map_or_else(|| "none".to_owned(), |count| count.to_string())
            }));
        }
        lines.push(line);
    }
    let mut text = table(&lines);
    if let (Some(was), Some(is)) = (&before.replay, &after.replay) {
        let (was, is) = (was.notifications.len(), is.notifications.len());
        writeln!(
            text,
            "\nnotifications in all: {}",
            change(&was.to_string(), &is.to_string())
        )
        .ok();
    }
    for difference in differences.iter().filter(|d| !d.is_none()) {
        for (when, episodes) in [
            ("before", &difference.only_before),
            ("after", &difference.only_after),
        ] {
            if episodes.is_empty() {
                continue;
            }
            writeln!(text, "\n{} only {when}:", difference.alert).ok();
            for episode in episodes {
                writeln!(text, "  {}", episode_text(episode)).ok();
            }
        }
    }
    if differences.iter().all(Difference::is_none) {
        text.push_str("\nboth versions give the same\n");
    }
    for (name, pass) in [("before", before), ("after", after)] {
        for history in pass.histories.iter().filter(|h| h.failed_turns > 0) {
            let (rule, failed, turns) = (&history.rule, history.failed_turns, history.turns);
            let error = &history.first_error;
            writeln!(
                text,
                "\n{rule} {name} failed at {failed} of {turns} turns: {error}"
            )
            .ok();
        }
    }
    text
}

fn change(was: &str, is: &str) -> String {
    if was == is {
        was.to_owned()
    } else {
        format!("{was} → {is}")
    }
}

/// One version, as JSON.
pub(super) fn json(pass: &Pass, told: &Told) -> Value {
    let alerts: Vec<Value> = by_alert(pass, told.to_ms)
        .into_iter()
        .map(|(alert, summary)| {
            let mut value = summary_json(&summary);
            value["alert"] = alert.into();
            value
        })
        .collect();
    let rules = pass.histories.iter();
    let rules: Vec<Value> = rules.map(|history| history_json(history, told)).collect();
    let mut answer = json!({ "alerts": alerts, "rules": rules });
    if let Some(replay) = &pass.replay {
        let receivers: Vec<Value> = by_receiver(replay)
            .into_iter()
            .map(|((receiver, integration), reasons)| {
                json!({
                    "receiver": receiver, "integration": integration, "first": reasons.first,
                    "changed": reasons.changed, "resolved": reasons.resolved,
                    "repeat": reasons.repeat, "all": reasons.all(),
                })
            })
            .collect();
        let notifications = replay.notifications.iter().map(notification_json);
        let suppressions = replay.suppressions.iter().map(suppression_json);
        answer["receivers"] = receivers.into();
        answer["notifications"] = notifications.collect();
        answer["suppressions"] = suppressions.collect();
    }
    answer
}

/// Two versions, as JSON.
pub(super) fn comparison_json(before: &Pass, after: &Pass, told: &Told) -> Value {
    let differences: Vec<Value> = compare(before, after, told.to_ms)
        .iter()
        .map(|difference| {
            let episodes = |list: &[&Episode]| -> Vec<Value> {
                list.iter().map(|episode| episode_json(episode)).collect()
            };
            json!({
                "alert": difference.alert,
                "same": difference.is_none(),
                "before": difference.before.as_ref().map(summary_json),
                "after": difference.after.as_ref().map(summary_json),
                "only_before": episodes(&difference.only_before),
                "only_after": episodes(&difference.only_after),
            })
        })
        .collect();
    json!({ "differences": differences, "before": json(before, told), "after": json(after, told) })
}

fn summary_json(summary: &Summary) -> Value {
    json!({
        "fired": summary.fired,
        "pending_only": summary.pending,
        "firing_seconds": summary.firing_ms as f64 / 1_000.0,
        "longest_seconds": summary.longest_ms as f64 / 1_000.0,
        "notifications": summary.notifications,
    })
}

fn history_json(history: &RuleHistory, told: &Told) -> Value {
    let episodes: Vec<Value> = told.episodes(history).map(episode_json).collect();
    json!({
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

fn episode_json(episode: &Episode) -> Value {
    json!({
        "labels": labels_json(&episode.labels),
        "active_at": time_text(episode.active_at_ms),
        "fired_at": episode.fired_at_ms.map(time_text),
        "ended_at": episode.ended_at_ms.map(time_text),
        "value": episode.value.to_string(),
    })
}

fn notification_json(notification: &Notification) -> Value {
    json!({
        "time": time_text(notification.time_ms),
        "receiver": notification.receiver,
        "integration": notification.integration,
        "reason": notification.reason.as_str(),
        "group_labels": labels_json(&notification.group_labels),
        "firing": notification.firing,
        "resolved": notification.resolved,
    })
}

fn suppression_json(suppression: &Suppression) -> Value {
    json!({
        "kind": suppression.kind.as_str(),
        "labels": labels_json(&suppression.labels),
        "receiver": suppression.receiver,
        "from": time_text(suppression.from_ms),
        "to": suppression.to_ms.map(time_text),
        "cause": suppression.cause,
    })
}

fn labels_json(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect())
}
