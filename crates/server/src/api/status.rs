//! What the server is, how it was started, and what it holds.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bellwether_storage::TopEntry;
use bytes::Bytes;

use super::Call;
use super::targets::rfc3339;
use crate::app::App;
use crate::envelope::{Answer, ApiError};
use crate::json::JsonWriter;
use crate::services::BuildInfo;
use crate::sse;

/// The longest lists that `/status/tsdb` gives, as in Prometheus.
const TOP_MAX: usize = 10_000;

/// `/status/config`
pub(super) async fn config(call: Call) -> Result<Answer, ApiError> {
    let yaml = call.app.control.config_yaml();
    Ok(Answer::write(|json| {
        json.object_begin().key("yaml").string(&yaml).object_end();
    }))
}

/// `/status/flags`
pub(super) async fn flags(call: Call) -> Result<Answer, ApiError> {
    Ok(Answer::write(|json| {
        json.object_begin();
        for (name, value) in &call.app.flags {
            json.key(name).string(value);
        }
        json.object_end();
    }))
}

/// `/status/buildinfo`
pub(super) async fn build(call: Call) -> Result<Answer, ApiError> {
    Ok(Answer::write(|json| write_build(json, &call.app.build)))
}

/// The build as Prometheus' clients read it. `goVersion` names what compiled us.
pub(crate) fn write_build(json: &mut JsonWriter, build: &BuildInfo) {
    json.object_begin();
    write_build_fields(json, build, "Bellwether");
    json.object_end();
}

/// `/status/buildinfo` below `/prometheus`: the words by which Grafana knows that rules can be edited
/// there. They are texts, not truth values.
pub(super) async fn mimir_build(call: Call) -> Result<Answer, ApiError> {
    let services = call.app.services()?;
    let can_edit = services.alerting.rule_editor().is_some();
    Ok(Answer::write(|json| {
        json.object_begin();
        write_build_fields(json, &call.app.build, "Grafana Mimir");
        json.key("features").object_begin();
        json.key("ruler_config_api")
            .string(if can_edit { "true" } else { "false" });
        for feature in [
            "alertmanager_config_api",
            "query_sharding",
            "federated_rules",
        ] {
            json.key(feature).string("false");
        }
        json.object_end().object_end();
    }))
}

fn write_build_fields(json: &mut JsonWriter, build: &BuildInfo, application: &str) {
    json.key("version").string(&build.api_version);
    json.key("revision").string(&build.revision);
    json.key("branch").string("main");
    json.key("buildUser").string("");
    json.key("buildDate").string(&build.build_date);
    json.key("goVersion").string(&build.rustc_version);
    json.key("application").string(application);
    json.key("bellwetherVersion").string(&build.version);
}

/// `/status/runtimeinfo`
pub(super) async fn runtime(call: Call) -> Result<Answer, ApiError> {
    let app = &call.app;
    let facts = app.control.runtime();
    let folder =
        std::env::current_dir().map_or_else(|_| String::new(), |p| p.display().to_string());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    Ok(Answer::write(|json| {
        json.object_begin();
        json.key("startTime").string(&rfc3339(app.started_ms));
        json.key("CWD").string(&folder);
        json.key("hostname").string(host.trim());
        json.key("serverTime").string(&rfc3339(app.clock.now_ms()));
        json.key("reloadConfigSuccess")
            .boolean(facts.reload_success);
        json.key("lastConfigTime")
            .string(&rfc3339(facts.last_config_ms));
        json.key("corruptionCount").unsigned(facts.corruption_count);
        // Go's numbers, as near as they have a meaning here: threads that run, and no collector.
        json.key("goroutineCount").unsigned(task_count());
        json.key("GOMAXPROCS").unsigned(threads);
        json.key("GOMEMLIMIT").integer(i64::MAX);
        json.key("GOGC").string("");
        json.key("GODEBUG").string("");
        json.key("storageRetention")
            .string(&facts.storage_retention);
        json.object_end();
    }))
}

fn task_count() -> u64 {
    std::fs::read_dir("/proc/self/task").map_or(0, |entries| entries.count() as u64)
}

