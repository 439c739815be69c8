//! `llm`: a provider of language models. A free check first, then a paid canary within a budget.
//!
//! ## Model
//! The free check lists the models: it shows that the provider is there and takes the key, not that a
//! model generates. The canary shows that and costs money, so it is sent only where its account in the
//! [`CanaryLedger`] allows; in between, what the last one found holds, so that a provider which is down
//! does not look up while nobody asks.
//!
//! ## Limits
//! [`MODELS_BYTES_MAX`] of one page of models, [`PAGES_MAX`] pages.
//!
//! ## Failure
//! `probe_llm_error{class}` says what went wrong in the words of [`bellwether_ai::ErrorClass`], and
//! `refused`, `timeout_connect`, `timeout_first_token`, `timeout_between_tokens`, `bad_answer`,
//! `settings`.

mod canary;
mod stream;
mod trouble;

use std::collections::BTreeSet;
use std::time::Duration;

use bellwether_ai::{ErrorClass, rate_limits};
use bellwether_outbound::settings::{
    Auth, HeaderSettings, HeaderValue as HeaderText, HttpClientSettings, SecretSource,
};
use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use self::trouble::{ERROR, TIMEOUT_CONNECT, Trouble};
use crate::api::{Api, ApiTarget, read_body, read_error_body};
use crate::canary_ledger::{CanaryReport, Skipped, Subject, Wanted};
use crate::module::{CanarySettings, LlmApi, LlmSettings, OnTrouble};
use crate::recorder::{Failure, Gauge, Recorder};
use crate::target::shown_target;
use crate::{CanaryLedger, Surroundings};

const DURATION: Gauge = Gauge::new("probe_llm_duration_seconds", "How long each phase took.");
const MODELS: Gauge = Gauge::new("probe_llm_models", "How many models the provider lists.");
const MODEL_AVAILABLE: Gauge = Gauge::new(
    "probe_llm_model_available",
    "Whether the provider lists a model that it must have.",
);
const CANARY_SKIPPED: Gauge = Gauge::new("probe_llm_canary_skipped", "Why no canary was sent.");
const SPENT_DOLLARS: Gauge = Gauge::new(
    "probe_llm_canary_spent_dollars",
    "What the canaries of the account have cost on this UTC day.",
);
const SPENT_TOKENS: Gauge = Gauge::new(
    "probe_llm_canary_spent_tokens",
    "Tokens of the account's canaries on this UTC day.",
);

/// One page of a list of models. Chosen: some aggregators list thousands with long descriptions.
const MODELS_BYTES_MAX: usize = 16 << 20;
/// Pages of a list of models, of 1,000 each.
const PAGES_MAX: usize = 10;

pub(crate) async fn probe_llm(
    recorder: &mut Recorder,
    settings: &LlmSettings,
    target: &str,
    surroundings: &Surroundings<'_>,
) -> Result<(), Failure> {
    recorder.may_degrade();
    let (url, base) = base_url(target)?;
    let client = client_settings(settings);
    let to = ApiTarget {
        url: &url,
        client: &client,
        address: settings.address,
        phases: DURATION,
    };
    recorder.if_cut_off(Some((ERROR, "class", TIMEOUT_CONNECT)));
    let connected = Api::connect(recorder, to, surroundings.clock).await;
    let mut api = connected.map_err(|broken| Trouble::from(broken).record(recorder))?;
    recorder.if_cut_off(Some((ERROR, "class", ErrorClass::Timeout.as_str())));
    let now_ms = surroundings.clock.now_ms();
    let listed = list_models(recorder, &mut api, settings.api, &base, now_ms).await;
    let listed = listed.map_err(|trouble| trouble.within("models").record(recorder))?;
    recorder.if_cut_off(None);
    recorder.set(MODELS, listed.len() as f64);
    let mut missing = Vec::new();
    for model in &settings.models {
        let is_there = listed.contains(model);
        let value = f64::from(u8::from(is_there));
        recorder.set_labelled(MODEL_AVAILABLE, &[("model", model)], value);
        if !is_there {
            missing.push(format!("{model:?}"));
        }
    }
    if !missing.is_empty() {
        let reason = format!("the provider does not list {}", missing.join(", "));
        recorder.trouble(settings.on_missing_model, reason)?;
    }
    match &settings.canary {
        None => Ok(()),
        Some(canary) => {
            let to = Canary {
                style: settings.api,
                base: &base,
                target,
                settings: canary,
            };
            to.send(recorder, &mut api, surroundings).await
        }
    }
}

/// What stands in a target around the path of each request.
#[derive(Debug)]
struct Base {
    /// Without a slash at its end.
    path: String,
    /// Such as the `api-version` that some gateways want.
    query: Option<String>,
}

impl Base {
    /// The path of a request with its query; `further` is a query of its own, and may be empty.
    fn join(&self, path: &str, further: &str) -> String {
        let parts = [self.query.as_deref().unwrap_or_default(), further];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let mark = if parts.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{}", self.path, parts.join("&"))
    }
}

