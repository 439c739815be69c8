//! Alerts as rules would make them of something that did not happen: one by its name, or those of an
//! outage of targets.
//!
//! ## Model
//! [`Manager::make_alert`] renders a rule's labels and annotations for an element that somebody
//! describes. [`Manager::outage`] evaluates all groups over the last hours of the store as if targets
//! had been down, and once more as it was: what only the first gives, the outage would have caused.
//!
//! ## Invariants
//! Nothing is written, and the state of running rules is not touched.
//!
//! ## Limits
//! [`OUTAGE_MS_MAX`]. As a backtest, an outage knows nothing of alerts that were pending or firing when
//! it begins.

mod outage;

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{Labels, METRIC_NAME, Matcher, Value, short};
use bellwether_promql::{CancelToken, Features, VectorSample};
use bellwether_storage::{ErrorKind, Source};

use crate::alerting::AlertingRule;
use crate::backtest::{BacktestSettings, Episode, backtest};
use crate::error::RulesError;
use crate::group::Group;
use crate::keeper::RuleIdentity;
use crate::link::table_link;
use crate::manager::Manager;
use crate::rule::{Rule, Turn};
use crate::settings::{GroupSettings, RuleSettings};
use crate::world::World;

use outage::OutageStore;

/// Longest outage, ms.
pub const OUTAGE_MS_MAX: i64 = 24 * 3_600_000;
/// Most alerts that an outage may cause. Chosen: more than anybody reads.
pub const CAUSED_MAX: usize = 5_000;
/// Names of an error that says which there are.
const NAMES_MAX: usize = 5;

/// What a rule made.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeAlert {
    /// The file of its rule.
    pub file: String,
    /// The group of its rule.
    pub group: String,
    /// Its labels.
    pub labels: Labels,
    /// Its texts.
    pub annotations: Labels,
    /// Where its query is shown.
    pub generator_url: String,
    /// How long the condition must hold before it fires, ms.
    pub for_ms: i64,
    /// The value that it was made with.
    pub value: f64,
}

/// What somebody describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The name of the alerting rule.
    pub name: String,
    /// Labels of the element.
    pub labels: Labels,
    /// Annotations over those of the rule.
    pub annotations: Labels,
    /// Its value.
    pub value: f64,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// There is no such rule.
    #[error("there is no alerting rule {:?}: {near}", short(name))]
    NoRule {
        /// The name.
        name: String,
        /// What there is.
        near: String,
    },
    /// The rules of that name make other labels than those that were asked for.
    #[error(
        "label {label}={:?} cannot be: the rule says {label}={:?}",
        short(asked),
        short(made)
    )]
    Label {
        /// The label.
        label: String,
        /// What was asked for.
        asked: String,
        /// What the rule makes.
        made: String,
    },
    /// No target matches.
    #[error("no series up matches {{{matchers}}} at any time of the outage: {near}")]
    NoTarget {
        /// What was looked for.
        matchers: String,
        /// What there is.
        near: String,
    },
    /// The outage is too long, or none.
    #[error("an outage of {duration_ms} ms: want more than 0 and at most {OUTAGE_MS_MAX}")]
    Duration {
        /// What was asked for.
        duration_ms: i64,
    },
    /// It causes more alerts than can be told.
    #[error(
        "the outage causes more than {CAUSED_MAX} alerts: want fewer targets, or a shorter one"
    )]
    TooMany,
    /// The store cannot be read.
    #[error(transparent)]
    Storage(#[from] bellwether_storage::StorageError),
    /// The rules cannot be evaluated.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

impl SimulateError {
    /// What it means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoRule { .. } | Self::NoTarget { .. } => ErrorKind::NotFound,
            Self::Label { .. } | Self::Duration { .. } => ErrorKind::Invalid,
            Self::TooMany => ErrorKind::Limit,
            Self::Storage(error) => error.kind(),
            Self::Rules(error) => error.kind(),
        }
    }
}

/// What is assumed to be down.
#[derive(Debug, Clone)]
pub struct Outage {
    /// Targets: those whose series `up` satisfies one of these lists.
    pub targets: Vec<Vec<Matcher>>,
    /// When it begins, ms.
    pub from_ms: i64,
    /// When it is looked at, ms; it lasts until then.
    pub to_ms: i64,
    /// Parts of the language that are switched on.
    pub features: Features,
    /// Ends it before its time.
    pub cancel: CancelToken,
}

