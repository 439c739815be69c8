//! Calls of models: with a breaker for each provider, repetitions, and the other provider to fall back to.

use std::time::Duration;

use bellwether_sdk::Level;
use bellwether_sdk::ai::{ErrorClass, LlmCall, Usage};
use bellwether_sdk::breaker::Permit;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::backends::Backends;
use super::request::Request;
use crate::provider::{
    ATTEMPTS_MAX, CHUNK_TOKENS, CallPlan, MODELS, PROVIDERS, call_tokens, choose_model,
    fallback_of, pause_s, server_first_token_s,
};

/// What a request asks a model for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// Whether the answer is the request's, and not a call of a tool.
    pub(super) is_last: bool,
    /// Whether the model has not seen the prompt.
    pub(super) is_first: bool,
}

/// Asks a model, as often as it is worth it.
///
/// # Errors
/// Why there is no answer, at the last attempt.
pub(super) async fn ask(
    backends: &Backends,
    request: &Request,
    question: Question,
) -> Result<(), String> {
    let workload = request.workload;
    let is_last = question.is_last;
    let chosen = backends.draw(|random| choose_model(workload, is_last, random));
    let output = match is_last {
        true => request.output_tokens,
        false => backends.draw(|random| (25.0 * random.spread(0.6)).ceil()),
    };
    let tokens = call_tokens(workload, request.input_tokens, output, question.is_first);
    let mut reason = String::new();
    for attempt in 0..ATTEMPTS_MAX {
        if attempt > 0 {
            let pause = backends.draw(|random| pause_s(attempt, random));
            sleep(Duration::from_secs_f64(pause)).await;
        }
        // The first repetition is at the same model, the others change the provider.
        let wanted = match attempt {
            0 | 1 => chosen,
            _ => fell_back(backends, chosen),
        };
        let (model, permit) = match permit(backends, wanted) {
            Ok(permitted) => permitted,
            Err(refused) => {
                reason = refused;
                continue;
            }
        };
        match call(backends, model, tokens, permit).await {
            Ok(()) => return Ok(()),
            Err(class) => {
                reason = format!("{} failed: {}", MODELS[model].name, class.as_str());
                backends.own.retries[MODELS[model].provider].increment();
            }
        }
    }
    Err(reason)
}

/// The model of the other provider; counted.
fn fell_back(backends: &Backends, model: usize) -> usize {
    backends.own.fallbacks[MODELS[model].provider].increment();
    fallback_of(model)
}

/// A model that may be called: the one that is wanted or, where its provider's breaker is open, its stand-in.
fn permit(backends: &Backends, wanted: usize) -> Result<(usize, Permit), String> {
    if let Ok(permit) = backends.breakers[MODELS[wanted].provider].permit() {
        return Ok((wanted, permit));
    }
    let model = fell_back(backends, wanted);
    let permit = backends.breakers[MODELS[model].provider].permit();
    permit
        .map(|permit| (model, permit))
        .map_err(|refused| refused.to_string())
}

/// Makes one call.
async fn call(
    backends: &Backends,
    model: usize,
    tokens: [f64; 4],
    permit: Permit,
) -> Result<(), ErrorClass> {
    let spec = &MODELS[model];
    let provider = PROVIDERS[spec.provider];
    let mut call = backends.ai.llm_call(provider, spec.name, "chat");
    let ongoing = backends.providers[spec.provider].begin(model, tokens);
    let plan = ongoing.plan;
    call.headers(|name| ongoing.header(name));
    stream(&mut call, &plan, tokens[1]).await;
    ongoing.note();
    observe(backends, ["chat", provider, spec.name], &plan);
    let Some(class) = plan.outcome.class() else {
        settle(backends, &mut call, model, tokens);
        call.succeed();
        permit.succeed();
        return Ok(());
    };
    let payload = json!({
        "provider": provider, "model": spec.name, "error_type": class.as_str(),
    });
    backends
        .telemetry
        .emit("llm_call_failed", payload, Level::Warning);
    call.fail(class);
    permit.fail();
    Err(class)
}

/// Waits for the answer, chunk by chunk.
async fn stream(call: &mut LlmCall, plan: &CallPlan, output: f64) {
    let began = Instant::now();
    let at = |seconds: f64| began + Duration::from_secs_f64(seconds.max(0.0));
    if plan.first_token_s > 0.0 {
        let chunk_s = (plan.token_s * CHUNK_TOKENS).max(0.01);
        let chunks = (output / CHUNK_TOKENS).ceil().max(1.0) as u32;
        for index in 0..chunks {
            let seconds = plan.first_token_s + f64::from(index) * chunk_s;
            if seconds > plan.duration_s {
                break;
            }
            sleep_until(at(seconds)).await;
            call.chunk();
        }
    }
    sleep_until(at(plan.duration_s)).await;
}

/// What the provider itself measures.
fn observe(backends: &Backends, labels: [&str; 3], plan: &CallPlan) {
    if plan.first_token_s > 0.0 {
        let own = &backends.own;
        let first_token_s = server_first_token_s(plan.first_token_s);
        own.server_first_token.with(labels).observe(first_token_s);
        own.server_per_token.with(labels).observe(plan.token_s);
    }
}

/// Counts the tokens of an answer and what it cost.
fn settle(backends: &Backends, call: &mut LlmCall, model: usize, tokens: [f64; 4]) {
    let spec = &MODELS[model];
    let [input, output, cached, reasoning] = tokens;
    call.usage(&Usage {
        input_tokens: input as u64,
        cached_input_tokens: cached as u64,
        output_tokens: output as u64,
        reasoning_tokens: reasoning as u64,
    });
    call.cost_dollars(spec.dollars(input, cached, output));
    let own = &backends.own;
    for (kind, tokens) in [("input", input), ("output", output)] {
        let labels = ["chat", PROVIDERS[spec.provider], spec.name, kind];
        own.token_usage.with(labels).observe(tokens);
    }
    own.cpu_seconds
        .add((input + output) * crate::machine::CPU_PER_TOKEN);
}
