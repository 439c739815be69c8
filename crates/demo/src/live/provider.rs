//! A provider of models: what becomes of a call, whoever makes it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::fault_board::FaultBoard;
use crate::provider::{
    self, CallOutcome, CallPlan, MODELS, PROVIDERS, ProviderHealth, QUOTAS, Quota, plan_call,
    refuse,
};
use crate::random::Random;

/// One of the two providers.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) index: usize,
    faults: Arc<FaultBoard>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    random: Random,
    /// Requests and tokens.
    quotas: [Quota; 2],
    health: ProviderHealth,
    in_flight: [u32; MODELS.len()],
}

/// Limit, remaining and seconds to reset of requests and of tokens.
pub(super) type Limits = [[f64; 3]; 2];

impl Provider {
    pub(super) fn new(index: usize, faults: &Arc<FaultBoard>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            index,
            faults: Arc::clone(faults),
            inner: Mutex::new(Inner {
                random: Random::new(seed),
                quotas: QUOTAS[index].map(Quota::new),
                health: ProviderHealth::default(),
                in_flight: [0; MODELS.len()],
            }),
        })
    }

    pub(super) fn name(&self) -> &'static str {
        PROVIDERS[self.index]
    }

    /// Begins a call: tokens are input, output, cached and reasoning. It has ended when the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, model: usize, tokens: [f64; 4]) -> OngoingCall {
        let spec = &MODELS[model];
        let (part, slowness) = (self.quota_part(), self.slowness());
        let now_us = self.faults.now_us();
        let uncached = tokens[0] - tokens[2];
        let amounts = [1.0, uncached + tokens[1]];
        let mut inner = self.inner.lock();
        let Inner {
            random,
            quotas,
            in_flight,
            ..
        } = &mut *inner;
        let mut quotas_with_amounts = quotas.iter().zip(amounts);
        let is_allowed = quotas_with_amounts.all(|(quota, it)| quota.allows(it, part, now_us));
        let plan = if self.is_down() {
            refuse(CallOutcome::Overloaded, spec, random)
        } else if is_allowed {
            for (quota, amount) in quotas.iter_mut().zip(amounts) {
                quota.take(amount, part, now_us);
            }
            plan_call(
                spec,
                uncached,
                tokens[1],
                in_flight[model],
                slowness,
                random,
            )
        } else {
            refuse(CallOutcome::RateLimited, spec, random)
        };
        in_flight[model] += 1;
        let headers = headers(limits(quotas, part, now_us));
        OngoingCall {
            provider: Arc::clone(self),
            model,
            plan,
            headers,
        }
    }

    /// Refuses every call from now on.
    #[cfg(test)]
    pub(super) fn use_up(&self) {
        self.inner.lock().quotas = QUOTAS[self.index].map(Quota::used_up);
    }

    /// What is left of the quotas.
    pub(super) fn limits(&self) -> Limits {
        let part = self.quota_part();
        limits(&self.inner.lock().quotas, part, self.faults.now_us())
    }

    /// The headers that say so.
    pub(super) fn limit_headers(&self) -> Headers {
        headers(self.limits())
    }

    pub(super) fn health(&self) -> ProviderHealth {
        self.inner.lock().health
    }

    pub(super) fn in_flight(&self, model: usize) -> u32 {
        self.inner.lock().in_flight[model]
    }

    /// Whether every call is refused.
    pub(super) fn is_down(&self) -> bool {
        provider::is_down(self.index, |fault| self.faults.active(fault).is_some())
    }

    /// How much slower than usual it is; 1 on a good day.
    pub(super) fn slowness(&self) -> f64 {
        provider::slowness(self.index, |fault| self.faults.strength(fault))
    }

    fn quota_part(&self) -> f64 {
        provider::quota_part(self.index, |fault| self.faults.strength(fault))
    }
}

fn limits(quotas: &[Quota; 2], part: f64, now_us: u64) -> Limits {
    quotas.each_ref().map(|quota| {
        [
            quota.limit(part),
            quota.remaining(part, now_us),
            quota.reset_seconds(part, now_us),
        ]
    })
}

/// Names and values of headers.
pub(super) type Headers = [(&'static str, String); 6];

/// As OpenAI and those like it say what is left.
fn headers([requests, tokens]: Limits) -> Headers {
    [
        ("x-ratelimit-limit-requests", format!("{:.0}", requests[0])),
        (
            "x-ratelimit-remaining-requests",
            format!("{:.0}", requests[1].floor()),
        ),
        ("x-ratelimit-reset-requests", format!("{:.3}s", requests[2])),
        ("x-ratelimit-limit-tokens", format!("{:.0}", tokens[0])),
        (
            "x-ratelimit-remaining-tokens",
            format!("{:.0}", tokens[1].floor()),
        ),
        ("x-ratelimit-reset-tokens", format!("{:.3}s", tokens[2])),
    ]
}

/// A call that was begun.
#[derive(Debug)]
pub(super) struct OngoingCall {
    provider: Arc<Provider>,
    model: usize,
    pub(super) plan: CallPlan,
    pub(super) headers: Headers,
}

impl OngoingCall {
    /// A header of the answer.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| *it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Lets the outcome count for what is known of the provider's health.
    pub(super) fn note(&self) {
        let mut inner = self.provider.inner.lock();
        let spec = &MODELS[self.model];
        inner
            .health
            .note(spec, self.plan.outcome, self.plan.token_s);
    }
}

impl Drop for OngoingCall {
    fn drop(&mut self) {
        let mut inner = self.provider.inner.lock();
        let count = &mut inner.in_flight[self.model];
        *count = count.saturating_sub(1);
    }
}
