//! One alert of a rule, and how it moves on.

use bellwether_model::Labels;
use bellwether_storage::TimelineKind;

use super::AlertingRule;

/// A resolved alert is remembered for so long, ms: its end is said again to whoever has not heard it.
const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// The condition holds, not yet for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It fired, and does no more.
    Resolved,
}

impl AlertState {
    /// The word for it in the API and in series.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "inactive",
        }
    }
}

/// After a restart: until when the absence of an alert's condition says nothing, since what it is
/// computed from may not have been collected again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// The first evaluation after the restart, ms.
    pub since_ms: i64,
    /// From when on absence counts, ms.
    pub until_ms: i64,
}

/// An alert of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveAlert {
    /// Texts for people.
    pub annotations: Labels,
    /// The value at the last evaluation at which the condition held.
    pub value: f64,
    /// Where it stands.
    pub state: AlertState,
    /// Since when the condition holds, ms.
    pub active_at_ms: i64,
    /// When it began to fire, ms.
    pub fired_at_ms: Option<i64>,
    /// Since when it fires without its condition, ms.
    pub keep_firing_since_ms: Option<i64>,
    /// When it ended, ms.
    pub resolved_at_ms: Option<i64>,
    /// When it was last sent, ms.
    pub last_sent_ms: Option<i64>,
    /// Whether it waits for its condition to be seen again after a restart. Not kept.
    pub settling: Option<Settling>,
}

/// What is worth keeping of an alert, so that a change can be told.
pub(super) type Lasting = (AlertState, i64, [Option<i64>; 3]);

impl ActiveAlert {
    /// An alert whose condition begins to hold.
    #[must_use]
    pub fn pending(annotations: Labels, value: f64, now_ms: i64) -> Self {
        Self {
            annotations,
            value,
            state: AlertState::Pending,
            active_at_ms: now_ms,
            fired_at_ms: None,
            keep_firing_since_ms: None,
            resolved_at_ms: None,
            last_sent_ms: None,
            settling: None,
        }
    }

    /// Whether it is pending or fires.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state != AlertState::Resolved
    }

    pub(super) fn lasting(&self) -> Lasting {
        let times = [
            self.fired_at_ms,
            self.keep_firing_since_ms,
            self.resolved_at_ms,
        ];
        (self.state, self.active_at_ms, times)
    }

    /// Moves on to another time. Gives whether the alert is remembered.
    pub(super) fn step(
        &mut self,
        rule: AlertingRule,
        holds: bool,
        now_ms: i64,
        mut tell: impl FnMut(TimelineKind, String),
    ) -> bool {
        if holds {
            self.keep_firing_since_ms = None;
            if let Some(settling) = self.settling.take()
                && self.state == AlertState::Pending
            {
                // The condition may not have held while it was not seen.
                let unseen_ms = now_ms.saturating_sub(settling.since_ms).max(0);
                self.active_at_ms = self.active_at_ms.saturating_add(unseen_ms);
            }
        } else if self.is_live() && self.settling.is_some_and(|s| now_ms < s.until_ms) {
            return true;
        } else if !self.fires_on(rule, now_ms) {
            return self.end(now_ms, tell);
        }
        let active_ms = now_ms.saturating_sub(self.active_at_ms);
        if self.state == AlertState::Pending && active_ms >= rule.for_ms {
            self.state = AlertState::Firing;
            self.fired_at_ms = Some(now_ms);
            tell(TimelineKind::Firing, format!("value {}", self.value));
        } else if self.state == AlertState::Firing && active_ms < rule.for_ms {
            // The rule has a longer `for` than it had.
            self.state = AlertState::Pending;
            self.fired_at_ms = None;
            self.last_sent_ms = None;
            self.keep_firing_since_ms = None;
            tell(
                TimelineKind::Pending,
                format!("value {}; `for` is longer now", self.value),
            );
        }
        true
    }

    /// Whether it fires though its condition is gone.
    fn fires_on(&mut self, rule: AlertingRule, now_ms: i64) -> bool {
        if self.state != AlertState::Firing || rule.keep_firing_for_ms <= 0 {
            return false;
        }
        let since_ms = *self.keep_firing_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) < rule.keep_firing_for_ms
    }

    fn end(&mut self, now_ms: i64, mut tell: impl FnMut(TimelineKind, String)) -> bool {
        match self.state {
            AlertState::Pending => {
                tell(TimelineKind::Dropped, "the condition is gone".to_owned());
                return false;
            }
            AlertState::Firing => {
                self.state = AlertState::Resolved;
                self.resolved_at_ms = Some(now_ms);
                tell(TimelineKind::Resolved, "the condition is gone".to_owned());
            }
            AlertState::Resolved => {}
        }
        self.resolved_at_ms
            .is_none_or(|at| now_ms.saturating_sub(at) <= RESOLVED_RETENTION_MS)
    }

    pub(super) fn needs_sending(&self, now_ms: i64, resend_ms: i64) -> bool {
        match (self.state, self.last_sent_ms) {
            (AlertState::Pending, _) => false,
            (_, None) => true,
            (_, Some(sent)) => {
                self.resolved_at_ms.is_some_and(|at| at > sent)
                    || sent.saturating_add(resend_ms) < now_ms
            }
        }
    }
}