/// What an outage would have caused.
#[derive(Debug, Clone)]
pub struct OutageOutcome {
    /// The labels of the series `up` that were down.
    pub targets: Vec<Labels>,
    /// Alerts that would have become active because of it, by the time when they fire, those last that
    /// did not.
    pub caused: Vec<CausedAlert>,
    /// How many alerts were active anyway.
    pub anyway_count: usize,
    /// Alerts that fire without the outage and not with it.
    pub lost: Vec<Labels>,
    /// Rules that failed at some turns, with the first error of each.
    pub failed: Vec<(String, String)>,
}

/// An alert that an outage would have caused.
#[derive(Debug, Clone, PartialEq)]
pub struct CausedAlert {
    /// The alert.
    pub alert: MadeAlert,
    /// When its condition began to hold, ms after the begin of the outage.
    pub active_after_ms: i64,
    /// When it began to fire, ms after the begin; `None`: not before the end.
    pub fired_after_ms: Option<i64>,
    /// When it ended, ms after the begin; `None`: it was still active at the end.
    pub ended_after_ms: Option<i64>,
}

impl CausedAlert {
    /// Whether it tells of a target among those that are down: it has one of the labels `job` and
    /// `instance`, and those that it has are the target's. One that has neither tells of a target that
    /// is down alone; of several nobody knows which it is of.
    #[must_use]
    pub fn tells_of(&self, target: &Labels, targets: &[Labels]) -> bool {
        let own = IDENTITY.map(|name| (name, self.alert.labels.get(name)));
        if own.iter().all(|(_, value)| value.is_none()) {
            return targets == std::slice::from_ref(target);
        }
        own.into_iter()
            .all(|(name, value)| value.is_none_or(|value| target.get(name) == Some(value)))
    }
}

impl Manager {
    /// The alerts that the rules of a name make of an element: one for each rule.
    ///
    /// # Errors
    /// Where there is no such rule, or it says of a label that was given something else.
    pub fn make_alert(
        &self,
        described: &Described,
        now_ms: i64,
    ) -> Result<Vec<MadeAlert>, SimulateError> {
        let groups = self.running();
        let mut made: Vec<MadeAlert> = Vec::new();
        for group in &groups {
            for rule in rules_named(group.settings(), &described.name) {
                let element = (&described.labels, described.value);
                let alert = make(self.world(), group, rule, element, now_ms)?;
                if made.iter().all(|known| known.labels != alert.labels) {
                    made.push(alert);
                }
            }
        }
        if made.is_empty() {
            let near = Self::near(&groups, &described.name);
            let name = described.name.clone();
            return Err(SimulateError::NoRule { name, near });
        }
        let differs = |alert: &MadeAlert| {
            let mut given = described.labels.iter();
            given
                .find(|(name, value)| alert.labels.get(name) != Some(value))
                .map(|(name, value)| SimulateError::Label {
                    label: name.to_owned(),
                    asked: value.to_owned(),
                    made: alert.labels.get(name).unwrap_or("").to_owned(),
                })
        };
        // Rules of one name may differ by a label: then what was given says which is meant.
        let first_error = made.iter().find_map(differs);
        made.retain(|alert| differs(alert).is_none());
        if let (true, Some(error)) = (made.is_empty(), first_error) {
            return Err(error);
        }
        for alert in &mut made {
            let mut annotations = alert.annotations.to_builder();
            for (name, text) in &described.annotations {
                annotations.set(name, text);
            }
            alert.annotations = annotations.build();
        }
        Ok(made)
    }

