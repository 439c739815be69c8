//! A simulated provider of language models: how fast it answers, what it refuses, what it costs.

use bellwether_sdk::ai::ErrorClass;
use bellwether_sdk::health::{HealthState, Outcome};

use crate::faults::Fault;
use crate::random::Random;
use crate::workload::Workload;

/// Tokens of one chunk of a streamed answer. Chosen: chunks come some three to ten times a second.
pub(crate) const CHUNK_TOKENS: f64 = 16.0;
/// Requests and tokens a minute, of each provider. Chosen: about twice the usual peak.
pub(crate) const QUOTAS: [[f64; 2]; 2] = [[420.0, 1_150_000.0], [360.0, 950_000.0]];
/// What the quota fault leaves at full strength.
const QUOTA_LEFT: f64 = 0.1;
/// How often a call is made at the most, repetitions included.
pub(crate) const ATTEMPTS_MAX: u8 = 4;
/// Of a prompt that was sent before, this part is found in the provider's cache. Chosen.
const CACHED_PART: f64 = 0.7;

/// A model with the numbers that describe its speed and price. All are invented, in the range of
/// what hosted models had in 2026.
#[derive(Debug)]
pub(crate) struct ModelSpec {
    pub(crate) name: &'static str,
    /// Index of its provider in [`PROVIDERS`].
    pub(crate) provider: usize,
    /// Seconds until the first token of an empty prompt.
    first_token_seconds: f64,
    /// Prompt tokens read per second.
    prefill_tokens_per_second: f64,
    /// Seconds between tokens.
    token_seconds: f64,
    /// Calls at once from which it slows down.
    capacity: f64,
    /// Dollars for a million tokens: input, cached input, output.
    dollars_per_million: [f64; 3],
}

impl ModelSpec {
    /// Seconds between tokens on a good day without load.
    pub(crate) fn usual_token_seconds(&self) -> f64 {
        self.token_seconds
    }

    /// What a call costs.
    pub(crate) fn dollars(&self, input: f64, cached: f64, output: f64) -> f64 {
        let [full, cheap, answer] = self.dollars_per_million;
        ((input - cached) * full + cached * cheap + output * answer) / 1e6
    }
}

/// Two models of each provider; the large one first.
pub(crate) const MODELS: [ModelSpec; 4] = [
    ModelSpec {
        name: "meridian-large",
        provider: 0,
        first_token_seconds: 0.42,
        prefill_tokens_per_second: 9_000.0,
        token_seconds: 0.020,
        capacity: 30.0,
        dollars_per_million: [3.0, 0.3, 15.0],
    },
    ModelSpec {
        name: "meridian-mini",
        provider: 0,
        first_token_seconds: 0.18,
        prefill_tokens_per_second: 24_000.0,
        token_seconds: 0.008,
        capacity: 40.0,
        dollars_per_million: [0.25, 0.025, 1.25],
    },
    ModelSpec {
        name: "polaris-pro",
        provider: 1,
        first_token_seconds: 0.55,
        prefill_tokens_per_second: 12_000.0,
        token_seconds: 0.016,
        capacity: 30.0,
        dollars_per_million: [2.0, 0.5, 10.0],
    },
    ModelSpec {
        name: "polaris-flash",
        provider: 1,
        first_token_seconds: 0.22,
        prefill_tokens_per_second: 30_000.0,
        token_seconds: 0.006,
        capacity: 40.0,
        dollars_per_million: [0.15, 0.0375, 0.6],
    },
];

/// Names of the providers.
pub(crate) const PROVIDERS: [&str; 2] = ["meridian", "polaris"];

/// The model of the other provider that stands in for a model.
pub(crate) fn fallback_of(model: usize) -> usize {
    (model + 2) % MODELS.len()
}

/// The model of a repetition, 1 and more, of a call to `last` that failed: the first one is at the same model, the others
/// change the provider.
pub(crate) fn model_again(attempt: u8, last: usize) -> usize {
    match attempt {
        0 | 1 => last,
        _ => fallback_of(last),
    }
}

