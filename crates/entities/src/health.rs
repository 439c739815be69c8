//! What services say of their own health: the series of `bellwether-sdk`'s registry, and of exporters of databases.

use std::collections::BTreeMap;

use bellwether_health::{EntityFact, EntityId, EntityKind, FactSource, HealthState};
use bellwether_model::Labels;

use crate::ask::{Ask, Unanswered, process_labels, process_name};

/// Reasons of one service that are listed. Chosen: what fits a line.
const REASONS_MAX: usize = 5;
/// What exporters of databases say of the database behind them.
const DATABASES: &str =
    r#"{__name__=~"pg_up|redis_up|mysql_up|mongodb_up|memcached_up|rabbitmq_up|kafka_up"}"#;

/// What health checks say of daemons.
pub(crate) fn facts(ask: &mut Ask<'_>) -> Result<Vec<EntityFact>, Unanswered> {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (labels, _) in ask.vector(r#"health_probe_state{state=~"degraded|down"} == 1"#)? {
        let (probe, state) = (labels.get("probe"), labels.get("state"));
        if let (Some(probe), Some(state)) = (probe, state) {
            let of_process = reasons.entry(process_name(&labels)).or_default();
            of_process.push(format!("{probe} is {state}"));
        }
    }
    let mut facts: Vec<EntityFact> = ask
        .vector("health_state == 1")?
        .into_iter()
        .filter_map(|(labels, _)| daemon(&labels, &mut reasons))
        .collect();
    facts.extend(ask.vector(DATABASES)?.into_iter().map(database));
    Ok(facts)
}

fn daemon(labels: &Labels, reasons: &mut BTreeMap<String, Vec<String>>) -> Option<EntityFact> {
    let state = HealthState::parse(labels.get("state")?)?;
    let name = process_name(labels);
    let mut of_this = reasons.remove(&name).unwrap_or_default();
    if let Some(more @ 1..) = of_this.len().checked_sub(REASONS_MAX) {
        of_this.truncate(REASONS_MAX);
        of_this.push(format!("{more} more"));
    }
    let reason = match (state, of_this.is_empty()) {
        (HealthState::Up, _) => String::new(),
        (_, true) => "its own health checks say so".to_owned(),
        (_, false) => of_this.join(", "),
    };
    Some(EntityFact {
        entity: EntityId::new(EntityKind::Daemon, name.clone()),
        source: FactSource::Health,
        from: name,
        state,
        reason,
        depends_on: Vec::new(),
        labels: process_labels(labels),
    })
}

fn database((labels, value): (Labels, f64)) -> EntityFact {
    let (name, metric) = (process_name(&labels), labels.metric_name().to_owned());
    let is_up = value > 0.0;
    EntityFact {
        entity: EntityId::new(EntityKind::Database, name),
        source: FactSource::Health,
        reason: match is_up {
            true => String::new(),
            false => format!("{metric} is 0: its exporter cannot reach it"),
        },
        from: metric,
        state: match is_up {
            true => HealthState::Up,
            false => HealthState::Down,
        },
        depends_on: Vec::new(),
        labels: process_labels(&labels),
    }
}
