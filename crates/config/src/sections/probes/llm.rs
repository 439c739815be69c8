//! `llm`.

use bellwether_probe::module::{CanarySettings, LlmApi, LlmSettings, OnTrouble, TokenLimitName};

use super::address::{ADDRESS, decode_address};
use super::values::{DIRECT_CLIENT, ON_TROUBLE, duration, named, optional_duration};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::decode_http_client;
use crate::view::View;

const PRICE: Kind = Kind::Float {
    min: 0.0,
    max: f64::MAX,
};

pub(super) static LLM: Section = Section {
    name: "llm prober",
    doc: "A provider of language models. The target is the URL that /models follows, such as https://api.openai.com/v1; one without a path means /v1. The list of models is asked for free; a canary costs money and has a budget.",
    fields: &[
        Field::new(
            "api",
            Kind::OneOf(&["openai", "anthropic"]),
            "openai",
            "How the provider is spoken to: as OpenAI and most others and local servers, or as Anthropic.",
        ),
        Field::new("api_key", Kind::Secret, "", "The key."),
        Field::new("api_key_file", Kind::ReadFile, "", "File with the key."),
        Field::new(
            "models",
            Kind::List(&Kind::Text),
            "",
            "The models that the provider must list; any list will do where none is named.",
        ),
        Field::new(
            "on_missing_model",
            Kind::OneOf(ON_TROUBLE),
            "degrade",
            "What it means when one of them is not listed.",
        ),
        Field::new(
            "canary",
            Kind::Section(&CANARY),
            "",
            "The call that costs money; none is made where absent.",
        ),
    ],
    includes: &[&DIRECT_CLIENT, &ADDRESS],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["api_key", "api_key_file"]);
    }),
};

static CANARY: Section = Section {
    name: "canary",
    doc: "A small streamed completion that shows that a model generates, and how fast. At least one of the two daily limits must stand.",
    fields: &[
        Field::required("model", Kind::Text, "The model to call."),
        Field::new("prompt", Kind::Text, "Say OK.", "What it is asked."),
        Field::new(
            "account",
            Kind::Text,
            "",
            "Whose budget is spent: modules with the same account share one. The name of the module or probe where absent.",
        ),
        Field::new(
            "daily_dollars_max",
            PRICE,
            "",
            "What the calls of one UTC day may cost, in dollars; needs prices.",
        ),
        Field::new(
            "daily_tokens_max",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "10000",
            "The tokens of one UTC day, in and out; 0: no limit but that of daily_dollars_max.",
        ),
        Field::new(
            "interval_min",
            Kind::Duration,
            "5m",
            "The time from one canary for a model at a target to the next, shared by all of the account; in between, the outcome of the last one holds.",
        ),
        Field::new(
            "input_price",
            PRICE,
            "0",
            "Dollars for a million tokens in.",
        ),
        Field::new(
            "output_price",
            PRICE,
            "0",
            "Dollars for a million tokens out.",
        ),
        Field::new(
            "output_tokens_max",
            Kind::Integer {
                min: 1,
                max: u32::MAX as i64,
            },
            "5",
            "The most tokens that it may answer with.",
        ),
        Field::new(
            "limit_name",
            Kind::OneOf(&["max_tokens", "max_completion_tokens"]),
            "max_tokens",
            "What OpenAI-compatible servers call that limit; OpenAI's reasoning models insist on the second.",
        ),
        Field::new(
            "first_token_timeout",
            Kind::Duration,
            "",
            "The longest time to the first token; what is left of the probe's time where absent.",
        ),
        Field::new(
            "between_tokens_timeout",
            Kind::Duration,
            "",
            "The longest time from one chunk to the next.",
        ),
        Field::new(
            "first_token_slow",
            Kind::Duration,
            "",
            "A first token that takes longer degrades.",
        ),
        Field::new(
            "on_failure",
            Kind::OneOf(ON_TROUBLE),
            "fail",
            "What it means when the call fails.",
        ),
    ],
    includes: &[],
    check: Some(check_canary),
};

fn check_canary(view: &View<'_>, problems: &mut Problems) {
    let has_dollars = view.is_set("daily_dollars_max");
    if view.integer("daily_tokens_max") == 0 && !has_dollars {
        let message = "is 0, and there is no daily_dollars_max: want one limit at least, or it could cost anything";
        view.error_at(problems, "daily_tokens_max", message);
    }
    if has_dollars && view.float("input_price") + view.float("output_price") <= 0.0 {
        let message = "needs input_price and output_price: without them nothing is counted";
        view.error_at(problems, "daily_dollars_max", message);
    }
}

/// Decodes the settings. `owner` is the name of the module or probe that has them.
pub(super) fn decode_llm(view: &View<'_>, owner: &str) -> LlmSettings {
    LlmSettings {
        api: named(view, "api", &LlmApi::NAMES),
        api_key: view.secret_source("api_key", "api_key_file"),
        client: decode_http_client(&view.section("http_config")),
        address: decode_address(view),
        models: view.texts("models"),
        on_missing_model: named(view, "on_missing_model", &OnTrouble::NAMES),
        canary: view
            .optional_section("canary")
            .map(|canary| decode_canary(&canary, owner)),
    }
}

fn decode_canary(view: &View<'_>, owner: &str) -> CanarySettings {
    let account = view.optional_text("account");
    CanarySettings {
        account: account.unwrap_or_else(|| owner.to_owned()),
        model: view.text("model").to_owned(),
        prompt: view.text("prompt").to_owned(),
        output_tokens_max: u32::try_from(view.integer("output_tokens_max")).unwrap_or(u32::MAX),
        limit_name: named(view, "limit_name", &TokenLimitName::NAMES),
        daily_dollars_max: view
            .is_set("daily_dollars_max")
            .then(|| view.float("daily_dollars_max")),
        daily_tokens_max: Some(view.count("daily_tokens_max")).filter(|tokens| *tokens > 0),
        interval_min: duration(view, "interval_min"),
        input_price: view.float("input_price"),
        output_price: view.float("output_price"),
        first_token_timeout: optional_duration(view, "first_token_timeout"),
        between_tokens_timeout: optional_duration(view, "between_tokens_timeout"),
        first_token_slow: optional_duration(view, "first_token_slow"),
        on_failure: OnTrouble::NAMES
            .iter()
            .find(|(name, _)| *name == view.text("on_failure"))
            .map_or(OnTrouble::Fail, |(_, meaning)| *meaning),
    }
}
