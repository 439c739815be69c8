//! Instant and range queries.
//!
//! ## Model
//! A query waits for its turn, runs on a blocking thread, and writes its answer there, series by
//! series. The future that waits for it holds a guard: when the client hangs up, the future is
//! dropped, the guard sets the cancel token, and the engine stops at its next check.
//!
//! ## Limits
//! 11,000 points for each series of a range query, as in Prometheus.

use std::time::Instant;

use axum::response::Response;
use bellwether_model::{Value, short};
use bellwether_promql::{
    CancelToken, Engine, QueryError, QueryOutcome, QueryRequest, QueryStats, QueryValue,
};
use bellwether_storage::{MetricStore, Samples};

use super::Call;
use crate::app::acquire;
use crate::envelope::{ApiError, ErrorType, envelope_end};
use crate::json::JsonWriter;
use crate::long_work::CancelOnDrop;
use crate::own_metrics::InFlight;
use crate::params::Params;
use crate::query_log::{Ended, Times};
use crate::render::{self, CHUNK_BYTES, ClientGone, Output};

const POINTS_MAX: i64 = 11_000;
/// Notes of each severity that an answer carries, as in Prometheus.
const NOTES_MAX: usize = 10;

/// What `/query` and `/query_range` have in common.
struct Common {
    query: String,
    limit: usize,
    request: QueryRequest,
    /// Whether statistics go into the answer.
    stats: bool,
    warning: Option<String>,
}

impl Common {
    fn new(params: &Params, limit: usize) -> Result<Self, ApiError> {
        let timeout_ms = params.duration("timeout")?;
        let lookback_ms = match params.get("lookback_delta") {
            "" => None,
            text => Some(crate::params::parse_duration_ms(text).map_err(|reason| {
                ApiError::bad_data(format_args!(
                    "error parsing lookback delta duration: {reason}"
                ))
            })?),
        };
        let stats = params.get("stats");
        let warning = match stats {
            "" | "true" | "all" => None,
            other => Some(format!(
                "value {:?} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"",
                short(other)
            )),
        };
        Ok(Self {
            query: params.get("query").to_owned(),
            limit,
            request: QueryRequest {
                lookback_ms: lookback_ms.filter(|ms| *ms > 0),
                timeout_ms,
                cancel: CancelToken::default(),
                stats: stats == "all",
            },
            stats: !stats.is_empty(),
            warning,
        })
    }
}

/// `/query`
pub(super) async fn instant(call: Call) -> Result<Response, ApiError> {
    let limit = call.params.limit()?;
    let time_ms = call.params.time_or("time", call.app.clock.now_ms())?;
    let common = Common::new(&call.params, limit)?;
    let times = Times::Instant { time_ms };
    run(call, common, times, move |engine, store, query, request| {
        engine.instant(store, query, time_ms, request)
    })
    .await
}

