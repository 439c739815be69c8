//! What the machine asks for: notifications to be sent, and what has to be made durable before.

use bellwether_model::{Alert, Labels};
use bellwether_storage::{StateChange, TimelineRow};

use crate::notification_log::Reason;
use crate::replica::Entry;

/// A delivery's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// A notification to be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What its outcome is told by.
    pub id: DeliveryId,
    /// What the receiver knows the group by.
    pub group_key: String,
    /// The labels that the group's alerts have in common by the route's wish.
    pub group_labels: Labels,
    /// Labels of the route for templates.
    pub route_labels: Vec<(String, String)>,
    /// The receiver.
    pub receiver: String,
    /// The integration's position in the receiver.
    pub integration: usize,
    /// What it is, such as `webhook`.
    pub kind: String,
    /// The alerts, in order; those that fire have no end.
    pub alerts: Vec<Alert>,
    /// Why it is sent.
    pub reason: Reason,
    /// When it became due, ms.
    pub time_ms: i64,
    /// When trying has to stop, ms.
    pub deadline_ms: i64,
    /// The fencing token under which it is sent.
    pub token: u64,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it; its answer, in short.
    Delivered(String),
    /// It was given up; the last error.
    Failed(String),
}

/// What must be made durable.
#[derive(Debug, Default)]
pub struct Effects {
    /// Changes of state, by area, in order.
    pub changes: Vec<(&'static str, StateChange)>,
    /// Rows of the timeline, in order.
    pub rows: Vec<TimelineRow>,
    /// What other replicas must know, in order.
    pub shared: Vec<Entry>,
}
