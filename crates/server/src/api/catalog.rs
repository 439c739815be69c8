//! Questions for what there is: series, label names and values, exemplars, metadata.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{METRIC_NAME, Matcher, Matchers, short, utf8_name};
use bellwether_storage::{LabelQuery, MetricStore};

use super::{Call, language};
use crate::envelope::{Answer, ApiError};
use crate::params::Params;

const TRUNCATED: &str = "results truncated due to limit";

/// The lists of matchers of `match[]`. Each must have one that does not match the empty string.
pub(crate) fn matcher_sets(params: &Params) -> Result<Vec<Matchers>, ApiError> {
    let mut sets = Vec::new();
    for text in params.all("match[]") {
        let matchers = language::selector(text).map_err(ApiError::bad_data)?;
        if matchers.iter().all(Matcher::matches_empty) {
            return Err(ApiError::bad_data(
                "match[] must contain at least one non-empty matcher",
            ));
        }
        sets.push(matchers);
    }
    Ok(sets)
}

/// One more than the limit, so that a cut can be told from an exact fit.
fn probe(limit: usize) -> usize {
    if limit == 0 {
        0
    } else {
        limit.saturating_add(1)
    }
}

/// Cuts to the limit and says whether it did.
fn cut<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let over = limit > 0 && items.len() > limit;
    if over {
        items.truncate(limit);
    }
    over
}

/// `/labels`
pub(super) async fn label_names(call: Call) -> Result<Answer, ApiError> {
    let limit = call.params.limit()?;
    let range = call.params.range()?;
    let matcher_sets = matcher_sets(&call.params)?;
    let ask = move |store: &dyn MetricStore| {
        store.label_names(&LabelQuery {
            matcher_sets: &matcher_sets,
            range,
            limit: probe(limit),
        })
    };
    let mut names = call
        .app
        .catalog(move |services| Ok(ask(&*services.store)?))
        .await?;
    let over = cut(&mut names, limit);
    Ok(Answer::write(|json| {
        json.strings(&names);
    })
    .warn_if(over, TRUNCATED))
}

/// `/label/{name}/values`
pub(super) async fn label_values(call: Call) -> Result<Answer, ApiError> {
    let name = label_of_path(&call.path).ok_or_else(|| {
        ApiError::bad_data(format_args!(
            "invalid label name in {:?}",
            short(&call.path)
        ))
    })?;
    let limit = call.params.limit()?;
    let range = call.params.range()?;
    let matcher_sets = matcher_sets(&call.params)?;
    let mut values = call
        .app
        .catalog(move |services| {
            let query = LabelQuery {
                matcher_sets: &matcher_sets,
                range,
                limit: probe(limit),
            };
            Ok(services.store.label_values(&name, &query)?)
        })
        .await?;
    let over = cut(&mut values, limit);
    Ok(Answer::write(|json| {
        json.strings(&values);
    })
    .warn_if(over, TRUNCATED))
}

/// The label of `/api/v1/label/{name}/values`, unescaped. `None` where it is no label's name.
fn label_of_path(path: &str) -> Option<String> {
    let rest = path.strip_suffix("/values")?;
    let encoded = rest.rsplit('/').next()?;
    let name = percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .ok()?;
    if name.is_empty() {
        return None;
    }
    Some(utf8_name::unescape_values(&name).into_owned())
}

