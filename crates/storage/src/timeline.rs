//! The timeline: every transition of every alert, with its cause and what a receiver answered; and every
//! change of what scalers want.
//!
//! ## Model
//! A [`TimelineRow`] is one thing that happened to one alert, or to one scaler. Rows are appended in the order in
//! which they happen and never change; [`TimelineQuery`] finds them again, newest first.

use std::collections::VecDeque;
use std::fmt::Debug;

use bellwether_model::{AlertFingerprint, Labels, Matcher, TimeRange};
use parking_lot::Mutex;

use crate::StorageError;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimelineKind {
    /// The condition holds, not yet for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It has ended.
    Resolved,
    /// The condition went away before it fired.
    Dropped,
    /// A silence covers it now.
    Silenced,
    /// No silence covers it any more.
    Unsilenced,
    /// Another alert inhibits it now.
    Inhibited,
    /// Nothing inhibits it any more.
    Uninhibited,
    /// A time interval mutes it now.
    Muted,
    /// No time interval mutes it any more.
    Unmuted,
    /// A notification that holds it is about to be sent.
    Notifying,
    /// A receiver took a notification that holds it.
    Notified,
    /// An attempt to notify failed.
    NotifyFailed,
    /// Somebody has acknowledged it.
    Acknowledged,
    /// The acknowledgement has ended or was taken back.
    Unacknowledged,
    /// A pool is to have another number of workers. Its labels name a scaler and no alert.
    Scaled,
}

impl TimelineKind {
    /// All of them, in the order of their numbers on disk.
    pub const ALL: [Self; 16] = [
        Self::Pending,
        Self::Firing,
        Self::Resolved,
        Self::Dropped,
        Self::Silenced,
        Self::Unsilenced,
        Self::Inhibited,
        Self::Uninhibited,
        Self::Muted,
        Self::Unmuted,
        Self::Notifying,
        Self::Notified,
        Self::NotifyFailed,
        Self::Acknowledged,
        Self::Unacknowledged,
        Self::Scaled,
    ];

    /// The word for it in the API, in series and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Dropped => "dropped",
            Self::Silenced => "silenced",
            Self::Unsilenced => "unsilenced",
            Self::Inhibited => "inhibited",
            Self::Uninhibited => "uninhibited",
            Self::Muted => "muted",
            Self::Unmuted => "unmuted",
            Self::Notifying => "notifying",
            Self::Notified => "notified",
            Self::NotifyFailed => "notify_failed",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Scaled => "scaled",
        }
    }

    /// The kind that a word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that happened to one alert, or to one scaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRow {
    /// When, ms.
    pub time_ms: i64,
    /// What.
    pub kind: TimelineKind,
    /// The alert or the scaler.
    pub labels: Labels,
    /// Why, for people: a value, a silence and its author, a rule that inhibits, an error.
    pub cause: String,
    /// Who was or is to be notified; empty where the row is about no notification.
    pub receiver: String,
    /// The group of alerts that were notified together; empty likewise.
    pub group: String,
    /// What else there is to know, as a JSON object; empty where there is nothing.
    pub detail: String,
}

impl TimelineRow {
    /// The alert's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> AlertFingerprint {
        AlertFingerprint::of(&self.labels)
    }
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default)]
pub struct TimelineQuery<'a> {
    /// When they happened, both ends included; `None`: ever.
    pub range: Option<TimeRange>,
    /// What the alert's labels satisfy.
    pub matchers: &'a [Matcher],
    /// One alert.
    pub fingerprint: Option<AlertFingerprint>,
    /// A receiver, with all its integrations, or one of these as rows name it.
    pub receiver: Option<&'a str>,
    /// Kinds; empty: all.
    pub kinds: &'a [TimelineKind],
    /// At most so many, the newest; 0: all.
    pub limit: usize,
}

