//! Search for names while somebody types: answers of JSON lines.
//!
//! ## Model
//! Lines of `{"results":[…]}`, then one of `{"status":"success","has_more":…}`. A candidate counts
//! when any term is part of it, or its letters occur in it in order with a score of at least the
//! threshold. Scores go from 0 to 1: 1 for equality, more for terms at the front.
//!
//! ## Limits
//! [`TERMS_MAX`] terms; results are bounded by `limit`, default 100.
//!
//! ## See also
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>, the part on search.

use std::collections::HashMap;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use bellwether_model::{Matchers, TimeRange, short};
use bellwether_storage::LabelQuery;

use super::{Call, catalog};
use crate::envelope::{ApiError, json_response};
use crate::json::JsonWriter;
use crate::params::Params;

const TERMS_MAX: usize = 32;
const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortBy {
    Nothing,
    Name,
    Score,
}

/// What all three searches are told.
#[derive(Debug)]
struct Search {
    matcher_sets: Vec<Matchers>,
    range: TimeRange,
    terms: Vec<String>,
    threshold: f64,
    case_sensitive: bool,
    include_score: bool,
    sort_by: SortBy,
    descending: bool,
    limit: usize,
    batch_size: usize,
}

impl Search {
    fn new(params: &Params, now_ms: i64) -> Result<Self, ApiError> {
        let start_ms = params.time_or("start", now_ms - HOUR_MS)?;
        let end_ms = params.time_or("end", now_ms)?;
        if end_ms < start_ms {
            return Err(ApiError::bad_data(
                "end timestamp must not be before start timestamp",
            ));
        }
        let case_sensitive = params.boolean("case_sensitive", true)?;
        let terms: Vec<String> = params
            .all("search[]")
            .map(|term| {
                if case_sensitive {
                    term.to_owned()
                } else {
                    term.to_lowercase()
                }
            })
            .collect();
        if terms.len() > TERMS_MAX {
            return Err(ApiError::bad_data(format_args!(
                "too many search[] terms: got {}, maximum is {TERMS_MAX}",
                terms.len()
            )));
        }
        let threshold = match params.get("fuzz_threshold") {
            "" => 0,
            text => text
                .parse::<u32>()
                .ok()
                .filter(|n| *n <= 100)
                .ok_or_else(|| {
                    ApiError::bad_data(format_args!(
                        "invalid fuzz_threshold {:?}: must be 0-100",
                        short(text)
                    ))
                })?,
        };
        let algorithm = params.get("fuzz_alg");
        if !matches!(algorithm, "" | "subsequence") {
            return Err(ApiError::bad_data(format_args!(
                "unsupported fuzz_alg {:?}: must be one of [subsequence]",
                short(algorithm)
            )));
        }
        let (sort_by, descending) = sorting(params, !terms.is_empty())?;
        Ok(Self {
            matcher_sets: catalog::matcher_sets(params)?,
            range: TimeRange::new(start_ms, end_ms),
            terms,
            threshold: f64::from(threshold) / 100.0,
            case_sensitive,
            include_score: params.boolean("include_score", false)?,
            sort_by,
            descending,
            limit: positive(params, "limit", 100)?,
            batch_size: positive(params, "batch_size", 100)?,
        })
    }

    /// Best score of any term; `None` where the candidate does not count.
    fn score(&self, candidate: &str) -> Option<f64> {
        if self.terms.is_empty() {
            return Some(1.0);
        }
        let lowered;
        let candidate = if self.case_sensitive {
            candidate
        } else {
            lowered = candidate.to_lowercase();
            &lowered
        };
        self.terms
            .iter()
            .filter_map(|term| score(term, candidate, self.threshold))
            .max_by(f64::total_cmp)
    }

    /// Filters, sorts and cuts candidates that come sorted by name. Says whether there are more.
    fn select(&self, candidates: Vec<String>) -> (Vec<(String, f64)>, bool) {
        let mut kept: Vec<(String, f64)> = candidates
            .into_iter()
            .filter_map(|name| self.score(&name).map(|score| (name, score)))
            .collect();
        match self.sort_by {
            SortBy::Nothing => {}
            SortBy::Name if self.descending => kept.reverse(),
            SortBy::Name => {}
            SortBy::Score => kept.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))),
        }
        let more = kept.len() > self.limit;
        kept.truncate(self.limit);
        (kept, more)
    }
}

fn sorting(params: &Params, has_terms: bool) -> Result<(SortBy, bool), ApiError> {
    let direction = params.get("sort_dir");
    let sort_by = match params.get("sort_by") {
        "" if !direction.is_empty() => {
            return Err(ApiError::bad_data(
                "sort_dir is only valid when sort_by is set",
            ));
        }
        "" => SortBy::Nothing,
        "alpha" | "name" => SortBy::Name,
        "score" if !direction.is_empty() => {
            return Err(ApiError::bad_data(
                "sort_dir is not supported for sort_by=score",
            ));
        }
        "score" if !has_terms => {
            return Err(ApiError::bad_data(
                "sort_by=score requires search[] to be set",
            ));
        }
        "score" => SortBy::Score,
        other => {
            return Err(ApiError::bad_data(format_args!(
                "unsupported sort_by {:?}: must be alpha or score",
                short(other)
            )));
        }
    };
    match direction {
        "" | "asc" => Ok((sort_by, false)),
        "dsc" => Ok((sort_by, true)),
        other => Err(ApiError::bad_data(format_args!(
            "invalid sort_dir {:?}: must be \"asc\" or \"dsc\"",
            short(other)
        ))),
    }
}

