//! The last events, for `/state`.

use std::collections::VecDeque;

use bellwether_sdk::{Event, Sink};
use parking_lot::Mutex;

use super::state::RecentEvent;

/// Events that are kept. Chosen.
const EVENTS_MAX: usize = 100;
/// Events that tell how the daemon is; those of single requests would push them out.
const NAMES: [&str; 4] = [
    "pool_scaled",
    "breaker_changed",
    "health_changed",
    "fault_began",
];

/// Keeps the last events of the whole daemon.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<RecentEvent>>);

impl Recent {
    /// The oldest first.
    pub(super) fn all(&self) -> Vec<RecentEvent> {
        self.0.lock().iter().cloned().collect()
    }
}

impl Sink for Recent {
    fn take(&self, event: &Event<'_>) {
        if !NAMES.contains(&event.name) {
            return;
        }
        let mut events = self.0.lock();
        if events.len() >= EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(RecentEvent {
            time_ms: event.time_ms,
            level: event.level.as_str(),
            event: event.name.to_owned(),
            payload: event.payload.clone(),
        });
    }
}
