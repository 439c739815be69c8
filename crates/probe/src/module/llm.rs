//! The settings of `llm`.

use std::time::Duration;

use bellwether_outbound::settings::{HttpClientSettings, SecretSource};

use super::{AddressChoice, OnTrouble};

/// The settings of `llm`: a provider of language models. The target is the URL that `/models` and
/// the path of the canary follow, such as `https://api.openai.com/v1` or `http://127.0.0.1:8000/v1`;
/// one without a path means `/v1`. A query of the target is in every request.
#[derive(Debug, Clone, Default)]
pub struct LlmSettings {
    /// How the provider is spoken to.
    pub api: LlmApi,
    /// The key: sent as `Authorization: Bearer …` or as Anthropic's `x-api-key`. `None`: `client`
    /// says all that there is to say.
    pub api_key: Option<SecretSource>,
    /// Credentials, TLS and headers. Proxies and redirects do not apply.
    pub client: HttpClientSettings,
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// The models that the provider must list. Empty: any list will do.
    pub models: Vec<String>,
    /// What it means when one of them is not listed.
    pub on_missing_model: OnTrouble,
    /// The call that costs money. `None`: none is made.
    pub canary: Option<CanarySettings>,
}

/// How a provider of language models is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LlmApi {
    /// `chat/completions`, as OpenAI and most others and local servers have it.
    #[default]
    OpenAi,
    /// `messages`, as Anthropic has it.
    Anthropic,
}

impl LlmApi {
    /// Every way with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 2] =
        [("openai", Self::OpenAi), ("anthropic", Self::Anthropic)];

    /// The name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

/// A small streamed completion that shows that a model generates, and how fast.
///
/// It is made only where the budget of its account allows, see [`crate::CanaryLedger`]. At least one of
/// the two daily limits must be set, else every probe fails and says so: a canary without a limit
/// could cost anything.
#[derive(Debug, Clone)]
pub struct CanarySettings {
    /// Whose budget is spent: modules that name the same account share one budget, whose limits are
    /// those of the module that asks. Wherever the settings name none, the module's own name is fit.
    pub account: String,
    /// The model to call.
    pub model: String,
    /// What it is asked.
    pub prompt: String,
    /// The most tokens that it may answer with, at least 1.
    pub output_tokens_max: u32,
    /// The name of that limit in requests to OpenAI-compatible servers.
    pub limit_name: TokenLimitName,
    /// What the calls of one UTC day may cost, in dollars; needs prices.
    pub daily_dollars_max: Option<f64>,
    /// The tokens of one UTC day, in and out.
    pub daily_tokens_max: Option<u64>,
    /// The time from one canary for a model at a target to the next: modules of one account that ask a target for
    /// the same model share it. In between, the outcome of the last one holds.
    pub interval_min: Duration,
    /// Dollars for a million tokens in.
    pub input_price: f64,
    /// Dollars for a million tokens out.
    pub output_price: f64,
    /// The longest time to the first token. `None`: what is left of the probe's time.
    pub first_token_timeout: Option<Duration>,
    /// The longest time from one chunk to the next. `None`: what is left of the probe's time.
    pub between_tokens_timeout: Option<Duration>,
    /// A first token that takes longer than this degrades. `None`: however long it takes.
    pub first_token_slow: Option<Duration>,
    /// What it means when the call fails.
    pub on_failure: OnTrouble,
}

impl Default for CanarySettings {
    /// No model and no account yet; 10,000 tokens a day, one call in 5 minutes.
    fn default() -> Self {
        Self {
            account: String::new(),
            model: String::new(),
            prompt: "Say OK.".to_owned(),
            output_tokens_max: 5,
            limit_name: TokenLimitName::MaxTokens,
            daily_dollars_max: None,
            daily_tokens_max: Some(10_000),
            interval_min: Duration::from_secs(300),
            input_price: 0.0,
            output_price: 0.0,
            first_token_timeout: None,
            between_tokens_timeout: None,
            first_token_slow: None,
            on_failure: OnTrouble::Fail,
        }
    }
}

/// What an OpenAI-compatible server calls the most tokens of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenLimitName {
    /// `max_tokens`: what every compatible server knows.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's reasoning models insist on.
    MaxCompletionTokens,
}

impl TokenLimitName {
    /// Every name; in the configuration and in requests it is the same.
    pub const NAMES: [(&'static str, Self); 2] = [
        ("max_tokens", Self::MaxTokens),
        ("max_completion_tokens", Self::MaxCompletionTokens),
    ];
}
