//! Two versions of rules, or of routes, over the same history.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::Labels;
use bellwether_rules::backtest::Episode;

use super::Pass;
use super::summary::{Summary, alerts, by_alert};

/// What is different about alerts of one name.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    pub(super) alert: &'a str,
    /// `None`: that version has no such alert.
    pub(super) before: Option<Summary>,
    pub(super) after: Option<Summary>,
    /// Episodes that fired, at no time of which the other version's alert with the same labels did.
    pub(super) only_before: Vec<&'a Episode>,
    pub(super) only_after: Vec<&'a Episode>,
}

impl Difference<'_> {
    /// Whether both versions give the same.
    pub(super) fn is_none(&self) -> bool {
        self.before == self.after && self.only_before.is_empty() && self.only_after.is_empty()
    }
}

/// Compares two passes up to a time, by the names of alerts.
pub(super) fn compare<'a>(before: &'a Pass, after: &'a Pass, to_ms: i64) -> Vec<Difference<'a>> {
    let (old, new) = (by_alert(before, to_ms), by_alert(after, to_ms));
    let names: BTreeSet<&'a str> = old.keys().chain(new.keys()).copied().collect();
    names
        .into_iter()
        .map(|alert| {
            let (was, is) = (fired(before, alert), fired(after, alert));
            Difference {
                alert,
                before: old.get(alert).cloned(),
                after: new.get(alert).cloned(),
                only_before: without_counterpart(&was, &is, to_ms),
                only_after: without_counterpart(&is, &was, to_ms),
            }
        })
        .collect()
}

/// Episodes that fired, by labels and time.
fn fired<'a>(pass: &'a Pass, alert: &str) -> BTreeMap<&'a Labels, Vec<&'a Episode>> {
    let mut found: BTreeMap<&Labels, Vec<&Episode>> = BTreeMap::new();
    for history in alerts(&pass.histories).filter(|history| history.rule == alert) {
        for episode in &history.episodes {
            if episode.fired_at_ms.is_some() {
                found.entry(&episode.labels).or_default().push(episode);
            }
        }
    }
    for episodes in found.values_mut() {
        episodes.sort_by_key(|episode| episode.fired_at_ms);
    }
    found
}

fn without_counterpart<'a>(
    own: &BTreeMap<&Labels, Vec<&'a Episode>>,
    other: &BTreeMap<&Labels, Vec<&'a Episode>>,
    to_ms: i64,
) -> Vec<&'a Episode> {
    let span = |episode: &Episode| {
        let from_ms = episode.fired_at_ms.unwrap_or(episode.active_at_ms);
        let firing_ms = episode.firing_ms(to_ms).unwrap_or(0);
        (from_ms, from_ms.saturating_add(firing_ms))
    };
    let mut alone = Vec::new();
    for (labels, episodes) in own {
        let others = other.get(labels).map_or(&[][..], Vec::as_slice);
        let mut next = 0;
        for episode in episodes {
            let (from_ms, to_ms) = span(episode);
            // Those of one rule do not overlap, so that what has ended before stays behind.
            while others
                .get(next)
                .is_some_and(|other| span(other).1 < from_ms)
            {
                next += 1;
            }
            let overlaps = others.get(next).is_some_and(|other| span(other).0 <= to_ms);
            if !overlaps {
                alone.push(*episode);
            }
        }
    }
    alone.sort_by_key(|episode| episode.fired_at_ms);
    alone
}