/// The URL, and what is in it around the path of each request.
fn base_url(target: &str) -> Result<(Url, Base), Failure> {
    let wrong = |what: String| Failure::new(format!("target {:?} {what}", shown_target(target)));
    let url = Url::parse(target).map_err(|error| wrong(format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("is no URL of HTTP: want http or https".to_owned()));
    }
    let path = url.path().trim_end_matches('/');
    let path = if path.is_empty() { "/v1" } else { path };
    let base = Base {
        path: path.to_owned(),
        query: url.query().map(str::to_owned),
    };
    Ok((url, base))
}

/// The settings of the client with the key as the provider wants it.
fn client_settings(settings: &LlmSettings) -> HttpClientSettings {
    let mut client = settings.client.clone();
    let header = |name: &str, value: HeaderText| HeaderSettings {
        name: name.to_owned(),
        values: vec![value],
    };
    let has = |client: &HttpClientSettings, name: &str| {
        let mut headers = client.headers.iter();
        headers.any(|header| header.name.eq_ignore_ascii_case(name))
    };
    match settings.api {
        LlmApi::OpenAi => {
            if let Some(key) = &settings.api_key {
                client.auth = Some(Auth::Header {
                    scheme: "Bearer".to_owned(),
                    credentials: Some(key.clone()),
                });
            }
        }
        LlmApi::Anthropic => {
            if let Some(key) = &settings.api_key {
                let key: SecretSource = key.clone();
                client
                    .headers
                    .push(header("x-api-key", HeaderText::Secret(key)));
            }
            if !has(&client, "anthropic-version") {
                let version = HeaderText::Plain("2023-06-01".to_owned());
                client.headers.push(header("anthropic-version", version));
            }
        }
    }
    client
}

async fn list_models(
    recorder: &mut Recorder,
    api: &mut Api<'_>,
    style: LlmApi,
    base: &Base,
    now_ms: i64,
) -> Result<BTreeSet<String>, Trouble> {
    let mut listed = BTreeSet::new();
    let mut after: Option<String> = None;
    recorder.begin(Some(DURATION), "models");
    for _ in 0..PAGES_MAX {
        let path = base.join("/models", &page_query(style, after.as_deref()));
        let page = fetch(recorder, api, &path, now_ms).await?;
        let Some(data) = page["data"].as_array() else {
            return Err(Trouble::bad_answer("the answer has no list \"data\""));
        };
        let ids = data.iter().filter_map(|model| model["id"].as_str());
        listed.extend(ids.map(str::to_owned));
        after = page["last_id"].as_str().map(str::to_owned);
        // Lists in the style of OpenAI have one page, whatever else stands in them.
        if style == LlmApi::OpenAi || page["has_more"] != true || after.is_none() {
            recorder.end();
            recorder.note(format!("{} models are listed", listed.len()));
            return Ok(listed);
        }
    }
    let reason = format!("the list of models has more than {PAGES_MAX} pages");
    Err(Trouble::bad_answer(reason))
}

/// What asks for the page behind the model `after`.
fn page_query(style: LlmApi, after: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if style == LlmApi::Anthropic {
        query.append_pair("limit", "1000");
        if let Some(after) = after {
            query.append_pair("after_id", after);
        }
    }
    query.finish()
}

async fn fetch(
    recorder: &mut Recorder,
    api: &mut Api<'_>,
    path: &str,
    now_ms: i64,
) -> Result<Value, Trouble> {
    recorder.note(format!("GET {path}"));
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let sent = api.send(recorder, Method::GET, path, &headers, Bytes::new());
    let (head, mut body) = sent.await?.into_parts();
    record_limits(recorder, &head.headers, now_ms);
    if !head.status.is_success() {
        let text = read_error_body(&mut body).await;
        return Err(Trouble::of_status(head.status, &text));
    }
    let text = read_body(&mut body, MODELS_BYTES_MAX).await?;
    serde_json::from_slice(&text)
        .map_err(|error| Trouble::bad_answer(format!("the answer is not JSON: {error}")))
}

/// Shows what the provider still allows.
fn record_limits(recorder: &mut Recorder, headers: &HeaderMap, now_ms: i64) {
    const REMAINING: Gauge = Gauge::new(
        "probe_llm_ratelimit_remaining",
        "What the provider still allows, by what is limited.",
    );
    const LIMIT: Gauge = Gauge::new(
        "probe_llm_ratelimit_limit",
        "What the provider allows in its window, by what is limited.",
    );
    const RESET: Gauge = Gauge::new(
        "probe_llm_ratelimit_reset_seconds",
        "Time until the provider allows everything again, by what is limited.",
    );
    const RETRY_AFTER: Gauge = Gauge::new(
        "probe_llm_retry_after_seconds",
        "How long the provider wants to be left alone.",
    );
    let find = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    for limit in rate_limits(find, now_ms) {
        let values = [
            (REMAINING, limit.remaining),
            (LIMIT, limit.limit),
            (RESET, limit.reset_seconds),
        ];
        for (gauge, value) in values {
            if let Some(value) = value {
                recorder.set_labelled(gauge, &[("kind", limit.kind)], value);
            }
        }
    }
    // A date stands here too, by HTTP; providers send seconds.
    let retry_after = find("retry-after").and_then(|text| text.trim().parse::<f64>().ok());
    if let Some(seconds) = retry_after.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
        recorder.set(RETRY_AFTER, seconds);
    }
}

