//! What has changed since the last look.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_health::{Entity, EntityId, HealthState};
use bellwether_model::{AlertFingerprint, Labels};
use bellwether_notify::replica::ReplicaStatus;
use bellwether_rules::AlertState;
use bellwether_rules::objective::ObjectiveReport;
use bellwether_rules::objective::status::Verdict;
use bellwether_rules::scaling::Decided;
use bytes::Bytes;
use tokio::time::Instant;

use super::{Event, frame, rows_event};
use crate::api::write_notifications;
use crate::app::App;
use crate::json::JsonWriter;
use crate::services::{ActiveTarget, Services, TargetHealth};
use crate::{objectives, own_api, scaling, sse};

/// Items of one list of an event; a client that is told of more asks for the whole. Chosen: some tens of kilobytes.
pub(super) const ITEMS_MAX: usize = 200;
/// How often numbers of the storage are told, which always change.
const STORAGE_EVERY: std::time::Duration = std::time::Duration::from_secs(15);

/// What was seen at the last look.
#[derive(Debug, Default)]
pub(super) struct Watch {
    status: Option<(StatusKey, Instant)>,
    reload: Option<(bool, i64)>,
    notifications: Option<Bytes>,
    /// The number of the last row of the timeline.
    row: Option<u64>,
    alerts: Option<(Counts, BTreeMap<AlertFingerprint, AlertWord>)>,
    entities: Seen<EntityId, (HealthState, i64)>,
    entities_list: Option<Arc<Vec<Entity>>>,
    objectives: Seen<String, Verdict>,
    objectives_list: Option<Arc<[ObjectiveReport]>>,
    scalers: Seen<String, Option<u64>>,
    targets: Seen<(String, Labels), TargetHealth>,
}

/// What of the status is told at once.
#[derive(Debug, Clone, PartialEq)]
struct StatusKey {
    state: &'static str,
    targets: [usize; 3],
    problems: Vec<(String, String)>,
    replica: Option<ReplicaStatus>,
}

/// How many alerts are how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    firing: u64,
    pending: u64,
    silenced: u64,
    inhibited: u64,
    muted: u64,
    acknowledged: u64,
}

/// How an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct AlertWord {
    is_firing: bool,
    is_silenced: bool,
    is_inhibited: bool,
    is_muted: bool,
    is_acknowledged: bool,
}

/// States by name.
#[derive(Debug)]
struct Seen<K, V>(Option<BTreeMap<K, V>>);

impl<K, V> Default for Seen<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

/// What is otherwise than before.
#[derive(Debug)]
struct Changes<K, V> {
    /// With what each was before; `None`: it is new.
    changed: Vec<(K, Option<V>)>,
    gone: Vec<K>,
}

impl<K: Ord + Clone, V: PartialEq> Seen<K, V> {
    /// Takes what there is now. `None`: nothing is otherwise, or nothing was seen before.
    fn take(&mut self, now: BTreeMap<K, V>) -> Option<Changes<K, V>> {
        let mut before = self.0.replace(now)?;
        let now = self.0.as_ref()?;
        let mut changed = Vec::new();
        for (key, value) in now {
            let known = before.remove(key);
            if known.as_ref() != Some(value) {
                changed.push((key.clone(), known));
            }
        }
        let gone: Vec<K> = before.into_keys().collect();
        let is_any = !changed.is_empty() || !gone.is_empty();
        is_any.then_some(Changes { changed, gone })
    }
}

impl Watch {
    /// What is otherwise than at the last look.
    pub(super) fn look(&mut self, app: &App) -> Vec<Event> {
        let mut events = Vec::new();
        let mut tell = |event: Option<Event>| events.extend(event);
        let services = app.services.get();
        let targets = services.map(|it| it.targets.active()).unwrap_or_default();
        tell(self.look_at_status(app, services, &targets));
        tell(self.look_at_reloads(app));
        tell(self.look_at_notifications(app));
        let Some(services) = services else {
            return events;
        };
        tell(self.look_at_timeline(app, services));
        tell(self.look_at_alerts(services));
        tell(self.look_at_entities(services));
        tell(self.look_at_objectives(services));
        tell(self.look_at_scalers(services));
        tell(self.look_at_targets(&targets));
        events
    }

    fn look_at_status(
        &mut self,
        app: &App,
        services: Option<&Services>,
        targets: &[ActiveTarget],
    ) -> Option<Event> {
        let key = StatusKey {
            state: app.state_word(),
            targets: counts_of(targets),
            problems: services
                .map(|it| it.targets.pool_problems())
                .unwrap_or_default(),
            replica: services.and_then(|it| Some(it.alerting.replica.as_ref()?.status())),
        };
        let now = Instant::now();
        if let Some((known, told)) = &self.status
            && *known == key
            && now.duration_since(*told) < STORAGE_EVERY
        {
            return None;
        }
        self.status = Some((key, now));
        let mut json = JsonWriter::with_capacity(4096);
        let facts = app.services().map(own_api::facts);
        own_api::write_status(&mut json, app, facts);
        Some(event("status", json))
    }

