//! Acknowledgements: somebody is on it, so nobody needs to hear of it again and again.
//!
//! ## Model
//! An [`Acknowledgement`] is of one alert. It hides nothing: the alert stays in lists, in groups and
//! in notifications about other alerts of its group, and its end is notified. It stops repeats only:
//! a group all of whose firing alerts are acknowledged is not notified again just because time has
//! passed. It ends at a time, when it is taken back, or with the alert.

use bellwether_model::Labels;

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The alert.
    pub labels: Labels,
    /// Who.
    pub by: String,
    /// Why, or empty.
    pub comment: String,
    /// When, ms.
    pub time_ms: i64,
    /// When it ends, ms; `None`: with the alert.
    pub until_ms: Option<i64>,
}

impl Acknowledgement {
    pub(crate) fn holds(&self, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}