/// `/series`
pub(super) async fn series(call: Call) -> Result<Answer, ApiError> {
    if !call.params.has("match[]") {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = call.params.limit()?;
    let range = call.params.range()?;
    let matcher_sets = matcher_sets(&call.params)
        .map_err(|error| ApiError::invalid_parameter("match[]", error.message))?;
    call.app
        .catalog(move |services| {
            let query = LabelQuery {
                matcher_sets: &matcher_sets,
                range,
                limit: probe(limit),
            };
            let mut series = services.store.series(&query)?;
            let over = cut(&mut series, limit);
            let answer = Answer::write(|json| {
                json.array_begin();
                for labels in &series {
                    json.labels(labels);
                }
                json.array_end();
            });
            Ok(answer.warn_if(over, TRUNCATED))
        })
        .await
}

/// `/query_exemplars`
pub(super) async fn exemplars(call: Call) -> Result<Answer, ApiError> {
    let range = call.params.range()?;
    if range.is_empty() {
        return Err(ApiError::bad_data(
            "end timestamp must not be before start timestamp",
        ));
    }
    let features = call.app.services()?.engine.options().features;
    let matcher_sets =
        language::selectors(call.params.get("query"), &features).map_err(ApiError::bad_data)?;
    if matcher_sets.is_empty() {
        return Ok(Answer::write(|json| {
            json.raw("[]");
        }));
    }
    call.app
        .catalog(move |services| {
            let query = LabelQuery {
                matcher_sets: &matcher_sets,
                range,
                limit: 0,
            };
            let found = services.store.exemplars(&query)?;
            Ok(Answer::write(|json| {
                json.array_begin();
                for series in found.iter().filter(|series| !series.exemplars.is_empty()) {
                    json.object_begin();
                    json.key("seriesLabels").labels(&series.labels);
                    json.key("exemplars").array_begin();
                    for exemplar in &series.exemplars {
                        json.object_begin();
                        json.key("labels").labels(&exemplar.labels);
                        json.key("value").value(exemplar.value);
                        json.key("timestamp").time(exemplar.timestamp_ms);
                        json.object_end();
                    }
                    json.array_end().object_end();
                }
                json.array_end();
            }))
        })
        .await
}

/// A parameter that upstream calls a number without saying more; `None` where there is no bound.
pub(super) fn plain_number(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(number) => Ok(usize::try_from(number).ok()),
            Err(_) => Err(ApiError::bad_data(format_args!("{name} must be a number"))),
        },
    }
}

/// `/metadata`: what targets say, and what came by remote write and OTLP.
pub(super) async fn metadata(call: Call) -> Result<Answer, ApiError> {
    let limit = plain_number(&call.params, "limit")?.unwrap_or(usize::MAX);
    let per_metric = match plain_number(&call.params, "limit_per_metric")? {
        None | Some(0) => usize::MAX,
        Some(bound) => bound,
    };
    let metric = call.params.get("metric").to_owned();
    let metric = if metric.is_empty() {
        None
    } else {
        Some(metric)
    };
    call.app
        .catalog(move |services| {
            let mut families: BTreeMap<String, BTreeSet<(&'static str, String, String)>> =
                BTreeMap::new();
            let mut add = |name: String, metadata: bellwether_model::Metadata| {
                let known = families.entry(name).or_default();
                if known.len() < per_metric {
                    known.insert((metadata.metric_type.as_str(), metadata.help, metadata.unit));
                }
            };
            for entry in services.targets.metadata(metric.as_deref()) {
                add(entry.metric, entry.metadata);
            }
            for entry in services.store.metadata(metric.as_deref())? {
                add(entry.metric, entry.metadata);
            }
            Ok(Answer::write(|json| {
                json.object_begin();
                for (name, known) in families.iter().take(limit) {
                    json.key(name).array_begin();
                    for (metric_type, help, unit) in known {
                        json.object_begin();
                        json.key("type").string(metric_type);
                        json.key("unit").string(unit);
                        json.key("help").string(help);
                        json.object_end();
                    }
                    json.array_end();
                }
                json.object_end();
            }))
        })
        .await
}

/// The name under which metrics are looked up.
pub(super) const NAME_LABEL: &str = METRIC_NAME;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_are_unescaped_twice() {
        let check = |path: &str, want: Option<&str>| {
            assert_eq!(label_of_path(path).as_deref(), want, "{path}");
        };
        check("/api/v1/label/job/values", Some("job"));
        check(
            "/api/v1/label/U__http_2e_status/values",
            Some("http.status"),
        );
        check("/api/v1/label/http.status/values", Some("http.status"));
        check("/api/v1/label/a%2Fb/values", Some("a/b"));
        check("/api/v1/label/%ff/values", None);
    }
}