    fn look_at_reloads(&mut self, app: &App) -> Option<Event> {
        let runtime = app.control.runtime();
        let now = (runtime.reload_success, runtime.last_config_ms);
        let before = self.reload.replace(now)?;
        (before != now).then(|| {
            let mut json = JsonWriter::with_capacity(64);
            json.object_begin();
            json.key("success").boolean(now.0);
            json.key("time").time(now.1).object_end();
            event("reload", json)
        })
    }

    fn look_at_notifications(&mut self, app: &App) -> Option<Event> {
        let mut text = "{\"notifications\":".to_owned();
        text.push_str(&String::from_utf8_lossy(&write_notifications(app)));
        text.push('}');
        let frame = sse::event(Some("notifications"), None, &text);
        let before = self.notifications.replace(frame.clone())?;
        (before != frame).then_some(Event {
            name: "notifications",
            frame,
            rows: None,
        })
    }

    fn look_at_timeline(&mut self, app: &App, services: &Services) -> Option<Event> {
        let timeline = &services.alerting.timeline;
        // At the first look only the number counts.
        let tail = timeline.tail(self.row.unwrap_or(u64::MAX))?;
        let is_first = self.row.replace(tail.number).is_none();
        if is_first {
            return None;
        }
        rows_event(app, &tail.rows, tail.number, tail.is_cut)
    }

    fn look_at_alerts(&mut self, services: &Services) -> Option<Event> {
        let alerting = &services.alerting;
        let mut words: BTreeMap<AlertFingerprint, AlertWord> = BTreeMap::new();
        for group in alerting.rule_groups() {
            let alerts = group.rules.iter().flat_map(|rule| &rule.alerts);
            for alert in alerts.filter(|alert| alert.state == AlertState::Pending) {
                let fingerprint = AlertFingerprint::of(&alert.labels);
                words.insert(fingerprint, AlertWord::default());
            }
        }
        alerting.runner.look(|machine, now_ms| {
            for alert in machine.alerts().filter(|it| !it.is_resolved(now_ms)) {
                let suppression = machine.suppression(&alert.labels, now_ms);
                let fingerprint = alert.fingerprint();
                let word = AlertWord {
                    is_firing: true,
                    is_silenced: !suppression.silenced_by.is_empty(),
                    is_inhibited: !suppression.inhibited_by.is_empty(),
                    is_muted: !suppression.muted_by.is_empty(),
                    is_acknowledged: machine.acknowledgement(fingerprint, now_ms).is_some(),
                };
                words.insert(fingerprint, word);
            }
        });
        let counts = Counts::of(words.values());
        let (known, before) = match self.alerts.take() {
            Some((known, before)) => (Some(known), before),
            None => (None, words.clone()),
        };
        let mut before = Seen(Some(before));
        let changes = before.take(words);
        let words = before.0.unwrap_or_default();
        let is_told = known == Some(counts) && changes.is_none();
        let told = (!is_told).then(|| alerts_event(counts, changes, &words));
        self.alerts = Some((counts, words));
        told
    }

    fn look_at_entities(&mut self, services: &Services) -> Option<Event> {
        let entities = services.probing.as_ref()?.entities.all();
        let known = self.entities_list.replace(Arc::clone(&entities));
        if known.is_some_and(|known| Arc::ptr_eq(&known, &entities)) {
            return None;
        }
        let states = entities
            .iter()
            .map(|it| (it.id.clone(), (it.state, it.since_ms)));
        let changes = self.entities.take(states.collect())?;
        Some(entities_event(&changes, &entities))
    }

    fn look_at_objectives(&mut self, services: &Services) -> Option<Event> {
        let reports = services.objectives.as_ref()?.reports();
        let known = self.objectives_list.replace(Arc::clone(&reports));
        if known.is_some_and(|known| Arc::ptr_eq(&known, &reports)) {
            return None;
        }
        let verdicts: BTreeMap<String, Verdict> = reports
            .iter()
            .map(|report| (report.settings.id(), objectives::worst(report)))
            .collect();
        let now = verdicts.clone();
        let changes = self.objectives.take(verdicts)?;
        Some(objectives_event(&changes, &now))
    }

