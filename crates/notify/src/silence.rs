//! Silences: what people do not want to hear of for a while.
//!
//! ## Model
//! A [`Silence`] covers the alerts whose labels satisfy all of its matchers, from its start to its
//! end. It is changed only where that does not rewrite what was: otherwise the old one ends and a
//! new one begins. Ended ones are kept for some days.
//!
//! ## Limits
//! [`MATCHERS_MAX`] matchers, [`BYTES_MAX`] bytes of text, [`SILENCES_MAX`] silences that have not
//! ended. An alert is compared with the silences that name one of its label values, each listed
//! under the value that the fewest others are listed under, and with those that name none: a hundred
//! thousand silences of single alerts cost one look-up a label.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{Labels, MatchOp, Matcher, short};
use rustc_hash::{FxHashMap, FxHashSet};

/// Matchers that a silence may have. Chosen: people write a handful.
pub const MATCHERS_MAX: usize = 100;
/// Bytes that the texts of a silence may have together. Chosen: a long comment has a few thousand.
pub const BYTES_MAX: usize = 64 << 10;
/// Silences that may be there at once, ended ones aside. Chosen: ten times what the busiest
/// automation is known to make.
pub const SILENCES_MAX: usize = 1_000_000;

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

    /// Whether an alert with these labels is meant, whatever the time.
    #[must_use]
    pub fn covers(&self, labels: &Labels) -> bool {
        self.matchers
            .iter()
            .all(|matcher| matcher.matches_labels(labels))
    }

    /// Labels and values that every alert must have to be covered.
    fn anchors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.matchers
            .iter()
            .filter(|m| m.op == MatchOp::Equal && !m.value.is_empty())
            .map(|m| (m.name.as_str(), m.value.as_str()))
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

/// Ids by label name and value.
type Buckets = FxHashMap<String, FxHashMap<String, FxHashSet<String>>>;

/// All silences.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    by_id: BTreeMap<String, Silence>,
    /// Ids of those that have not ended, each under one label and value that alerts need.
    anchored: Buckets,
    /// Ids of those that have not ended and name no value.
    free: FxHashSet<String>,
    /// Under which label and value each that has not ended is listed.
    places: FxHashMap<String, Option<(String, String)>>,
    /// When silences begin and end, as far as that is to come.
    changes: BTreeSet<(i64, String)>,
}

impl Silences {
    /// Takes a silence as it is, as from disk.
    pub(crate) fn insert(&mut self, silence: Silence, now_ms: i64) {
        self.remove(&silence.id);
        if silence.ends_ms > now_ms {
            self.attach(&silence, now_ms);
        }
        self.by_id.insert(silence.id.clone(), silence);
    }

    fn attach(&mut self, silence: &Silence, now_ms: i64) {
        let crowd = |(name, value): &(&str, &str)| {
            let values = self.anchored.get(*name);
            values.and_then(|v| v.get(*value)).map_or(0, FxHashSet::len)
        };
        let place = silence.anchors().min_by_key(crowd);
        let place = place.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let listed = match &place {
            Some((name, value)) => self
                .anchored
                .entry(name.clone())
                .or_default()
                .entry(value.clone())
                .or_default(),
            None => &mut self.free,
        };
        listed.insert(silence.id.clone());
        self.places.insert(silence.id.clone(), place);
        for at in [silence.starts_ms, silence.ends_ms] {
            if at > now_ms {
                self.changes.insert((at, silence.id.clone()));
            }
        }
    }

    fn detach(&mut self, id: &str) {
        match self.places.remove(id) {
            Some(Some((name, value))) => {
                let Some(values) = self.anchored.get_mut(&name) else {
                    return;
                };
                if let Some(ids) = values.get_mut(&value) {
                    ids.remove(id);
                    if ids.is_empty() {
                        values.remove(&value);
                    }
                }
                if values.is_empty() {
                    self.anchored.remove(&name);
                }
            }
            Some(None) => {
                self.free.remove(id);
            }
            None => {}
        }
    }

