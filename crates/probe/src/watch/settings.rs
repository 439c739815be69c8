//! What is probed again and again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_health::{EntityId, EntityKind, Thresholds};

use crate::Module;
use crate::module::Prober;

/// Bytes of the name of a probe. Chosen: it is a label and part of a line.
pub const NAME_BYTES_MAX: usize = 100;
/// The shortest time between two checks.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// The longest time between two checks.
pub const INTERVAL_MAX: Duration = Duration::from_secs(86_400);
/// The most checks in a row that a threshold may ask for.
pub const THRESHOLD_MAX: u32 = 1_000;

/// One target that is looked after with one module.
#[derive(Clone)]
pub struct ProbeSettings {
    /// Its name, unique among probes: 1 to [`NAME_BYTES_MAX`] letters, digits, `_`, `-`, `.`, `:` and `/`.
    pub name: String,
    /// What the module is called.
    pub module_name: String,
    /// How it is probed.
    pub module: Arc<Module>,
    /// What is probed. Empty where the module says it itself (processes, commands, servers over standard input).
    pub target: String,
    /// Time from the beginning of one check to that of the next, [`INTERVAL_MIN`] to [`INTERVAL_MAX`].
    pub interval: Duration,
    /// How long a check may take; not longer than the interval. The module may say less.
    pub timeout: Duration,
    /// Checks in a row that change the state, 1 to [`THRESHOLD_MAX`] each. The very first check decides alone.
    pub thresholds: Thresholds,
    /// Names of other probes that explain this one where they are as bad. Never in a circle.
    pub depends_on: Vec<String>,
    /// The entity that it tells of.
    pub entity: EntityId,
    /// Further labels of its series.
    pub labels: Vec<(String, String)>,
    /// How the public status page shows it. None: not at all.
    pub public: Option<PublicSettings>,
    /// A text that changes when anything above does: where it is the same at a reload, the probe goes on.
    pub fingerprint: String,
}

/// How strangers see a probe: without target, reason and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSettings {
    /// What it is called there.
    pub title: String,
    /// What it stands under there; may be empty.
    pub group: String,
}

/// A time in which something is worked on: its probes go on, but nobody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceSettings {
    /// What is shown of it.
    pub reason: String,
    /// Names of probes; a `*` stands for any characters.
    pub probes: Vec<String>,
    /// When it begins, ms since 1970.
    pub start_ms: i64,
    /// When it ends, ms since 1970; after its beginning.
    pub end_ms: i64,
    /// After how long it comes again, in ms; at least its length. None: it does not.
    pub every_ms: Option<i64>,
}

impl MaintenanceSettings {
    /// Whether it is under way for a probe at this time.
    #[must_use]
    pub fn covers(&self, probe: &str, now_ms: i64) -> bool {
        let is_on = self.next(now_ms).is_some_and(|(start, _)| start <= now_ms);
        is_on && self.is_of(probe)
    }

    /// Whether it is of a probe, at any time.
    #[must_use]
    pub fn is_of(&self, probe: &str) -> bool {
        self.probes.iter().any(|pattern| matches(pattern, probe))
    }

    /// When the one that is under way begins and ends, or else the next one, ms since 1970; `None` if all is over.
    #[must_use]
    pub fn next(&self, now_ms: i64) -> Option<(i64, i64)> {
        let over_ms = now_ms.saturating_sub(self.end_ms);
        if over_ms < 0 {
            return Some((self.start_ms, self.end_ms));
        }
        let every_ms = self.every_ms?.max(1);
        let shift_ms = (over_ms / every_ms + 1).checked_mul(every_ms)?;
        let start_ms = self.start_ms.checked_add(shift_ms)?;
        Some((start_ms, self.end_ms.checked_add(shift_ms)?))
    }
}

/// Whether a name is as a pattern says, whose `*` stand for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// Without target and module, which may hold what is secret.
impl fmt::Debug for ProbeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeSettings")
            .field("name", &self.name)
            .field("module_name", &self.module_name)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .field("depends_on", &self.depends_on)
            .field("entity", &self.entity)
            .finish_non_exhaustive()
    }
}

/// Two are the same where nothing that they are made of differs.
impl PartialEq for ProbeSettings {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl ProbeSettings {
    /// The kind of entity that a prober mostly tells of.
    #[must_use]
    pub fn usual_kind(prober: &Prober) -> EntityKind {
        match prober {
            Prober::WebSocket(_) | Prober::Mcp(_) => EntityKind::Daemon,
            Prober::Llm(_) => EntityKind::Provider,
            Prober::Postgres(_) | Prober::Redis(_) => EntityKind::Database,
            Prober::Icmp(_) => EntityKind::Host,
            Prober::Http(_)
            | Prober::Tcp(_)
            | Prober::Unix(_)
            | Prober::Dns(_)
            | Prober::Grpc(_)
            | Prober::Process(_)
            | Prober::Command(_) => EntityKind::Service,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let check =
            |pattern, name, want| assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        check("db", "db", true);
        check("db", "db2", false);
        check("db*", "db2", true);
        check("*", "", true);
        check("*b*b", "ab", false);
        check("*b*b", "abcb", true);
        check("a*c", "abc", true);
        check("a*a", "a", false);
        check("", "a", false);
    }

    #[test]
    fn maintenance_comes_again() {
        let window = |every_ms| MaintenanceSettings {
            reason: "backup".to_owned(),
            probes: vec!["db-*".to_owned()],
            start_ms: 1_000,
            end_ms: 1_100,
            every_ms,
        };
        let check = |every_ms, probe, now_ms, want| {
            assert_eq!(
                window(every_ms).covers(probe, now_ms),
                want,
                "{probe} {now_ms}"
            );
        };
        check(None, "db-1", 999, false);
        check(None, "db-1", 1_000, true);
        check(None, "db-1", 1_100, false);
        check(None, "web", 1_000, false);
        check(Some(500), "db-1", 500, false);
        check(Some(500), "db-1", 1_550, true);
        check(Some(500), "db-1", 1_600, false);
        check(Some(100), "db-1", 1_600, true);
    }

    #[test]
    fn the_next_time_is_the_one_under_way_or_the_first_ahead() {
        let check = |every_ms, now_ms, want| {
            let window = MaintenanceSettings {
                reason: String::new(),
                probes: Vec::new(),
                start_ms: 1_000,
                end_ms: 1_100,
                every_ms,
            };
            assert_eq!(window.next(now_ms), want, "{every_ms:?} {now_ms}");
        };
        check(None, i64::MIN, Some((1_000, 1_100)));
        check(None, 1_099, Some((1_000, 1_100)));
        check(None, 1_100, None);
        check(Some(500), 1_100, Some((1_500, 1_600)));
        check(Some(500), 1_550, Some((1_500, 1_600)));
        check(Some(500), 1_600, Some((2_000, 2_100)));
        check(Some(500), i64::MAX, None);
    }
}