impl TimelineQuery<'_> {
    /// Whether a row is wanted, the limit aside.
    #[must_use]
    pub fn takes(&self, row: &TimelineRow) -> bool {
        self.range.is_none_or(|range| range.contains(row.time_ms))
            && (self.kinds.is_empty() || self.kinds.contains(&row.kind))
            && self
                .receiver
                .is_none_or(|name| is_of_receiver(&row.receiver, name))
            && self
                .fingerprint
                .is_none_or(|fingerprint| fingerprint == row.fingerprint())
            && self
                .matchers
                .iter()
                .all(|m| m.matches(row.labels.get(&m.name).unwrap_or("")))
    }
}

/// Whether who is named in a row is a receiver, or an integration of it such as `team/webhook[0]`.
fn is_of_receiver(told: &str, name: &str) -> bool {
    told.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Keeps rows.
pub trait Timeline: Send + Sync + Debug {
    /// Appends rows, in the order in which they happened. What returned survives the death of the
    /// process.
    ///
    /// # Errors
    /// Where the disk fails.
    fn append(&self, rows: &[TimelineRow]) -> Result<(), StorageError>;

    /// Rows that satisfy a question, newest first; of the same time, the later appended first.
    ///
    /// # Errors
    /// Where rows cannot be read at all; damaged ones are left out and counted.
    fn query(&self, query: &TimelineQuery<'_>) -> Result<Vec<TimelineRow>, StorageError>;

    /// What was appended last, without a look at the disk: for those who follow along. `None`: the
    /// timeline does not hold it.
    fn tail(&self, _after: u64) -> Option<Tail> {
        None
    }
}

/// Rows that were appended since somebody asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    /// The rows behind the one that was asked for, in the order in which they were appended.
    pub rows: Vec<TimelineRow>,
    /// How many rows have been appended since the start: the number of the last one.
    pub number: u64,
    /// Whether rows between are not held any more.
    pub is_cut: bool,
}

/// The rows that were appended last, for [`Timeline::tail`].
#[derive(Debug, Default)]
pub struct RecentRows {
    rows: VecDeque<TimelineRow>,
    number: u64,
}

/// Rows that [`RecentRows`] holds. Chosen: a storm of alerts within the second in which somebody asks again, and a
/// megabyte.
pub const RECENT_ROWS_MAX: usize = 4_096;

impl RecentRows {
    /// Takes rows that were appended.
    pub fn add(&mut self, rows: &[TimelineRow]) {
        self.number += rows.len() as u64;
        let newest = rows.len().saturating_sub(RECENT_ROWS_MAX);
        self.rows.extend(rows.iter().skip(newest).cloned());
        let over = self.rows.len().saturating_sub(RECENT_ROWS_MAX);
        self.rows.drain(..over);
    }

    /// The rows behind the one of a number; of a number that was never given, none.
    #[must_use]
    pub fn after(&self, number: u64) -> Tail {
        let wanted = usize::try_from(self.number.saturating_sub(number)).unwrap_or(usize::MAX);
        let skipped = self.rows.len().saturating_sub(wanted);
        Tail {
            rows: self.rows.iter().skip(skipped).cloned().collect(),
            number: self.number,
            is_cut: wanted > self.rows.len(),
        }
    }
}

/// The slow, obvious [`Timeline`], for tests and for machines that run over history.
#[derive(Debug, Default)]
pub struct MemoryTimeline {
    rows: Mutex<Vec<TimelineRow>>,
    recent: Mutex<RecentRows>,
}

impl Timeline for MemoryTimeline {
    fn append(&self, rows: &[TimelineRow]) -> Result<(), StorageError> {
        self.rows.lock().extend_from_slice(rows);
        self.recent.lock().add(rows);
        Ok(())
    }

    fn tail(&self, after: u64) -> Option<Tail> {
        Some(self.recent.lock().after(after))
    }

    fn query(&self, query: &TimelineQuery<'_>) -> Result<Vec<TimelineRow>, StorageError> {
        let rows = self.rows.lock();
        let mut found: Vec<TimelineRow> = rows
            .iter()
            .rev()
            .filter(|row| query.takes(row))
            .cloned()
            .collect();
        // Stable, so that of the same time the later appended stays first.
        found.sort_by_key(|row| std::cmp::Reverse(row.time_ms));
        if query.limit > 0 {
            found.truncate(query.limit);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time_ms: i64, kind: TimelineKind, name: &str, receiver: &str) -> TimelineRow {
        TimelineRow {
            time_ms,
            kind,
            labels: Labels::from_pairs([("alertname", name)]),
            cause: String::new(),
            receiver: receiver.to_owned(),
            group: String::new(),
            detail: String::new(),
        }
    }

    #[test]
    fn who_follows_gets_each_row_once() {
        let timeline = MemoryTimeline::default();
        let append = |from: i64, count: i64| {
            let rows =
                (from..from + count).map(|time_ms| row(time_ms, TimelineKind::Firing, "A", ""));
            timeline.append(&rows.collect::<Vec<_>>()).unwrap();
        };
        let tail = |after: u64| {
            let tail = timeline.tail(after).unwrap();
            let first_ms = tail.rows.first().map(|row| row.time_ms);
            (first_ms, tail.rows.len(), tail.number, tail.is_cut)
        };
        assert_eq!(tail(0), (None, 0, 0, false));
        append(1, 3);
        assert_eq!(tail(0), (Some(1), 3, 3, false));
        assert_eq!(tail(2), (Some(3), 1, 3, false));
        assert_eq!(tail(3), (None, 0, 3, false));
        assert_eq!(tail(9), (None, 0, 3, false));
        let max = RECENT_ROWS_MAX as i64;
        append(4, max + 2);
        let all = max as u64 + 5;
        assert_eq!(tail(0), (Some(6), RECENT_ROWS_MAX, all, true));
        assert_eq!(tail(5), (Some(6), RECENT_ROWS_MAX, all, false));
        append(max + 6, 1);
        assert_eq!(tail(all), (Some(max + 6), 1, all + 1, false));
    }

    #[test]
    fn rows_are_found_newest_first() {
        let timeline = MemoryTimeline::default();
        let rows = [
            row(1, TimelineKind::Pending, "A", ""),
            row(2, TimelineKind::Firing, "A", ""),
            row(2, TimelineKind::Notified, "A", "team"),
            row(3, TimelineKind::Firing, "B", ""),
        ];
        timeline.append(&rows).unwrap();
        let times = |query: &TimelineQuery<'_>| {
            let rows = timeline.query(query).unwrap();
            rows.iter()
                .map(|row| (row.time_ms, row.kind.as_str()))
                .collect::<Vec<_>>()
        };
        let all = TimelineQuery::default();
        assert_eq!(
            times(&all),
            [
                (3, "firing"),
                (2, "notified"),
                (2, "firing"),
                (1, "pending")
            ]
        );
        assert_eq!(
            times(&TimelineQuery {
                limit: 1,
                ..all.clone()
            }),
            [(3, "firing")]
        );
        let team = TimelineQuery {
            receiver: Some("team"),
            ..all.clone()
        };
        assert_eq!(times(&team), [(2, "notified")]);
        let kinds = [TimelineKind::Firing];
        let firing = TimelineQuery {
            range: Some(TimeRange::new(0, 2)),
            kinds: &kinds,
            ..all
        };
        assert_eq!(times(&firing), [(2, "firing")]);
    }

    #[test]
    fn words_read_back() {
        for kind in TimelineKind::ALL {
            assert_eq!(TimelineKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(TimelineKind::parse("other"), None);
    }

    #[test]
    fn a_receiver_is_all_its_integrations() {
        let check = |told: &str, name: &str, is: bool| {
            assert_eq!(is_of_receiver(told, name), is, "{told} {name}");
        };
        check("team/webhook[0]", "team", true);
        check("team/webhook[0]", "team/webhook[0]", true);
        check("team", "team", true);
        check("teams/webhook[0]", "team", false);
        check("", "team", false);
        check("tea", "team", false);
    }
}
