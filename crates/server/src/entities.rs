//! The map of entities as an answer.
//!
//! ## Model
//! `GET /api/bellwether/v1/entities?kind=&state=` lists them, `…/entities/{entity}` (`kind%2Fname`) tells one with all that is
//! said of it, what it depends on and what depends on it, and the alerts that name it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use bellwether_health::{Entity, EntityFact, EntityId, EntityKind, HealthState};
use bellwether_model::{Labels, short};
use bellwether_notify::ENTITY_LABEL;
use serde_json::{Map, Value, json};

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::envelope::{ApiError, ErrorType};
use crate::probing::{probing, success};

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/entities", responding_get(list))
        .route("/api/bellwether/v1/entities/{entity}", get(one))
}

fn chosen<T>(
    call: &Call,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Vec<T>, ApiError> {
    let words = call.params.all(name).flat_map(|text| text.split(','));
    words
        .map(|word| {
            parse(word.trim()).ok_or_else(|| {
                let known = known.join(", ");
                let reason = format!("{:?}: want one of {known}", short(word));
                ApiError::invalid_parameter(name, reason)
            })
        })
        .collect()
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let kinds = EntityKind::ALL.map(EntityKind::as_str);
    let kinds = chosen(&call, "kind", EntityKind::parse, &kinds)?;
    let states = HealthState::ALL.map(HealthState::as_str);
    let states = chosen(&call, "state", HealthState::parse, &states)?;
    let entities = probing(&call.app)?.entities.all();
    let is_wanted = |it: &&Entity| {
        (kinds.is_empty() || kinds.contains(&it.id.kind))
            && (states.is_empty() || states.contains(&it.state))
    };
    let wanted: Vec<Value> = entities.iter().filter(is_wanted).map(value).collect();
    Ok(success(json!({ "entities": wanted })))
}

async fn one(State(app): State<Arc<App>>, Path(text): Path<String>) -> Result<Response, ApiError> {
    let unknown = || {
        let text = format!("there is no entity {:?}", short(&text));
        ApiError::new(ErrorType::NotFound, text)
    };
    let id = EntityId::parse(&text).ok_or_else(unknown)?;
    let all = probing(&app)?.entities.all();
    let entity = all.iter().find(|it| it.id == id).ok_or_else(unknown)?;
    let mut value = value(entity);
    let dependents = all.iter().filter(|it| it.depends_on.contains(&id));
    let dependents: Vec<String> = dependents.map(|it| it.id.to_string()).collect();
    let facts: Vec<Value> = entity.facts.iter().map(fact).collect();
    if let Some(object) = value.as_object_mut() {
        object.insert("dependents".to_owned(), json!(dependents));
        object.insert("facts".to_owned(), json!(facts));
        object.insert("alerts".to_owned(), json!(alerts(&app, &text)?));
    }
    Ok(success(value))
}

/// Alerts that fire and name an entity.
fn alerts(app: &App, entity: &str) -> Result<Vec<Value>, ApiError> {
    let runner = &app.services()?.alerting.runner;
    Ok(runner.look(|machine, now_ms| {
        let alerts = machine.alerts().filter(|alert| {
            !alert.is_resolved(now_ms) && alert.labels.get(ENTITY_LABEL) == Some(entity)
        });
        let alert = |labels: &Labels| {
            let pairs = labels
                .iter()
                .map(|(name, value)| (name.to_owned(), json!(value)));
            pairs.collect::<Map<String, Value>>()
        };
        alerts
            .map(|it| {
                json!({
                    "fingerprint": it.fingerprint().to_string(),
                    "labels": alert(&it.labels),
                    "since": it.starts_ms as f64 / 1_000.0,
                })
            })
            .collect()
    }))
}

fn value(entity: &Entity) -> Value {
    let names = |ids: &[EntityId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "entity": entity.id.to_string(),
        "kind": entity.id.kind.as_str(),
        "name": entity.id.name,
        "state": entity.state.as_str(),
        "reason": entity.reason,
        "since": entity.since_ms as f64 / 1_000.0,
        "dependsOn": names(&entity.depends_on),
        "causedBy": names(&entity.caused_by),
        "sources": sources(entity),
    })
}

fn sources(entity: &Entity) -> Vec<&'static str> {
    let mut sources: Vec<&str> = entity.facts.iter().map(|it| it.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// What one source says, with a selector of its series.
fn fact(fact: &EntityFact) -> Value {
    let selector = |(name, value): &(String, String)| format!("{name}={value:?}");
    let selector: Vec<String> = fact.labels.iter().map(selector).collect();
    json!({
        "source": fact.source.as_str(),
        "from": fact.from,
        "state": fact.state.as_str(),
        "reason": fact.reason,
        "selector": match selector.is_empty() {
            true => Value::Null,
            false => json!(format!("{{{}}}", selector.join(","))),
        },
    })
}