    fn look_at_scalers(&mut self, services: &Services) -> Option<Event> {
        let statuses = services.scaling.as_ref()?.statuses();
        let number = |decided: &Option<Decided>| decided.as_ref().map(|it| it.number);
        let numbers = statuses
            .iter()
            .map(|it| (it.settings.name.clone(), number(&it.decided)));
        let changes = self.scalers.take(numbers.collect())?;
        Some(event(
            "scalers",
            changes.write(
                |json, name, _| {
                    let status = statuses.iter().find(|it| it.settings.name == *name);
                    let decided = status.and_then(|it| it.decided.as_ref());
                    json.object_begin();
                    json.key("name").string(name);
                    json.key("decided");
                    match decided {
                        Some(decided) => json.raw(&scaling::decided(decided).to_string()),
                        None => json.raw("null"),
                    };
                    json.object_end();
                },
                |json, name| {
                    json.string(name);
                },
            ),
        ))
    }

    fn look_at_targets(&mut self, targets: &[ActiveTarget]) -> Option<Event> {
        let key = |it: &ActiveTarget| (it.pool.clone(), it.labels.clone());
        let healths: BTreeMap<_, _> = targets.iter().map(|it| (key(it), it.health)).collect();
        let changes = self.targets.take(healths)?;
        Some(event(
            "targets",
            changes.write(
                |json, (pool, labels), before| {
                    let mut all = targets.iter();
                    let Some(target) = all.find(|it| it.pool == *pool && it.labels == *labels)
                    else {
                        return;
                    };
                    json.object_begin();
                    json.key("scrapePool").string(pool);
                    json.key("labels").labels(labels);
                    json.key("scrapeUrl").string(&target.scrape_url);
                    json.key("health").string(target.health.as_str());
                    json.key("from");
                    or_null(json, before.map(|it| it.as_str()));
                    json.key("lastError").string(&target.last_error);
                    json.object_end();
                },
                |json, (pool, labels)| {
                    json.object_begin();
                    json.key("scrapePool").string(pool);
                    json.key("labels").labels(labels).object_end();
                },
            ),
        ))
    }
}

fn event(name: &'static str, json: JsonWriter) -> Event {
    Event {
        name,
        frame: frame(name, None, json),
        rows: None,
    }
}

fn or_null(json: &mut JsonWriter, word: Option<&str>) {
    match word {
        Some(word) => json.string(word),
        None => json.raw("null"),
    };
}

/// How many targets are up, down, and neither.
fn counts_of(targets: &[ActiveTarget]) -> [usize; 3] {
    let all = [TargetHealth::Up, TargetHealth::Down, TargetHealth::Unknown];
    all.map(|health| targets.iter().filter(|it| it.health == health).count())
}

impl<K, V: Copy> Changes<K, V> {
    /// `{"changed":[…],"gone":[…],"more":0}`
    fn write(
        &self,
        changed: impl Fn(&mut JsonWriter, &K, Option<V>),
        gone: impl Fn(&mut JsonWriter, &K),
    ) -> JsonWriter {
        let mut json = JsonWriter::with_capacity(256);
        json.object_begin();
        self.write_lists(&mut json, changed, gone);
        json.object_end();
        json
    }

    fn write_lists(
        &self,
        json: &mut JsonWriter,
        changed: impl Fn(&mut JsonWriter, &K, Option<V>),
        gone: impl Fn(&mut JsonWriter, &K),
    ) {
        json.key("changed").array_begin();
        for (key, before) in self.changed.iter().take(ITEMS_MAX) {
            changed(json, key, *before);
        }
        json.array_end();
        json.key("gone").array_begin();
        self.gone
            .iter()
            .take(ITEMS_MAX)
            .for_each(|key| gone(json, key));
        json.array_end();
        let over = |count: usize| count.saturating_sub(ITEMS_MAX);
        let more = over(self.changed.len()) + over(self.gone.len());
        json.key("more").unsigned(more as u64);
    }
}

impl Counts {
    fn of<'a>(words: impl Iterator<Item = &'a AlertWord>) -> Self {
        let mut counts = Self::default();
        for word in words {
            let of_kind = if word.is_firing {
                &mut counts.firing
            } else {
                &mut counts.pending
            };
            *of_kind += 1;
            counts.silenced += u64::from(word.is_silenced);
            counts.inhibited += u64::from(word.is_inhibited);
            counts.muted += u64::from(word.is_muted);
            counts.acknowledged += u64::from(word.is_acknowledged);
        }
        counts
    }
}

fn entities_event(changes: &Changes<EntityId, (HealthState, i64)>, all: &[Entity]) -> Event {
    let changed = |json: &mut JsonWriter, id: &EntityId, before: Option<(HealthState, i64)>| {
        let Some(entity) = all.iter().find(|it| it.id == *id) else {
            return;
        };
        json.object_begin();
        json.key("entity").string(&id.to_string());
        json.key("state").string(entity.state.as_str());
        json.key("from");
        or_null(json, before.map(|(state, _)| state.as_str()));
        json.key("reason").string(&entity.reason);
        json.key("since").time(entity.since_ms).object_end();
    };
    let gone = |json: &mut JsonWriter, id: &EntityId| {
        json.string(&id.to_string());
    };
    event("entities", changes.write(changed, gone))
}