    /// Which names there are that somebody may have meant.
    fn near(groups: &[Arc<Group>], name: &str) -> String {
        let mut names: Vec<&str> = groups
            .iter()
            .flat_map(|group| &group.settings().rules)
            .filter(|rule| rule.is_alert())
            .map(RuleSettings::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return "no alerting rules are running".to_owned();
        }
        let lower = name.to_lowercase();
        let mut ranked: Vec<(f64, &str)> = names
            .iter()
            .map(|known| {
                let other = known.to_lowercase();
                let contains = other.contains(&lower) || lower.contains(&other);
                let bonus = if contains { 0.5 } else { 0.0 };
                (strsim::jaro_winkler(&lower, &other) + bonus, *known)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near: Vec<&str> = ranked
            .iter()
            .take(NAMES_MAX)
            .filter(|(likeness, _)| *likeness > 0.7)
            .map(|(_, name)| *name)
            .collect();
        if near.is_empty() {
            let others = if names.len() > NAMES_MAX { ", …" } else { "" };
            names.truncate(NAMES_MAX);
            return format!("there are {}{others}", names.join(", "));
        }
        format!("did you mean {}?", near.join(", "))
    }

    /// What an outage would have caused. Takes as long as evaluating that time of history twice.
    ///
    /// # Errors
    /// Where no target matches, it is too long, or it was cancelled.
    pub fn outage(&self, outage: &Outage) -> Result<OutageOutcome, SimulateError> {
        let duration_ms = outage.to_ms.saturating_sub(outage.from_ms);
        if !(1..=OUTAGE_MS_MAX).contains(&duration_ms) {
            return Err(SimulateError::Duration { duration_ms });
        }
        let world = self.world();
        let groups = self.running();
        let below = Arc::clone(&world.store);
        let span = (outage.from_ms, outage.to_ms);
        let store = OutageStore::open(below, outage.targets.clone(), span)?;
        let store = Arc::new(store);
        let targets = store.targets().to_vec();
        if targets.is_empty() {
            return Err(no_target(&store, outage)?);
        }
        let settings: Vec<GroupSettings> = groups
            .iter()
            .map(|group| group.settings().clone())
            .collect();
        let surroundings = match groups.first() {
            Some(group) => group.externals().given.clone(),
            None => Default::default(),
        };
        let history = BacktestSettings {
            // The server has its own work.
            threads: 1,
            features: outage.features,
            cancel: outage.cancel.clone(),
            ..BacktestSettings::new(outage.from_ms, outage.to_ms)
        };
        let was = backtest(Arc::clone(&world.store), &settings, &surroundings, &history)?;
        let is = backtest(store, &settings, &surroundings, &history)?;
        let mut outcome = OutageOutcome {
            targets,
            caused: Vec::new(),
            anyway_count: 0,
            lost: Vec::new(),
            failed: Vec::new(),
        };
        let rules = groups
            .iter()
            .flat_map(|group| group.settings().rules.iter().map(move |rule| (group, rule)));
        for ((before, after), (group, rule)) in was.iter().zip(&is).zip(rules) {
            if after.failed_turns > before.failed_turns {
                outcome
                    .failed
                    .push((after.rule.clone(), after.first_error.clone()));
            }
            let (without, with) = (by_labels(&before.episodes), by_labels(&after.episodes));
            for episode in &after.episodes {
                if goes_on(episode, without.get(&episode.labels), outage.to_ms) {
                    outcome.anyway_count += 1;
                    continue;
                }
                if outcome.caused.len() >= CAUSED_MAX {
                    return Err(SimulateError::TooMany);
                }
                if outage.cancel.is_cancelled() {
                    return Err(RulesError::Cancelled.into());
                }
                let after_ms = |time_ms: i64| time_ms.saturating_sub(outage.from_ms);
                let element = (&episode.labels, episode.value);
                let time_ms = episode.fired_at_ms.unwrap_or(episode.active_at_ms);
                let mut alert = make(world, group, rule, element, time_ms)?;
                alert.labels = episode.labels.clone();
                outcome.caused.push(CausedAlert {
                    alert,
                    active_after_ms: after_ms(episode.active_at_ms),
                    fired_after_ms: episode.fired_at_ms.map(after_ms),
                    ended_after_ms: episode.ended_at_ms.map(after_ms),
                });
            }
            let lost = before.episodes.iter().filter(|episode| {
                let is_lost = || !goes_on(episode, with.get(&episode.labels), outage.to_ms);
                episode.fired_at_ms.is_some() && is_lost()
            });
            outcome
                .lost
                .extend(lost.map(|episode| episode.labels.clone()));
        }
        outcome.lost.sort();
        outcome.lost.dedup();
        outcome.caused.sort_by_key(|caused| {
            let fired = caused.fired_after_ms.unwrap_or(i64::MAX);
            (fired, caused.active_after_ms)
        });
        Ok(outcome)
    }
}

/// Episodes of each alert.
fn by_labels(episodes: &[Episode]) -> BTreeMap<&Labels, Vec<&Episode>> {
    let mut found: BTreeMap<&Labels, Vec<&Episode>> = BTreeMap::new();
    for episode in episodes {
        found.entry(&episode.labels).or_default().push(episode);
    }
    found
}

/// Whether an alert was in the same state anyway when it began to be: it fires, or is active, in one
/// of its `others` too. One that came and went at another time of the outage is no reason to say so.
fn goes_on(episode: &Episode, others: Option<&Vec<&Episode>>, to_ms: i64) -> bool {
    let begin_ms = episode.fired_at_ms.unwrap_or(episode.active_at_ms);
    others.into_iter().flatten().any(|other| {
        let since_ms = match episode.fired_at_ms {
            Some(_) => other.fired_at_ms,
            None => Some(other.active_at_ms),
        };
        let until_ms = other.ended_at_ms.unwrap_or(to_ms);
        since_ms.is_some_and(|since_ms| (since_ms..=until_ms).contains(&begin_ms))
    })
}

fn no_target(store: &OutageStore, outage: &Outage) -> Result<SimulateError, SimulateError> {
    let lists: Vec<String> = outage
        .targets
        .iter()
        .map(|matchers| {
            let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
            texts.join(", ")
        })
        .collect();
    let known = store.all_targets()?;
    let mut names: Vec<String> = known
        .iter()
        .map(|labels| {
            let value = |name| labels.get(name).unwrap_or("");
            format!("{}/{}", value("job"), value("instance"))
        })
        .collect();
    names.sort();
    names.dedup();
    let near = match names.len() {
        0 => "there are no targets then".to_owned(),
        count => {
            names.truncate(NAMES_MAX);
            let more = if count > NAMES_MAX { ", …" } else { "" };
            format!("there are {}{more}", names.join(", "))
        }
    };
    Ok(SimulateError::NoTarget {
        matchers: lists.join("} or {"),
        near,
    })
}

fn rules_named<'a>(
    group: &'a GroupSettings,
    name: &'a str,
) -> impl Iterator<Item = &'a RuleSettings> {
    let rules = group.rules.iter();
    rules.filter(move |rule| rule.is_alert() && rule.name() == name)
}

