//! The timeline as series: how often what has happened to which alerts.
//!
//! ## Model
//! [`CountedTimeline`] stands around the timeline and counts the rows that it took, by name and
//! severity of the alert, kind and receiver. The counts are among the metrics of the server, from
//! where a scrape job brings them into the store.
//!
//! ## Invariants
//! A counter of an alert that a rule may give is there, at 0, before the alert is: `increase` sees the
//! first time too. Counts are those since the start of the process.
//!
//! ## Limits
//! [`SERIES_MAX`] series; what comes after them counts as [`OTHER`], each kind by itself. Names and
//! severities may come from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::ALERT_NAME;
use bellwether_rules::{GroupSettings, RuleSettings};
use bellwether_storage::{StorageError, Tail, Timeline, TimelineKind, TimelineQuery, TimelineRow};
use bellwether_telemetry::Registry;
use parking_lot::Mutex;

/// Chosen: two thousand alerting rules with their first two kinds, and what their notifications add.
const SERIES_MAX: usize = 5_000;
/// Series that are made before there is something to count. The rest is for what happens.
const EXPECTED_MAX: usize = SERIES_MAX / 5 * 4;
/// The name under which the alerts are counted that are too many.
const OTHER: &str = "other";

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    alert: String,
    /// Empty: the alert has none.
    severity: String,
    kind: TimelineKind,
    /// Empty: nobody is told.
    receiver: String,
}

/// The counts. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transitions(Arc<Mutex<BTreeMap<Key, u64>>>);

impl Transitions {
    /// Puts the counts among the metrics of the server.
    pub(crate) fn register(&self, registry: &Registry) {
        let counts = Arc::clone(&self.0);
        registry.add_collector(move |sink| {
            for (key, count) in counts.lock().iter() {
                let labels = [
                    ("alertname", key.alert.as_str()),
                    ("severity", key.severity.as_str()),
                    ("kind", key.kind.as_str()),
                    ("receiver", key.receiver.as_str()),
                ];
                let labels: Vec<(&str, &str)> = labels
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty())
                    .collect();
                sink.counter(
                    "bellwether_alert_transitions_total",
                    "What has happened to alerts, as the timeline has it, since the start. The alert \
                     other stands for all that are too many.",
                    &labels,
                    *count as f64,
                );
            }
        });
    }

    /// Makes the series of the alerts that rules may give.
    pub(crate) fn expect<'a>(&self, groups: impl IntoIterator<Item = &'a GroupSettings>) {
        let mut counts = self.0.lock();
        for group in groups {
            for rule in group.rules.iter().filter(|rule| rule.is_alert()) {
                // What a template gives is known when there is an alert.
                let severity = severity(group, rule);
                if severity.contains("{{") {
                    continue;
                }
                for kind in [TimelineKind::Firing, TimelineKind::Resolved] {
                    if counts.len() >= EXPECTED_MAX {
                        return;
                    }
                    let key = Key {
                        alert: rule.name().to_owned(),
                        severity: severity.to_owned(),
                        kind,
                        receiver: String::new(),
                    };
                    counts.entry(key).or_default();
                }
            }
        }
    }

    fn count(&self, rows: &[TimelineRow]) {
        let mut counts = self.0.lock();
        for row in rows {
            let label = |name: &str| row.labels.get(name).unwrap_or_default().to_owned();
            let key = Key {
                alert: label(ALERT_NAME),
                severity: label("severity"),
                kind: row.kind,
                receiver: row.receiver.clone(),
            };
            if let Some(count) = counts.get_mut(&key) {
                *count += 1;
                continue;
            }
            let key = if counts.len() < SERIES_MAX {
                key
            } else {
                Key {
                    alert: OTHER.to_owned(),
                    severity: String::new(),
                    kind: row.kind,
                    receiver: String::new(),
                }
            };
            *counts.entry(key).or_default() += 1;
        }
    }
}