/// Whether a call is made at another provider than the one before it, or than it was meant for.
pub(crate) fn is_fallback(last: usize, model: usize) -> bool {
    MODELS[last].provider != MODELS[model].provider
}

/// How much slower than usual a provider is, by the strength of faults; 1 on a good day.
pub(crate) fn slowness(provider: usize, strength: impl Fn(Fault) -> f64) -> f64 {
    let faults = [Fault::ProviderSlow, Fault::ProviderDegrading].into_iter();
    let hit = faults.filter(|fault| PROVIDERS[provider] == fault.target());
    hit.map(|fault| 1.0 + 3.0 * strength(fault)).product()
}

/// The part of a provider's quota that is there, by the strength of faults.
pub(crate) fn quota_part(provider: usize, strength: impl Fn(Fault) -> f64) -> f64 {
    match PROVIDERS[provider] == Fault::QuotaExhausted.target() {
        true => 1.0 - (1.0 - QUOTA_LEFT) * strength(Fault::QuotaExhausted),
        false => 1.0,
    }
}

/// Whether a provider refuses every call, by the faults that are active.
pub(crate) fn is_down(provider: usize, is_active: impl Fn(Fault) -> bool) -> bool {
    PROVIDERS[provider] == Fault::ProviderDown.target() && is_active(Fault::ProviderDown)
}

/// Whether anybody answers: one provider is enough.
pub(crate) fn answers_verdict(providers: [HealthState; PROVIDERS.len()]) -> Outcome {
    match providers.iter().all(|it| *it == HealthState::Down) {
        true => Outcome::down("both providers are down"),
        false => Outcome::up(),
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    Ok = 0,
    RateLimited = 1,
    Overloaded = 2,
    ServerError = 3,
    Timeout = 4,
    StreamTruncated = 5,
}

impl CallOutcome {
    pub(crate) const COUNT: usize = 6;

    /// The label `error_type`; empty for a success.
    pub(crate) fn error_type(self) -> &'static str {
        self.class().map_or("", ErrorClass::as_str)
    }

    /// Whose fault it was; `None`: it succeeded.
    pub(crate) fn class(self) -> Option<ErrorClass> {
        match self {
            Self::Ok => None,
            Self::RateLimited => Some(ErrorClass::RateLimited),
            Self::Overloaded => Some(ErrorClass::Overloaded),
            Self::ServerError => Some(ErrorClass::Server),
            Self::Timeout => Some(ErrorClass::Timeout),
            Self::StreamTruncated => Some(ErrorClass::StreamTruncated),
        }
    }
}

/// The model for the next call of a request: small ones plan, large ones answer.
pub(crate) fn choose_model(workload: Workload, is_last: bool, random: &mut Random) -> usize {
    let first_provider = random.chance(0.55);
    let large = match workload {
        Workload::Chat => is_last && random.chance(0.6),
        Workload::Code => is_last && random.chance(0.5),
        Workload::Agent => is_last || random.chance(0.4),
    };
    usize::from(!first_provider) * 2 + usize::from(!large)
}

/// Tokens of a call: input, output, read from the cache (part of input), reasoning (part of output).
pub(crate) fn call_tokens(
    workload: Workload,
    prompt: f64,
    output: f64,
    is_first: bool,
) -> [f64; 4] {
    let cached = if is_first {
        0.0
    } else {
        (prompt * CACHED_PART).floor()
    };
    let reasoning = if workload == Workload::Agent {
        (output * 0.3).floor()
    } else {
        0.0
    };
    [prompt, output, cached, reasoning]
}

/// What the provider itself measures until the first token: it does not see the network.
pub(crate) fn server_first_token_s(first_token_s: f64) -> f64 {
    (first_token_s - 0.03).max(0.001)
}

/// The pause before a call is made again, after so many attempts.
pub(crate) fn pause_s(attempt: u8, random: &mut Random) -> f64 {
    0.5 * f64::from(1u32 << attempt.min(8)) * (0.5 + random.fraction())
}

/// How a provider did lately, as moving averages over calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProviderHealth {
    pub(crate) error_ratio: f64,
    /// Seconds for a token against those of a good day.
    pub(crate) slowness: f64,
}

