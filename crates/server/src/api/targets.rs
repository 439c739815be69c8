//! What is scraped, and how it fares.

use std::collections::BTreeMap;

use bellwether_model::time::DurationText;
use bellwether_model::{Labels, relabel, short};

use super::{Call, catalog, language};
use crate::envelope::{Answer, ApiError};
use crate::json::JsonWriter;
use crate::params::Params;
use crate::services::ActiveTarget;

/// What Go writes for a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A time as RFC 3339 in UTC; 0 stands for never.
pub(super) fn rfc3339(time_ms: i64) -> String {
    if time_ms == 0 {
        return NEVER.to_owned();
    }
    jiff::Timestamp::from_millisecond(time_ms).map_or_else(|_| NEVER.to_owned(), |t| t.to_string())
}

/// `/scrape_pools`
pub(super) async fn pools(call: Call) -> Result<Answer, ApiError> {
    let mut pools = call.app.services()?.targets.pools();
    pools.sort();
    Ok(Answer::write(|json| {
        json.object_begin()
            .key("scrapePools")
            .strings(&pools)
            .object_end();
    }))
}

/// `/scrape_pools/config`
pub(super) async fn pool_config(call: Call) -> Result<Answer, ApiError> {
    let pool = call.params.get("scrapePool");
    if pool.is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    match call.app.control.job_yaml(pool) {
        Some(yaml) => Ok(Answer::write(|json| {
            json.object_begin().key("yaml").string(&yaml).object_end();
        })),
        None => Err(ApiError::bad_data(format_args!(
            "error retrieving scrape config: scrape pool {:?} not found",
            short(pool)
        ))),
    }
}

/// `/targets`
pub(super) async fn targets(call: Call) -> Result<Answer, ApiError> {
    let pool = call.params.get("scrapePool").to_owned();
    let state = call.params.get("state").to_lowercase();
    let shows = |wanted: &str| matches!(state.as_str(), "" | "any") || state == wanted;
    let (show_active, show_dropped) = (shows("active"), shows("dropped"));
    call.app
        .catalog(move |services| {
            let in_pool = |name: &str| pool.is_empty() || pool == name;
            Ok(Answer::write(|json| {
                json.object_begin();
                json.key("activeTargets").array_begin();
                if show_active {
                    let active = services.targets.active();
                    active
                        .iter()
                        .filter(|t| in_pool(&t.pool))
                        .for_each(|t| write_active(json, t));
                }
                json.array_end();
                json.key("droppedTargets").array_begin();
                if show_dropped {
                    for target in services.targets.dropped() {
                        if in_pool(&target.pool) {
                            json.object_begin();
                            json.key("discoveredLabels")
                                .labels(&target.discovered_labels);
                            json.key("scrapePool").string(&target.pool);
                            json.object_end();
                        }
                    }
                }
                json.array_end();
                json.key("droppedTargetCounts");
                if show_dropped {
                    json.object_begin();
                    for (name, count) in services.targets.dropped_counts() {
                        json.key(&name).unsigned(count);
                    }
                    json.object_end();
                } else {
                    json.raw("null");
                }
                json.object_end();
            }))
        })
        .await
}

fn write_active(json: &mut JsonWriter, target: &ActiveTarget) {
    json.object_begin();
    json.key("discoveredLabels")
        .labels(&target.discovered_labels);
    json.key("labels").labels(&target.labels);
    json.key("scrapePool").string(&target.pool);
    json.key("scrapeUrl").string(&target.scrape_url);
    json.key("globalUrl").string(&target.global_url);
    json.key("lastError").string(&target.last_error);
    json.key("lastScrape")
        .string(&rfc3339(target.last_scrape_ms));
    json.key("lastScrapeDuration")
        .number(target.last_duration_seconds);
    json.key("health").string(target.health.as_str());
    json.key("scrapeInterval")
        .string(&DurationText(target.interval_ms).to_string());
    json.key("scrapeTimeout")
        .string(&DurationText(target.timeout_ms).to_string());
    json.object_end();
}

/// `/targets/metadata`
pub(super) async fn metadata(call: Call) -> Result<Answer, ApiError> {
    let limit = catalog::plain_number(&call.params, "limit")?.unwrap_or(usize::MAX);
    let matchers = match call.params.get("match_target") {
        "" => Vec::new(),
        text => language::selector(text)
            .map_err(|error| ApiError::invalid_parameter("match_target", error))?,
    };
    let metric = call.params.get("metric").to_owned();
    call.app
        .catalog(move |services| {
            let wanted = (!metric.is_empty()).then_some(metric.as_str());
            let found = services.targets.metadata(wanted);
            let kept = found
                .iter()
                .filter(|entry| matchers.iter().all(|m| m.matches_labels(&entry.target)))
                .take(limit);
            Ok(Answer::write(|json| {
                json.array_begin();
                for entry in kept {
                    json.object_begin();
                    json.key("target").labels(&entry.target);
                    if wanted.is_none() {
                        json.key("metric").string(&entry.metric);
                    }
                    json.key("type").string(entry.metadata.metric_type.as_str());
                    json.key("help").string(&entry.metadata.help);
                    json.key("unit").string(&entry.metadata.unit);
                    json.object_end();
                }
                json.array_end();
            }))
        })
        .await
}

/// `/targets/relabel_steps`: what each rule makes of given labels.
pub(super) async fn relabel_steps(call: Call) -> Result<Answer, ApiError> {
    let (pool, labels) = relabel_parameters(&call.params)?;
    let rules = call
        .app
        .services()?
        .targets
        .relabel_rules(&pool)
        .ok_or_else(|| {
            ApiError::bad_data(format_args!(
                "error retrieving scrape config: scrape pool {:?} not found",
                short(&pool)
            ))
        })?;
    let steps = relabel::explain(&rules, &labels);
    Ok(Answer::write(|json| {
        json.object_begin().key("steps").array_begin();
        for (index, rule) in rules.iter().enumerate() {
            // Rules behind the one that dropped the labels did not run.
            let output = steps.get(index).and_then(|step| step.after.clone());
            json.object_begin();
            write_rule(json.key("rule"), rule);
            json.key("output")
                .labels(output.as_ref().unwrap_or(&Labels::empty()));
            json.key("keep").boolean(output.is_some());
            json.object_end();
        }
        json.array_end().object_end();
    }))
}

fn relabel_parameters(params: &Params) -> Result<(String, Labels), ApiError> {
    let pool = params.get("scrapePool");
    if pool.is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    let text = params.get("labels");
    if text.is_empty() {
        return Err(ApiError::bad_data("no labels parameter provided"));
    }
    let labels: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_data(format_args!("error parsing labels: {error}")))?;
    Ok((pool.to_owned(), Labels::from_pairs(labels)))
}

fn write_rule(json: &mut JsonWriter, rule: &relabel::Rule) {
    json.object_begin();
    if !rule.source_labels.is_empty() {
        json.key("source_labels").strings(&rule.source_labels);
    }
    json.key("separator").string(&rule.separator);
    json.key("regex").string(&rule.regex_text);
    if rule.modulus != 0 {
        json.key("modulus").unsigned(rule.modulus);
    }
    if !rule.target_label.is_empty() {
        json.key("target_label").string(&rule.target_label);
    }
    json.key("replacement").string(&rule.replacement);
    json.key("action")
        .string(&format!("{:?}", rule.action).to_lowercase());
    json.object_end();
}
