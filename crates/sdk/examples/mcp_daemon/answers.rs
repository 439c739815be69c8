//! Questions to models and calls of tools, through a pool, with breakers and another provider to fall
//! back to.

use std::sync::Arc;
use std::time::Duration;

use bellwether_sdk::ai::{AiMetrics, ErrorClass, Usage};
use bellwether_sdk::breaker::{Breaker, BreakerSettings, BreakerState};
use bellwether_sdk::health::{HealthBuilder, Outcome, ProbeSettings};
use bellwether_sdk::pool::{
    Autoscale, Drained, Failure, Pool, PoolSettings, Priority, WhenFull, scale,
};
use bellwether_sdk::{Level, Spans, Telemetry};
use serde_json::{Value, json};

use super::providers::Provider;
use super::support::Answer;

/// Bytes of a question. Chosen: an example is not to be flooded.
const QUESTION_BYTES_MAX: usize = 16 << 10;

/// A provider and whether it is asked.
#[derive(Debug, Clone)]
struct Guarded {
    provider: Provider,
    breaker: Breaker,
}

/// What asks models. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pool: Pool<String, String>,
    providers: Arc<[Guarded]>,
    pub(crate) ai: AiMetrics,
    adding: Spans,
}

/// Why a tool gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolError {
    /// There is none of that name.
    Unknown,
    /// Its arguments make no sense.
    Arguments(&'static str),
    /// It failed.
    Failed(String),
}

impl Answers {
    /// Starts the pool.
    pub(crate) fn start(providers: Vec<Provider>, telemetry: &Telemetry) -> Answer<Self> {
        let settings = BreakerSettings {
            calls_min: 5,
            open_min: Duration::from_secs(2),
            ..BreakerSettings::default()
        };
        let guard = |provider: Provider| Guarded {
            breaker: Breaker::new(provider.name, settings, telemetry),
            provider,
        };
        let providers: Arc<[Guarded]> = providers.into_iter().map(guard).collect();
        let ai = AiMetrics::new(telemetry);
        let (asked, metrics, events) = (Arc::clone(&providers), ai.clone(), telemetry.clone());
        let settings = PoolSettings {
            queue_max: 500,
            when_full: WhenFull::ShedOldest,
            timeout: Some(Duration::from_secs(10)),
            ..PoolSettings::new("questions")
        };
        let pool = Pool::start(settings, telemetry, move |question: Arc<String>| {
            let (asked, metrics, events) = (Arc::clone(&asked), metrics.clone(), events.clone());
            async move { ask_one_of(&asked, &metrics, &events, &question).await }
        })?;
        pool.autoscale(Autoscale {
            interval: Duration::from_secs(1),
            ..Autoscale::new(scale::Policy::predictive(1, 16))
        })?;
        Ok(Self {
            pool,
            providers,
            ai,
            adding: telemetry.spans("add"),
        })
    }

    /// The probes of the providers.
    pub(crate) fn probes(&self, mut health: HealthBuilder) -> HealthBuilder {
        for guarded in self.providers.iter().cloned() {
            let settings = ProbeSettings {
                interval: Some(Duration::from_secs(1)),
                timeout: Duration::from_secs(1),
                ..ProbeSettings::new(guarded.provider.name)
            };
            health = health.probe(settings, move || {
                let guarded = guarded.clone();
                async move { look_at(&guarded).await }
            });
        }
        health
    }

    /// The tools as MCP lists them.
    pub(crate) fn tools() -> Value {
        let number = json!({ "type": "number" });
        json!([
            {
                "name": "ask", "description": "Asks a model.",
                "inputSchema": {
                    "type": "object", "required": ["question"],
                    "properties": { "question": { "type": "string" } },
                },
            },
            {
                "name": "add", "description": "Adds two numbers.",
                "inputSchema": {
                    "type": "object", "required": ["a", "b"],
                    "properties": { "a": number, "b": number },
                },
            },
        ])
    }

