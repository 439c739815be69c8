//! All that the configuration says of notifications.

use std::collections::BTreeMap;

use crate::inhibit::InhibitRule;
use crate::interval::TimeInterval;
use crate::route::{Route, RouteSettings, RouteTree};

/// How an integration of a receiver is to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// What it is, such as `webhook`.
    pub kind: String,
    /// Whether it is told that alerts have ended.
    pub send_resolved: bool,
}

/// All that the configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where alerts go.
    pub routes: RouteTree,
    /// Which alerts inhibit which.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Named times; a name holds where one of its intervals does.
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// Integrations by receiver.
    pub receivers: BTreeMap<String, Vec<Integration>>,
}

impl Plan {
    /// One receiver, called `default`, that tells nobody: for a server without a configuration of
    /// notifications, whose alerts can be looked at all the same.
    #[must_use]
    pub fn to_nobody() -> Self {
        let receiver = "default".to_owned();
        Self {
            routes: RouteTree::new(&RouteSettings {
                receiver: Some(receiver.clone()),
                ..RouteSettings::default()
            }),
            inhibit_rules: Vec::new(),
            time_intervals: BTreeMap::new(),
            receivers: [(receiver, Vec::new())].into(),
        }
    }

    /// What an integration of a receiver is called: its kind, and its place among those of its kind,
    /// so that a new neighbour of another kind does not make it somebody else.
    #[must_use]
    pub fn integration_name(&self, receiver: &str, position: usize) -> String {
        let list = self.receivers.get(receiver).map(Vec::as_slice);
        let (before, rest) = list
            .unwrap_or_default()
            .split_at_checked(position)
            .unwrap_or_default();
        let kind = rest.first().map_or("gone", |integration| &integration.kind);
        let same = before.iter().filter(|other| other.kind == kind).count();
        format!("{kind}[{same}]")
    }

    /// Whether a named time holds at a time; one that is not known never does.
    #[must_use]
    pub fn holds(&self, time_interval: &str, time_ms: i64) -> bool {
        let intervals = self.time_intervals.get(time_interval);
        intervals.is_some_and(|list| list.iter().any(|interval| interval.contains(time_ms)))
    }

    /// Whether a route may not send at a time because none of its active times holds.
    #[must_use]
    pub fn is_outside_active(&self, route: &Route, time_ms: i64) -> bool {
        let mut active = route.active_time_intervals.iter();
        !route.active_time_intervals.is_empty() && !active.any(|name| self.holds(name, time_ms))
    }

    /// Names of the time intervals that keep a route from sending at a time.
    #[must_use]
    pub fn muted_by(&self, route: &Route, now_ms: i64) -> Vec<String> {
        if self.is_outside_active(route, now_ms) {
            return route.active_time_intervals.clone();
        }
        route
            .mute_time_intervals
            .iter()
            .filter(|name| self.holds(name, now_ms))
            .cloned()
            .collect()
    }
}
