//! Our own API under `/api/bellwether/v1`, and the description of all that is spoken here.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bellwether_notify::replica::{Replica, ReplicaStatus};
use bellwether_storage::StoreStats;

use crate::api::{self, write_top};
use crate::app::App;
use crate::envelope::{ApiError, json_response};
use crate::json::JsonWriter;
use crate::services::{ActiveTarget, Services, TargetHealth};
use crate::{openapi, own_transfer, replica};

/// Entries of the lists of greatest things. Chosen: what fits a page.
const TOP: usize = 10;

/// Routes of our own API.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/status", get(status))
        .route("/api/bellwether/v1/openapi.json", get(describe))
        .route(
            "/api/bellwether/v1/export",
            api::responding_get(own_transfer::export),
        )
        .route("/api/bellwether/v1/import", post(own_transfer::import))
        .route(
            "/api/bellwether/v1/storage/compact",
            post(own_transfer::compact),
        )
}

/// All that the page's head and its numbers need, in one answer.
async fn status(State(app): State<Arc<App>>) -> Response {
    let asked = app.catalog(|services| Ok(facts(services))).await;
    let mut json = JsonWriter::with_capacity(4096);
    write_status(&mut json, &app, asked);
    json_response(json.into_bytes())
}

/// What the status tells of the services.
pub(crate) struct StatusFacts {
    stats: StoreStats,
    targets: Vec<ActiveTarget>,
    problems: Vec<(String, String)>,
    member: Option<ReplicaStatus>,
}

/// Asks the services; may take as long as a question to the catalogue.
pub(crate) fn facts(services: &Services) -> StatusFacts {
    StatusFacts {
        stats: services.store.stats(TOP),
        targets: services.targets.active(),
        problems: services.targets.pool_problems(),
        member: services.alerting.replica.as_ref().map(Replica::status),
    }
}

/// Writes the status; the error where the services are not there.
pub(crate) fn write_status(json: &mut JsonWriter, app: &App, asked: Result<StatusFacts, ApiError>) {
    json.object_begin();
    json.key("state").string(app.state_word());
    json.key("version").string(&app.build.version);
    json.key("revision").string(&app.build.revision);
    json.key("startedAt").time(app.started_ms);
    json.key("now").time(app.clock.now_ms());
    json.key("authentication")
        .boolean(app.settings.security.authenticates());
    match asked {
        Ok(StatusFacts {
            stats,
            targets,
            problems,
            member,
        }) => {
            let count = |health| targets.iter().filter(|t| t.health == health).count() as u64;
            json.key("targets").object_begin();
            json.key("up").unsigned(count(TargetHealth::Up));
            json.key("down").unsigned(count(TargetHealth::Down));
            json.key("unknown").unsigned(count(TargetHealth::Unknown));
            json.key("problems").array_begin();
            for (pool, text) in &problems {
                json.object_begin()
                    .key("pool")
                    .string(pool)
                    .key("text")
                    .string(text)
                    .object_end();
            }
            json.array_end().object_end();
            if let Some(member) = &member {
                json.key("replica");
                replica::write_status(json, member);
            }
            json.key("storage").object_begin();
            json.key("headSeries").unsigned(stats.head_series);
            json.key("headLabelPairs").unsigned(stats.head_label_pairs);
            json.key("headChunks").unsigned(stats.head_chunks);
            json.key("headMinTime");
            write_bound(json, stats.head_min_ms);
            json.key("headMaxTime");
            write_bound(json, stats.head_max_ms);
            json.key("blocks").unsigned(stats.block_count);
            json.key("diskBytes").unsigned(stats.disk_bytes);
            json.key("memoryBytes").unsigned(stats.memory_bytes);
            json.key("memoryLimitBytes")
                .unsigned(stats.memory_limit_bytes);
            write_top(json, "seriesByMetric", &stats.series_by_metric);
            write_top(json, "valuesByLabel", &stats.values_by_label);
            write_top(json, "seriesByPair", &stats.series_by_pair);
            write_top(json, "seriesBySource", &stats.series_by_source);
            json.object_end();
        }
        Err(error) => {
            json.key("error").string(&error.message);
        }
    }
    json.object_end();
}

/// A time of the head; `null` where the head is empty.
fn write_bound(json: &mut JsonWriter, time_ms: i64) {
    if time_ms == i64::MAX || time_ms == i64::MIN {
        json.raw("null");
    } else {
        json.time(time_ms);
    }
}

async fn describe(State(app): State<Arc<App>>) -> Response {
    json_response(openapi::document(&app.build.version, openapi::VERSION)).into_response()
}