/// The alert that a rule makes of an element.
fn make(
    world: &World,
    group: &Group,
    settings: &RuleSettings,
    (element, value): (&Labels, f64),
    now_ms: i64,
) -> Result<MadeAlert, SimulateError> {
    let externals = group.externals();
    let key = format!(
        "{};{}",
        group.settings().file.display(),
        group.settings().name
    );
    let identity = RuleIdentity::new(&key, settings.name(), &[], 0);
    let mut rule = Rule::new(group.settings(), settings, identity, world, externals)?;
    let query = rule.info.query.clone();
    let mut made = MadeAlert {
        file: group.settings().file.display().to_string(),
        group: group.settings().name.clone(),
        labels: element.clone(),
        annotations: Labels::empty(),
        generator_url: format!("{}{}", externals.url, table_link(&query)),
        for_ms: 0,
        value,
    };
    let Some(alert) = rule.alert_mut() else {
        return Ok(made);
    };
    let cancel = CancelToken::default();
    let source = Source::new("simulation");
    let turn = Turn {
        world,
        externals,
        source: &source,
        cancel: &cancel,
        time_ms: now_ms,
        query_ms: now_ms,
        interval_ms: group.settings().interval_ms,
        limit: 0,
    };
    let sample = VectorSample {
        labels: element.clone(),
        time_ms: now_ms,
        value: Value::Float(value),
    };
    let AlertingRule { for_ms, .. } = alert.rule;
    if let Some(candidate) = alert.candidates(vec![sample], &turn).pop() {
        made.labels = candidate.labels;
        made.annotations = candidate.annotations;
    }
    made.for_ms = for_ms;
    Ok(made)
}

/// The labels that tell targets apart.
pub(crate) const IDENTITY: [&str; 2] = ["job", "instance"];

/// The metric that says whether a target is up.
pub(crate) const UP: &str = "up";

/// Whether a series says of a target whether it is up.
pub(crate) fn is_up(labels: &Labels) -> bool {
    labels.get(METRIC_NAME) == Some(UP)
}

#[cfg(test)]
mod tests;