fn positive(params: &Params, name: &str, default: usize) -> Result<usize, ApiError> {
    match params.get(name) {
        "" => Ok(default),
        text => text
            .parse::<usize>()
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| {
                ApiError::bad_data(format_args!(
                    "invalid {name} {:?}: must be a positive integer",
                    short(text)
                ))
            }),
    }
}

/// How well a term fits: 1 for equality, else the share of the candidate that it covers, with a
/// bonus where it stands in front; for letters in order, the share that lies close together.
fn score(term: &str, candidate: &str, threshold: f64) -> Option<f64> {
    if term == candidate {
        return Some(1.0);
    }
    if let Some(at) = candidate.find(term) {
        let share = term.len() as f64 / candidate.len() as f64;
        let front = if at == 0 { 0.2 } else { 0.0 };
        return Some((0.6 + 0.19 * share + front).min(0.99));
    }
    let mut letters = term.chars().peekable();
    let (mut runs, mut previous, mut matched) = (0usize, None, 0usize);
    for (at, letter) in candidate.chars().enumerate() {
        if letters.next_if_eq(&letter).is_some() {
            if previous != at.checked_sub(1) || previous.is_none() {
                runs += 1;
            }
            previous = Some(at);
            matched += 1;
        }
    }
    if letters.peek().is_some() || matched == 0 {
        return None;
    }
    let score = 0.6 * (matched as f64 / candidate.chars().count() as f64) / (runs as f64).sqrt();
    (score >= threshold).then_some(score)
}

fn respond(
    search: &Search,
    kept: &[(String, f64)],
    more: bool,
    key: &str,
    mut more_fields: impl FnMut(&mut JsonWriter, &str),
) -> Response {
    let mut out = Vec::with_capacity(kept.len() * 48 + 64);
    let mut batches: Vec<&[(String, f64)]> = kept.chunks(search.batch_size).collect();
    if batches.is_empty() {
        // The first batch is always there, so that clients can count on it.
        batches.push(&[]);
    }
    for batch in batches {
        let mut json = JsonWriter::with_capacity(1024);
        json.object_begin().key("results").array_begin();
        for (name, score) in batch {
            json.object_begin().key(key).string(name);
            if search.include_score {
                json.key("score").number(*score);
            }
            more_fields(&mut json, name);
            json.object_end();
        }
        json.array_end().object_end();
        out.extend_from_slice(&json.into_bytes());
        out.push(b'\n');
    }
    let mut json = JsonWriter::with_capacity(64);
    json.object_begin()
        .key("status")
        .string("success")
        .key("has_more")
        .boolean(more)
        .object_end();
    out.extend_from_slice(&json.into_bytes());
    out.push(b'\n');
    let mut response = json_response(out);
    let lines = HeaderValue::from_static("application/x-ndjson; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, lines);
    response
}

/// `/search/metric_names`
pub(super) async fn metric_names(call: Call) -> Result<Response, ApiError> {
    let search = Search::new(&call.params, call.app.clock.now_ms())?;
    let with_metadata = call.params.boolean("include_metadata", false)?;
    call.app
        .catalog(move |services| {
            let query = LabelQuery {
                matcher_sets: &search.matcher_sets,
                range: search.range,
                limit: 0,
            };
            let names = services.store.label_values(catalog::NAME_LABEL, &query)?;
            let (kept, more) = search.select(names);
            let mut known = HashMap::new();
            if with_metadata {
                for entry in services.targets.metadata(None) {
                    known.entry(entry.metric).or_insert(entry.metadata);
                }
                for entry in services.store.metadata(None)? {
                    known.entry(entry.metric).or_insert(entry.metadata);
                }
            }
            Ok(respond(&search, &kept, more, "name", |json, name| {
                if let Some(metadata) = known.get(name) {
                    json.key("type").string(metadata.metric_type.as_str());
                    json.key("help").string(&metadata.help);
                    json.key("unit").string(&metadata.unit);
                }
            }))
        })
        .await
}

/// `/search/label_names`
pub(super) async fn label_names(call: Call) -> Result<Response, ApiError> {
    let search = Search::new(&call.params, call.app.clock.now_ms())?;
    call.app
        .catalog(move |services| {
            let query = LabelQuery {
                matcher_sets: &search.matcher_sets,
                range: search.range,
                limit: 0,
            };
            let (kept, more) = search.select(services.store.label_names(&query)?);
            Ok(respond(&search, &kept, more, "name", |_, _| {}))
        })
        .await
}

/// `/search/label_values`
pub(super) async fn label_values(call: Call) -> Result<Response, ApiError> {
    let search = Search::new(&call.params, call.app.clock.now_ms())?;
    let label = call.params.get("label").to_owned();
    if label.is_empty() {
        return Err(ApiError::bad_data("missing required parameter \"label\""));
    }
    call.app
        .catalog(move |services| {
            let query = LabelQuery {
                matcher_sets: &search.matcher_sets,
                range: search.range,
                limit: 0,
            };
            let (kept, more) = search.select(services.store.label_values(&label, &query)?);
            Ok(respond(&search, &kept, more, "value", |_, _| {}))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_from_equality_to_scattered_letters() {
        let of = |term: &str, name: &str| score(term, name, 0.0).unwrap_or(-1.0);
        let falling = [
            of("up", "up"),
            of("http", "http_requests"),
            of("http", "go_http_requests"),
            of("htrq", "http_requests"),
            of("xyz", "http_requests"),
        ];
        assert!(falling.is_sorted_by(|a, b| a > b), "{falling:?}");
        assert_eq!(score("hrs", "http_requests", 0.9), None);
    }
}
