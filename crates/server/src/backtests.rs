//! Backtests: which alerts rules would have given over what is stored.
//!
//! ## Model
//! `POST /api/bellwether/v1/backtests` takes the text of a rule file, or names a group that is loaded and a rule of it, with a
//! beginning and an end, and tells of each rule what would have become of it: the episodes of its alerts, the samples that
//! it would have recorded. It is the library function behind `bellwether backtest`.
//!
//! ## Invariants
//! Nothing is written. It ends when the client hangs up.
//!
//! ## Limits
//! One at a time; others are told to come back. [`RANGE_MS_MAX`], [`EVALUATIONS_MAX`], [`SAMPLES_MAX`], [`EPISODES_MAX`],
//! [`TIME_MAX`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bellwether_model::short;
use bellwether_promql::CancelToken;
use bellwether_rules::backtest::{BacktestSettings, Episode, RuleHistory, backtest};
use bellwether_rules::{GroupSettings, RulesError, Surroundings};
use serde_json::{Value, json};

use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType, error_type_of};
use crate::fields::{self, Fields};
use crate::long_work::cancellable;
use crate::probing::success;
use crate::routing::{labels_json, seconds};
use crate::services::Services;

/// Bytes of a request. Chosen: a rule file of two thousand rules.
const BODY_BYTES_MAX: usize = 1 << 20;
/// The longest time that is gone through, ms. Chosen: a quarter of a year.
const RANGE_MS_MAX: i64 = 92 * 86_400_000;
/// Evaluations of rules. Chosen: ten rules each minute of ten weeks; some ten seconds of a core.
const EVALUATIONS_MAX: u64 = 1_000_000;
/// Samples that a query may hold; it is answered in pieces else. Chosen: 32 MiB beside the queries of people.
const SAMPLES_MAX: u64 = 2_000_000;
/// Episodes of one rule that are told. Chosen: some megabytes of an answer.
const EPISODES_MAX: usize = 10_000;
/// How long it may take.
const TIME_MAX: Duration = Duration::from_secs(120);

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/bellwether/v1/backtests", post(run))
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Wanted {
    rules: Rules,
    start_ms: i64,
    end_ms: i64,
}

/// Which rules.
#[derive(Debug, PartialEq)]
enum Rules {
    /// Those of a text.
    Text(String),
    /// Those of a group that is loaded, or one of them.
    Loaded {
        file: Option<String>,
        group: String,
        rule: Option<String>,
    },
}

impl Wanted {
    fn read(body: &[u8]) -> Result<Self, ApiError> {
        let entries = fields::object(body)?;
        let fields = Fields::new(&entries);
        fields.only(&["rules", "file", "group", "rule", "start", "end"])?;
        let rules = match (fields.text("rules")?, fields.text("group")?) {
            (Some(text), None) => Rules::Text(text),
            (None, Some(group)) => Rules::Loaded {
                file: fields.text("file")?,
                group,
                rule: fields.text("rule")?,
            },
            _ => {
                let text = "want either rules, the text of a rule file, or group, the name of a group that is loaded";
                return Err(ApiError::bad_data(text));
            }
        };
        let (start_ms, end_ms) = (fields.needed_time("start")?, fields.needed_time("end")?);
        if end_ms < start_ms {
            return Err(ApiError::bad_data("end: it is before start"));
        }
        if end_ms.saturating_sub(start_ms) > RANGE_MS_MAX {
            let days = RANGE_MS_MAX / 86_400_000;
            let text = format_args!("end: it is more than {days} days after start");
            return Err(ApiError::bad_data(text));
        }
        Ok(Self {
            rules,
            start_ms,
            end_ms,
        })
    }
}

async fn run(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let wanted = Wanted::read(&bytes.map_err(ApiError::bad_data)?)?;
    let services = app.services()?.clone();
    let asking = Arc::clone(&app);
    let rules = wanted.rules;
    // Long texts take a while to be read.
    let read = app.catalog(move |services| groups(&asking, services, &rules));
    let (groups, surroundings) = read.await?;
    let token = CancelToken::default();
    let settings = BacktestSettings {
        // The server has its own work.
        threads: 1,
        features: services.engine.options().features,
        cancel: token.clone(),
        samples_max: SAMPLES_MAX,
        memory: services.engine.options().memory.clone(),
        episodes_max: EPISODES_MAX,
        ..BacktestSettings::new(wanted.start_ms, wanted.end_ms)
    };
    let evaluations = settings.evaluation_count(&groups);
    if evaluations > EVALUATIONS_MAX {
        let text = format_args!(
            "{evaluations} evaluations of rules: at most {EVALUATIONS_MAX} are made: take a shorter time, fewer \
             rules or longer intervals"
        );
        return Err(ApiError::bad_data(text));
    }
    let permit = Arc::clone(&app.backtest_gate).try_acquire_owned();
    let permit = permit.map_err(|_| {
        let text = "another backtest runs: there is one at a time, come back later";
        ApiError::new(ErrorType::Limited, text)
    })?;
    let done = cancellable(&app, &token, TIME_MAX, move || {
        let _permit = permit;
        let histories = backtest(services.store, &groups, &surroundings, &settings)?;
        Ok::<_, RulesError>(answer(&histories, &settings, evaluations))
    });
    match done.await? {
        Ok(answer) => Ok(success(answer)),
        Err(RulesError::Cancelled) => {
            let limit = TIME_MAX.as_secs();
            let text =
                format!("the backtest was ended: it may take {limit} s; take a shorter time");
            Err(ApiError::new(ErrorType::Timeout, text))
        }
        Err(error) => Err(ApiError::new(error_type_of(error.kind()), error)),
    }
}

