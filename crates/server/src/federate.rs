//! `/federate`: the newest sample of each series that matches, as an exposition for another server.
//!
//! ## Model
//! Samples come from the lookback of the engine; stale series are left out. The formats, the
//! external labels and the empty `instance` are the affair of `bellwether_ingest::exposition`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_ingest::exposition::{self, Negotiated, NewestSample};
use bellwether_model::{Matchers, TimeRange, Value};
use bellwether_storage::{MetricStore, Samples, Selection, SelectionHints};

use crate::api::{Call, matcher_sets};
use crate::envelope::{ApiError, text_response};

/// `/federate`
pub(crate) async fn federate(call: Call) -> Result<Response, ApiError> {
    if !call.app.is_ready() {
        return Ok(call.app.not_ready());
    }
    let sets = match matcher_sets(&call.params) {
        Ok(sets) => sets,
        Err(error) => return Ok(text_response(StatusCode::BAD_REQUEST, error.message)),
    };
    let now_ms = call.app.clock.now_ms();
    let external = call.app.control.external_labels();
    let accept = call
        .headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let negotiated = Negotiated::from_accept(accept.unwrap_or(""));
    let bytes = call
        .app
        .catalog(move |services| {
            let lookback_ms = services.engine.options().lookback_ms;
            let range = TimeRange::new(now_ms - lookback_ms, now_ms);
            let newest = newest(&*services.store, &sets, range)?;
            let mut out = Vec::with_capacity(newest.len() * 128);
            let left_out = exposition::federate(newest, &external, negotiated, &mut out);
            if left_out > 0 {
                tracing::debug!(left_out, "samples that the format cannot express");
            }
            Ok(out)
        })
        .await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::try_from(negotiated.content_type()) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Accept, Accept-Encoding"),
    );
    Ok(response)
}

/// The newest sample of each matching series, each series once.
fn newest(
    store: &dyn MetricStore,
    sets: &[Matchers],
    range: TimeRange,
) -> Result<Vec<NewestSample>, ApiError> {
    let mut found = Vec::new();
    let mut samples = Samples::default();
    for matchers in sets {
        let hints = SelectionHints::default();
        for series in store.select(&Selection {
            matchers,
            range,
            hints,
        })? {
            samples.clear();
            series.read(range, &mut samples)?;
            let Some(last) = samples.len().checked_sub(1) else {
                continue;
            };
            let (Some(&time_ms), Some(&float)) =
                (samples.times_ms.get(last), samples.values.get(last))
            else {
                continue;
            };
            let value = match samples.histogram_at(last) {
                Some(histogram) => Value::Histogram(std::sync::Arc::clone(histogram)),
                None => Value::Float(float),
            };
            found.push(NewestSample {
                labels: series.labels().clone(),
                time_ms,
                value,
            });
        }
    }
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    found.dedup_by(|a, b| a.labels == b.labels);
    Ok(found)
}
