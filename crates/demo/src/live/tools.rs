//! Calls of tools.

use std::time::Duration;

use bellwether_sdk::Level;
use bellwether_sdk::health::{Outcome, ToolEntry};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::backends::Backends;
use super::request::Request;
use crate::tool::{self, TOOLS, ToolHealth, ToolOutcome};

/// What is known of the tools.
#[derive(Debug, Default)]
pub(super) struct Tools(Mutex<[Tool; TOOLS.len()]>);

/// What is known of a tool.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tool {
    health: ToolHealth,
    pub(super) in_flight: u32,
    pub(super) ok: u64,
    pub(super) failed: u64,
}

impl Tools {
    pub(super) fn get(&self, index: usize) -> Tool {
        self.0.lock()[index]
    }

    pub(super) fn verdict(&self, index: usize) -> Outcome {
        self.get(index).health.verdict()
    }
}

/// The JSON schema of a tool's arguments.
pub(super) fn schema(index: usize) -> Value {
    let argument = TOOLS[index].argument;
    json!({
        "type": "object",
        "properties": { argument: { "type": "string" } },
        "required": [argument],
    })
}

/// All tools as a model is told of them.
pub(super) fn entries() -> Vec<ToolEntry> {
    let entry = |index: usize| ToolEntry {
        name: TOOLS[index].name.to_owned(),
        schema: Some(schema(index)),
    };
    (0..TOOLS.len()).map(entry).collect()
}

/// Uses tools until one gives something, or the model goes on without.
///
/// # Errors
/// Where the request has nothing to say without an answer of its tool.
pub(super) async fn use_tools(backends: &Backends, request: &Request) -> Result<(), String> {
    loop {
        let tool = backends.draw(|random| tool::choose(request.workload, random));
        let outcome = call(backends, tool).await;
        let Some(class) = outcome.class() else {
            return Ok(());
        };
        let payload = json!({ "tool": TOOLS[tool].name, "error_type": class.as_str() });
        backends
            .telemetry
            .emit("tool_call_failed", payload, Level::Warning);
        // A model that reads of a failure mostly tries the tool again, or another one.
        let (tries_again, gives_up) =
            backends.draw(|random| (random.chance(0.6), random.chance(0.125)));
        if gives_up {
            return Err(format!("{} failed: {}", TOOLS[tool].name, class.as_str()));
        }
        if !tries_again {
            return Ok(());
        }
    }
}

/// Makes one call.
pub(super) async fn call(backends: &Backends, tool: usize) -> ToolOutcome {
    let spec = &TOOLS[tool];
    let strength = |fault| backends.faults.strength(fault);
    let extra_failure = tool::extra_failure(spec, strength);
    let slowness = tool::slowness(spec, strength);
    let (outcome, seconds) =
        backends.draw(|random| tool::plan_call(spec, extra_failure, slowness, random));
    let call = backends.ai.tool_call(spec.name);
    backends.tools.0.lock()[tool].in_flight += 1;
    let running = Running(&backends.tools, tool);
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    drop(running);
    match outcome.class() {
        None => call.succeed(),
        Some(class) => call.fail(class),
    }
    let labels = ["tools/call", spec.name, outcome.mcp_error_type()];
    backends.own.mcp.with(labels).observe(seconds);
    let mut tools = backends.tools.0.lock();
    let known = &mut tools[tool];
    known.health.note(outcome == ToolOutcome::Ok);
    match outcome {
        ToolOutcome::Ok => known.ok += 1,
        ToolOutcome::Failed | ToolOutcome::Timeout => known.failed += 1,
    }
    outcome
}

/// A call under way; over when it is dropped, however that comes.
struct Running<'a>(&'a Tools, usize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let count = &mut self.0.0.lock()[self.1].in_flight;
        *count = count.saturating_sub(1);
    }
}
