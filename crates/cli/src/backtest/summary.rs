//! What became of an alert, in a line.

use std::collections::BTreeMap;

use bellwether_rules::backtest::{Episode, RuleHistory};

use super::Pass;

/// The times of all episodes of alerts of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) fired: usize,
    /// Pending without firing.
    pub(super) pending: usize,
    /// Alerts side by side count each.
    pub(super) firing_ms: i64,
    pub(super) longest_ms: i64,
    /// Notifications that hold one of the alerts; `None`: nobody asked.
    pub(super) notifications: Option<usize>,
}

impl Summary {
    fn add(&mut self, episode: &Episode, to_ms: i64) {
        let Some(firing_ms) = episode.firing_ms(to_ms) else {
            self.pending += 1;
            return;
        };
        self.fired += 1;
        self.firing_ms = self.firing_ms.saturating_add(firing_ms);
        self.longest_ms = self.longest_ms.max(firing_ms);
    }
}

/// All alerts by name.
pub(super) fn by_alert(pass: &Pass, to_ms: i64) -> BTreeMap<&str, Summary> {
    let mut summaries: BTreeMap<&str, Summary> = BTreeMap::new();
    for history in alerts(&pass.histories) {
        let summary = summaries.entry(&history.rule).or_default();
        for episode in &history.episodes {
            summary.add(episode, to_ms);
        }
    }
    let Some(replay) = &pass.replay else {
        return summaries;
    };
    for summary in summaries.values_mut() {
        summary.notifications = Some(0);
    }
    for notification in &replay.notifications {
        let mut names: Vec<&str> = notification
            .rules
            .iter()
            .filter_map(|index| pass.histories.get(*index))
            .map(|history| history.rule.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if let Some(count) = summaries
                .get_mut(name)
                .and_then(|summary| summary.notifications.as_mut())
            {
                *count += 1;
            }
        }
    }
    summaries
}

/// The alerting rules.
pub(super) fn alerts(histories: &[RuleHistory]) -> impl Iterator<Item = &RuleHistory> {
    histories.iter().filter(|history| history.is_alert)
}