impl Default for ProviderHealth {
    fn default() -> Self {
        Self {
            error_ratio: 0.0,
            slowness: 1.0,
        }
    }
}

impl ProviderHealth {
    /// Takes a call; `token_s` is its time for a token.
    pub(crate) fn note(&mut self, model: &ModelSpec, outcome: CallOutcome, token_s: f64) {
        // A call weighs 3 %: some 30 calls, which are seconds by day and a minute by night.
        const WEIGHT: f64 = 0.03;
        let failed = f64::from(u8::from(outcome != CallOutcome::Ok));
        self.error_ratio += WEIGHT * (failed - self.error_ratio);
        if outcome == CallOutcome::Ok {
            let slowness = token_s / model.usual_token_seconds();
            self.slowness += WEIGHT * (slowness - self.slowness);
        }
    }

    /// What a person would say of the provider.
    pub(crate) fn verdict(&self) -> Outcome {
        let percent = self.error_ratio * 100.0;
        let failed = || format!("{percent:.0} % of its recent calls failed");
        match (self.error_ratio, self.slowness) {
            (errors, _) if errors > 0.5 => Outcome::down(failed()),
            (errors, _) if errors >= 0.1 => Outcome::degraded(failed()),
            (_, slowness) if slowness >= 2.0 => Outcome::degraded(format!(
                "a token takes {slowness:.1} times as long as usual"
            )),
            _ => Outcome::up(),
        }
    }
}

/// What became of a call, known when it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallPlan {
    pub(crate) outcome: CallOutcome,
    /// Until the caller has the answer or the error.
    pub(crate) duration_s: f64,
    /// Until the first token, as the caller sees it; 0 where none came.
    pub(crate) first_token_s: f64,
    /// Between tokens.
    pub(crate) token_s: f64,
}

/// After so long the caller gives up. Chosen.
const TIMEOUT_SECONDS: f64 = 60.0;
/// Way to the provider and back.
const NETWORK_SECONDS: f64 = 0.035;

/// Decides how a call to `model` goes: `in_flight` others are running, and `slowness` is 1 on a
/// good day.
pub(crate) fn plan_call(
    model: &ModelSpec,
    uncached_input: f64,
    output: f64,
    in_flight: u32,
    slowness: f64,
    random: &mut Random,
) -> CallPlan {
    let load = f64::from(in_flight) / model.capacity;
    let congestion = 1.0 + 0.5 * load * load;
    let factor = slowness * congestion;
    let prefill_s = model.first_token_seconds + uncached_input / model.prefill_tokens_per_second;
    let first_token_s = NETWORK_SECONDS + prefill_s * factor * random.spread(0.28);
    let token_s = model.token_seconds * factor * random.spread(0.15);
    let duration_s = first_token_s + token_s * output;
    let overload = ((load - 0.9) * 0.25).clamp(0.0, 0.2);
    let draw = random.fraction();
    let failure = |outcome, duration_s| CallPlan {
        outcome,
        duration_s,
        first_token_s: 0.0,
        token_s,
    };
    if draw < overload {
        return failure(
            CallOutcome::Overloaded,
            NETWORK_SECONDS * random.spread(0.4) * 2.0,
        );
    }
    // A provider in trouble fails more: twelve times as often at four times the latency.
    let server_error = 0.0015 * (1.0 + 3.7 * (slowness - 1.0));
    if draw < overload + server_error {
        return failure(CallOutcome::ServerError, first_token_s * random.fraction());
    }
    if duration_s > TIMEOUT_SECONDS {
        return failure(CallOutcome::Timeout, TIMEOUT_SECONDS);
    }
    if draw < overload + server_error + 0.0006 {
        let cut_s = first_token_s + (duration_s - first_token_s) * random.fraction();
        return CallPlan {
            outcome: CallOutcome::StreamTruncated,
            duration_s: cut_s,
            first_token_s,
            token_s,
        };
    }
    CallPlan {
        outcome: CallOutcome::Ok,
        duration_s,
        first_token_s,
        token_s,
    }
}