/// The severity of a rule's alerts, as far as it is written; empty where there is none.
fn severity<'a>(group: &'a GroupSettings, rule: &'a RuleSettings) -> &'a str {
    let mut labels = rule.labels.iter().chain(&group.labels);
    let found = labels.find(|(name, _)| name == "severity");
    found.map_or("", |(_, value)| value)
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct CountedTimeline {
    timeline: Arc<dyn Timeline>,
    transitions: Transitions,
}

impl CountedTimeline {
    pub(crate) fn new(timeline: Arc<dyn Timeline>, transitions: Transitions) -> Self {
        Self {
            timeline,
            transitions,
        }
    }
}

impl Timeline for CountedTimeline {
    fn append(&self, rows: &[TimelineRow]) -> Result<(), StorageError> {
        self.timeline.append(rows)?;
        self.transitions.count(rows);
        Ok(())
    }

    fn query(&self, query: &TimelineQuery<'_>) -> Result<Vec<TimelineRow>, StorageError> {
        self.timeline.query(query)
    }

    fn tail(&self, after: u64) -> Option<Tail> {
        self.timeline.tail(after)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bellwether_config::{RuleOptions, load_rules_text};
    use bellwether_model::Labels;
    use bellwether_storage::MemoryTimeline;
    use bellwether_telemetry::Format;

    use super::*;

    fn row(labels: &[(&str, &str)], kind: TimelineKind, receiver: &str) -> TimelineRow {
        TimelineRow {
            time_ms: 0,
            kind,
            labels: Labels::from_pairs(labels.iter().copied()),
            cause: String::new(),
            receiver: receiver.to_owned(),
            group: String::new(),
            detail: String::new(),
        }
    }

    /// The timeline and what is shown of it, a line a series.
    fn fixture() -> (CountedTimeline, Transitions, impl Fn() -> Vec<String>) {
        let (registry, transitions) = (Registry::new(), Transitions::default());
        transitions.register(&registry);
        let timeline = CountedTimeline::new(Arc::<MemoryTimeline>::default(), transitions.clone());
        let shown = move || {
            let text = registry.render(Format::Prometheus);
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let name = "bellwether_alert_transitions_total";
            lines
                .filter_map(|line| Some(line.strip_prefix(name)?.to_owned()))
                .collect()
        };
        (timeline, transitions, shown)
    }

    #[test]
    fn rows_are_counted_by_alert_severity_kind_and_receiver() {
        let (timeline, transitions, shown) = fixture();
        let rules = "groups: [{name: g, labels: {severity: info}, rules: [
            {alert: Slow, expr: 1, labels: {severity: critical}}, {alert: Up, expr: 1},
            {alert: Odd, expr: 1, labels: {severity: '{{ $value }}'}}, {record: r, expr: 1}]}]";
        let rules = load_rules_text(rules, Path::new("r"), &RuleOptions::default()).unwrap();
        transitions.expect(&rules.groups);
        let zeros = shown();
        assert_eq!(
            zeros,
            [
                r#"{alertname="Slow",severity="critical",kind="firing"} 0"#,
                r#"{alertname="Slow",severity="critical",kind="resolved"} 0"#,
                r#"{alertname="Up",severity="info",kind="firing"} 0"#,
                r#"{alertname="Up",severity="info",kind="resolved"} 0"#,
            ]
        );
        let slow = [
            ("alertname", "Slow"),
            ("severity", "critical"),
            ("host", "a"),
        ];
        let rows = [
            row(&slow, TimelineKind::Firing, ""),
            row(&slow, TimelineKind::Notified, "team"),
            row(&[("host", "b")], TimelineKind::Firing, ""),
        ];
        timeline.append(&rows).unwrap();
        timeline.append(&rows[..1]).unwrap();
        // A reload changes no count.
        transitions.expect(&rules.groups);
        let counted = shown();
        assert_eq!(counted.len(), 6, "{counted:?}");
        for line in [
            r#"{alertname="Slow",severity="critical",kind="firing"} 2"#,
            r#"{alertname="Slow",severity="critical",kind="notified",receiver="team"} 1"#,
            r#"{kind="firing"} 1"#,
        ] {
            assert!(counted.contains(&line.to_owned()), "{line}: {counted:?}");
        }
        let query = TimelineQuery::default();
        assert_eq!(timeline.query(&query).unwrap().len(), 4);
    }

    #[test]
    fn names_from_outside_do_not_grow_without_bound() {
        let (timeline, _, shown) = fixture();
        for n in 0..SERIES_MAX + 100 {
            let name = n.to_string();
            let labels = [("alertname", name.as_str())];
            timeline
                .append(&[row(&labels, TimelineKind::Firing, "")])
                .unwrap();
            timeline
                .append(&[row(&labels, TimelineKind::Notified, &name)])
                .unwrap();
        }
        let counted = shown();
        assert_eq!(counted.len(), SERIES_MAX + 2);
        let others = counted.iter().filter(|line| line.contains(r#""other""#));
        let others: Vec<&String> = others.collect();
        let each = SERIES_MAX / 2 + 100;
        assert_eq!(
            others,
            [
                &format!(r#"{{alertname="other",kind="firing"}} {each}"#),
                &format!(r#"{{alertname="other",kind="notified"}} {each}"#),
            ]
        );
    }
}