/// `/status/tsdb`
pub(super) async fn tsdb(call: Call) -> Result<Answer, ApiError> {
    let top = match call.params.get("limit") {
        "" => 10,
        text => match text.parse::<usize>() {
            Ok(top) if top > TOP_MAX => {
                return Err(ApiError::bad_data(format_args!(
                    "limit must not exceed {TOP_MAX}"
                )));
            }
            Ok(top) if top > 0 => top,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    let stats = call
        .app
        .catalog(move |services| Ok(services.store.stats(top)))
        .await?;
    Ok(Answer::write(|json| {
        json.object_begin();
        json.key("headStats").object_begin();
        json.key("numSeries").unsigned(stats.head_series);
        json.key("numLabelPairs").unsigned(stats.head_label_pairs);
        json.key("chunkCount").unsigned(stats.head_chunks);
        json.key("minTime").integer(stats.head_min_ms);
        json.key("maxTime").integer(stats.head_max_ms);
        json.object_end();
        write_top(json, "seriesCountByMetricName", &stats.series_by_metric);
        write_top(json, "labelValueCountByLabelName", &stats.values_by_label);
        write_top(json, "memoryInBytesByLabelName", &stats.bytes_by_label);
        write_top(json, "seriesCountByLabelValuePair", &stats.series_by_pair);
        json.object_end();
    }))
}

/// `/status/tsdb/blocks`. What has no meaning here has the value that clients read as nothing said:
/// level 1, and a block as its own source.
pub(super) async fn blocks(call: Call) -> Result<Answer, ApiError> {
    let blocks = call
        .app
        .catalog(|services| Ok(services.store.blocks()))
        .await?;
    Ok(Answer::write(|json| {
        json.object_begin().key("blocks").array_begin();
        for block in &blocks {
            let id = ulid_text(block.number);
            json.object_begin();
            json.key("ulid").string(&id);
            json.key("minTime").integer(block.min_ms);
            // The end of a block of Prometheus is not inside of it.
            json.key("maxTime").integer(block.max_ms.saturating_add(1));
            json.key("stats").object_begin();
            json.key("numBytes").unsigned(block.disk_bytes);
            json.key("numSamples").unsigned(block.sample_count);
            json.key("numSeries").unsigned(block.series_count);
            json.key("numChunks").unsigned(block.chunk_count);
            json.object_end();
            json.key("compaction").object_begin();
            json.key("level").unsigned(1);
            json.key("sources").strings([&id]);
            json.object_end();
            json.key("version").unsigned(1);
            json.object_end();
        }
        json.array_end().object_end();
    }))
}

/// A number in the form of a ULID, which clients parse: 26 digits of Crockford's base 32.
fn ulid_text(number: u64) -> String {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H',
        'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    let number = u128::from(number);
    (0..26)
        .rev()
        .map(|place| DIGITS[(number >> (5 * place)) as usize & 31])
        .collect()
}

/// A list of names and numbers.
pub(crate) fn write_top(json: &mut JsonWriter, key: &str, entries: &[TopEntry]) {
    json.key(key).array_begin();
    for entry in entries {
        json.object_begin();
        json.key("name").string(&entry.name);
        json.key("value").unsigned(entry.value);
        json.object_end();
    }
    json.array_end();
}

/// `/status/walreplay`: answered while the store is still opening.
pub(super) async fn replay(call: Call) -> Result<Answer, ApiError> {
    let (min, max, current) = call.app.control.replay();
    Ok(Answer::write(|json| {
        json.object_begin();
        json.key("min").unsigned(min);
        json.key("max").unsigned(max);
        json.key("current").unsigned(current);
        json.object_end();
    }))
}

/// `/features`
pub(super) async fn features(call: Call) -> Result<Answer, ApiError> {
    let mut features = call.app.features.clone();
    let settings = &call.app.settings;
    let api = [
        ("admin", settings.enable_admin),
        ("exclude_alerts", true),
        ("label_values_match", true),
        ("lifecycle", settings.enable_lifecycle),
        ("otlp_write_receiver", settings.enable_otlp),
        ("query_stats", true),
        ("query_warnings", true),
        ("remote_write_receiver", settings.enable_remote_write),
        ("search", true),
        ("search_fuzz_alg_subsequence", true),
        ("time_range_labels", true),
        ("time_range_series", true),
    ];
    features.extend(api.map(|(name, on)| ("api".to_owned(), name.to_owned(), on)));
    features.sort();
    features.dedup_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1));
    Ok(Answer::write(|json| {
        json.object_begin();
        for group in features.chunk_by(|a, b| a.0 == b.0) {
            json.key(group.first().map_or("", |feature| feature.0.as_str()))
                .object_begin();
            for (_, name, on) in group {
                json.key(name).boolean(*on);
            }
            json.object_end();
        }
        json.object_end();
    }))
}

/// What an operator should know of, as JSON.
pub(crate) fn write_notifications(app: &App) -> Vec<u8> {
    let mut json = JsonWriter::with_capacity(256);
    json.array_begin();
    for (text, since_ms) in app.control.notifications() {
        write_notification(&mut json, &text, since_ms);
    }
    json.array_end();
    json.into_bytes()
}

fn write_notification(json: &mut JsonWriter, text: &str, since_ms: i64) {
    json.object_begin();
    json.key("text").string(text);
    json.key("date").string(&rfc3339(since_ms));
    json.key("active").boolean(true);
    json.object_end();
}

/// `/notifications`
pub(super) async fn notifications(call: Call) -> Result<Answer, ApiError> {
    Ok(Answer {
        data: write_notifications(&call.app),
        ..Answer::default()
    })
}

/// `/notifications/live`: server-sent events. What is active now is sent at once; then the stream
/// stays open until the server stops.
pub(super) async fn notifications_live(State(app): State<Arc<App>>) -> Response {
    let mut first: Vec<Bytes> = Vec::new();
    for (text, since_ms) in app.control.notifications() {
        let mut json = JsonWriter::with_capacity(128);
        write_notification(&mut json, &text, since_ms);
        let event = json.into_bytes();
        first.push(sse::event(None, None, &String::from_utf8_lossy(&event)));
    }
    // A comment, so that the client sees the stream begin even where nothing is active.
    first.push(Bytes::from_static(b": waiting\n\n"));
    let mut stopping = app.stopping.subscribe();
    let until_stop = futures::stream::once(async move {
        // An error means that the server is gone, which ends the stream as well.
        stopping.wait_for(|stop| *stop).await.ok();
        Bytes::new()
    });
    sse::response(futures::StreamExt::chain(
        futures::stream::iter(first),
        until_stop,
    ))
}

#[cfg(test)]
mod tests {
    use super::ulid_text;

    #[test]
    fn numbers_in_the_form_of_a_ulid_have_26_digits() {
        assert_eq!(ulid_text(0), "0".repeat(26));
        assert_eq!(ulid_text(35), format!("{}13", "0".repeat(24)));
        assert_eq!(
            ulid_text(u64::MAX),
            format!("{}FZZZZZZZZZZZZ", "0".repeat(13))
        );
    }
}