/// The rules that are meant, and what they are evaluated with.
fn groups(
    app: &App,
    services: &Services,
    rules: &Rules,
) -> Result<(Vec<GroupSettings>, Surroundings), ApiError> {
    let manager = services.alerting.rules.as_ref();
    let (loaded, surroundings) = manager.map(|it| it.settings()).unwrap_or_default();
    let groups = match rules {
        Rules::Text(text) => app
            .control
            .read_rules(text)
            .map_err(|error| ApiError::invalid_parameter("rules", error))?,
        Rules::Loaded { file, group, rule } => {
            let mut groups = loaded;
            groups.retain(|it| {
                it.name == *group
                    && file
                        .as_ref()
                        .is_none_or(|file| it.file.as_os_str() == &**file)
            });
            if groups.is_empty() {
                let text = format_args!("there is no group {:?}", short(group));
                return Err(ApiError::new(ErrorType::NotFound, text));
            }
            if let Some(rule) = rule {
                for group in &mut groups {
                    group.rules.retain(|it| it.name() == rule);
                }
            }
            groups.retain(|it| !it.rules.is_empty());
            if groups.is_empty() {
                let rule = rule.as_deref().unwrap_or_default();
                let (group, rule) = (short(group), short(rule));
                let text = format_args!("there is no rule {rule:?} in the group {group:?}");
                return Err(ApiError::new(ErrorType::NotFound, text));
            }
            groups
        }
    };
    Ok((groups, surroundings))
}

fn answer(histories: &[RuleHistory], settings: &BacktestSettings, evaluations: u64) -> Value {
    let rules: Vec<Value> = histories
        .iter()
        .map(|history| rule_json(history, settings.to_ms))
        .collect();
    json!({
        "start": seconds(settings.from_ms),
        "end": seconds(settings.to_ms),
        "evaluations": evaluations,
        "rules": rules,
    })
}

fn rule_json(history: &RuleHistory, to_ms: i64) -> Value {
    let firing: Vec<i64> = history
        .episodes
        .iter()
        .filter_map(|episode| episode.firing_ms(to_ms))
        .collect();
    let episodes: Vec<Value> = history.episodes.iter().map(episode_json).collect();
    json!({
        "file": history.file.display().to_string(),
        "group": history.group,
        "rule": history.rule,
        "type": if history.is_alert { "alerting" } else { "recording" },
        "turns": history.turns,
        "failedTurns": history.failed_turns,
        "firstError": (!history.first_error.is_empty()).then_some(&history.first_error),
        "samples": history.sample_count,
        "fired": firing.len(),
        "pendingOnly": history.episodes.len() - firing.len(),
        "firingSeconds": seconds(firing.iter().fold(0, |sum: i64, ms| sum.saturating_add(*ms))),
        "longestSeconds": seconds(firing.iter().copied().max().unwrap_or(0)),
        "episodes": episodes,
    })
}

fn episode_json(episode: &Episode) -> Value {
    json!({
        "labels": labels_json(&episode.labels),
        "start": seconds(episode.active_at_ms),
        "fired": episode.fired_at_ms.map(seconds),
        "end": episode.ended_at_ms.map(seconds),
        // What JSON has no number for is nothing.
        "value": episode.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_requests_say_what_is_wrong() {
        for (body, want) in [
            (
                "{}",
                "want either rules, the text of a rule file, or group, the name of a group that is loaded",
            ),
            (
                r#"{"rules": "x", "group": "g"}"#,
                "want either rules, the text of a rule file, or group, the name of a group that is loaded",
            ),
            (
                r#"{"group": "g", "end": 1}"#,
                "start: want seconds since 1970, or a time of RFC 3339",
            ),
            (
                r#"{"group": "g", "start": 2, "end": 1}"#,
                "end: it is before start",
            ),
            (
                r#"{"group": "g", "start": 0, "end": 1e8}"#,
                "end: it is more than 92 days after start",
            ),
        ] {
            let error = Wanted::read(body.as_bytes()).unwrap_err();
            assert_eq!(error.message, want, "{body}");
        }
    }
}