/// Reads events as those of one answer.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_events(api: LlmApi, events: &[crate::sse::Event]) {
    let mut completion = stream::Completion::default();
    for event in events {
        completion.take(api, event);
    }
}

/// Whom a canary is sent to.
struct Canary<'a> {
    style: LlmApi,
    base: &'a Base,
    target: &'a str,
    settings: &'a CanarySettings,
}

impl Canary<'_> {
    /// Sends a canary where the ledger allows it.
    async fn send(
        &self,
        recorder: &mut Recorder,
        api: &mut Api<'_>,
        surroundings: &Surroundings<'_>,
    ) -> Result<(), Failure> {
        let settings = self.settings;
        check(settings)?;
        let now_ms = surroundings.clock.now_ms();
        let Some(ledger) = surroundings.canaries else {
            skip(recorder, "no_ledger");
            return Ok(());
        };
        let wanted = Wanted {
            account: &settings.account,
            subject: Subject::new(self.target, self.style, &settings.model),
            interval_min: settings.interval_min,
            daily_dollars_max: settings.daily_dollars_max,
            daily_tokens_max: settings.daily_tokens_max,
            cost: canary::cost_max(settings),
            until: recorder.deadline(),
        };
        let outcome = match ledger.reserve(&wanted, now_ms) {
            Err(skipped) => {
                let (reason, last) = match skipped {
                    Skipped::Budget(last) => ("budget", last),
                    Skipped::Interval(last) => ("interval", last),
                };
                skip(recorder, reason);
                match last {
                    Some(last) => self.judge(recorder, &last.report, last.age),
                    None => Ok(()),
                }
            }
            Ok(reservation) => {
                let (report, cost) =
                    canary::call(recorder, api, self.style, self.base, settings, now_ms).await;
                reservation.settle(cost, report.clone());
                self.judge(recorder, &report, Duration::ZERO)
            }
        };
        record_spent(recorder, ledger, &settings.account, now_ms);
        outcome
    }

    fn judge(
        &self,
        recorder: &mut Recorder,
        report: &CanaryReport,
        age: Duration,
    ) -> Result<(), Failure> {
        canary::record(recorder, report, age);
        let model = &self.settings.model;
        let when = if age.is_zero() {
            String::new()
        } else {
            format!(" {} s ago", age.as_secs())
        };
        if let Some((class, reason)) = &report.failure {
            recorder.set_labelled(ERROR, &[("class", class)], 1.0);
            let reason = format!("canary for {model:?}{when}: {reason}");
            return recorder.trouble(self.settings.on_failure, reason);
        }
        if let (Some(took), Some(slow)) = (report.first_token, self.settings.first_token_slow)
            && took > slow
        {
            let reason = format!(
                "canary for {model:?}{when}: the first token took {:.3} s, more than {:.3} s",
                took.as_secs_f64(),
                slow.as_secs_f64()
            );
            return recorder.trouble(OnTrouble::Degrade, reason);
        }
        Ok(())
    }
}

/// Canaries without a limit could cost anything.
fn check(settings: &CanarySettings) -> Result<(), Failure> {
    let wrong = |reason: &str| Err(Failure::unknown(format!("canary: {reason}")));
    if settings.model.is_empty() {
        return wrong("it names no model");
    }
    let prices = [settings.input_price, settings.output_price];
    if prices
        .iter()
        .any(|price| !price.is_finite() || *price < 0.0)
    {
        return wrong("prices must be 0 or more");
    }
    match (settings.daily_dollars_max, settings.daily_tokens_max) {
        (None, None) => wrong("set daily_dollars_max or daily_tokens_max"),
        (Some(_), _) if prices == [0.0, 0.0] => wrong("daily_dollars_max needs prices"),
        _ => Ok(()),
    }
}

fn skip(recorder: &mut Recorder, reason: &str) {
    recorder.set_labelled(CANARY_SKIPPED, &[("reason", reason)], 1.0);
    recorder.note(format!("no canary is sent: {reason}"));
}

fn record_spent(recorder: &mut Recorder, ledger: &CanaryLedger, account: &str, now_ms: i64) {
    let spent = ledger.spent_on(account, now_ms);
    let labels = [("account", account)];
    recorder.set_labelled(SPENT_DOLLARS, &labels, spent.dollars);
    recorder.set_labelled(SPENT_TOKENS, &labels, spent.tokens as f64);
}