    /// Calls a tool.
    pub(crate) async fn call_tool(
        &self,
        name: &str,
        arguments: &Value,
    ) -> Result<String, ToolError> {
        // Only names of tools that there are become labels.
        let name = match name {
            "ask" => "ask",
            "add" => "add",
            _ => return Err(ToolError::Unknown),
        };
        let call = self.ai.tool_call(name);
        let result = match name {
            "add" => {
                let mut step = self.adding.enter();
                let sum = add(arguments);
                if sum.is_err() {
                    step.fail();
                }
                sum
            }
            _ => self.ask(arguments).await,
        };
        match &result {
            Ok(_) => call.succeed(),
            Err(ToolError::Failed(_)) => call.fail(ErrorClass::Server),
            Err(_) => call.fail(ErrorClass::BadRequest),
        }
        result
    }

    async fn ask(&self, arguments: &Value) -> Result<String, ToolError> {
        let question = arguments["question"].as_str().unwrap_or_default();
        if question.is_empty() || question.len() > QUESTION_BYTES_MAX {
            return Err(ToolError::Arguments(
                "question: want 1 to 16384 bytes of text",
            ));
        }
        let submitted = self
            .pool
            .submit(question.to_owned(), Priority::Normal)
            .await;
        let job = submitted.map_err(|error| ToolError::Failed(error.to_string()))?;
        job.await
            .map_err(|error| ToolError::Failed(error.to_string()))
    }

    /// Takes no more questions and answers those that there are.
    pub(crate) async fn drain(&self) -> Drained {
        self.pool.drain(Duration::from_secs(5)).await
    }
}

fn add(arguments: &Value) -> Result<String, ToolError> {
    match (arguments["a"].as_f64(), arguments["b"].as_f64()) {
        (Some(a), Some(b)) => Ok((a + b).to_string()),
        _ => Err(ToolError::Arguments("a, b: want numbers")),
    }
}

/// What real traffic says comes first; a check that costs nothing says the rest.
async fn look_at(guarded: &Guarded) -> Outcome {
    match guarded.provider.check().await {
        Ok(200) if guarded.breaker.state() == BreakerState::Closed => Outcome::up(),
        Ok(200) => Outcome::degraded(format!("its breaker: {}", guarded.breaker.reason())),
        Ok(status) => Outcome::down(format!("/v1/models answers {status}")),
        Err(error) => Outcome::down(error),
    }
}

/// Asks the providers one after another until one answers.
async fn ask_one_of(
    providers: &[Guarded],
    ai: &AiMetrics,
    telemetry: &Telemetry,
    question: &str,
) -> Result<String, Failure> {
    let mut reasons = Vec::new();
    for Guarded { provider, breaker } in providers {
        let permit = match breaker.permit() {
            Ok(permit) => permit,
            Err(open) => {
                reasons.push(format!("{}: {open}", provider.name));
                continue;
            }
        };
        match ask(provider, ai, question).await {
            Ok(answer) => {
                permit.succeed();
                if !reasons.is_empty() {
                    let event = json!({ "provider": provider.name, "instead": reasons });
                    telemetry.emit("fell_back", event, Level::Info);
                }
                return Ok(answer);
            }
            Err(reason) => {
                permit.fail();
                reasons.push(format!("{}: {reason}", provider.name));
            }
        }
    }
    Err(Failure::give_up(reasons.join("; ")))
}

async fn ask(provider: &Provider, ai: &AiMetrics, question: &str) -> Result<String, String> {
    let mut call = ai.llm_call(provider.name, "small", "chat");
    let answer = match provider.chat(question).await {
        Ok(answer) => answer,
        Err(error) => {
            call.fail(ErrorClass::Network);
            return Err(error.to_string());
        }
    };
    call.headers(|name| answer.headers.get(name)?.to_str().ok());
    let error_type = answer.body["error"]["type"].as_str();
    if let Some(class) = ErrorClass::of_http(answer.status, error_type) {
        call.fail(class);
        return Err(format!("it answers {}", answer.status));
    }
    let tokens = |name| answer.body["usage"][name].as_u64().unwrap_or(0);
    call.usage(&Usage {
        input_tokens: tokens("prompt_tokens"),
        output_tokens: tokens("completion_tokens"),
        ..Usage::default()
    });
    call.succeed();
    let text = answer.body["choices"][0]["message"]["content"].as_str();
    text.map(str::to_owned)
        .ok_or_else(|| "it says nothing".to_owned())
}