    fn remove(&mut self, id: &str) {
        self.detach(id);
        if let Some(known) = self.by_id.remove(id) {
            for at in [known.starts_ms, known.ends_ms] {
                self.changes.remove(&(at, known.id.clone()));
            }
        }
    }

    /// Silences that have begun or ended since the last call.
    pub(crate) fn advance(&mut self, now_ms: i64) -> Vec<Silence> {
        let mut changed = Vec::new();
        while let Some((at, id)) = self.changes.pop_first() {
            if at > now_ms {
                self.changes.insert((at, id));
                break;
            }
            if let Some(silence) = self.by_id.get(&id) {
                changed.push(silence.clone());
            }
            if changed.last().is_some_and(|s| s.ends_ms <= now_ms) {
                self.detach(&id);
            }
        }
        changed
    }

    /// When the next one begins or ends.
    pub(crate) fn next_change(&self) -> Option<i64> {
        self.changes.first().map(|(at, _)| *at)
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
                if self.places.len() >= SILENCES_MAX {
                    return Err(SilenceError::Invalid(format!(
                        "there are {SILENCES_MAX} silences already: no more are taken"
                    )));
                }
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
        self.insert(wanted.clone(), now_ms);
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
        self.insert(silence.clone(), now_ms);
        Some(silence)
    }

    /// Those that cover an alert now, by id.
    pub(crate) fn covering(&self, labels: &Labels, now_ms: i64) -> Vec<&Silence> {
        let anchored = labels
            .iter()
            .filter_map(|(name, value)| self.anchored.get(name)?.get(value));
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

    /// Forgets those that ended before a time. Gives their ids.
    pub(crate) fn forget_ended(&mut self, before_ms: i64) -> Vec<String> {
        let gone: Vec<String> = self
            .by_id
            .values()
            .filter(|silence| silence.ends_ms < before_ms)
            .map(|silence| silence.id.clone())
            .collect();
        for id in &gone {
            self.remove(id);
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
    // A matcher that says what must not be there counts as one that needs something.
    let takes_empty =
        |m: &Matcher| matches!(m.op, MatchOp::Equal | MatchOp::Regex) && m.matches_empty();
    if silence.matchers.iter().all(takes_empty) {
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
        assert_eq!(silences.next_change(), Some(1_000));
        let ids = |changed: Vec<Silence>| -> Vec<String> {
            changed.into_iter().map(|silence| silence.id).collect()
        };
        assert!(ids(silences.advance(999)).is_empty());
        assert_eq!(ids(silences.advance(1_000)), ["one"]);
        assert_eq!(silences.next_change(), Some(2_000));
        assert_eq!(ids(silences.advance(5_000)), ["one"]);
        assert_eq!(silences.next_change(), None);
    }

    #[test]
    fn many_silences_of_single_alerts_are_listed_apart() {
        let mut silences = Silences::default();
        for host in 0..1_000 {
            let mut wanted = request("", 1_000, 9_000);
            wanted
                .matchers
                .push(Matcher::equal("host", host.to_string()));
            set(&mut silences, wanted, &format!("id-{host}"), 500);
        }
        let crowd = |name: &str| silences.anchored[name].values().map(FxHashSet::len).max();
        assert_eq!(crowd("host"), Some(1));
        assert_eq!(crowd("alertname"), Some(1));
        let one = Labels::from_pairs([("alertname", "A"), ("host", "77")]);
        assert_eq!(silences.covering(&one, 1_500).len(), 1);
        // Those that have ended are listed no more.
        silences.advance(9_000);
        assert!(silences.anchored.is_empty() && silences.places.is_empty());
        assert!(silences.get("id-77").is_some());
    }

    #[test]
    fn saying_only_what_must_not_be_there_is_enough() {
        let mut silences = Silences::default();
        let mut wanted = request("", 1_000, 9_000);
        wanted.matchers = vec![Matcher::new("team", MatchOp::NotEqual, "db").unwrap()];
        set(&mut silences, wanted, "one", 1_000);
        assert_eq!(silences.covering(&alert(), 1_000).len(), 1);
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