/// A call that is refused at once, since the quota is used up or the provider is down.
pub(crate) fn refuse(outcome: CallOutcome, model: &ModelSpec, random: &mut Random) -> CallPlan {
    CallPlan {
        outcome,
        duration_s: 0.06 * random.spread(0.3),
        first_token_s: 0.0,
        token_s: model.usual_token_seconds(),
    }
}

/// What a provider lets through in a minute: a bucket that fills evenly.
///
/// The level changes only when something is taken, so that looking at it, however often, changes
/// nothing of what follows.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    limit_per_minute: f64,
    level: f64,
    updated_us: u64,
}

impl Quota {
    pub(crate) fn new(limit_per_minute: f64) -> Self {
        Self {
            limit_per_minute,
            level: limit_per_minute,
            updated_us: 0,
        }
    }

    /// Nothing is left, for ever.
    #[cfg(test)]
    pub(crate) fn used_up(limit_per_minute: f64) -> Self {
        Self {
            limit_per_minute,
            level: 0.0,
            updated_us: u64::MAX,
        }
    }

    /// The limit when a fault leaves only `part` of it.
    pub(crate) fn limit(&self, part: f64) -> f64 {
        (self.limit_per_minute * part).round()
    }

    /// What is left.
    pub(crate) fn remaining(&self, part: f64, now_us: u64) -> f64 {
        let limit = self.limit(part);
        let elapsed_s = now_us.saturating_sub(self.updated_us) as f64 / 1e6;
        (self.level + elapsed_s * limit / 60.0).min(limit)
    }

    /// Seconds until the bucket is full again.
    pub(crate) fn reset_seconds(&self, part: f64, now_us: u64) -> f64 {
        let limit = self.limit(part);
        (limit - self.remaining(part, now_us)) / (limit / 60.0).max(1e-9)
    }

    /// Whether `amount` is there. A call larger than the whole bucket may go when it is full.
    pub(crate) fn allows(&self, amount: f64, part: f64, now_us: u64) -> bool {
        self.remaining(part, now_us) >= amount.min(self.limit(part) * 0.99)
    }

    /// Takes `amount`, to nothing at the least.
    pub(crate) fn take(&mut self, amount: f64, part: f64, now_us: u64) {
        self.level = (self.remaining(part, now_us) - amount).max(0.0);
        self.updated_us = now_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_refills_and_is_not_changed_by_looking() {
        let mut quota = Quota::new(600.0);
        quota.take(600.0, 1.0, 0);
        assert!(!quota.allows(1.0, 1.0, 0));
        assert_eq!(quota.remaining(1.0, 30_000_000), 300.0);
        assert_eq!(quota.reset_seconds(1.0, 30_000_000), 30.0);
        assert!(quota.allows(300.0, 1.0, 30_000_000));
        assert!(
            !quota.allows(300.0, 0.1, 30_000_000),
            "a tenth of the quota is 60"
        );
        assert_eq!(quota.remaining(1.0, 600_000_000), 600.0);
        assert!(
            quota.allows(5_000.0, 1.0, 600_000_000),
            "larger than the bucket, bucket full"
        );
    }

    #[test]
    fn slowness_makes_calls_slower_and_fail_more() {
        let mut random = Random::new(5);
        let mut summary = |slowness: f64| {
            let plans: Vec<CallPlan> = (0..4_000)
                .map(|_| plan_call(&MODELS[0], 1_200.0, 200.0, 10, slowness, &mut random))
                .collect();
            let failed = plans
                .iter()
                .filter(|plan| plan.outcome != CallOutcome::Ok)
                .count();
            (
                plans.iter().map(|plan| plan.duration_s).sum::<f64>() / 4_000.0,
                failed,
            )
        };
        let (usual_s, usual_failed) = summary(1.0);
        let (slow_s, slow_failed) = summary(4.0);
        assert!(
            (3.5..4.5).contains(&(slow_s / usual_s)),
            "{slow_s} against {usual_s}"
        );
        assert!(
            slow_failed > 3 * usual_failed,
            "{slow_failed} against {usual_failed}"
        );
    }
}
