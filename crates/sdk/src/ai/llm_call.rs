//! One call of a language model.

use std::sync::Arc;
use std::time::Instant;

use super::{ErrorClass, Families, rate_limits};

/// Tokens of a call, as a provider counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Sent, cached ones included.
    pub input_tokens: u64,
    /// Sent and read from a cache: part of the sent ones.
    pub cached_input_tokens: u64,
    /// Answered, reasoning included.
    pub output_tokens: u64,
    /// Of reasoning: part of the answered ones.
    pub reasoning_tokens: u64,
}

/// A call that has begun. Dropped before it ends, it counts as cancelled.
#[derive(Debug)]
pub struct LlmCall {
    families: Arc<Families>,
    provider: Box<str>,
    model: Box<str>,
    operation: Box<str>,
    began: Instant,
    last_chunk: Option<Instant>,
    is_over: bool,
}

impl LlmCall {
    pub(super) fn begin(
        families: &Arc<Families>,
        provider: &str,
        model: &str,
        operation: &str,
    ) -> Self {
        families.in_flight.with([provider, model]).add(1.0);
        Self {
            families: Arc::clone(families),
            provider: provider.into(),
            model: model.into(),
            operation: operation.into(),
            began: Instant::now(),
            last_chunk: None,
            is_over: false,
        }
    }

    /// A part of a streamed answer has come: the first, or the next.
    pub fn chunk(&mut self) {
        let call = [&*self.operation, &*self.provider, &*self.model];
        let now = Instant::now();
        let (family, since) = match self.last_chunk {
            None => (&self.families.first_chunks, self.began),
            Some(last) => (&self.families.chunks, last),
        };
        family
            .with(call)
            .observe_duration(now.duration_since(since));
        self.last_chunk = Some(now);
    }

    /// The answer says how many tokens it took. Parts that are larger than the whole are cut to it.
    pub fn usage(&mut self, usage: &Usage) {
        let (families, model) = (&self.families, [&*self.provider, &*self.model]);
        families.input_tokens.with(model).add(usage.input_tokens);
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        families.cached_tokens.with(model).add(cached);
        families.output_tokens.with(model).add(usage.output_tokens);
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        families.reasoning_tokens.with(model).add(reasoning);
    }

    /// What it cost. What is negative or no number is left out.
    pub fn cost_dollars(&mut self, dollars: f64) {
        let model = [&*self.provider, &*self.model];
        self.families.cost.with(model).add(dollars);
    }

    /// Reads the headers of the answer that say what the provider still allows.
    pub fn headers<'h>(&mut self, header: impl Fn(&str) -> Option<&'h str>) {
        let families = &self.families;
        for limit in rate_limits(header, families.clock.now_ms()) {
            let labels = [&*self.provider, &*self.model, limit.kind];
            let gauges = [
                (&families.limits, limit.limit),
                (&families.remaining, limit.remaining),
                (&families.resets, limit.reset_seconds),
            ];
            for (family, value) in gauges {
                if let Some(value) = value {
                    family.with(labels).set(value);
                }
            }
        }
    }

    /// Ends it with success.
    pub fn succeed(mut self) {
        self.end("");
    }

    /// Ends it with an error.
    pub fn fail(mut self, class: ErrorClass) {
        self.end(class.as_str());
    }

    fn end(&mut self, error_type: &str) {
        self.is_over = true;
        let (provider, model) = (&*self.provider, &*self.model);
        let families = &self.families;
        families.in_flight.with([provider, model]).add(-1.0);
        let call = [&*self.operation, provider, model, error_type];
        families.observe(families.durations.with(call), self.began);
    }
}

impl Drop for LlmCall {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(ErrorClass::Cancelled.as_str());
        }
    }
}
