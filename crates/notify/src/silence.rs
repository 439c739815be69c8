//! Silences: what people do not want to hear of for a while.
//!
//! ## Model
//! A [`Silence`] covers the alerts whose labels satisfy all of its matchers, from its start to its
//! end. It is changed only where that does not rewrite what was: otherwise the old one ends and a
//! new one begins. Ended ones are kept for some days.
//!
//! ## Limits
//! [`MATCHERS_MAX`] matchers, [`BYTES_MAX`] bytes of text. An alert is compared with the silences
//! that name one of its label values, and with those that name none: a hundred thousand silences
//! of single alerts cost one look-up a label.

use std::collections::BTreeMap;

use bellwether_model::{Labels, MatchOp, Matcher, short};
use rustc_hash::FxHashMap;

/// Matchers that a silence may have. Chosen: people write a handful.
pub const MATCHERS_MAX: usize = 100;
/// Bytes that the texts of a silence may have together. Chosen: a long comment has a few thousand.
pub const BYTES_MAX: usize = 64 << 10;

/// Where a silence stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It holds.
    Active,
    /// It has ended.
    Expired,
}

impl SilenceState {
    /// The word for it in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// A silence.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// A UUID.
    pub id: String,
    /// All of them must hold.
    pub matchers: Vec<Matcher>,
    /// When it begins, ms, included.
    pub starts_ms: i64,
    /// When it ends, ms; not included.
    pub ends_ms: i64,
    /// When it was last changed, ms.
    pub updated_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Where it stands at a time.
    #[must_use]
    pub fn state(&self, now_ms: i64) -> SilenceState {
        if now_ms < self.starts_ms {
            SilenceState::Pending
        } else if now_ms < self.ends_ms {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }

    fn covers(&self, labels: &Labels) -> bool {
        self.matchers
            .iter()
            .all(|matcher| matcher.matches_labels(labels))
    }

    /// A label and value that every alert must have to be covered.
    fn anchor(&self) -> Option<(String, String)> {
        self.matchers
            .iter()
            .find(|m| m.op == MatchOp::Equal && !m.value.is_empty())
            .map(|m| (m.name.clone(), m.value.clone()))
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceRequest {
    /// The silence to change; empty: a new one.
    pub id: String,
    /// See [`Silence`].
    pub matchers: Vec<Matcher>,
    /// When it begins, ms; `None`: now.
    pub starts_ms: Option<i64>,
    /// When it ends, ms.
    pub ends_ms: i64,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Why a silence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SilenceError {
    /// There is none with this id.
    #[error("silence {:?} is not known", short(.0))]
    NotFound(String),
    /// It makes no sense.
    #[error("invalid silence: {0}")]
    Invalid(String),
}

/// All silences.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    by_id: BTreeMap<String, Silence>,
    /// Ids of those that have not ended, by a label and value that alerts need.
    anchored: FxHashMap<(String, String), Vec<String>>,
    /// Ids of the others that have not ended.
    free: Vec<String>,
}

impl Silences {
    /// Takes a silence as it is, as from disk.
    pub(crate) fn insert(&mut self, silence: Silence) {
        self.detach(&silence.id);
        match silence.anchor() {
            Some(anchor) => self
                .anchored
                .entry(anchor)
                .or_default()
                .push(silence.id.clone()),
            None => self.free.push(silence.id.clone()),
        }
        self.by_id.insert(silence.id.clone(), silence);
    }

    fn detach(&mut self, id: &str) {
        let Some(known) = self.by_id.get(id) else {
            return;
        };
        match known.anchor() {
            Some(anchor) => {
                if let Some(ids) = self.anchored.get_mut(&anchor) {
                    ids.retain(|other| other != id);
                    if ids.is_empty() {
                        self.anchored.remove(&anchor);
                    }
                }
            }
            None => self.free.retain(|other| other != id),
        }
    }

    /// Makes or changes a silence; `fresh_id` is for a new one. Gives those that are different now,
    /// the asked-for one last.
    pub(crate) fn set(
        &mut self,
        request: SilenceRequest,
        fresh_id: String,
        now_ms: i64,
    ) -> Result<Vec<Silence>, SilenceError> {
        let known = match request.id.as_str() {
            "" => None,
            id => Some(
                self.by_id
                    .get(id)
                    .cloned()
                    .ok_or_else(|| SilenceError::NotFound(id.to_owned()))?,
            ),
        };
        let mut wanted = Silence {
            id: request.id,
            matchers: request.matchers,
            starts_ms: request.starts_ms.unwrap_or(now_ms),
            ends_ms: request.ends_ms,
            updated_ms: now_ms,
            created_by: request.created_by,
            comment: request.comment,
        };
        check(&wanted)?;
        let mut changed = Vec::new();
        match known {
            Some(known) if can_change(&known, &wanted, now_ms) => {}
            known => {
                wanted.id = fresh_id;
                wanted.starts_ms = wanted.starts_ms.max(now_ms);
                if wanted.ends_ms <= now_ms {
                    return Err(SilenceError::Invalid(
                        "end time can't be in the past".to_owned(),
                    ));
                }
                if let Some(known) = known {
                    changed.extend(self.end(&known.id, now_ms));
                }
            }
        }
        self.insert(wanted.clone());
        changed.push(wanted);
        Ok(changed)
    }

    /// Ends a silence now. Gives it where that changed anything.
    pub(crate) fn expire(
        &mut self,
        id: &str,
        now_ms: i64,
    ) -> Result<Option<Silence>, SilenceError> {
        if !self.by_id.contains_key(id) {
            return Err(SilenceError::NotFound(id.to_owned()));
        }
        Ok(self.end(id, now_ms))
    }

    fn end(&mut self, id: &str, now_ms: i64) -> Option<Silence> {
        let mut silence = self.by_id.get(id)?.clone();
        match silence.state(now_ms) {
            SilenceState::Expired => return None,
            SilenceState::Active => {}
            // One that never began ends at its beginning.
            SilenceState::Pending => silence.starts_ms = now_ms,
        }
        silence.ends_ms = now_ms;
        silence.updated_ms = now_ms;
        self.insert(silence.clone());
        Some(silence)
    }

    /// Those that cover an alert now, by id.
    pub(crate) fn covering(&self, labels: &Labels, now_ms: i64) -> Vec<&Silence> {
        let anchored = labels
            .iter()
            .filter_map(|(name, value)| self.anchored.get(&(name.to_owned(), value.to_owned())));
        let ids = anchored.flatten().chain(&self.free);
        let mut found: Vec<&Silence> = ids
            .filter_map(|id| self.by_id.get(id))
            .filter(|s| s.state(now_ms) == SilenceState::Active && s.covers(labels))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_id.values()
    }

    /// When the next one begins or ends after a time.
    pub(crate) fn next_change(&self, now_ms: i64) -> Option<i64> {
        self.by_id
            .values()
            .flat_map(|s| [s.starts_ms, s.ends_ms])
            .filter(|&at| at > now_ms)
            .min()
    }

    /// Forgets those that ended before a time. Gives their ids.
    pub(crate) fn forget_ended(&mut self, before_ms: i64) -> Vec<String> {
        let gone: Vec<String> = self
            .by_id
            .values()
            .filter(|silence| silence.ends_ms < before_ms)
            .map(|silence| silence.id.clone())
            .collect();
        for id in &gone {
            self.detach(id);
            self.by_id.remove(id);
        }
        gone
    }
}

fn check(silence: &Silence) -> Result<(), SilenceError> {
    let invalid = |text: String| Err(SilenceError::Invalid(text));
    if silence.matchers.is_empty() {
        return invalid("at least one matcher required".to_owned());
    }
    if silence.matchers.len() > MATCHERS_MAX {
        let count = silence.matchers.len();
        return invalid(format!(
            "{count} matchers: at most {MATCHERS_MAX} are taken"
        ));
    }
    if let Some(nameless) = silence.matchers.iter().position(|m| m.name.is_empty()) {
        return invalid(format!("matcher {nameless} has no label name"));
    }
    if silence.matchers.iter().all(Matcher::matches_empty) {
        return invalid("at least one matcher must not match the empty string".to_owned());
    }
    let texts = silence
        .matchers
        .iter()
        .map(|m| m.name.len() + m.value.len());
    let bytes = texts.sum::<usize>() + silence.comment.len() + silence.created_by.len();
    if bytes > BYTES_MAX {
        return invalid(format!(
            "{bytes} bytes of text: at most {BYTES_MAX} are taken"
        ));
    }
    if silence.ends_ms < silence.starts_ms {
        return invalid("end time must not be before start time".to_owned());
    }
    Ok(())
}

/// Whether a silence may become another without rewriting what was silenced before.
fn can_change(known: &Silence, wanted: &Silence, now_ms: i64) -> bool {
    if known.matchers != wanted.matchers {
        return false;
    }
    match known.state(now_ms) {
        // Clients send back starts that were cut to seconds.
        SilenceState::Active => {
            known.starts_ms / 1_000 == wanted.starts_ms / 1_000 && wanted.ends_ms >= now_ms
        }
        SilenceState::Pending => wanted.starts_ms >= now_ms,
        SilenceState::Expired => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, starts_ms: i64, ends_ms: i64) -> SilenceRequest {
        SilenceRequest {
            id: id.to_owned(),
            matchers: vec![Matcher::equal("alertname", "A")],
            starts_ms: Some(starts_ms),
            ends_ms,
            created_by: "ada".to_owned(),
            comment: "upgrade".to_owned(),
        }
    }

    fn set(silences: &mut Silences, request: SilenceRequest, fresh: &str, now: i64) -> String {
        let changed = silences.set(request, fresh.to_owned(), now).unwrap();
        changed.last().unwrap().id.clone()
    }

    fn alert() -> Labels {
        Labels::from_pairs([("alertname", "A"), ("host", "x")])
    }

    #[test]
    fn a_silence_covers_from_its_start_to_its_end() {
        let mut silences = Silences::default();
        set(&mut silences, request("", 1_000, 2_000), "one", 500);
        let covers = |now| !silences.covering(&alert(), now).is_empty();
        assert!(!covers(999));
        assert!(covers(1_000));
        assert!(covers(1_999));
        assert!(!covers(2_000));
        assert!(
            silences
                .covering(&Labels::from_pairs([("alertname", "B")]), 1_500)
                .is_empty()
        );
        assert_eq!(silences.next_change(500), Some(1_000));
        assert_eq!(silences.next_change(1_000), Some(2_000));
    }

    #[test]
    fn what_was_is_not_rewritten() {
        let mut silences = Silences::default();
        set(&mut silences, request("", 1_000, 9_000), "one", 1_000);
        // A later end of an active one is a change of the same.
        let id = set(&mut silences, request("one", 1_000, 20_000), "two", 2_000);
        assert_eq!(id, "one");
        // Other matchers end it and begin another.
        let mut other = request("one", 1_000, 20_000);
        other.matchers = vec![Matcher::equal("alertname", "B")];
        let id = set(&mut silences, other, "two", 3_000);
        assert_eq!(id, "two");
        assert_eq!(silences.get("one").unwrap().ends_ms, 3_000);
        assert_eq!(silences.get("two").unwrap().starts_ms, 3_000);
        // An ended one begins anew under another id.
        let id = set(&mut silences, request("one", 4_000, 9_000), "three", 4_000);
        assert_eq!(id, "three");
    }

    #[test]
    fn expiring_is_repeatable_and_pending_ones_never_begin() {
        let mut silences = Silences::default();
        set(&mut silences, request("", 5_000, 9_000), "one", 1_000);
        assert!(silences.expire("one", 2_000).unwrap().is_some());
        assert!(silences.expire("one", 2_000).unwrap().is_none());
        assert!(silences.covering(&alert(), 6_000).is_empty());
        let error = silences.expire("none", 2_000).unwrap_err();
        assert_eq!(error.to_string(), "silence \"none\" is not known");
        assert_eq!(silences.forget_ended(2_001), ["one"]);
        assert!(silences.get("one").is_none());
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        let mut silences = Silences::default();
        let mut refuse = |change: fn(&mut SilenceRequest)| {
            let mut wanted = request("", 1_000, 9_000);
            change(&mut wanted);
            silences
                .set(wanted, "x".to_owned(), 1_000)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refuse(|r| r.matchers.clear()),
            "invalid silence: at least one matcher required"
        );
        assert_eq!(
            refuse(|r| r.matchers = vec![Matcher::equal("a", "")]),
            "invalid silence: at least one matcher must not match the empty string"
        );
        assert_eq!(
            refuse(|r| r.ends_ms = 10),
            "invalid silence: end time must not be before start time"
        );
        assert_eq!(
            refuse(|r| (r.starts_ms, r.ends_ms) = (Some(10), 20)),
            "invalid silence: end time can't be in the past"
        );
        assert_eq!(
            refuse(|r| r.id = "no".to_owned()),
            "silence \"no\" is not known"
        );
        assert!(refuse(|r| r.comment = "x".repeat(BYTES_MAX)).contains("65"));
    }
}