/// `/query_range`
pub(super) async fn range(call: Call) -> Result<Response, ApiError> {
    let params = &call.params;
    let limit = params.limit()?;
    let start_ms = params.time("start")?;
    let end_ms = params.time("end")?;
    if end_ms < start_ms {
        let reason = "end timestamp must not be before start time";
        return Err(ApiError::invalid_parameter("end", reason));
    }
    let step_ms = crate::params::parse_duration_ms(params.get("step"))
        .map_err(|reason| ApiError::invalid_parameter("step", reason))?;
    if step_ms <= 0 {
        return Err(ApiError::invalid_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let common = Common::new(params, limit)?;
    let times = Times::Range {
        start_ms,
        end_ms,
        step_ms,
    };
    run(call, common, times, move |engine, store, query, request| {
        engine.range(store, query, start_ms, end_ms, step_ms, request)
    })
    .await
}

async fn run(
    call: Call,
    common: Common,
    times: Times,
    evaluate: impl FnOnce(
        &Engine,
        &dyn MetricStore,
        &str,
        &QueryRequest,
    ) -> Result<QueryOutcome, QueryError>
    + Send
    + 'static,
) -> Result<Response, ApiError> {
    let services = call.app.services()?.clone();
    let entry = call.app.queries.begin(
        &common.query,
        times,
        call.caller(),
        &common.request.cancel,
        call.app.clock.now_ms(),
    );
    let waited = Instant::now();
    let permit = acquire(&call.app.query_gate).await?;
    let queue_seconds = waited.elapsed().as_secs_f64();
    let running = InFlight::enter(&call.app.metrics.queries_running);
    let cancelled = &call.app.metrics.queries_cancelled;
    let guard = CancelOnDrop::new(&common.request.cancel, cancelled);
    let response = render::blocking(&call.headers, render::JSON, move |mut output| {
        let _permit = permit;
        let _running = running;
        entry.runs();
        let outcome = evaluate(
            &services.engine,
            &*services.store,
            &common.query,
            &common.request,
        );
        match outcome {
            Ok(outcome) => {
                let last = write_outcome(&mut output, &common, &outcome, queue_seconds);
                // Who has the whole answer finds the query among those that have ended.
                entry.end(Ended {
                    queue_seconds,
                    eval_seconds: outcome.stats.total_seconds,
                    samples: outcome.stats.samples_total,
                    series: outcome.stats.series_selected,
                    results: count_of(&outcome.value),
                    error: None,
                });
                if let Ok(last) = last {
                    output.finish(last);
                }
            }
            Err(error) => {
                let error = api_error(error);
                entry.end(Ended {
                    queue_seconds,
                    error: Some((error.error_type.as_str(), error.message.clone())),
                    ..Ended::default()
                });
                output.fail(error);
            }
        }
    })
    .await;
    guard.disarm();
    response
}

/// Series of a result, or elements.
fn count_of(value: &QueryValue) -> u64 {
    match value {
        QueryValue::Scalar { .. } | QueryValue::String { .. } => 1,
        QueryValue::Vector(samples) => samples.len() as u64,
        QueryValue::Matrix(series) => series.len() as u64,
    }
}

pub(crate) fn api_error(error: QueryError) -> ApiError {
    let error_type = match &error {
        QueryError::Parse(_) => return ApiError::invalid_parameter("query", error),
        QueryError::Storage(error) => crate::envelope::error_type_of(error.kind()),
        other => match other.api_type() {
            "bad_data" => ErrorType::BadData,
            "timeout" => ErrorType::Timeout,
            "canceled" => ErrorType::Canceled,
            "execution" => ErrorType::Execution,
            _ => ErrorType::Internal,
        },
    };
    ApiError::new(error_type, error)
}

/// Writes the answer but for its last bytes, which it gives; stops where the client is gone.
fn write_outcome(
    output: &mut Output,
    common: &Common,
    outcome: &QueryOutcome,
    queue_seconds: f64,
) -> Result<Vec<u8>, ClientGone> {
    let mut json = JsonWriter::with_capacity(CHUNK_BYTES / 8);
    json.object_begin();
    json.key("status").string("success");
    json.key("data").object_begin();
    json.key("resultType").string(outcome.value.type_name());
    json.key("result");
    let cut = write_value(&mut json, output, &outcome.value, common.limit)?;
    if common.stats {
        write_stats(json.key("stats"), &outcome.stats, queue_seconds);
    }
    json.object_end();
    let mut warnings = outcome.annotations.warnings();
    let mut infos = outcome.annotations.infos();
    shorten(&mut warnings, "warning");
    shorten(&mut infos, "info");
    if cut {
        warnings.push("results truncated due to limit".to_owned());
    }
    warnings.extend(common.warning.clone());
    let mut bytes = json.into_bytes();
    bytes.extend_from_slice(&envelope_end(&warnings, &infos));
    Ok(bytes)
}

fn shorten(notes: &mut Vec<String>, word: &str) {
    if notes.len() > NOTES_MAX {
        let more = notes.len() - NOTES_MAX;
        notes.truncate(NOTES_MAX);
        notes.push(format!("{more} more {word} annotations omitted"));
    }
}

/// Writes the value, at most `limit` series of it (0: all). Says whether some were left out.
fn write_value(
    json: &mut JsonWriter,
    output: &mut Output,
    value: &QueryValue,
    limit: usize,
) -> Result<bool, ClientGone> {
    let kept = |count: usize| if limit == 0 { count } else { count.min(limit) };
    match value {
        QueryValue::Scalar { time_ms, value } => {
            json.point(*time_ms, *value);
            Ok(false)
        }
        QueryValue::String { time_ms, value } => {
            json.array_begin().time(*time_ms).string(value).array_end();
            Ok(false)
        }
        QueryValue::Vector(samples) => {
            json.array_begin();
            let count = kept(samples.len());
            for sample in samples.iter().take(count) {
                json.object_begin();
                json.key("metric").labels(&sample.labels);
                match &sample.value {
                    Value::Float(value) => {
                        json.key("value").point(sample.time_ms, *value);
                    }
                    Value::Histogram(histogram) => {
                        json.key("histogram").array_begin().time(sample.time_ms);
                        json.histogram(histogram).array_end();
                    }
                }
                json.object_end();
                flush(json, output)?;
            }
            json.array_end();
            Ok(count < samples.len())
        }
        QueryValue::Matrix(series) => {
            json.array_begin();
            let count = kept(series.len());
            for one in series.iter().take(count) {
                json.object_begin();
                json.key("metric").labels(&one.labels);
                write_samples(json, output, &one.samples)?;
                json.object_end();
                flush(json, output)?;
            }
            json.array_end();
            Ok(count < series.len())
        }
    }
}

fn write_samples(
    json: &mut JsonWriter,
    output: &mut Output,
    samples: &Samples,
) -> Result<(), ClientGone> {
    let is_float_only = samples.histogram_positions.is_empty();
    if samples.len() > samples.histogram_positions.len() {
        json.key("values").array_begin();
        let mut histograms = samples.histogram_positions.iter().copied().peekable();
        for (at, (time_ms, value)) in samples.times_ms.iter().zip(&samples.values).enumerate() {
            if !is_float_only
                && histograms
                    .next_if(|position| *position as usize == at)
                    .is_some()
            {
                continue;
            }
            json.point(*time_ms, *value);
        }
        json.array_end();
    }
    if !is_float_only {
        json.key("histograms").array_begin();
        for (position, histogram) in samples.histogram_positions.iter().zip(&samples.histograms) {
            let Some(time_ms) = samples.times_ms.get(*position as usize) else {
                continue;
            };
            json.array_begin()
                .time(*time_ms)
                .histogram(histogram)
                .array_end();
            flush(json, output)?;
        }
        json.array_end();
    }
    Ok(())
}

fn flush(json: &mut JsonWriter, output: &mut Output) -> Result<(), ClientGone> {
    if json.len() >= CHUNK_BYTES {
        output.flush(json.take())?;
    }
    Ok(())
}

fn write_stats(json: &mut JsonWriter, stats: &QueryStats, queue_seconds: f64) {
    json.object_begin();
    json.key("timings").object_begin();
    json.key("evalTotalTime")
        .number(stats.prepare_seconds + stats.eval_seconds + stats.sort_seconds);
    json.key("resultSortTime").number(stats.sort_seconds);
    json.key("queryPreparationTime")
        .number(stats.prepare_seconds);
    json.key("innerEvalTime").number(stats.eval_seconds);
    json.key("execQueueTime").number(queue_seconds);
    json.key("execTotalTime")
        .number(queue_seconds + stats.total_seconds);
    json.object_end();
    json.key("samples").object_begin();
    if let Some(per_step) = &stats.samples_per_step {
        for key in ["totalQueryableSamplesPerStep", "samplesReadPerStep"] {
            json.key(key).array_begin();
            for (time_ms, count) in per_step {
                json.array_begin()
                    .time(*time_ms)
                    .unsigned(*count)
                    .array_end();
            }
            json.array_end();
        }
    }
    json.key("totalQueryableSamples")
        .unsigned(stats.samples_total);
    json.key("samplesRead").unsigned(stats.samples_total);
    json.key("peakSamples").unsigned(stats.samples_peak);
    json.object_end();
    json.object_end();
}
