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
    fallback_of, is_fallback, model_again, pause_s, server_first_token_s,
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
    // What was called last, or is to be, and whether that failed.
    let (mut last, mut failed) = (chosen, false);
    for attempt in 0..ATTEMPTS_MAX {
        if attempt > 0 {
            let pause = backends.draw(|random| pause_s(attempt, random));
            sleep(Duration::from_secs_f64(pause)).await;
        }
        let (model, permit) = match permit(backends, model_again(attempt, last)) {
            Ok(permitted) => permitted,
            Err(refused) => {
                reason = refused;
                continue;
            }
        };
        // Counted when the call is made: what was refused is neither a repetition nor a fallback.
        if failed {
            backends.own.retries[MODELS[last].provider].increment();
        }
        if is_fallback(last, model) {
            backends.own.fallbacks[MODELS[last].provider].increment();
        }
        match call(backends, model, tokens, permit).await {
            Ok(()) => return Ok(()),
            Err(class) => reason = format!("{} failed: {}", MODELS[model].name, class.as_str()),
        }
        (last, failed) = (model, true);
    }
    Err(reason)
}

/// A model that may be called: the one that is wanted or, where its provider's breaker is open, its stand-in.
fn permit(backends: &Backends, wanted: usize) -> Result<(usize, Permit), String> {
    if let Ok(permit) = backends.breakers[MODELS[wanted].provider].permit() {
        return Ok((wanted, permit));
    }
    let model = fallback_of(wanted);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bellwether_storage::ManualClock;

    use super::*;
    use crate::workload::Workload;

    fn backends(seed: u64) -> Backends {
        Backends::new(seed, Arc::new(ManualClock::new(1_790_046_000_000)))
    }

    async fn ask_once(backends: &Backends) -> Result<(), String> {
        let request = Request::new(Workload::Chat, [900.0, 60.0], 0, None);
        let question = Question {
            is_last: true,
            is_first: true,
        };
        ask(backends, &request, question).await
    }

    /// Calls that ended, all together.
    fn call_count(backends: &Backends) -> f64 {
        let families = backends.telemetry.snapshot();
        let name = "gen_ai_client_operation_duration_seconds";
        let family = families.iter().find(|it| it.name == name);
        let series = family.into_iter().flat_map(|it| &it.series);
        series.map(|(_, value)| value.as_f64()).sum()
    }

    /// Retries and fallbacks, by provider.
    fn counted(backends: &Backends) -> [[u64; 2]; 2] {
        let own = &backends.own;
        [&own.retries, &own.fallbacks].map(|of| of.each_ref().map(|it| it.get()))
    }

    fn open_breaker(backends: &Backends, provider: usize) {
        for _ in 0..20 {
            backends.breakers[provider].permit().unwrap().fail();
        }
    }

    /// As the history has it: `the_last_attempt_is_not_repeated` of its tests.
    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_is_not_repeated() {
        for seed in 0..20 {
            let backends = backends(seed);
            backends.providers.iter().for_each(|it| it.use_up());
            let reason = ask_once(&backends).await.unwrap_err();
            assert!(reason.ends_with(" failed: rate_limited"), "{reason}");
            assert_eq!(call_count(&backends), 4.0);
            let [retries, fallbacks] = counted(&backends);
            assert_eq!(retries.iter().sum::<u64>(), 3, "{retries:?}");
            assert_eq!(fallbacks, [1, 1], "there, and back again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_breaker_lets_through_is_neither_repeated_nor_given_away() {
        let backends = backends(42);
        open_breaker(&backends, 0);
        open_breaker(&backends, 1);
        let reason = ask_once(&backends).await.unwrap_err();
        assert!(reason.contains(" is not called: "), "{reason}");
        assert_eq!(call_count(&backends), 0.0);
        assert_eq!(counted(&backends), [[0, 0], [0, 0]]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_breaker_keeps_from_a_provider_is_given_to_the_other_once() {
        let mut given = 0;
        for seed in 0..40 {
            let backends = backends(seed);
            open_breaker(&backends, 1);
            ask_once(&backends).await.unwrap();
            let [retries, fallbacks] = counted(&backends);
            assert_eq!(retries[1], 0, "it is not called");
            assert_eq!(call_count(&backends), 1.0 + retries[0] as f64);
            assert!(fallbacks[0] == 0 && fallbacks[1] <= 1, "{fallbacks:?}");
            given += fallbacks[1];
        }
        assert!((5..35).contains(&given), "{given} of 40");
    }
}
