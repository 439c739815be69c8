//! Which entities belong to an alert: what it is about, and what that depends on.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::Labels;

use super::WitnessedEntity;
use super::document::EntityPart;

/// The label of alerts that says what they are about.
const ENTITY: &str = "entity";
/// Entities of one alert. Chosen: what fits a page.
const ENTITIES_MAX: usize = 30;

/// The entities that an alert with these labels is about and all that these depend on; what is not up comes first. Gives
/// also how many there were where they are too many.
pub(super) fn of_alert(labels: &Labels, known: &[WitnessedEntity]) -> (Vec<EntityPart>, usize) {
    let by_name: BTreeMap<&str, &WitnessedEntity> =
        known.iter().map(|it| (it.entity.as_str(), it)).collect();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&WitnessedEntity> = known.iter().filter(|it| is_about(labels, it)).collect();
    while let Some(entity) = open.pop() {
        if found.insert(entity.entity.as_str()) {
            let behind = entity.depends_on.iter();
            open.extend(behind.filter_map(|name| by_name.get(name.as_str())));
        }
    }
    let mut parts: Vec<EntityPart> = found
        .iter()
        .filter_map(|name| by_name.get(name))
        .map(|it| EntityPart {
            entity: it.entity.clone(),
            state: it.state.to_owned(),
            reason: it.reason.clone(),
            since: it.since_ms,
            caused_by: it.caused_by.clone(),
        })
        .collect();
    let rank = |state: &str| {
        ["down", "degraded", "unknown"]
            .iter()
            .position(|it| *it == state)
    };
    parts.sort_by_key(|it| (rank(&it.state).unwrap_or(usize::MAX), it.caused_by.len()));
    let count = parts.len();
    parts.truncate(ENTITIES_MAX);
    (parts, count)
}

/// Whether an alert names an entity, or has all labels of its series.
fn is_about(labels: &Labels, entity: &WitnessedEntity) -> bool {
    if labels.get(ENTITY) == Some(entity.entity.as_str()) {
        return true;
    }
    entity.selectors.iter().any(|selector| {
        let has = |(name, value): &(String, String)| labels.get(name) == Some(value.as_str());
        !selector.is_empty() && selector.iter().all(has)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(name: &str, state: &'static str, depends_on: &[&str]) -> WitnessedEntity {
        WitnessedEntity {
            entity: name.to_owned(),
            state,
            reason: String::new(),
            since_ms: 7,
            depends_on: depends_on.iter().map(|it| (*it).to_owned()).collect(),
            caused_by: Vec::new(),
            selectors: vec![vec![("job".to_owned(), name.to_owned())], Vec::new()],
        }
    }

    #[test]
    fn an_alert_has_what_it_is_about_and_what_is_behind_that() {
        let known = [
            entity("daemon/a", "degraded", &["provider/p", "tool/t"]),
            entity("provider/p", "down", &["daemon/a"]),
            entity("tool/t", "up", &["host/h", "host/gone"]),
            entity("host/h", "unknown", &[]),
            entity("daemon/b", "down", &[]),
        ];
        let names = |labels: &[(&str, &str)]| {
            let labels = Labels::from_pairs(labels.iter().copied());
            let (parts, _) = of_alert(&labels, &known);
            parts.into_iter().map(|it| it.entity).collect::<Vec<_>>()
        };
        let all = ["provider/p", "daemon/a", "host/h", "tool/t"];
        assert_eq!(names(&[("entity", "daemon/a")]), all);
        assert_eq!(names(&[("job", "daemon/a"), ("x", "y")]), all);
        assert_eq!(names(&[("entity", "host/h")]), ["host/h"]);
        assert!(names(&[("x", "y")]).is_empty());
    }
}
