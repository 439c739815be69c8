//! The alerts that wait for one Alertmanager.

use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_model::Alert;

/// A bounded queue in which the oldest give way.
#[derive(Debug)]
pub(super) struct Queue {
    alerts: VecDeque<Arc<Alert>>,
    alerts_max: usize,
    /// Whether nothing more may come.
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(alerts_max: usize) -> Self {
        Self {
            alerts: VecDeque::new(),
            alerts_max: alerts_max.max(1),
            is_closed: false,
        }
    }

    /// Adds alerts. Gives how many were lost: the oldest, or all of these where it is closed.
    pub(super) fn push(&mut self, alerts: &[Arc<Alert>]) -> usize {
        if self.is_closed {
            return alerts.len();
        }
        let too_many = alerts.len().saturating_sub(self.alerts_max);
        let fitting = alerts.get(too_many..).unwrap_or_default();
        let over = (self.alerts.len() + fitting.len()).saturating_sub(self.alerts_max);
        self.alerts.drain(..over);
        self.alerts.extend(fitting.iter().cloned());
        too_many + over
    }

    /// Takes the oldest, at most so many.
    pub(super) fn take(&mut self, count_max: usize) -> Vec<Arc<Alert>> {
        let count = count_max.max(1).min(self.alerts.len());
        self.alerts.drain(..count).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::Labels;

    use super::*;

    fn alerts(times: std::ops::Range<i64>) -> Vec<Arc<Alert>> {
        let alert = |starts_ms| Alert {
            labels: Labels::empty(),
            annotations: Labels::empty(),
            starts_ms,
            ends_ms: None,
            times_out: false,
            updated_ms: 0,
            generator_url: String::new(),
        };
        times.map(|time| Arc::new(alert(time))).collect()
    }

    fn times(alerts: &[Arc<Alert>]) -> Vec<i64> {
        alerts.iter().map(|alert| alert.starts_ms).collect()
    }

    #[test]
    fn the_oldest_give_way() {
        let mut queue = Queue::new(3);
        assert_eq!(queue.push(&alerts(0..2)), 0);
        assert_eq!(queue.push(&alerts(2..4)), 1);
        assert_eq!(times(&queue.take(2)), [1, 2]);
        assert_eq!(queue.push(&alerts(4..9)), 3);
        assert_eq!((queue.len(), times(&queue.take(9))), (3, vec![6, 7, 8]));
        queue.close();
        assert_eq!((queue.push(&alerts(0..2)), queue.len()), (2, 0));
    }
}
