//! `/federate`: the newest sample of each series that matches, as an exposition for another server.
//!
//! ## Model
//! Series that are stale, or without a sample in the lookback of the engine, are left out. External
//! labels are added where a series has none of that name, and `instance` is there always, empty
//! where unknown, so that the other server does not put its own in.
//!
//! ## Limits
//! The text format has no native histograms; they are left out of it, as upstream does.

use std::fmt::Write as _;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_model::utf8_name::{Escaped, is_legacy_label_name, is_legacy_metric_name};
use bellwether_model::{Labels, METRIC_NAME, Matchers, TimeRange, is_stale_nan, number};
use bellwether_storage::{MetricStore, Samples, Selection, SelectionHints};

use crate::api::{Call, matcher_sets};
use crate::envelope::{ApiError, text_response};
use crate::render;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The same with names in quotes, for clients that say that they read them.
const CONTENT_TYPE_UTF8: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";

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
    let accepts_utf8 = call
        .headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("escaping=allow-utf-8"));
    let gzip = render::accepts_gzip(&call.headers);
    let bytes = call
        .app
        .catalog(move |services| {
            let lookback_ms = services.engine.options().lookback_ms;
            let range = TimeRange::new(now_ms - lookback_ms, now_ms);
            let newest = newest(&*services.store, &sets, range)?;
            let text = write(&newest, &external, accepts_utf8);
            Ok(if gzip {
                render::gzip_whole(text.as_bytes())
            } else {
                text.into_bytes()
            })
        })
        .await?;
    let mut response = bytes.into_response();
    let content_type = if accepts_utf8 {
        CONTENT_TYPE_UTF8
    } else {
        CONTENT_TYPE
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The newest float of each matching series, sorted by name and labels, each series once.
fn newest(
    store: &dyn MetricStore,
    sets: &[Matchers],
    range: TimeRange,
) -> Result<Vec<(Labels, i64, f64)>, ApiError> {
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
            let last = samples.len().checked_sub(1);
            let Some((last, time_ms)) = last.and_then(|l| Some((l, *samples.times_ms.get(l)?)))
            else {
                continue;
            };
            if samples.histogram_at(last).is_some() {
                continue;
            }
            match samples.values.get(last) {
                Some(value) if !is_stale_nan(*value) => {
                    found.push((series.labels().clone(), time_ms, *value));
                }
                _ => {}
            }
        }
    }
    found.sort_by(|a, b| {
        a.0.metric_name()
            .cmp(b.0.metric_name())
            .then_with(|| a.0.cmp(&b.0))
    });
    found.dedup_by(|a, b| a.0 == b.0);
    Ok(found)
}

fn write(newest: &[(Labels, i64, f64)], external: &Labels, utf8: bool) -> String {
    let mut out = String::with_capacity(newest.len() * 128);
    let mut family = "";
    for (labels, time_ms, value) in newest {
        let name = labels.metric_name();
        let plain = is_legacy_metric_name(name);
        if name.is_empty() || (!plain && !utf8) {
            continue;
        }
        // Writing into a String cannot fail, here and below.
        if name != family {
            family = name;
            if plain {
                let _written = writeln!(out, "# TYPE {name} untyped");
            } else {
                let _written = writeln!(out, "# TYPE \"{}\" untyped", Escaped(name));
            }
        }
        let mut separator = "{";
        if plain {
            out.push_str(name);
        } else {
            let _written = write!(out, "{{\"{}\"", Escaped(name));
            separator = ",";
        }
        let mut builder = labels.without_name().to_builder();
        for (label, text) in external {
            if builder.get(label).is_none() {
                builder.set(label, text);
            }
        }
        let has_instance = builder.get("instance").is_some();
        let merged = builder.build();
        let unset = (!has_instance).then_some(("instance", ""));
        for (label, text) in merged.iter().chain(unset) {
            if label == METRIC_NAME {
                continue;
            }
            if is_legacy_label_name(label) {
                let _written = write!(out, "{separator}{label}=\"{}\"", Escaped(text));
            } else if utf8 {
                let _written = write!(
                    out,
                    "{separator}\"{}\"=\"{}\"",
                    Escaped(label),
                    Escaped(text)
                );
            } else {
                continue;
            }
            separator = ",";
        }
        if separator == "," {
            out.push('}');
        }
        let _written = writeln!(out, " {} {time_ms}", number::General(*value));
    }
    out
}