fn objectives_event(
    changes: &Changes<String, Verdict>,
    verdicts: &BTreeMap<String, Verdict>,
) -> Event {
    let changed = |json: &mut JsonWriter, id: &String, before: Option<Verdict>| {
        let verdict = verdicts.get(id).copied().unwrap_or(Verdict::Unknown);
        json.object_begin();
        json.key("objective").string(id);
        json.key("verdict").string(verdict.as_str());
        json.key("from");
        or_null(json, before.map(Verdict::as_str));
        json.object_end();
    };
    let gone = |json: &mut JsonWriter, id: &String| {
        json.string(id);
    };
    event("objectives", changes.write(changed, gone))
}

fn alerts_event(
    counts: Counts,
    changes: Option<Changes<AlertFingerprint, AlertWord>>,
    words: &BTreeMap<AlertFingerprint, AlertWord>,
) -> Event {
    let changes = changes.unwrap_or(Changes {
        changed: Vec::new(),
        gone: Vec::new(),
    });
    let mut json = JsonWriter::with_capacity(256);
    json.object_begin();
    for (key, count) in [
        ("firing", counts.firing),
        ("pending", counts.pending),
        ("silenced", counts.silenced),
        ("inhibited", counts.inhibited),
        ("muted", counts.muted),
        ("acknowledged", counts.acknowledged),
    ] {
        json.key(key).unsigned(count);
    }
    changes.write_lists(
        &mut json,
        |json, fingerprint, _| {
            let word = words.get(fingerprint).copied().unwrap_or_default();
            let state = if word.is_firing { "firing" } else { "pending" };
            json.object_begin();
            json.key("fingerprint").string(&fingerprint.to_string());
            json.key("state").string(state);
            json.key("silenced").boolean(word.is_silenced);
            json.key("inhibited").boolean(word.is_inhibited);
            json.key("muted").boolean(word.is_muted);
            json.key("acknowledged").boolean(word.is_acknowledged);
            json.object_end();
        },
        |json, fingerprint| {
            json.string(&fingerprint.to_string());
        },
    );
    json.object_end();
    event("alerts", json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_otherwise_is_told() {
        let mut seen = Seen::default();
        let map = |pairs: &[(&'static str, u32)]| pairs.iter().copied().collect();
        assert!(seen.take(map(&[("a", 1), ("b", 1)])).is_none());
        assert!(seen.take(map(&[("a", 1), ("b", 1)])).is_none());
        let changes = seen.take(map(&[("b", 2), ("c", 1)])).unwrap();
        assert_eq!(changes.changed, [("b", Some(1)), ("c", None)]);
        assert_eq!(changes.gone, ["a"]);
    }

    #[test]
    fn events_are_as_described() {
        let check = |event: Event| {
            let text = String::from_utf8(event.frame.to_vec()).unwrap();
            let data = text.split_once("data: ").unwrap().1;
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            let object = serde_json::json!({ event.name: data });
            let shape = &crate::openapi::LIVE_EVENTS;
            assert_eq!(shape.difference(&object), None, "{object}");
        };
        let id = |name: &str| EntityId {
            kind: bellwether_health::EntityKind::Provider,
            name: name.to_owned(),
        };
        let entity = Entity {
            id: id("openai"),
            state: HealthState::Down,
            reason: "refused".to_owned(),
            since_ms: 7,
            depends_on: Vec::new(),
            caused_by: Vec::new(),
            facts: Vec::new(),
        };
        let changes = Changes {
            changed: vec![(id("openai"), Some((HealthState::Up, 1)))],
            gone: vec![id("other")],
        };
        check(entities_event(&changes, &[entity]));
        let changes = Changes {
            changed: vec![("a/b".to_owned(), None)],
            gone: vec!["a/c".to_owned()],
        };
        check(objectives_event(&changes, &BTreeMap::new()));
    }

    #[test]
    fn lists_are_bounded() {
        let changed = (0..ITEMS_MAX + 5).map(|at| (at, None::<u32>)).collect();
        let changes = Changes {
            changed,
            gone: vec![1],
        };
        let write = |json: &mut JsonWriter, at: &usize| {
            json.unsigned(*at as u64);
        };
        let json = changes.write(|json, at, _| write(json, at), write);
        let value: serde_json::Value = serde_json::from_slice(&json.into_bytes()).unwrap();
        assert_eq!(value["changed"].as_array().unwrap().len(), ITEMS_MAX);
        assert_eq!((&value["gone"][0], &value["more"]), (&1.into(), &5.into()));
    }
}
